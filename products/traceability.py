"""Items: made, released, placed, moved, and what became of each."""

from __future__ import annotations

import secrets
from datetime import date

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Sum
from django.utils.formats import date_format, localize
from django.utils.translation import gettext as _

from organisation import access, clock
from organisation.access import Act
from organisation.history import acting
from organisation.models import Institution, Unit, User
from products.models import Item, Placement, Product, Revision, UnitUse

SIGNS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # no 0/O, 1/I/L: a label is read by people
MADE_IN = (Product.Stage.DEVELOPMENT, Product.Stage.IN_USE)


def _locked(item: Item, *, by: User) -> Item:
    """The item with its product locked, for someone who may keep its records."""
    product = Product.objects.select_for_update(of=("self",)).select_related("unit").get(pk=item.product_id)
    access.require(by, Act.KEEP, product.scope)
    item = Item.objects.select_related("revision").get(pk=item.pk)
    item.product = product
    return item


@transaction.atomic
def register(revision: Revision, *, kind: str, identifier: str, quantity: int = 1, made_on: date, by: User) -> Item:
    """Register one item or lot made to a revision; it gets a label code of its own."""
    product = Product.objects.select_for_update(of=("self",)).select_related("unit").get(pk=revision.product_id)
    access.require(by, Act.KEEP, product.scope)
    if product.stage not in MADE_IN:
        raise ValidationError(
            _("Items are registered while the product is in development or in use; it is “%(stage)s”.")
            % {"stage": product.get_stage_display()}
        )
    revision = Revision.objects.get(pk=revision.pk)
    if revision.stage not in (*Revision.Stage.coming, Revision.Stage.IN_FORCE):
        raise ValidationError(_("Nothing more is made to revision %(number)s.") % {"number": revision.number})
    if made_on > clock.today():
        raise ValidationError({"made_on": _("The day cannot lie in the future.")})
    item = Item(
        product=product,
        revision=revision,
        kind=kind,
        identifier=identifier.strip(),
        quantity=quantity,
        made_on=made_on,
        made_by=by,
        label_code=_label_code(),
    )
    item.full_clean()
    with acting(by):
        item.save()
    return item


def _label_code() -> str:
    """Eight signs in two groups; a clash with an earlier one is refused by the database and all but impossible."""
    signs = "".join(secrets.choice(SIGNS) for _sign in range(8))
    return f"{signs[:4]}-{signs[4:]}"


@transaction.atomic
def release(item: Item, *, made_to: str, checks: str, deviations: str = "", by: User) -> None:
    """Release an item: what documentation it was made to, what was checked, what deviated (MDR 5(5)(g))."""
    item = _locked(item, by=by)
    if item.is_released:
        raise ValidationError(_("This item is already released."))
    if item.fate:
        raise ValidationError(_("This item is out of use."))
    for name, text in (("made_to", made_to), ("checks", checks)):
        if not text.strip():
            raise ValidationError({name: _("The release record must say this (MDR 5(5)(g)).")})
    if item.revision.is_open:
        raise ValidationError(
            _(
                "An item is released when the declaration of its revision is signed: until then the documentation may still change (MDR 5(5)(g))."
            )
        )
    _refuse_unless_signed(item.revision)
    item.made_to, item.checks, item.deviations = made_to, checks, deviations
    item.released_on, item.released_by = clock.today(), by
    with acting(by):
        item.save()


def _refuse_unless_signed(revision: Revision) -> None:
    if revision.stage not in Revision.Stage.signed:
        raise ValidationError(
            _(
                "No signed declaration stands for revision %(number)s, which is “%(stage)s”: an item made to it is neither released nor placed (MDR 5(5)(g))."
            )
            % {"number": revision.number, "stage": revision.get_stage_display()}
        )


@transaction.atomic
def place(
    item: Item, *, unit: Unit | None, outside: str = "", quantity: int | None = None, since: date, by: User
) -> Placement:
    """Put an item, or part of a lot, at a unit, and list the unit as using the product from that day (VGR-80).

    A serial moves there; a lot is spread. Outside the legal entity is refused.
    """
    item = _locked(item, by=by)
    if unit is None:
        raise ValidationError(
            {
                "unit": _(
                    "“%(place)s” is outside %(institution)s. An in-house device is not transferred to another legal entity (MDR 5(5)(a)); for use there it needs CE marking."
                )
                % {"place": outside, "institution": Institution.objects.get()}
            },
            code="outside",
        )
    unit = Unit.objects.select_for_update(of=("self",)).get(pk=unit.pk)  # it may be closed this moment
    if not unit.active:
        raise ValidationError({"unit": _("%(unit)s is no longer part of the institution.") % {"unit": unit}})
    if item.product.stage == Product.Stage.SUSPENDED:
        raise ValidationError(_("Use is paused and items are quarantined: nothing is placed now."))
    if item.product.stage not in MADE_IN:
        raise ValidationError(
            _("Items are placed while the product is in development or in use; it is “%(stage)s”.")
            % {"stage": item.product.get_stage_display()}
        )
    if not item.is_released:
        raise ValidationError(_("Release the item before it is placed (MDR 5(5)(g))."))
    if item.fate:
        raise ValidationError(_("This item is out of use."))
    _refuse_unless_signed(item.revision)
    if since > clock.today():
        raise ValidationError({"since": _("The day cannot lie in the future.")})
    assert item.released_on is not None
    if since < item.made_on:
        raise ValidationError({"since": _("It was not made until %(day)s.") % {"day": date_format(item.made_on)}})
    if since < item.released_on:
        raise ValidationError(
            {"since": _("The item was not released until %(day)s.") % {"day": date_format(item.released_on)}}
        )
    with acting(by):
        if item.kind == Item.Kind.SERIAL:
            quantity = 1
            _refuse_while_elsewhere(item, since, field="since")
            for present in item.placements.filter(until=None):
                _end(present, since, field="since")
        else:
            quantity = left(item) if quantity is None else quantity
            if not left(item):
                raise ValidationError({"quantity": _("All of this lot is placed.")})
            if not 1 <= quantity <= left(item):
                raise ValidationError(
                    {
                        "quantity": _("Write between 1 and %(left)s: that is what is left of this lot to place.")
                        % {"left": localize(left(item))}
                    }
                )
        placement = Placement(item=item, unit=unit, quantity=quantity, since=since, placed_by=by)
        placement.full_clean()
        placement.save()
        _list(item.product, unit, since)
    return placement


