"""The law as data with dates: packs of requirements, gates and question trees, read from YAML.

A requirement row has an id that never changes, a source, a country, a validity and the gates it stands at. What a
requirement asks of a product is a function registered under the same id in `inhouse.law.checks`. New law is a new
pack; a page never decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Requirement:
    """One demand. `should` rows give way to a written reason; `setting` names the institution's own choice of block or warn."""

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

    @property
    def title(self) -> str:
        return said(self.title_words)

    @property
    def source(self) -> str:
        return said(self.source_words)

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


def in_force(*, country: str, chosen: Iterable[str], day: date) -> Iterator[Requirement]:
    """The requirements that bind an institution on a day: the law of its country, then the house rules it follows."""
    chosen = set(chosen)
    for pack in sorted(packs().values(), key=lambda pack: (pack.kind != "law", pack.id)):
        if pack.holds(country=country, day=day) and (pack.kind == "law" or pack.id in chosen):
            for row in pack.requirements:
                if row.valid_from <= day and (row.valid_until is None or day <= row.valid_until):
                    yield row


__all__ = [
    "Chain", "Outcome", "Pack", "Question", "Requirement", "Tree", "Words", "as_asked", "chain", "gates", "house_rules", "in_force",
    "outcomes", "packs", "requirements", "routes", "said", "tree", "trees", "versions",
]  # fmt: skip
