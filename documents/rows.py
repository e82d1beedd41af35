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

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import psycopg
from django.db import connection, transaction

from organisation.history import Table

BATCH = 5000  # rows in memory at once
MANY = 400  # rows asked for by their numbers
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
    key = f'"{table.key}"'
    fetch = _engine()(table, columns, (), f"{key} > {{}} AND {key} <= {{}} ORDER BY {key} LIMIT {{}}")
    while rows := fetch(after, upto, batch):
        yield rows
        if len(rows) < batch:
            return
        after = rows[-1][0]


def emptied(table: Table, columns: Sequence[str], numbers: Sequence[int], *, without: Collection[str]) -> Iterator[Row]:
    """Rows by their numbers as they will be when the columns `without` are empty."""
    for at in range(0, len(numbers), MANY):
        some = numbers[at : at + MANY]
        where = f'"{table.key}" IN ({", ".join("{}" for _number in some)}) ORDER BY 1'
        yield from _engine()(table, columns, without, where)(*some)


Fetch = Callable[..., list[Row]]


def _postgresql(table: Table, columns: Sequence[str], without: Collection[str], where: str) -> Fetch:
    listed = ", ".join("NULL" if column in without else f'"{column}"' for column in columns)
    query = (
        f"""SELECT "{table.key}"::bigint, convert_to(ROW({listed})::text, 'UTF8') FROM {table.name}"""
        f""" WHERE {where.replace("{}", "%s")}"""
    )

    def fetch(*values: int) -> list[Row]:
        with transaction.atomic(), connection.cursor() as django_cursor:
            django_cursor.execute(FORMATS)
            with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
                cursor.execute(query, values, binary=True)
                found: list[Row] = cursor.fetchall()
                return found

    return fetch


def _sqlite(table: Table, columns: Sequence[str], without: Collection[str], where: str) -> Fetch:
    # the sign makes a column an expression, which is not converted
    listed = ", ".join("NULL" if column in without else f'+"{column}"' for column in columns)
    query = f"""SELECT +"{table.key}", {listed} FROM {table.name} WHERE {where.replace("{}", "?")}"""

    def fetch(*values: int) -> list[Row]:
        connection.ensure_connection()
        database: Any = connection.connection
        before, database.text_factory = database.text_factory, _text
        try:
            with connection.wrap_database_errors:
                rows = database.execute(query, values).fetchall()
        finally:
            database.text_factory = before
        return [(row[0], ascii(row[1:]).encode()) for row in rows]

    return fetch


def _text(data: bytes) -> str:
    """Also of what is no text: someone may have written it past all rules."""
    return data.decode("utf-8", "surrogateescape")


def _engine() -> Callable[[Table, Sequence[str], Collection[str], str], Fetch]:
    engines = {"postgresql": _postgresql, "sqlite": _sqlite}
    return engines[connection.vendor]
