"""How long the file of a product is kept, what holds it, and how it is disposed of."""

from __future__ import annotations

from datetime import date

from django.conf import settings
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.timezone import localdate
from django.utils.translation import gettext_lazy as _

from documents.models import Erasure, SignedFile
from organisation.access import Scope
from organisation.history import locked, recorded
from products.models import Product

AT_LEAST = 10  # years, whatever is chosen (VGR-75, RET-01)


class HoldQuerySet(models.QuerySet["Hold"]):
    def standing(self) -> HoldQuerySet:
        return self.filter(lifted_on=None)


@locked(when="lifted_on")
@recorded()
class Hold(models.Model):
    """A legal hold: while it stands nothing is disposed of, whatever the day. A product can have several."""

    product = models.ForeignKey(Product, models.PROTECT, related_name="holds", verbose_name=_("product"))
    reason = models.TextField(_("why the file must be held"))
    reference = models.CharField(_("reference"), max_length=100, help_text=_("Of the case, inspection or claim."))
    since = models.DateField(_("held since"), editable=False)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", editable=False, verbose_name=_("held by")
    )
    lifted_on = models.DateField(_("lifted on"), null=True, editable=False)
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        editable=False,
        verbose_name=_("lifted by"),
    )
    lifted_reason = models.TextField(_("why it was lifted"), blank=True, editable=False)

    objects = HoldQuerySet.as_manager()

    class Meta:
        verbose_name = _("legal hold")
        verbose_name_plural = _("legal holds")
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                name="hold_lifted_by_someone_with_reason",
                condition=Q(lifted_on=None, lifted_by=None, lifted_reason="")
                | Q(lifted_on__isnull=False, lifted_by__isnull=False) & ~Q(lifted_reason=""),
            ),
            models.CheckConstraint(
                name="hold_days_in_order", condition=Q(lifted_on=None) | Q(lifted_on__gte=F("since"))
            ),
            models.CheckConstraint(name="hold_with_reference", condition=~Q(reference="") & ~Q(reason="")),
        ]

    def __str__(self) -> str:
        return self.reference

    @property
    def scope(self) -> Scope:
        return self.product.scope

    def held_on(self, day: date) -> bool:
        return self.since <= day

    def stands_on(self, day: date) -> bool:
        return self.since <= day and (self.lifted_on is None or self.lifted_on > day)


@locked()
@recorded()
class Keeping(models.Model):
    """How many years the file of a product is kept, chosen instead of what is demanded: never fewer. The latest counts."""

    product = models.ForeignKey(Product, models.PROTECT, related_name="keepings", verbose_name=_("product"))
    years = models.PositiveSmallIntegerField(
        _("years after the last item left use"), validators=[MinValueValidator(AT_LEAST)]
    )
    reason = models.TextField(_("why the file is kept longer"))
    on = models.DateField(_("chosen on"), editable=False)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", editable=False, verbose_name=_("chosen by")
    )

    class Meta:
        verbose_name = _("time of keeping")
        verbose_name_plural = _("times of keeping")
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                name="keeping_never_shorter",
                condition=Q(years__gte=AT_LEAST),
                violation_error_message=_("The file is never kept for less than ten years."),
            ),
            models.CheckConstraint(name="keeping_with_reason", condition=~Q(reason="")),
        ]

    def __str__(self) -> str:
        return _("%(years)s years for %(product)s") % {"years": self.years, "product": self.product.number}

    @property
    def scope(self) -> Scope:
        return self.product.scope

    def held_on(self, day: date) -> bool:
        return self.on <= day


class DisposalQuerySet(models.QuerySet["Disposal"]):
    def open(self) -> DisposalQuerySet:
        return self.filter(ended_at=None)

    def unfinished(self) -> DisposalQuerySet:
        """Those that a worker has something to do for: confirmed and not executed, or with files still on disk."""
        confirmed = Q(ended_at=None, confirmed_at__isnull=False)
        return self.filter(confirmed | Q(end="executed", files_gone_at=None))


