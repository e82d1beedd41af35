"""Is it a device, may we make it, and who decided."""

from __future__ import annotations

from datetime import date

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from organisation.access import Scope
from organisation.history import recorded
from products.models import Product

YES_NO = [(True, _("yes")), (False, _("no"))]


@recorded()
class Assessment(models.Model):
    """One assessment of a product, up to a decision. A rejected product can be proposed again: a new assessment."""

    class Decision(models.TextChoices):
        MANUFACTURE = "manufacture", _("may be made in-house")
        REJECT = "reject", _("is not made in-house")

    product = models.ForeignKey(Product, models.PROTECT, related_name="assessments", verbose_name=_("product"))
    number = models.PositiveSmallIntegerField(_("assessment"), editable=False)
    started_on = models.DateField(_("started on"), editable=False)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", editable=False, verbose_name=_("started by")
    )

    patient_group = models.TextField(
        _("target patient group"),
        blank=True,
        help_text=_("People who share a disease, condition or trait and could benefit."),
    )
    special_need = models.TextField(
        _("special need"), blank=True, help_text=_("What this group needs that the market does not give.")
    )
    performance_level = models.TextField(_("performance level needed"), blank=True)
    non_medical_statement = models.TextField(
        _("intended use, in your own words"),
        blank=True,
        help_text=_("Make plain that the use is not medical (VGR guideline, scope)."),
    )

    benefit = models.TextField(_("benefit"), blank=True)
    risk = models.TextField(_("risk"), blank=True)
    cost = models.TextField(_("cost"), blank=True)
    weighing = models.TextField(_("conclusion of the weighing"), blank=True)
    weighed_on = models.DateField(_("weighed on"), null=True, editable=False)
    weighed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        editable=False,
        verbose_name=_("weighed by"),
    )

    support_needed = models.BooleanField(
        _("support by a competent adviser needed"), null=True, blank=True, choices=YES_NO
    )
    support_reason = models.TextField(_("why support is needed or not"), blank=True)
    adviser = models.CharField(_("adviser"), max_length=150, blank=True)
    advised_on = models.DateField(_("advice given on"), null=True, blank=True)
    advice = models.TextField(_("advice"), blank=True)

    decision = models.CharField(_("decision"), max_length=12, choices=Decision, blank=True, editable=False)
    decision_reason = models.TextField(_("reason for the decision"), blank=True, editable=False)
    decided_on = models.DateField(_("decided on"), null=True, editable=False)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        editable=False,
        verbose_name=_("decided by"),
    )

    class Meta:
        verbose_name = _("assessment")
        verbose_name_plural = _("assessments")
        ordering = ["product", "number"]
        constraints = [
            models.UniqueConstraint(name="assessment_number_within_product", fields=["product", "number"]),
            models.CheckConstraint(
                name="assessment_decided_by_someone",
                condition=Q(decision="", decided_on=None, decided_by=None)
                | ~Q(decision="") & Q(decided_on__isnull=False, decided_by__isnull=False),
            ),
            models.CheckConstraint(
                name="assessment_weighed_before_decided",
                condition=Q(decided_on=None) | Q(weighed_on=None) | Q(weighed_on__lte=models.F("decided_on")),
            ),
        ]

    def __str__(self) -> str:
        return _("Assessment %(number)s of %(product)s") % {"number": self.number, "product": self.product.number}

    @property
    def scope(self) -> Scope:
        return self.product.scope

    @property
    def is_decided(self) -> bool:
        return bool(self.decision)

    def held_on(self, day: date) -> bool:
        return self.started_on <= day


@recorded()
class Answer(models.Model):
    """An answer to one question of a tree, under the tree's version at the time."""

    assessment = models.ForeignKey(
        Assessment, models.PROTECT, null=True, related_name="answers", verbose_name=_("assessment")
    )
    change = models.ForeignKey(
        "inhouse.Change", models.PROTECT, null=True, related_name="answers", verbose_name=_("change")
    )
    tree = models.CharField(_("tree"), max_length=40)
    tree_version = models.PositiveSmallIntegerField(_("version of the tree"))
    question = models.CharField(_("question"), max_length=40)
    value = models.CharField(_("answer"), max_length=10, choices=[("yes", _("yes")), ("no", _("no"))])
    reason = models.TextField(_("reason"), blank=True)
    answered_on = models.DateField(_("answered on"))
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("answered by")
    )

    class Meta:
        verbose_name = _("answer")
        verbose_name_plural = _("answers")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                name="answer_once_in_assessment", fields=["assessment", "tree", "question"], condition=Q(change=None)
            ),
            models.UniqueConstraint(
                name="answer_once_in_change", fields=["change", "tree", "question"], condition=Q(assessment=None)
            ),
            models.CheckConstraint(
                name="answer_belongs_to_one",
                condition=Q(assessment=None, change__isnull=False) | Q(assessment__isnull=False, change=None),
            ),
        ]
        indexes = [models.Index(fields=["tree", "question", "value"])]

    def __str__(self) -> str:
        return f"{self.tree} {self.question}"

    @property
    def is_yes(self) -> bool:
        return self.value == "yes"

    def held_on(self, day: date) -> bool:
        return self.answered_on <= day
