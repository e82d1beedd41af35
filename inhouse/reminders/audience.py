"""Whom a step of the ladder is for: the person, from some step on the product owner, then the head of administration.

Read once for a whole sweep. Someone who is away is told through their stand-in. What nobody would be told goes to the
next above; what is left without anyone is an alarm, never dropped.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from django.utils import timezone

from inhouse.models import Reminder
from inhouse.reminders.ladders import Steps
from organisation.models import Absence, Assignment, Role, User

MORNING = time(6)  # local time: when digests are sent
DISTANCE = 5  # how many stand-ins may be away themselves


class Recipient(NamedTuple):
    person: int
    stands_in_for: int | None


class Audience:
    """The people, roles and absences of one day."""

    def __init__(self, today: date) -> None:
        self.today = today
        active = User.objects.filter(is_active=True)
        self.reminded: dict[int, str] = {}
        self.heads: dict[int, list[int]] = defaultdict(list)
        rows = active.order_by("pk").values_list("pk", "reminded", "level", "unit__administration")
        for pk, reminded, level, administration in rows:
            self.reminded[pk] = reminded
            if level == User.Level.HEAD_OF_ADMINISTRATION:
                self.heads[administration].append(pk)
        self.roles: dict[tuple[str, int | None], list[int]] = defaultdict(list)
        held = Assignment.objects.on(today).order_by("pk").values_list("role", "administration", "user")
        for role, administration, user in held:
            self.roles[role, administration].append(user)
        self.away = dict(Absence.objects.on(today).order_by("pk").values_list("person", "stand_in"))

    def of(
        self, step: int, steps: Steps, *, person: int | None, role: str, owner: int | None, administration: int | None
    ) -> list[Recipient]:
        """Those who are told of this step, each once; empty when there is nobody at all."""
        first = [person] if person else self._holding(role, administration)
        owners = [owner] if owner else []
        told = [*first, *(owners if step <= steps.owner_from else []), *(
            self._head(administration) if step <= steps.head_from else []
        )]  # fmt: skip
        found = self._present(told)
        for above in (
            owners,
            self._head(administration),
            self.roles[Role.HEAD_OFFICE, None],
            self.roles[Role.OPERATOR, None],
        ):
            if found:
                break
            found = self._present(above)
        return found

    def channel(self, person: int) -> tuple[str, datetime]:
        """How reminders reach someone, and not before when."""
        reminded = self.reminded[person]
        if reminded == User.Reminded.EACH:
            return Reminder.Channel.MAIL, self._morning(self.today)
        if reminded == User.Reminded.DAILY:
            return Reminder.Channel.DIGEST, self._morning(self.today)
        return Reminder.Channel.DIGEST, self._morning(self.today + timedelta(days=-self.today.weekday() % 7))

    def _morning(self, day: date) -> datetime:
        return timezone.make_aware(datetime.combine(day, MORNING))

    def _holding(self, role: str, administration: int | None) -> list[int]:
        everywhere = self.roles[role, None]
        return [*self.roles[role, administration], *everywhere] if administration else everywhere

    def _head(self, administration: int | None) -> list[int]:
        """The heads of the administration by their position, else its managers; of the whole institution the head office."""
        if administration is None:
            return self.roles[Role.HEAD_OFFICE, None]
        return self.heads[administration] or self._holding(Role.MANAGER, administration)

    def _present(self, people: list[int]) -> list[Recipient]:
        found = {}
        for person in people:
            if there := self._stand_in(person):
                found.setdefault(there, None if there == person else person)
        return [Recipient(person, instead) for person, instead in found.items()]

    def _stand_in(self, person: int) -> int | None:
        """The person, or whoever is there in their place; the last one who is active when all are away."""
        last = person if person in self.reminded else None
        for _each in range(DISTANCE):
            if person not in self.away or self.away[person] not in self.reminded:
                break
            last = person = self.away[person]
        return last
