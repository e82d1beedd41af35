"""Reminders: the ladder, whom it reaches, the sweep that makes them and the relay that sends them."""

from __future__ import annotations

import dataclasses
import smtplib
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.utils import translation

from inhouse.deadlines import acts, following
from inhouse.models import Deadline, NextReminder, Reminder, Round
from inhouse.reminders import comparing, ladders, relay, sweep
from inhouse.reminders.ladders import Steps
from organisation import clock
from organisation.mail import NotSent, Post, Unknown
from organisation.models import Absence, Role, User
from products.models import Product
from tests import factories, stations
from tests.stations import on_day

pytestmark = pytest.mark.django_db
DUE = date(2026, 6, 1)


def deadline(due_on: date = DUE, **given: Any) -> Deadline:
    """One that is due, of a product in use."""
    product = given.pop("product", None) or stations.in_use()
    row = Deadline.objects.create(
        kind="follow_up",
        product=product,
        administration=product.unit.administration,
        **{"person": product.owner, "due_on": due_on, **given},
    )
    row.remind_on(ladders.by_kind()["follow_up"].first_on(due_on, clock.today()))
    return row


def next_day(row: Deadline) -> date:
    return NextReminder.objects.get(deadline=row).day


def product_of(row: Deadline) -> Product:
    assert row.product
    return row.product


def owner_of(row: Deadline) -> User:
    return stations.owner_of(product_of(row))


def reached(row: Deadline) -> list[tuple[int, str]]:
    return [(r.step, r.recipient.name) for r in row.reminders.order_by("pk").select_related("recipient")]


# --- the ladder


@pytest.mark.parametrize(
    ("today", "step"),
    [
        ("2026-04-01", None),
        ("2026-04-02", 60),
        ("2026-05-01", 60),
        ("2026-05-02", 30),
        ("2026-05-25", 7),
        ("2026-05-31", 7),
        ("2026-06-01", 0),
        ("2026-06-07", 0),
        ("2026-06-08", -7),
        ("2026-06-15", -14),
    ],
)
def test_the_ladder_has_sixty_thirty_and_seven_days_the_day_and_then_every_week(today: str, step: int | None) -> None:
    assert Steps().step(DUE, date.fromisoformat(today)) == step


@pytest.mark.parametrize("steps", [Steps(), Steps((0,), 1), Steps((0,), 31), Steps((400, 90, 1, 0), 5)], ids=str)
def test_the_sweep_reaches_the_step_that_is_reached_and_waits_for_the_day_of_the_next(steps: Steps) -> None:
    """Five hundred deadlines, on every day from a year before theirs to half a year after; the database counts the days."""
    by = factories.person(Role.HEAD_OFFICE, everywhere=True)
    ladders.choose("follow_up", by=by, **dataclasses.asdict(steps))
    today = date(2028, 3, 1)  # the day before was the 29th of February
    product = stations.in_use()
    rows = [
        Deadline(kind="follow_up", subject=str(left), product=product, person=by, due_on=today + timedelta(days=left))
        for left in range(-180, 450)
        if steps.step(today + timedelta(days=left), today) is not None
    ]
    rows = Deadline.objects.bulk_create(rows)
    NextReminder.objects.bulk_create(NextReminder(deadline=row, day=today) for row in rows)
    with on_day(today):
        assert sweep.sweep().count == len(rows)
    told = dict(Reminder.objects.filter(recipient=by).values_list("deadline", "step"))
    pointer = dict(NextReminder.objects.values_list("deadline", "day"))
    for row in rows:
        step = steps.step(row.due_on, today)
        days = (today + timedelta(days=each) for each in range(1, 500))
        assert told[row.pk] == step, row.due_on
        assert pointer[row.pk] == next(day for day in days if steps.step(row.due_on, day) != step), row.due_on


def test_a_ladder_without_its_day_is_refused() -> None:
    by = factories.person(Role.HEAD_OFFICE, everywhere=True)
    with pytest.raises(ValidationError, match="the day itself"):
        ladders.choose("follow_up", days=[30, 7], weekly=7, owner_from=0, head_from=-7, by=by)


