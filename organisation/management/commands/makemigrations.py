"""Django's `makemigrations`, whose migrations end with `history.Triggers()` where they must."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import makemigrations

from organisation import history


class Command(makemigrations.Command):
    def write_migration_files(self, changes: dict[str, list[Any]], *args: Any, **kwargs: Any) -> None:
        for migration in (each for app_migrations in changes.values() for each in app_migrations):
            if history.triggers_wanted(migration.operations):
                migration.operations.append(history.Triggers())
        super().write_migration_files(changes, *args, **kwargs)
