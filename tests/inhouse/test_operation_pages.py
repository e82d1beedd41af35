"""How sweeps and reminders go, as operators see it; the banner when they are late; and the ladders of head office."""

from __future__ import annotations

import re
import socket
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from inhouse import tasks
from inhouse.deadlines.kinds import KINDS
from inhouse.models import Deadline, Ladder, NextReminder, Reminder, Round
from inhouse.reminders import ladders, sweep, watching
from inhouse.reminders.ladders import USUAL, Steps
from inhouse.reminders.watching import Show
from inhouse.views.ladders import told
from organisation import alarms, background, clock
from organisation.models import User
from tests import factories
from tests.costs import cost

pytestmark = pytest.mark.django_db
OPERATION, AGAIN, NOW, LADDERS = (
    reverse(f"inhouse:{name}") for name in ("operation", "operation-again", "operation-now", "ladders")
)


@pytest.fixture
def desk(client: Client, operator: User) -> Client:
    """The operator's browser."""
    client.force_login(operator)
    return client


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> list[str]:
    """What was put into the queue, which is empty."""
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {"data_folder_in": str(tmp_path)}
    found: list[str] = []
    for name in ("sweep_deadlines", "send_reminders"):
        monkeypatch.setattr(getattr(tasks, name), "apply_async", lambda name=name, **how: found.append(name))
    return found


def reminder(person: User, **given: Any) -> Reminder:
    """One in the outbox, of a deadline that has no product."""
    today = clock.today()
    row = Deadline.objects.create(
        kind="quality_system",
        subject=str(Deadline.objects.count()),
        about="ISO 13485",
        administration=person.unit.administration,
        due_on=today + timedelta(days=7),
    )
    row.remind_on(row.due_on)
    now = clock.now()
    common = {
        "due_on": row.due_on,
        "step": 7,
        "recipient": person,
        "channel": "mail",
        "made_at": now,
        "not_before": now,
    }
    return Reminder.objects.create(deadline=row, **(common | given))


def given_up(person: User, **more: Any) -> Reminder:
    return reminder(person, failed_at=clock.now(), attempts=40, answer="550 no such mailbox", **more)


# --- who sees it


def test_those_who_watch_see_it_in_their_menu_and_only_operators_do_something(
    client: Client, auditor: User, operator: User, nurse: User
) -> None:
    for person, acts in ((auditor, False), (operator, True)):
        client.force_login(person)
        given_up(person)
        page = client.get(OPERATION).text
        assert f'href="{OPERATION}"' in client.get(reverse("inhouse:home")).text
        assert (AGAIN in page, NOW in page) == (acts, acts)
        assert client.get(AGAIN).status_code == (200 if acts else 403)
    client.force_login(nurse)
    assert OPERATION not in client.get(reverse("inhouse:home")).text
    assert client.get(OPERATION).status_code == 403


# --- what it says


def test_before_anything_ran_it_says_so(desk: Client) -> None:
    page = desk.get(OPERATION).text
    assert "Nothing needs looking into." in page
    assert page.count("not yet") >= 4


def test_it_tells_of_the_last_sweep_and_the_last_comparison(desk: Client) -> None:
    now = clock.now()
    Round.objects.create(kind="sweep", started_at=now, ended_at=now - timedelta(minutes=5), count=3)
    Round.objects.create(
        kind="comparison", started_at=now, ended_at=now, count=2, found=["First: made", "Second: ended"]
    )
    page = desk.get(OPERATION).text
    assert re.search(r"5\sminutes ago", page)
    for words in ("3 deadlines", "2 deadlines", "First: made", "Second: ended", "did not follow their facts"):
        assert words in page


def test_a_reminder_that_was_given_up_says_why_to_whom_and_how_often_it_was_tried(desk: Client, nurse: User) -> None:
    row = given_up(nurse)
    page = desk.get(OPERATION).text
    for words in ("550 no such mailbox", nurse.email, "ISO 13485", ">40<", "1 reminder could not be sent"):
        assert words in page.replace("</span> 40", ">40<")
    assert f"{AGAIN}?reminder={row.pk}" in page


def test_each_number_has_its_reminders(desk: Client, nurse: User) -> None:
    now = clock.now()
    wanted = {
        Show.FAILED: given_up(nurse),
        Show.RETRYING: reminder(nurse, attempts=2, leased_until=now + timedelta(minutes=4), answer="451 later"),
        Show.UNCERTAIN: reminder(nurse, attempts=2, uncertain=1, sent_at=now - timedelta(days=3)),
        Show.WAITING: reminder(nurse, not_before=now + timedelta(hours=9)),
        Show.SENT: reminder(nurse, attempts=1, sent_at=now - timedelta(hours=23), answer="250 taken"),
    }
    reminder(nurse, dropped_at=now)
    assert watching.state().counts == dict.fromkeys(Show, 1)
    assert {show: list(watching.rows(show)) for show in Show} == {show: [row] for show, row in wanted.items()}
    for show in Show:
        page = desk.get(OPERATION, {"show": show.value}).text
        assert len(re.findall(r"<small class=\"mail\">", page)) == 1
    assert desk.get(OPERATION, {"show": "nonsense"}).status_code == 200


