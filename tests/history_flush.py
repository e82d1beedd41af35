"""Lets a test that commits empty the tables after itself, in spite of the triggers. Imported by conftest only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.db.backends.base.operations import BaseDatabaseOperations

SWITCH_TRUNCATE = """
DO $$ DECLARE each record; BEGIN
    FOR each IN SELECT tgrelid::regclass AS place, tgname FROM pg_trigger WHERE tgname ~ '^history_.*truncate$' LOOP
        EXECUTE format('ALTER TABLE %s {} TRIGGER %I', each.place, each.tgname);
    END LOOP;
END $$"""


@contextmanager
def emptying_allowed(connection: Any) -> Iterator[None]:
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(SWITCH_TRUNCATE.format("DISABLE"))
            yield
            cursor.execute(SWITCH_TRUNCATE.format("ENABLE ALWAYS"))
        else:
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND sql LIKE '% DELETE ON %'")
            triggers = cursor.fetchall()
            for name, _sql in triggers:
                cursor.execute(f'DROP TRIGGER "{name}"')
            yield
            for _name, sql in triggers:
                cursor.execute(sql)


execute_sql_flush = BaseDatabaseOperations.execute_sql_flush


def execute(self: Any, sql_list: Iterable[str]) -> None:
    with emptying_allowed(self.connection):
        execute_sql_flush(self, sql_list)


BaseDatabaseOperations.execute_sql_flush = execute  # type: ignore[method-assign]
