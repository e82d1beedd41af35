"""The machinery of the background work, asked from outside: how much waits for it, and whether beat ticks."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from celery import current_app
from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

PATIENCE = 1.0  # seconds, to be connected and again to be answered: a page waits for it


def waiting() -> int | None:
    """Tasks that no worker has taken yet; None when the broker does not answer."""
    try:
        return _in_redis() if settings.REDIS_URL else _in_folder()
    except (OSError, RedisError):
        return None


def _in_redis() -> int:
    once = Retry(NoBackoff(), 0)
    with Redis.from_url(
        settings.REDIS_URL, socket_connect_timeout=PATIENCE, socket_timeout=PATIENCE, retry=once
    ) as broker:
        return int(broker.llen(current_app.conf.task_default_queue))


def _in_folder() -> int:
    folder = Path(str(settings.CELERY_BROKER_TRANSPORT_OPTIONS["data_folder_in"]))
    ending = f".{current_app.conf.task_default_queue}.msg"
    return sum(each.name.endswith(ending) for each in folder.iterdir())


def ticked() -> datetime | None:
    """When beat last wrote its file; None where its file is not on this machine."""
    file = Path(settings.CELERY_BEAT_SCHEDULE_FILENAME)
    try:
        written = [each.stat().st_mtime for each in file.parent.glob(f"{file.name}*")]
    except OSError:  # it is being written
        return None
    return datetime.fromtimestamp(max(written), UTC) if written else None
