"""Who answers for the product: appointed, accepted, handed over; never ownerless from acceptance on."""

from __future__ import annotations

from datetime import date

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from organisation.access import Scope
from organisation.history import recorded
from products.models import Product


@recorded()
class Appointment(models.Model):
    """One person's time as product owner (VGR-43, VGR-44, VGR-50)."""

    product = models.ForeignKey(Product, models.PROTECT, related_name="appointments", verbose_name=_("product"))
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="appointments", verbose_name=_("product owner")
    )
    level_reason = models.TextField(
        _("reason, if the position is below head of unit"),
        blank=True,
        help_text=_("An owner should have the powers of a head of unit or higher. Another choice needs a reason."),
    )
    appointed_on = models.DateField(_("appointed on"), editable=False)
    appointed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", editable=False, verbose_name=_("appointed by")
    )
    accepted_on = models.DateField(_("accepted on"), null=True, editable=False)
    declined_on = models.DateField(_("declined on"), null=True, editable=False)
    declined_reason = models.TextField(_("reason for declining"), blank=True, editable=False)
    ended_on = models.DateField(_("ended on"), null=True, editable=False)

    class Meta:
        verbose_name = _("appointment as product owner")
        verbose_name_plural = _("appointments as product owner")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                name="appointment_one_waiting",
                fields=["product"],
                condition=Q(accepted_on=None, declined_on=None, ended_on=None),
                violation_error_message=_("Someone else is already asked to be the product owner."),
            ),
            models.UniqueConstraint(
                name="appointment_one_accepted",
                fields=["product"],
                condition=Q(accepted_on__isnull=False, ended_on=None),
            ),
            models.CheckConstraint(name="appointment_one_answer", condition=Q(accepted_on=None) | Q(declined_on=None)),
            models.CheckConstraint(
                name="appointment_days_in_order", condition=Q(accepted_on=None) | Q(accepted_on__gte=F("appointed_on"))
            ),
        ]

    def __str__(self) -> str:
        return _("%(person)s as owner of %(product)s") % {"person": self.person, "product": self.product.number}

    @property
    def scope(self) -> Scope:
        return self.product.scope

    @property
    def is_waiting(self) -> bool:
        return not (self.accepted_on or self.declined_on or self.ended_on)

    def held_on(self, day: date) -> bool:
        return self.appointed_on <= day

    def owns_on(self, day: date) -> bool:
        return (
            self.accepted_on is not None and self.accepted_on <= day and (self.ended_on is None or self.ended_on > day)
        )
