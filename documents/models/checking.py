"""Whether files are still what was stored."""

from __future__ import annotations

from enum import nonmember

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from documents.models.signing import SignedFile
from documents.models.storing import StoredFile


class FileCheck(models.Model):
    """The last time a file was compared with its hash. Not recorded: it tells what was found, and is found again."""

    class Found(models.TextChoices):
        WHOLE = "whole", _("as it was stored")
        ALTERED = "altered", _("damaged: its content was changed")
        SIZE = "size", _("damaged: it is shorter or longer than what was stored")
        REPLACED = "replaced", _("damaged: something that is no file stands in its place")
        UNREADABLE = "unreadable", _("damaged: it cannot be read")
        MISSING = "missing", _("missing")

        bad = nonmember(("altered", "size", "replaced", "unreadable", "missing"))

    stored = models.OneToOneField(
        StoredFile, models.CASCADE, null=True, related_name="last_check", verbose_name=_("stored file")
    )
    signed = models.OneToOneField(
        SignedFile, models.CASCADE, null=True, related_name="last_check", verbose_name=_("signed file")
    )
    found = models.CharField(_("found"), max_length=10, choices=Found)
    since = models.DateTimeField(_("found so since"))
    checked_at = models.DateTimeField(_("last verified at"))

    class Meta:
        verbose_name = _("check of a file")
        verbose_name_plural = _("checks of files")
        constraints = [
            models.CheckConstraint(
                name="file_check_of_one_file",
                condition=Q(stored__isnull=False, signed__isnull=True) | Q(stored__isnull=True, signed__isnull=False),
            )
        ]
        indexes = [
            models.Index(name="file_check_checked", fields=["checked_at"]),
            models.Index(name="file_check_bad", fields=["found"], condition=~Q(found="whole")),
        ]

    def __str__(self) -> str:
        return str(self.stored or self.signed)

    @property
    def is_bad(self) -> bool:
        return self.found in self.Found.bad
