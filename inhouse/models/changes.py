"""A change of the design: what it touches, and whether it needs a new declaration (SW-12)."""

from __future__ import annotations

from datetime import date

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from organisation.access import Scope
from organisation.history import recorded
from products.models import Product, Revision


@recorded()
class Change(models.Model):
    """A wanted change with its answers; an essential one opens a new revision."""

    product = models.ForeignKey(Product, models.PROTECT, related_name="changes", verbose_name=_("product"))
    description = models.TextField(_("what changes and why"))
    asked_on = models.DateField(_("change asked for on"), editable=False)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="+",
        editable=False,
        verbose_name=_("change asked for by"),
    )
    is_essential = models.BooleanField(_("essential"), editable=False, choices=[(True, _("yes")), (False, _("no"))])
    revision = models.OneToOneField(
        Revision, models.PROTECT, null=True, related_name="change", editable=False, verbose_name=_("opened revision")
    )

    class Meta:
        verbose_name = _("change")
        verbose_name_plural = _("changes")
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                name="change_essential_iff_revision",
                condition=Q(is_essential=True, revision__isnull=False) | Q(is_essential=False, revision=None),
            )
        ]

    def __str__(self) -> str:
        return _("Change of %(product)s") % {"product": self.product.number}

    @property
    def scope(self) -> Scope:
        return self.product.scope

    def held_on(self, day: date) -> bool:
        return self.asked_on <= day