def test_a_ladder_of_ones_own_counts_from_now_on_and_nothing_is_sent_twice() -> None:
    with on_day("2026-05-02"):
        row = deadline()
        sweep.sweep()
        by = factories.person(Role.HEAD_OFFICE, everywhere=True)
        ladders.choose("follow_up", days=[30, 14, 0], weekly=1, owner_from=0, head_from=-1, by=by)
        sweep.sweep()
        assert next_day(row) == date(2026, 5, 18)
    assert [step for step, _name in reached(row)] == [30]
    with on_day("2026-05-18"):
        ladders.forget("follow_up", by=by)
        assert next_day(row) == date(2026, 5, 18)


# --- the sweep


def test_the_steps_rise_from_the_person_to_the_owner_to_the_head_of_administration() -> None:
    with on_day("2026-03-01"):
        product = stations.in_use()
        person = factories.user("Karin Berg", at=product.unit)
        head = factories.person(Role.MANAGER, at=product.unit.administration)
        row = deadline(person=person, product=product)
    day = date(2026, 3, 1)
    while day <= date(2026, 6, 8):
        with on_day(day):
            sweep.sweep()
        day += timedelta(days=1)
    owner = stations.owner_of(product).name
    assert reached(row) == [
        (60, person.name),
        (30, person.name),
        (7, person.name),
        (0, person.name),
        (0, owner),
        (-7, person.name),
        (-7, owner),
        (-7, head.name),
    ]


def test_a_second_sweep_of_the_day_finds_nothing_more() -> None:
    with on_day("2026-05-02"):
        row = deadline()
        assert sweep.sweep().count == 1
        assert sweep.sweep().count == 0
    assert len(reached(row)) == 1


def test_after_a_month_offline_the_step_that_is_reached_is_told_and_the_ladder_goes_on() -> None:
    with on_day("2026-03-01"):
        row = deadline()
    with on_day("2026-05-26"):
        sweep.sweep()
    assert [step for step, _name in reached(row)] == [7]
    assert next_day(row) == DUE


def test_what_is_overdue_goes_on_every_week_until_it_is_done() -> None:
    with on_day("2026-05-31"):
        row = deadline()
    for day in range(60):
        with on_day(DUE + timedelta(days=day)):
            sweep.sweep()
    assert sorted({step for step, _name in reached(row)}) == [-56, -49, -42, -35, -28, -21, -14, -7, 0]


def test_a_deadline_that_moves_is_told_anew_for_its_new_day() -> None:
    with on_day("2026-05-02"):
        row = deadline()
        sweep.sweep()
        Deadline.objects.filter(pk=row.pk).update(due_on=date(2026, 5, 25))
        row.remind_on(date(2026, 5, 2))
        sweep.sweep()
    assert [(r.due_on, r.step) for r in row.reminders.order_by("pk")] == [(DUE, 30), (date(2026, 5, 25), 30)]


def test_an_absence_has_a_stand_in_and_the_reminder_says_for_whom() -> None:
    with on_day("2026-05-02"):
        row = deadline()
        other = factories.user("Vik Arie")
        Absence.objects.create(person=owner_of(row), stand_in=other, since=date(2026, 5, 1), until=date(2026, 5, 10))
        sweep.sweep()
    told = row.reminders.get()
    assert (told.recipient, told.stands_in_for) == (other, owner_of(row))


def test_stand_ins_who_stand_in_for_each_other_end_somewhere() -> None:
    with on_day("2026-05-02"):
        row = deadline()
        other = factories.user("Vik Arie")
        days: dict[str, Any] = {"since": date(2026, 5, 1), "until": date(2026, 5, 10)}
        Absence.objects.create(person=owner_of(row), stand_in=other, **days)
        Absence.objects.create(person=other, stand_in=owner_of(row), **days)
        sweep.sweep()
    assert row.reminders.count() == 1


def test_what_is_for_a_role_reaches_all_who_hold_it_there_or_everywhere() -> None:
    with on_day("2026-05-02"):
        product = stations.in_use()
        row = deadline(person=None, role=Role.REGISTRAR, product=product)
        here = factories.person(Role.REGISTRAR, at=product.unit.administration)
        everywhere = factories.person(Role.REGISTRAR, everywhere=True)
        factories.person(Role.REGISTRAR, at=factories.other_administration())
        sweep.sweep()
    assert {name for _step, name in reached(row)} == {here.name, everywhere.name}


