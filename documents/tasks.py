"""Background work on files."""

import logging

from celery import shared_task

from documents import storing, timestamping

logger = logging.getLogger(__name__)


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
