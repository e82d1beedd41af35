from django.apps import AppConfig


class InhouseConfig(AppConfig):
    name = "inhouse"

    def ready(self) -> None:
        from documents import erasure
        from inhouse import checks, story  # noqa: F401 (checks register themselves)
        from organisation import history

        history.RETOLD.append(story.asked)
        erasure.source("inhouse.disposal.decided_erasures")
