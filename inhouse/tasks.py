"""Background work on the papers of products."""

from celery import shared_task

from documents import reading
from inhouse import papers


@shared_task(ignore_result=True)
def read_file(file_id: int) -> None:
    """After an upload: read the file so that it is found. A second run, also at the same time, does nothing."""
    papers.read(file_id)


@shared_task(ignore_result=True)
def read_waiting() -> None:
    """Every ten minutes: whatever is not read, because it failed, its worker died or nobody was told of it."""
    reading.give_up()
    for file_id in reading.waiting().values_list("pk", flat=True).iterator():
        read_file.delay(file_id)
