"""What was read out of a stored file, to be found again."""

from __future__ import annotations

from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from documents.models.storing import StoredFile


class FileText(models.Model):
    """The text of a file. Not recorded: it can be read again at any time, and history could not forget a patient."""

    class State(models.TextChoices):
        WAITING = "waiting", _("not read yet")
        DONE = "done", _("read")
        NONE = "none", _("no text found")
        WITHHELD = "withheld", _("not searchable: it may say who a patient is")
        FAILED = "failed", _("could not be read")

    class Reason(models.TextChoices):
        LOCKED = "locked", _("It cannot be opened: it is damaged inside, or protected by a password.")
        BROKEN = "broken", _("Its parts are not as such a file has them.")
        UNFOLDS = "unfolds", _("It unfolds to more than can be read.")
        TIME = "time", _("Reading it took too long.")
        GONE = "gone", _("The stored file is damaged or missing.")
        TROUBLE = "trouble", _("Something went wrong on our side.")

    file = models.OneToOneField(
        StoredFile, models.CASCADE, primary_key=True, related_name="text", verbose_name=_("file")
    )
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)
    reason = models.CharField(_("reason"), max_length=10, choices=Reason, blank=True)
    text = models.TextField(_("text"), blank=True)
    is_cut = models.BooleanField(_("only the beginning"), default=False)
    pages = models.PositiveIntegerField(_("pages"), null=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    tried_at = models.DateTimeField(_("last tried at"), null=True)
    leased_until = models.DateTimeField(_("being read until"), null=True)
    vector = SearchVectorField(null=True)  # filled and indexed on PostgreSQL only

    class Meta:
        verbose_name = _("text of a file")
        verbose_name_plural = _("texts of files")
        constraints = [
            models.CheckConstraint(name="file_text_only_when_read", condition=Q(state="done") | Q(text="")),
            models.CheckConstraint(
                name="file_text_failed_iff_reason",
                condition=Q(state="failed") & ~Q(reason="") | ~Q(state="failed") & Q(reason=""),
            ),
        ]

    def __str__(self) -> str:
        return str(self.file)
