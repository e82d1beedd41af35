"""Rows as the bytes that are hashed: every value as the database keeps it, with its type, the same today and in ten years.

- PostgreSQL writes each row itself, as the text of a record: `(1,"two words",,2026-01-02 10:00:00.123456+00)`. Its text
  of a value does not change between versions; what settings change in it is set here. Moments are UTC, to the microsecond.
- SQLite keeps values as they came; each is written as Python's `ascii()` does, which tells 1, 1.0 and '1' apart and is
  exact for floats. Moments are text to the microsecond, of which its own clock fills three digits.

Nothing passes through a model or a converter, so no migration of a field's Python side changes a hash, and what someone
wrote past all rules is read as it is.
"""

# The statements are made of names found in the database itself.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import psycopg
from django.db import connection, transaction

from organisation.history import Table

BATCH = 5000  # rows in memory at once
WIDE = 50  # of tables that are no history: a signed file is a row
FORMATS = "; ".join(
    f"SET LOCAL {name} = {value}"
    for name, value in {
        "TimeZone": "'UTC'",
        "DateStyle": "'ISO, YMD'",
        "IntervalStyle": "'postgres'",
        "bytea_output": "'hex'",
        "extra_float_digits": "1",
    }.items()
)

Row = tuple[int, bytes]


def read(table: Table, columns: Sequence[str], *, after: int, upto: int) -> Iterator[list[Row]]:
    """The rows with a number above `after` and up to `upto`, in order and in batches, each as (number, bytes).

    Every batch is a query of its own by the primary key: no transaction stays open, however many rows there are.
    """
    batch = BATCH if "history_id" in (table.key, *columns) else WIDE
    fetch = _engine()(table, columns)
    while rows := fetch(after, upto, batch):
        yield rows
        if len(rows) < batch:
            return
        after = rows[-1][0]


Fetch = Callable[[int, int, int], list[Row]]


def _postgresql(table: Table, columns: Sequence[str]) -> Fetch:
    listed = ", ".join(f'"{column}"' for column in columns)
    query = (
        f"""SELECT "{table.key}"::bigint, convert_to(ROW({listed})::text, 'UTF8') FROM {table.name}"""
        f""" WHERE "{table.key}" > %s AND "{table.key}" <= %s ORDER BY "{table.key}" LIMIT %s"""
    )

    def fetch(after: int, upto: int, limit: int) -> list[Row]:
        with transaction.atomic(), connection.cursor() as django_cursor:
            django_cursor.execute(FORMATS)
            with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
                cursor.execute(query, (after, upto, limit), binary=True)
                found: list[Row] = cursor.fetchall()
                return found

    return fetch


def _sqlite(table: Table, columns: Sequence[str]) -> Fetch:
    listed = ", ".join(f'+"{column}"' for column in columns)  # the sign makes it an expression, which is not converted
    query = (
        f'SELECT +"{table.key}", {listed} FROM {table.name}'
        f' WHERE "{table.key}" > ? AND "{table.key}" <= ? ORDER BY "{table.key}" LIMIT ?'
    )

    def fetch(after: int, upto: int, limit: int) -> list[Row]:
        connection.ensure_connection()
        database: Any = connection.connection
        before, database.text_factory = database.text_factory, _text
        try:
            with connection.wrap_database_errors:
                rows = database.execute(query, (after, upto, limit)).fetchall()
        finally:
            database.text_factory = before
        return [(row[0], ascii(row[1:]).encode()) for row in rows]

    return fetch


def _text(data: bytes) -> str:
    """Also of what is no text: someone may have written it past all rules."""
    return data.decode("utf-8", "surrogateescape")


def _engine() -> Callable[[Table, Sequence[str]], Fetch]:
    engines = {"postgresql": _postgresql, "sqlite": _sqlite}
    return engines[connection.vendor]
