"""Who answers for a product: asked, accepted or declined, handed over. From acceptance on it is never ownerless."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from inhouse import lifecycle
from inhouse.models import Appointment
from organisation import access, clock
from organisation.access import Act
from organisation.history import acting
from organisation.models import User
from products.models import Product

MAY_APPOINT = (
    Product.Stage.ELIGIBLE,
    Product.Stage.DEVELOPMENT,
    Product.Stage.IN_USE,
    Product.Stage.SUSPENDED,
    Product.Stage.WITHDRAWN,
)


def candidates() -> QuerySet[User]:
    """Whoever can be asked: active staff."""
    return User.objects.filter(is_active=True).select_related("unit")


@transaction.atomic
def appoint(product: Product, *, person: User, level_reason: str = "", by: User) -> Appointment:
    """Ask someone to be the owner. The present owner, if any, stays until the new one accepts (a hand-over)."""
    product = lifecycle.lock(product)
    access.require(by, Act.DECIDE, product.scope)
    if product.stage not in MAY_APPOINT:
        raise ValidationError(_("An owner is appointed when the product may be made, not before."))
    if not person.is_active:
        raise ValidationError({"person": _("%(person)s has left.") % {"person": person}})
    if product.owner_id == person.pk:
        raise ValidationError({"person": _("%(person)s is already the owner.") % {"person": person}})
    if not person.leads and not level_reason.strip():
        raise ValidationError(
            {
                "level_reason": _(
                    "The owner should be head of unit or higher (VGR guideline). Say why you choose someone else."
                )
            }
        )
    appointment = Appointment(
        product=product, person=person, level_reason=level_reason, appointed_on=clock.today(), appointed_by=by
    )
    appointment.full_clean()
    with acting(by):
        appointment.save()
    return appointment


def _waiting(appointment: Appointment) -> Appointment:
    lifecycle.lock(appointment.product)
    appointment = Appointment.objects.select_related("product__unit", "person").get(pk=appointment.pk)
    if not appointment.is_waiting:
        raise ValidationError(_("This request is already answered."))
    return appointment


def _answering(appointment: Appointment, by: User) -> None:
    access.require(by, Act.ACCEPT, appointment.scope)
    if appointment.person_id != by.pk:
        raise PermissionDenied(_("Only %(person)s can answer this.") % {"person": appointment.person})


@transaction.atomic
def accept(appointment: Appointment, *, by: User) -> None:
    """The person asked takes on the responsibility; an earlier owner's time ends the same day."""
    _answering(appointment, by)
    appointment = _waiting(appointment)
    product, today = appointment.product, clock.today()
    if product.is_ended:
        raise ValidationError(_("The product has ended: it is “%(stage)s”.") % {"stage": product.get_stage_display()})
    with acting(by):
        for earlier in product.appointments.filter(accepted_on__isnull=False, ended_on=None):
            earlier.ended_on = today
            earlier.save()
        appointment.accepted_on = today
        appointment.save()
        product.owner = by
        product.save(update_fields=["owner"])


@transaction.atomic
def decline(appointment: Appointment, *, reason: str, by: User) -> None:
    """The person asked says no, and why."""
    _answering(appointment, by)
    appointment = _waiting(appointment)
    lifecycle.in_words(reason=reason)
    appointment.declined_on, appointment.declined_reason = clock.today(), reason
    with acting(by, reason=reason):
        appointment.save()


@transaction.atomic
def take_back(appointment: Appointment, *, by: User) -> None:
    """The manager takes back a request that nobody has answered."""
    access.require(by, Act.DECIDE, appointment.scope)
    appointment = _waiting(appointment)
    appointment.ended_on = clock.today()
    with acting(by):
        appointment.save()
