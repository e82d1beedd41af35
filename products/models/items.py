"""The single exemplar or lot, where it is, and which units make and use the product."""

from __future__ import annotations

from datetime import date

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from organisation import clock
from organisation.access import Scope
from organisation.history import recorded
from organisation.models import Unit
from products.models.product import Product, Revision


class ItemQuerySet(models.QuerySet["Item"]):
    def living(self) -> ItemQuerySet:
        """Without a fate: somewhere, in someone's hands."""
        return self.filter(fate="")

    def released(self) -> ItemQuerySet:
        return self.filter(released_on__isnull=False)


@recorded()
class Item(models.Model):
    """One exemplar (serial) or one lot made to a revision, with its release record (MDR 5(5)(g))."""

    class Kind(models.TextChoices):
        SERIAL = "serial", _("serial number")
        LOT = "lot", _("lot number")

    class Fate(models.TextChoices):
        SCRAPPED = "scrapped", _("scrapped")
        RETURNED = "returned", _("returned to the manufacturing unit")
        LOST = "lost", _("lost")
        IMPLANTED = "implanted", _("implanted, stays in the patient")
        CONSUMED = "consumed", _("used up")

    product = models.ForeignKey(Product, models.PROTECT, related_name="items", verbose_name=_("product"))
    revision = models.ForeignKey(Revision, models.PROTECT, related_name="items", verbose_name=_("revision"))
    kind = models.CharField(_("identified by"), max_length=6, choices=Kind, default=Kind.SERIAL)
    identifier = models.CharField(_("serial or lot number"), max_length=60)
    quantity = models.PositiveIntegerField(_("quantity"), default=1)
    label_code = models.CharField(_("label code"), max_length=20, unique=True, editable=False)
    made_on = models.DateField(_("made on"))
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", editable=False, verbose_name=_("registered by")
    )
    released_on = models.DateField(_("released on"), null=True, editable=False)
    released_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        editable=False,
        verbose_name=_("released by"),
    )
    made_to = models.TextField(_("made according to"), blank=True, editable=False)
    checks = models.TextField(_("checks made"), blank=True, editable=False)
    deviations = models.TextField(_("deviations"), blank=True, editable=False)
    fate = models.CharField(_("fate"), max_length=10, choices=Fate, blank=True, editable=False)
    fate_on = models.DateField(_("out of use on"), null=True, editable=False)
    fate_note = models.TextField(_("note on the fate"), blank=True, editable=False)

    objects = ItemQuerySet.as_manager()

    class Meta:
        verbose_name = _("item")
        verbose_name_plural = _("items")
        ordering = ["identifier"]
        indexes = [models.Index(fields=["identifier"]), models.Index(fields=["revision", "fate"])]
        constraints = [
            models.UniqueConstraint(
                name="item_identifier_within_product",
                fields=["product", "kind", "identifier"],
                violation_error_message=_("This product already has an item with that number."),
            ),
            models.CheckConstraint(
                name="item_quantity_at_least_one",
                condition=Q(quantity__gte=1),
                violation_error_message=_("A lot holds at least one."),
            ),
            models.CheckConstraint(
                name="item_serial_is_one",
                condition=~Q(kind="serial") | Q(quantity=1),
                violation_error_message=_("A serial number stands for one item; use a lot number for several."),
            ),
            models.CheckConstraint(
                name="item_released_by_someone",
                condition=Q(released_on=None, released_by=None)
                | Q(released_on__isnull=False, released_by__isnull=False),
            ),
            models.CheckConstraint(
                name="item_fate_iff_dated", condition=Q(fate="", fate_on=None) | ~Q(fate="") & Q(fate_on__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.product.number} {self.identifier}"

    @property
    def scope(self) -> Scope:
        return self.product.scope

    @property
    def is_released(self) -> bool:
        return self.released_on is not None

    def held_on(self, day: date) -> bool:
        return self.made_on <= day

    def lives_on(self, day: date) -> bool:
        return self.made_on <= day and (self.fate_on is None or self.fate_on > day)


class SpanQuerySet(models.QuerySet["Placement"]):
    def on(self, day: date) -> SpanQuerySet:
        """Those that hold on that day; the day something ends it is no longer there."""
        return self.filter(Q(until=None) | Q(until__gt=day), since__lte=day)


@recorded()
class Placement(models.Model):
    """An item, or part of a lot, at a unit of the legal entity for a time (MDR 5(5)(a), VGR-55)."""

    item = models.ForeignKey(Item, models.PROTECT, related_name="placements", verbose_name=_("item"))
    unit = models.ForeignKey(Unit, models.PROTECT, related_name="placements", verbose_name=_("unit"))
    quantity = models.PositiveIntegerField(_("quantity"), default=1)
    since = models.DateField(_("from"), default=clock.today)
    until = models.DateField(_("until"), null=True, blank=True, editable=False)
    placed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", editable=False, verbose_name=_("placed by")
    )

    objects = SpanQuerySet.as_manager()

    class Meta:
        verbose_name = _("placement")
        verbose_name_plural = _("placements")
        ordering = ["since", "pk"]
        indexes = [models.Index(fields=["unit", "until"]), models.Index(fields=["item", "until"])]
        constraints = [
            models.CheckConstraint(
                name="placement_days_in_order",
                condition=Q(until=None) | Q(until__gte=F("since")),
                violation_error_message=_("The last day cannot come before the first."),
            ),
            models.CheckConstraint(name="placement_quantity_at_least_one", condition=Q(quantity__gte=1)),
        ]

    def __str__(self) -> str:
        return _("%(item)s at %(unit)s") % {"item": self.item, "unit": self.unit}

    def held_on(self, day: date) -> bool:
        return self.since <= day and (self.until is None or self.until > day)


class UnitUseQuerySet(models.QuerySet["UnitUse"]):
    def on(self, day: date) -> UnitUseQuerySet:
        return self.filter(Q(until=None) | Q(until__gt=day), since__lte=day)


@recorded()
class UnitUse(models.Model):
    """A unit that makes or uses a product, from–to (VGR-80)."""

    class Part(models.TextChoices):
        MAKES = "makes", _("makes")
        USES = "uses", _("uses")

    product = models.ForeignKey(Product, models.PROTECT, related_name="unit_uses", verbose_name=_("product"))
    unit = models.ForeignKey(Unit, models.PROTECT, related_name="product_uses", verbose_name=_("unit"))
    part = models.CharField(_("makes or uses"), max_length=5, choices=Part)
    since = models.DateField(_("from"), default=clock.today)
    until = models.DateField(_("until"), null=True, blank=True)

    objects = UnitUseQuerySet.as_manager()

    class Meta:
        verbose_name = _("unit that makes or uses the product")
        verbose_name_plural = _("units that make or use the product")
        ordering = ["part", "since"]
        indexes = [models.Index(fields=["unit", "until"])]
        constraints = [
            models.UniqueConstraint(
                name="unit_use_once_at_a_time",
                fields=["product", "unit", "part"],
                condition=Q(until=None),
                violation_error_message=_("This unit is already listed."),
            ),
            models.CheckConstraint(
                name="unit_use_days_in_order",
                condition=Q(until=None) | Q(until__gte=F("since")),
                violation_error_message=_("The last day cannot come before the first."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.unit} {self.get_part_display()} {self.product.number}"

    @property
    def scope(self) -> Scope:
        return self.product.scope

    def held_on(self, day: date) -> bool:
        return self.since <= day and (self.until is None or self.until > day)
