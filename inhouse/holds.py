"""What keeps a product's file beyond its floor by someone's word: legal holds, and a longer time of keeping."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from inhouse import lifecycle, retention
from inhouse.dossier import current
from inhouse.models import Hold, Keeping
from organisation import access, clock
from organisation.access import Act
from organisation.history import acting
from organisation.models import User
from products.models import Product

MOST_YEARS = 500


@transaction.atomic
def place(product: Product, *, reason: str, reference: str, by: User) -> Hold:
    """Hold the file. Several can stand at a time; each is lifted for itself."""
    product = lifecycle.lock(product)
    access.require(by, Act.RETAIN, product.scope)
    lifecycle.in_words(reason=reason, reference=reference)
    with acting(by, reason=reason):
        return Hold.objects.create(product=product, reason=reason, reference=reference, since=clock.today(), by=by)


@transaction.atomic
def lift(hold: Hold, *, reason: str, by: User) -> None:
    product = lifecycle.lock(hold.product)
    access.require(by, Act.RETAIN, product.scope)
    hold = Hold.objects.get(pk=hold.pk)
    if hold.lifted_on:
        raise ValidationError(_("This hold is already lifted."), code="lifted")
    lifecycle.in_words(reason=reason)
    hold.lifted_on, hold.lifted_by, hold.lifted_reason = clock.today(), by, reason
    with acting(by, reason=reason):
        hold.save(update_fields=["lifted_on", "lifted_by", "lifted_reason"])


@transaction.atomic
def keep(product: Product, *, years: int, reason: str, by: User) -> Keeping:
    """Choose how many years the file is kept: as many as are demanded, or more."""
    product = lifecycle.lock(product)
    access.require(by, Act.RETAIN, product.scope)
    lifecycle.in_words(reason=reason)
    least = retention.demanded(current(product))
    if not least <= years <= MOST_YEARS:
        raise ValidationError(
            {
                "years": _("The file of this product is kept for %(least)s years at least, and %(most)s at most.")
                % {"least": least, "most": MOST_YEARS}
            }
        )
    with acting(by, reason=reason):
        return Keeping.objects.create(product=product, years=years, reason=reason, on=clock.today(), by=by)
