"""The risk class of a revision: every rule considered, the answers kept, and who set it (MDR and IVDR Annex VIII)."""

from __future__ import annotations

from datetime import date

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from organisation.access import Scope
from organisation.history import recorded
from products.models import Revision


@recorded()
class Classification(models.Model):
    """One walk through the rules of Annex VIII for a revision. The latest one counts; a re-opened one is walked anew.

    Its answers are `Answer` rows. Edition 0 is a class that was written by hand before the rules could be walked.
    """

    revision = models.ForeignKey(Revision, models.PROTECT, related_name="classifications", verbose_name=_("revision"))
    regulation = models.CharField(_("regulation"), max_length=4, choices=Revision.Regulation)
    edition = models.PositiveSmallIntegerField(_("edition of the rules"))
    started_on = models.DateField(_("started on"))
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("started by")
    )

    drives = models.BooleanField(
        _("it drives a device or influences its use"), null=True, choices=[(True, _("yes")), (False, _("no"))]
    )
    driven_device = models.CharField(_("device it drives or influences"), max_length=200, blank=True)
    driven_class = models.CharField(_("class of that device"), max_length=3, choices=Revision.RiskClass, blank=True)

    rules_class = models.CharField(
        _("class by the rules"), max_length=3, choices=Revision.RiskClass, blank=True, editable=False
    )
    deciding_rule = models.CharField(_("deciding rule"), max_length=20, blank=True, editable=False)
    reason = models.TextField(_("reason for the class"), blank=True)
    finished_on = models.DateField(_("class set on"), null=True, editable=False)
    finished_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        editable=False,
        verbose_name=_("class set by"),
    )

    override_class = models.CharField(
        _("class set by an expert instead"), max_length=3, choices=Revision.RiskClass, blank=True
    )
    override_reason = models.TextField(_("why the expert sets another class"), blank=True)
    override_on = models.DateField(_("set by the expert on"), null=True, editable=False)
    override_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", editable=False, verbose_name=_("expert")
    )

    reopened_on = models.DateField(_("re-opened on"), null=True, editable=False)
    reopened_reason = models.TextField(_("why it was re-opened"), blank=True, editable=False)

    class Meta:
        verbose_name = _("classification")
        verbose_name_plural = _("classifications")
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                name="classification_finished_with_class",
                condition=Q(finished_on=None) | ~Q(rules_class="") | ~Q(override_class=""),
            ),
            models.CheckConstraint(
                name="classification_override_with_reason",
                condition=Q(override_class="") | ~Q(override_reason=""),
                violation_error_message=_("An expert who sets another class gives the reason."),
            ),
            models.UniqueConstraint(
                name="classification_one_standing",
                fields=["revision"],
                condition=Q(reopened_on=None),
                violation_error_message=_("The revision is already being classified."),
            ),
        ]

    def __str__(self) -> str:
        return _("Classification of %(revision)s") % {"revision": self.revision}

    @property
    def scope(self) -> Scope:
        return self.revision.product.scope

    @property
    def risk_class(self) -> str:
        """The class that holds: the expert’s where one is set."""
        return self.override_class or self.rules_class

    @property
    def is_finished(self) -> bool:
        return self.finished_on is not None and self.reopened_on is None

    def stands_on(self, day: date) -> bool:
        """Whether the class was set by that day and not taken back."""
        finished, reopened = self.finished_on, self.reopened_on
        return finished is not None and finished <= day and (reopened is None or reopened > day)

    def held_on(self, day: date) -> bool:
        return self.started_on <= day