def is_listed(product: Product, unit: Unit, *, on: date) -> bool:
    """Whether the unit is listed as using the product on that day and from then on."""
    return not _unlisted(product, unit, on)


def _list(product: Product, unit: Unit, since: date) -> None:
    """List the unit as using the product from that day on; what is listed already stays as it is."""
    for first, until in _unlisted(product, unit, since):
        UnitUse.objects.create(product=product, unit=unit, part=UnitUse.Part.USES, since=first, until=until)


def _unlisted(product: Product, unit: Unit, since: date) -> list[tuple[date, date | None]]:
    """The times from that day on in which the unit is not listed as using the product."""
    gaps: list[tuple[date, date | None]] = []
    day: date | None = since
    for use in product.unit_uses.filter(unit=unit, part=UnitUse.Part.USES).order_by("since"):
        if day is None or (use.until and use.until <= day):
            continue
        if use.since > day:
            gaps.append((day, use.since))
        day = use.until
    return [*gaps, (day, None)] if day else gaps


def left(item: Item) -> int:
    """How many of a lot are not placed anywhere."""
    placed = item.placements.filter(until=None).aggregate(n=Sum("quantity"))["n"] or 0
    return item.quantity - int(placed)


@transaction.atomic
def take_back(placement: Placement, *, on: date, by: User) -> None:
    """The item leaves the unit that day, and is with the making unit again."""
    _locked(placement.item, by=by)
    placement = Placement.objects.get(pk=placement.pk)
    if placement.until:
        raise ValidationError(_("It has already left that unit."))
    if on > clock.today():
        raise ValidationError({"on": _("The day cannot lie in the future.")})
    with acting(by):
        _end(placement, on, field="on")


def _refuse_while_elsewhere(item: Item, day: date, *, field: str) -> None:
    """What it already left it left by that day: otherwise it would be at two places, or out of use and at one."""
    later = item.placements.filter(until__gt=day).select_related("unit").order_by("until").last()
    if later and later.until:
        raise ValidationError(
            {field: _("It was at %(unit)s until %(day)s.") % {"unit": later.unit, "day": date_format(later.until)}}
        )


def _end(placement: Placement, on: date, *, field: str) -> None:
    """The item was there until that day, which is no earlier than it came and no earlier than a patient met it there."""
    if on < placement.since:
        raise ValidationError(
            {field: _("It came there on %(day)s; it cannot leave earlier.") % {"day": date_format(placement.since)}}
        )
    if (met := _last_use(placement)) and met > on:
        raise ValidationError(
            {field: _("A patient met it there on %(day)s; it cannot leave earlier.") % {"day": date_format(met)}}
        )
    placement.until = on
    placement.save()


def _last_use(placement: Placement) -> date | None:
    """The last day on which a patient met the item while only this placement had it at the unit."""
    others = placement.item.placements.filter(unit=placement.unit_id).exclude(pk=placement.pk)
    also = [(other.since, other.until or date.max) for other in others]
    uses = placement.item.patient_uses.filter(unit=placement.unit_id, used_on__gte=placement.since)
    days = set(uses.values_list("used_on", flat=True))
    return max((day for day in days if not any(since <= day <= until for since, until in also)), default=None)


@transaction.atomic
def end(item: Item, *, fate: str, on: date, note: str = "", by: User) -> None:
    """What became of an item: its fate and day; it leaves every place it was at."""
    item = _locked(item, by=by)
    if item.fate:
        raise ValidationError(_("The fate of this item is already recorded."))
    if fate not in Item.Fate.values:
        raise ValidationError({"fate": _("Choose what became of it.")})
    if on > clock.today():
        raise ValidationError({"on": _("The day cannot lie in the future.")})
    if on < item.made_on:
        raise ValidationError({"on": _("It was not made until %(day)s.") % {"day": date_format(item.made_on)}})
    if item.released_on and on < item.released_on:
        raise ValidationError(
            {"on": _("The item was not released until %(day)s.") % {"day": date_format(item.released_on)}}
        )
    _refuse_while_elsewhere(item, on, field="on")
    with acting(by, reason=note):
        for present in item.placements.filter(until=None):
            _end(present, on, field="on")
        item.fate, item.fate_on, item.fate_note = fate, on, note
        item.save()
