"""Reminders: the ladder, whom it reaches, the sweep that makes them and the relay that sends them."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import translation

from inhouse.deadlines import acts, following
from inhouse.models import Deadline, NextReminder, Reminder, Round
from inhouse.reminders import comparing, ladders, sweep
from inhouse.reminders.ladders import Steps
from organisation import clock
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


def at(text: str) -> Any:
    return clock.at(datetime.fromisoformat(text).replace(tzinfo=UTC))


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
