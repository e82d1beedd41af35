from django.apps import AppConfig


class DocumentsConfig(AppConfig):
    name = "documents"

    def ready(self) -> None:
        from documents import checks  # noqa: F401 (registers itself)
        from organisation import alarms

        alarms.source("documents.timestamping.alarms")
        alarms.source("documents.checking.alarms")
        alarms.source("documents.backup.last.alarms")
