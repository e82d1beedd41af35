"""Software and artificial intelligence: modules, tests, data sets, and the plan (seed rows SW, AI and AIA)."""

from __future__ import annotations

from datetime import date

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from inhouse.models.assessment import YES_NO
from organisation import clock
from organisation.access import Scope
from organisation.history import recorded
from products.models import Revision


class OfRevision(models.Model):
    """A row that describes a revision."""

    class Meta:
        abstract = True

    revision: models.ForeignKey[Revision, Revision]

    @property
    def scope(self) -> Scope:
        return self.revision.product.scope


class SoftwarePlanQuerySet(models.QuerySet["SoftwarePlan"]):
    def complete(self) -> SoftwarePlanQuerySet:
        """Those whose early questions are answered (SW-13)."""
        return self.exclude(develops_algorithm=None).exclude(collects_data=None).exclude(device_since=None)


@recorded()
class SoftwarePlan(OfRevision):
    """The early questions (SW-13), and whether it is artificial intelligence and of which kind (AIA-A)."""

    revision = models.OneToOneField(
        Revision, models.PROTECT, related_name="software_plan", editable=False, verbose_name=_("revision")
    )
    develops_algorithm = models.BooleanField(
        _("an algorithm is trained or developed further"), null=True, choices=YES_NO
    )
    collects_data = models.BooleanField(_("data are collected to make an algorithm"), null=True, choices=YES_NO)
    device_since = models.DateField(
        _("treated as a device since"),
        null=True,
        blank=True,
        help_text=_("From when the rules for devices are followed."),
    )
    is_high_risk = models.BooleanField(_("high-risk AI system"), default=False, choices=YES_NO)
    high_risk_reason = models.TextField(_("reason for the AI classification"), blank=True)
    high_risk_on = models.DateField(_("AI classification on"), null=True, editable=False)

    objects = SoftwarePlanQuerySet.as_manager()

    class Meta:
        verbose_name = _("plan of the software")
        verbose_name_plural = _("plans of the software")

    def __str__(self) -> str:
        return _("Software of %(revision)s") % {"revision": self.revision}

    @property
    def is_complete(self) -> bool:
        """Whether the early questions are answered (SW-13)."""
        return self.develops_algorithm is not None and self.collects_data is not None and self.device_since is not None


@recorded()
class SoftwareModule(OfRevision):
    """A module of the software: a device or not, and how it bears on the others (SW-04)."""

    revision = models.ForeignKey(Revision, models.PROTECT, related_name="software_modules", verbose_name=_("revision"))
    name = models.CharField(_("module"), max_length=200)
    purpose = models.TextField(_("purpose"))
    is_device = models.BooleanField(_("a medical device"), choices=YES_NO)
    risk_class = models.CharField(_("risk class"), max_length=3, choices=Revision.RiskClass, blank=True)
    marking = models.CharField(_("how it is identified as a device"), max_length=200, blank=True)
    interfaces = models.TextField(_("interfaces"), blank=True)
    effect = models.TextField(_("effect on the other modules"))

    class Meta:
        verbose_name = _("module")
        verbose_name_plural = _("modules")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                name="software_module_once",
                fields=["revision", "name"],
                violation_error_message=_("A module of that name is already listed."),
            )
        ]

    def __str__(self) -> str:
        return self.name


@recorded()
class SoftwareTest(OfRevision):
    """One of the seven kinds of pre-clinical test, planned or not relevant with a reason (SW-14)."""

    revision = models.ForeignKey(Revision, models.PROTECT, related_name="software_tests", verbose_name=_("revision"))
    kind = models.CharField(_("kind of test"), max_length=20, editable=False)
    is_relevant = models.BooleanField(_("relevant"), choices=YES_NO)
    plan = models.TextField(_("plan"), blank=True)
    standard = models.CharField(_("standard or specification"), max_length=200, blank=True)
    reason = models.TextField(_("why it is not relevant"), blank=True)

    class Meta:
        verbose_name = _("pre-clinical test")
        verbose_name_plural = _("pre-clinical tests")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(name="software_test_once", fields=["revision", "kind"]),
            models.CheckConstraint(
                name="software_test_planned_or_explained",
                condition=Q(is_relevant=True) & ~Q(plan="") | Q(is_relevant=False) & ~Q(reason=""),
                violation_error_message=_("Say how it is tested, or why it is not relevant."),
            ),
        ]

    def __str__(self) -> str:
        return self.kind


@recorded()
class DataSet(OfRevision):
    """Data that trained, validated or tested the model (AIA-10)."""

    class Use(models.TextChoices):
        TRAINING = "training", _("training")
        VALIDATION = "validation", _("validation")
        TEST = "test", _("test")

    revision = models.ForeignKey(Revision, models.PROTECT, related_name="data_sets", verbose_name=_("revision"))
    name = models.CharField(_("data set"), max_length=200)
    use = models.CharField(_("used for"), max_length=12, choices=Use)
    origin = models.TextField(_("origin"))
    population = models.TextField(_("population"))
    period = models.CharField(_("period"), max_length=100)
    size = models.CharField(_("size"), max_length=100)
    processing = models.TextField(_("processing"), blank=True)
    split = models.TextField(_("how the data were split"), blank=True)
    bias_checks = models.TextField(_("checks for bias"), blank=True)
    approvals = models.TextField(
        _("approvals"), blank=True, help_text=_("Legal basis, ethics and data protection, with references.")
    )

    class Meta:
        verbose_name = _("data set")
        verbose_name_plural = _("data sets")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                name="data_set_once",
                fields=["revision", "name", "use"],
                violation_error_message=_("That data set is already listed for that use."),
            )
        ]

    def __str__(self) -> str:
        return self.name


@recorded()
class AiPoint(OfRevision):
    """How one point of the AI Act is met (AIA-9…-15). Voluntary for in-house devices."""

    revision = models.ForeignKey(Revision, models.PROTECT, related_name="ai_points", verbose_name=_("revision"))
    point = models.CharField(_("point"), max_length=10, editable=False)
    is_met = models.BooleanField(_("met"), null=True, choices=YES_NO)
    how = models.TextField(_("how, or why not"), blank=True)

    class Meta:
        verbose_name = _("point of the AI Act")
        verbose_name_plural = _("points of the AI Act")
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(name="ai_point_once", fields=["revision", "point"])]

    def __str__(self) -> str:
        return self.point


@recorded()
class AiStep(OfRevision):
    """One of the seven steps towards use (AI-S1…S7): planned, and done by whom and when."""

    revision = models.ForeignKey(Revision, models.PROTECT, related_name="ai_steps", verbose_name=_("revision"))
    step = models.CharField(_("step"), max_length=10, editable=False)
    planned_on = models.DateField(_("planned for"), null=True, blank=True)
    note = models.TextField(_("note"), blank=True)
    done_on = models.DateField(_("done on"), null=True, blank=True)
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", editable=False, verbose_name=_("done by")
    )

    class Meta:
        verbose_name = _("step of the AI plan")
        verbose_name_plural = _("steps of the AI plan")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(name="ai_step_once", fields=["revision", "step"]),
            models.CheckConstraint(
                name="ai_step_done_by_someone",
                condition=Q(done_on=None, done_by=None) | Q(done_on__isnull=False, done_by__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.step

    def is_late(self, on: date | None = None) -> bool:
        return self.done_on is None and self.planned_on is not None and self.planned_on < (on or clock.today())
