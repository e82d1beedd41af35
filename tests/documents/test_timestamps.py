"""A time is certified by an authority or there is none: never a time of our own making in its place."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from documents import sealing, tasks, timestamping
from documents.models import SignedFile, Timestamp, TimestampRequest
from organisation import alarms, clock
from organisation.models import User
from tests import stations

DIGEST = hashlib.sha256(b"a sealed declaration").digest()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A real authority in a process of its own: its address, and whom to trust for it."""
    folder = tmp_path_factory.mktemp("tsa")
    script = Path(__file__).with_name("tsa.py")
    with subprocess.Popen(
        [sys.executable, str(script), str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stdin
        yield f"http://127.0.0.1:{int(process.stdout.readline())}", folder / "trust.pem"
        process.stdin.close()
        process.wait(10)


@pytest.fixture
def authority(settings: Settings, server: tuple[str, Path]) -> Authority:
    settings.TSA_TRUST = str(server[1])
    settings.TSA_TIMEOUT = 10
    return Authority(settings, server[0])


class Authority:
    def __init__(self, settings: Settings, address: str) -> None:
        self.settings, self.address = settings, address
        self.becomes("good")

    def becomes(self, mode: str) -> None:
        self.settings.TSA_URL = f"{self.address}/{mode}"
        if mode in ("hanging", "trickling"):
            self.settings.TSA_TIMEOUT = 1

    def goes_down(self) -> None:
        self.settings.TSA_URL = "http://127.0.0.1:9/"  # the port that discards: nobody listens there


BAD = {
    "busy": "status 503",
    "hanging": "did not answer within 1 seconds",
    "trickling": "did not answer within 1 seconds",
    "rubbish": "no timestamp",
    "empty": "no timestamp",
    "endless": "no timestamp",
    "refused": "refused: rejection not today",
    "imprint": "of another file",
    "nonce": "another question",
    "expired": "not valid then",
    "unfit": "not from an authority that is trusted",
    "stranger": "not from an authority that is trusted|was altered",
    "altered": "was altered",
    "yesterday": "is not now",
    "tomorrow": "is not now",
}


# --- one token


def test_the_authority_s_time_is_read_from_its_token(authority: Authority) -> None:
    before = timezone.now() - timedelta(seconds=1)
    token = sealing.timestamp(DIGEST)
    stamp = sealing.check_timestamp(token, DIGEST)
    assert stamp.at
    assert before <= stamp.at <= timezone.now() + timedelta(seconds=1)
    assert (stamp.authority, stamp.fault) == ("Time stamper", "")


@pytest.mark.parametrize(("mode", "why"), BAD.items())
def test_an_answer_that_is_not_right_is_no_time(authority: Authority, mode: str, why: str) -> None:
    authority.becomes(mode)
    with pytest.raises(sealing.Untimed, match=why):
        sealing.timestamp(DIGEST)


def test_an_authority_that_is_down_gives_no_time(authority: Authority) -> None:
    authority.goes_down()
    with pytest.raises(sealing.Untimed, match="cannot be reached"):
        sealing.timestamp(DIGEST)


def test_a_token_holds_for_its_own_file_only_and_for_whom_we_trust(
    authority: Authority, settings: Settings, tmp_path: Path
) -> None:
    token = sealing.timestamp(DIGEST)
    assert sealing.check_timestamp(token, hashlib.sha256(b"x").digest()).fault == "The timestamp is of another file."
    for rubbish in (b"", b"rubbish", token[:-20], token + b"more", b"\x30\x84\xff\xff\xff\xff", bytes(1000)):
        assert sealing.check_timestamp(rubbish, DIGEST).at is None
    altered = 0
    for position in range(0, len(token), 61):
        forged = token[:position] + bytes([token[position] ^ 1]) + token[position + 1 :]
        stamp = sealing.check_timestamp(forged, DIGEST)
        altered += stamp.at is None
        assert stamp.at in (None, sealing.check_timestamp(token, DIGEST).at)
    assert altered
    settings.TSA_TRUST = ""
    assert "trusted" in sealing.check_timestamp(token, DIGEST).fault
    settings.TSA_TRUST = str(tmp_path / "absent.pem")
    assert "cannot be read" in sealing.check_timestamp(token, DIGEST).fault


# --- for signed files


def signed(says: bytes = b"a sealed declaration", *, name: str = "IH-2026-0001-D1.pdf") -> SignedFile:
    """A signed file whose timestamp is wanted."""
    file = SignedFile.objects.create(
        name=name, media_type="application/pdf", content=says, sha256=hashlib.sha256(says).hexdigest(), size=len(says)
    )
    timestamping.ask(file)
    return file


@pytest.mark.django_db
def test_a_signed_file_gets_its_timestamp_and_the_token_is_kept(authority: Authority) -> None:
    file = signed()
    assert timestamping.state(file) == "pending"
    tasks.fetch_timestamps()
    row = Timestamp.objects.get()
    assert timestamping.state(file) == "stamped"
    assert sealing.check_timestamp(bytes(row.token), DIGEST).at == row.stamped_at
    assert row.authority == "Time stamper"
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE documents_timestamp SET stamped_at = '2020-01-01'")


@pytest.mark.django_db
@pytest.mark.parametrize("mode", ["down", "hanging", "rubbish", "imprint", "expired"])
def test_without_a_right_answer_it_stays_pending_and_heals_by_itself(authority: Authority, mode: str) -> None:
    file = signed()
    authority.goes_down() if mode == "down" else authority.becomes(mode)
    for _ in range(2):
        tasks.fetch_timestamps()
    request = TimestampRequest.objects.get()
    assert timestamping.state(file) == "pending"
    assert not Timestamp.objects.exists()
    assert request.attempts == 2
    assert request.last_error
    authority.becomes("good")
    tasks.fetch_timestamps()
    assert timestamping.state(file) == "stamped"
    assert TimestampRequest.objects.get().last_error == ""


@pytest.mark.django_db
def test_asking_again_fetches_nothing_twice(authority: Authority) -> None:
    signed()
    assert [timestamping.fetch(), timestamping.fetch()] == [1, 0]
    assert TimestampRequest.objects.get().attempts == 1


@pytest.mark.django_db
def test_an_authority_that_is_down_is_asked_once_in_a_run_and_nobody_is_forgotten(authority: Authority) -> None:
    for number in range(3):
        signed(b"file %d" % number)
    authority.goes_down()
    for _ in range(3):
        timestamping.fetch()
    assert [request.attempts for request in TimestampRequest.objects.order_by("pk")] == [1, 1, 1]


@pytest.mark.django_db
def test_one_file_without_luck_does_not_hold_up_the_others(authority: Authority) -> None:
    signed(b"not what was signed")
    SignedFile.objects.all()  # the row is locked: the damage is made where the hash is computed
    damaged = SignedFile.objects.create(
        name="x.pdf", media_type="application/pdf", content=b"x", sha256="0" * 64, size=1
    )
    timestamping.ask(damaged)
    good = signed(b"another")
    assert timestamping.fetch() == 2
    assert (timestamping.state(damaged), timestamping.state(good)) == ("pending", "stamped")
    assert "not what was signed" in TimestampRequest.objects.get(file=damaged).last_error


@pytest.mark.django_db
def test_where_no_authority_is_set_nothing_is_pending(settings: Settings) -> None:
    settings.TSA_URL = ""
    file = signed()
    assert (timestamping.fetch(), timestamping.state(file), alarms.sounding()) == (0, "none", [])


@pytest.mark.django_db
def test_after_a_day_without_a_timestamp_operator_and_auditor_see_an_alarm(
    authority: Authority, operator: User, auditor: User, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    authority.goes_down()
    with stations.on_day("2026-03-01"):
        signed()
    with stations.on_day("2026-03-01"):
        tasks.fetch_timestamps()
        assert alarms.sounding() == []
    with clock.at(stations.moment("2026-03-02") + timedelta(minutes=1)):
        tasks.fetch_timestamps()
        for person, page in ((operator, "/people/"), (auditor, "/audit/")):
            client.force_login(person)
            assert "1 signed file has waited for its timestamp for more than a day" in client.get(page).content.decode()
    assert "IH-2026-0001-D1.pdf" in caplog.text
    authority.becomes("good")
    tasks.fetch_timestamps()
    assert timestamping.alarms() == []
