"""When signed files existed, as a time-stamping authority certified it."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from documents.models.signing import SignedFile
from organisation import clock
from organisation.history import locked


@locked()
class Timestamp(models.Model):
    """An RFC 3161 token over the SHA-256 of a signed file. Written once."""

    file = models.OneToOneField(SignedFile, models.PROTECT, related_name="timestamp", verbose_name=_("signed file"))
    token = models.BinaryField(_("token"))
    stamped_at = models.DateTimeField(_("time of the authority"), editable=False)
    authority = models.CharField(_("time-stamping authority"), max_length=200, editable=False)
    fetched_at = models.DateTimeField(_("fetched at"), default=clock.now, editable=False)

    class Meta:
        verbose_name = _("timestamp")
        verbose_name_plural = _("timestamps")

    def __str__(self) -> str:
        return f"{self.file}, {self.stamped_at:%Y-%m-%d %H:%M:%S} UTC"


class TimestampRequestQuerySet(models.QuerySet["TimestampRequest"]):
    def waiting(self) -> TimestampRequestQuerySet:
        """Those that no timestamp has answered."""
        return self.filter(file__timestamp=None)


class TimestampRequest(models.Model):
    """That a timestamp is wanted for a signed file, and how the asking goes. A note of work, nothing to prove by."""

    file = models.OneToOneField(
        SignedFile, models.PROTECT, related_name="timestamp_request", verbose_name=_("signed file")
    )
    asked_at = models.DateTimeField(_("wanted since"), default=clock.now)
    tried_at = models.DateTimeField(_("last tried at"), null=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    last_error = models.CharField(_("last trouble"), max_length=500, blank=True)

    objects = TimestampRequestQuerySet.as_manager()

    class Meta:
        verbose_name = _("wanted timestamp")
        verbose_name_plural = _("wanted timestamps")

    def __str__(self) -> str:
        return str(self.file)
