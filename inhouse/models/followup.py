"""Experience from clinical use, reviewed (MDR 5(5)(h), VGR-60)."""

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
class FollowUp(models.Model):
    """One review of the experience with a product, and when the next one is due."""

    class Conclusion(models.TextChoices):
        CONTINUE = "continue", _("continue as it is")
        ACT = "act", _("continue, with actions")
        STOP = "stop", _("stop using it")

    product = models.ForeignKey(Product, models.PROTECT, related_name="follow_ups", verbose_name=_("product"))
    done_on = models.DateField(_("reviewed on"))
    sources = models.TextField(
        _("experience gathered from"), help_text=_("Users, patients, deviations, service, literature.")
    )
    findings = models.TextField(_("findings"))
    conclusion = models.CharField(_("conclusion"), max_length=10, choices=Conclusion)
    next_due_on = models.DateField(_("next follow-up due on"))
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", editable=False, verbose_name=_("reviewed by")
    )

    class Meta:
        verbose_name = _("clinical follow-up")
        verbose_name_plural = _("clinical follow-ups")
        ordering = ["done_on", "pk"]
        constraints = [
            models.CheckConstraint(
                name="follow_up_next_later",
                condition=Q(next_due_on__gt=F("done_on")),
                violation_error_message=_("The next follow-up comes after this one."),
            )
        ]

    def __str__(self) -> str:
        return _("Follow-up of %(product)s") % {"product": self.product.number}

    @property
    def scope(self) -> Scope:
        return self.product.scope

    def held_on(self, day: date) -> bool:
        return self.done_on <= day


@recorded()
class FollowUpAction(models.Model):
    """Something a follow-up found must be done."""

    follow_up = models.ForeignKey(
        FollowUp, models.PROTECT, related_name="actions", verbose_name=_("clinical follow-up")
    )
    text = models.TextField(_("action"))
    responsible = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("responsible")
    )
    due_on = models.DateField(_("due on"))
    done_on = models.DateField(_("done on"), null=True, editable=False)
    done_note = models.TextField(_("what was done"), blank=True, editable=False)

    class Meta:
        verbose_name = _("action")
        verbose_name_plural = _("actions")
        ordering = ["due_on", "pk"]

    def __str__(self) -> str:
        return self.text

    @property
    def scope(self) -> Scope:
        return self.follow_up.product.scope
