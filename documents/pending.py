"""What no seal holds yet, and how much of it may be sealed: nothing above a row that is still to be committed.

A number is given before its row is committed. A row with number 7 may be there while the one with 6 still belongs to an
open transaction; if 7 were sealed, 6 would later look like a forgery, and if late rows were let in, a forgery like 6.
So the last number is read first, and then every transaction is waited for that was writing to the table at that moment.
Whoever writes holds a lock on the table from before its number is given until its end, and PostgreSQL shows these locks.
Nothing is locked here, so nobody waits for a seal. SQLite lets one write at a time: what is there is all there is.
"""

# The statements are made of names found in the database itself.
# ruff: noqa: S608

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import connection

from documents.models import HistorySeal, SealedColumns, SealedRows
from organisation import clock, history
from organisation.history import Table

LATE = timedelta(minutes=30)  # how old a row becomes without a seal before someone is told
COUNTED = 10_000  # rows of one table that are counted; more are only “more”
OWN = {model._meta.db_table for model in (HistorySeal, SealedColumns, SealedRows)}


@dataclass(frozen=True)
class Pending:
    """Rows of a table that no seal holds: how far the seals reach, the last row, how many (at most COUNTED), the oldest."""

    table: Table
    sealed: int
    last: int
    rows: int
    oldest: datetime | None

    @property
    def late(self) -> bool:
        return self.oldest is not None and self.oldest < clock.now() - LATE


def tables() -> list[Table]:
    """Every table that is sealed. The seals' own need none: they are chained."""
    return [table for table in history.append_only(connection) if table.bare not in OWN]


def pending() -> list[Pending]:
    """The tables with rows that no seal holds, in one query."""
    known = tables()
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(_statement(number, table) for number, table in enumerate(known)))
        found = sorted(cursor.fetchall())
    return [
        Pending(known[number], sealed, last, rows, _moment(oldest))
        for number, sealed, last, rows, oldest in found
        if last > sealed
    ]


def _statement(number: int, table: Table) -> str:
    key = f'"{table.key}"'
    parts = f""""{SealedRows._meta.db_table}" WHERE table_name = '{table.bare}'"""
    sealed = f'coalesce((SELECT "last" FROM {parts} ORDER BY "first" DESC LIMIT 1), 0)'
    last = f"coalesce((SELECT max({key}) FROM {table.name}), 0)"
    if connection.vendor == "postgresql":  # what is above the counter was not numbered by the register
        last = f"least({last}, pg_sequence_last_value(pg_get_serial_sequence('{table.name}', '{table.key}')::regclass))"
    above = f"FROM {table.name} WHERE {key} > {sealed} ORDER BY {key} LIMIT"
    rows = f"(SELECT count(*) FROM (SELECT 1 {above} {COUNTED}) AS more)"
    oldest = f"(SELECT CAST(history_date AS text) {above} 1)" if "history_date" in table.columns else "NULL"
    return f"SELECT {number}, {sealed}, {last}, {rows}, {oldest}"


def _moment(text: str | None) -> datetime | None:
    """A moment as either database writes it; nonsense, which someone wrote past all rules, is none."""
    try:
        moment = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Ready:
    """Rows of a table that may be sealed: those above `after`, up to `upto`."""

    table: Table
    after: int
    upto: int


def ready(*, patience: float) -> list[Ready]:
    """What may be sealed now. A table whose writers are not done after so many seconds is left to the next time."""
    found = [Ready(each.table, each.sealed, each.last) for each in pending()]
    if connection.vendor != "postgresql":
        return found
    writers = _writers(each.table for each in found)
    until = time.monotonic() + patience
    while writers and time.monotonic() < until:
        time.sleep(0.1)
        writers &= _writers(each.table for each in found)
    busy = {table for table, _transaction in writers}
    return [each for each in found if each.table.bare not in busy]


def _writers(tables: Iterable[Table]) -> set[tuple[str, str]]:
    """Every transaction, ours apart, that is writing to one of these tables."""
    names = {table.name: table.bare for table in tables}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT t.name, l.virtualtransaction
            FROM unnest(%s::text[]) AS t(name)
            JOIN pg_locks l ON l.relation = t.name::regclass
            WHERE l.locktype = 'relation' AND l.mode = 'RowExclusiveLock' AND l.granted
                AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
                AND l.pid IS DISTINCT FROM pg_backend_pid()""",
            [list(names)],
        )
        return {(names[name], transaction) for name, transaction in cursor.fetchall()}
