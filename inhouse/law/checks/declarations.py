"""G6 and G7: the order of signing, the diary, the public."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from inhouse.dossier import Dossier
from inhouse.law.checks import Missing, check
from inhouse.models import EvidenceRecord


@check("G6", "VGR-72", "MDR55-0", "IVDR55-0")
def order(d: Dossier) -> Iterator[Missing]:
    if d.working is None:
        return
    records = [d.approved(d.working, kind) for kind in EvidenceRecord.Kind]
    if any(d.outdated(d.working, kind) for kind in EvidenceRecord.Kind):
        yield Missing(
            _("Verification and validation must be done no earlier than the last change of the design, on %(day)s.")
            % {"day": date_format(d.designed(d.working))},
            "evidence",
        )
    elif any(record is None for record in records):
        yield Missing(
            _("The declaration is signed only when verification and validation are both approved."), "evidence"
        )
    elif any(record and record.done_on > d.on for record in records):
        yield Missing(_("Verification and validation must be done no later than the day of signing."), "evidence")


def _recorded_by_owner(d: Dossier) -> set[str]:
    """The kinds of evidence that count for the working revision and were recorded by whoever signs."""
    owner = d.ownership
    if d.working is None or owner is None:
        return set()
    found = {kind: d.approved(d.working, kind) for kind in EvidenceRecord.Kind.values}
    return {kind for kind, record in found.items() if record and record.recorded_by_id == owner.person_id}


@check("G6", "SIGN-1")
def more_eyes(d: Dossier) -> Iterator[Missing]:
    if _recorded_by_owner(d) == set(EvidenceRecord.Kind.values):
        yield Missing(
            _("The product owner recorded both verification and validation: someone else records one of them."),
            "evidence",
        )


@check("G6", "SIGN-2")
def validated_by_another(d: Dossier) -> Iterator[Missing]:
    if _recorded_by_owner(d) == {EvidenceRecord.Kind.VALIDATION.value}:
        yield Missing(
            _("The product owner recorded the validation: in this class someone else records it."), "evidence"
        )


@check("G7", "VGR-56")
def signed(d: Dossier) -> Iterator[Missing]:
    if d.working and d.declaration(d.working) is None:
        yield Missing(_("The product owner signs the declaration."), "declaration")


@check("G7", "MDR55-e", "IVDR55-f", "VGR-74")
def published(d: Dossier) -> Iterator[Missing]:
    declaration = d.declaration(d.working) if d.working else None
    if declaration is None:
        yield Missing(_("The product owner signs the declaration."), "declaration")
    elif declaration.published_on is None or declaration.published_on > d.on:
        yield Missing(_("Publish the declaration."), "declaration")


@check("G7", "VGR-73")
def in_the_diary(d: Dossier) -> Iterator[Missing]:
    declaration = d.declaration(d.working) if d.working else None
    if declaration is None or declaration.diary_on is None or declaration.diary_on > d.on:
        yield Missing(_("Register the declaration in the diary."), "declaration")
