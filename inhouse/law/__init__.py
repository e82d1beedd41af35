"""The law as data with dates: packs of requirements, gates and question trees, read from YAML.

A requirement row has an id that never changes, a source, a country, a validity and the gates it stands at. What a
requirement asks of a product is a function registered under the same id in `inhouse.law.checks`. New law is a new
pack; a page never decides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from inhouse.law.questions import (
    Chain,
    Outcome,
    Question,
    Tree,
    as_asked,
    chain,
    outcomes,
    routes,
    tree,
    trees,
    versions,
)
from inhouse.law.words import Words, said

FOLDER = Path(__file__).parent
BOTH = "both"
"""The regulation of a pack whose requirements are asked under MDR and IVDR alike."""


@dataclass(frozen=True)
class Requirement:
    """One demand. `should` rows give way to a written reason; `setting` names the institution's own choice of block or warn.

    `classes` are those it is for where it is not for all, `classes_added` what countries added to them; `twin` is the
    requirement of the other regulation that asks the same.
    """

    id: str
    pack: str
    title_words: Words
    source_words: Words
    gates: tuple[str, ...]
    countries: tuple[str, ...]
    valid_from: date
    valid_until: date | None
    point: str = ""
    should: bool = False
    setting: str = ""
    twin: str = ""
    classes: tuple[str, ...] = ()
    classes_added: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return said(self.title_words)

    @property
    def source(self) -> str:
        return said(self.source_words)

    def classes_in(self, country: str) -> tuple[str, ...]:
        """The classes it is for in a country; none where it is for all."""
        return (*self.classes, *self.classes_added.get(country, ())) if self.classes else ()

    def is_for(self, risk_class: str, *, country: str) -> bool:
        """Whether it is for that class. While no class is set, what is only for some classes waits."""
        return not self.classes or risk_class in self.classes_in(country)

    def holds(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_until is None or day <= self.valid_until)

    def __hash__(self) -> int:
        return hash(self.id)


@dataclass(frozen=True)
class Pack:
    id: str
    kind: str
    regulation: str
    title_words: Words
    countries: tuple[str, ...]
    valid_from: date
    valid_until: date | None
    requirements: tuple[Requirement, ...]

    @property
    def title(self) -> str:
        return said(self.title_words)

    def holds(self, *, country: str, day: date) -> bool:
        return (
            country in self.countries
            and self.valid_from <= day
            and (self.valid_until is None or day <= self.valid_until)
        )


def _read(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))


def _pack(data: dict[str, Any]) -> Pack:
    shared = {
        "pack": data["id"],
        "countries": tuple(data["countries"]),
        "valid_from": data["valid_from"],
        "valid_until": data["valid_until"],
    }
    rows = tuple(
        Requirement(
            id=row["id"],
            title_words=row["title"],
            source_words=row["source"],
            gates=tuple(row["gates"]),
            point=row.get("point", ""),
            should=row.get("should", False),
            setting=row.get("setting", ""),
            twin=row.get("twin", ""),
            classes=tuple(row.get("classes", ())),
            classes_added={country: tuple(added) for country, added in row.get("classes_added", {}).items()},
            **{**shared, **{key: row[key] for key in ("valid_from", "valid_until") if key in row}},
        )
        for row in data["requirements"]
    )
    return Pack(
        id=data["id"],
        kind=data["kind"],
        regulation=data["regulation"],
        title_words=data["title"],
        countries=shared["countries"],
        valid_from=data["valid_from"],
        valid_until=data["valid_until"],
        requirements=rows,
    )


@cache
def packs() -> dict[str, Pack]:
    """Every pack, by id."""
    return {
        pack.id: pack
        for path in sorted((FOLDER / "packs").glob("*.yaml"))
        for pack in [_pack(_read(f"packs/{path.name}"))]
    }


@cache
def gates() -> dict[str, Words]:
    titles: dict[str, Words] = _read("gates.yaml")
    return titles


@cache
def requirements() -> dict[str, Requirement]:
    """Every requirement of every pack, by id."""
    return {row.id: row for pack in packs().values() for row in pack.requirements}


def house_rules() -> list[Pack]:
    """The packs an institution may choose beside the law."""
    return [pack for pack in packs().values() if pack.kind == "house_rule"]


def written(*, country: str, chosen: Iterable[str], day: date, regulation: str) -> Iterator[Requirement]:
    """The requirements under a regulation: the law of the country, then the house rules that are followed.

    Also those whose day has not come, and those that are for other classes.
    """
    chosen = set(chosen)
    for pack in sorted(packs().values(), key=lambda pack: (pack.kind != "law", pack.regulation == BOTH, pack.id)):
        if (
            pack.regulation in (regulation, BOTH)
            and pack.holds(country=country, day=day)
            and (pack.kind == "law" or pack.id in chosen)
        ):
            yield from pack.requirements


def in_force(
    *, country: str, chosen: Iterable[str], day: date, regulation: str, risk_class: str = ""
) -> Iterator[Requirement]:
    """The requirements that bind an institution on a day, for a device of that class under that regulation."""
    for row in written(country=country, chosen=chosen, day=day, regulation=regulation):
        if row.holds(day) and row.is_for(risk_class, country=country):
            yield row


def difference(
    before: Collection[Requirement], after: Collection[Requirement]
) -> tuple[list[Requirement], list[Requirement]]:
    """What begins to bind and what ceases to, from one set of requirements to another.

    What goes on as its twin of the other regulation is in neither, unless one of the two is for some classes only.
    """
    pairs = {(row.id, row.twin) for row in (*before, *after) if row.twin and not row.classes}
    twins = pairs | {(twin, one) for one, twin in pairs}

    def new(rows: Collection[Requirement], known: Collection[Requirement]) -> list[Requirement]:
        ids = {row.id for row in known}
        return [row for row in rows if row.id not in ids and not any((row.id, each) in twins for each in ids)]

    return new(after, before), new(before, after)


__all__ = [
    "Chain", "Outcome", "Pack", "Question", "Requirement", "Tree", "Words", "as_asked", "chain", "difference", "gates",
    "house_rules", "in_force", "outcomes", "packs", "requirements", "routes", "said", "tree", "trees", "versions", "written",
]  # fmt: skip