def test_what_is_for_nobody_goes_to_who_is_above_and_else_is_an_alarm_every_time() -> None:
    with on_day("2026-05-02"):
        row = deadline()
        User.objects.filter(pk=owner_of(row).pk).update(is_active=False)
        sweep.sweep()
        assert {name for _step, name in reached(row)} == {stations.manager(product_of(row)).name}
    with on_day("2026-05-25"):
        User.objects.update(is_active=False)
        assert sweep.sweep().found
        assert sweep.alarms()
        assert sweep.sweep().count == 1  # it is still due
        User.objects.filter(pk=stations.manager(product_of(row)).pk).update(is_active=True)
        sweep.sweep()
        assert sweep.sweep().count == 0
        assert not sweep.alarms()


def test_whoever_becomes_responsible_hears_of_it_at_once_and_nobody_twice() -> None:
    with on_day("2026-03-01"):
        product = stations.in_use()
        following.follow([product])
    with on_day("2026-05-03"):
        sweep.sweep()
        new = factories.user("Vera Ny", at=product.unit, level=User.Level.HEAD_OF_UNIT)
        stations.hand_over(product, to=new)
        following.follow([product])
        sweep.sweep()
        sweep.sweep()
    told = Reminder.objects.filter(deadline__kind="follow_up").order_by("pk")
    assert [(r.step, r.recipient.name) for r in told] == [(30, "Ola Berg"), (30, new.name)]


def test_a_step_told_only_to_who_has_left_since_is_told_to_who_is_above() -> None:
    with on_day("2026-05-02"):
        row = deadline()
        sweep.sweep()
        User.objects.filter(pk=owner_of(row).pk).update(is_active=False)
        row.remind_on(clock.today())
        sweep.sweep()
    assert {name for _step, name in reached(row)} == {"Ola Berg", stations.manager(product_of(row)).name}


def test_the_alarm_of_what_nobody_is_told_of_is_in_the_readers_language_and_counts_them_all() -> None:
    with on_day("2026-05-02"):
        rows = [deadline()]
        rows += [deadline(product=product_of(rows[0]), subject=str(each)) for each in range(21)]
        User.objects.update(is_active=False)
        sweep.sweep()
        with translation.override("sv"):
            [told] = sweep.alarms()
        assert told.startswith("Ingen kan få veta om")
        assert "och 2 till" in told
        Deadline.objects.update(ended_on=clock.today(), end=Deadline.End.SETTLED)
        assert sweep.alarms() == []


def test_a_snoozed_deadline_is_silent_until_its_day() -> None:
    with on_day("2026-05-02"):
        row = deadline()
        acts.snooze(row, until=date(2026, 5, 28), reason="Waits for a part", by=owner_of(row))
        assert sweep.sweep().count == 0
    with on_day("2026-05-28"):
        sweep.sweep()
    assert [step for step, _name in reached(row)] == [7]


# --- the relay


@pytest.fixture
def waiting() -> Reminder:
    """A reminder of one by one, at an hour when it is sent."""
    with on_day("2026-05-02"):
        product = stations.in_use()
        User.objects.filter(pk=stations.owner_of(product).pk).update(reminded=User.Reminded.EACH, language="en")
        row = deadline(product=product)
        sweep.sweep()
    return row.reminders.get()


def at(text: str) -> Any:
    return clock.at(datetime.fromisoformat(text).replace(tzinfo=UTC))


def test_a_reminder_is_sent_once_with_what_when_why_and_where(waiting: Reminder) -> None:
    with at("2026-05-02T08:00"):
        assert relay.relay().sent == 1
        assert relay.relay().sent == 0
    [sent] = mail.outbox
    assert sent.to == [waiting.recipient.email]
    assert "Clinical follow-up" in sent.subject
    assert "in 30 days" in sent.subject
    assert waiting.deadline.get_absolute_url() in sent.body
    assert "Why:" in sent.body
    waiting.refresh_from_db()
    assert waiting.state == "sent"
    assert waiting.text in sent.body


def test_nothing_is_sent_before_the_morning(waiting: Reminder) -> None:
    with at("2026-05-02T03:00"):  # five in the summer of the institution
        assert relay.relay().sent == 0


def test_a_digest_has_all_of_a_person_and_comes_on_monday_to_who_chose_weeks() -> None:
    with on_day("2026-05-02"):  # a Saturday
        product = stations.in_use()
        User.objects.filter(pk=stations.owner_of(product).pk).update(reminded=User.Reminded.WEEKLY, language="sv")
        deadline(product=product)
        deadline(product=product, subject="2", due_on=date(2026, 4, 30))
        sweep.sweep()
    with at("2026-05-03T20:00"):
        assert relay.relay().sent == 0
    with at("2026-05-04T08:00"):
        assert relay.relay().sent == 2
    [sent] = [each for each in mail.outbox if stations.owner_of(product).email in each.to]
    assert sent.subject.startswith("2 ")


