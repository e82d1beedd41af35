"""The device type and its designs."""

from __future__ import annotations

from datetime import date
from enum import nonmember
from functools import cached_property

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from organisation import clock
from organisation.access import Scope
from organisation.history import recorded
from organisation.models import QualitySystem, Unit


class ProductQuerySet(models.QuerySet["Product"]):
    def living(self) -> ProductQuerySet:
        """Not ended: someone still has something to do with them."""
        return self.exclude(stage__in=Product.Stage.ended)

    def usable(self) -> ProductQuerySet:
        return self.filter(stage=Product.Stage.IN_USE)


@recorded()
class Product(models.Model):
    """A device type that we make, or consider making, for our own patients. Its number is never reused."""

    class Stage(models.TextChoices):
        PROPOSED = "proposed", _("proposed")
        ELIGIBLE = "eligible", _("eligible")
        DEVELOPMENT = "development", _("development")
        IN_USE = "in_use", _("in use")
        SUSPENDED = "suspended", _("use paused")
        WITHDRAWN = "withdrawn", _("out of use")
        REJECTED = "rejected", _("rejected")
        ABANDONED = "abandoned", _("abandoned")
        DISPOSED = "disposed", _("records disposed of")

        ended = nonmember(("rejected", "abandoned", "disposed"))
        used = nonmember(("in_use", "suspended", "withdrawn", "disposed"))

    class Outcome(models.TextChoices):
        """Why a proposal ended without in-house manufacture."""

        NOT_A_DEVICE = "not_a_device", _("not a medical device")
        BUY = "buy", _("the CE-marked device is bought")
        CUSTOM_MADE = "custom_made", _("custom-made device")
        INVESTIGATION = "investigation", _("clinical investigation")
        OTHER = "other", _("other")

    number = models.CharField(_("number"), max_length=20, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=200)
    summary = models.TextField(_("in short"), help_text=_("What it is and what it is for, in a sentence or two."))
    stage = models.CharField(_("stage"), max_length=20, choices=Stage, default=Stage.PROPOSED, editable=False)
    outcome = models.CharField(_("outcome"), max_length=20, choices=Outcome, blank=True, editable=False)
    unit = models.ForeignKey(Unit, models.PROTECT, related_name="products", verbose_name=_("manufacturing unit"))
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        editable=False,
        related_name="owned_products",
        verbose_name=_("product owner"),
    )
    quality_system = models.ForeignKey(
        QualitySystem,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="products",
        verbose_name=_("quality management system"),
    )
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        editable=False,
        related_name="proposed_products",
        verbose_name=_("proposed by"),
    )
    proposed_on = models.DateField(_("proposed on"), editable=False)

    objects = ProductQuerySet.as_manager()

    class Meta:
        verbose_name = _("product")
        verbose_name_plural = _("products")
        ordering = ["-number"]
        indexes = [
            models.Index(fields=["stage", "number"]),
            models.Index(fields=["name"]),
        ]
        constraints = [
            models.CheckConstraint(
                name="product_rejected_iff_outcome",
                condition=Q(stage="rejected") & ~Q(outcome="") | ~Q(stage="rejected") & Q(outcome=""),
                violation_error_message=_("A rejected product has an outcome, and no other has."),
            ),
            models.CheckConstraint(
                name="product_owned_from_development",
                condition=Q(stage__in=["proposed", "eligible", "rejected", "abandoned"]) | Q(owner__isnull=False),
                violation_error_message=_("From development on, a product has an owner."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.name}"

    @property
    def scope(self) -> Scope:
        """Where acts on this product take place (needs `unit` loaded)."""
        return Scope(self.unit.administration_id, self.owner_id, self.proposed_by_id)

    @property
    def is_ended(self) -> bool:
        return self.stage in self.Stage.ended

    @cached_property
    def open_revision(self) -> Revision | None:
        """The design that is being worked on: open, or declared and not yet in force."""
        return self.revisions.filter(stage__in=Revision.Stage.coming).last()

    @cached_property
    def revision_in_force(self) -> Revision | None:
        return self.revisions.filter(stage=Revision.Stage.IN_FORCE).last()


class RevisionQuerySet(models.QuerySet["Revision"]):
    def covering(self) -> RevisionQuerySet:
        """Those whose items may be in use: in force, or being phased out."""
        return self.filter(stage__in=Revision.Stage.covering)


@recorded()
class Revision(models.Model):
    """One design of a product. Evidence and declarations belong to it."""

    class Stage(models.TextChoices):
        OPEN = "open", _("open")
        DECLARED = "declared", _("declared")
        IN_FORCE = "in_force", _("in force")
        PHASING_OUT = "phasing_out", _("being phased out")
        CLOSED = "closed", _("closed")
        ABANDONED = "abandoned", _("abandoned")

        coming = nonmember(("open", "declared"))
        covering = nonmember(("in_force", "phasing_out"))
        signed = nonmember(("declared", "in_force", "phasing_out"))

    class Regulation(models.TextChoices):
        MDR = "MDR", _("MDR (medical device)")
        IVDR = "IVDR", _("IVDR (in vitro diagnostic medical device)")

    class RiskClass(models.TextChoices):
        I = "I", "I"  # noqa: E741 (the class's own name)
        IIA = "IIa", "IIa"
        IIB = "IIb", "IIb"
        III = "III", "III"
        A = "A", "A"
        B = "B", "B"
        C = "C", "C"
        D = "D", "D"

        of = nonmember({"MDR": ("I", "IIa", "IIb", "III"), "IVDR": ("A", "B", "C", "D")})

    TRAITS = (
        "is_software",
        "is_ai",
        "is_implantable",
        "is_sterile",
        "is_measuring",
        "is_radiating",
        "is_electrical",
        "is_in_vitro",
    )
    EXAMINED = ("intended_purpose", "patient_group", "description", "risk_class", *TRAITS)
    """What verification and validation look at, beside the parts: when it changes, they are done anew."""

    product = models.ForeignKey(Product, models.PROTECT, related_name="revisions", verbose_name=_("product"))
    number = models.PositiveSmallIntegerField(_("revision"), editable=False)
    stage = models.CharField(_("stage"), max_length=20, choices=Stage, default=Stage.OPEN, editable=False)
    reference = models.CharField(_("reference, model or version"), max_length=100, blank=True)
    intended_purpose = models.TextField(_("intended purpose"), blank=True)
    patient_group = models.TextField(_("target patient group"), blank=True)
    description = models.TextField(
        _("description"), blank=True, help_text=_("With accessories and variants, enough to be unambiguous.")
    )
    regulation = models.CharField(_("regulation"), max_length=4, choices=Regulation, default=Regulation.MDR)
    risk_class = models.CharField(_("risk class"), max_length=3, choices=RiskClass, blank=True)
    class_rule = models.CharField(
        _("classification rule"), max_length=20, blank=True, help_text=_("Rule of Annex VIII, for example 11.")
    )
    class_reason = models.TextField(_("reason for the class"), blank=True)
    is_software = models.BooleanField(_("software"), default=False)
    is_ai = models.BooleanField(_("artificial intelligence"), default=False)
    is_implantable = models.BooleanField(_("implantable"), default=False)
    is_sterile = models.BooleanField(_("sterile"), default=False)
    is_measuring = models.BooleanField(_("measuring function"), default=False)
    is_radiating = models.BooleanField(_("radiation"), default=False)
    is_electrical = models.BooleanField(_("electrical"), default=False)
    is_in_vitro = models.BooleanField(_("examines specimens in vitro"), default=False)
    patient_tracing = models.BooleanField(
        _("traced to the patient"), null=True, blank=True, choices=[(True, _("yes")), (False, _("no"))]
    )
    tracing_reason = models.TextField(_("reason for tracing to the patient or not"), blank=True)
    opened_on = models.DateField(_("opened on"), default=clock.today, editable=False)
    designed_on = models.DateField(_("design last changed on"), default=clock.today, editable=False)

    objects = RevisionQuerySet.as_manager()

    class Meta:
        verbose_name = _("revision")
        verbose_name_plural = _("revisions")
        ordering = ["product", "number"]
        constraints = [
            models.UniqueConstraint(name="revision_number_within_product", fields=["product", "number"]),
            models.UniqueConstraint(
                name="revision_one_coming",
                fields=["product"],
                condition=Q(stage__in=["open", "declared"]),
                violation_error_message=_("Another revision of this product is already open."),
            ),
            models.UniqueConstraint(
                name="revision_one_in_force",
                fields=["product"],
                condition=Q(stage="in_force"),
                violation_error_message=_("Another revision of this product is in force."),
            ),
        ]

    def __str__(self) -> str:
        return _("%(product)s, revision %(number)s") % {"product": self.product.number, "number": self.number}

    @property
    def scope(self) -> Scope:
        return self.product.scope

    @property
    def traits(self) -> list[str]:
        """The names of the traits it has, in the reader's language."""
        return [str(self._meta.get_field(name).verbose_name) for name in self.TRAITS if getattr(self, name)]  # type: ignore[union-attr]

    @property
    def is_open(self) -> bool:
        return self.stage == self.Stage.OPEN

    def held_on(self, day: date) -> bool:
        return self.opened_on <= day


@recorded()
class Part(models.Model):
    """What a device is made of or combined with, where that is a product in itself (VGR-22)."""

    revision = models.ForeignKey(Revision, models.CASCADE, related_name="parts", verbose_name=_("revision"))
    name = models.CharField(_("part or accessory"), max_length=200)
    maker = models.CharField(_("manufacturer"), max_length=200, blank=True)
    model = models.CharField(_("model"), max_length=100, blank=True)
    edition = models.CharField(_("version"), max_length=50, blank=True)
    is_ce_marked = models.BooleanField(_("CE-marked device"), default=False)
    statement = models.TextField(
        _("manufacturer’s statement on combining it"),
        blank=True,
        help_text=_("What the manufacturer says on use together with other devices; with the source."),
    )

    class Meta:
        verbose_name = _("part or accessory")
        verbose_name_plural = _("parts and accessories")
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.name
