"""One product from 2026 to 2043, lived day by day: every deadline and reminder as expected, and none beside.

What is expected is told here once more, in days and people, and worked out without the register's own ladders.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import pytest
from django.core import mail

from inhouse import disposal, followup, owners, withdrawal
from inhouse.deadlines import acts, following
from inhouse.models import Deadline, FollowUp, FollowUpAction, Reminder
from inhouse.obstacles import Refused
from inhouse.reminders import relay, sweep
from organisation import people
from organisation.models import Absence, Role, User
from products.models import Product
from tests import factories, stations
from tests.stations import on_day

pytestmark = pytest.mark.django_db
BEGIN, END = date(2026, 3, 1), date(2043, 3, 9)


@dataclass
class Expected:
    """A deadline that is open from a day until the day it ends, and who is told of it before and after its day."""

    kind: str
    due: date
    since: date
    until: date
    first: str  # whose it is, by name
    owner: str = "Ola Berg"
    head: str = "Mona Strand"

    def reminders(self) -> Iterator[tuple[str, date, int, date, str]]:
        """Every reminder there must be: kind, due day, step, the day it is made, recipient."""
        day, told = self.since, False
        while day < self.until:
            left = (self.due - day).days
            at_a_step = left in (60, 30, 7, 0) or (left < 0 and left % 7 == 0)
            if at_a_step or (not told and left < 60):
                told = True
                step = min((s for s in (60, 30, 7, 0) if s >= left), default=0) if left >= 0 else -(-left // 7) * 7
                names = {self.first, *([self.owner] if step <= 0 else []), *([self.head] if step <= -7 else [])}
                for name in names - {""}:
                    yield self.kind, self.due, step, day, name
            day += timedelta(days=1)


def d(text: str) -> date:
    return date.fromisoformat(text)


OLA, MONA, NEW = "Ola Berg", "Mona Strand", "Vera Ny"
NEVER = END + timedelta(days=1)
LIFE = [
    # Clinical follow-up: after three months, then as each review says; the second one was three weeks late
    Expected("follow_up", d("2026-06-01"), BEGIN, d("2026-05-20"), OLA),
    Expected("follow_up", d("2028-05-20"), d("2026-05-20"), d("2028-06-10"), OLA),
    Expected("follow_up", d("2030-06-10"), d("2028-06-10"), d("2030-06-01"), OLA),
    Expected("follow_up", d("2032-06-01"), d("2030-06-01"), d("2031-01-06"), OLA),
    Expected("follow_up", d("2032-06-01"), d("2031-01-06"), d("2031-11-01"), NEW, owner=NEW),
    Expected("action", d("2030-09-01"), d("2030-06-01"), d("2030-08-25"), "Eva Ek"),
    # The market is searched every other year in class IIa
    Expected("market_search", d("2028-03-01"), BEGIN, d("2028-02-15"), OLA),
    Expected("market_search", d("2030-02-15"), d("2028-02-15"), d("2030-02-15"), OLA),
    Expected("market_search", d("2032-02-15"), d("2030-02-15"), d("2031-11-01"), NEW, owner=NEW),
    # Declaration and documents are read anew, and someone says so
    Expected("declaration_review", d("2028-03-01"), BEGIN, d("2028-02-01"), OLA),
    Expected("declaration_review", d("2030-02-01"), d("2028-02-01"), d("2030-01-20"), OLA),
    Expected("declaration_review", d("2032-01-20"), d("2030-01-20"), d("2031-11-01"), NEW, owner=NEW),
    Expected("document_review", d("2028-03-01"), BEGIN, d("2028-02-01"), OLA),
    Expected("document_review", d("2030-02-01"), d("2028-02-01"), d("2030-01-20"), OLA),
    Expected("document_review", d("2032-01-20"), d("2030-01-20"), d("2031-11-01"), NEW, owner=NEW),
    # The owner left on 1 January 2031; another was asked on the 3rd and accepted on the 6th
    Expected("owner_missing", d("2031-01-08"), d("2031-01-01"), d("2031-01-03"), MONA, owner=""),
    Expected("owner_acceptance", d("2031-01-17"), d("2031-01-03"), d("2031-01-06"), NEW, owner=""),
    # Ten years after the last item was lost, nobody need keep the file any longer
    Expected("retention", d("2043-03-01"), d("2033-03-01"), NEVER, "Rut Alm", owner=NEW),
]  # fmt: skip
ELSEWHERE = [Expected("notification", d("2026-03-31"), BEGIN, d("2026-03-20"), "Hans Holm", owner="", head="Hans Holm")]
AWAY = (d("2028-05-01"), d("2028-06-05"))  # Ola; Eva Ek stands in


class Life:
    """The product, and what people do to it on which day."""

    def __init__(self) -> None:
        with on_day(BEGIN):
            self.product = stations.in_use(design={"risk_class": "IIa"})
            self.owner, self.engineer = stations.owner_of(self.product), stations.engineer(self.product)
            self.office = factories.person(Role.HEAD_OFFICE, everywhere=True)
            self.new = factories.user(NEW, at=self.product.unit, level=User.Level.HEAD_OF_UNIT)
            stations.registrar(self.product)
            self.operator = factories.person(Role.OPERATOR, everywhere=True)
            User.objects.update(reminded=User.Reminded.EACH)
            Absence.objects.create(person=self.owner, stand_in=self.engineer, since=AWAY[0], until=AWAY[1])

    @property
    def events(self) -> dict[date, Callable[[], object]]:
        return {
            d("2026-03-20"): lambda: self.mark("notification", "Sent to IVO, dnr 1"),
            d("2026-05-20"): lambda: self.review(d("2028-05-20")),
            d("2028-02-01"): self.read_anew,
            d("2028-02-15"): self.search,
            d("2028-06-10"): lambda: self.review(d("2030-06-10")),
            d("2030-01-20"): self.read_anew,
            d("2030-02-15"): self.search,
            d("2030-06-01"): lambda: self.review(d("2032-06-01"), action=d("2030-09-01")),
            d("2030-08-25"): lambda: followup.finish(FollowUpAction.objects.get(), note="Done", by=self.engineer),
            d("2031-01-01"): lambda: people.deactivate(self.owner, reason="Retired", by=self.operator),
            d("2031-01-03"): lambda: owners.appoint(self.product, person=self.new, by=stations.manager(self.product)),
            d("2031-01-06"): lambda: owners.accept(self.product.appointments.latest("pk"), by=self.new),
            d("2031-11-01"): lambda: withdrawal.withdraw(self.product, reason="One to buy", by=self.new),
            d("2033-03-01"): lambda: withdrawal.end_item(
                self.product.items.get(), fate="lost", on=d("2033-03-01"), by=self.engineer
            ),
            d("2043-02-28"): self.too_early,
            d("2043-03-01"): lambda: stations.proposed_disposal(self.product),
        }

    def too_early(self) -> None:
        with pytest.raises(Refused, match="at least until"):
            stations.proposed_disposal(self.product)

    def mark(self, kind: str, evidence: str) -> None:
        by = self.office if kind == "notification" else stations.owner_of(self.product)
        acts.done(Deadline.objects.open().get(kind=kind), evidence=evidence, by=by)

    def read_anew(self) -> None:
        self.mark("declaration_review", "Read; it holds")
        self.mark("document_review", "Read; they are up to date")

    def search(self) -> None:
        stations.searched(self.product)

    def review(self, following_on: date, action: date | None = None) -> None:
        wanted: list[followup.Wanted] = (
            [{"text": "Mark the adapters anew", "responsible": self.engineer, "due_on": action}] if action else []
        )
        followup.record(
            self.product,
            done_on=following_on.replace(year=following_on.year - 2),
            sources="Log of the ward",
            findings="As expected",
            conclusion=FollowUp.Conclusion.ACT if action else FollowUp.Conclusion.CONTINUE,
            next_due_on=following_on,
            actions=wanted,
            by=self.owner,
        )

    def live(self) -> None:
        """Each day: what people do, deadlines follow, the sweep, the mail; once a month everything is compared."""
        day = BEGIN
        while day <= END:
            with on_day(day):
                if event := (lambda: None) if day == BEGIN else self.events.get(day):
                    event()
                    self.product = stations.fresh(self.product)
                    following.follow([self.product])
                    following.follow_house()
                sweep.sweep()
                relay.relay()
                if day.day == 1:
                    assert list(following.compare()) == [], day
            day += timedelta(days=1)


def expected() -> Counter[tuple[str, date, int, date, str]]:
    """What must be sent; who stands in for Ola gets what is his, once."""
    found: set[tuple[str, date, int, date, str]] = set()
    for each in (*LIFE, *ELSEWHERE):
        for kind, due, step, day, name in each.reminders():
            away = name == OLA and AWAY[0] <= day <= AWAY[1]
            found.add((kind, due, step, day, "Eva Ek" if away else name))
    return Counter(found)


def test_a_product_is_lived_from_2026_to_2043_and_every_reminder_is_as_expected() -> None:
    life = Life()
    life.live()
    sent = Counter(
        (r.deadline.kind, r.due_on, r.step, r.made_at.date(), r.recipient.name)
        for r in Reminder.objects.select_related("deadline", "recipient")
    )
    assert sent - expected() == Counter()
    assert expected() - sent == Counter()
    assert len(mail.outbox) == sum(sent.values())
    assert {r.state for r in Reminder.objects.all()} == {"sent"}
    deadlines = Counter((row.kind, row.due_on) for row in Deadline.objects.exclude(kind="diary"))
    assert deadlines == Counter({(e.kind, e.due) for e in (*LIFE, *ELSEWHERE)})
    assert life.product.stage == Product.Stage.WITHDRAWN
    with on_day(END):
        made = life.product.disposals.get()
        disposal.confirm(made, sha256=made.sha256, by=stations.manager(life.product))
        stations.carry_out(made)
    assert stations.fresh(life.product).stage == Product.Stage.DISPOSED
    assert not Deadline.objects.filter(product=life.product).exists()
