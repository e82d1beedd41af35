"""Housekeeping. Each may run twice, late or not at all for a while, and nothing is lost."""

from __future__ import annotations

import logging
from datetime import datetime

from celery import shared_task
from django.core.management import call_command
from django.db import connection

from organisation import access, history, lockout, notices
from organisation.access import Act
from organisation.models import User

logger = logging.getLogger(__name__)


@shared_task(ignore_result=True)
def watch_history() -> None:
    """Every hour: say loudly if the database would no longer write the history of some table."""
    for gap in history.missing(connection):
        logger.error("The history has a gap: %s. To mend it: manage.py migrate", gap)


@shared_task(ignore_result=True)
def clear_sessions() -> None:
    """Every night: sign-ins that have run out, and failed attempts of days ago."""
    call_command("clearsessions")
    lockout.forget()


@shared_task(ignore_result=True, autoretry_for=(OSError,), retry_backoff=True, max_retries=8)
def tell(user_id: int, notice: str, at: str) -> None:
    """Tell someone by mail what changed in how they sign in. A mail may come twice, should a worker die over it."""
    notices.send(User.objects.get(pk=user_id), notices.Notice(notice), at=datetime.fromisoformat(at))


@shared_task(ignore_result=True)
def tell_alarms() -> None:
    """Every morning, while something is wrong: operators are told by mail, too. One bad address silences no other."""
    for operator in access.people(Act.OPERATE).order_by("pk"):
        tell_alarms_to.delay(operator.pk)


@shared_task(ignore_result=True, autoretry_for=(OSError,), retry_backoff=True, max_retries=8)
def tell_alarms_to(user_id: int) -> None:
    """One operator's mail. It may come twice, should a worker die over it."""
    notices.send_alarms(User.objects.get(pk=user_id))