def test_no_digest_is_sent_when_nothing_is_left_in_it(waiting: Reminder) -> None:
    Reminder.objects.update(channel=Reminder.Channel.DIGEST)
    Deadline.objects.update(ended_on=date(2026, 5, 2), end=Deadline.End.SETTLED)
    with at("2026-05-02T08:00"):
        assert relay.relay() == relay.Tally(dropped=1)
    assert mail.outbox == []


def test_what_was_done_in_the_meantime_is_not_sent(waiting: Reminder) -> None:
    row = waiting.deadline
    row.ended_on, row.end = date(2026, 5, 2), Deadline.End.SETTLED
    row.save()
    with at("2026-05-02T08:00"):
        assert relay.relay().dropped == 1
    assert mail.outbox == []


def test_what_waits_for_someone_who_has_gone_away_is_told_to_who_stands_in_and_back_again(waiting: Reminder) -> None:
    other = factories.user("Stina In", at=waiting.recipient.unit)
    User.objects.filter(pk=other.pk).update(reminded=User.Reminded.EACH)
    day = date(2026, 5, 2)
    away = Absence.objects.create(person=waiting.recipient, stand_in=other, since=day, until=day)
    with at("2026-05-02T08:00"):
        assert relay.relay() == relay.Tally(dropped=1)
        sweep.sweep()
    away.delete()
    with at("2026-05-02T09:00"):
        assert relay.relay() == relay.Tally(dropped=1)
        sweep.sweep()
        assert relay.relay() == relay.Tally(sent=1)
    [sent] = mail.outbox
    assert sent.to == [waiting.recipient.email]


def test_what_waits_for_someone_who_has_left_is_told_to_who_is_above(waiting: Reminder) -> None:
    manager = stations.manager(product_of(waiting.deadline))
    User.objects.filter(pk=waiting.recipient.pk).update(is_active=False)
    User.objects.filter(pk=manager.pk).update(reminded=User.Reminded.EACH)
    with at("2026-05-02T08:00"):
        assert relay.relay() == relay.Tally(dropped=1)
        sweep.sweep()
        assert relay.relay() == relay.Tally(sent=1)
    [sent] = mail.outbox
    assert sent.to == [manager.email]


def test_a_digest_has_one_line_for_a_deadline_of_which_two_steps_waited(waiting: Reminder) -> None:
    User.objects.filter(pk=waiting.recipient.pk).update(reminded=User.Reminded.DAILY)
    Reminder.objects.update(channel=Reminder.Channel.DIGEST)
    Reminder.objects.create(
        deadline=waiting.deadline, due_on=DUE, step=7, recipient=waiting.recipient, channel=Reminder.Channel.DIGEST,
        made_at=waiting.made_at, not_before=waiting.not_before,
    )  # fmt: skip
    with at("2026-05-25T08:00"):
        assert relay.relay().sent == 2
    [sent] = mail.outbox
    assert sent.body.count(waiting.deadline.get_absolute_url()) == 1
    assert "in 7 days" in sent.subject


def test_what_should_have_been_sent_hours_ago_is_an_alarm(waiting: Reminder) -> None:
    with at("2026-05-02T11:00"):
        assert not list(relay.alarms())
    with at("2026-05-02T13:00"):
        [told] = relay.alarms()
    assert told == "1 reminder has waited for more than two hours to be sent."


def test_a_server_that_refuses_for_now_is_asked_again_and_later_each_time(
    waiting: Reminder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Post, "send", lambda *args: (_ for _ in ()).throw(NotSent("451 try later")))
    with at("2026-05-02T08:00:00"):
        assert relay.relay().again == 1
        waiting.refresh_from_db()
        assert (waiting.state, waiting.answer, waiting.uncertain) == ("retrying", "451 try later", 0)
    with at("2026-05-02T08:00:30"):
        assert relay.relay().again == 0
    with at("2026-05-02T08:01:01"):
        assert relay.relay().again == 1
    with at("2026-05-02T08:02:02"):
        assert relay.relay().again == 0


