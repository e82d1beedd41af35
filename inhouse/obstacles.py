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
