from typing import Any

from django.apps import AppConfig
from django.core import checks
from django.db import connections
from django.db.models.signals import post_migrate


def make_triggers(using: str, **kwargs: Any) -> None:
    """After every `migrate` and `flush`, whatever the migrations did."""
    from organisation import history

    history.install(connections[using])


class OrganisationConfig(AppConfig):
    name = "organisation"

    def ready(self) -> None:
        from organisation import checks as our_checks  # noqa: F401 (registers them)
        from organisation.history import triggers

        post_migrate.connect(make_triggers, sender=self)
        checks.register(triggers.check, checks.Tags.database)
