"""G3, and as long as it lives: someone answers for it, a quality system holds it, its class is set."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _

from inhouse.dossier import Dossier
from inhouse.law.checks import Missing, check


@check("G3", "VGR-43")
@check("G6", "VGR-43")
@check("G8", "VGR-43")
def owner(d: Dossier) -> Iterator[Missing]:
    held = d.ownership
    if held is not None and held.person.is_active:
        return
    if d.asked is not None and d.asked.person.is_active:
        yield Missing(
            _("%(person)s has been asked to be product owner and has not answered yet.") % {"person": d.asked.person},
            "owner",
        )
    elif held is not None:
        yield Missing(
            _("%(person)s has left and can no longer answer for the product: appoint a new product owner.")
            % {"person": held.person},
            "owner",
        )
    else:
        yield Missing(_("Appoint a product owner."), "owner")


@check("G3", "VGR-44")
def owner_level(d: Dossier) -> Iterator[Missing]:
    held = d.ownership
    if held and not held.person.leads and not held.level_reason:
        yield Missing(_("The owner’s position is below head of unit: say why this person was chosen."), "owner")


@check("G3", "MDR55-b", "IVDR55-b")
def quality_system(d: Dossier) -> Iterator[Missing]:
    if d.product.quality_system_id is None:
        yield Missing(_("Name the quality management system it is made under."), "design")


@check("G3", "SW-06")
@check("G4", "SW-06")
def risk_class(d: Dossier) -> Iterator[Missing]:
    r = d.working
    if not (r and r.intended_purpose):
        yield Missing(_("Write the intended purpose: the risk class rests on it."), "design")
    walk = d.classification(r) if r else None
    if not (walk and walk.stands_on(d.on) and walk.risk_class and (walk.override_reason or walk.reason)):
        yield Missing(_("Go through the rules and set the risk class, with the reason."), "class")
