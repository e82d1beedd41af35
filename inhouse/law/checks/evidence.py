"""G4 and G5: documented, verified, validated; and at G9 confirmed anew."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from inhouse.dossier import Dossier
from inhouse.law.checks import Missing, check, conformity
from inhouse.models import EvidenceDocument, EvidenceRecord

Group = EvidenceDocument.Group
Kind = EvidenceRecord.Kind
FIVE = (Group.FACILITY, Group.PROCESS, Group.DESIGN, Group.PERFORMANCE, Group.PURPOSE)


@check("G4", "MDR55-f", "IVDR55-g")
def documented(d: Dossier) -> Iterator[Missing]:
    if d.working is None:
        return
    yield from described(d)
    absent = [str(group.label) for group in FIVE if not d.documents_of(d.working, group)]
    if absent:
        yield Missing(_("Add documents for: %(groups)s.") % {"groups": ", ".join(absent)}, "documents")
    unconfirmed = [e for e in d.documents_of(d.working) if e.confirmed_on is None]
    if unconfirmed:
        yield Missing(_("Confirm that the documents carried over still hold for this revision."), "documents")


@check("G4", "VGR-52")
def fit(d: Dossier) -> Iterator[Missing]:
    yield from described(d)
    yield from conformity.answered(d)


def described(d: Dossier) -> Iterator[Missing]:
    r = d.working
    if not (r and r.intended_purpose and r.patient_group and r.description and r.reference):
        yield Missing(_("Describe the device: reference, intended purpose, patient group and description."), "design")


@check("G4", "VGR-54")
@check("G7", "VGR-54")
def user_information(d: Dossier) -> Iterator[Missing]:
    if d.working and not d.documents_of(d.working, Group.USER_INFORMATION):
        yield Missing(_("Add the information to users."), "documents")


def _record(d: Dossier, kind: Kind, absent: str, failed: str, outdated: str) -> Iterator[Missing]:
    if d.working is None or d.approved(d.working, kind):
        return
    if old := d.outdated(d.working, kind):
        days = {"day": date_format(old.done_on), "changed": date_format(d.designed(d.working))}
        yield Missing(outdated % days, "evidence")
    else:
        yield Missing(failed if d.records_of(d.working, kind) else absent, "evidence")


@check("G4", "VGR-70")
def verified(d: Dossier) -> Iterator[Missing]:
    yield from _record(
        d,
        Kind.VERIFICATION,
        _("Record an approved verification."),
        _("The latest verification was not approved."),
        _("The verification of %(day)s is of an earlier design, which was changed on %(changed)s: verify it anew."),
    )


@check("G5", "VGR-71")
def validated(d: Dossier) -> Iterator[Missing]:
    yield from _record(
        d,
        Kind.VALIDATION,
        _("Record an approved validation against the need."),
        _("The latest validation was not approved."),
        _("The validation of %(day)s is of an earlier design, which was changed on %(changed)s: validate it anew."),
    )


@check("G5", "VGR-52")
def clinical_evaluation(d: Dossier) -> Iterator[Missing]:
    if d.working and not d.documents_of(d.working, Group.CLINICAL):
        yield Missing(_("Add the clinical evaluation."), "documents")


@check("G4", "MDR55-0")
def safe(d: Dossier) -> Iterator[Missing]:
    """Annex I: each requirement is answered, the risks are managed (3), what is met is shown, users are told how (23)."""
    if d.working and not d.documents_of(d.working, Group.RISK):
        yield Missing(_("Add the risk management file."), "documents")
    yield from user_information(d)
    yield from verified(d)
    yield from conformity.answered(d)


@check("G5", "MDR55-0")
def performs(d: Dossier) -> Iterator[Missing]:
    """Annex I, 1: it performs as intended, and its benefit outweighs its risks."""
    yield from validated(d)
    yield from clinical_evaluation(d)


@check("G4", "IVDR55-0")
def safe_in_vitro(d: Dossier) -> Iterator[Missing]:
    """The same of IVDR Annex I (3, 20). Not every class is documented under (g), so what it is is asked for here."""
    yield from described(d)
    yield from safe(d)


@check("G5", "IVDR55-0")
def performs_in_vitro(d: Dossier) -> Iterator[Missing]:
    """IVDR Annex I, 1 and 9: scientific validity, analytical and clinical performance, held against the need."""
    yield from validated(d)
    if d.working and not d.documents_of(d.working, Group.PERFORMANCE):
        yield Missing(_("Add the performance data: analytical and clinical, and the scientific validity."), "documents")


@check("G9", "SW-12")
def change(d: Dossier) -> Iterator[Missing]:
    r = d.working
    if r is None or r.number == 1:
        return
    if not any(c.revision_id == r.pk and d.change_answers(c) for c in d.changes):
        yield Missing(_("Answer the questions on the change that led to this revision."), "change")
    ready = d.readiness(r)
    if ready is not None and ready.confirmed_on is None:
        yield Missing(_("Confirm that the readiness carried over still holds for this revision."), "readiness")
