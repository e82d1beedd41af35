"""The steps of a life, each with its day; pauses and the end."""

from __future__ import annotations

from datetime import date

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from organisation.access import Scope
from organisation.history import recorded
from products.models import Product, Revision


@recorded()
class Step(models.Model):
    """A product or a revision went from one stage to the next on a day. The register of "true on that day"."""

    product = models.ForeignKey(Product, models.PROTECT, related_name="steps", verbose_name=_("product"))
    revision = models.ForeignKey(Revision, models.PROTECT, null=True, related_name="steps", verbose_name=_("revision"))
    from_stage = models.CharField(_("from stage"), max_length=20, blank=True)
    to_stage = models.CharField(_("to stage"), max_length=20)
    on = models.DateField(_("day"))
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("done by"))
    reason = models.TextField(_("reason"), blank=True)

    class Meta:
        verbose_name = _("step")
        verbose_name_plural = _("steps")
        ordering = ["pk"]
        indexes = [models.Index(fields=["product", "on"])]

    def __str__(self) -> str:
        return " → ".join(self._stages())

    def _stages(self) -> tuple[str, str]:
        """The names of both stages; what had none before was new."""
        stages = dict([*Revision.Stage.choices, *Product.Stage.choices])
        before = stages.get(self.from_stage, pgettext_lazy("stage", "new"))
        return str(before), str(stages.get(self.to_stage, self.to_stage))

    def history_added(self, who: str) -> str:
        """A step is told as what it changes."""
        old, new = self._stages()
        what = self.revision if self.revision_id and self.revision else self.product.number
        words = {"who": who, "what": what, "old": old, "new": new}
        return _("%(who)s changed the status of %(what)s from “%(old)s” to “%(new)s”.") % words

    def held_on(self, day: date) -> bool:
        return self.on <= day


@recorded()
class Suspension(models.Model):
    """Use is paused at once; it goes on when the cause is closed, or the product is withdrawn."""

    product = models.ForeignKey(Product, models.PROTECT, related_name="suspensions", verbose_name=_("product"))
    cause = models.TextField(_("why use must pause"))
    since = models.DateField(_("paused on"), editable=False)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", editable=False, verbose_name=_("paused by")
    )
    closed_on = models.DateField(_("cause closed on"), null=True, editable=False)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        editable=False,
        verbose_name=_("cause closed by"),
    )
    measures = models.TextField(_("how the cause was closed"), blank=True)

    class Meta:
        verbose_name = _("pause in use")
        verbose_name_plural = _("pauses in use")
        ordering = ["since", "pk"]
        constraints = [
            models.UniqueConstraint(name="suspension_one_open", fields=["product"], condition=Q(closed_on=None)),
            models.CheckConstraint(
                name="suspension_closed_with_measures", condition=Q(closed_on=None) | ~Q(measures="")
            ),
            models.CheckConstraint(
                name="suspension_days_in_order", condition=Q(closed_on=None) | Q(closed_on__gte=F("since"))
            ),
        ]

    def __str__(self) -> str:
        return _("Pause of %(product)s") % {"product": self.product.number}

    @property
    def scope(self) -> Scope:
        return self.product.scope

    def held_on(self, day: date) -> bool:
        return self.since <= day


@recorded()
class Withdrawal(models.Model):
    """The product is taken out of use for good (VGR-62). The fate of each item stands on the item."""

    product = models.OneToOneField(Product, models.PROTECT, related_name="withdrawal", verbose_name=_("product"))
    reason = models.TextField(_("why it is taken out of use"))
    on = models.DateField(_("out of use on"), editable=False)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        related_name="+",
        editable=False,
        verbose_name=_("taken out of use by"),
    )

    class Meta:
        verbose_name = _("taking out of use")
        verbose_name_plural = _("takings out of use")

    def __str__(self) -> str:
        return _("Withdrawal of %(product)s") % {"product": self.product.number}

    @property
    def scope(self) -> Scope:
        return self.product.scope

    def held_on(self, day: date) -> bool:
        return self.on <= day
