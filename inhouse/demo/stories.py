"""The devices of the demo as they are written down."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from typing import Any

import yaml

from inhouse.demo.region import FOLDER

Day = date | int
"""A date; or a number of days from today, negative for the past."""


def day_of(day: Day, today: date) -> date:
    return day if isinstance(day, date) else today + timedelta(days=day)


@dataclass(frozen=True)
class Kind:
    """What devices of one kind share."""

    facility: str
    process: str
    verification: str
    validation: str
    training: str | None
    maintenance: str | None
    marking_text: str
    file: str
    marking: str = "on_product"


@dataclass(frozen=True)
class Device:
    """One device's story: what was said of it, how far it came from `began` to `reached`, and what happened `then`.

    `software` says why a program is a device, `drives` which device it drives and that one's class, `rules` which rules
    of Annex VIII apply with the cases that fit, `ruled_out` why one does not, `expert` the class set instead, and why.
    """

    key: str
    name: str
    summary: str
    kind: str
    unit: str
    by: str
    began: Day
    scope: list[str]
    reached: Day | None = None
    stop: str = "in_use"
    # the assessment
    group: str = ""
    special: str = ""
    level: str = ""
    device: bool = True
    non_medical: str = ""
    ivd: bool = False
    software: str = ""
    drives: list[str] = field(default_factory=list)
    accessory: bool = False
    way: str = "in_house"
    other_route: dict[str, str] = field(default_factory=dict)
    outside: bool = False
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    investigation: dict[str, bool] = field(default_factory=dict)
    prohibited: dict[str, str] = field(default_factory=dict)
    scale: str = ""
    searched: str = ""
    result: str = "none_fits"
    why: str = ""
    candidates: list[list[str]] = field(default_factory=list)
    grounds: list[str] | None = None
    benefit: str = ""
    risk: str = ""
    cost: str = ""
    conclusion: str = ""
    support: str = ""
    decision: str = ""
    outcome: str = ""
    reason: str = ""
    # the class
    risk_class: str = ""
    rules: dict[str, list[str]] = field(default_factory=dict)
    ruled_out: dict[str, str] = field(default_factory=dict)
    class_why: str = ""
    rethought: dict[str, Any] = field(default_factory=dict)
    expert: list[str] = field(default_factory=list)
    # the owner
    owner: str = ""
    level_reason: str = ""
    declined: str = ""
    # the design
    reference: str = ""
    purpose: str = ""
    description: str = ""
    traits: list[str] = field(default_factory=list)
    tracing: bool = False
    tracing_why: str = ""
    parts: list[list[Any]] = field(default_factory=list)
    unmet: list[list[str]] = field(default_factory=list)
    # what shows that it is fit
    verified: dict[str, str] = field(default_factory=dict)
    validated: dict[str, str] = field(default_factory=dict)
    # the use
    diary: bool = True
    users: list[str] = field(default_factory=list)
    items: dict[str, Any] = field(default_factory=dict)
    patients: int = 0
    findings: list[str] = field(default_factory=list)
    then: list[dict[str, Any]] = field(default_factory=list)
    neglect: dict[str, Day] = field(default_factory=dict)
    again: dict[str, Any] = field(default_factory=dict)

    @property
    def ends(self) -> str:
        """The station at which the answers end the way short of in-house manufacture; empty where it goes on."""
        if not self.device or self.outside or self.way in ("ce_marked", "custom_made"):
            return "qualified"
        return "described" if self.way == "clinical_investigation" else ""


def kinds() -> dict[str, Kind]:
    rows = yaml.safe_load((FOLDER / "kinds.yaml").read_text(encoding="utf-8"))
    return {name: Kind(**row) for name, row in rows.items()}


@cache
def market() -> dict[str, Any]:
    """Where the market is searched, and what is known of devices on it."""
    content: dict[str, Any] = yaml.safe_load((FOLDER / "market.yaml").read_text(encoding="utf-8"))
    return content


def devices() -> list[Device]:
    """Every device, in the order of the files."""
    return [
        Device(**row)
        for path in sorted((FOLDER / "devices").glob("*.yaml"))
        for row in yaml.safe_load(path.read_text(encoding="utf-8"))
    ]
