"""The fields of a declaration, D1 to D26: why each is there, where the snapshot holds it, and which have changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from inhouse.snapshots import Snapshot


class Level(TextChoices):
    """Who wants a field: without those of the law a declaration is none."""

    LAW = "law", _("Law")
    GUIDANCE = "guidance", _("Guidance")
    REGIONAL = "regional", _("Regional")
    OURS = "ours", _("Our own")


@dataclass(frozen=True)
class Field:
    number: str
    name: Promise | str
    level: Level
    holds: Callable[[Snapshot], Any]
    may_be_empty: bool = False


def _device(*names: str) -> Callable[[Snapshot], Any]:
    return lambda content: [content["device"][name] for name in names]


FIELDS = (
    Field("D1", _("Health institution"), Level.LAW, lambda c: c["institution"]["name"]),
    Field("D2", _("Address"), Level.LAW, lambda c: c["institution"]["address"]),
    Field("D3", _("Organisation number"), Level.OURS, lambda c: c["institution"]["organisation_number"]),
    Field("D4", _("Manufacturing unit"), Level.REGIONAL, lambda c: [c["administration"], c["unit"]]),
    Field("D5", _("Name of the device"), Level.LAW, _device("name")),
    Field("D6", _("Number, reference and revision"), Level.LAW, _device("product_number", "reference", "revision")),
    Field("D7", _("Description and accessories"), Level.GUIDANCE, _device("description", "accessories")),
    Field("D8", _("Intended purpose"), Level.GUIDANCE, _device("intended_purpose", "patient_group")),
    Field("D9", _("Type of device"), Level.GUIDANCE, _device("regulation")),
    Field("D10", _("Risk class and rule"), Level.GUIDANCE, _device("risk_class", "class_rule")),
    Field("D11", _("Made and used only within the institution"), Level.GUIDANCE, lambda c: c["institution"]["name"]),
    Field("D12", _("The requirements of Annex I are met"), Level.LAW, lambda c: c["statement"]["regulation_number"]),
    Field("D13", _("Requirements not fully met"), Level.LAW, lambda c: _unmet(c, "what"), may_be_empty=True),
    Field("D14", _("Why each of them is not met"), Level.LAW, lambda c: _unmet(c, "why"), may_be_empty=True),
    Field("D15", _("All applicable requirements fully met"), Level.GUIDANCE, lambda c: [not c["statement"]["exceptions"]]),
    Field("D16", _("Place; the seal gives the moment"), Level.GUIDANCE, lambda c: c["signed"]["place"]),
    Field("D17", _("Name and function of who signs"), Level.GUIDANCE, lambda c: _signatories(c, "name", "title")),
    Field("D18", _("Product owner: position and unit"), Level.REGIONAL, lambda c: [c["signed"]["level"], c["signed"]["unit"]]),
    Field("D19", _("Diary number"), Level.REGIONAL, lambda c: c["diary_number"], may_be_empty=True),
    Field("D20", _("Number, version, replaces"), Level.OURS, lambda c: [c["number"], c["version"]]),
    Field("D21", _("Valid from, withdrawn"), Level.OURS, lambda c: c["address"]),
    Field("D22", _("Verified and validated"), Level.REGIONAL, lambda c: _both(c["verified_on"], c["validated_on"])),
    Field("D24", _("Where to ask and to report"), Level.OURS, lambda c: c["contact"]),
    Field("D25", _("Laboratory and EN ISO 15189"), Level.OURS, lambda c: c.get("laboratory"), may_be_empty=True),
    Field("D26", _("Published at"), Level.LAW, lambda c: c["address"]),
)  # fmt: skip
"""All but D23, the units that use the device: they stand in the register and change without a new declaration."""


def _unmet(content: Snapshot, name: str) -> list[list[str]]:
    return [[row["number"], row[name]] for row in content["statement"]["exceptions"]]


def _signatories(content: Snapshot, *names: str) -> list[list[str]]:
    return [[person[name] for name in names] for person in (content["signed"], *content.get("cosigners", ()))]


def _both(*values: str) -> list[str]:
    """Of two that belong together one alone is nothing."""
    return list(values) if all(values) else []


def missing(content: Snapshot) -> list[Field]:
    """The fields with nothing in them."""
    return [field for field in FIELDS if not field.may_be_empty and not _full(field.holds(content))]


def _full(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_full, value))
    return value not in ("", None)


ALWAYS_NEW = {"D20", "D21", "D26"}
"""They carry the number of the declaration."""


def changed(content: Snapshot, before: Snapshot) -> list[Field]:
    """The fields that say something else than in another declaration of the device."""
    return [field for field in FIELDS if field.number not in ALWAYS_NEW and field.holds(content) != field.holds(before)]
