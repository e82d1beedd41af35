"""Runs with real processes: a fault script on a running set of them, and the verdict once they are healthy again.

A run (`seed`): an administration of its own with two managers, a head, and three to five certificates that end at some
time. The clock is set to two to four moments of one of four journeys (over the change to summer time, over the one back, a month
offline, or a week), and at each the mail server is in some mood and up to three faults strike at random times. What is dead is then
started, the sweep must come by itself, and the next moment follows, whatever is still in the outbox. At the end the mail server
accepts, the next Monday comes, and the outbox must empty itself. Seeds follow each other on the same processes.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from django.db import close_old_connections

from inhouse.models import Deadline, Reminder, Round
from inhouse.reminders import relay
from organisation import clock
from organisation.models import Absence, Administration, Assignment, Institution, QualitySystem, Role, User
from tests import factories
from tests.chaos.model import Expected, Verdict, judge
from tests.chaos.sink import Mood
from tests.chaos.world import World

STOCKHOLM = ZoneInfo("Europe/Stockholm")
OFFSETS = (0, 1, 6, 7, 8, 30, 31, 60, 61, -1, -6, -7, -13)


def _at(text: str, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=STOCKHOLM, fold=fold).astimezone(ZoneInfo("UTC"))


JOURNEYS = {
    "to summer time": [_at("2026-03-28T23:59:58"), _at("2026-03-29T01:59:59"), _at("2026-03-29T06:00:05")],
    "to winter time": [_at("2026-10-24T12:00"), _at("2026-10-25T02:59:59"), _at("2026-10-25T02:00:01", 1)]
    + [_at("2026-10-26T05:59:59")],
    "a month offline": [_at("2026-05-20T09:00"), _at("2026-06-20T09:00")],
    "a week": [_at("2026-11-03T08:00"), _at("2026-11-04T16:00"), _at("2026-11-09T07:00")],
}


@dataclass
class House:
    place: Administration
    managers: list[User]
    head: User
    systems: list[QualitySystem]
    stand_in: dict[int, int]

    @property
    def people(self) -> list[int]:
        return list(dict.fromkeys(self.stand_in.get(each.pk, each.pk) for each in self.managers))


def build(seed: int, dice: random.Random, day: date) -> House:
    """The facts, entered as a person would; the deadlines follow from them."""
    place = Administration.objects.create(name=f"Chaos {seed}-{time.time_ns()}", institution=Institution.objects.get())
    unit = factories.unit("Workshop", at=place)
    managers = [factories.user(name, at=unit) for name in ("Ada One", "Bo Two")]
    head = factories.user("Dan Head", at=unit, level=User.Level.HEAD_OF_ADMINISTRATION)
    for person in (*managers, head):
        User.objects.filter(pk=person.pk).update(language="en", reminded=dice.choice(User.Reminded.values))
    for manager in managers:
        Assignment.objects.create(user=manager, role=Role.MANAGER, administration=place, since=factories.LONG_AGO)
    stand_in = {}
    if dice.random() < 0.3:
        until = day + timedelta(days=400)
        Absence.objects.create(person=managers[0], stand_in=head, since=day - timedelta(days=1), until=until)
        stand_in[managers[0].pk] = head.pk
    systems = [
        QualitySystem.objects.create(
            administration=place, name=f"Certificate {number}", scope="All", valid_until=day + timedelta(days=dice.choice(OFFSETS))
        )
        for number in range(dice.randint(3, 5))
    ]  # fmt: skip
    return House(place, managers, head, systems, stand_in)


def run(world: World, seed: int) -> Verdict:
    dice = random.Random(seed)
    verdict = Verdict(seed, kind=list(JOURNEYS)[seed % len(JOURNEYS)])
    moments, expected, moved = JOURNEYS[verdict.kind], Expected(), set[int]()
    world.set_clock(moments[0])
    taken_before = len(world.sink.taken)
    house = build(seed, dice, clock.today())
    operator = factories.person(Role.OPERATOR, everywhere=True)
    for number, moment in enumerate(moments):
        if number:
            world.set_clock(moment)
            if dice.random() < 0.4:
                _move(dice, house, expected, moved)
        _live(world, dice, verdict, house, expected, hurt=True)
    _settle(world, dice, verdict, house, expected, operator)
    _close(house)
    rows = Reminder.objects.filter(deadline__administration=house.place).select_related("recipient")
    taken = [each for each in world.sink.taken[taken_before:] if f"@{house.place.pk}." in each.to]
    return judge(verdict, expected, taken, list(rows), moved)


def _live(world: World, dice: random.Random, verdict: Verdict, house: House, expected: Expected, *, hurt: bool) -> None:
    """One moment: faults, healing, and a sweep that comes to its end by itself."""
    since, day = clock.now(), clock.today()
    last = Round.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    if hurt:
        _hurt(world, dice, verdict)
    world.heal()
    here = (since, since + timedelta(hours=1))  # not one that began before the clock was set
    swept = Round.objects.filter(kind=Round.Kind.SWEEP, pk__gt=last, started_at__range=here).exclude(ended_at=None)
    try:
        world.until(lambda: _asked(swept.exists), "no sweep came")
    except TimeoutError:
        verdict.lost.append(f"no sweep came within the patience, at {since}")
        return
    first = swept.order_by("pk")[0].started_at.astimezone(STOCKHOLM).date()
    days = {day, clock.today()}
    for deadline, due in _open(house):
        for each in days:
            expected.on(each, deadline, due, house.people, [house.head.pk], swept=each == first)


def _hurt(world: World, dice: random.Random, verdict: Verdict) -> None:
    if dice.random() < 0.8:
        world.sink.mood = dice.choice(world.MOODS)
        verdict.faults[f"mail server {world.sink.mood}"] += 1
    for _each in range(dice.randint(0, 3)):
        time.sleep(dice.uniform(0, 0.7))
        name, strike = dice.choice(world.FAULTS)
        verdict.faults[name] += 1
        strike(world, dice)
    time.sleep(dice.uniform(0, 0.7))
    if dice.random() < 0.6:
        world.sink.mood = Mood.ACCEPT


def _move(dice: random.Random, house: House, expected: Expected, moved: set[int]) -> None:
    """A certificate is renewed or withdrawn: what was not sent of its former day need not be."""
    system = dice.choice(house.systems)
    for deadline in Deadline.objects.open().filter(administration=house.place, subject=str(system.pk)):
        expected.excuse(deadline.pk)
        moved.add(deadline.pk)
    system.valid_until = None if dice.random() < 0.3 else clock.today() + timedelta(days=dice.choice(OFFSETS) + 3)
    system.save()


def _settle(
    world: World, dice: random.Random, verdict: Verdict, house: House, expected: Expected, operator: User
) -> None:
    """All is well again: on the next Monday the rest is sent; what was given up, an operator sends again."""
    world.sink.mood = Mood.ACCEPT
    world.heal()
    day = clock.today()
    monday = day + timedelta(days=7 - day.weekday())
    world.set_clock(datetime(monday.year, monday.month, monday.day, 9, tzinfo=STOCKHOLM))
    _live(world, dice, verdict, house, expected, hurt=False)
    mine = Reminder.objects.filter(deadline__administration=house.place)
    if dice.random() < 0.5:
        relay.retry(list(mine.exclude(failed_at=None)), by=operator)
    with suppress(TimeoutError):  # the verdict names what is left
        world.until(lambda: _asked(lambda: not _waits(world, mine)), "the outbox is not empty")


def _waits(world: World, mine: object) -> bool:
    unsent = mine.unsent()  # type: ignore[attr-defined]
    if not unsent.exists():
        return False
    if not unsent.filter(claim__isnull=False).exists() and unsent.filter(leased_until__gt=clock.now()).exists():
        world.set_clock(clock.now() + timedelta(seconds=5))  # nobody is at work: pauses need not be waited for
    return True


def _asked(question: object) -> bool:
    close_old_connections()
    return bool(question())  # type: ignore[operator]


def _open(house: House) -> Iterator[tuple[int, date]]:
    """From the facts: each certificate that ends, and its deadline."""
    for system in house.systems:
        if system.valid_until:
            rows = Deadline.objects.open().filter(
                administration=house.place, kind="quality_system", subject=str(system.pk)
            )
            yield rows.get().pk, system.valid_until


def _close(house: House) -> None:
    """The next run has nothing of this one in its sweeps."""
    for system in house.systems:
        system.valid_until = None
        system.save()


def prepare(work: Path) -> World:
    """The institution, once for all runs."""
    factories.institution(language="en")
    return World(work)
