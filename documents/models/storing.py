"""Files as they were handed in, and the documents they are versions of."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from organisation import clock
from organisation.history import recorded


@recorded()
class StoredFile(models.Model):
    """The bytes of one file, kept once under the name of their hash. Never changed."""

    sha256 = models.CharField(_("SHA-256"), max_length=64, unique=True, editable=False)
    size = models.PositiveBigIntegerField(_("size in bytes"), editable=False)
    media_type = models.CharField(_("media type"), max_length=100, editable=False)
    stored_at = models.DateTimeField(_("stored at"), default=clock.now, editable=False)

    class Meta:
        verbose_name = _("stored file")
        verbose_name_plural = _("stored files")
        constraints = [models.CheckConstraint(name="stored_file_not_empty", condition=Q(size__gt=0))]

    def __str__(self) -> str:
        return self.sha256

    @property
    def path(self) -> str:
        """Where the bytes are, below the storage's root."""
        return f"sha256/{self.sha256[:2]}/{self.sha256[2:4]}/{self.sha256}"


class DocumentQuerySet(models.QuerySet["Document"]):
    def newest(self) -> DocumentQuerySet:
        """Those that no later version replaces."""
        return self.filter(successor=None)


@recorded()
class Document(models.Model):
    """One version of something written down. A new version is a new row that replaces this one."""

    class Language(models.TextChoices):
        SWEDISH = "sv", _("Swedish")
        NORWEGIAN = "nb", _("Norwegian")
        ENGLISH = "en", _("English")
        OTHER = "other", _("another language")

    title = models.CharField(_("title"), max_length=200)
    reference = models.CharField(
        _("reference"), max_length=100, blank=True, help_text=_("Its number in the archive it comes from.")
    )
    version = models.CharField(
        _("version"), max_length=40, blank=True, help_text=_("As it is written in the document.")
    )
    language = models.CharField(_("language"), max_length=5, choices=Language, blank=True)
    valid_from = models.DateField(_("valid from"), null=True, blank=True)
    confidential = models.BooleanField(_("confidential"), default=True)
    note = models.TextField(_("note"), blank=True)
    file = models.ForeignKey(
        StoredFile, models.PROTECT, related_name="documents", editable=False, verbose_name=_("file")
    )
    filename = models.CharField(_("file name"), max_length=150, editable=False)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", editable=False, verbose_name=_("uploaded by")
    )
    uploaded_at = models.DateTimeField(_("uploaded at"), default=clock.now, editable=False)
    replaces = models.OneToOneField(
        "self", models.PROTECT, null=True, related_name="successor", editable=False, verbose_name=_("replaces")
    )

    objects = DocumentQuerySet.as_manager()

    class Meta:
        verbose_name = _("document")
        verbose_name_plural = _("documents")
        ordering = ["title", "pk"]

    def __str__(self) -> str:
        return f"{self.title} {self.version}".strip()

    @property
    def is_replaced(self) -> bool:
        return hasattr(self, "successor")

    @property
    def latest(self) -> Document:
        """The version that holds now: itself, or the last of those that followed."""
        document = self
        while document.is_replaced:
            document = document.successor
        return document
