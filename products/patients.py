"""Patients: which items they met, who may learn who they are, and how that is forgotten.

Every look at an identity leaves a row: who, when, why, and whether anyone was found. The numbers themselves are in no
log, no history, no address and no exception.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from organisation import clock
from organisation.history import acting
from organisation.models import Unit, User
from products import identity, keys
from products.identity import Identifier
from products.models import Item, Patient, PatientIdentity, PatientLookUp, PatientUse, Product

PURPOSE_AT_LEAST = 10  # characters: “because” is no purpose


@sensitive_variables("identifier")
def note_use(
    item: Item, *, identifier: Identifier, used_on: date, unit: Unit, reason: str = "", by: User
) -> PatientUse:
    """Note that the patient met the item. Noting the same use again changes nothing.

    Whether the item may be used at all on that day is the caller's question.
    """
    if used_on > clock.today():
        raise ValidationError({"used_on": _("A use cannot lie in the future.")})
    if used_on < item.made_on:
        raise ValidationError(
            {"used_on": _("The item was not made until %(day)s.") % {"day": date_format(item.made_on)}}
        )
    with acting(by, reason=reason), transaction.atomic():
        use, _created = PatientUse.objects.get_or_create(
            patient=_patient(identifier), item=item, unit=unit, used_on=used_on, defaults={"noted_by": by}
        )
    return use


@sensitive_variables("identifier")
def find(identifier: Identifier, *, purpose: str, by: User, product: Product | None = None) -> Patient | None:
    """The patient with exactly that number. The look-up is logged also when nobody is found."""
    purpose = _checked(purpose)
    known = PatientIdentity.objects.filter(index=keys.index(identifier)).select_related("patient").first()
    patient = known.patient if known else None
    _log(PatientLookUp.Kind.BY_NUMBER, patient, product, purpose, by)
    return patient


def reopen(patient: Patient, *, purpose: str, by: User) -> None:
    """Look again at what a patient met who was looked up before. Logged like every look."""
    _log(PatientLookUp.Kind.OPENED, patient, None, _checked(purpose), by)


def uses_of(patient: Patient) -> QuerySet[PatientUse]:
    """What the patient met, oldest first."""
    return patient.uses.select_related("item__product__unit", "item__revision", "unit")


def reveal(use: PatientUse, *, purpose: str, by: User) -> str:
    """The number of the patient behind a use, as people read it. Logged before it is shown."""
    purpose = _checked(purpose)
    try:
        known = PatientIdentity.objects.get(patient_id=use.patient_id)
    except PatientIdentity.DoesNotExist:
        raise ValidationError(_("The identity of this patient has been erased."), code="erased") from None
    _log(PatientLookUp.Kind.REVEALED, known.patient, use.item.product, purpose, by)
    return identity.written(known.kind, keys.decrypt(known.ciphertext, known.patient_id, known.kind))


def erase(patient: Patient, *, decision: str, by: User) -> None:
    """Forget who the patient is. Uses, counts and look-ups stay, and the decision with them."""
    decision = decision.strip()
    if not decision:
        raise ValidationError({"decision": _("Name the decision that the erasure rests on.")})
    refuse_number(decision, field="decision")
    with acting(by, reason=decision), transaction.atomic():
        held = Patient.objects.select_for_update().get(pk=patient.pk)
        if held.is_erased:
            raise ValidationError(_("The identity of this patient has already been erased."), code="erased")
        PatientIdentity.objects.filter(patient=held).delete()
        held.erased_at, held.erased_by, held.erasure_decision = clock.now(), by, decision
        held.clean_fields()
        held.save()
    patient.refresh_from_db()


def hold_still(keys: Iterable[UUID] | QuerySet[Any]) -> None:
    """Until the transaction ends nobody notes that one of these patients met anything. Taken after a product's lock."""
    list(Patient.objects.select_for_update().filter(pk__in=keys).order_by("pk").values_list("pk"))


