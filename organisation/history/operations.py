"""The operation that ends every migration of a recorded or locked table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import migrations
from django.db.migrations.operations.base import Operation

from organisation.history import triggers


class Triggers(Operation):
    """Make the triggers anew from the columns as they are now.

    SQLite drops them when it rebuilds a table, and on PostgreSQL they would leave a new column out, so what a later
    migration writes would not be recorded.
    """

    reduces_to_sql = False  # they depend on the columns found
    reversible = True
    elidable = True

    def state_forwards(self, app_label: str, state: Any) -> None:
        """The models stay as they are."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if schema_editor.collect_sql:
            return
        if schema_editor.connection.vendor == "sqlite":  # its triggers look at unique indexes, made last of all
            for statement in schema_editor.deferred_sql:
                schema_editor.execute(statement)
            schema_editor.deferred_sql.clear()
        triggers.install(schema_editor.connection)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        """Nothing: `migrate` makes them again when it is done."""

    def describe(self) -> str:
        return "Make the triggers that write the history and keep the locks"


HARMLESS = (migrations.AlterModelOptions, migrations.AlterModelManagers)
WRITING = (migrations.RunPython, migrations.RunSQL)


def triggers_wanted(operations: Sequence[Operation]) -> bool:
    """Whether a schema change is left, or rows are written, without `Triggers()` after it."""
    changed = False
    for operation in operations:
        if isinstance(operation, Triggers):
            changed = False
        elif isinstance(operation, WRITING):
            if changed:
                return True
        elif not isinstance(operation, HARMLESS):
            changed = True
    return changed
