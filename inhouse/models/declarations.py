"""The signed word of the product owner. What is signed is frozen: the database refuses a change."""

from __future__ import annotations

from datetime import date

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from documents.models import SignedFile
from organisation import clock
from organisation.access import Scope
from organisation.history import locked, recorded
from products.models import Revision


@recorded()
class UnmetRequirement(models.Model):
    """A requirement of Annex I that is not fully met, with what and why (declaration D13, D14)."""

    revision = models.ForeignKey(
        Revision, models.PROTECT, related_name="unmet_requirements", verbose_name=_("revision")
    )
    number = models.CharField(_("number in Annex I"), max_length=20)
    what = models.TextField(_("what is not met"))
    why = models.TextField(_("why, and how the risk is handled"))
    confirmed_on = models.DateField(_("confirmed for this revision on"), null=True, default=clock.today, editable=False)

    class Meta:
        verbose_name = _("requirement not fully met")
        verbose_name_plural = _("requirements not fully met")
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(
                name="unmet_requirement_once",
                fields=["revision", "number"],
                violation_error_message=_("That number is already listed."),
            )
        ]

    def __str__(self) -> str:
        return self.number


class DeclarationQuerySet(models.QuerySet["Declaration"]):
    def standing(self) -> DeclarationQuerySet:
        """Signed, and neither withdrawn nor replaced."""
        return self.filter(withdrawn_on=None, replaced_on=None)

    def published(self) -> DeclarationQuerySet:
        return self.filter(published_on__isnull=False)


@locked(
    once=(
        "diary_number", "diary_name", "diary_on", "diary_by", "published_on", "published_by",
        "replaced_on", "withdrawn_on", "withdrawn_by", "withdrawn_reason",
    )
)  # fmt: skip
@recorded()
class Declaration(models.Model):
    """A declaration under Article 5(5), rendered from a stored snapshot and never from live rows."""

    revision = models.ForeignKey(Revision, models.PROTECT, related_name="declarations", verbose_name=_("revision"))
    number = models.CharField(_("declaration number"), max_length=30, unique=True)
    version = models.PositiveSmallIntegerField(_("version"))
    replaces = models.OneToOneField(
        "self", models.PROTECT, null=True, related_name="replaced_by", verbose_name=_("replaces")
    )
    language = models.CharField(_("language"), max_length=2, choices=settings.LANGUAGES)
    snapshot = models.JSONField(_("what was declared"))
    file = models.OneToOneField(SignedFile, models.PROTECT, related_name="declaration", verbose_name=_("PDF"))
    frozen = models.OneToOneField(
        "Frozen", models.PROTECT, null=True, related_name="declaration", verbose_name=_("as it was frozen")
    )
    place = models.CharField(_("place of signing"), max_length=100)
    signed_at = models.DateTimeField(_("signed at"))
    signed_on = models.DateField(_("signed on"))
    signed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("signed by")
    )

    # The only things that may be added after signing (D19, D21, D26)
    diary_number = models.CharField(_("diary number"), max_length=60, blank=True)
    diary_name = models.CharField(_("diary"), max_length=100, blank=True)
    diary_on = models.DateField(_("registered in the diary on"), null=True)
    diary_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("registered by")
    )
    published_on = models.DateField(_("published on"), null=True)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("published by")
    )
    replaced_on = models.DateField(_("replaced on"), null=True)
    withdrawn_on = models.DateField(_("withdrawn on"), null=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("withdrawn by")
    )
    withdrawn_reason = models.TextField(_("reason for withdrawal"), blank=True)

    objects = DeclarationQuerySet.as_manager()
    history_hidden = ("snapshot",)

    class Meta:
        verbose_name = _("declaration")
        verbose_name_plural = _("declarations")
        ordering = ["revision", "version"]
        indexes = [models.Index(fields=["published_on"]), models.Index(fields=["diary_number"])]
        constraints = [
            models.UniqueConstraint(
                name="declaration_one_standing",
                fields=["revision"],
                condition=Q(withdrawn_on=None, replaced_on=None),
                violation_error_message=_("This revision already has a signed declaration."),
            ),
            models.CheckConstraint(
                name="declaration_diary_whole",
                condition=Q(diary_number="", diary_on=None, diary_by=None)
                | ~Q(diary_number="") & Q(diary_on__isnull=False, diary_by__isnull=False),
            ),
            models.CheckConstraint(
                name="declaration_published_by_someone",
                condition=Q(published_on=None, published_by=None)
                | Q(published_on__isnull=False, published_by__isnull=False),
            ),
            models.CheckConstraint(
                name="declaration_withdrawn_with_reason",
                condition=Q(withdrawn_on=None, withdrawn_by=None)
                | Q(withdrawn_on__isnull=False, withdrawn_by__isnull=False) & ~Q(withdrawn_reason=""),
            ),
        ]

    def __str__(self) -> str:
        return self.number

    def get_absolute_url(self) -> str:
        """The permanent public address."""
        return reverse("inhouse:public-declaration", args=[self.number])

    @property
    def scope(self) -> Scope:
        return self.revision.product.scope

    @property
    def state(self) -> str:
        """One word for today: withdrawn, replaced, published, registered or signed."""
        if self.withdrawn_on:
            return "withdrawn"
        if self.replaced_on:
            return "replaced"
        if self.published_on:
            return "published"
        return "registered" if self.diary_number else "signed"

    def held_on(self, day: date) -> bool:
        return self.signed_on <= day

    def stands_on(self, day: date) -> bool:
        return self.signed_on <= day and all(end is None or end > day for end in (self.withdrawn_on, self.replaced_on))
