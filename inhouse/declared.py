"""The fields of a declaration, D1–D26, one by one: what stands in each, who demands it, and what is new in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inhouse.snapshots import Snapshot
from organisation.models import User


class Level(Enum):
    """Who demands a field: the law, MDCG 2023-1, the region's guideline, or this register."""

    LAW = "law", gettext_lazy("Law"), "info"
    GUIDANCE = "guidance", gettext_lazy("Guidance"), "neutral"
    REGIONAL = "regional", gettext_lazy("Regional"), "neutral"
    OWN = "own", gettext_lazy("Own"), "neutral"

    def __init__(self, key: str, label: Any, colour: str) -> None:
        self.key, self.label, self.colour = key, label, colour


@dataclass(frozen=True)
class Field:
    id: str
    label: Any
    level: Level
    read: Callable[[Snapshot], str]
    warn: Callable[[Snapshot], str] = lambda content: ""
    """What whoever signs should know of what stands there, though it does not stop them."""
    needed: bool = False
    """Whether the declaration is not lawful, or by the guideline not complete, while it is empty."""


@dataclass(frozen=True)
class Row:
    """A field as it would be declared: `changed` against the last declaration, `missing` or only `thin` where it is empty."""

    field: Field
    text: str
    changed: bool
    missing: bool
    thin: bool
    before: str = ""
    warning: str = ""


def _lines(*texts: Any) -> str:
    return "\n".join(str(text) for text in texts if text)


def _joined(*texts: Any) -> str:
    return " · ".join(str(text) for text in texts if text)


def _day(text: str) -> str:
    return date_format(date.fromisoformat(text)) if text else ""


def _device(content: Snapshot) -> str:
    device = content["device"]
    revision = _("revision %(number)s") % {"number": device["revision"]}
    return _joined(device["product_number"], device["reference"], revision)


def _described(content: Snapshot) -> str:
    parts = content["device"]["accessories"]
    named = [" ".join(filter(None, (p["name"], p["maker"], p["model"], p["version"]))) for p in parts]
    return _lines(content["device"]["description"], *named)


def _class(content: Snapshot) -> str:
    device = content["device"]
    if device["risk_class"] and device["class_rule"]:
        return _("%(class)s (rule %(rule)s)") % {"class": device["risk_class"], "rule": device["class_rule"]}
    return str(device["risk_class"])


def _unmet(content: Snapshot) -> str:
    rows = content["statement"]["exceptions"]
    return _lines(*(f"{row['number']}: {row['what']} {row['why']}" for row in rows))


def _conformity(content: Snapshot) -> str:
    regulation = {"regulation": content["statement"]["regulation_number"]}
    if content["statement"]["exceptions"]:
        return _("Annex I to Regulation (EU) %(regulation)s, apart from the requirements below") % regulation
    return _("Annex I to Regulation (EU) %(regulation)s") % regulation


def _person(person: dict[str, Any]) -> str:
    return ", ".join(filter(None, (person["name"], person["title"], person["unit"])))


def _signers(content: Snapshot) -> str:
    beside = [f"{_person(person)} ({person['role']})" for person in content.get("cosigners", ())]
    return _lines(_person(content["signed"]), *beside)


def _not_leading(content: Snapshot) -> str:
    """VGR-44: should have the powers of a head of unit."""
    staff = content["signed"].get("level_key") == User.Level.STAFF
    return _("The product owner is not head of a unit or higher.") if staff else ""


def _examined(content: Snapshot) -> str:
    """Both days; of two that belong together one alone is nothing."""
    days = (_("verified %(day)s"), content["verified_on"]), (_("validated %(day)s"), content["validated_on"])
    return _joined(*(text % {"day": _day(day)} for text, day in days)) if all(day for _text, day in days) else ""


def _laboratory(content: Snapshot) -> str:
    found = content.get("laboratory")
    if not found:
        return ""
    until = _("until %(day)s") % {"day": _day(found["accredited_until"])} if found["accredited_until"] else ""
    return _lines(found["name"], _joined(found["standard"], found["accreditation"], until), found["scope"])


FIELDS = (
    Field("D1", gettext_lazy("Health institution"), Level.LAW, lambda c: c["institution"]["name"], needed=True),
    Field("D2", gettext_lazy("Address"), Level.LAW, lambda c: c["institution"]["address"], needed=True),
    Field("D3", gettext_lazy("Organisation number"), Level.OWN, lambda c: c["institution"]["organisation_number"]),
    Field("D4", gettext_lazy("Manufacturing unit"), Level.REGIONAL, lambda c: _lines(c["administration"], c["unit"])),
    Field("D5", gettext_lazy("Name of the device"), Level.LAW, lambda c: c["device"]["name"], needed=True),
    Field("D6", gettext_lazy("Number, reference and revision"), Level.LAW, _device, needed=True),
    Field("D7", gettext_lazy("Description, parts and accessories"), Level.GUIDANCE, _described),
    Field("D8", gettext_lazy("Intended purpose"), Level.GUIDANCE, lambda c: _lines(c["device"]["intended_purpose"], c["device"]["patient_group"])),
    Field("D9", gettext_lazy("Type"), Level.GUIDANCE, lambda c: c["device"]["type"]),
    Field("D10", gettext_lazy("Risk class"), Level.GUIDANCE, _class),
    Field("D11", gettext_lazy("Made and used only within the institution"), Level.GUIDANCE, lambda c: _("Yes")),
    Field("D12", gettext_lazy("Requirements declared to be met"), Level.LAW, _conformity, needed=True),
    Field("D13–14", gettext_lazy("Requirements not fully met, with reasons"), Level.LAW, lambda c: _unmet(c) or _("none")),
    Field("D15", gettext_lazy("All that apply are fully met"), Level.GUIDANCE, lambda c: _("No") if c["statement"]["exceptions"] else _("Yes")),
    Field("D16", gettext_lazy("Place; the moment is that of the seal"), Level.GUIDANCE, lambda c: c["signed"]["place"]),
    Field("D17–18", gettext_lazy("Who signs"), Level.REGIONAL, _signers, _not_leading, needed=True),
    Field("D20", gettext_lazy("Declaration number, version, replaces"), Level.OWN, lambda c: _joined(c["number"], c["version"], c["replaces"])),
    Field("D22", gettext_lazy("Verified and validated before"), Level.REGIONAL, _examined, needed=True),
    Field("D24", gettext_lazy("Questions and problems"), Level.OWN, lambda c: c["contact"]),
    Field("D25", gettext_lazy("Laboratory"), Level.OWN, _laboratory),
    Field("D26", gettext_lazy("Permanent public address"), Level.LAW, lambda c: c["address"], needed=True),
)  # fmt: skip
ALWAYS_NEW = {"D20", "D26", "D22"}
"""Fields that differ between any two declarations, so that a mark on them would say nothing."""


def rows(content: Snapshot, before: Snapshot | None = None) -> Iterator[Row]:
    """Every field that this declaration has, in order. D19 and D21 are added after signing."""
    for field in FIELDS:
        if field.id == "D25" and not content.get("laboratory"):
            continue
        text, then = field.read(content), field.read(before) if before else ""
        changed = before is not None and field.id not in ALWAYS_NEW and text != then
        empty = not text.strip()
        yield Row(
            field,
            text,
            changed,
            empty and field.needed,
            empty and not field.needed,
            then if changed else "",
            field.warn(content),
        )
