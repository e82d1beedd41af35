"""What was emptied in the history, by which decision. The hashes of what was there stay."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from organisation import clock
from organisation.history import lets_erase, locked


@locked()
class Erasure(models.Model):
    """A decision by which rows of the history lost their content."""

    decision = models.CharField(_("decision"), max_length=200, editable=False)
    reason = models.TextField(_("reason"), editable=False)
    at = models.DateTimeField(_("erased at"), default=clock.now, editable=False)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", editable=False, verbose_name=_("erased by")
    )

    class Meta:
        verbose_name = _("erasure in the history")
        verbose_name_plural = _("erasures in the history")
        constraints = [
            models.CheckConstraint(name="erasure_by_a_decision", condition=~Q(decision="") & ~Q(reason="")),
        ]

    def __str__(self) -> str:
        return self.decision


@lets_erase(of="table_name", row="number")
@locked()
class ErasedRow(models.Model):
    """A row of a history that lost its content: its leaf hash as it was sealed, and of what is left.

    A row that was written by the disposal itself was not sealed before: it has no hash of what was there.
    """

    erasure = models.ForeignKey(
        Erasure, models.PROTECT, related_name="rows", editable=False, verbose_name=_("erasure in the history")
    )
    table_name = models.CharField(_("table"), max_length=63, editable=False)
    number = models.BigIntegerField(_("row"), editable=False)
    was = models.CharField(_("leaf hash as sealed"), max_length=64, blank=True, editable=False)
    left = models.CharField(_("leaf hash of what is left"), max_length=64, editable=False)

    class Meta:
        verbose_name = _("erased row of a history")
        verbose_name_plural = _("erased rows of histories")
        constraints = [models.UniqueConstraint(name="erased_row_once", fields=["table_name", "number"])]

    def __str__(self) -> str:
        return f"{self.table_name} {self.number}"
