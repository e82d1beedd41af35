"""A declaration on its way to being signed: its bytes are frozen, read, and sealed by each of those who sign."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from documents.models import SignedFile
from inhouse.models.declarations import Declaration
from organisation import clock
from organisation.access import Scope
from organisation.history import locked, recorded
from organisation.models import Proof, Role
from products.models import Revision


class FrozenQuerySet(models.QuerySet["Frozen"]):
    def open(self) -> FrozenQuerySet:
        return self.filter(ended_at=None)


@locked(when="ended_at")
@recorded(leave_out=("content",))
class Frozen(models.Model):
    """The exact bytes that are read and signed. Each signature adds a seal to them; the last one makes a declaration."""

    class End(models.TextChoices):
        SIGNED = "signed", _("signed by all")
        DROPPED = "dropped", _("given up")

    revision = models.ForeignKey(Revision, models.PROTECT, related_name="frozen", verbose_name=_("revision"))
    number = models.CharField(_("declaration number"), max_length=30)
    language = models.CharField(_("language"), max_length=2, choices=settings.LANGUAGES)
    place = models.CharField(_("place of signing"), max_length=100)
    snapshot = models.JSONField(_("what is declared"))
    content = models.BinaryField(_("content"))
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    frozen_at = models.DateTimeField(_("frozen at"), default=clock.now)
    frozen_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", verbose_name=_("frozen by")
    )
    ended_at = models.DateTimeField(_("ended at"), null=True)
    end = models.CharField(_("how it ended"), max_length=10, choices=End, blank=True)

    objects = FrozenQuerySet.as_manager()
    history_hidden = ("snapshot",)

    class Meta:
        verbose_name = _("declaration to be signed")
        verbose_name_plural = _("declarations to be signed")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                name="frozen_one_open",
                fields=["revision"],
                condition=Q(ended_at=None),
                violation_error_message=_("This revision already has a declaration that waits for signatures."),
            ),
            models.CheckConstraint(
                name="frozen_ended_somehow",
                condition=Q(ended_at=None, end="") | Q(ended_at__isnull=False) & ~Q(end=""),
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def scope(self) -> Scope:
        return self.revision.product.scope


@locked(once=("signed_at", "proof"))
@recorded()
class Signature(models.Model):
    """One of those who sign, and when their seal was set. Without a day it is still awaited."""

    OWNER = "owner"
    PARTS = [(OWNER, _("product owner")), *Role.choices]

    frozen = models.ForeignKey(
        Frozen, models.PROTECT, related_name="signatures", verbose_name=_("declaration to be signed")
    )
    part = models.CharField(_("signs as"), max_length=20, choices=PARTS)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="signatures", verbose_name=_("person")
    )
    proof = models.OneToOneField(
        Proof, models.PROTECT, null=True, related_name="signature", verbose_name=_("proof of identity")
    )
    signed_at = models.DateTimeField(_("signed at"), null=True)

    class Meta:
        verbose_name = _("signature")
        verbose_name_plural = _("signatures")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(name="signature_one_part", fields=["frozen", "part"]),
            models.UniqueConstraint(
                name="signature_one_person",
                fields=["frozen", "person"],
                violation_error_message=_("Nobody signs in two parts."),
            ),
            models.CheckConstraint(
                name="signature_proved",
                condition=Q(signed_at=None, proof=None) | Q(signed_at__isnull=False, proof__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return str(self.person)


@locked()
@recorded()
class Translation(models.Model):
    """The same declaration in another language, sealed by the institution when the declaration was signed."""

    declaration = models.ForeignKey(
        Declaration, models.PROTECT, related_name="translations", verbose_name=_("declaration")
    )
    language = models.CharField(_("language"), max_length=2, choices=settings.LANGUAGES)
    file = models.OneToOneField(SignedFile, models.PROTECT, related_name="translation", verbose_name=_("PDF"))

    class Meta:
        verbose_name = _("translation of a declaration")
        verbose_name_plural = _("translations of declarations")
        ordering = ["declaration", "language"]
        constraints = [models.UniqueConstraint(name="translation_once", fields=["declaration", "language"])]

    def __str__(self) -> str:
        return f"{self.declaration} ({self.get_language_display()})"
