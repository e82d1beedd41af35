"""What falls due in the demo from today on: found in the facts, one let wait, one marked as done, and reminders made."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from inhouse.deadlines import acts, calendars, following
from inhouse.models import Deadline
from inhouse.reminders import sweep
from organisation import clock
from organisation.models import User


def settle() -> None:
    """Bring the deadlines in line with the stories, and let people do with them what they can."""
    for _difference in following.compare():
        pass
    today = clock.today()
    open_ones = Deadline.objects.open().filter(person__is_active=True, product__owner__is_active=True)
    waits = (
        open_ones.filter(kind="action", due_on__gt=today + timedelta(days=21)).first()
        or open_ones.filter(due_on__gt=today + timedelta(days=21)).first()
    )
    if waits and waits.person:
        acts.snooze(
            waits, until=today + timedelta(days=20), reason="Väntar på en reservdel som är beställd.", by=waits.person
        )  # fmt: skip
    read = open_ones.filter(kind="declaration_review").select_related("product__owner").first()
    if read and read.product and read.product.owner:
        acts.done(
            read,
            evidence="Läst tillsammans med verksamheten: försäkran stämmer fortfarande. Anteckning i produktmappen.",
            by=read.product.owner,
        )
    sweep.sweep()
    for owner in User.objects.filter(owned_products__isnull=False, is_active=True).order_by("pk")[:1]:
        calendars.make(by=owner)


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


__all__ = ["faults", "settle"]
