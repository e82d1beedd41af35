"""What must stand around the device: kept per revision, carried over and confirmed."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from inhouse import lifecycle
from inhouse.models import Readiness
from organisation import access, clock
from organisation.access import Act
from organisation.history import acting
from organisation.models import Unit, User
from products.models import Product, Revision, UnitUse

LISTED_IN = (Product.Stage.ELIGIBLE, *lifecycle.WORKED_ON)


@transaction.atomic
def prepare(revision: Revision, fields: dict[str, Any], *, by: User) -> Readiness:
    """Write the readiness of a revision. It may change as long as the revision lives: people and plans do."""
    product = lifecycle.lock(revision.product)
    access.require(by, Act.KEEP, product.scope)
    if product.is_ended or revision.stage in (Revision.Stage.CLOSED, Revision.Stage.ABANDONED):
        raise ValidationError(_("This revision is closed."))
    for needed, plan in (("training_needed", "training_plan"), ("maintenance_needed", "maintenance_plan")):
        if fields.get(needed) and not fields.get(plan):
            raise ValidationError({plan: _("Say how, since it is needed.")})
    ready = Readiness.objects.filter(revision=revision).first() or Readiness(revision=revision)
    for name, value in fields.items():
        setattr(ready, name, value)
    ready.confirmed_on = clock.today()
    ready.full_clean()
    with acting(by):
        ready.save()
    return ready


def may_list(product: Product) -> bool:
    """Whether units can make or use it: it was decided that it may be made, and it is not out of use."""
    return product.stage in LISTED_IN


@transaction.atomic
def list_unit(product: Product, *, unit: Unit, part: str, since: date, by: User) -> UnitUse:
    """List a unit as making or using the product from a day on."""
    product = lifecycle.lock(product)
    access.require(by, Act.KEEP, product.scope)
    if not may_list(product):
        raise ValidationError(
            _("Units are listed from the decision to make the product until it is out of use; it is “%(stage)s”.")
            % {"stage": product.get_stage_display()}
        )
    if not unit.active:
        raise ValidationError({"unit": _("%(unit)s is no longer part of the institution.") % {"unit": unit}})
    use = UnitUse(product=product, unit=unit, part=part, since=since)
    use.full_clean()
    with acting(by):
        use.save()
    return use


@transaction.atomic
def end_unit(use: UnitUse, *, until: date, by: User) -> None:
    """The unit makes or uses the product until that day."""
    lifecycle.lock(use.product)
    access.require(by, Act.KEEP, use.scope)
    if use.until:
        raise ValidationError(_("The day on which this ends is already recorded."))
    use.until = until
    use.full_clean()
    with acting(by):
        use.save()
