"""What the market has, and why it does not meet the need (MDR 5(5)(c))."""

from __future__ import annotations

from datetime import date

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from documents.models import Document
from inhouse.models.assessment import YES_NO, Assessment
from organisation import clock
from organisation.access import Scope
from organisation.history import recorded
from products.models import Product, Revision


@recorded()
class MarketDevice(models.Model):
    """A device on the market, known to the whole institution: judged for one product, it is offered for the next."""

    name = models.CharField(_("device on the market"), max_length=200)
    maker = models.CharField(_("manufacturer"), max_length=200)
    model = models.CharField(_("model"), max_length=100, blank=True)
    risk_class = models.CharField(_("risk class"), max_length=3, choices=Revision.RiskClass, blank=True)
    udi_di = models.CharField("UDI-DI", max_length=50, blank=True)
    stated_purpose = models.TextField(_("purpose stated by its manufacturer"), blank=True)
    entered_on = models.DateField(_("entered on"), default=clock.today, editable=False)

    class Meta:
        verbose_name = _("device on the market")
        verbose_name_plural = _("devices on the market")
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(
                Lower("name"), Lower("maker"), Lower("model"),
                name="market_device_once",
                violation_error_message=_("This device is already known."),
            )
        ]  # fmt: skip

    def __str__(self) -> str:
        return ", ".join(filter(None, [self.name, self.model, self.maker]))


