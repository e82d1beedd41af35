"""Lawful erasure in the history: content goes by a decision, hash and decision stay.

A row of a history is never deleted and never filled. It is first listed (`ErasedRow`) with its leaf hash as sealed and
the leaf hash of what will be left; the triggers then let exactly the listed rows lose values, and nothing else. What an
erasure must rest on is known to the parts of the register that erase; each names itself with `source`.
"""

# The statements are made of names found in the database itself.
# ruff: noqa: S608

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from django.db import connection, models
from django.utils.module_loading import import_string

from documents import merkle, pending, rows, seals
from documents.models import ErasedRow, Erasure, SealedRows
from organisation import clock
from organisation.history import Table, of
from organisation.models import User

REASON = "history_change_reason"
_sources: list[str] = []


def source(path: str) -> None:
    """Name a function that says which erasures (by number) it knows the decision of. It is imported when it is asked."""
    if path not in _sources:
        _sources.append(path)


def undecided() -> list[int]:
    """The erasures that no part of the register knows a decision of."""
    decided = {number for path in _sources for number in import_string(path)()}
    return sorted(set(Erasure.objects.values_list("pk", flat=True)) - decided)


class Unsealed(Exception):
    """Rows are to be erased that no seal holds yet: nothing would prove afterwards that they were there."""


@dataclass(frozen=True)
class Part:
    """Rows of one model's history, and the columns they lose."""

    model: type[models.Model]
    numbers: Sequence[int]
    columns: tuple[str, ...]

    @property
    def table(self) -> str:
        name: str = of(self.model).model._meta.db_table
        return name


def content(model: type[models.Model], *, also: Collection[str] = ()) -> tuple[str, ...]:
    """The columns of a model that say something: not its key, what it hangs on, who, and when. `also` names more fields."""
    plain = (models.ForeignKey, models.DateField)  # a moment is a day too
    return tuple(
        field.column
        for field in of(model).model.tracked_fields
        if field.name in also or not (field.primary_key or isinstance(field, plain))
    )


def require_sealed(parts: Iterable[Part]) -> None:
    """Raise Unsealed unless each of the rows is in a seal."""
    for part in parts:
        if part.numbers:
            held = _sealed(part.table, part.numbers)
            if missing := set(part.numbers) - held.keys():
                raise Unsealed(f"{part.table}: {len(missing)} rows")


def erase(parts: Iterable[Part], *, decision: str, reason: str, by: User) -> Erasure:
    """List the rows, then empty them. Called inside the transaction that also keeps the decision.

    The reasons that people gave for their changes go with the content; a row that nobody wrote keeps its own, or it would
    read as written past all rules. Rows that are not sealed are those this very transaction wrote: they keep theirs.
    """
    erasure = Erasure.objects.create(decision=decision, reason=reason, at=clock.now(), by=by)
    tables = {table.bare: table for table in pending.tables()}
    for part in parts:
        table = tables[part.table]
        held = _sealed(table.bare, part.numbers)
        for numbers, columns in _alike(part, held):
            _empty(erasure, table, numbers, columns, held)
    return erasure


def _alike(part: Part, held: dict[int, tuple[str, tuple[str, ...]]]) -> Iterator[tuple[list[int], tuple[str, ...]]]:
    """The rows by which columns they lose."""
    history = of(part.model).model._default_manager
    sealed = [number for number in part.numbers if number in held]
    written: set[int] = set()
    for at in range(0, len(sealed), rows.MANY):
        some = history.filter(history_id__in=sealed[at : at + rows.MANY], history_user_id__isnull=False)
        written |= set(some.values_list("history_id", flat=True))
    yield sorted(written), (*part.columns, REASON)
    yield sorted(set(part.numbers) - written), part.columns


def _empty(
    erasure: Erasure,
    table: Table,
    numbers: list[int],
    columns: tuple[str, ...],
    held: dict[int, tuple[str, tuple[str, ...]]],
) -> None:
    if not numbers or not columns:
        return
    forms: dict[tuple[str, ...], list[int]] = {}
    for number in numbers:
        forms.setdefault(held[number][1] if number in held else table.columns, []).append(number)
    for form, some in forms.items():
        left = dict(rows.emptied(table, form, some, without=columns))
        ErasedRow.objects.bulk_create(
            (
                ErasedRow(
                    erasure=erasure,
                    table_name=table.bare,
                    number=number,
                    was=held[number][0] if number in held else "",
                    left=merkle.leaf_hash(left[number]).hex(),
                )
                for number in some
            ),
            batch_size=rows.MANY,
        )
    emptied = ", ".join(f'"{column}" = NULL' for column in columns)
    with connection.cursor() as cursor:
        for at in range(0, len(numbers), rows.MANY):
            some = numbers[at : at + rows.MANY]
            marks = ", ".join(["%s"] * len(some))
            cursor.execute(f'UPDATE {table.name} SET {emptied} WHERE "{table.key}" IN ({marks})', some)


def _sealed(table: str, numbers: Sequence[int]) -> dict[int, tuple[str, tuple[str, ...]]]:
    """Of those rows that are sealed: the leaf hash kept, and the columns it was made of. One part in memory at a time."""
    found: dict[int, tuple[str, tuple[str, ...]]] = {}
    wanted, inside = set(numbers), sorted(numbers)
    if not wanted:
        return found
    parts = SealedRows.objects.filter(table_name=table, first__lte=inside[-1], last__gte=inside[0])
    for key, first, last in list(parts.values_list("pk", "first", "last")):
        if bisect_left(inside, first) == bisect_right(inside, last):
            continue
        part = SealedRows.objects.select_related("columns").get(pk=key)
        form, leaves = tuple(part.columns.listed), bytes(part.leaves)
        for at, number in enumerate(chain.from_iterable(seals.unpacked(bytes(part.numbers)))):
            if number in wanted:
                found[number] = leaves[at * 32 : at * 32 + 32].hex(), form
    return found


def leaves(table: Table, *, first: int, last: int) -> dict[int, tuple[bytes, bytes]]:
    """Of the erased rows in that range: the leaf hash as sealed, empty for one that was not, and of what was left."""
    listed = ErasedRow.objects.filter(table_name=table.bare, number__range=(first, last))
    return {
        number: (bytes.fromhex(was), bytes.fromhex(left))
        for number, was, left in listed.values_list("number", "was", "left")
    }


__all__ = ["Part", "Unsealed", "content", "erase", "leaves", "require_sealed", "source", "undecided"]
