"""Whether a PDF that someone holds is a published declaration, told to anyone. What is handed in is looked at and forgotten."""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext as _

from documents import sealing
from documents.sealing import Seal
from inhouse.models import Declaration, Leaf

LIMIT = 20 * 1024 * 1024  # bytes; a declaration is some 60 kB
NUMBER = re.compile(rb"IH-\d{4}-\d{4,6}-D\d{1,4}")
_STREAM = re.compile(rb"stream\r?\n")
_PACKED, _UNPACKED, _STREAMS = 2**20, 2**20, 200  # how far streams are unpacked to find a number


class Outcome(models.TextChoices):
    GENUINE = "genuine"
    ALTERED = "altered"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Verdict:
    """What can be said of a file. `declaration` is the one that it is, or the one whose number an altered file carries."""

    outcome: Outcome
    sha256: str
    seals: list[Seal]
    locked: bool
    declaration: Declaration | None = None
    newer: Declaration | None = None
    entries: list[Leaf] = field(default_factory=list)

    @property
    def timestamp(self) -> Any:
        """Proof from an authority of its own when the genuine file existed; None as long as there is none."""
        return getattr(self.declaration.file, "timestamp", None) if self.declaration else None

    @property
    def awaits_timestamp(self) -> bool:
        return self.declaration is not None and getattr(self.declaration.file, "timestamp_request", None) is not None


def judge(pdf: bytes, *, name: str = "") -> Verdict:
    """Whose seal, intact or not, and how it stands in the register today. Raises ValidationError for what is no PDF.

    Only the bytes decide whether it is genuine. The numbers in it, and last its file name, tell which one it would be.
    """
    if b"%PDF-" not in pdf[:1024]:
        raise ValidationError(_("This is not a PDF."), code="kind")
    sha256 = hashlib.sha256(pdf).hexdigest()
    published = Declaration.objects.published().select_related("revision", "file").defer("file__content")
    seals, locked = sealing.check(pdf), re.search(rb"/Encrypt\s", pdf) is not None
    if found := published.filter(Q(file__sha256=sha256) | Q(translations__file__sha256=sha256)).first():
        return Verdict(
            Outcome.GENUINE,
            sha256,
            seals,
            locked,
            found,
            successor(found),
            list(Leaf.objects.filter(declaration=found)),
        )
    for number in dict.fromkeys([*_numbers(pdf), *NUMBER.findall(name.encode())]):
        if found := published.filter(number=number.decode()).first():
            return Verdict(Outcome.ALTERED, sha256, seals, locked, found)
    return Verdict(Outcome.UNKNOWN, sha256, seals, locked)


def successor(declaration: Declaration) -> Declaration | None:
    """The newest published declaration of the same device that came later and was not withdrawn."""
    later = Declaration.objects.published().filter(
        revision__product=declaration.revision.product_id, version__gt=declaration.version, withdrawn_on=None
    )
    return later.order_by("version").last()


def _numbers(pdf: bytes) -> Iterator[bytes]:
    """Numbers of declarations that the file holds: as they are, as the strings of a PDF, and in its packed parts."""
    yield from NUMBER.findall(pdf)
    yield from NUMBER.findall(pdf.replace(b"\0", b""))
    whole = memoryview(pdf)
    for count, start in enumerate(_STREAM.finditer(pdf)):
        if count == _STREAMS:
            return
        try:
            part = zlib.decompressobj().decompress(whole[start.end() : start.end() + _PACKED], _UNPACKED)
        except zlib.error:
            continue
        yield from NUMBER.findall(part)