@locked(when="ended_at", except_for=("files_removed",), once=("files_gone_at",))
@recorded()
class Disposal(models.Model):
    """The disposal of a product's records by a decision: proposed with what goes and stays, confirmed by someone else, done."""

    class End(models.TextChoices):
        EXECUTED = "executed", _("executed")
        CANCELLED = "cancelled", _("cancelled")

    product = models.ForeignKey(Product, models.PROTECT, related_name="disposals", verbose_name=_("product"))
    reference = models.CharField(_("reference of the decision"), max_length=100)
    decided_on = models.DateField(_("decided on"))
    decided_by = models.CharField(
        _("who decided"), max_length=200, help_text=_("The authority, board or person that may decide on disposal.")
    )
    reason = models.TextField(_("reason"))
    proposed_at = models.DateTimeField(_("proposed at"), editable=False)
    proposed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", editable=False, verbose_name=_("proposed by")
    )

    manifest = models.JSONField(_("what goes and what stays"), editable=False)
    sha256 = models.CharField(_("SHA-256 of the list"), max_length=64, editable=False)
    previewed_at = models.DateTimeField(_("listed at"), editable=False)
    previewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", editable=False, verbose_name=_("listed by")
    )

    confirmed_at = models.DateTimeField(_("confirmed at"), null=True, editable=False)
    confirmed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        editable=False,
        verbose_name=_("confirmed by"),
    )
    trouble = models.TextField(_("why it was not executed"), blank=True, editable=False)

    ended_at = models.DateTimeField(_("ended at"), null=True, editable=False)
    end = models.CharField(_("how it ended"), max_length=10, choices=End, blank=True, editable=False)
    cancelled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        editable=False,
        verbose_name=_("cancelled by"),
    )
    cancelled_reason = models.TextField(_("why it was cancelled"), blank=True, editable=False)
    erasure = models.OneToOneField(
        Erasure,
        models.PROTECT,
        null=True,
        related_name="disposal",
        editable=False,
        verbose_name=_("erasure in the history"),
    )
    certificate = models.OneToOneField(
        SignedFile, models.PROTECT, null=True, related_name="disposal", editable=False, verbose_name=_("certificate")
    )
    files_removed = models.PositiveIntegerField(_("files removed"), default=0, editable=False)
    files_gone_at = models.DateTimeField(_("all files removed at"), null=True, editable=False)

    objects = DisposalQuerySet.as_manager()
    history_hidden = ("manifest",)

    class Meta:
        verbose_name = _("disposal of records")
        verbose_name_plural = _("disposals of records")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                name="disposal_one_open",
                fields=["product"],
                condition=Q(ended_at=None),
                violation_error_message=_("A disposal of these records is already proposed."),
            ),
            models.UniqueConstraint(name="disposal_once", fields=["product"], condition=Q(end="executed")),
            models.CheckConstraint(
                name="disposal_by_two_people",
                condition=Q(confirmed_by=None) | ~Q(confirmed_by=F("proposed_by")) & ~Q(confirmed_by=F("previewed_by")),
                violation_error_message=_("Whoever proposed a disposal does not confirm it."),
            ),
            models.CheckConstraint(
                name="disposal_confirmed_by_someone",
                condition=Q(confirmed_at=None, confirmed_by=None)
                | Q(confirmed_at__isnull=False, confirmed_by__isnull=False),
            ),
            models.CheckConstraint(
                name="disposal_ended_somehow",
                condition=Q(ended_at=None, end="", erasure=None, certificate=None, cancelled_by=None)
                | Q(
                    ended_at__isnull=False,
                    end="executed",
                    confirmed_by__isnull=False,
                    erasure__isnull=False,
                    certificate__isnull=False,
                    cancelled_by=None,
                )
                | Q(ended_at__isnull=False, end="cancelled", erasure=None, certificate=None, cancelled_by__isnull=False)
                & ~Q(cancelled_reason=""),
            ),
            models.CheckConstraint(
                name="disposal_by_a_decision",
                condition=~Q(reference="") & ~Q(decided_by="") & ~Q(reason=""),
            ),
        ]

    def __str__(self) -> str:
        return _("Disposal of the records of %(product)s") % {"product": self.product.number}

    @property
    def scope(self) -> Scope:
        return self.product.scope

    @property
    def is_open(self) -> bool:
        return self.ended_at is None

    @property
    def is_confirmed(self) -> bool:
        return self.confirmed_by_id is not None

    @property
    def is_executed(self) -> bool:
        return self.end == self.End.EXECUTED

    @property
    def files(self) -> int:
        return len(self.manifest["files"])

    def held_on(self, day: date) -> bool:
        return localdate(self.proposed_at) <= day
