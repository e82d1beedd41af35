"""Background work on papers, deadlines, copies and disposals. Each may run twice, late, or after a crash."""

import logging

from celery import shared_task
from django.utils import translation

from documents import reading
from inhouse import disposal, exitcopy, papers
from inhouse.models import Disposal, ExitCopy
from inhouse.reminders import comparing, relay, sweep
from organisation.models import Institution

logger = logging.getLogger(__name__)
ROUND = 300  # seconds of making a copy; then others have their turn
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


@shared_task(ignore_result=True)
def sweep_deadlines() -> None:
    """Every quarter of an hour: reminders for what has reached a step. A second run finds nothing more."""
    done = sweep.sweep()
    for alarm in sweep.alarms():
        logger.error(alarm)
    if done.count:
        send_reminders.delay()


@shared_task(ignore_result=True)
def send_reminders() -> None:
    """Every minute, and after a sweep. Two at once share the work; what a dead one had claimed is sent again."""
    relay.relay()


@shared_task(ignore_result=True, time_limit=3000)
def compare_deadlines() -> None:
    """Every night: all deadlines derived anew from the facts. What differed is put right, and reported."""
    comparing.compare_all()


@shared_task(ignore_result=True, time_limit=3000)  # seconds, below the broker's visibility timeout of one hour
def make_exit_copy(copy_id: int) -> None:
    """A round of making a copy, when it was ordered and while something is left. Delivered twice, the second does nothing."""
    if exitcopy.work(copy_id, seconds=ROUND):
        make_exit_copy.delay(copy_id)


@shared_task(ignore_result=True)
def make_exit_copies() -> None:
    """Every ten minutes: whatever is to be made, because its worker died or nobody was told of it; and what deleting left."""
    for copy_id in ExitCopy.objects.waiting().values_list("pk", flat=True):
        make_exit_copy.delay(copy_id)
    exitcopy.clear()


@shared_task(ignore_result=True)
def order_exit_copy() -> None:
    """Every day: is there a copy of this year? A second run orders nothing more."""
    if (copy := exitcopy.yearly()) is not None:
        make_exit_copy.delay_on_commit(copy.pk)


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
