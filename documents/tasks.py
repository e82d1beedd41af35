"""Background work on files."""

from celery import shared_task

from documents import storing


@shared_task(ignore_result=True)
def sweep_uploads() -> None:
    """Every hour. Removes what interrupted uploads left behind; a second run finds nothing more."""
    storing.sweep()
