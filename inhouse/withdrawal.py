"""Out of use for good: at once for the product, then one by one for its items."""

from __future__ import annotations

from datetime import date

from django.db import transaction
from django.db.models import Q

from inhouse import lifecycle, register
from inhouse.models import Declaration, Leaf, Withdrawal
from inhouse.obstacles import Refused
from organisation import access, clock
from organisation.access import Act
from organisation.history import acting
from organisation.models import User
from products import traceability
from products.models import Item, Product


@transaction.atomic
def withdraw(product: Product, *, reason: str, by: User) -> Withdrawal:
    """Take the product out of use. Its declarations are withdrawn with it and stay readable."""
    locked = lifecycle.lock(product)
    access.require(by, Act.END, locked.scope)
    lifecycle.in_words(reason=reason)
    if wrong := lifecycle.astray(locked, Product.Stage.WITHDRAWN):
        raise Refused(wrong)
    with acting(by, reason=reason):
        withdrawal = Withdrawal.objects.create(product=product, reason=reason, on=clock.today(), by=by)
        for suspension in product.suspensions.filter(closed_on=None):
            suspension.closed_on, suspension.closed_by, suspension.measures = clock.today(), by, reason
            suspension.save()
        _withdraw_declarations(product, reason=reason, by=by)
        for use in product.unit_uses.filter(Q(until=None) | Q(until__gt=clock.today())):
            use.until = max(clock.today(), use.since)
            use.save()
        lifecycle.move(product, Product.Stage.WITHDRAWN, by=by, reason=reason)
    return withdrawal


@transaction.atomic
def end_item(item: Item, *, fate: str, on: date, note: str = "", quantity: int | None = None, by: User) -> None:
    """What became of an item; a revision whose last item is gone is closed."""
    product = lifecycle.lock(item.product)
    traceability.end(item, fate=fate, on=on, note=note, quantity=quantity, by=by)
    lifecycle.settle(product, by=by)


@transaction.atomic
def abandon(product: Product, *, reason: str, by: User) -> None:
    """Give up a product that was never in use."""
    locked = lifecycle.lock(product)
    access.require(by, Act.END, locked.scope)
    lifecycle.in_words(reason=reason)
    with acting(by, reason=reason):
        _withdraw_declarations(product, reason=reason, by=by)
    lifecycle.move(product, Product.Stage.ABANDONED, by=by, reason=reason)


def _withdraw_declarations(product: Product, *, reason: str, by: User) -> None:
    standing = Declaration.objects.filter(revision__product=product).standing()
    published = list(standing.published())
    standing.update(withdrawn_on=clock.today(), withdrawn_by=by, withdrawn_reason=reason)
    for declaration in published:
        register.append(declaration, Leaf.Kind.WITHDRAWN)
