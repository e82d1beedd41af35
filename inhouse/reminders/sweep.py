"""The morning sweep: what has reached a step of its ladder gets its reminders. It may run twice, late, or after a crash.

All of one sweep is one transaction: either its reminders are there and the deadlines wait for their next step, or
nothing happened and the next sweep does it. Memory does not grow with the number of deadlines.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime
from itertools import islice

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet, Value
from django.db.models.expressions import Combinable
from django.utils.translation import gettext as _

from inhouse.deadlines.kinds import KINDS
from inhouse.models import Deadline, Reminder, Round
from inhouse.reminders import ladders
from inhouse.reminders.audience import Audience
from inhouse.reminders.days import DaysBefore, Later, Overdue
from organisation import clock
from organisation.models import Institution

CHUNK = 500  # deadlines whose reminders are made by one statement
NAMED = 20  # deadlines without anyone that are listed by name


def sweep() -> Round:
    """Make the reminders of every deadline that has reached a step; says how many deadlines those were."""
    now = clock.now()
    today = clock.today()
    with transaction.atomic():
        Institution.objects.select_for_update().first()  # one sweep at a time
        this = Round.objects.create(kind=Round.Kind.SWEEP, started_at=now)
        steps, audience = ladders.all(), Audience(today)
        rows = iter(_due(today).iterator(chunk_size=CHUNK))
        nobody: list[int] = []
        while chunk := list(islice(rows, CHUNK)):
            made = list(_reminders(chunk, steps, audience, nobody, now, today))
            Reminder.objects.bulk_create(made, ignore_conflicts=True)
            this.count += len(chunk)
        _advance(steps, today)
        this.found = [str(each) for each in Deadline.objects.with_all().filter(pk__in=nobody[:NAMED])] if nobody else []
        this.ended_at = clock.now()
        this.save(update_fields=["count", "found", "ended_at"])
    return this


COLUMNS = ("pk", "kind", "due_on", "person", "role", "product__owner", "administration")


def _due(today: date) -> QuerySet[Deadline, tuple[object, ...]]:
    return Deadline.objects.open().filter(next_on__lte=today).order_by().values_list(*COLUMNS)


def _reminders(
    chunk: list[tuple[object, ...]],
    steps: dict[str, ladders.Steps],
    audience: Audience,
    nobody: list[int],
    now: datetime,
    today: date,
) -> Iterator[Reminder]:
    for pk, kind, due_on, person, role, owner, administration in chunk:
        ladder = steps[kind]
        step = ladder.step(due_on, today)
        if step is None:  # its day was moved away a moment ago
            continue
        told = audience.of(step, ladder, person=person, role=role, owner=owner, administration=administration)
        if not told:
            nobody.append(pk)
        for recipient in told:
            channel, not_before = audience.channel(recipient.person)
            yield Reminder(
                deadline_id=pk,
                due_on=due_on,
                step=step,
                recipient_id=recipient.person,
                stands_in_for_id=recipient.stands_in_for,
                channel=channel,
                made_at=now,
                not_before=not_before,
            )


def _advance(steps: dict[str, ladders.Steps], today: date) -> None:
    """Let every deadline whose step now has its reminder wait for its next one.

    Whichever has none, because its facts changed in between or nobody is there to be told, stays due.
    """
    kinds: dict[ladders.Steps, list[str]] = defaultdict(list)
    for key in KINDS:
        kinds[steps[key]].append(key)
    for ladder, keys in kinds.items():
        due = Deadline.objects.open().filter(next_on__lte=today, kind__in=keys)
        for step, below in zip(ladder.days, ladder.days[1:], strict=False):
            window = due.filter(due_on__gt=_plus(today, below), due_on__lte=_plus(today, step))
            window.filter(_has(Value(step))).update(next_on=DaysBefore("due_on", below))
        overdue = Overdue("due_on", today)
        weeks = overdue / ladder.weekly * ladder.weekly
        late = due.filter(due_on__lte=today).annotate(reached=Value(0) - weeks)
        late.filter(_has(OuterRef("reached"))).update(next_on=Later(today, ladder.weekly - overdue % ladder.weekly))


def _has(step: Combinable | OuterRef) -> Exists:
    return Exists(Reminder.objects.filter(deadline=OuterRef("pk"), due_on=OuterRef("due_on"), step=step))


def _plus(day: date, days: int) -> date:
    return date.fromordinal(day.toordinal() + days)


def alarms() -> list[str]:
    """Deadlines that nobody is told of, and a sweep that is late."""
    last = Round.objects.filter(kind=Round.Kind.SWEEP).exclude(ended_at=None).first()
    found = []
    if last and last.found:
        found.append(_("Nobody can be told of: %(deadlines)s.") % {"deadlines": ", ".join(last.found)})
    return found
