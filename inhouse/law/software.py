"""What is asked of software, and of artificial intelligence, as data: tests, points, steps, and why the points are voluntary."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from inhouse.law.words import Words, said

FILE = Path(__file__).parent / "software.yaml"


@dataclass(frozen=True)
class Entry:
    """A kind of test, a point or a step. Answers are stored under its id."""

    id: str
    title_words: Words
    help_words: Words
    source_words: Words

    @property
    def title(self) -> str:
        return said(self.title_words)

    @property
    def help(self) -> str:
        return said(self.help_words)

    @property
    def source(self) -> str:
        return said(self.source_words)


@dataclass(frozen=True)
class InHouse:
    """Why AI made in-house is not high-risk, and what applies all the same (AIA-A)."""

    stated_on: date
    reason_words: Words
    follows_words: Words
    source_words: Words

    @property
    def reason(self) -> str:
        return said(self.reason_words)

    @property
    def follows(self) -> str:
        return said(self.follows_words)

    @property
    def source(self) -> str:
        return said(self.source_words)


@dataclass(frozen=True)
class Applies:
    """From when a part of the AI Act applies."""

    day: date
    what_words: Words
    source_words: Words

    @property
    def what(self) -> str:
        return said(self.what_words)

    @property
    def source(self) -> str:
        return said(self.source_words)


@dataclass(frozen=True)
class Examples:
    """What modules typically are devices, and what typically are not."""

    device_words: tuple[Words, ...]
    other_words: tuple[Words, ...]

    @property
    def device(self) -> list[str]:
        return [said(words) for words in self.device_words]

    @property
    def other(self) -> list[str]:
        return [said(words) for words in self.other_words]


@dataclass(frozen=True)
class Software:
    tests: tuple[Entry, ...]
    examples: Examples
    in_house: InHouse
    dates: tuple[Applies, ...]
    principles: tuple[Entry, ...]
    points: tuple[Entry, ...]
    steps: tuple[Entry, ...]

    @property
    def checklist(self) -> tuple[Entry, ...]:
        """Everything that is answered point by point."""
        return self.principles + self.points


@cache
def software() -> Software:
    data = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    house = data["in_house"]
    return Software(
        tests=_entries(data["tests"]),
        examples=Examples(tuple(data["examples"]["device"]), tuple(data["examples"]["other"])),
        in_house=InHouse(house["stated_on"], house["reason"], house["follows"], house["source"]),
        dates=tuple(Applies(row["day"], row["what"], row["source"]) for row in data["dates"]),
        principles=_entries(data["principles"]),
        points=_entries(data["points"]),
        steps=_entries(data["steps"]),
    )


def _entries(rows: list[dict[str, Any]]) -> tuple[Entry, ...]:
    return tuple(Entry(row["id"], row["title"], row["help"], row["source"]) for row in rows)
