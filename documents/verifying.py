"""The full check of the history: every seal, every sealed row, every trigger. It reads, and changes nothing.

First the chain: each seal's hash, signature, number and predecessor, the log outside, and that the kept leaf hashes are
those the seal speaks of. Then each table from its first row to its last, against the leaf hashes kept. Memory holds one
chunk of rows and, of what is wrong, at most so many rows of a table as are told. A row that was lawfully erased is as it
must be when its kept leaf is the one its erasure names, and it holds exactly what that erasure left.
"""

# The statements are made of names found in the database itself.
# ruff: noqa: S608

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from django.conf import settings
from django.db import connection

from documents import erasure, merkle, pending, rows, seals
from documents.findings import Finding
from documents.models import Erasure, HistorySeal, SealedColumns, SealedRows
from organisation import history
from organisation.history import Table
from organisation.history.triggers import engine_of

AT_ONCE = 500  # seals
LOWEST = -(2**63)  # below any row's number
TOLD = 1000  # rows of one table that are told one by one
SEALS, PARTS, COLUMNS = (model._meta.db_table for model in (HistorySeal, SealedRows, SealedColumns))

Progress = Callable[[int], None]


def verify(progress: Progress = lambda count: None) -> Iterator[Finding]:
    """Everything that is not as it was sealed. `progress` is told of rows as they are checked."""
    newest = HistorySeal.objects.values_list("number", flat=True).first() or 0
    told = set()  # a part that is wrong is met in its seal and in its table
    for finding in chain(_triggers(), _chain(newest), _columns(), _undecided(), _tables(newest, progress)):
        if finding.table not in (PARTS, COLUMNS) or finding not in told:
            yield finding
        if finding.table in (PARTS, COLUMNS):
            told.add(finding)


def _tables(newest: int, progress: Progress) -> Iterator[Finding]:
    with connection.cursor() as cursor:
        present = engine_of(connection).tables(cursor)
    known = {table.bare: table for table in pending.tables()}
    sealed = SealedRows.objects.order_by().values_list("table_name", flat=True).distinct()
    for name in sorted({*known, *sealed}):
        table = known.get(name) or present.get(name)
        if table is None:
            yield Finding("table_gone", name)
        else:
            yield from _Check(table, present[name].columns, newest).findings(progress)


def _triggers() -> Iterator[Finding]:
    kinds = {"absent": "trigger_missing", "disabled": "trigger_disabled", "outdated": "trigger_altered"}
    kinds["unknown"] = "trigger_unknown"
    for gap in (*history.missing(connection), *history.strange(connection)):
        yield Finding(kinds[gap.problem], gap.table, text=gap.trigger)


def _undecided() -> Iterator[Finding]:
    """Erasures that nobody decided on, as far as the parts of the register know that erase by a decision."""
    for number in erasure.undecided():
        yield Finding("erasure_undecided", Erasure._meta.db_table, number)


# --- the seals


def _chain(newest: int) -> Iterator[Finding]:
    """Every seal up to the newest, and the log against them."""
    log: dict[int, set[str]] = {}
    for number, digest in seals.noted():
        log.setdefault(number, set()).add(digest)
    if newest and not log:
        yield Finding("log_missing", SEALS, text=Path(settings.SEALS_LOG).name)
    last_noted, expected, previous = max(log, default=0), 1, ""
    while expected <= newest:
        found = list(HistorySeal.objects.filter(number__range=(expected, newest)).order_by("number")[:AT_ONCE])
        parts = _parts_of(found)
        for seal in found:
            for number in range(expected, seal.number):
                yield Finding("seal_missing", SEALS, number)
                previous = ""
            expected = seal.number + 1
            if not _is_as_made(seal):
                yield Finding("seal_changed", SEALS, seal.number)
                previous = ""  # what the next one must follow is not known
                continue
            yield from _seal(seal, previous, parts.get(seal.number, []))
            known = log.get(seal.number)
            if known and known != {seal.hash}:
                yield Finding("seal_other", SEALS, seal.number)
            elif known is None and seal.number < last_noted:
                yield Finding("log_gap", SEALS, seal.number)
            previous = seal.hash
    if last_noted > newest:
        yield Finding("seals_cut", SEALS, newest + 1, until=last_noted)


