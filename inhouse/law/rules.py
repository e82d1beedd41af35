"""The classification rules of Annex VIII as data: every edition that a class was ever set under."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from inhouse.law.words import Words, said

FOLDER = Path(__file__).parent / "classification"
SCOPES = {"MDR": ("non_invasive", "invasive", "active", "special"), "IVDR": ("ivd",)}
"""The groups of rules, in the order they are asked."""


@dataclass(frozen=True)
class Branch:
    """A case of a rule. One that is `ground` holds whenever its rule applies; the others are asked."""

    id: str
    risk_class: str
    kind: str
    words: Words
    ground: bool
    exception_to: str
    replaces: tuple[str, ...]
    markers: tuple[str, ...]

    @property
    def text(self) -> str:
        return said(self.words)


@dataclass(frozen=True)
class Rule:
    id: str
    section: str
    scope: str
    title_words: Words
    applies_words: Words
    branches: tuple[Branch, ...]

    @property
    def key(self) -> str:
        """What its own answer is stored under: does it apply?"""
        return f"rule-{self.id}"

    @property
    def title(self) -> str:
        return said(self.title_words)

    @property
    def applies_when(self) -> str:
        return said(self.applies_words)

    @property
    def asked(self) -> tuple[Branch, ...]:
        """The branches that a person must judge."""
        return tuple(branch for branch in self.branches if not branch.ground)


@dataclass(frozen=True)
class Edition:
    """The rules of one regulation in one edition; `classes` from the lowest to the highest."""

    regulation: str
    number: int
    source_words: Words
    classes: tuple[str, ...]
    rules: tuple[Rule, ...]

    @property
    def source(self) -> str:
        return said(self.source_words)

    @property
    def tree(self) -> str:
        """The name the answers are stored under."""
        return f"class_{self.regulation.lower()}"

    def __getitem__(self, rule: str) -> Rule:
        return next(each for each in self.rules if each.id == rule)


@cache
def editions(regulation: str) -> tuple[Edition, ...]:
    """Every edition of a regulation's rules, oldest first."""
    data = yaml.safe_load((FOLDER / f"{regulation.lower()}.yaml").read_text(encoding="utf-8"))
    return tuple(sorted((_edition(regulation, row) for row in data), key=lambda each: each.number))


def edition(regulation: str, number: int | None = None) -> Edition:
    """The edition of that number; the newest where none is given or it was never walked (0: written by hand)."""
    found = editions(regulation)
    return next((each for each in found if each.number == number), found[-1])


def _edition(regulation: str, row: dict[str, Any]) -> Edition:
    return Edition(
        regulation=regulation,
        number=row["edition"],
        source_words=row["source"],
        classes=tuple(row["classes"]),
        rules=tuple(
            Rule(
                id=rule["id"],
                section=rule["section"],
                scope=rule["scope"],
                title_words=rule["title"],
                applies_words=rule["applies_when"],
                branches=tuple(
                    Branch(
                        id=branch["id"],
                        risk_class=branch["class"] or "",
                        kind=branch["kind"],
                        words=branch["condition"],
                        ground=branch.get("ground", False),
                        exception_to=branch.get("exception_to", ""),
                        replaces=tuple(branch.get("replaces", ())),
                        markers=tuple(branch.get("markers", ())),
                    )
                    for branch in rule["branches"]
                ),
            )
            for rule in row["rules"]
        ),
    )
