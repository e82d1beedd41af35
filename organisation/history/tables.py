"""What triggers are made from and what they are: tables as found in the database, and text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    name: str  # quoted, with its schema where there are schemas
    bare: str
    columns: tuple[str, ...]
    key: str
    unique: tuple[tuple[tuple[str, ...], str], ...] = ()  # columns and predicate of each unique index


@dataclass(frozen=True)
class Kept:
    """A recorded table, the table of its history, and the columns both have."""

    table: Table
    history: Table
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Erasures:
    """The table that lists rows of histories whose content may be emptied: by the column of the table's name and of the row's."""

    table: Table
    of: str
    row: str


@dataclass(frozen=True)
class Locked:
    """A table whose rows stay, but for some columns; from the moment `when` is filled, or always.

    Of a row that `erasures` lists, whatever is not in `spared` may become NULL, and nothing else.
    """

    table: Table
    name: str
    free: tuple[str, ...] = ()
    once: tuple[str, ...] = ()
    when: str = ""
    erasures: Erasures | None = None
    spared: tuple[str, ...] = ()

    @property
    def erasable(self) -> tuple[str, ...]:
        return tuple(column for column in self.table.columns if column not in self.spared)

    @property
    def fixed(self) -> tuple[str, ...]:
        return tuple(column for column in self.table.columns if column not in (*self.free, *self.once))

    @property
    def refusal(self) -> str:
        """Ends the message that names the statement and the table."""
        if self.name == "history":
            return "history is only added to"
        if allowed := [*self.free, *(f"{column} (once)" for column in self.once)]:
            return f"the row is locked, only these may change: {', '.join(allowed)}"
        return "the row is locked"


@dataclass(frozen=True)
class Trigger:
    """Two are equal when they do the same. `events` is what precedes the body."""

    table: str
    name: str
    body: str
    events: str = ""
    enabled: bool = True


def listed(columns: Iterable[str], row: str = "") -> str:
    """The columns as SQL names them, of a row (NEW) if one is given."""
    prefix = f"{row}." if row else ""
    return ", ".join(f'{prefix}"{column}"' for column in columns)