def _parts_of(found: list[HistorySeal]) -> dict[int, list[SealedRows]]:
    parts = SealedRows.objects.filter(seal_id__gte=found[0].number, seal_id__lte=found[-1].number)
    by_seal: dict[int, list[SealedRows]] = {}
    for part in parts.select_related("columns").defer("leaves").order_by("seal_id", "position").iterator():
        by_seal.setdefault(part.seal_id, []).append(part)
    return by_seal


def _is_as_made(seal: HistorySeal) -> bool:
    """Whether number, hash and root are those of the body. If not, what the body says counts for nothing."""
    try:
        said = seal.said
        root = seals.root_of(said["parts"])
        return bool(
            said["number"] == seal.number and said["root"] == root and seals.sha256(seal.body.encode()) == seal.hash
        )
    except (ValueError, TypeError, KeyError):
        return False


def _seal(seal: HistorySeal, previous: str, parts: list[SealedRows]) -> Iterator[Finding]:
    entries = dict(enumerate(seal.said["parts"]))
    if not seals.is_signed(seal):
        yield Finding("seal_unsigned", SEALS, seal.number)
    if seal.said["previous"] != previous and (previous or seal.number == 1):
        yield Finding("seal_unchained", SEALS, seal.number)
    for part in parts:
        entry = entries.pop(part.position, None)
        if entry is None:
            yield Finding("part_added", PARTS, part.pk, seal=seal.number)
        elif seals.entry(part) != entry:
            yield Finding("part_changed", PARTS, part.pk, seal=seal.number, text=entry["table"])
    for entry in entries.values():
        yield Finding("part_missing", PARTS, entry["first"], seal=seal.number, text=entry["table"])


def _columns() -> Iterator[Finding]:
    for each in SealedColumns.objects.order_by("pk"):
        if not _is_whole(each):
            yield Finding("columns_changed", COLUMNS, each.pk)


def _is_whole(columns: SealedColumns) -> bool:
    return seals.columns_digest(columns.engine, columns.columns) == columns.digest


# --- the rows of one table


@dataclass
class _Wrong:
    """Rows of one table that are not as sealed, for telling them apart at the end: by number, with leaf hashes."""

    missing: dict[int, bytes] = field(default_factory=dict)
    added: dict[int, bytes] = field(default_factory=dict)
    changed: dict[int, tuple[bytes, bytes]] = field(default_factory=dict)  # sealed, found
    again: set[int] = field(default_factory=set)  # erased, and then changed

    def __len__(self) -> int:
        return len(self.missing) + len(self.added) + len(self.changed) + len(self.again)

    @property
    def last(self) -> int:
        return max(self.missing.keys() | self.added.keys() | self.changed.keys() | self.again)


@dataclass
class _Span:
    """Sealed rows that lie side by side and are read together, as they have the same columns."""

    form: int
    columns: SealedColumns | None
    first: int
    parts: list[int] = field(default_factory=list)
    last: int = 0
    rows: int = 0


class _Part:
    """What a seal keeps of some rows, unpacked."""

    def __init__(self, row: SealedRows) -> None:
        self.row, self.leaves, self.runs = row, bytes(row.leaves), seals.unpacked(bytes(row.numbers))
        self.counts = sum(len(run) for run in self.runs) * 32 == len(self.leaves)
        leaves = [self.leaves[at : at + 32] for at in range(0, len(self.leaves), 32)]
        self.is_whole = self.counts and merkle.root(leaves).hex() == row.root

    @property
    def numbers(self) -> Iterator[int]:
        return chain.from_iterable(self.runs)

    def fits(self, there: dict[int, bytes]) -> bool:
        """Whether the rows that are there are those that were sealed, whatever the leaves say."""
        found = [there.get(number, b"") for number in self.numbers]
        return merkle.root(found).hex() == self.row.root


