"""What shows that the device is safe and fit: documents, verification, validation."""

from __future__ import annotations

from datetime import date

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from documents.models import Document
from organisation import clock
from organisation.access import Scope
from organisation.history import recorded
from products.models import Revision


@recorded()
class EvidenceDocument(models.Model):
    """A document in one of the groups that MDR 5(5)(f) names, or the user information (VGR-54)."""

    class Group(models.TextChoices):
        FACILITY = "facility", _("manufacturing facility")
        PROCESS = "process", _("manufacturing process")
        DESIGN = "design", _("design")
        PERFORMANCE = "performance", _("performance data")
        PURPOSE = "purpose", _("intended purpose")
        RISK = "risk", _("risk management")
        CLINICAL = "clinical", _("clinical evaluation")
        USER_INFORMATION = "user_information", _("information to users")
        OTHER = "other", _("other")

    revision = models.ForeignKey(
        Revision, models.PROTECT, related_name="evidence_documents", verbose_name=_("revision")
    )
    group = models.CharField(_("group"), max_length=20, choices=Group)
    document = models.ForeignKey(Document, models.PROTECT, related_name="evidence", verbose_name=_("document"))
    added_on = models.DateField(_("added on"), default=clock.today, editable=False)
    confirmed_on = models.DateField(_("confirmed for this revision on"), null=True, default=clock.today, editable=False)

    class Meta:
        verbose_name = _("document of the revision")
        verbose_name_plural = _("documents of the revision")
        ordering = ["group", "pk"]
        constraints = [
            models.UniqueConstraint(
                name="evidence_document_once",
                fields=["revision", "group", "document"],
                violation_error_message=_("This document is already in that group."),
            )
        ]

    def __str__(self) -> str:
        return self.document.title

    def history_added(self, who: str) -> str:
        return _("%(who)s added the document “%(document)s”.") % {"who": who, "document": self}

    @property
    def scope(self) -> Scope:
        return self.revision.product.scope

    def held_on(self, day: date) -> bool:
        return self.added_on <= day


@recorded()
class EvidenceRecord(models.Model):
    """A verification (meets the requirements, VGR-70) or a validation (meets the need, VGR-71) of a revision."""

    class Kind(models.TextChoices):
        VERIFICATION = "verification", _("verification")
        VALIDATION = "validation", _("validation")

    class Outcome(models.TextChoices):
        APPROVED = "approved", _("approved")
        NOT_APPROVED = "not_approved", _("not approved")

    revision = models.ForeignKey(Revision, models.PROTECT, related_name="evidence_records", verbose_name=_("revision"))
    kind = models.CharField(_("kind"), max_length=12, choices=Kind, editable=False)
    what = models.TextField(_("what was examined"))
    method = models.TextField(_("method"))
    result = models.TextField(_("result"))
    outcome = models.CharField(_("outcome"), max_length=12, choices=Outcome)
    done_on = models.DateField(_("done on"))
    done_by = models.CharField(_("done by"), max_length=200, help_text=_("Name and function of whoever examined it."))
    document = models.ForeignKey(
        Document, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("report")
    )
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", editable=False, verbose_name=_("recorded by")
    )

    class Meta:
        verbose_name = _("verification or validation")
        verbose_name_plural = _("verifications and validations")
        ordering = ["done_on", "pk"]

    def __str__(self) -> str:
        return _("%(kind)s of %(revision)s") % {"kind": self.get_kind_display(), "revision": self.revision}

    def history_added(self, who: str) -> str:
        if self.kind == self.Kind.VERIFICATION:
            return _("%(who)s recorded the verification of %(revision)s.") % {"who": who, "revision": self.revision}
        return _("%(who)s recorded the validation of %(revision)s.") % {"who": who, "revision": self.revision}

    @property
    def scope(self) -> Scope:
        return self.revision.product.scope

    @property
    def is_approved(self) -> bool:
        return self.outcome == self.Outcome.APPROVED

    def held_on(self, day: date) -> bool:
        return self.done_on <= day
