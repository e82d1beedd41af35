"""What falls due in the demo: the deadlines follow the stories, people mark what only they can see, and today reminders are made."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from inhouse.deadlines import acts, calendars, following, kinds
from inhouse.demo.days import Days, Story
from inhouse.demo.region import Cast
from inhouse.intervals import add_months
from inhouse.models import Deadline
from inhouse.reminders import sweep
from organisation import access, clock
from organisation.access import Act
from organisation.models import User

BEGAN = date(2022, 6, 15)
HALF_A_YEAR, AHEAD = 6, timedelta(days=60)
SAID = {
    "declaration_review": "Läst tillsammans med verksamheten: försäkran stämmer fortfarande.",
    "document_review": "Dokumenten är genomgångna och gäller oförändrade.",
    "notification": "Anmälan till myndigheten är skickad, kvitto i diariet.",
}


class DueDays(Story):
    """Twice a year the deadlines follow the facts, and what the register cannot see by itself is marked as done."""

    def __init__(self, cast: Cast, today: date) -> None:
        super().__init__("förfallodagar", cast, today)

    def lived(self) -> Days:
        day = BEGAN
        while day < self.today - timedelta(days=5):
            yield day
            _follow()
            by_hand = [kind.key for kind in kinds.KINDS.values() if kind.by_hand]
            for row in Deadline.objects.open().with_all().filter(kind__in=by_hand, due_on__lte=clock.today() + AHEAD):
                by = row.person or access.people(Act.SETTLE, row.scope).order_by("pk").first()
                if by and row.kind in SAID:
                    acts.done(row, evidence=SAID[row.kind], by=by)
            day = add_months(day, HALF_A_YEAR)


def settle() -> None:
    """Bring the deadlines up to today, let one wait, make the reminders and a calendar's address."""
    _follow()
    today = clock.today()
    later = Deadline.objects.open().filter(person__is_active=True, due_on__gt=today + timedelta(days=21))
    waits = later.order_by("due_on", "pk").first()
    if waits and waits.person:
        until = today + timedelta(days=20)
        acts.snooze(waits, until=until, reason="Väntar på verksamhetens genomgång.", by=waits.person)
    sweep.sweep()
    for owner in User.objects.filter(owned_products__isnull=False, is_active=True).order_by("pk")[:1]:
        calendars.make(by=owner)


def _follow() -> None:
    for _difference in following.compare():
        pass


def faults() -> Iterator[str]:
    """What does not occur."""
    shown = {
        "overdue": Deadline.objects.open().filter(due_on__lt=clock.today()),
        "snoozed": Deadline.objects.open().exclude(snoozed_until=None),
        "marked as done": Deadline.objects.filter(end=Deadline.End.DONE),
        "told of": Deadline.objects.filter(reminders__isnull=False),
    }
    for what, rows in shown.items():
        if not rows.exists():
            yield f"No deadline is {what}."
