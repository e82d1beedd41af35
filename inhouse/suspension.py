"""Stop at once, and go on when the cause is closed."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from inhouse import lifecycle
from inhouse.models import Suspension
from inhouse.obstacles import Refused
from organisation import access, clock
from organisation.access import Act
from organisation.history import acting
from organisation.models import User
from products.models import Product


@transaction.atomic
def suspend(product: Product, *, cause: str, by: User) -> Suspension:
    """Pause use: items are quarantined, nothing is placed, no patient use is noted."""
    locked = lifecycle.lock(product)
    access.require(by, Act.SUSPEND, locked.scope)
    lifecycle.in_words(cause=cause)
    if wrong := lifecycle.astray(locked, Product.Stage.SUSPENDED):
        raise Refused(wrong)
    with acting(by, reason=cause):
        suspension = Suspension.objects.create(product=product, cause=cause, since=clock.today(), by=by)
        lifecycle.move(product, Product.Stage.SUSPENDED, by=by, reason=cause)
    return suspension


@transaction.atomic
def resume(product: Product, *, measures: str, by: User) -> None:
    """Close the cause and go on; refused while anything else stands in the way of use."""
    access.require(by, Act.SIGN, lifecycle.lock(product).scope)
    lifecycle.in_words(measures=measures)
    suspension = product.suspensions.filter(closed_on=None).first()
    if suspension is None:
        raise ValidationError(_("Use is not paused."))
    suspension.closed_on, suspension.closed_by, suspension.measures = clock.today(), by, measures
    with acting(by, reason=measures):
        suspension.save()
        lifecycle.move(product, Product.Stage.IN_USE, by=by, reason=measures)
