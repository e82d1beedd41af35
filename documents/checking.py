"""Full checks of the history as people see them: asked for, running, ended, and what they found."""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from documents import pending, verifying
from documents.findings import Finding
from documents.models import HistoryCheck
from organisation import clock, history
from organisation.history.triggers import kept_models
from organisation.models import User

logger = logging.getLogger(__name__)

KEPT = 500  # findings that are kept one by one; the others are counted
SILENT = timedelta(minutes=10)  # without a sign of life, a check has broken off
TOLD_EVERY = 1.0  # seconds


def last_ended() -> HistoryCheck | None:
    """The last check that came to its end."""
    return HistoryCheck.objects.filter(ended_at__isnull=False, trouble="").select_related("asked_by").first()


def newest() -> HistoryCheck | None:
    return HistoryCheck.objects.select_related("asked_by").first()


def is_running(check: HistoryCheck) -> bool:
    return check.ended_at is None and check.seen_at > clock.now() - SILENT


def begin(by: User | None = None) -> HistoryCheck:
    """A check that is to be run. Refused while one is running."""
    with transaction.atomic():
        if (other := newest()) and is_running(other):
            raise ValidationError(_("A check is running already."), code="running")
        return HistoryCheck.objects.create(asked_by=by, total=verifying.total())


def run(check: HistoryCheck) -> list[Finding]:
    """Check everything and keep what was found, as it goes. Run again after it broke off, it begins anew."""
    found: list[Finding] = []
    count, told = 0, time.monotonic()

    def progress(rows: int) -> None:
        nonlocal told
        check.rows += rows
        if time.monotonic() - told > TOLD_EVERY:
            told = time.monotonic()
            _keep(check, rows=check.rows, seen_at=clock.now())

    check.rows = 0
    try:
        for finding in verifying.verify(progress):
            count += 1
            logger.error("History: %s", finding.sentence)
            if len(found) < KEPT:
                found.append(finding)
        outside = written_outside()
    except Exception as trouble:
        if connection.in_atomic_block:
            raise
        _keep(check, ended_at=clock.now(), trouble=f"{type(trouble).__name__}: {trouble}"[:500], found=count)
        raise
    _keep(
        check,
        rows=check.rows,
        found=count,
        findings=[each.stored for each in found],
        outside=outside,
        seen_at=clock.now(),
        ended_at=clock.now(),
    )
    return found


def _keep(check: HistoryCheck, **values: object) -> None:
    for name, value in values.items():
        setattr(check, name, value)
    check.save(update_fields=list(values))


def written_outside() -> dict[str, int]:
    """How many changes no person made and no reason explains, by the model's label.

    A migration and a sweep give their reason; what is left was written by another program.
    """
    nobody = Q(history_user_id=None) & (Q(history_change_reason=None) | Q(history_change_reason=""))
    counts = {
        model._meta.label: history.of(model).filter(nobody).order_by().count() for model, _history in kept_models()
    }
    return {label: count for label, count in counts.items() if count}


def alarms() -> list[str]:
    """What someone must look at now: seals that are late, a check that found something, or none for too long."""
    told = []
    late = [each for each in pending.pending() if each.late]
    if late:
        told.append(
            _("Changes from %(minutes)s minutes ago are not sealed yet. Is the background work running?")
            % {"minutes": max(int((clock.now() - each.oldest).total_seconds() // 60) for each in late if each.oldest)}
        )
    check = last_ended()
    if check and check.found:
        told.append(_("The last full check found that the history is not as it was sealed. See what it found."))
    latest = newest()
    if latest and latest.trouble:
        told.append(_("The latest full check broke off before its end."))
    return told
