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
    need_on = models.DateField(
        _("need described on"),
        null=True,
        blank=True,
        help_text=_("The need is described before the market is searched."),
    )
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

    submitted_on = models.DateField(_("submitted on"), null=True, editable=False)
    submitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        editable=False,
        verbose_name=_("submitted by"),
    )

    # What it rested on when it was submitted: later searches, walks and revisions do not change it
    intended_purpose = models.TextField(_("intended purpose as assessed"), blank=True, editable=False)
    search = models.ForeignKey(
        "inhouse.MarketSearch",
        models.PROTECT,
        null=True,
        related_name="+",
        editable=False,
        verbose_name=_("market search it rests on"),
    )
    classification = models.ForeignKey(
        "inhouse.Classification",
        models.PROTECT,
        null=True,
        related_name="+",
        editable=False,
        verbose_name=_("classification it rests on"),
    )

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
            models.CheckConstraint(
                name="assessment_submitted_by_someone",
                condition=Q(submitted_on=None, submitted_by=None)
                | Q(submitted_on__isnull=False, submitted_by__isnull=False),
            ),
            models.CheckConstraint(
                name="assessment_submitted_before_decided",
                condition=Q(decided_on=None) | Q(submitted_on=None) | Q(submitted_on__lte=models.F("decided_on")),
            ),
            models.CheckConstraint(
                name="assessment_advised_before_decided",
                condition=Q(decided_on=None) | Q(advised_on=None) | Q(advised_on__lte=models.F("decided_on")),
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

    @property
    def is_submitted(self) -> bool:
        return self.submitted_on is not None

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
    classification = models.ForeignKey(
        "inhouse.Classification",
        models.PROTECT,
        null=True,
        related_name="answers",
        verbose_name=_("classification"),
    )
    tree = models.CharField(_("tree"), max_length=40)
    tree_version = models.PositiveSmallIntegerField(_("version of the tree"))
    question = models.CharField(_("question"), max_length=40)
    value = models.CharField(_("answer"), max_length=40, choices=[("yes", _("yes")), ("no", _("no"))])
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
                name="answer_once_in_assessment",
                fields=["assessment", "tree", "question"],
                condition=Q(assessment__isnull=False),
            ),
            models.UniqueConstraint(
                name="answer_once_in_change", fields=["change", "tree", "question"], condition=Q(change__isnull=False)
            ),
            models.UniqueConstraint(
                name="answer_once_in_classification",
                fields=["classification", "tree", "question"],
                condition=Q(classification__isnull=False),
            ),
            models.CheckConstraint(
                name="answer_belongs_to_one",
                condition=Q(assessment__isnull=False, change=None, classification=None)
                | Q(assessment=None, change__isnull=False, classification=None)
                | Q(assessment=None, change=None, classification__isnull=False),
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


@recorded()
class CategoryFacts(models.Model):
    """What a scope category asks to know (VGR-20…24): the base device, the consumer product, or the study."""

    assessment = models.ForeignKey(
        Assessment, models.PROTECT, related_name="category_facts", verbose_name=_("assessment")
    )
    category = models.CharField(_("kind of work"), max_length=40, editable=False)
    is_accessory = models.BooleanField(_("an accessory to another device"), default=False)
    device = models.CharField(_("device or product"), max_length=200, blank=True)
    maker = models.CharField(_("manufacturer"), max_length=200, blank=True)
    model = models.CharField(_("model"), max_length=100, blank=True)
    stated_purpose = models.TextField(_("purpose stated by its manufacturer"), blank=True)
    our_purpose = models.TextField(_("purpose we give it"), blank=True)
    difference = models.TextField(_("what differs, and what that means"), blank=True)
    study = models.CharField(_("study"), max_length=200, blank=True)
    study_lead = models.CharField(_("responsible for the study"), max_length=200, blank=True)
    study_reference = models.CharField(
        _("ethics approval"),
        max_length=100,
        blank=True,
        help_text=_("Reference of the decision, or why none is needed."),
    )
    is_ce_marked = models.BooleanField(
        _("the device studied is CE-marked for this use"), null=True, blank=True, choices=YES_NO
    )

    class Meta:
        verbose_name = _("facts of the kind of work")
        verbose_name_plural = _("facts of the kinds of work")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(name="category_facts_once", fields=["assessment", "category"]),
        ]

    def __str__(self) -> str:
        return self.device or self.study or self.category


@recorded()
class OtherRoute(models.Model):
    """What is noted of a device that takes another way than in-house: custom-made (Annex XIII) or an investigation."""

    assessment = models.OneToOneField(
        Assessment, models.PROTECT, related_name="other_route", editable=False, verbose_name=_("assessment")
    )
    prescriber = models.CharField(_("prescriber"), max_length=200, blank=True)
    prescriber_place = models.CharField(_("health institution of the prescriber"), max_length=200, blank=True)
    sites = models.TextField(_("manufacturing sites"), blank=True)
    special_features = models.TextField(_("special design features prescribed"), blank=True)
    unmet = models.TextField(_("requirements of Annex I not fully met, and why"), blank=True)
    substances = models.TextField(_("medicinal substance, blood derivative or tissues it contains"), blank=True)
    study = models.CharField(_("investigation"), max_length=200, blank=True)
    sponsor = models.CharField(_("sponsor"), max_length=200, blank=True)
    study_reference = models.CharField(_("reference of the application"), max_length=100, blank=True)

    class Meta:
        verbose_name = _("facts of another route")
        verbose_name_plural = _("facts of other routes")

    def __str__(self) -> str:
        return self.special_features or self.study
