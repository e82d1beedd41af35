"""The answers to the general safety and performance requirements (Annex I), beside those that are not fully met."""

from __future__ import annotations

from datetime import date

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from inhouse.models.evidence import EvidenceDocument
from organisation import clock
from organisation.access import Scope
from organisation.history import recorded
from products.models import Revision


@recorded()
class Conformity(models.Model):
    """A requirement of Annex I that is met, with where it is shown, or not applicable, with the reason.

    The answer covers the sub-points that have none of their own. What is not fully met is an `UnmetRequirement` instead.
    """

    class Answer(models.TextChoices):
        MET = "met", _("met")
        NOT_APPLICABLE = "not_applicable", _("not applicable")

    revision = models.ForeignKey(Revision, models.PROTECT, related_name="conformities", verbose_name=_("revision"))
    number = models.CharField(_("number in Annex I"), max_length=20, editable=False)
    answer = models.CharField(_("answer"), max_length=15, choices=Answer)
    evidence = models.ForeignKey(
        EvidenceDocument,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="conformities",
        verbose_name=_("document that shows it"),
    )
    where = models.TextField(_("where it is shown"), blank=True)
    reason = models.TextField(_("why it is not applicable"), blank=True)
    answered_on = models.DateField(_("answered on"), default=clock.today, editable=False)
    confirmed_on = models.DateField(_("confirmed for this revision on"), null=True, default=clock.today, editable=False)

    class Meta:
        verbose_name = _("answer to a requirement of Annex I")
        verbose_name_plural = _("answers to the requirements of Annex I")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(name="conformity_once", fields=["revision", "number"]),
            models.CheckConstraint(
                name="conformity_reason_iff_not_applicable",
                condition=Q(answer="met", reason="")
                | Q(answer="not_applicable", evidence=None, where="") & ~Q(reason=""),
                violation_error_message=_("Say why it is not applicable."),
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def scope(self) -> Scope:
        return self.revision.product.scope

    @property
    def is_shown(self) -> bool:
        """Whether something shows it: a document, or a pointer in words. A document may have been removed since."""
        return bool(self.evidence_id or self.where)

    def held_on(self, day: date) -> bool:
        return self.answered_on <= day