def test_an_address_the_server_refuses_for_good_is_given_up_shown_and_sent_again_by_an_operator(
    waiting: Reminder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken, at("2026-05-02T08:00:00"):
        broken.setattr(Post, "send", lambda *a: (_ for _ in ()).throw(NotSent("550 no such user", final=True)))
        assert relay.relay().failed == 1
        assert list(relay.alarms())
    waiting.refresh_from_db()
    assert waiting.state == "failed"
    with at("2026-05-02T09:00:00"):
        assert relay.retry([waiting], by=factories.person(Role.OPERATOR, everywhere=True)) == 1
        assert relay.relay().sent == 1
        assert not list(relay.alarms())


def test_an_answer_that_was_lost_is_counted_and_it_is_sent_again_with_the_same_id(
    waiting: Reminder, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = []

    def lose(post: Any, message: Any) -> str:
        ids.append(message.extra_headers["Message-ID"])
        if len(ids) == 1:
            raise Unknown("the line went dead")
        return "250 taken"

    monkeypatch.setattr(Post, "send", lose)
    with at("2026-05-02T08:00:00"):
        relay.relay()
    with at("2026-05-02T08:05:00"):
        assert relay.relay().sent == 1
    waiting.refresh_from_db()
    assert (waiting.uncertain, waiting.answer) == (1, "250 taken")
    assert ids[0] == ids[1]


def test_a_worker_that_dies_with_a_claim_is_followed_by_another_when_its_lease_ends(waiting: Reminder) -> None:
    with at("2026-05-02T08:00:00"):
        assert len(relay.claim(10, relay.Tally()) or []) == 1  # and never comes back
        assert relay.relay().sent == 0
    with at("2026-05-02T08:11:00"):
        assert relay.relay().sent == 1
    waiting.refresh_from_db()
    assert waiting.uncertain == 1


def test_mail_comes_in_the_readers_language(waiting: Reminder) -> None:
    User.objects.filter(pk=waiting.recipient.pk).update(language="sv")
    with at("2026-05-02T08:00"):
        relay.relay()
    assert "Klinisk uppföljning" in mail.outbox[0].subject


def test_smtp_errors_are_told_apart() -> None:
    from organisation.mail import _final

    assert _final(smtplib.SMTPResponseException(550, b"no"))
    assert not _final(smtplib.SMTPResponseException(451, b"later"))
    assert not _final(smtplib.SMTPAuthenticationError(535, b"who"))


# --- how it goes


def test_a_sweep_that_is_late_is_told() -> None:
    with at("2026-05-02T08:00"):
        assert not comparing.late()  # nothing was ever due
        sweep.sweep()
        assert not comparing.late()
    with at("2026-05-02T10:30"):
        assert comparing.late()
        assert comparing.alarms()


def test_deadlines_that_were_never_swept_are_late() -> None:
    with on_day("2026-05-02"):
        deadline()
    with on_day("2026-05-03"):
        assert comparing.late()


def test_the_nightly_comparison_keeps_what_differed() -> None:
    product = stations.in_use()
    following.follow([product])
    following.follow_house()
    Deadline.objects.filter(kind="follow_up").delete()
    done = comparing.compare_all()
    assert (done.count, len(done.found)) == (1, 1)
    assert comparing.alarms()
    assert comparing.compare_all().count == 0
    assert Round.objects.filter(kind=Round.Kind.COMPARISON).count() == 2


# --- what was found by hurting it (tests/chaos)


def by_id(messages: list[Any]) -> list[str]:
    return [each.extra_headers["Message-ID"] for each in messages]


def test_a_second_digest_of_a_day_is_another_mail_and_not_hidden_as_a_copy_of_the_first(waiting: Reminder) -> None:
    User.objects.filter(pk=waiting.recipient.pk).update(reminded=User.Reminded.DAILY)
    with at("2026-05-02T08:00"):
        deadline(product=product_of(waiting.deadline), subject="2")
        sweep.sweep()
        relay.relay()
        deadline(product=product_of(waiting.deadline), subject="3")
        sweep.sweep()
        relay.relay()
    assert len(set(by_id(mail.outbox))) == len(mail.outbox) == 3


def test_a_copy_of_a_digest_says_the_same_as_the_first_whatever_has_come_to_be_due(
    waiting: Reminder, monkeypatch: pytest.MonkeyPatch
) -> None:
    User.objects.filter(pk=waiting.recipient.pk).update(reminded=User.Reminded.DAILY)
    Reminder.objects.update(channel=Reminder.Channel.DIGEST)
    taken: list[Any] = []

    def lose(post: Any, message: Any) -> str:
        taken.append(message)
        if len(taken) == 1:
            raise Unknown("the line went dead")
        return "250 taken"

    monkeypatch.setattr(Post, "send", lose)
    with at("2026-05-02T08:00"):
        relay.relay()
        deadline(product=product_of(waiting.deadline), subject="2")
        sweep.sweep()
    with at("2026-05-02T08:05"):
        relay.relay()
    ids = by_id(taken)
    assert (len(ids), len(set(ids))) == (3, 2)
    first, copy = (each for each in taken if each.extra_headers["Message-ID"] == ids[0])
    assert first.body == copy.body


def test_a_deadline_that_moves_and_comes_back_is_told_after_all(waiting: Reminder) -> None:
    row = Deadline.objects.filter(pk=waiting.deadline.pk)
    with at("2026-05-02T08:00"):
        row.update(due_on=date(2026, 9, 1))
        assert relay.relay().dropped == 1
        row.update(due_on=DUE)
        waiting.deadline.remind_on(date(2026, 5, 2))
        sweep.sweep()
        assert relay.relay().sent == 1


def test_what_waits_in_the_outbox_is_silent_while_its_deadline_is_snoozed_and_told_after(waiting: Reminder) -> None:
    with at("2026-05-02T08:00"):
        acts.snooze(waiting.deadline, until=date(2026, 5, 6), reason="Waits for a part", by=waiting.recipient)
        assert relay.relay().sent == 0
    with at("2026-05-06T08:00"):
        sweep.sweep()
        assert relay.relay().sent == 1


def test_another_way_of_being_reminded_does_not_bring_a_step_twice(waiting: Reminder) -> None:
    with at("2026-05-02T08:00"):
        relay.relay()
        User.objects.filter(pk=waiting.recipient.pk).update(reminded=User.Reminded.DAILY)
        waiting.deadline.remind_on(date(2026, 5, 2))
        sweep.sweep()
        assert relay.relay().sent == 0


def test_a_mail_that_cannot_be_written_does_not_hold_up_the_others(waiting: Reminder) -> None:
    with at("2026-05-02T08:00"):
        deadline(product=product_of(waiting.deadline), subject="2")
        sweep.sweep()
        Deadline.objects.filter(pk=waiting.deadline.pk).update(kind="unheard_of")
        done = relay.relay()
    assert (done.sent, done.again) == (1, 1)
    waiting.refresh_from_db()
    assert waiting.answer.startswith("KeyError")


def test_when_the_server_is_not_there_the_others_are_not_tried_and_nothing_is_uncertain(
    waiting: Reminder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Post, "send", lambda *a: (_ for _ in ()).throw(NotSent("timed out", gone=True)))
    with at("2026-05-02T08:00"):
        deadline(product=product_of(waiting.deadline), subject="2")
        sweep.sweep()
        assert relay.relay().again == 1
    assert sorted(Reminder.objects.values_list("attempts", "claim")) == [(0, None), (1, None)]
    monkeypatch.undo()
    with at("2026-05-02T08:02"):
        assert relay.relay() == relay.Tally(sent=2)


def test_a_mail_that_was_taken_after_all_is_not_shown_as_given_up(waiting: Reminder) -> None:
    """A worker sleeps through its lease with the message on its way; another is told that the address is not there."""
    with at("2026-05-02T08:00"):
        [slow] = relay.claim(10, relay.Tally()) or []
    with at("2026-05-02T08:11"):
        Reminder.objects.update(failed_at=clock.now(), answer="550 no such user", claim=None)
        relay._mark(slow.reminders, {waiting.pk: ("", "")}, "250 taken")
        assert not list(relay.alarms())


def test_a_worker_stops_in_good_time_before_its_own_leases_run_out(
    waiting: Reminder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with at("2026-05-02T08:00"):
        deadline(product=product_of(waiting.deadline), subject="2")
        sweep.sweep()
    hours = iter(f"2026-05-02T08:{minute:02}" for minute in (0, 0, 0, 0, 0, 0, *[6] * 20))
    monkeypatch.setattr(clock, "now", lambda: datetime.fromisoformat(next(hours)).replace(tzinfo=UTC))
    assert relay.relay().sent == 1
    assert Reminder.objects.unsent().get().claim is None
