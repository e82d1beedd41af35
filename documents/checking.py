"""Comparing every file with its hash, over and over: whatever happened to a disk is known before the file is needed."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.utils.translation import ngettext

from documents import storing
from documents.models import FileCheck, SignedFile, StoredFile
from organisation import clock

logger = logging.getLogger(__name__)

Found = FileCheck.Found
AnyFile = StoredFile | SignedFile

BATCH = 200


def period() -> timedelta:
    return timedelta(days=settings.FILES_VERIFIED_WITHIN)


def verify(file: AnyFile) -> FileCheck | None:
    """Look at the bytes of one file now, and keep what was found. None: it was disposed of meanwhile."""
    found = _look(file)
    return note(file, found) if type(file).objects.filter(pk=file.pk).exists() else None


def _look(file: AnyFile) -> Found:
    if isinstance(file, SignedFile):
        content = bytes(file.content)
        if len(content) != file.size:
            return Found.SIZE
        return Found.WHOLE if hashlib.sha256(content).hexdigest() == file.sha256 else Found.ALTERED
    try:
        storing.open_checked(file).close()
    except storing.Damaged as damage:
        return damage.found
    return Found.WHOLE


def note(file: AnyFile, found: Found) -> FileCheck:
    """Keep what was found. News is logged: damage as an error, what is whole again as a warning."""
    now = clock.now()
    which = {"signed": file} if isinstance(file, SignedFile) else {"stored": file}
    check, is_new = FileCheck.objects.get_or_create(**which, defaults={"found": found, "since": now, "checked_at": now})
    before = Found.WHOLE if is_new else check.found
    if not is_new:
        check.since = now if check.found != found else check.since
        check.found, check.checked_at = found, now
        check.save()
    if check.is_bad and found != before:
        logger.error("The file %s is %s", name(file), found.value)
    elif found != before:
        logger.warning("The file %s is whole again", name(file))
    return check


def name(file: AnyFile) -> str:
    """A file as whoever mends it knows it: where it lies, or what it is called in the database."""
    return file.path if isinstance(file, StoredFile) else f"{file.name} (signed, {file.sha256[:12]})"


# --- rounds


def due(model: type[AnyFile], *, at: datetime) -> QuerySet[AnyFile]:
    """Files to be looked at: new ones, bad ones (they may be mended), and those whose last look is nearly a period old."""
    old = at - period() * 9 / 10
    rows = model.objects.filter(
        Q(last_check=None)
        | Q(last_check__checked_at__lte=old)
        | Q(last_check__found__in=Found.bad, last_check__checked_at__lt=at)
    )
    return rows.order_by(F("last_check__checked_at").asc(nulls_first=True), "pk")


def roll(*, seconds: float) -> int:
    """Look at what is due for that long; says how many files were bad. The next round goes on where this one ends."""
    begun, until, bad = clock.now(), time.monotonic() + seconds, 0
    for model in (SignedFile, StoredFile):
        for file in _each(model, begun):
            check = verify(file)
            bad += bool(check and check.is_bad)
            if time.monotonic() > until:
                break
    if bad:
        logger.error("%s files are damaged or missing", bad)
    return bad


def _each(model: type[AnyFile], begun: datetime) -> Iterator[AnyFile]:
    """What is due, a batch at a time: looking at a file takes it out of the question that finds the next."""
    while batch := list(due(model, at=begun).values_list("pk", flat=True)[:BATCH]):
        yield from _still_there(model, batch)


def _still_there(model: type[AnyFile], batch: list[int]) -> Iterator[AnyFile]:
    """One at a time, as it is now: it may be disposed of while those before it are looked at."""
    for pk in batch:
        yield from model.objects.filter(pk=pk)


def everything() -> Iterator[tuple[AnyFile, FileCheck]]:
    """Look at every file there is, now."""
    for model in (SignedFile, StoredFile):
        last = 0
        while batch := list(model.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]):
            last = batch[-1]
            for file in _still_there(model, batch):
                if check := verify(file):
                    yield file, check


# --- what is known


def bad() -> QuerySet[FileCheck]:
    return FileCheck.objects.filter(found__in=Found.bad).select_related("stored", "signed").defer("signed__content")


def overdue() -> int:
    """How many files were stored longer ago than a period and not verified within it."""
    old = clock.now() - period()
    late = Q(last_check=None) | Q(last_check__checked_at__lt=old)
    return sum(model.objects.filter(late, stored_at__lt=old).count() for model in (SignedFile, StoredFile))


def alarms() -> list[str]:
    """Damage, from the round that found it until the file is whole; and files whose turn passed without a look."""
    told = []
    if count := bad().count():
        told.append(
            ngettext(
                "One stored file is damaged or missing. The page about files names it.",
                "%(count)s stored files are damaged or missing. The page about files names them.",
                count,
            )
            % {"count": count}
        )
    if late := overdue():
        told.append(
            ngettext(
                "One file has not been verified in time. Does the background work run?",
                "%(count)s files have not been verified in time. Does the background work run?",
                late,
            )
            % {"count": late}
        )
    return told
