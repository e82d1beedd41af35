"""Housekeeping in the background."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import connection
from django.utils import timezone

from config import celery_app
from organisation import history, tasks

pytestmark = pytest.mark.django_db


def test_every_scheduled_task_exists() -> None:
    celery_app.loader.import_default_modules()
    wanted = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    assert wanted - set(celery_app.tasks) == set()


def test_a_missing_trigger_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    tasks.watch_history()
    assert caplog.records == []
    gap_at = next(iter(_triggers()))
    with connection.cursor() as cursor:
        on = ' ON "organisation_unit"' if connection.vendor == "postgresql" else ""
        cursor.execute(f'DROP TRIGGER "{gap_at}"{on}')
    tasks.watch_history()
    assert "organisation_unit" in caplog.text
    history.install(connection)


def _triggers() -> list[str]:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT tgname FROM pg_trigger WHERE tgrelid = 'organisation_unit'::regclass AND NOT tgisinternal ORDER BY 1"
            )
        else:
            cursor.execute(
                "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'organisation_unit' ORDER BY 1"
            )
        return [name for (name,) in cursor.fetchall()]


def test_sign_ins_that_have_run_out_are_cleared() -> None:
    Session.objects.create(session_key="old", session_data="", expire_date=timezone.now() - timedelta(days=1))
    Session.objects.create(session_key="new", session_data="", expire_date=timezone.now() + timedelta(days=1))
    tasks.clear_sessions()
    assert list(Session.objects.values_list("session_key", flat=True)) == ["new"]
