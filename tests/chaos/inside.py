"""Runs inside one process that is cut at a write or a send, goes on as a new process would, and is judged at the end.

A run: three to six deadlines of up to four people over two to four days, up to five cuts. Each is a `Cut` raised at one
of the points where a process can die with something half done: before or after a statement that writes, before a message is
handed over, after the server took it, or after it did not. What was not committed is rolled back, as the database would; nothing
of Python's is kept. The server is a function, so that ten thousand runs are a matter of minutes.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

from django.core.mail import EmailMultiAlternatives
from django.db import connection
from django.utils.formats import date_format

from inhouse.models import Deadline, NextReminder, Reminder, Round
from inhouse.reminders import ladders, relay, sweep, texts
from organisation import clock
from organisation.mail import NotSent, Post, Unknown
from organisation.models import Absence, Administration, Role, User
from tests import factories
from tests.chaos.model import Expected, Taken, Verdict, judge, opened

STOCKHOLM = ZoneInfo("Europe/Stockholm")
STARTS = (
    date(2026, 3, 27),
    date(2026, 10, 23),
    date(2026, 12, 30),
    date(2026, 5, 4),
)  # two of them before a change of time
GAPS = (1, 1, 1, 2, 6, 31, 45)  # days; the last two are offline
OFFSETS = (0, 1, 2, 6, 7, 8, 29, 30, 31, 60, 61, -1, -6, -7, -8)
SWEEP_POINTS, RELAY_POINTS = 38, 16  # about how many there are in one; a fuse that is longer than that strikes nowhere
WRITES = re.compile(r"\s*(INSERT INTO|UPDATE|DELETE FROM|CREATE TEMPORARY TABLE|DROP TABLE) \"?(\w+)")


class Cut(BaseException):
    """The process is dead."""


@dataclass
class House:
    """Made once; each run only changes how its people are reminded."""

    administration: Administration
    people: list[User]
    head: User
    operator: User

    @classmethod
    def build(cls) -> House:
        factories.institution(language="en")
        place = factories.administration("Chaos")
        unit = factories.unit("Workshop", at=place)
        people = [factories.user(name, at=unit) for name in ("Ada One", "Bo Two", "Cia Three")]
        head = factories.user("Dan Head", at=unit, level=User.Level.HEAD_OF_ADMINISTRATION)
        User.objects.filter(unit=unit).update(language="en")
        return cls(place, people, head, factories.person(Role.OPERATOR, everywhere=True))


@dataclass
class Life:
    """The state of one run outside the database: the seed's dice, the clock, and what the server took."""

    seed: int
    house: House
    dice: random.Random
    now: datetime
    deaths: int
    fuse: int = 0
    aim: str = ""  # "write" or "send": what the next cut strikes
    armed: bool = False
    kindly: bool = False  # the server takes everything
    server: dict[str, Any] = field(default_factory=dict)
    taken: list[Taken] = field(default_factory=list)
    silent: set[int] = field(default_factory=set)  # deadlines that must not be told of now
    until: dict[int, date] = field(default_factory=dict)  # those that were put off, and until when
    verdict: Verdict = field(init=False)

    def __post_init__(self) -> None:
        self.verdict = Verdict(self.seed)

    # --- dying

    def point(self, name: str, aim: str = "send") -> None:
        """Here a process can die."""
        if not self.armed or not self.fuse or aim != self.aim:
            return
        self.fuse -= 1
        if self.fuse == 0:
            self.deaths -= 1
            self.verdict.faults[name] += 1
            raise Cut(name)

    def write(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        found = WRITES.match(str(sql)) if self.armed else None
        if not found:
            return execute(sql, params, many, context)
        name = f"{found[1].split()[0].lower()} {found[2].removeprefix('inhouse_')}"
        self.point(f"before {name}", "write")
        result = execute(sql, params, many, context)
        self.point(f"after {name}", "write")
        return result

    def work(self, task: Callable[[], object]) -> bool:
        """Do it as a process of its own; whether it lived."""
        self.armed = True
        dies = self.deaths > 0 and self.dice.random() < 0.7
        self.aim = "write" if task is sweep.sweep else self.dice.choice(("write", "send"))
        points = 5 if self.aim == "send" else SWEEP_POINTS if task is sweep.sweep else RELAY_POINTS
        self.fuse = self.dice.randint(1, points) if dies else 0
        try:
            with clock.at(self.now):
                task()
        except Cut:
            return False
        finally:
            self.armed = False
        return True

    # --- the server

    def send(self, message: EmailMultiAlternatives) -> str:
        self.point("before a send")
        mail = opened(message.extra_headers["Message-ID"], message.to[0], str(message.body))
        luck = 1.0 if self.kindly else self.dice.random()
        if luck < 0.08:
            raise NotSent("451 later")
        if luck < 0.11:
            raise NotSent("550 no such mailbox", final=True)
        if luck < 0.15:
            raise NotSent("TimeoutError: timed out", gone=True)
        if luck < 0.19:
            self.point("after a send that was not taken")
            raise Unknown("SMTPServerDisconnected: closed")
        if said := {key for key, _when in mail.lines} & self.silent:
            self.verdict.wrong.append(f"deadline {said} was told of while it should be silent")
        mail.answered = luck >= 0.27
        self.taken.append(mail)
        self.point("after a send that was taken")
        if not mail.answered:
            self.verdict.faults["answer lost"] += 1
            raise Unknown("TimeoutError: timed out")
        return "250 taken"


@contextmanager
def under(life: Life) -> Iterator[None]:
    with (
        patch.object(Post, "send", lambda post, message: life.send(message)),
        patch.object(texts, "mail", _written),
        connection.execute_wrapper(life.write),
    ):
        yield


def _written(rows: list[Reminder]) -> texts.Told:
    """A mail that says which and when, and no more: the templates would take half of the time, and they write nothing."""
    text = "\n".join(f"due on {date_format(row.due_on)}\nhttp://-/deadlines/{row.deadline_id}/\n" for row in rows)
    return texts.Told("Subject", text, text, {row.pk: ("Subject", text) for row in rows})


def run(seed: int, house: House) -> Verdict:
    """One run from its seed alone."""
    dice = random.Random(seed)
    day = dice.choice(STARTS) + timedelta(days=dice.randint(0, 3))
    life = Life(seed, house, dice, _moment(day, dice), deaths=dice.randint(2, 5))
    _empty()
    for person in (*house.people, house.head):
        reminded = dice.choice(User.Reminded.values)
        if person.reminded != reminded:
            User.objects.filter(pk=person.pk).update(reminded=reminded)
            person.reminded = reminded
    stand_in = _absence(dice, house, day)
    with clock.at(life.now):
        rows = _deadlines(dice, house, day)
    expected, revived = Expected(), set[int]()
    due = {row.pk: row.due_on for row in rows}
    whom = {row.pk: stand_in.get(row.person_id or 0, row.person_id or 0) for row in rows}
    with under(life):
        for number in range(dice.choice((1, 1, 2))):
            if number:
                life.now = max(_moment(day := day + timedelta(days=dice.choice(GAPS)), dice), life.now)
                day = life.now.astimezone(STOCKHOLM).date()
                _event(life, day, due, expected, revived)
            _live(life)
            for key, on in due.items():
                if key not in life.silent:
                    expected.on(day, key, on, [whom[key]], [house.head.pk], swept=True)
        _settle(life, expected, due, whom)
    life.verdict.kind = f"from {day}"
    reminders = list(Reminder.objects.select_related("recipient"))
    return judge(life.verdict, expected, life.taken, reminders, revived)


def _moment(day: date, dice: random.Random) -> datetime:
    """Some time of that day, and often in the hours in which the clocks change."""
    hour = dice.choice((0, 2, 2, 3, 7, 12, 23))
    return datetime.combine(day, time(hour, dice.randint(0, 59)), STOCKHOLM).astimezone(ZoneInfo("UTC"))


def _empty() -> None:
    for model in (Reminder, NextReminder, Deadline, Round, Absence):
        rows = model.objects.all()
        rows._raw_delete(rows.db)  # in one statement, unread


def _absence(dice: random.Random, house: House, day: date) -> dict[int, int]:
    if dice.random() < 0.7:
        return {}
    away, there = dice.sample(house.people, 2)
    Absence.objects.create(person=away, stand_in=there, since=day, until=day + timedelta(days=400))
    return {away.pk: there.pk}


def _deadlines(dice: random.Random, house: House, day: date) -> list[Deadline]:
    made = []
    for number in range(dice.choice((3, 3, 4, 6))):
        due = day + timedelta(days=dice.choice(OFFSETS))
        row = Deadline.objects.create(
            kind="quality_system",
            subject=str(number),
            person=dice.choice(house.people),
            administration=house.administration,
            due_on=due,
        )
        row.remind_on(ladders.USUAL.first_on(due, day))
        made.append(row)
    return made


def _event(life: Life, day: date, due: dict[int, date], expected: Expected, revived: set[int]) -> None:
    """Sometimes a deadline is moved, ended or put off, between one day and the next."""
    chance, key = life.dice.random(), life.dice.choice(list(due) or [0])
    if chance > 0.4 or not key:
        return
    row = Deadline.objects.filter(pk=key)
    expected.excuse(key)
    if chance < 0.15:
        due[key] = day + timedelta(days=life.dice.choice(OFFSETS) + 3)
        row.update(due_on=due[key], snoozed_until=None, snooze_reason="")
        row.get().remind_on(ladders.USUAL.first_on(due[key], day))
        life.silent.discard(key)
        life.until.pop(key, None)
        revived.add(key)  # what had been sent of its former day may be in no record of a mail
    elif chance < 0.25:
        row.update(ended_on=day, end="settled")
        life.silent.add(key)
        life.until.pop(key, None)
        del due[key]
        revived.add(key)
    elif due[key] > day + timedelta(days=1):
        until = life.until[key] = day + timedelta(days=life.dice.randint(1, min(10, (due[key] - day).days)))
        row.update(snoozed_until=until, snoozed_by=life.house.operator, snooze_reason="Waits")
        row.get().remind_on(until)
        life.silent.add(key)
        revived.add(key)


def _live(life: Life) -> None:
    """A day: sweeps until one lives, then relays as they come. Cuts strike wherever the fuse ends."""
    today = life.now.astimezone(STOCKHOLM).date()
    life.silent -= {key for key, on in life.until.items() if on <= today}
    while not life.work(sweep.sweep):
        pass
    for _each in range(life.dice.randint(0, 2)):
        lived = life.work(relay.relay)
        if lived or life.dice.random() < 0.5:
            _later(life, timedelta(minutes=life.dice.choice((1, 11))))


def _later(life: Life, by: timedelta) -> None:
    """Time goes on, but not into the next day, which is the run's to begin."""
    later = life.now + by
    if later.astimezone(STOCKHOLM).date() == life.now.astimezone(STOCKHOLM).date():
        life.now = later


def _settle(life: Life, expected: Expected, due: dict[int, date], whom: dict[int, int]) -> None:
    """Everything is well again: on the next Monday the rest is sent; an operator sends again what was given up."""
    life.kindly = True
    day = life.now.astimezone(STOCKHOLM).date()
    monday = day + timedelta(days=7 - day.weekday())
    life.now = datetime.combine(monday, time(12), STOCKHOLM).astimezone(ZoneInfo("UTC"))
    _live(life)
    given_up = list(Reminder.objects.exclude(failed_at=None))
    if given_up and life.dice.random() < 0.5:
        with clock.at(life.now):
            relay.retry(given_up, by=life.house.operator)
    for _each in range(12):
        if not Reminder.objects.unsent().exists():
            break
        life.work(relay.relay)
        life.now += timedelta(hours=5)
    for key, on in due.items():
        if key not in life.silent:
            expected.on(monday, key, on, [whom[key]], [life.house.head.pk], swept=True)


def coverage(verdicts: list[Verdict]) -> Counter[str]:
    """How often a process died where."""
    return sum((verdict.faults for verdict in verdicts), Counter())
