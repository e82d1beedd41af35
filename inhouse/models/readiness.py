"""What must be in place around the device before patients meet it (VGR-53…59)."""

from __future__ import annotations

from datetime import date

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from inhouse.models.assessment import YES_NO
from organisation import clock
from organisation.access import Scope
from organisation.history import recorded
from products.models import Revision


@recorded()
class Readiness(models.Model):
    """Managing organisation, training, support, maintenance, marking and follow-up of one revision."""

    class Marking(models.TextChoices):
        ON_PRODUCT = "on_product", _("marked on the product")
        OTHER_WAY = "other_way", _("identified in another way")

    revision = models.OneToOneField(
        Revision, models.PROTECT, related_name="readiness", verbose_name=_("revision"), editable=False
    )
    managing_organisation = models.CharField(_("managing organisation"), max_length=200)
    managing_contact = models.CharField(_("contact"), max_length=200)
    resources = models.TextField(_("mandate and resources"), blank=True)
    training_needed = models.BooleanField(_("training needed"), choices=YES_NO)
    training_plan = models.TextField(
        _("training plan"), blank=True, help_text=_("Who is trained, by whom, and where it is recorded.")
    )
    support_contact = models.CharField(_("user support"), max_length=200)
    maintenance_needed = models.BooleanField(_("maintenance needed"), choices=YES_NO)
    maintenance_plan = models.TextField(
        _("maintenance plan"), blank=True, help_text=_("What is done, how often, by whom, under which agreement.")
    )
    marking = models.CharField(_("marking"), max_length=12, choices=Marking)
    marking_text = models.TextField(_("text of the marking, or how the item is identified instead and why"))
    follow_up_months = models.PositiveSmallIntegerField(
        _("months between follow-ups"),
        validators=[MinValueValidator(1), MaxValueValidator(60)],
        help_text=_("Suggested: 12 for class III and IIb, 24 for IIa, 36 for I."),
    )
    confirmed_on = models.DateField(_("confirmed for this revision on"), null=True, default=clock.today, editable=False)

    class Meta:
        verbose_name = _("readiness for use")
        verbose_name_plural = _("readiness for use")

    def __str__(self) -> str:
        return _("Readiness of %(revision)s") % {"revision": self.revision}

    @property
    def scope(self) -> Scope:
        return self.revision.product.scope

    def held_on(self, day: date) -> bool:
        return self.confirmed_on is None or self.confirmed_on <= day
