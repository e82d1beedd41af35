"""Hand-outs of the list of units that make and use in-house devices (VGR-81)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from organisation.access import Scope
from organisation.history import recorded
from organisation.models import Administration


@recorded()
class HandOut(models.Model):
    """The list as it left the house: for whom, for which day, in which form, with the hash of the file."""

    class Form(models.TextChoices):
        XLSX = "xlsx", "XLSX"
        CSV = "csv", "CSV"

    administration = models.ForeignKey(
        Administration, models.PROTECT, related_name="hand_outs", verbose_name=_("administration")
    )
    for_day = models.DateField(_("as of"))
    form = models.CharField(_("form"), max_length=4, choices=Form)
    requested_by = models.CharField(
        _("requested by"), max_length=200, help_text=_("The authority or person that asked, with reference.")
    )
    requested_on = models.DateField(_("requested on"))
    handed_out_at = models.DateTimeField(_("handed out at"), editable=False)
    handed_out_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", editable=False, verbose_name=_("handed out by")
    )
    rows = models.PositiveIntegerField(_("rows"), editable=False)
    sha256 = models.CharField("SHA-256", max_length=64, editable=False)

    class Meta:
        verbose_name = _("hand-out")
        verbose_name_plural = _("hand-outs")
        ordering = ["-handed_out_at"]

    def __str__(self) -> str:
        return f"{self.administration} {self.for_day}"

    @property
    def scope(self) -> Scope:
        return Scope(self.administration_id)