def test_a_reminder_that_should_long_have_gone_is_told(desk: Client, nurse: User) -> None:
    row = reminder(nurse)
    assert watching.state().stuck_since is None
    Reminder.objects.filter(pk=row.pk).update(not_before=clock.now() - timedelta(hours=1))
    assert watching.state().stuck_since is None  # it was made just now
    Reminder.objects.filter(pk=row.pk).update(made_at=clock.now() - timedelta(hours=1))
    assert "has not been sent. Does the background work run?" in desk.get(OPERATION).text


def test_the_page_is_paged_and_asks_as_much_for_many_as_for_one(desk: Client, nurse: User) -> None:
    given_up(nurse)
    once = cost(desk, OPERATION)
    for _n in range(30):
        given_up(nurse)
    assert cost(desk, OPERATION) == once
    assert "Page 1 of 2" in desk.get(OPERATION).text
    assert "Page 2 of 2" in desk.get(OPERATION, {"show": "failed", "page": "2"}).text


def test_the_alarms_of_reminders_reach_the_pages_of_operators_and_auditors(desk: Client, nurse: User) -> None:
    row = given_up(nurse).deadline
    Round.objects.create(kind="sweep", started_at=clock.now(), ended_at=clock.now(), found=[row.pk])
    told = " ".join(alarms.sounding())
    assert "given up" in told
    assert f"Nobody can be told of: {row}." in told
    assert "given up" in desk.get(reverse("organisation:people")).text


# --- what an operator does


