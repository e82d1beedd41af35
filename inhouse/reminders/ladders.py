"""When a reminder is sent: so many days before, on the day, then every week; and who is told from which step on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from inhouse.models import Ladder, NextReminder
from organisation import access, clock
from organisation.access import Act
from organisation.history import acting
from organisation.models import User


@dataclass(frozen=True)
class Steps:
    """A ladder. Steps are days before the due day, in falling order and down to 0; after it they are negative."""

    days: tuple[int, ...] = (60, 30, 7, 0)
    weekly: int = 7
    owner_from: int = 0
    head_from: int = -7

    def step(self, due_on: date, today: date) -> int | None:
        """The step that has been reached; None before the first. Of several that were missed only the last counts."""
        left = (due_on - today).days
        if left >= 0:
            return min((each for each in self.days if each >= left), default=None)
        return -(-left // self.weekly) * self.weekly

    def first_on(self, due_on: date, today: date) -> date:
        """When the first reminder of a deadline that was just found is due: at once, if a step has been reached."""
        return today if self.step(due_on, today) is not None else due_on - timedelta(days=self.days[0])


USUAL = Steps()


def by_kind() -> dict[str, Steps]:
    """The ladder of every kind."""
    found: dict[str, Steps] = defaultdict(lambda: USUAL)
    for row in Ladder.objects.all():
        found[row.kind] = Steps(tuple(row.days), row.weekly, row.owner_from, row.head_from)
    return found


@transaction.atomic
def choose(kind: str, *, days: Sequence[int], weekly: int, owner_from: int, head_from: int, by: User) -> None:
    """Give a kind a ladder of its own. Open deadlines go by it from now on; what was sent stays sent."""
    access.require(by, Act.SETTINGS)
    days = tuple(sorted(set(days), reverse=True))
    if not days or days[-1] != 0 or days[0] > 400:
        raise ValidationError({"days": _("A ladder has the day itself (0) and at most 400 days before it.")})
    if head_from > owner_from:
        raise ValidationError({"head_from": _("The head of administration is not told before the product owner.")})
    steps = Steps(days, weekly, owner_from, head_from)
    with acting(by):
        row = Ladder.objects.filter(kind=kind).first() or Ladder(kind=kind)
        row.days, row.weekly, row.owner_from, row.head_from = list(days), weekly, owner_from, head_from
        row.full_clean()
        row.save()
    _reschedule(kind, steps)


@transaction.atomic
def forget(kind: str, *, by: User) -> None:
    """Back to the register's own ladder."""
    access.require(by, Act.SETTINGS)
    with acting(by):
        for row in Ladder.objects.filter(kind=kind):
            row.delete()
    _reschedule(kind, USUAL)


def _reschedule(kind: str, steps: Steps) -> None:
    """Open deadlines of a kind look for their next step on the new ladder. One already sent there is not sent again."""
    today = clock.today()
    changed = []
    rows = NextReminder.objects.filter(deadline__kind=kind, deadline__ended_on=None).select_related("deadline")
    for row in rows.select_for_update(of=("self",)).order_by("pk"):
        row.day = max(steps.first_on(row.deadline.due_on, today), row.deadline.snoozed_until or today)
        changed.append(row)
    NextReminder.objects.bulk_update(changed, ["day"], batch_size=500)
