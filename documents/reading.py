"""Reading files so that they are found: what waits, one at a time, kept or said why not."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib.postgres.search import SearchVector
from django.db import DataError, OperationalError, connection, transaction
from django.db.models import F, Q, QuerySet

from documents import checking, extracting, storing
from documents.models import FileText, StoredFile
from organisation import clock

logger = logging.getLogger(__name__)

State, Reason = FileText.State, FileText.Reason

CONFIGS = {"sv": "swedish", "nb": "norwegian", "en": "english"}
"""How PostgreSQL finds the stem of a word. A document is read in all three: one file quotes the other language."""
LEASE = timedelta(minutes=15)  # longer than a task may run
AGAIN = timedelta(hours=1)
TRIES = 3


def waiting() -> QuerySet[StoredFile]:
    """Files to be read now: not tried yet, left behind by a worker that died, or failed and worth another try."""
    now = clock.now()
    free = Q(text__leased_until=None) | Q(text__leased_until__lte=now)
    again = Q(text__state=State.FAILED, text__tried_at__lte=now - AGAIN)
    tried = free & Q(text__attempts__lt=TRIES) & (Q(text__state=State.WAITING) | again)
    return StoredFile.objects.filter(Q(text=None) | tried).order_by("pk")


def read(file_id: int, *, withhold: Callable[[str], bool]) -> bool:
    """Read a file unless it is read or someone is at it; says whether it was tried. May run twice, and at once.

    A text that `withhold` says yes to is not kept: it may tell who a patient is.
    """
    if not StoredFile.objects.filter(pk=file_id).exists():
        return False  # told of an upload that was not kept after all
    FileText.objects.get_or_create(file_id=file_id)
    now = clock.now()
    claimed = FileText.objects.filter(pk__in=waiting().filter(pk=file_id).values("pk")).update(
        leased_until=now + LEASE, tried_at=now, attempts=F("attempts") + 1
    )
    if not claimed:
        return False
    stored = StoredFile.objects.get(pk=file_id)
    try:
        _keep(stored, _extracted(stored), withhold)
    except extracting.Unreadable as trouble:
        _settle(stored, state=State.FAILED, reason=trouble.reason)
    except storing.Damaged as damage:
        checking.note(stored, damage.found)
        _settle(stored, state=State.FAILED, reason=Reason.GONE)
    except Exception:  # whatever a file made by others does to those who read it
        logger.exception("The text of the stored file %s could not be read", stored.sha256)
        _settle(stored, state=State.FAILED, reason=Reason.TROUBLE)
    return True


def give_up() -> int:
    """Say of files whose readers died each time that they cannot be read."""
    lost = FileText.objects.filter(state=State.WAITING, attempts__gte=TRIES, leased_until__lte=clock.now())
    return lost.update(state=State.FAILED, reason=Reason.TIME, leased_until=None)


def _extracted(stored: StoredFile) -> extracting.Text:
    with storing.open_checked(stored) as file:
        return extracting.extract(file, stored.media_type)


def _keep(stored: StoredFile, found: extracting.Text, withhold: Callable[[str], bool]) -> None:
    text = str(found)
    about: dict[str, Any] = {"pages": found.pages, "is_cut": found.is_cut}
    if not text:
        _settle(stored, state=State.NONE, **about)
    elif withhold(text):
        _settle(stored, state=State.WITHHELD, **about)
    else:
        while not _indexed(stored, text, about):
            text, about["is_cut"] = text[: len(text) // 2], True


def _indexed(stored: StoredFile, text: str, about: dict[str, Any]) -> bool:
    """Keep the text with the words it is found by; False when there are more different words than can be looked up."""
    try:
        with transaction.atomic():
            _settle(stored, state=State.DONE, text=text, **about)
            if connection.vendor == "postgresql":
                FileText.objects.filter(pk=stored.pk).update(vector=vector())
    except (DataError, OperationalError):
        if len(text) < 1000:
            raise
        return False
    return True


def vector() -> Any:
    """The words of a text, as all three languages have them."""
    words: Any
    words, *others = (SearchVector("text", config=config) for config in CONFIGS.values())
    for each in others:
        words = words + each
    return words


def _settle(stored: StoredFile, *, state: str, reason: str = "", **found: Any) -> None:
    values: dict[str, Any] = {"text": "", "vector": None} | found
    FileText.objects.filter(pk=stored.pk).update(state=state, reason=reason, leased_until=None, **values)
