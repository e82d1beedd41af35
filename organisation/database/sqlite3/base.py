"""SQLite that knows who is acting: in a one-row table, written with the first write and emptied before COMMIT.

Other connections only ever see it empty, so what they write is recorded with no user. And it knows the alphabets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.db.backends.sqlite3 import base, schema

from organisation import alphabet
from organisation.database.acting import HandsOver, Told

TABLE = """CREATE TABLE IF NOT EXISTS history_actor (
    id INTEGER PRIMARY KEY CHECK (id = 1), actor_id INTEGER, reason TEXT, moment TEXT)"""
TELL = "INSERT OR REPLACE INTO history_actor (id, actor_id, reason, moment) VALUES (1, ?, ?, ?)"
CHANGED_TABLE = re.compile(r'\s*(?:ALTER|DROP) TABLE (?:IF EXISTS )?"([^"]+)"', re.IGNORECASE)


class Cursor(base.SQLiteCursorWrapper):
    """Can hold the rows a write returns: SQLite does not commit before they are read."""

    held: Iterator[Any] | None = None

    def execute(self, query: Any, params: Any = None) -> Any:
        self.held = None
        return super().execute(query, params)

    def hold(self) -> None:
        self.held = iter(super().fetchall())

    def fetchone(self) -> Any:
        return super().fetchone() if self.held is None else next(self.held, None)

    def fetchmany(self, size: int | None = 1) -> list[Any]:
        if self.held is None:
            return super().fetchmany(size)
        return [row for _, row in zip(range(size or 1), self.held, strict=False)]

    def fetchall(self) -> list[Any]:
        return super().fetchall() if self.held is None else list(self.held)

    def __next__(self) -> Any:
        return super().__next__() if self.held is None else next(self.held)


class SchemaEditor(schema.DatabaseSchemaEditor):
    """SQLite refuses to rename a table while a trigger names one that is gone, and to drop a column that one reads.

    So triggers that name a table go before it changes; the migration's `history.Triggers()` makes them anew.
    """

    def execute(self, sql: Any, params: Any = ()) -> None:
        changed = CHANGED_TABLE.match(str(sql))
        if changed and not self.collect_sql:
            with self.connection.cursor() as cursor:
                cursor.execute(
                    "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'history$_%%' ESCAPE '$'"
                    " AND (tbl_name = %s OR instr(sql, %s) > 0)",
                    [changed[1], f'"{changed[1]}"'],
                )
                for (name,) in cursor.fetchall():
                    cursor.execute(f'DROP TRIGGER "{name}"')
        super().execute(sql, params)


class DatabaseWrapper(HandsOver, base.DatabaseWrapper):
    SchemaEditorClass = SchemaEditor

    def prepare_database(self) -> None:
        """Before the first migration, so that whatever a migration writes can already be told apart."""
        super().prepare_database()
        with self.cursor() as cursor:
            cursor.execute(TABLE)

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        for language in alphabet.LETTERS:
            connection.create_collation(alphabet.collation(language), alphabet.compare(language))
        return connection

    def create_cursor(self, name: str | None = None) -> Any:
        return self.connection.cursor(factory=Cursor)

    def _tell(self, actor: Told) -> None:
        moment = self.ops.adapt_datetimefield_value(actor.moment) if actor.moment else None  # as Django stores it
        with self.wrap_database_errors:
            self.connection.execute(TELL, (actor.user_id, actor.reason, moment))

    def _forget(self) -> None:
        if self.connection is not None and self.connection.in_transaction:
            self.connection.execute("DELETE FROM history_actor")

    def _settle(self, cursor: Any) -> None:
        cursor.hold()
