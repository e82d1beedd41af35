"""Files are compared with their hash, round after round, and what happened to them is told."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from documents import checking, storing
from documents.models import FileCheck, SignedFile, StoredFile
from documents.tasks import verify_files
from organisation import alarms, clock
from organisation.models import User
from organisation.tasks import tell_alarms
from tests import factories

pytestmark = pytest.mark.django_db
Found = FileCheck.Found
NOW = datetime.fromisoformat("2026-05-04T08:00:00+00:00")


@pytest.fixture
def file(engineer: User) -> StoredFile:
    return storing.add(factories.pdf("The drawing", name="drawing.pdf"), by=engineer, title="Drawing").file


def signed(content: bytes = b"%PDF-1.7 signed", *, sha256: str = "") -> SignedFile:
    return SignedFile.objects.create(
        name="declaration.pdf", media_type="application/pdf", content=content, size=len(content),
        sha256=sha256 or hashlib.sha256(content).hexdigest(),
    )  # fmt: skip


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.chmod(0o600)
    os.truncate(path, path.stat().st_size - 1)


def link(path: Path) -> None:
    """The very same bytes, but no longer in the store."""
    path.rename(path.parent / "elsewhere")
    path.symlink_to(path.parent / "elsewhere")


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


HARM: list[tuple[Callable[[Path], Any], str]] = [
    (flip, Found.ALTERED),
    (cut, Found.SIZE),
    (link, Found.REPLACED),
    (pipe, Found.REPLACED),
    (folder, Found.REPLACED),
    (Path.unlink, Found.MISSING),
]


@pytest.mark.parametrize(("harm", "found"), HARM)
def test_what_happened_to_a_file_is_found_logged_and_not_handed_out(
    file: StoredFile, media: Path, caplog: pytest.LogCaptureFixture, harm: Callable[[Path], Any], found: str
) -> None:
    verify_files()
    assert (file.last_check.found, caplog.records) == (Found.WHOLE, [])
    harm(media / file.path)
    later = clock.now() + timedelta(days=40)
    with clock.at(later):
        verify_files()
    file.last_check.refresh_from_db()
    assert (file.last_check.found, file.last_check.since, file.last_check.checked_at) == (found, later, later)
    assert {record.levelno for record in caplog.records if record.name == checking.__name__} == {logging.ERROR}
    assert file.path in caplog.text
    with pytest.raises(storing.Damaged):
        storing.open_checked(file)


def test_a_signed_file_that_is_not_what_was_signed_is_found() -> None:
    whole, other = signed(), signed(sha256="ab" * 32)
    verify_files()
    assert (whole.last_check.found, other.last_check.found) == (Found.WHOLE, Found.ALTERED)


def test_a_file_brought_back_is_whole_within_the_hour(file: StoredFile, media: Path) -> None:
    kept = (media / file.path).read_bytes()
    (media / file.path).unlink()
    with clock.at(NOW):
        verify_files()
    assert checking.bad().get().stored == file
    (media / file.path).write_bytes(kept)
    with clock.at(NOW + timedelta(hours=1)):
        verify_files()
    assert not checking.bad().exists()
    file.last_check.refresh_from_db()
    assert file.last_check.since == NOW + timedelta(hours=1)


def test_operators_are_told_of_new_damage_at_once_and_of_the_same_only_in_the_morning(
    file: StoredFile, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[datetime] = []
    monkeypatch.setattr(tell_alarms, "delay", lambda: told.append(clock.now()))
    (media / file.path).unlink()
    for hour in range(3):
        with clock.at(NOW + timedelta(hours=hour)):
            verify_files()
    assert told == [NOW]


def test_damage_is_an_alarm_from_the_round_that_finds_it_until_the_file_is_whole(file: StoredFile, media: Path) -> None:
    kept = (media / file.path).read_bytes()
    with clock.at(NOW):
        verify_files()
        assert alarms.sounding() == []
    (media / file.path).unlink()
    later = NOW + checking.period()
    with clock.at(later):
        verify_files()
        assert alarms.sounding() == ["One stored file is damaged or missing. The page about files names it."]
    (media / file.path).write_bytes(kept)
    with clock.at(later + timedelta(hours=1)):
        verify_files()
        assert alarms.sounding() == []


def test_a_file_that_nobody_looked_at_in_time_is_an_alarm(file: StoredFile) -> None:
    with clock.at(clock.now() + checking.period() + timedelta(days=1)):
        assert alarms.sounding() == ["One file has not been verified in time. Does the background work run?"]


def test_every_file_has_its_turn_within_the_period(engineer: User, settings: Settings) -> None:
    settings.FILES_VERIFIED_WITHIN = 10
    with clock.at(NOW):
        first = storing.keep(factories.pdf("one"), by=engineer)
        verify_files()
    with clock.at(NOW + timedelta(days=5)):
        second = storing.keep(factories.pdf("two"), by=engineer)
        verify_files()
    with clock.at(NOW + timedelta(days=9)):
        verify_files()
        assert checking.overdue() == 0
    days = [(file.last_check.checked_at - NOW).days for file in StoredFile.objects.order_by("pk")]
    assert days == [9, 5]
    with clock.at(NOW + timedelta(days=16)):
        assert checking.overdue() == 1
        assert [file.pk for file in checking.due(StoredFile, at=clock.now())] == [second.pk]
    assert first.pk != second.pk


def test_a_round_ends_when_its_time_is_over_and_the_next_goes_on(engineer: User) -> None:
    for number in range(3):
        storing.keep(factories.pdf(f"File {number}"), by=engineer)
    seen = []
    for _round in range(4):
        checking.roll(seconds=0)
        seen.append(FileCheck.objects.count())
    assert seen == [1, 2, 3, 3]


def test_what_is_disposed_of_during_a_round_is_no_damage_and_does_not_end_it(
    engineer: User, media: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, second, third = (storing.keep(factories.pdf(f"File {number}"), by=engineer) for number in range(3))
    real = checking._look

    def meanwhile(file: checking.AnyFile) -> Found:
        for gone in StoredFile.objects.filter(pk__in=[first.pk, second.pk]):
            gone.delete()
            (media / gone.path).unlink()
        return real(file)

    monkeypatch.setattr(checking, "_look", meanwhile)
    assert checking.roll(seconds=60) == 0
    assert [check.stored for check in FileCheck.objects.all()] == [third]
    assert caplog.records == []
    assert [file for file, _check in checking.everything()] == [third]


def test_a_round_asks_for_a_batch_at_a_time(engineer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checking, "BATCH", 2)
    for number in range(5):
        storing.keep(factories.pdf(f"File {number}"), by=engineer)
    with CaptureQueriesContext(connection) as queries:
        assert checking.roll(seconds=60) == 0
    assert FileCheck.objects.count() == 5
    lists = [query["sql"] for query in queries if query["sql"].endswith("LIMIT 2")]
    assert len(lists) == 1 + 4  # signed files: none; stored: two, two, one, none


def test_the_command_looks_at_everything_names_what_is_bad_and_ends_with_one(
    file: StoredFile, engineer: User, media: Path
) -> None:
    signed()
    out = StringIO()
    call_command("verify_files", stdout=out)
    assert "2 files are as they were stored." in out.getvalue()
    flip(media / file.path)
    with pytest.raises(CommandError, match="1 of 2 files") as trouble:
        call_command("verify_files", stdout=out)
    assert trouble.value.returncode == 1
    assert f"{file.path} drawing.pdf" in out.getvalue()
