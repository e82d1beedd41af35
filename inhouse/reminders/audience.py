"""Whom a step of the ladder is for: the person, from some step on the product owner, then the head of administration.

Read once for a whole sweep. Someone who is away is told through their stand-in. What nobody would be told goes to whoever
is above; what is left without anyone is an alarm, and never dropped.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from django.utils import timezone

from inhouse.models import Reminder
from organisation.models import Absence, Assignment, Role, User

MORNING = time(6)  # local time: nothing is sent earlier
DISTANCE = 5  # how many stand-ins may be away themselves


class Recipient(NamedTuple):
    """Who is told, for whom if they stand in, and how; not before that moment."""

    person: int
    stands_in_for: int | None
    channel: str
    not_before: datetime


class Audience:
    """The people, roles and absences of one day."""

    def __init__(self, today: date) -> None:
        self.today = today
        self.reminded: dict[int, str] = {}
        self.heads: dict[int, list[int]] = defaultdict(list)
        active = User.objects.filter(is_active=True).order_by("pk")
        for pk, reminded, level, administration in active.values_list(
            "pk", "reminded", "level", "unit__administration"
        ):
            self.reminded[pk] = reminded
            if level == User.Level.HEAD_OF_ADMINISTRATION:
                self.heads[administration].append(pk)
        self.roles: dict[tuple[str, int | None], list[int]] = defaultdict(list)
        held = Assignment.objects.on(today).order_by("pk").values_list("role", "administration", "user")
        for role, place, user in held:
            self.roles[role, place].append(user)
        self.away = dict(Absence.objects.on(today).order_by("pk").values_list("person", "stand_in"))

    def person(self, person: int) -> list[Recipient]:
        """The person, or their stand-in; nobody if they have left."""
        return self._present([person])

    def holding(self, role: str, administration: int | None) -> list[Recipient]:
        """Those who hold the role there, or in the whole institution."""
        return self._present(self._holding(role, administration))

    def head(self, administration: int | None) -> list[Recipient]:
        """The heads of the administration by position, else its managers; of the whole institution the head office."""
        return self._present(self._head(administration))

    def above(self, owner: int | None, administration: int | None) -> list[Recipient]:
        """Who is told when nobody else is there: the owner, else the head, the head office, the operators."""
        office = [self.roles[role, None] for role in (Role.HEAD_OFFICE, Role.OPERATOR)]
        for people in ([owner] if owner else [], self._head(administration), *office):
            if found := self._present(people):
                return found
        return []

    def _holding(self, role: str, administration: int | None) -> list[int]:
        everywhere = self.roles[role, None]
        return [*self.roles[role, administration], *everywhere] if administration else everywhere

    def _head(self, administration: int | None) -> list[int]:
        if administration is None:
            return self.roles[Role.HEAD_OFFICE, None]
        return self.heads[administration] or self._holding(Role.MANAGER, administration)

    def _present(self, people: list[int]) -> list[Recipient]:
        found: dict[int, int | None] = {}
        for person in people:
            if there := self.stand_in(person):
                found.setdefault(there, None if there == person else person)
        return [Recipient(there, instead, *self._way(there)) for there, instead in found.items()]

    def stand_in(self, person: int) -> int | None:
        """The person, or whoever is there in their place; when all are away, the last of them who is still on staff."""
        last = person if person in self.reminded else None
        for _each in range(DISTANCE):
            if self.away.get(person) not in self.reminded:
                break
            last = person = self.away[person]
        return last

    def _way(self, person: int) -> tuple[str, datetime]:
        """How reminders reach someone, and not before when."""
        reminded, monday = self.reminded[person], self.today + timedelta(days=-self.today.weekday() % 7)
        channel = Reminder.Channel.MAIL if reminded == User.Reminded.EACH else Reminder.Channel.DIGEST
        day = monday if reminded == User.Reminded.WEEKLY else self.today
        return channel, timezone.make_aware(datetime.combine(day, MORNING))
