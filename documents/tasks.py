"""Background work on files and on the seals of the history."""

import logging

from celery import shared_task
from django.core.exceptions import ValidationError

from documents import auditing, checking, pending, seals, storing, timestamping
from documents.models import HistoryCheck
from organisation.tasks import tell_alarms

logger = logging.getLogger(__name__)

FULL_CHECK = 3000  # seconds, below the broker's visibility timeout of one hour
ROUND = 300  # seconds, half of what a task may take: the next tick goes on


@shared_task(ignore_result=True)
def sweep_uploads() -> None:
    """Every hour. Removes what interrupted uploads left behind; a second run finds nothing more."""
    storing.sweep()


@shared_task(ignore_result=True)
def fetch_timestamps() -> None:
    """Every five minutes, and when something was signed. What does not come is asked for again by the next run."""
    timestamping.fetch()
    for alarm in timestamping.alarms():
        logger.error(alarm)


@shared_task(ignore_result=True)
def seal_history() -> None:
    """Every five minutes: seal what is new. What waits for an open transaction is taken by a later run."""
    seals.seal_all()
    for table in pending.pending():
        if table.late:
            logger.error("History: %s has had no seal since row %s for too long.", table.table.bare, table.sealed)


@shared_task(ignore_result=True, time_limit=FULL_CHECK)
def check_history() -> None:
    """Every night: the full check. While another is running there is no need."""
    try:
        check = auditing.begin()
    except ValidationError:
        return
    auditing.run(check)


@shared_task(ignore_result=True, time_limit=FULL_CHECK)
def run_check(check_id: int) -> None:
    """The check that someone asked for. Delivered twice it is run twice, from the beginning, unless it has ended."""
    check = HistoryCheck.objects.get(pk=check_id)
    if check.ended_at is None:
        auditing.run(check)


@shared_task(ignore_result=True)
def verify_files() -> None:
    """Every hour: the files whose turn it is are compared with their hash. A second run finds fewer that are due.

    Operators are told of new damage at once, and not only the next morning.
    """
    known = set(checking.bad().values_list("pk", flat=True))
    checking.roll(seconds=ROUND)
    if set(checking.bad().values_list("pk", flat=True)) - known:
        tell_alarms.delay()
