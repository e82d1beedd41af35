"""Who changed how somebody signs in has that person told by mail, once the change is stored."""

from __future__ import annotations

from functools import partial

from django.db import transaction

from organisation import clock, tasks
from organisation.models import User
from organisation.notices import Notice


def tell(user: User, notice: Notice) -> None:
    """By the worker: a mail server that is away stops nobody and is asked again."""
    transaction.on_commit(partial(tasks.tell.delay, user.pk, notice.value, clock.now().isoformat()), robust=True)