def look_ups(product: Product) -> QuerySet[PatientLookUp]:
    """Looks at patients from this product's items, and at patients who met one; the newest first."""
    return PatientLookUp.objects.filter(
        Q(product=product)
        | Q(product=None, patient__in=PatientUse.objects.filter(item__product=product).values("patient"))
    ).select_related("by")


def all_look_ups() -> QuerySet[PatientLookUp]:
    """Every look in the institution, also those that found nobody and so belong to no product; the newest first."""
    return PatientLookUp.objects.select_related("by__unit", "product")


def rotate(limit: int = 500) -> int:
    """Encrypt up to so many numbers again with the newest key. Says how many; none means that all have it."""
    with transaction.atomic():
        old = PatientIdentity.objects.select_for_update().exclude(key_id=keys.newest()).order_by("pk")[:limit]
        count = 0
        for known in old:
            _rotate(known)
            count += 1
    return count


def waiting_for_rotation() -> int:
    """How many numbers are still encrypted with an older key."""
    return PatientIdentity.objects.exclude(key_id=keys.newest()).count()


def unreadable() -> int:
    """How many numbers cannot be read, or not be found again, with the keys of this installation."""
    return sum(not _is_readable(known) for known in PatientIdentity.objects.iterator())


@sensitive_variables()
def _is_readable(known: PatientIdentity) -> bool:
    try:
        value = keys.decrypt(known.ciphertext, known.patient_id, known.kind)
    except keys.Unreadable:
        return False
    return keys.index(Identifier(PatientIdentity.Kind(known.kind), value, known.issuer)) == known.index


@sensitive_variables()
def _rotate(known: PatientIdentity) -> None:
    value = keys.decrypt(known.ciphertext, known.patient_id, known.kind)
    identifier = Identifier(PatientIdentity.Kind(known.kind), value, known.issuer)
    known.key_id, known.ciphertext = keys.encrypt(identifier, known.patient_id)
    known.save(update_fields=["key_id", "ciphertext"])


@sensitive_variables()
def _patient(identifier: Identifier) -> Patient:
    """The patient with that number, made now if need be. Two people noting a new patient at once make one."""
    index = keys.index(identifier)
    for _attempt in range(2):
        held = Patient.objects.select_for_update(of=("self",)).filter(identity__index=index, erased_at=None)
        if known := held.first():  # who is being erased just now is waited for, and is then someone new
            return known
        try:
            with transaction.atomic():
                patient = Patient.objects.create()
                key_id, ciphertext = keys.encrypt(identifier, patient.pk)
                PatientIdentity.objects.create(
                    patient=patient,
                    kind=identifier.kind,
                    issuer=identifier.issuer,
                    ciphertext=ciphertext,
                    key_id=key_id,
                    index=index,
                )
        except IntegrityError:
            continue
        return patient
    raise ValidationError(_("Someone else noted the same patient at the same moment. Please try again."), code="race")


def _checked(purpose: str) -> str:
    purpose = " ".join(purpose.split())
    if len(purpose) < PURPOSE_AT_LEAST:
        raise ValidationError({"purpose": _("Say in a few words why you need to know who the patient is.")})
    if len(purpose) > 500:
        raise ValidationError({"purpose": _("Say it in at most 500 characters.")})
    refuse_number(purpose, field="purpose")
    return purpose


def refuse_number(text: str, *, field: str) -> None:
    """What is kept for good holds no ten digits in a row, whatever stands between them: only letters part numbers."""
    run = 0
    for character in filter(str.isalnum, text):
        run = run + 1 if character.isdigit() else 0
        if run >= 10:
            raise ValidationError(
                {field: _("Do not write the patient's number here. Ten digits that no word parts are taken for one.")}
            )


def _log(kind: str, patient: Patient | None, product: Product | None, purpose: str, by: User) -> None:
    with acting(by):
        PatientLookUp.objects.create(
            kind=kind, by=by, purpose=purpose, patient=patient, product=product, found=patient is not None
        )
