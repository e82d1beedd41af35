"""G2, G3 and G4 for software: from when it is a device, what it is made of, how it is tested, and why it is what it is.

Artificial intelligence has no check of its own: in-house, the points of the AI Act are voluntary (MDCG 2025-6).
"""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _

from inhouse import law
from inhouse.dossier import Dossier
from inhouse.law.checks import Missing, check
from inhouse.law.software import software
from products.models import Revision

TREE = "software_is_device"


def of(d: Dossier) -> Revision | None:
    """The revision being worked on, if it is software: by its design, or by the answers while it is proposed."""
    first = d.answered(TREE).get("sw1")
    revision = d.working
    if revision and (revision.is_software or (first and first.is_yes and d.product.stage == d.product.Stage.PROPOSED)):
        return revision
    return None


@check("G2", "SW-13")
def early(d: Dossier) -> Iterator[Missing]:
    revision = of(d)
    if revision is None:
        return
    plan = next((plan for plan in d.software_plans if plan.revision_id == revision.pk), None)
    if plan is None or not plan.is_complete:
        yield Missing(
            _("Answer the early questions on the software, and say from when it is treated as a device."), "software"
        )


@check("G3", "SW-04")
def modules(d: Dossier) -> Iterator[Missing]:
    revision = of(d)
    if revision and not any(m.is_device for m in d.software_modules if m.revision_id == revision.pk):
        yield Missing(_("List the modules of the software, at least one of them a device."), "software")


@check("G3", "SW-14")
def tests(d: Dossier) -> Iterator[Missing]:
    revision = of(d)
    if revision is None:
        return
    planned = {test.kind for test in d.software_tests if test.revision_id == revision.pk}
    absent = [entry.title for entry in software().tests if entry.id not in planned]
    if absent:
        yield Missing(
            _("Plan each kind of pre-clinical test, or say why it is not relevant: %(kinds)s.")
            % {"kinds": ", ".join(absent)},
            "software",
        )


@check("G4", "SW-10")
def reasons(d: Dossier) -> Iterator[Missing]:
    """What was decided on the short form was not asked why software is a device; only its class needs a reason."""
    revision = of(d)
    if revision is None:
        return
    given = d.answered(TREE)
    asked = law.as_asked(TREE, given.values())
    for name in asked.walk({question: answer.value for question, answer in given.items()})[0]:
        answer = given.get(name)
        if answer and answer.value in asked[name].reason and not answer.reason:
            yield Missing(_("Give the reason why the software is a device."), "assessment-device")
    if not revision.class_reason:
        yield Missing(_("Give the reason for the risk class of the software."), "class")