def test_one_reminder_is_sent_again_once_it_is_said_what_that_means(
    desk: Client, nurse: User, asked: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    row, other = given_up(nurse), given_up(nurse)
    page = desk.get(AGAIN, {"reminder": row.pk}).text
    assert "550 no such mailbox" in page
    assert "What is no longer due is dropped instead of sent." in page
    with django_capture_on_commit_callbacks(execute=True):
        desk.post(f"{AGAIN}?reminder={row.pk}")
    row.refresh_from_db()
    other.refresh_from_db()
    assert (row.state, other.state, asked) == ("waiting", "failed", ["send_reminders"])


def test_all_that_was_given_up_is_sent_again_and_nothing_else(desk: Client, nurse: User, asked: list[str]) -> None:
    rows = [given_up(nurse) for _n in range(3)]
    sent = reminder(nurse, sent_at=clock.now(), attempts=1)
    assert "3 reminders go back into the outbox" in desk.get(AGAIN).text
    assert "3 reminders are sent again." in desk.post(AGAIN, follow=True).text
    assert {Reminder.objects.get(pk=row.pk).state for row in rows} == {"waiting"}
    assert Reminder.objects.get(pk=sent.pk).state == "sent"


def test_what_was_sent_meanwhile_is_not_sent_again(desk: Client, nurse: User, asked: list[str]) -> None:
    sent = reminder(nurse, sent_at=clock.now(), attempts=1)
    assert "Nothing is left to send again" in desk.get(AGAIN, {"reminder": sent.pk}).text
    assert "Nothing is left to send again" in desk.post(f"{AGAIN}?reminder={sent.pk}", follow=True).text
    assert asked == []


@pytest.mark.parametrize(("work", "task"), [("sweep", "sweep_deadlines"), ("send", "send_reminders")])
def test_work_is_asked_for_now(desk: Client, asked: list[str], work: str, task: str) -> None:
    page = desk.post(NOW, {"work": work}, follow=True).text
    assert "It is asked for." in page
    assert asked == [task]


def test_without_a_broker_it_says_so_at_once(desk: Client, settings: Settings, asked: list[str]) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    begun = time.monotonic()
    assert "unknown: the queue does not answer" in desk.get(OPERATION).text
    assert "The queue does not answer" in desk.post(NOW, {"work": "sweep"}, follow=True).text
    assert asked == []
    assert time.monotonic() - begun < 6


# --- the machinery


def test_a_broker_that_takes_the_call_and_says_nothing_is_not_waited_for(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        begun = time.monotonic()
        assert background.waiting() is None
        assert time.monotonic() - begun < 2


def test_tasks_in_the_folder_are_counted(settings: Settings, tmp_path: Path) -> None:
    settings.REDIS_URL = ""
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {"data_folder_in": str(tmp_path)}
    for name in ("1_a.celery.msg", "2_b.celery.msg", "3_c.worker.celery.pidbox.msg"):
        (tmp_path / name).touch()
    assert background.waiting() == 2
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {"data_folder_in": str(tmp_path / "gone")}
    assert background.waiting() is None


def test_the_file_of_beat_tells_when_it_ticked(settings: Settings, tmp_path: Path) -> None:
    settings.CELERY_BEAT_SCHEDULE_FILENAME = str(tmp_path / "beat")
    assert background.ticked() is None
    (tmp_path / "beat.db").touch()
    found = background.ticked()
    assert found is not None
    assert abs(time.time() - found.timestamp()) < 5


@pytest.mark.worker
def test_tasks_in_redis_are_counted() -> None:
    before = background.waiting()
    assert before is not None
    tasks.send_reminders.delay()
    assert background.waiting() == before + 1


# --- the banner


def test_everyone_is_told_on_every_page_when_reminders_are_late(client: Client, nurse: User, operator: User) -> None:
    client.force_login(nurse)
    addresses = [reverse(name) for name in ("inhouse:home", "inhouse:products", "organisation:account")]
    row = reminder(nurse).deadline
    assert not any("Reminders are late" in client.get(address).text for address in addresses)
    row.remind_on(clock.today() - timedelta(days=1))
    for address in addresses:
        page = client.get(address).text
        assert "Reminders are late" in page
        assert f"Tell an operator: {operator.name}." in page
    client.force_login(operator)
    assert f'href="{OPERATION}">What is wrong' in client.get(addresses[0]).text
    client.logout()
    assert "Reminders are late" not in client.get(reverse("inhouse:public")).text
    sweep.sweep()
    client.force_login(nurse)
    assert "Reminders are late" not in client.get(addresses[0]).text


def test_a_page_asks_once_whether_reminders_are_late(client: Client, nurse: User) -> None:
    client.force_login(nurse)
    for swept in (False, True):
        if swept:
            sweep.sweep()
        with CaptureQueriesContext(connection) as asked:
            client.get(reverse("inhouse:products"))
        assert sum("inhouse_round" in each["sql"] for each in asked.captured_queries) == 1


# --- the ladders


@pytest.fixture
def office(client: Client, head_office: User) -> Client:
    client.force_login(head_office)
    return client


def typed(**changes: Any) -> dict[str, Any]:
    return {"days": "90, 30, 7", "weekly": "7", "owner_from": "30", "head_from": "-14"} | changes


@pytest.mark.parametrize(
    ("steps", "sentence"),
    [
        (
            USUAL,
            "60, 30, 7 days before and on the day, then every 7 days until it is done. The product owner is told from the day itself, the head of administration from 7 days after.",
        ),
        (
            Steps((30, 7, 0), 1, 14, 0),
            "30, 7 days before and on the day, then every day until it is done. The product owner is told from 7 days before, the head of administration from the day itself.",
        ),
        (
            Steps((0,), 10, -1, -14),
            "On the day, then every 10 days until it is done. The product owner is told from 10 days after, the head of administration from 20 days after.",
        ),
    ],
)
def test_a_ladder_is_told_in_a_sentence(steps: Steps, sentence: str) -> None:
    assert told(steps) == sentence


def test_every_kind_of_deadline_is_there_with_its_ladder(office: Client) -> None:
    page = office.get(LADDERS).text
    for key, kind in KINDS.items():
        assert str(kind.label) in page.replace("&#x27;", "'")
        assert reverse("inhouse:ladder", args=[key]) in page
    assert LADDERS in office.get(reverse("inhouse:institution")).text


def test_a_kind_gets_a_ladder_of_its_own_and_goes_back_to_the_usual_one(office: Client, nurse: User) -> None:
    row = reminder(nurse).deadline
    Deadline.objects.filter(pk=row.pk).update(due_on=clock.today() + timedelta(days=80))
    address = reverse("inhouse:ladder", args=["quality_system"])
    office.post(address, typed())
    assert ladders.by_kind()["quality_system"] == Steps((90, 30, 7, 0), 7, 30, -14)
    assert NextReminder.objects.get(deadline=row).day == clock.today()
    page = office.get(address).text
    assert "90, 30, 7 days before and on the day" in page
    office.post(address, {"act": "usual"})
    assert ladders.by_kind()["quality_system"] == USUAL
    assert not Ladder.objects.exists()
    assert "removed ladder of reminders" in office.get(address).text


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"days": "sixty, 30"}, "Write whole days with commas"),
        ({"days": "500, 30"}, "at most 400 days"),
        ({"days": "-5"}, "Write whole days with commas"),
        ({"weekly": "0"}, "greater than or equal to 1"),
        ({"owner_from": "-14", "head_from": "0"}, "not told before the product owner"),
    ],
)
def test_a_wrong_ladder_is_refused_and_what_was_typed_stays(office: Client, wrong: dict[str, str], words: str) -> None:
    address = reverse("inhouse:ladder", args=["follow_up"])
    page = office.post(address, typed(**wrong)).text
    assert words in page
    assert f'value="{typed(**wrong)["days"]}"' in page
    assert not Ladder.objects.exists()


def test_a_ladder_of_no_kind_is_not_there(office: Client) -> None:
    assert office.get("/institution/ladders/nothing/").status_code == 404


def test_a_manager_does_not_change_ladders(client: Client, manager: User) -> None:
    client.force_login(manager)
    assert client.get(LADDERS).status_code == 403
    assert client.post(reverse("inhouse:ladder", args=["follow_up"]), typed()).status_code == 403
    assert factories.institution().name in client.get(reverse("inhouse:home")).text
