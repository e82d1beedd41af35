"""What the market has, and why it does not meet the need (MDR 5(5)(c))."""

from __future__ import annotations

from datetime import date

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from inhouse.models.assessment import Assessment
from organisation.access import Scope
from organisation.history import recorded
from products.models import Product


@recorded()
class MarketSearch(models.Model):
    """A search for an equivalent CE-marked device, renewed at intervals.

    The one entered last counts, also when its day is earlier: that is how a wrong one is put right.
    """

    class Result(models.TextChoices):
        NONE = "none", _("No equivalent device exists")
        NONE_FITS = "none_fits", _("Devices exist, but none performs well enough for this group")
        EQUIVALENT = "equivalent", _("An equivalent device exists")

    product = models.ForeignKey(Product, models.PROTECT, related_name="market_searches", verbose_name=_("product"))
    assessment = models.ForeignKey(
        Assessment, models.PROTECT, related_name="market_searches", editable=False, verbose_name=_("assessment")
    )
    searched_on = models.DateField(_("searched on"))
    sources = models.TextField(
        _("where you searched"),
        help_text=_("Databases, manufacturers, distributors, colleagues, literature; with the words you used."),
    )
    result = models.CharField(_("result of the market search"), max_length=12, choices=Result)
    justification = models.TextField(
        _("justification"),
        help_text=_(
            "Why the group’s needs cannot be met, or not at the right level of performance, by an equivalent device. Cost alone does not count."
        ),
    )
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", editable=False, verbose_name=_("searched by")
    )

    class Meta:
        verbose_name = _("market search")
        verbose_name_plural = _("market searches")
        ordering = ["pk"]

    def __str__(self) -> str:
        return _("Market search for %(product)s") % {"product": self.product.number}

    @property
    def scope(self) -> Scope:
        return self.product.scope

    def held_on(self, day: date) -> bool:
        return self.searched_on <= day


@recorded()
class Candidate(models.Model):
    """A device on the market that was considered, and why it does not meet the need."""

    search = models.ForeignKey(MarketSearch, models.CASCADE, related_name="candidates", verbose_name=_("market search"))
    device = models.CharField(_("device on the market"), max_length=200)
    maker = models.CharField(_("manufacturer"), max_length=200)
    shortfall = models.TextField(_("why it does not meet the need"))

    class Meta:
        verbose_name = _("device considered")
        verbose_name_plural = _("devices considered")
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.device}, {self.maker}"
