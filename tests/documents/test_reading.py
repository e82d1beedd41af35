"""Files are read so that they are found: once, whoever asks how often, and never what may say who a patient is."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.db import connection
from django.test import Client
from django.urls import reverse

from config import celery_app
from documents import extracting, reading, storing
from documents.models import FileCheck, FileText, StoredFile
from inhouse import papers
from inhouse.models import EvidenceDocument
from inhouse.tasks import read_file, read_waiting
from organisation import clock
from organisation.models import Role, User
from tests import factories, stations, uploads

pytestmark = pytest.mark.django_db
State, Reason = FileText.State, FileText.Reason
PATIENT = "Provad på 19900602-2397 i mars"


def stored(by: User, content: bytes, name: str = "a.txt") -> StoredFile:
    return storing.keep(ContentFile(content, name=name), by=by)


def read(file: StoredFile, *, withhold: Any = lambda text: False) -> FileText:
    reading.read(file.pk, withhold=withhold)
    return FileText.objects.get(file=file)


@pytest.mark.parametrize(
    ("content", "name", "state", "reason"),
    [
        (b"Some words", "a.txt", State.DONE, ""),
        (uploads.pdf_of(2), "a.pdf", State.NONE, ""),
        (b"%PDF-1.7\nnothing\n%%EOF\n", "a.pdf", State.FAILED, Reason.LOCKED),
        (uploads.entities(), "a.docx", State.FAILED, Reason.BROKEN),
        (uploads.bomb(size=100 << 20), "a.docx", State.FAILED, Reason.UNFOLDS),
    ],
)
def test_what_came_of_reading_is_kept(engineer: User, content: bytes, name: str, state: str, reason: str) -> None:
    text = read(stored(engineer, content, name))
    assert (text.state, text.reason, text.attempts, text.leased_until) == (state, reason, 1, None)
    assert bool(text.text) == (state == State.DONE)


def test_reading_again_changes_nothing(engineer: User) -> None:
    file = stored(engineer, b"Some words")
    first = read(file)
    assert reading.read(file.pk, withhold=lambda text: True) is False
    assert list(FileText.objects.values()) == list(FileText.objects.filter(pk=first.pk).values())
    assert FileText.objects.get().text == "Some words"


def test_a_file_that_someone_is_at_is_left_to_them_until_they_are_given_up(
    engineer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = stored(engineer, b"Some words")
    with monkeypatch.context() as patch:
        patch.setattr(reading, "_settle", lambda *args, **kwargs: None)  # as if the worker had died
        reading.read(file.pk, withhold=lambda text: False)
    assert not reading.waiting().exists()
    assert reading.read(file.pk, withhold=lambda text: False) is False
    with clock.at(clock.now() + reading.LEASE):
        assert list(reading.waiting()) == [file]
        assert read(file).state == State.DONE


def test_a_file_that_kills_whoever_reads_it_is_given_up_in_the_end(
    engineer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, now = stored(engineer, b"Some words"), clock.now()
    monkeypatch.setattr(reading, "_settle", lambda *args, **kwargs: None)
    for number in range(reading.TRIES + 1):
        with clock.at(now + number * reading.LEASE):
            reading.read(file.pk, withhold=lambda text: False)
    with clock.at(now + timedelta(days=1)):
        assert not reading.waiting().exists()
        assert reading.give_up() == 1
    text = FileText.objects.get()
    assert (text.state, text.reason, text.attempts) == (State.FAILED, Reason.TIME, reading.TRIES)


def test_what_failed_is_tried_again_after_a_while_and_not_for_ever(engineer: User, media: Path) -> None:
    file, begun = stored(engineer, b"Some words"), clock.now()
    (media / file.path).unlink()
    for tries in range(1, reading.TRIES + 1):
        with clock.at(begun + tries * reading.AGAIN):
            text = read(file)
            assert (text.state, text.reason, text.attempts) == (State.FAILED, Reason.GONE, tries)
            assert not reading.waiting().exists()
        with clock.at(begun + (tries + 1) * reading.AGAIN):
            assert reading.waiting().exists() == (tries < reading.TRIES)
    assert FileCheck.objects.get().found == FileCheck.Found.MISSING


def test_what_failed_once_is_read_when_it_can_be(engineer: User, media: Path) -> None:
    file, begun = stored(engineer, b"Some words"), clock.now()
    (media / file.path).rename(media / "away")
    assert read(file).state == State.FAILED
    (media / "away").rename(media / file.path)
    with clock.at(begun + 2 * reading.AGAIN):
        assert (read(file).state, FileText.objects.get().text) == (State.DONE, "Some words")


def test_a_reader_that_breaks_in_a_way_nobody_thought_of_fails_and_says_so(
    engineer: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*args: Any) -> None:
        raise RecursionError

    monkeypatch.setattr(extracting, "extract", broken)
    assert read(stored(engineer, b"Some words")).reason == Reason.TROUBLE
    assert "could not be read" in caplog.text


def test_a_text_that_may_say_who_a_patient_is_is_kept_nowhere(engineer: User) -> None:
    for content, name in (
        (PATIENT.encode(), "a.txt"),
        (uploads.docx("Mätt", PATIENT), "a.docx"),
        (uploads.xlsx(("Patient", "199006022397")), "a.xlsx"),
        (factories.pdf(PATIENT).read(), "a.pdf"),
    ):
        file = stored(engineer, content, name)
        papers.read(file.pk)
        text = FileText.objects.get(file=file)
        assert (text.state, text.text, text.vector) == (State.WITHHELD, "", None)


def test_an_upload_that_was_not_kept_after_all_is_not_read() -> None:
    read_file(987654)
    assert not FileText.objects.exists()


def test_the_sweep_sends_for_whatever_waits(engineer: User, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [stored(engineer, text) for text in (b"one", b"two")]
    read(files[0])
    sent: list[int] = []
    monkeypatch.setattr(read_file, "delay", sent.append)
    read_waiting()
    assert sent == [files[1].pk]


@pytest.mark.postgres
def test_a_text_of_nothing_but_different_words_is_found_by_its_beginning(engineer: User) -> None:
    words = " ".join(f"w{number:x}" for number in range(180_000))
    text = read(stored(engineer, words.encode()))
    assert (text.state, text.is_cut) == (State.DONE, True)
    assert words.startswith(text.text)
    assert len(text.text) > 100_000


# --- by a real worker


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Path]:
    """A worker on the database and the files of this test; yields what it says."""
    celery_app.control.purge()
    name = connection.settings_dict["NAME"]
    environment = os.environ | {
        "DATABASE_URL": f"{os.environ['DATABASE_URL'].rpartition('/')[0]}/{name}",
        "MEDIA_ROOT": str(tmp_path),
    }
    log = tmp_path / "worker.log"
    words = ["-m", "celery", "--app", "config", "worker", "--concurrency", "1", "--loglevel", "INFO"]
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, *words], cwd=settings.ROOT, env=environment, stdout=out, stderr=out)
        try:
            yield log
        finally:
            process.terminate()
            process.wait(30)


@pytest.mark.postgres
@pytest.mark.worker
@pytest.mark.django_db(transaction=True)
def test_what_is_uploaded_is_soon_found_by_what_stands_in_it(worker: Path, client: Client) -> None:
    product = stations.in_development()
    engineer = factories.person(Role.ENGINEER)
    client.force_login(engineer)
    facts = {"group": "design", "title": "Drawing 14", "file": factories.pdf("Skruvarna dras med momentnyckel")}
    assert client.post(reverse("inhouse:documents-add", args=[product.pk]), facts).status_code == 302
    document = EvidenceDocument.objects.get().document
    deadline = time.monotonic() + 40
    while not FileText.objects.filter(file=document.file, state=State.DONE).exists():
        assert time.monotonic() < deadline, worker.read_text()
        time.sleep(0.1)
    found = client.get(reverse("inhouse:documents-all"), {"q": "skruvar"}).content.decode()
    assert "Drawing 14" in found
    assert "<mark>Skruvarna</mark>" in found
