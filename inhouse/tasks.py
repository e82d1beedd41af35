"""Background work on the papers of products, and on the disposal of records."""

from celery import shared_task
from django.utils import translation

from documents import reading
from inhouse import disposal, papers
from inhouse.models import Disposal
from organisation.models import Institution

DISPOSAL = 3000  # seconds, below the broker's visibility timeout of one hour


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


@shared_task(ignore_result=True, time_limit=DISPOSAL)
def dispose(disposal_id: int) -> None:
    """After a disposal was confirmed. A second run, also at the same time, does nothing more."""
    with translation.override(Institution.objects.get().language):
        disposal.execute(disposal_id)


@shared_task(ignore_result=True)
def finish_disposals() -> None:
    """Every ten minutes: disposals that were confirmed and not executed, or whose files are not all gone."""
    for disposal_id in Disposal.objects.unfinished().values_list("pk", flat=True).iterator():
        dispose.delay(disposal_id)
