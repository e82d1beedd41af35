"""Background work on files."""

from celery import shared_task

from documents import checking, storing

ROUND = 300  # seconds, half of what a task may take: the next tick goes on


@shared_task(ignore_result=True)
def sweep_uploads() -> None:
    """Every hour. Removes what interrupted uploads left behind; a second run finds nothing more."""
    storing.sweep()


@shared_task(ignore_result=True)
def verify_files() -> None:
    """Every hour: the files whose turn it is are compared with their hash. A second run finds fewer that are due."""
    checking.roll(seconds=ROUND)
