"""Full checks of the history as people see them: asked for, running, ended, and what they found."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from documents import seals, verifying
from documents.findings import Finding
from documents.models import HistoryCheck, HistorySeal
from documents.pending import Pending, pending
from organisation import clock, history
from organisation.history.triggers import kept_models
from organisation.models import User

logger = logging.getLogger(__name__)

KEPT = 500  # findings that are kept one by one; the others are counted
SILENT = timedelta(minutes=10)  # without a sign of life, a check has broken off
TOLD_EVERY = 1.0  # seconds


@dataclass(frozen=True)
class State:
    """How the history stands: what no seal holds, the newest check, and the last two that came to their end."""

    pending: list[Pending]
    newest: HistoryCheck | None
    last: HistoryCheck | None
    before: HistoryCheck | None

    @property
    def running(self) -> HistoryCheck | None:
        return self.newest if self.newest and is_running(self.newest) else None

    @property
    def alarms(self) -> list[str]:
        """What someone must look at now."""
        told = []
        if late := [each.oldest for each in self.pending if each.late and each.oldest]:
            minutes = int((clock.now() - min(late)).total_seconds() // 60)
            told.append(
                _("Changes made %(minutes)s minutes ago are not sealed yet. Is the background work running?")
                % {"minutes": minutes}
            )
        if self.last and self.last.found:
            told.append(_("The last full check found that the history is not as it was sealed."))
        if self.newest and self.newest.trouble:
            told.append(_("The latest full check broke off before its end."))
        return told


def state() -> State:
    checks = HistoryCheck.objects.select_related("asked_by")
    ended = checks.filter(ended_at__isnull=False, trouble="")[:2]
    last, before, *_rest = *ended, None, None
    return State(pending(), checks.first(), last, before)


def is_running(check: HistoryCheck) -> bool:
    return check.ended_at is None and check.seen_at > clock.now() - SILENT


def begin(by: User | None = None) -> HistoryCheck:
    """A check that is to be run. Refused while one is running."""
    with transaction.atomic():
        if (other := HistoryCheck.objects.first()) and is_running(other):
            raise ValidationError(_("A check is running already."), code="running")
        return HistoryCheck.objects.create(asked_by=by, total=seals.total(HistorySeal.objects.first()))


def break_off(reason: str) -> None:
    """End the checks that were under way where this database came from."""
    HistoryCheck.objects.filter(ended_at=None).update(ended_at=clock.now(), trouble=reason)


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
