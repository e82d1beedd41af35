"""Seals of the history: what was there when, in a form that cannot be rewritten unseen, and the checks of it."""

from __future__ import annotations

import json
from datetime import datetime
from functools import cached_property
from typing import Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from organisation import clock
from organisation.history import locked


@locked()
class HistorySeal(models.Model):
    """One batch of rows, sealed. `body` is the very text that is hashed and signed, so nothing beside it can disagree."""

    number = models.PositiveBigIntegerField(_("number"), primary_key=True, editable=False)
    body = models.TextField(_("body"), editable=False)
    hash = models.CharField(_("SHA-256 of the body"), max_length=64, unique=True, editable=False)
    signature = models.CharField(_("signature"), max_length=128, editable=False)

    class Meta:
        verbose_name = _("seal of the history")
        verbose_name_plural = _("seals of the history")
        ordering = ["-number"]

    def __str__(self) -> str:
        return _("Seal %(number)s") % {"number": self.number}

    @cached_property
    def said(self) -> dict[str, Any]:
        """The body, read. Raises ValueError when it was made unreadable."""
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def parts_said(self) -> list[dict[str, Any]]:
        """What the body says it holds, for showing; of one that was made unreadable, nothing."""
        try:
            return list(self.said["parts"])
        except (ValueError, KeyError, TypeError):
            return []

    @property
    def made_at(self) -> datetime | None:
        try:
            return datetime.fromisoformat(self.said["made_at"])
        except (ValueError, KeyError, TypeError):
            return None

    @property
    def rows(self) -> int:
        return sum(part["rows"] for part in self.parts_said)


@locked()
class SealedColumns(models.Model):
    """The columns that rows were hashed by, in their order, and the engine whose text of them was hashed."""

    engine = models.CharField(_("engine"), max_length=20, editable=False)
    columns = models.TextField(_("columns"), editable=False)
    digest = models.CharField(_("SHA-256"), max_length=64, unique=True, editable=False)

    class Meta:
        verbose_name = _("columns of sealed rows")
        verbose_name_plural = _("columns of sealed rows")

    def __str__(self) -> str:
        return self.columns

    @property
    def listed(self) -> list[str]:
        found: list[str] = json.loads(self.columns)
        return found


@locked()
class SealedRows(models.Model):
    """Rows of one table in one seal: their numbers and leaf hashes, packed, so that 20,000,000 rows are 700 MB.

    `numbers` holds runs, each a first and a last number of eight bytes; `leaves` holds 32 bytes for each row.
    """

    seal = models.ForeignKey(
        HistorySeal, models.PROTECT, related_name="parts", editable=False, verbose_name=_("seal of the history")
    )
    position = models.PositiveIntegerField(_("position in the seal"), editable=False)
    table_name = models.CharField(_("table"), max_length=63, editable=False)
    columns = models.ForeignKey(
        SealedColumns, models.PROTECT, related_name="+", editable=False, verbose_name=_("columns of sealed rows")
    )
    first = models.BigIntegerField(_("first row"), editable=False)
    last = models.BigIntegerField(_("last row"), editable=False)
    rows = models.PositiveIntegerField(_("rows"), editable=False)
    numbers = models.BinaryField(_("row numbers"))
    leaves = models.BinaryField(_("leaf hashes"))
    root = models.CharField(_("Merkle root"), max_length=64, editable=False)

    class Meta:
        verbose_name = _("sealed rows")
        verbose_name_plural = _("sealed rows")
        constraints = [
            models.UniqueConstraint(name="sealed_rows_position", fields=["seal", "position"]),
            models.UniqueConstraint(name="sealed_rows_once", fields=["table_name", "first"]),
        ]

    def __str__(self) -> str:
        return f"{self.table_name} {self.first}–{self.last}"


@locked(when="ended_at")
class HistoryCheck(models.Model):
    """One full check of the history, from the beginning: how far it is, and what it found."""

    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        editable=False,
        verbose_name=_("asked by"),
    )
    started_at = models.DateTimeField(_("started at"), default=clock.now, editable=False)
    seen_at = models.DateTimeField(_("last sign of life"), default=clock.now, editable=False)
    ended_at = models.DateTimeField(_("ended at"), null=True, editable=False)
    total = models.PositiveBigIntegerField(_("sealed rows"), default=0, editable=False)
    rows = models.PositiveBigIntegerField(_("rows checked"), default=0, editable=False)
    found = models.PositiveBigIntegerField(_("findings"), default=0, editable=False)
    findings = models.JSONField(_("findings"), default=list, editable=False)
    outside = models.JSONField(_("written without a person"), default=dict, editable=False)
    trouble = models.TextField(_("why it broke off"), blank=True, editable=False)

    class Meta:
        verbose_name = _("check of the history")
        verbose_name_plural = _("checks of the history")
        ordering = ["-pk"]

    def __str__(self) -> str:
        return _("Check %(number)s") % {"number": self.pk}
