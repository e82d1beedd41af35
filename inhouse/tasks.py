"""Background work on papers, deadlines and reminders. Each may run twice, late, or after a crash."""

import logging

from celery import shared_task

from documents import reading
from inhouse import papers
from inhouse.reminders import comparing, relay, sweep

logger = logging.getLogger(__name__)


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