@recorded()
class MarketSearch(models.Model):
    """A search for an equivalent CE-marked device, renewed at intervals: where one looked, what was found, what follows.

    Until it is concluded it is a draft. Of the concluded ones, the one concluded last counts, also when its day is
    earlier: that is how a wrong one is put right.
    """

    class Result(models.TextChoices):
        NONE = "none", _("No equivalent device exists")
        NONE_FITS = "none_fits", _("Devices exist, but none performs well enough for this group")
        EQUIVALENT = "equivalent", _("An equivalent device exists")

    product = models.ForeignKey(Product, models.PROTECT, related_name="market_searches", verbose_name=_("product"))
    assessment = models.ForeignKey(
        Assessment, models.PROTECT, related_name="market_searches", editable=False, verbose_name=_("assessment")
    )
    started_on = models.DateField(_("started on"), default=clock.today, editable=False)
    searched_on = models.DateField(_("searched on"), null=True, help_text=_("The last day that was searched."))
    sources = models.TextField(
        _("more on where you searched"), blank=True, help_text=_("What the places searched below do not say.")
    )
    result = models.CharField(_("result of the market search"), max_length=12, choices=Result, blank=True)
    justification = models.TextField(
        _("justification"),
        blank=True,
        help_text=_(
            "Why the group’s needs cannot be met, or not at the right level of performance, by an equivalent device. Cost alone does not count."
        ),
    )
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", editable=False, verbose_name=_("searched by")
    )
    concluded_on = models.DateField(_("concluded on"), null=True, editable=False)

    class Meta:
        verbose_name = _("market search")
        verbose_name_plural = _("market searches")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                name="market_search_one_draft",
                fields=["product"],
                condition=Q(concluded_on=None),
                violation_error_message=_("A market search of this product is already under way."),
            ),
            models.CheckConstraint(
                name="market_search_concluded_with_result",
                condition=Q(concluded_on=None) | ~Q(result="") & ~Q(justification="") & Q(searched_on__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return _("Market search for %(product)s") % {"product": self.product.number}

    @property
    def scope(self) -> Scope:
        return self.product.scope

    @property
    def is_concluded(self) -> bool:
        return self.concluded_on is not None

    def held_on(self, day: date) -> bool:
        return (self.searched_on or self.started_on) <= day


@recorded()
class Lookup(models.Model):
    """One place that was searched, with the words used and what came of it."""

    search = models.ForeignKey(MarketSearch, models.CASCADE, related_name="lookups", verbose_name=_("market search"))
    source = models.CharField(
        _("where"),
        max_length=200,
        help_text=_("A database, manufacturer, distributor, conference, colleague or the literature."),
    )
    query = models.CharField(_("what was searched for"), max_length=500, blank=True)
    looked_on = models.DateField(_("day"))
    looked_by = models.CharField(_("by whom"), max_length=150)
    hits = models.PositiveIntegerField(_("hits"), null=True, blank=True)

    class Meta:
        verbose_name = _("place searched")
        verbose_name_plural = _("places searched")
        ordering = ["looked_on", "pk"]

    def __str__(self) -> str:
        return self.source


@recorded()
class Ground(models.Model):
    """A ground on which the conclusion rests. Cost alone is none (MDR55-n)."""

    class Kind(models.TextChoices):
        CLINICAL = "clinical", _("clinical")
        PERFORMANCE = "performance", _("performance")
        FIT = "fit", _("fit to the patient group")
        AVAILABILITY = "availability", _("availability")
        COST = "cost", _("cost")

    search = models.ForeignKey(MarketSearch, models.CASCADE, related_name="grounds", verbose_name=_("market search"))
    kind = models.CharField(_("ground"), max_length=12, choices=Kind)

    class Meta:
        verbose_name = _("ground")
        verbose_name_plural = _("grounds")
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(name="ground_once", fields=["search", "kind"])]

    def __str__(self) -> str:
        return self.get_kind_display()


@recorded()
class Candidate(models.Model):
    """A device on the market as it was judged for this need, and why it does not meet it."""

    CHECKS = (
        "is_device", "is_ce_marked", "maker_identified", "is_labelled", "has_udi", "suits_use", "storage_possible",
        "lasts",
    )  # fmt: skip
    COMPARISONS = ("technical", "biological", "clinical", "performance")

    search = models.ForeignKey(MarketSearch, models.CASCADE, related_name="candidates", verbose_name=_("market search"))
    device = models.CharField(_("device on the market"), max_length=200)
    maker = models.CharField(_("manufacturer"), max_length=200)
    market_device = models.ForeignKey(
        MarketDevice,
        models.PROTECT,
        null=True,
        editable=False,
        related_name="candidates",
        verbose_name=_("known device"),
    )
    # The facts of the known device as they were when the search was concluded
    facts_kept = models.BooleanField(_("facts of the device kept"), default=False, editable=False)
    model = models.CharField(_("model"), max_length=100, blank=True, editable=False)
    risk_class = models.CharField(_("risk class"), max_length=3, choices=Revision.RiskClass, blank=True, editable=False)
    udi_di = models.CharField("UDI-DI", max_length=50, blank=True, editable=False)
    stated_purpose = models.TextField(_("purpose stated by its manufacturer"), blank=True, editable=False)
    is_device = models.BooleanField(_("medical device under MDR or IVDR"), null=True, blank=True, choices=YES_NO)
    is_ce_marked = models.BooleanField(
        _("CE mark and EU declaration of conformity exist"), null=True, blank=True, choices=YES_NO
    )
    maker_identified = models.BooleanField(
        _("manufacturer, authorised representative and importer are identified"), null=True, blank=True, choices=YES_NO
    )
    is_labelled = models.BooleanField(
        _("label and instructions, in the national language"), null=True, blank=True, choices=YES_NO
    )
    has_udi = models.BooleanField(_("UDI and certificate, where they apply"), null=True, blank=True, choices=YES_NO)
    certificate = models.CharField(_("certificate"), max_length=100, blank=True)
    suits_use = models.BooleanField(_("its stated purpose covers our use"), null=True, blank=True, choices=YES_NO)
    storage_possible = models.BooleanField(
        _("we can store it as its manufacturer says"), null=True, blank=True, choices=YES_NO
    )
    lasts = models.BooleanField(_("it performs for the whole life we need"), null=True, blank=True, choices=YES_NO)
    technical = models.TextField(_("technical comparison"), blank=True)
    biological = models.TextField(_("biological comparison"), blank=True)
    clinical = models.TextField(_("clinical comparison"), blank=True)
    performance = models.TextField(_("comparison of performance"), blank=True)
    life_cost = models.TextField(
        _("cost over its life"), blank=True, help_text=_("May be noted, but is no ground in itself.")
    )
    shortfall = models.TextField(_("why it does not meet the need"))

    class Meta:
        verbose_name = _("device considered")
        verbose_name_plural = _("devices considered")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                name="candidate_once_in_search",
                fields=["search", "market_device"],
                violation_error_message=_("This device is already considered in the search."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.device}, {self.maker}"

    FACTS = ("model", "risk_class", "udi_di", "stated_purpose")

    @property
    def about(self) -> Candidate | MarketDevice:
        """Whoever holds the facts of the device: this row once its search is concluded, until then the known device."""
        return self if self.facts_kept or self.market_device is None else self.market_device

    @property
    def checked(self) -> list[tuple[str, str]]:
        """What was asked of the device and answered yes or no, in words."""
        said = {True: _("yes"), False: _("no")}
        return [
            (self._label(name), str(said[getattr(self, name)]))
            for name in self.CHECKS
            if getattr(self, name) is not None
        ]

    @property
    def compared(self) -> list[tuple[str, str]]:
        """What was compared, and the cost over its life."""
        return [
            (self._label(name), getattr(self, name)) for name in (*self.COMPARISONS, "life_cost") if getattr(self, name)
        ]

    def _label(self, name: str) -> str:
        return str(self._meta.get_field(name).verbose_name)  # type: ignore[union-attr]


@recorded()
class MarketFile(models.Model):
    """A file that shows what was searched or found: an export, a data sheet, an answer from a manufacturer."""

    search = models.ForeignKey(MarketSearch, models.CASCADE, related_name="files", verbose_name=_("market search"))
    document = models.ForeignKey(Document, models.PROTECT, related_name="market_files", verbose_name=_("document"))

    class Meta:
        verbose_name = _("file of the market search")
        verbose_name_plural = _("files of the market search")
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.document.title
