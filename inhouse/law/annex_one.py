"""The general safety and performance requirements (Annex I of MDR and of IVDR), as a checklist.

A requirement is answered as a whole or by its sub-points. The answer to a whole covers everything below it, but what has
an answer of its own.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml

from inhouse.law.words import Words, said

FOLDER = Path(__file__).parent / "annex_one"
REQUIREMENT, HEADING, INFORMATIVE = "requirement", "heading", "informative"
NEEDS: dict[str, tuple[str, ...]] = {
    "software": ("is_software",),
    "mobile_software": ("is_software",),
    "electrical": ("is_electrical",),
    "implantable": ("is_implantable",),
    "active_implantable": ("is_implantable", "is_electrical"),
    "measuring": ("is_measuring",),
    "radiation": ("is_radiating",),
    "ionising": ("is_radiating",),
    "sterile": ("is_sterile",),
}
"""Which traits a device has that a tag fits. Other tags say something that no trait tells."""
ELSEWHERE = ("custom_made", "investigational", "annex_xvi")
"""Tags of devices that are not made under Article 5(5)."""


@dataclass(frozen=True)
class Gspr:
    """A row of the annex: a requirement, a heading above some, or what is addressed to others (and not assessed)."""

    number: str
    chapter: str
    parent: str
    kind: str
    title_words: Words
    summary: str
    tags: tuple[str, ...]
    note_words: Words
    children: tuple[str, ...]
    depth: int

    @property
    def title(self) -> str:
        return said(self.title_words)

    @property
    def in_house_note(self) -> str:
        return said(self.note_words) if self.note_words else ""

    @property
    def is_requirement(self) -> bool:
        return self.kind == REQUIREMENT

    @property
    def is_assessed(self) -> bool:
        """Whether it can be answered: for itself, or as a heading for all below it."""
        return self.kind != INFORMATIVE


@dataclass(frozen=True)
class Annex:
    """The rows of one regulation, in its order."""

    regulation: str
    chapter_words: dict[str, Words]
    tag_words: dict[str, Words]
    rows: tuple[Gspr, ...]

    @cached_property
    def by_number(self) -> dict[str, Gspr]:
        return {row.number: row for row in self.rows}

    @cached_property
    def _places(self) -> dict[str, int]:
        return {row.number: place for place, row in enumerate(self.rows)}

    def place(self, number: str) -> int:
        """Where a row stands in the annex; what does not stand in it comes last."""
        return self._places.get(number, len(self.rows))

    @cached_property
    def requirements(self) -> tuple[Gspr, ...]:
        """What must have an answer."""
        return tuple(row for row in self.rows if row.is_requirement)

    @cached_property
    def wholes(self) -> tuple[Gspr, ...]:
        """The rows at the top: answers to these answer everything."""
        return tuple(row for row in self.rows if not row.parent)

    def chapter(self, name: str) -> str:
        return said(self.chapter_words[name])

    def tag(self, name: str) -> str:
        return said(self.tag_words[name])

    def line(self, number: str) -> Iterator[Gspr]:
        """A row and the wholes it is part of, the nearest first."""
        row = self.by_number.get(number)
        while row:
            yield row
            row = self.by_number.get(row.parent)

    def counts(self, number: str, answered: Container[str]) -> str:
        """The number whose answer counts for a row: its own, else that of the nearest whole; empty where there is none."""
        return next((row.number for row in self.line(number) if row.number in answered), "")

    def is_answered(self, number: str, answered: Container[str]) -> bool:
        """Whether a row has an answer, is covered by one, or has one for each of its sub-points."""
        if self.counts(number, answered):
            return True
        below = [child for child in self.by_number[number].children if self.by_number[child].is_assessed]
        return bool(below) and all(self.is_answered(child, answered) for child in below)

    def unanswered(self, answered: Container[str]) -> list[Gspr]:
        return [row for row in self.requirements if not self.is_answered(row.number, answered)]

    def foreign(self, traits: Container[str]) -> set[str]:
        """The tags that do not fit a device with these traits and no others."""
        lacking = {tag for tag, needed in NEEDS.items() if not all(trait in traits for trait in needed)}
        return (lacking | {*ELSEWHERE}) & {*self.tag_words}


@cache
def annex_one(regulation: str) -> Annex:
    """The annex of MDR or of IVDR."""
    data = yaml.safe_load((FOLDER / f"{regulation.lower()}.yaml").read_text(encoding="utf-8"))
    below: dict[str, list[str]] = {}
    for row in data["rows"]:
        below.setdefault(row.get("parent", ""), []).append(row["number"])
    rows: dict[str, Gspr] = {}
    for row in data["rows"]:
        rows[row["number"]] = _row(row, below, rows)
    return Annex(regulation, data["chapters"], data["tags"], tuple(rows.values()))


def _row(row: dict[str, Any], below: dict[str, list[str]], above: dict[str, Gspr]) -> Gspr:
    parent = row.get("parent", "")
    return Gspr(
        number=row["number"],
        chapter=row["chapter"],
        parent=parent,
        kind=row.get("kind", REQUIREMENT),
        title_words=row["title"],
        summary=row["summary"],
        tags=tuple(row["tags"]),
        note_words=row.get("note", {}),
        children=tuple(below.get(row["number"], ())),
        depth=above[parent].depth + 1 if parent else 0,
    )
