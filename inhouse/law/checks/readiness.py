"""G7: what must stand around the device before patients meet it."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _

from inhouse.dossier import Dossier
from inhouse.law.checks import Missing, check
from inhouse.models import Readiness
from organisation import alphabet
from products.models import UnitUse


def _ready(d: Dossier) -> Readiness | None:
    return d.readiness(d.working) if d.working else None


@check("G7", "VGR-57")
def managing_organisation(d: Dossier) -> Iterator[Missing]:
    ready = _ready(d)
    if not (ready and ready.managing_organisation and ready.managing_contact):
        yield Missing(_("Name the organisation that manages the product, and its contact."), "readiness")


@check("G7", "VGR-58")
def training(d: Dossier) -> Iterator[Missing]:
    ready = _ready(d)
    if not (ready and ready.support_contact and (ready.training_plan or not ready.training_needed)):
        yield Missing(_("Say whether training is needed, how it is given, and who supports the users."), "readiness")


@check("G7", "VGR-59")
def maintenance(d: Dossier) -> Iterator[Missing]:
    ready = _ready(d)
    if not (ready and (ready.maintenance_plan or not ready.maintenance_needed)):
        yield Missing(_("Say whether maintenance is needed and how it is done."), "readiness")


@check("G7", "VGR-55")
def marking(d: Dossier) -> Iterator[Missing]:
    ready = _ready(d)
    if not (ready and ready.marking_text):
        yield Missing(_("Say how the product is marked."), "readiness")
    if d.working and (d.working.patient_tracing is None or not d.working.tracing_reason):
        yield Missing(_("Say, with a reason, whether items are traced to the patient."), "design")


@check("G7", "VGR-80")
def units(d: Dossier) -> Iterator[Missing]:
    parts = {use.part for use in d.units}
    if UnitUse.Part.MAKES not in parts:
        yield Missing(_("List the unit that makes the product."), "units")
    if UnitUse.Part.USES not in parts:
        yield Missing(_("List the units that will use the product."), "units")


@check("G7", "MDR55-a", "IVDR55-a", "VGR-33")
def places(d: Dossier) -> Iterator[Missing]:
    """Every unit belongs to the one legal entity; what remains to refuse is a place that was closed."""
    closed = sorted({str(p.unit) for p in d.placed if not p.unit.active}, key=alphabet.key)
    if closed:
        yield Missing(
            _("Items are placed at units that are no longer part of the institution: %(units)s.")
            % {"units": ", ".join(closed)},
            "items",
        )


@check("G7", "MDR55-g", "IVDR55-h")
def released(d: Dossier) -> Iterator[Missing]:
    placed = {p.item_id for p in d.placed}
    unreleased = [i.identifier for i in d.living if i.pk in placed and (i.released_on is None or i.released_on > d.on)]
    if unreleased:
        yield Missing(
            _("Items are placed without a release record: %(items)s.") % {"items": ", ".join(unreleased)}, "items"
        )
