"""What time it is. In demo and tests it can be set, so that ten years can be lived in a minute."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

_moment: ContextVar[datetime | None] = ContextVar("moment", default=None)


def moment() -> datetime | None:
    """The set moment, or None when the real clock runs. The history's triggers are handed the same."""
    return _moment.get() or _shifted()


def _shifted() -> datetime | None:
    """In a demo of later years, and in tests with real processes: the real clock and the seconds in a file they all read."""
    if not settings.CLOCK_SHIFT:
        return None
    return timezone.now() + timedelta(seconds=float(Path(settings.CLOCK_SHIFT).read_text()))


def now() -> datetime:
    """Now, aware, in UTC."""
    return moment() or timezone.now()


def today() -> date:
    """Today in the institution's time zone."""
    return timezone.localdate(now())


@contextmanager
def at(when: datetime) -> Iterator[None]:
    """Everything inside happens at that moment. Refused in production."""
    if not settings.CLOCK_MAY_BE_SET:
        raise ImproperlyConfigured("The clock cannot be set in production.")
    token = _moment.set(when)
    try:
        yield
    finally:
        _moment.reset(token)
