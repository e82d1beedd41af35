from django.apps import AppConfig


class InhouseConfig(AppConfig):
    name = "inhouse"

    def ready(self) -> None:
        from inhouse import checks, story  # noqa: F401 (checks register themselves)
        from organisation import alarms, history

        history.RETOLD.append(story.asked)
        alarms.source("inhouse.exitcopy.alarms")
