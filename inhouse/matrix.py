"""The conditions of Article 5(5) for one product, each met or not, with what shows it: (a)–(h) of MDR, (a)–(i) of IVDR."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.formats import date_format, localize
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from inhouse import gates, law
from inhouse.dossier import Dossier
from inhouse.law import Requirement, checks
from inhouse.law.checks import Missing
from organisation.models import Authority
from products.models import Product

OVER = (Product.Stage.WITHDRAWN, Product.Stage.DISPOSED, Product.Stage.REJECTED, Product.Stage.ABANDONED)
"""The stages in which nothing more is asked for, as patients meet the product no more."""


@dataclass
class Condition:
    """A point of Article 5(5): `state` is met, missing, waiting (its time has not come) or over (it never comes any more).

    Two states are of the law and not of the product: later (the point does not bind yet) and spared (it is for other
    classes, which `classes` names). `mend` is the page where the evidence stands; empty where there is nothing to see
    or to add.
    """

    requirement: Requirement
    state: str
    evidence: str
    mend: str
    classes: str = ""

    @property
    def point(self) -> str:
        return self.requirement.point


def matrix(d: Dossier) -> list[Condition]:
    """The points in their order. Of a product that patients may meet: for what is in force, also while a new revision is made."""
    d = d.settled()
    rows = [row for row in gates.written(d) if row.point and (row.valid_until is None or d.on <= row.valid_until)]
    return [_condition(d, row) for row in sorted(rows, key=lambda row: row.point)]


def _condition(d: Dossier, row: Requirement) -> Condition:
    missing: list[Missing] = [m for gate in row.gates for m in checks.REGISTRY[row.id, gate](d)]
    evidence, mend, reached = _evidence(d, _shown_by(row))
    unbound = _unbound(d, row)
    if unbound and (d.product.stage not in OVER or d.placed):
        classes = ", ".join(row.classes_in(d.institution.country))
        return Condition(row, unbound, evidence, mend if evidence else "", classes)
    if d.product.stage in OVER and not d.placed and (missing or not reached):
        return Condition(row, "over", evidence, mend if reached else "")
    if missing:
        return Condition(row, "missing" if reached else "waiting", evidence or missing[0].text, missing[0].mend)
    return Condition(row, "met" if reached else "waiting", evidence, mend)


def _unbound(d: Dossier, row: Requirement) -> str:
    """Why a point does not bind; empty when it does."""
    if not row.holds(d.on):
        return "later"
    revision = d.working
    return "" if row.is_for(revision.risk_class if revision else "", country=d.institution.country) else "spared"


def _shown_by(row: Requirement) -> str:
    """The point of the MDR whose evidence shows this one; the laboratory has none there."""
    return law.requirements()[row.twin].point if row.twin else "laboratory" if row.id == "IVDR55-c" else row.point


def _evidence(d: Dossier, point: str) -> tuple[str, str, bool]:
    """What shows the point, where it stands, and whether there is anything to show yet. Points are those of the MDR."""
    revision = d.working
    match point:
        case "a":
            return (
                _whereabouts(d),
                "items" if d.items or d.product.stage not in OVER else "",
                bool(d.answered("prohibitions")),
            )
        case "b":
            return str(d.product.quality_system or ""), "design", d.product.quality_system_id is not None
        case "laboratory":
            return _laboratory(d), "laboratory", bool(_laboratory(d))
        case "c" if d.search and d.search.searched_on:
            places, devices = len(d.looked(d.search)), len(d.considered(d.search))
            words = {
                "day": date_format(d.search.searched_on),
                "places": ngettext("%(count)s place", "%(count)s places", places) % {"count": places},
                "devices": ngettext("%(count)s device considered", "%(count)s devices considered", devices)
                % {"count": devices},
            }
            if not places:  # the short form said in one text where was searched
                return _("Search of %(day)s, %(devices)s") % words, "market", True
            return _("Search of %(day)s: %(places)s, %(devices)s") % words, "market", True
        case "d":
            authority = Authority.objects.on(d.on).filter(task=Authority.Task.SUPERVISION).first()
            return (
                (
                    _("The register answers %(authority)s at once") % {"authority": authority.short_name}
                    if authority
                    else ""
                ),
                "history",
                True,
            )
        case "e":
            declaration = d.declaration(revision) if revision else None
            if declaration is None and d.product.stage in OVER:
                return _last_declared(d), "declaration", bool(d.declarations)
            if declaration is None:
                return _("Drawn up when the owner signs"), "declaration", False
            words = {"number": declaration.number, "day": date_format(declaration.signed_on)}
            return _("%(number)s, signed %(day)s") % words, "declaration", True
        case "f":
            count = len(d.documents_of(revision)) if revision else 0
            return (
                ngettext("%(count)s document", "%(count)s documents", count) % {"count": count} if count else "",
                "documents",
                count > 0,
            )
        case "g":
            released, count = sum(item.is_released for item in d.items), len(d.items)
            if not count:
                return _("No item was made") if d.product.stage in OVER else _("No item is made yet"), "items", False
            words = {"released": localize(released), "count": localize(count)}
            return _("Release records for %(released)s of %(count)s items") % words, "items", True
        case "h":
            if d.follow_ups:
                return _("Last reviewed %(day)s") % {"day": date_format(d.follow_ups[-1].done_on)}, "follow-up", True
            if d.product.stage in OVER:
                return _("No follow-up was recorded"), "follow-up", False
            return (
                _("First follow-up three months after use starts"),
                "follow-up",
                d.product.stage in d.product.Stage.used,
            )
    return "", "market", False


def _laboratory(d: Dossier) -> str:
    """The standard of the laboratory, and its accreditation where it has one."""
    system = d.product.quality_system
    if system is None or not system.laboratory_standard:
        return ""
    words = {"standard": system.laboratory_standard, "number": system.accreditation}
    if not system.accreditation:
        return system.laboratory_standard
    if system.accredited_until is None:
        return _("%(standard)s, accreditation %(number)s") % words
    words["day"] = date_format(system.accredited_until)
    return _("%(standard)s, accreditation %(number)s until %(day)s") % words


def _whereabouts(d: Dossier) -> str:
    """Where the items are; of those that were scrapped or taken back, that none is in use any more."""
    count = len({p.item_id for p in d.placed})
    if count:
        text = ngettext(
            "%(count)s item, placed within the institution",
            "%(count)s items, all placed within the institution",
            count,
        )
        return text % {"count": localize(count)}
    made = len(d.items)
    if d.product.stage in OVER:
        text = ngettext(
            "%(count)s item was made, and it is not in use any more",
            "%(count)s items were made, none in use any more",
            made,
        )
        return text % {"count": localize(made)} if made else _("No item was made")
    return _("No item is placed now") if d.placements else _("No item is placed yet")


def _last_declared(d: Dossier) -> str:
    """The last declaration of a product that has ended, and the day it ceased to stand."""
    if not d.declarations:
        return _("None was drawn up")
    last = d.declarations[-1]
    if last.withdrawn_on:
        return _("%(number)s, withdrawn %(day)s") % {"number": last.number, "day": date_format(last.withdrawn_on)}
    return _("%(number)s, signed %(day)s") % {"number": last.number, "day": date_format(last.signed_on)}
