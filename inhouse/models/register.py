"""The public register as a log: every publication, replacement and withdrawal is a leaf of a Merkle tree that only grows."""

from __future__ import annotations

import json
from datetime import date

from django.db import models
from django.utils.translation import gettext_lazy as _

from inhouse.models.declarations import Declaration
from organisation import clock
from organisation.history import locked, recorded


@locked()
@recorded()
class Leaf(models.Model):
    """One entry. `data` is what was hashed, to the byte; `above` are the larger subtrees that this leaf completes."""

    class Kind(models.TextChoices):
        PUBLISHED = "published", _("published")
        REPLACED = "replaced", _("replaced")
        WITHDRAWN = "withdrawn", _("withdrawn")

    index = models.PositiveBigIntegerField(_("number in the log"), unique=True, editable=False)
    kind = models.CharField(_("what happened"), max_length=9, choices=Kind, editable=False)
    declaration = models.ForeignKey(
        Declaration, models.PROTECT, related_name="leaves", editable=False, verbose_name=_("declaration")
    )
    data = models.TextField(_("entry as hashed"), editable=False)
    hash = models.CharField(_("hash of the entry"), max_length=64, editable=False)
    above = models.TextField(_("subtrees completed"), blank=True, editable=False)
    at = models.DateTimeField(_("entered at"), default=clock.now, editable=False)

    class Meta:
        verbose_name = _("register entry")
        verbose_name_plural = _("register entries")
        ordering = ["index"]
        constraints = [models.UniqueConstraint(name="leaf_once_of_each_kind", fields=["declaration", "kind"])]

    def __str__(self) -> str:
        return f"{self.index}"

    @property
    def on(self) -> date:
        """The day on which it happened, as it was entered."""
        return date.fromisoformat(json.loads(self.data)["date"])

    def subtree(self, level: int) -> bytes:
        """The hash of the perfect subtree of that level that ends with this leaf; level 0 is the leaf itself."""
        return bytes.fromhex(self.above[64 * (level - 1) : 64 * level] if level else self.hash)


@locked()
@recorded()
class Checkpoint(models.Model):
    """How far the log had come, signed (a note in the form of C2SP tlog-checkpoint)."""

    size = models.PositiveBigIntegerField(_("entries"), unique=True, editable=False)
    root = models.CharField(_("root hash"), max_length=64, editable=False)
    note = models.TextField(_("signed note"), editable=False)
    key = models.CharField(_("signed with"), max_length=300, editable=False)
    at = models.DateTimeField(_("signed at"), default=clock.now, editable=False)

    class Meta:
        verbose_name = _("checkpoint of the register")
        verbose_name_plural = _("checkpoints of the register")
        ordering = ["size"]
        get_latest_by = "size"

    def __str__(self) -> str:
        return f"{self.size}"
