"""Copies of the register that open without it (RET-04)."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from organisation import clock
from organisation.access import Scope
from organisation.history import recorded
from products.models import Product


class ExitCopyQuerySet(models.QuerySet["ExitCopy"]):
    def whole(self) -> ExitCopyQuerySet:
        """Those of every product."""
        return self.filter(product=None)

    def waiting(self) -> ExitCopyQuerySet:
        """Those that are to be made, or are being made."""
        return self.filter(ended_at=None, deleted_at=None)

    def kept(self) -> ExitCopyQuerySet:
        return self.filter(deleted_at=None)


@recorded(leave_out=("done", "leased_until"))
class ExitCopy(models.Model):
    """One copy, of every product or of one: asked for, made, taken, deleted. The files lie outside the database."""

    product = models.ForeignKey(
        Product, models.PROTECT, null=True, related_name="exit_copies", editable=False, verbose_name=_("product")
    )
    ordered_at = models.DateTimeField(_("ordered at"), default=clock.now, editable=False)
    ordered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", editable=False,
        verbose_name=_("ordered by"),
    )  # fmt: skip
    started_at = models.DateTimeField(_("started at"), null=True, editable=False)
    leased_until = models.DateTimeField(_("being made until"), null=True, editable=False)
    total = models.PositiveIntegerField(_("products"), default=0, editable=False)
    done = models.PositiveIntegerField(_("products copied"), default=0, editable=False)
    ended_at = models.DateTimeField(_("ended at"), null=True, editable=False)
    trouble = models.TextField(_("why it failed"), blank=True, editable=False)
    size = models.PositiveBigIntegerField(_("size in bytes"), default=0, editable=False)
    damaged = models.PositiveIntegerField(_("damaged files"), default=0, editable=False)
    taken_at = models.DateTimeField(_("last downloaded at"), null=True, editable=False)
    taken_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", editable=False,
        verbose_name=_("last downloaded by"),
    )  # fmt: skip
    deleted_at = models.DateTimeField(_("deleted at"), null=True, editable=False)
    deleted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", editable=False,
        verbose_name=_("deleted by"),
    )  # fmt: skip

    objects = ExitCopyQuerySet.as_manager()

    class Meta:
        verbose_name = _("exit copy")
        verbose_name_plural = _("exit copies")
        ordering = ["-pk"]
        indexes = [models.Index(name="exit_copy_waiting", fields=["id"], condition=Q(ended_at=None))]
        constraints = [
            models.CheckConstraint(
                name="exit_copy_deleted_by_someone",
                condition=Q(deleted_at=None, deleted_by=None) | Q(deleted_at__isnull=False, deleted_by__isnull=False),
            ),
            models.CheckConstraint(
                name="exit_copy_taken_by_someone",
                condition=Q(taken_at=None, taken_by=None) | Q(taken_at__isnull=False, taken_by__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """What its folder is called where it is unpacked."""
        of = self.product.number if self.product else "femfem"
        return f"{of}-exit-copy-{timezone.localtime(self.ordered_at):%Y-%m-%d}"

    @property
    def scope(self) -> Scope:
        return self.product.scope if self.product else Scope()

    @property
    def state(self) -> str:
        """One word for today: waiting, running, ready, failed or deleted."""
        if self.deleted_at:
            return "deleted"
        if self.ended_at:
            return "failed" if self.trouble else "ready"
        return "running" if self.started_at else "waiting"
