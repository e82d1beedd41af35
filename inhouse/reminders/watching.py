"""How the sending goes, for those who watch over it: the reminders that were given up, that wait, and that were sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import models
from django.db.models import Count, Min, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from inhouse.models import Reminder
from inhouse.reminders import relay
from organisation import clock
from organisation.models import User

DAY = timedelta(hours=24)
STUCK = timedelta(minutes=15)  # what was to go longer ago is not being sent


class Show(models.TextChoices):
    """What can be looked at, worst first."""

    FAILED = "failed", _("could not be sent")
    RETRYING = "retrying", _("waiting for the next attempt")
    UNCERTAIN = "uncertain", _("perhaps sent twice")
    WAITING = "waiting", _("waiting to be sent")
    SENT = "sent", _("sent in the last 24 hours")


def rows(show: Show) -> QuerySet[Reminder]:
    reminders = Reminder.objects.all()
    return {
        Show.FAILED: reminders.exclude(failed_at=None),
        Show.RETRYING: reminders.unsent().filter(attempts__gt=0).order_by("leased_until", "pk"),
        Show.UNCERTAIN: reminders.filter(uncertain__gt=0),
        Show.WAITING: reminders.unsent().filter(attempts=0).order_by("not_before", "pk"),
        Show.SENT: reminders.filter(sent_at__gte=clock.now() - DAY).order_by("-sent_at", "-pk"),
    }[show]


@dataclass(frozen=True)
class State:
    """How many there are of each, and since when the oldest that should have gone waits."""

    counts: dict[Show, int]
    stuck_since: datetime | None

    @property
    def worst(self) -> Show:
        """What to look at first."""
        return next((show for show, count in self.counts.items() if count), Show.FAILED)


def state() -> State:
    long_ago = clock.now() - STUCK
    outbox = Reminder.objects.unsent().aggregate(
        retrying=Count("pk", filter=Q(attempts__gt=0)),
        waiting=Count("pk", filter=Q(attempts=0)),
        since=Min("not_before", filter=Q(attempts=0, not_before__lte=long_ago, made_at__lte=long_ago)),
    )
    counted = {Show.RETRYING: outbox["retrying"], Show.WAITING: outbox["waiting"]}
    return State({show: counted[show] if show in counted else rows(show).count() for show in Show}, outbox["since"])


def again(reminder: int | None = None) -> QuerySet[Reminder]:
    """What can be sent again: everything that was given up, or the one that was given up or waits for its next attempt."""
    if reminder is None:
        return rows(Show.FAILED)
    return Reminder.objects.filter(pk=reminder, sent_at=None, dropped_at=None, claim=None)


def send_again(reminder: int | None = None, *, by: User) -> int:
    """Put it back into the outbox; says how many."""
    return relay.retry(again(reminder).only("pk"), by=by)
