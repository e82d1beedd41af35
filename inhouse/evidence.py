"""Documents, verifications and validations of a revision."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.core.files.base import File
from django.db import transaction
from django.utils.translation import gettext as _

from documents import storing
from documents.models import Document
from inhouse import gates, lifecycle, papers
from inhouse.design import opened
from inhouse.dossier import Dossier
from inhouse.law.checks.evidence import FIVE
from inhouse.models import EvidenceDocument, EvidenceRecord
from organisation import clock
from organisation.history import acting
from organisation.models import User
from products.models import Revision

Group = EvidenceDocument.Group


def wanted(d: Dossier, revision: Revision) -> set[Group]:
    """The groups in which a document is asked for: of an in vitro device not all, unless its class is documented (IVDR55-g)."""
    if revision.regulation != Revision.Regulation.IVDR:
        return {*Group} - {Group.OTHER}
    documented = any(row.id == "IVDR55-g" for row in gates.requirements(d, revision))
    return {Group.PERFORMANCE, Group.RISK, Group.USER_INFORMATION, *(FIVE if documented else ())}


@transaction.atomic
def add_document(revision: Revision, *, group: str, upload: File[Any], by: User, **facts: Any) -> EvidenceDocument:
    """Store a file as a document in a group of the revision. `facts` are those of `documents.storing.add`."""
    revision = opened(revision, by=by)
    papers.refuse_numbers(upload.name or "", **facts)
    document = storing.add(upload, by=by, **facts)
    with acting(by):
        return EvidenceDocument.objects.create(
            revision=revision, group=group, document=document, added_on=clock.today(), confirmed_on=clock.today()
        )


@transaction.atomic
def replace_document(entry: EvidenceDocument, *, upload: File[Any], by: User, **facts: Any) -> EvidenceDocument:
    """Put a new version in place of a document. Earlier revisions keep the version they were declared with."""
    entry = _entry(entry, by=by)
    papers.refuse_numbers(upload.name or "", **facts)
    document = storing.replace(entry.document, upload, by=by, **facts)
    entry.document, entry.confirmed_on = document, clock.today()
    with acting(by):
        entry.save()
    return entry


@transaction.atomic
def remove_document(entry: EvidenceDocument, *, by: User) -> None:
    """Take a document out of an open revision. The document itself and its history stay."""
    entry = _entry(entry, by=by)
    with acting(by):
        entry.delete()


@transaction.atomic
def confirm_documents(revision: Revision, *, by: User) -> int:
    """Confirm that the documents carried over still hold; says how many."""
    revision = opened(revision, by=by)
    with acting(by):
        return revision.evidence_documents.filter(confirmed_on=None).update(confirmed_on=clock.today())


def _entry(entry: EvidenceDocument, *, by: User) -> EvidenceDocument:
    opened(entry.revision, by=by)
    return EvidenceDocument.objects.select_related("document", "revision").get(pk=entry.pk)


@transaction.atomic
def record(
    revision: Revision,
    *,
    kind: str,
    what: str,
    method: str,
    result: str,
    outcome: str,
    done_on: date,
    done_by: str,
    document: Document | None = None,
    by: User,
) -> EvidenceRecord:
    """Record a verification or a validation of an open revision."""
    revision = opened(revision, by=by)
    if revision.product.stage not in lifecycle.WORKED_ON:
        raise ValidationError(_("Verification and validation are recorded once the product is in development."))
    if done_on > clock.today():
        raise ValidationError({"done_on": _("The day cannot lie in the future.")})
    row = EvidenceRecord(
        revision=revision,
        kind=kind,
        what=what,
        method=method,
        result=result,
        outcome=outcome,
        done_on=done_on,
        done_by=done_by,
        document=document,
        recorded_by=by,
    )
    row.full_clean()
    with acting(by):
        row.save()
    return row
