"""Annex I, requirement by requirement: met, with where it is shown; not applicable, with the reason; or not fully met.

A requirement has one answer, and the rules see to it: a new one takes the place of another. An answer to a whole covers
the sub-points without one of their own (`inhouse.law.annex_one`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from inhouse import lifecycle
from inhouse.design import opened
from inhouse.law.annex_one import Gspr, annex_one
from inhouse.models import Conformity, EvidenceDocument, UnmetRequirement
from organisation import clock
from organisation.history import acting
from organisation.models import User
from products.models import Revision

Answer = Conformity.Answer


# --- answering


@transaction.atomic
def meet(
    revision: Revision,
    numbers: Iterable[str],
    *,
    evidence: EvidenceDocument | None = None,
    where: str = "",
    anew: bool = False,
    by: User,
) -> None:
    """These are met, as a document of the revision shows, or what is pointed to in words: a report, a standard.

    `anew`: whoever answers has seen the answer that there is and gives another. Without it, what has one is refused.
    """
    revision = opened(revision, by=by)
    if evidence is not None and not revision.evidence_documents.filter(pk=evidence.pk).exists():
        raise ValidationError({"evidence": _("Choose one of the documents of this revision.")})
    if evidence is None and not where.strip():
        raise ValidationError({"where": _("Say where it is shown: choose a document, or write it here.")})
    values = {"answer": Answer.MET, "evidence": evidence, "where": where, "reason": ""}
    _write(revision, numbers, values, anew=anew, by=by)


@transaction.atomic
def rule_out(revision: Revision, numbers: Iterable[str], *, reason: str, anew: bool = False, by: User) -> None:
    """These are not applicable to the device, all for the same reason; `anew` as above."""
    revision = opened(revision, by=by)
    if not reason.strip():
        raise ValidationError({"reason": _("Say why it is not applicable.")})
    values = {"answer": Answer.NOT_APPLICABLE, "evidence": None, "where": "", "reason": reason}
    _write(revision, numbers, values, anew=anew, by=by)


@transaction.atomic
def admit(revision: Revision, number: str, *, what: str, why: str, by: User) -> None:
    """This one is not fully met: the declaration will name it, with what is not met and why (D13, D14)."""
    revision = opened(revision, by=by)
    lifecycle.in_words(what=what, why=why)
    _known(revision, [number])
    with acting(by):
        revision.conformities.filter(number=number).delete()
        UnmetRequirement.objects.update_or_create(
            revision=revision, number=number, defaults={"what": what, "why": why, "confirmed_on": clock.today()}
        )


@transaction.atomic
def take_back(revision: Revision, number: str, *, by: User) -> None:
    """The requirement has no answer of its own any more; the history keeps it."""
    revision = opened(revision, by=by)
    with acting(by):
        revision.conformities.filter(number=number).delete()
        revision.unmet_requirements.filter(number=number).delete()


@transaction.atomic
def confirm(revision: Revision, *, by: User) -> int:
    """Confirm that the answers carried over still hold; says how many."""
    revision = opened(revision, by=by)
    with acting(by):
        return sum(
            rows.filter(confirmed_on=None).update(confirmed_on=clock.today())
            for rows in (revision.conformities, revision.unmet_requirements)
        )


def _known(revision: Revision, numbers: Iterable[str]) -> list[str]:
    """The numbers, each once, if there are any and the annex has them."""
    asked, rows = list(dict.fromkeys(numbers)), annex_one(revision.regulation).by_number
    if strange := [number for number in asked if number not in rows or not rows[number].is_assessed]:
        raise ValidationError(
            _("%(regulation)s Annex I has no such requirement: %(numbers)s.")
            % {"regulation": revision.regulation, "numbers": ", ".join(strange)}
        )
    if not asked:
        raise ValidationError(_("Tick at least one requirement."))
    return asked


def _write(revision: Revision, numbers: Iterable[str], values: dict[str, Any], *, anew: bool, by: User) -> None:
    """Give these the answer; one that has an answer gets another only if that was seen: someone may have said more meanwhile."""
    asked = _known(revision, numbers)
    rows = {row.number: row for row in revision.conformities.filter(number__in=asked)}
    unmet = revision.unmet_requirements.filter(number__in=asked)
    if not anew and (own := [*rows, *(row.number for row in unmet)]):
        raise ValidationError(
            _("These have an answer already: %(numbers)s. Change them one by one.") % {"numbers": ", ".join(own)}
        )
    with acting(by):
        unmet.delete()
        for row in rows.values():
            for name, value in values.items():
                setattr(row, name, value)
            row.confirmed_on = clock.today()
            row.save()
        Conformity.objects.bulk_create(
            Conformity(revision=revision, number=number, **values) for number in asked if number not in rows
        )


# --- what a device suggests, and what follows from another one


def suggested(revision: Revision) -> dict[str, list[Gspr]]:
    """By a tag that does not fit the device's traits: the requirements of which no tag does. Nothing is answered by it."""
    annex = annex_one(revision.regulation)
    foreign = annex.foreign({name for name in revision.TRAITS if getattr(revision, name)})
    found: dict[str, list[Gspr]] = {tag: [] for tag in annex.tag_words}
    for row in annex.requirements:
        if foreign.issuperset(row.tags):
            found[row.tags[0]].append(row)
    return {tag: rows for tag, rows in found.items() if rows}


def carry_over(last: Revision, revision: Revision, entries: Mapping[int, EvidenceDocument]) -> None:
    """A new revision begins with the answers of the last one, to be confirmed. `entries`: its documents, by the last one's."""
    for unmet in last.unmet_requirements.all():
        UnmetRequirement.objects.create(
            revision=revision, number=unmet.number, what=unmet.what, why=unmet.why, confirmed_on=None
        )
    rows = list(last.conformities.all())
    for row in rows:
        row.pk, row._state.adding = None, True
        row.revision, row.confirmed_on, row.answered_on = revision, None, clock.today()
        row.evidence = entries[row.evidence_id] if row.evidence_id else None
    Conformity.objects.bulk_create(rows)
