"""The rows of `Deadline` follow the facts: made, moved and ended, each with its reason in the history.

It may run at any time, twice, or late: what it makes of the same facts is the same.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from itertools import islice

from django.db import transaction
from django.db.models import Max, Min
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from inhouse.deadlines.kinds import ELSEWHERE, OF_PRODUCTS, Due, Facts, House, Kind
from inhouse.dossier import gather
from inhouse.models import Deadline, NextReminder, Step
from inhouse.reminders import ladders
from organisation import clock
from organisation.history import acting, who
from organisation.models import Institution, QualitySystem
from products.models import Product

logger = logging.getLogger(__name__)
BATCH = 200  # products whose dossiers are in memory at once


@dataclass(frozen=True)
class Wanted:
    """A deadline as the facts want it."""

    kind: Kind
    due: Due
    product: Product | None = None

    @property
    def key(self) -> tuple[int | None, str, str]:
        return (self.product.pk if self.product else None, self.kind.key, self.due.subject)

    def columns(self, kept: Deadline | None) -> dict[str, object]:
        """What its row says; a day that is counted from when the register saw it stays as it is."""
        since = kept.due_on if kept else clock.today() + timedelta(days=self.due.within)
        person = self.due.person_id
        return {
            "due_on": self.due.on or since,
            "about": self.due.about[:300],
            "person_id": person,
            "role": "" if person else self.kind.role,
            "administration_id": (self.product.unit.administration_id if self.product else self.due.administration_id),
        }


def follow(products: Iterable[Product | int]) -> list[str]:
    """Bring the deadlines of these products in line with their facts; says what differed, a sentence each."""
    found = []
    for keys in _batches(p if isinstance(p, int) else p.pk for p in products):
        with transaction.atomic():
            held = list(
                Product.objects.select_for_update(of=("self",))
                .select_related("unit")
                .filter(pk__in=keys)
                .order_by("pk")
            )
            done = _done(product__in=held)
            wanted = [
                Wanted(kind, due, d.product)
                for d in gather(held)
                for kind, find in OF_PRODUCTS.items()
                if _binds(kind, d.institution)
                for due in find(Facts(d, done[d.product.pk]))
            ]
            found += _settle(wanted, Deadline.objects.filter(product__in=held))
    return found


@transaction.atomic
def follow_house() -> list[str]:
    """The same of what belongs to no product: quality systems, accreditations, the notification."""
    institution = Institution.objects.select_for_update(no_key=True).first()
    if institution is None:
        return []  # nothing is set up yet
    facts = House(
        institution,
        list(QualitySystem.objects.filter(administration__active=True).order_by("pk")),
        Step.objects.filter(revision=None, to_stage=Product.Stage.IN_USE).aggregate(first=Min("on"))["first"],
        _done(product=None)[None],
    )
    wanted = [Wanted(kind, due) for kind, find in ELSEWHERE.items() if _binds(kind, institution) for due in find(facts)]
    return _settle(wanted, Deadline.objects.filter(product=None))


def _binds(kind: Kind, institution: Institution) -> bool:
    return not kind.binding or bool(kind.rows(institution, clock.today()))


def _done(**of: object) -> dict[int | None, dict[tuple[str, str], date]]:
    """What was marked as done by hand, by product: (kind, subject) → the last day."""
    found: dict[int | None, dict[tuple[str, str], date]] = defaultdict(dict)
    rows = Deadline.objects.filter(end=Deadline.End.DONE, **of).order_by()
    for product, kind, subject, day in rows.values_list("product", "kind", "subject").annotate(day=Max("ended_on")):
        found[product][kind, subject] = day
    return found


def _settle(wanted: Sequence[Wanted], within: object) -> list[str]:
    """Make what is wanted and not there, move what is there on another day, end what is no longer wanted."""
    held = within.open().select_for_update(of=("self",), no_key=True)  # type: ignore[attr-defined]
    rows = list(held.select_related("product", "next_reminder").order_by("pk"))
    have = {(row.product_id, row.kind, row.subject): row for row in rows}
    steps = ladders.by_kind()
    found = []
    institution = Institution.objects.get()
    with translation.override(institution.language):
        for each in wanted:
            row = have.pop(each.key, None)
            columns = each.columns(row)
            if row is None:
                found.append(_make(each, columns, steps[each.kind.key]))
            elif changed := {name: value for name, value in columns.items() if getattr(row, name) != value}:
                found.append(_change(row, changed, steps[row.kind]))
            elif not hasattr(row, "next_reminder"):
                remind(row, steps[row.kind])
                found.append(_("%(deadline)s: nobody would have been reminded of it") % {"deadline": row})
        for row in have.values():
            found.append(_end(row))
    return found


def _make(each: Wanted, columns: dict[str, object], steps: ladders.Steps) -> str:
    row = Deadline(product=each.product, kind=each.kind.key, subject=each.due.subject, **columns)
    with acting(who(), reason=_("By the facts this falls due on %(day)s.") % {"day": date_format(row.due_on)}):
        row.save()
    row.remind_on(steps.first_on(row.due_on, clock.today()))
    return _("%(deadline)s: made") % {"deadline": row}


def _change(row: Deadline, changed: dict[str, object], steps: ladders.Steps) -> str:
    before = row.due_on
    for name, value in changed.items():
        setattr(row, name, value)
    if row.due_on != before:
        reason = _("By the facts it falls due on %(day)s, and no longer on %(before)s.") % {
            "day": date_format(row.due_on),
            "before": date_format(before),
        }
        row.snoozed_until, row.snoozed_by, row.snooze_reason = None, None, ""
    else:
        reason = _("By the facts it is another's, or says something else.")
    with acting(who(), reason=reason):
        row.save()
    if changed.keys() - {"about"}:  # whoever it is for now hears of it at once, if a step has been reached
        remind(row, steps)
    return _("%(deadline)s: %(reason)s") % {"deadline": row, "reason": reason}


def remind(row: Deadline, steps: ladders.Steps) -> None:
    """Let the sweep look at it when it next has a step, at once if one has been reached, and not while it is snoozed."""
    first = steps.first_on(row.due_on, clock.today())
    row.remind_on(max(first, row.snoozed_until) if row.snoozed_until else first)


def _end(row: Deadline) -> str:
    row.ended_on, row.end = clock.today(), Deadline.End.SETTLED
    with acting(who(), reason=_("By the facts it is done, or no longer asked for.")):
        row.save()
    NextReminder.objects.filter(deadline=row).delete()
    return _("%(deadline)s: ended") % {"deadline": row}


def _batches(keys: Iterable[int]) -> Iterator[list[int]]:
    rest = iter(keys)
    while batch := list(islice(rest, BATCH)):
        yield batch


def compare() -> Iterator[str]:
    """Every deadline derived anew from the facts, and put right; yields what differed. Memory stays constant.

    A product whose facts cannot be read is said, and does not keep the others from being compared.
    """
    yield from _tried(follow_house, _("What belongs to no product"))
    for keys in _batches(Product.objects.order_by("pk").values_list("pk", flat=True).iterator()):
        try:
            yield from follow(keys)
        except Exception:  # of one of them: which?
            for product in Product.objects.filter(pk__in=keys).order_by("pk"):
                yield from _tried(partial(follow, [product.pk]), product.number)


def _tried(follow: Callable[[], list[str]], what: str) -> list[str]:
    try:
        return follow()
    except Exception as fault:
        logger.exception("Deadlines could not be compared with the facts")
        return [
            _("%(what)s could not be compared: %(fault)s") % {"what": what, "fault": f"{type(fault).__name__}: {fault}"}
        ]


__all__ = ["compare", "follow", "follow_house", "remind"]
