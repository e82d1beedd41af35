"""The relay sends what is in the outbox: once, in the morning, to whom it is for now, and again when the answer was lost."""

from __future__ import annotations

import smtplib
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.core import mail

from inhouse.deadlines import acts
from inhouse.models import Deadline, Reminder
from inhouse.reminders import relay, sweep
from organisation import clock
from organisation.mail import NotSent, Post, Unknown
from organisation.models import Absence, Role, User
from tests import factories, stations
from tests.inhouse.test_reminders import DUE, at, deadline, product_of
from tests.stations import on_day

pytestmark = pytest.mark.django_db


@pytest.fixture
def waiting() -> Reminder:
    """A reminder of one by one, at an hour when it is sent."""
    with on_day("2026-05-02"):
        product = stations.in_use()
        User.objects.filter(pk=stations.owner_of(product).pk).update(reminded=User.Reminded.EACH, language="en")
        row = deadline(product=product)
        sweep.sweep()
    return row.reminders.get()


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
