"""Which patients met which item. Who a patient is lies apart, encrypted, in a table that history does not record."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.core.validators import MinLengthValidator
from django.db import models
from django.db.models import Q
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from organisation import clock
from organisation.access import Scope
from organisation.history import locked, recorded
from organisation.models import Unit


@recorded()
class Patient(models.Model):
    """Someone who met an item of ours, by an id that means nothing. Stays when the identity is erased."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(_("created at"), default=clock.now, editable=False)
    erased_at = models.DateTimeField(_("identity erased at"), null=True, editable=False)
    erased_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        editable=False,
        verbose_name=_("identity erased by"),
    )
    erasure_decision = models.CharField(_("decision on erasure"), max_length=200, blank=True, editable=False)

    history_private = True  # shown only to those who may read about patients

    class Meta:
        verbose_name = _("patient")
        verbose_name_plural = _("patients")
        constraints = [
            models.CheckConstraint(
                name="patient_erased_by_a_decision",
                condition=Q(erased_at=None, erased_by=None, erasure_decision="")
                | Q(erased_at__isnull=False, erased_by__isnull=False) & ~Q(erasure_decision=""),
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)

    @property
    def is_erased(self) -> bool:
        return self.erased_at is not None


class PatientIdentity(models.Model):
    """The encrypted number of a patient. Not recorded, so that deleting the row erases it.

    `index` is a keyed hash over kind, issuer and number: equal for equal numbers, and of no use without the key.
    """

    class Kind(models.TextChoices):
        SE_PERSONNUMMER = "se_personnummer", _("Swedish personal identity number")
        SE_SAMORDNINGSNUMMER = "se_samordningsnummer", _("Swedish coordination number")
        SE_RESERVE = "se_reserve", _("Swedish reserve number")
        NO_FNR = "no_fnr", _("Norwegian national identity number")
        NO_DNR = "no_dnr", _("Norwegian D number")
        NO_HELP = "no_help", _("Norwegian help number")
        FOREIGN = "foreign", _("identifier from another country")

    patient = models.OneToOneField(
        Patient,
        models.PROTECT,
        related_name="identity",
        verbose_name=_("patient"),
    )
    kind = models.CharField(_("kind of number"), max_length=20, choices=Kind)
    issuer = models.CharField(_("issued by"), max_length=100, blank=True)
    ciphertext = models.BinaryField(_("encrypted number"))
    key_id = models.PositiveSmallIntegerField(_("key"))
    index = models.CharField(_("keyed hash"), max_length=64, unique=True)

    class Meta:
        verbose_name = _("patient identity")
        verbose_name_plural = _("patient identities")
        indexes = [models.Index(fields=["key_id"])]
        constraints = [
            models.CheckConstraint(
                name="patient_identity_issuer_iff_needed",
                condition=Q(kind__in=("se_reserve", "foreign")) & ~Q(issuer="")
                | ~Q(kind__in=("se_reserve", "foreign")) & Q(issuer=""),
            )
        ]

    def __str__(self) -> str:
        return self.get_kind_display()


@recorded()
class PatientUse(models.Model):
    """A patient met an item at a unit on a day. Holds nothing that says who, and no free text that could."""

    patient = models.ForeignKey(Patient, models.PROTECT, related_name="uses", verbose_name=_("patient"))
    item = models.ForeignKey("products.Item", models.PROTECT, related_name="patient_uses", verbose_name=_("item"))
    unit = models.ForeignKey(Unit, models.PROTECT, related_name="patient_uses", verbose_name=_("unit"))
    used_on = models.DateField(_("used on"))
    noted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", editable=False, verbose_name=_("noted by")
    )
    noted_at = models.DateTimeField(_("noted at"), default=clock.now, editable=False)

    history_private = True  # shown only to those who may read about patients

    class Meta:
        verbose_name = _("use with a patient")
        verbose_name_plural = _("uses with patients")
        ordering = ["used_on", "pk"]
        indexes = [models.Index(fields=["item", "used_on"]), models.Index(fields=["unit", "used_on"])]
        constraints = [
            models.UniqueConstraint(
                name="patient_use_once_a_day",
                fields=["patient", "item", "unit", "used_on"],
                violation_error_message=_("This use is already noted."),
            )
        ]

    def __str__(self) -> str:
        return _("%(item)s on %(day)s") % {"item": self.item, "day": date_format(self.used_on)}

    @property
    def scope(self) -> Scope:
        return self.item.scope


@recorded()
@locked()
class PatientLookUp(models.Model):
    """Someone looked for a patient, or saw who a patient is: who, when, why, and whether anyone was found."""

    class Kind(models.TextChoices):
        BY_NUMBER = "by_number", _("looked for by number")
        REVEALED = "revealed", _("number shown from an item")
        OPENED = "opened", _("uses shown again")

    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("by"))
    at = models.DateTimeField(_("at"), default=clock.now)
    purpose = models.CharField(_("purpose"), max_length=500, validators=[MinLengthValidator(10)])
    patient = models.ForeignKey(Patient, models.PROTECT, null=True, related_name="look_ups", verbose_name=_("patient"))
    product = models.ForeignKey(
        "products.Product", models.PROTECT, null=True, related_name="patient_look_ups", verbose_name=_("product")
    )
    found = models.BooleanField(_("found"))

    history_private = True  # shown only to those who may read about patients

    class Meta:
        verbose_name = _("look-up of a patient")
        verbose_name_plural = _("look-ups of patients")
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["product", "at"])]
        constraints = [
            models.CheckConstraint(
                name="patient_look_up_found_iff_patient",
                condition=Q(found=True, patient__isnull=False) | Q(found=False, patient=None),
            )
        ]

    def __str__(self) -> str:
        return _("%(person)s: %(kind)s") % {"person": self.by, "kind": self.get_kind_display()}
