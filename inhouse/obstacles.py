"""What stands in the way of a step, and the refusal that carries it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.core.exceptions import ValidationError

from inhouse.law import Requirement


@dataclass
class Obstacle:
    """One thing that is missing, the requirements it rests on, and the page where it is mended."""

    text: str
    requirements: list[Requirement] = field(default_factory=list)
    mend: str = ""
    stops: bool = True

    def __str__(self) -> str:
        return f"{self.text} ({self.source})" if self.source else self.text

    @property
    def source(self) -> str:
        """Where the demand is written, each place once."""
        return " · ".join(dict.fromkeys(row.source for row in self.requirements))

    @property
    def why(self) -> str:
        return " · ".join(dict.fromkeys(row.title for row in self.requirements))


class Refused(ValidationError):
    """Not now: carries the obstacles."""

    def __init__(self, obstacles: Iterable[Obstacle]) -> None:
        self.obstacles = list(obstacles)
        super().__init__([str(obstacle) for obstacle in self.obstacles])


WAY = (
    "assessment-proposal", "assessment-device", "assessment-route", "assessment-scope", "assessment-need", "market",
    "assessment-prohibitions", "class", "software", "assessment-weighing", "assessment",
    "owner", "design", "laboratory", "documents", "evidence", "conformity", "declaration", "readiness", "units", "items", "follow-up",
    "change", "suspension", "withdrawal", "retention", "product", "decision",
)  # fmt: skip
"""The pages where things are mended, in the order in which one comes to them; the decision closes the way."""

FOLLOWS = {"VGR-72": "evidence"}
"""Demands that are met by themselves when what is missing on that page is there."""


def told(obstacles: Iterable[Obstacle]) -> list[Obstacle]:
    """As people read them: in the order of the way, and without what only follows from another that is listed."""
    found = sorted(obstacles, key=lambda each: WAY.index(each.mend) if each.mend in WAY else -1)
    return [each for each in found if not any(_follows(each, other) for other in found)]


def _follows(one: Obstacle, other: Obstacle) -> bool:
    """Whether the one is gone when the other is mended."""
    pages = {FOLLOWS[row.id] for row in one.requirements if row.id in FOLLOWS}
    return other is not one and pages == {other.mend} and not {row.id for row in other.requirements} & set(FOLLOWS)
