"""The legal entity and its workplaces."""

from __future__ import annotations

from datetime import date

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from organisation.history import recorded


class DatedQuerySet(models.QuerySet["Authority"]):
    def on(self, day: date) -> DatedQuerySet:
        """Those that hold on that day."""
        return self.filter(Q(valid_until=None) | Q(valid_until__gte=day), valid_from__lte=day)


@recorded()
class Institution(models.Model):
    """The health institution: one legal entity, one row (MDR 5(5)(a); declaration D1–D3)."""

    class Country(models.TextChoices):
        SWEDEN = "SE", _("Sweden")
        NORWAY = "NO", _("Norway")

    class DiaryGate(models.TextChoices):
        BLOCK = "block", _("must be in place before use")
        WARN = "warn", _("only warn")

    class Gate(models.TextChoices):
        BLOCK = "block", _("refused")
        WARN = "warn", _("only warn")

    name = models.CharField(_("legal name"), max_length=200)
    organisation_number = models.CharField(_("organisation number"), max_length=20)
    address = models.TextField(_("postal address"))
    place = models.CharField(_("place of signing"), max_length=100)
    country = models.CharField(_("country"), max_length=2, choices=Country)
    language = models.CharField(
        _("language of the institution"),
        max_length=2,
        choices=[("sv", _("Swedish")), ("nb", _("Norwegian Bokmål")), ("en", _("English"))],
    )
    house_rules = models.JSONField(
        _("house rules"),
        default=list,
        blank=True,
        help_text=_("Ids of the rule packs the institution has chosen beside the law."),
    )
    diary_gate = models.CharField(
        _("diary number and publication"),
        max_length=5,
        choices=DiaryGate,
        default=DiaryGate.BLOCK,
        help_text=_("Whether a diary number and publication must be in place before use."),
    )
    contact = models.CharField(_("contact for questions and problems"), max_length=200)
    validation_gate = models.CharField(
        _("signing what one validated oneself"),
        max_length=5,
        choices=Gate,
        default=Gate.BLOCK,
        help_text=_(
            "Whether whoever recorded the validation may sign the declaration, from class IIa, for IVD from class C."
        ),
    )
    diary_format = models.CharField(
        _("form of a diary number"),
        max_length=60,
        blank=True,
        help_text=_("# stands for a digit, * for anything: “RS ####-*”. Left empty, any number is taken."),
    )
    co_signers = models.JSONField(
        _("who signs beside the product owner"),
        default=list,
        blank=True,
        help_text=_("Roles of those who sign each declaration too. Who they are is chosen when it is prepared."),
    )

    class Meta:
        verbose_name = _("institution")
        verbose_name_plural = _("institutions")
        constraints = [models.CheckConstraint(name="institution_one_row", condition=Q(pk=1))]

    def __str__(self) -> str:
        return self.name


@recorded()
class Authority(models.Model):
    """Which authority has which task, from when: data with dates, never a constant (SE-05)."""

    class Task(models.TextChoices):
        SUPERVISION = "supervision", _("supervision of in-house manufacture")
        EVENTS = "events", _("notification of serious events")
        RULES = "rules", _("rules on medical devices")
        RADIATION = "radiation", _("radiation safety")

    institution = models.ForeignKey(
        Institution, models.PROTECT, related_name="authorities", verbose_name=_("institution")
    )
    name = models.CharField(_("name"), max_length=200)
    short_name = models.CharField(_("short name"), max_length=20)
    task = models.CharField(_("task"), max_length=20, choices=Task)
    valid_from = models.DateField(_("valid from"))
    valid_until = models.DateField(_("valid until"), null=True, blank=True)

    objects = DatedQuerySet.as_manager()

    class Meta:
        verbose_name = _("authority")
        verbose_name_plural = _("authorities")
        ordering = ["task", "valid_from"]
        constraints = [
            models.CheckConstraint(
                name="authority_days_in_order",
                condition=Q(valid_until=None) | Q(valid_until__gte=models.F("valid_from")),
                violation_error_message=_("The last day cannot come before the first."),
            )
        ]

    def __str__(self) -> str:
        return self.name


@recorded()
class Administration(models.Model):
    """A hospital or other management unit of the institution (förvaltning)."""

    institution = models.ForeignKey(
        Institution, models.PROTECT, related_name="administrations", verbose_name=_("institution")
    )
    name = models.CharField(_("name"), max_length=200, unique=True)
    active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("administration")
        verbose_name_plural = _("administrations")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


@recorded()
class Unit(models.Model):
    """A workplace (verksamhet) of the institution; never a thing."""

    administration = models.ForeignKey(
        Administration, models.PROTECT, related_name="units", verbose_name=_("administration")
    )
    name = models.CharField(_("name"), max_length=200)
    site = models.CharField(_("site"), max_length=200, blank=True)
    active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("unit")
        verbose_name_plural = _("units")
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(name="unit_name_within_administration", fields=["administration", "name"])
        ]

    def __str__(self) -> str:
        return f"{self.name}, {self.site}" if self.site else self.name


@recorded()
class QualitySystem(models.Model):
    """The quality management system under which an administration makes or uses devices (MDR 5(5)(b))."""

    administration = models.ForeignKey(
        Administration, models.PROTECT, related_name="quality_systems", verbose_name=_("administration")
    )
    name = models.CharField(_("name"), max_length=200)
    scope = models.TextField(_("scope"))
    certificate = models.CharField(_("certificate"), max_length=200, blank=True)
    valid_until = models.DateField(_("certificate valid until"), null=True, blank=True)
    laboratory_standard = models.CharField(
        _("laboratory standard"),
        max_length=100,
        blank=True,
        help_text=_("For in vitro diagnostics: EN ISO 15189, or the national provisions the laboratory follows."),
    )
    accreditation = models.CharField(_("accreditation"), max_length=100, blank=True)
    accreditation_scope = models.TextField(_("scope of the accreditation"), blank=True)
    accredited_until = models.DateField(_("accredited until"), null=True, blank=True)

    class Meta:
        verbose_name = _("quality management system")
        verbose_name_plural = _("quality management systems")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
