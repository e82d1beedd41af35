from django.apps import AppConfig


class InhouseConfig(AppConfig):
    name = "inhouse"

    def ready(self) -> None:
        from inhouse import story
        from organisation import history

        history.RETOLD.append(story.asked)
