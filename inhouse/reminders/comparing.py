"""The nightly comparison of every deadline with the facts, and how late the sweep is."""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db.models import Case, DateTimeField, Exists, Max, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from inhouse.deadlines import following
from inhouse.models import NextReminder, Round
from organisation import clock
from organisation.history import acting
from products.models import Product

logger = logging.getLogger(__name__)
LATE = timedelta(hours=2)  # a sweep comes every quarter of an hour
NIGHT = timedelta(hours=36)
KEPT = 200  # differences that are kept by name
ROUNDS_KEPT = timedelta(days=90)


def compare_all() -> Round:
    """Derive every deadline anew and put right what differs; the round keeps what that was."""
    this = Round.objects.create(kind=Round.Kind.COMPARISON, started_at=clock.now())
    with acting(None, reason=_("Nightly comparison of deadlines with the facts")):
        for difference in following.compare():
            this.count += 1
            this.found += [difference] if len(this.found) < KEPT else []
            logger.error("A deadline did not follow its facts: %s", difference)
    this.ended_at = clock.now()
    this.save()
    since = timezone.localdate(this.started_at)
    for product in Product.objects.filter(steps__to_stage=Product.Stage.DISPOSED, steps__on__gte=since):
        forget(product)  # disposed of while this was under way
    Round.objects.filter(started_at__lt=clock.now() - ROUNDS_KEPT).delete()
    return this


def forget(product: Product) -> None:
    """Its records are disposed of: what a round says of its deadlines, in their words, goes too."""
    for told in Round.objects.filter(kind=Round.Kind.COMPARISON).exclude(found=[]):
        told.found = [each for each in told.found if product.number not in each]
        told.save(update_fields=["found"])


def last(kind: str) -> Round | None:
    """The latest round of that kind that came to its end."""
    return Round.objects.filter(kind=kind).exclude(ended_at=None).order_by("-pk").first()


def late() -> bool:
    """Whether the sweep is late: everyone is told on every page, as reminders may be missing. One question."""
    now = clock.now()
    waiting = NextReminder.objects.filter(day__lt=clock.today())
    never = Case(When(Exists(waiting), then=Value(now - 2 * LATE)), default=Value(now), output_field=DateTimeField())
    swept = Round.objects.filter(kind=Round.Kind.SWEEP).exclude(ended_at=None)
    return bool(now - swept.aggregate(last=Coalesce(Max("started_at"), never))["last"] > LATE)


def alarms() -> list[str]:
    """What an operator looks into."""
    found = [_("The sweep of deadlines is late: reminders may be missing.")] if late() else []
    compared = last(Round.Kind.COMPARISON)
    if compared and clock.now() - compared.started_at > NIGHT:
        found.append(_("Deadlines were not compared with the facts last night."))
    if compared and compared.count:
        count = compared.count
        found.append(
            ngettext(
                "%(count)s deadline did not follow its facts and was put right.",
                "%(count)s deadlines did not follow their facts and were put right.",
                count,
            )
            % {"count": count}
        )
    return found