class _Check:
    def __init__(self, table: Table, present: tuple[str, ...], newest: int) -> None:
        self.table, self.present, self.newest = table, present, newest
        self.wrong, self.more = _Wrong(), 0
        self.erased: dict[int, tuple[bytes, bytes]] = {}
        self.after = self.last_found = LOWEST
        self.last_sealed: int | None = None
        self.seals: list[tuple[int, int]] = []  # last row and seal of each part with something wrong

    def findings(self, progress: Progress) -> Iterator[Finding]:
        for span in self._spans():
            columns = span.columns
            if columns is None or not _is_whole(columns):
                yield Finding("columns_changed", COLUMNS, span.form)
            elif columns.engine != connection.vendor:
                yield Finding("engine", self.table.bare, span.first, text=columns.engine)
            elif gone := [name for name in json.loads(columns.columns) if name not in self.present]:
                yield Finding("columns_gone", self.table.bare, span.first, text=", ".join(gone))
            else:
                yield from self._span(span, json.loads(columns.columns))
            self.after = max(self.after, span.last)
            progress(span.rows)
        yield from self._told()
        for number in self._unnumbered():
            yield Finding("unnumbered", self.table.bare, number)

    def _spans(self) -> Iterator[_Span]:
        """The parts in the order of their rows, small ones together up to a chunk."""
        columns = {each.pk: each for each in SealedColumns.objects.all()}
        span: _Span | None = None
        for key, last, count, form, first in self._parts():
            if span and (span.form != form or span.rows + count > seals.CHUNK):
                yield span
                span = None
            span = span or _Span(form, columns.get(form), first)
            span.parts.append(key)
            span.last, span.rows = max(span.last, last), span.rows + count
        if span:
            yield span

    def _parts(self) -> Iterator[tuple[int, int, int, int, int]]:
        """Key, last row, count, columns and first row of each part, without what is heavy."""
        after = LOWEST
        of_table = SealedRows.objects.filter(table_name=self.table.bare, seal_id__lte=self.newest).order_by("first")
        while page := list(
            of_table.filter(first__gt=after).values_list("pk", "last", "rows", "columns_id", "first")[:2000]
        ):
            yield from page
            after = page[-1][4]

    def _span(self, span: _Span, columns: list[str]) -> Iterator[Finding]:
        """Compare what was sealed with what is there; nearly always the two are the same bytes."""
        parts = [_Part(each) for each in SealedRows.objects.filter(pk__in=span.parts).order_by("first")]
        for part in parts:
            if not part.is_whole:
                yield Finding("part_changed", PARTS, part.row.pk, seal=part.row.seal_id, text=self.table.bare)
        if not all(part.counts for part in parts):
            return  # there is nothing to compare with
        yield from self._gaps(parts)
        numbers = list(chain.from_iterable(chain.from_iterable(part.runs for part in parts)))
        kept = b"".join(part.leaves for part in parts)
        self.erased = erasure.leaves(self.table, first=span.first, last=span.last)
        found_numbers: list[int] = []
        found: list[bytes] = []
        for batch in rows.read(self.table, columns, after=self.after, upto=span.last):
            found_numbers += [number for number, _data in batch]
            found += [merkle.leaf_hash(data) for _number, data in batch]
            self.last_found = found_numbers[-1]
            if len(found) > 2 * seals.CHUNK:  # many more than were sealed
                cut = bisect_right(numbers, self.last_found)
                self._compare(numbers[:cut], kept[: cut * 32], found_numbers, found, parts)
                numbers, kept, found_numbers, found = numbers[cut:], kept[cut * 32 :], [], []
        if self.erased or numbers != found_numbers or kept != b"".join(found):
            self._compare(numbers, kept, found_numbers, found, parts)

    def _gaps(self, parts: list[_Part]) -> Iterator[Finding]:
        """SQLite's counter leaves no gap, so what was sealed after one was not numbered by it."""
        if connection.vendor != "sqlite":
            return
        for run in chain.from_iterable(part.runs for part in parts):
            before, self.last_sealed = self.last_sealed, run.stop - 1
            if before not in (None, run.start - 1) and not self._holds(run.start - 1):
                yield Finding("unnumbered", self.table.bare, run.start)

    def _holds(self, number: int) -> bool:
        with connection.cursor() as cursor:
            cursor.execute(f'SELECT 1 FROM {self.table.name} WHERE "{self.table.key}" = %s', [number])
            return cursor.fetchone() is not None

    def _compare(
        self, numbers: list[int], kept: bytes, found_numbers: list[int], found: list[bytes], parts: list[_Part]
    ) -> None:
        sealed = {number: kept[at * 32 : at * 32 + 32] for at, number in enumerate(numbers)}
        there = dict(zip(found_numbers, found, strict=True))
        for part in parts:  # kept leaves that were changed say nothing about rows that are as they were sealed
            if not part.is_whole and part.fits(there):
                sealed |= {number: there[number] for number in part.numbers}
        wrong = self.wrong
        for number in sorted(sealed.keys() | there.keys()):
            was, now = sealed.get(number), there.get(number)
            if was == now if number not in self.erased else self._is_as_left(number, was, now):
                continue
            if len(wrong) >= TOLD:
                self.more += 1
            elif now is not None and number in self.erased:
                wrong.again.add(number)
            elif was is None:
                wrong.added[number] = there[number]
            elif now is None:
                wrong.missing[number] = was
            else:
                wrong.changed[number] = (was, now)
        self.seals += [(part.row.last, part.row.seal_id) for part in parts]

    def _is_as_left(self, number: int, was: bytes | None, now: bytes | None) -> bool:
        """Whether a row is what its erasure made of it. One sealed only afterwards was sealed as that."""
        sealed, left = self.erased[number]
        return (was, now) == (sealed, left) if sealed else was == now

    # telling them apart

    def _told(self) -> Iterator[Finding]:
        name, wrong = self.table.bare, self.wrong
        was_row = {was: number for number, (was, _now) in wrong.changed.items()}
        was_row |= {was: number for number, was in wrong.missing.items()}
        renumbered = set()
        for number, (was, now) in sorted(wrong.changed.items()):
            other = was_row.get(now)
            if other is None:
                yield Finding("changed", name, number, seal=self._seal_of(number))
            elif other in wrong.changed and wrong.changed[other] == (now, was):
                if number < other:
                    yield Finding("swapped", name, number, other=other, seal=self._seal_of(number))
            else:
                yield Finding("moved", name, number, other=other, seal=self._seal_of(number))
        for number, now in sorted(wrong.added.items()):
            other = was_row.get(now)
            if other in wrong.missing:
                renumbered.add(other)
                yield Finding("renumbered", name, number, other=other)
            else:
                yield Finding("added", name, number)
        for number in sorted(wrong.again):
            yield Finding("erased_changed", name, number, seal=self._seal_of(number))
        yield from self._deleted(sorted(wrong.missing.keys() - renumbered))
        if self.more:
            yield Finding("more", name, wrong.last, other=self.more)

    def _deleted(self, numbers: list[int]) -> Iterator[Finding]:
        tail = [number for number in numbers if number > self.last_found]
        for run in _runs(number for number in numbers if number <= self.last_found):
            kind, until = ("deleted", None) if run[0] == run[1] else ("deleted_many", run[1])
            yield Finding(kind, self.table.bare, run[0], until=until, seal=self._seal_of(run[0]))
        if tail:
            until = max(tail[-1], self.after)
            yield Finding("cut", self.table.bare, tail[0], until=until, seal=self._seal_of(tail[0]))

    def _seal_of(self, number: int) -> int | None:
        return next((seal for last, seal in sorted(self.seals) if number <= last), None)

    def _unnumbered(self) -> Iterable[int]:
        """Rows above the sealed ones with a number the database's own counter has not given.

        PostgreSQL's counter says how far it is. SQLite's gives every number once and takes it back with the transaction,
        so there a row after a gap was not numbered by it.
        """
        key, name = f'"{self.table.key}"', self.table.name
        if connection.vendor == "postgresql":
            given = (
                f"coalesce(pg_sequence_last_value(pg_get_serial_sequence('{name}', '{self.table.key}')::regclass), 0)"
            )
            query = f"SELECT {key} FROM {name} WHERE {key} > %s AND {key} > {given} ORDER BY 1 LIMIT {TOLD}"
            values = [self.after]
        else:
            query = f"""SELECT r.{key} FROM {name} r WHERE r.{key} > %s
                AND NOT EXISTS (SELECT 1 FROM {name} b WHERE b.{key} = r.{key} - 1)
                AND r.{key} <> %s + 1 AND r.{key} <> (SELECT min({key}) FROM {name}) ORDER BY 1 LIMIT {TOLD}"""
            values = [self.after, self.after]
        with connection.cursor() as cursor:
            cursor.execute(query, values)
            return [number for (number,) in cursor.fetchall()]


def _runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Numbers that follow each other, as first and last."""
    first = last = None
    for number in numbers:
        if first is None or last is None or number != last + 1:
            if first is not None and last is not None:
                yield first, last
            first = number
        last = number
    if first is not None and last is not None:
        yield first, last
