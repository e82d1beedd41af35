"""Files that were signed: the bytes lie in the database, which refuses to change or delete them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from organisation import clock
from organisation.history import locked


@locked()
class SignedFile(models.Model):
    """A signed file, bytes and hash. Written once."""

    name = models.CharField(_("file name"), max_length=150, editable=False)
    media_type = models.CharField(_("media type"), max_length=100, editable=False)
    content = models.BinaryField(_("content"))
    sha256 = models.CharField(_("SHA-256"), max_length=64, editable=False)
    size = models.PositiveBigIntegerField(_("size in bytes"), editable=False)
    stored_at = models.DateTimeField(_("stored at"), default=clock.now, editable=False)

    class Meta:
        verbose_name = _("signed file")
        verbose_name_plural = _("signed files")
        constraints = [models.CheckConstraint(name="signed_file_not_empty", condition=Q(size__gt=0))]

    def __str__(self) -> str:
        return self.name
