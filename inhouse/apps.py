from django.apps import AppConfig


class InhouseConfig(AppConfig):
    name = "inhouse"

    def ready(self) -> None:
        from documents import erasure
        from inhouse import checks, story  # noqa: F401 (checks register themselves)
        from inhouse.deadlines import listening
        from organisation import alarms, history

        for part in ("comparing", "sweep", "relay"):
            alarms.source(f"inhouse.reminders.{part}.alarms")
        history.RETOLD.append(story.asked)
        listening.listen()
        alarms.source("inhouse.exitcopy.alarms")
        erasure.source("inhouse.disposal.decided_erasures")
