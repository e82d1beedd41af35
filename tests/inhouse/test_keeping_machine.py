"""Whatever people do and in whatever order: no records go before their day, under a hold, with a matter open, or by one person."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import date, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from documents import rendering, seals, storing
from inhouse import disposal, followup, holds, retention, withdrawal
from inhouse.models import Assessment, Disposal, FollowUp, FollowUpAction, Hold, Keeping
from organisation.models import User
from products.models import Product
from tests import factories, stations

pytestmark = pytest.mark.django_db

BEGUN = date(2030, 2, 28)
DAYS = st.sampled_from([1, 30, 365, 366, 3651, 3652, 3653, 5478, 5479])
WHO = st.sampled_from(["registrar", "second", "manager", "engineer"])


class Acts(RuleBasedStateMachine):
    """One product from use to its end; every example is undone afterwards."""

    def __init__(self) -> None:
        super().__init__()
        self.before = transaction.savepoint()  # no block: the history is sealed outside of any
        self.day = BEGUN

    def teardown(self) -> None:
        transaction.savepoint_rollback(self.before)

    disposals = 0  # in all examples together: a machine that never gets there tries nothing

    @initialize(implantable=st.booleans(), ended=st.booleans(), old=st.sampled_from([0, 3651, 3652, 3653, 5479]))
    def begin(self, implantable: bool, ended: bool, old: int) -> None:
        """The product that was made for all examples; implantable or not, in use still or withdrawn long ago."""
        self.product = Product.objects.get()
        self.product.revisions.update(is_implantable=implantable)
        self.people = {
            "registrar": stations.registrar(self.product),
            "second": factories.user("Rolf Ny"),
            "manager": stations.manager(self.product),
            "engineer": stations.engineer(self.product),
        }
        if ended:
            self.withdraw()
            self.end_an_item("scrapped")
            self.day += timedelta(days=old)

    # what people do; a refusal is an answer too

    def act(self, what: Callable[..., Any], *args: Any, **given: Any) -> None:
        with stations.on_day(self.day), suppress(ValidationError, PermissionDenied), transaction.atomic():
            what(*args, **given)

    @property
    def now(self) -> Product:
        return stations.fresh(self.product)

    @property
    def open(self) -> Disposal | None:
        return Disposal.objects.open().first()

    @rule()
    def withdraw(self) -> None:
        self.act(withdrawal.withdraw, self.now, reason="Unsafe", by=stations.owner_of(self.product))

    @rule(fate=st.sampled_from(["scrapped", "lost", "implanted"]))
    def end_an_item(self, fate: str) -> None:
        if item := self.now.items.living().first():
            item.product = self.now
            by = self.people["engineer"]
            self.act(withdrawal.end_item, item, fate=fate, on=self.day, note="", by=by)

    @rule(days=DAYS)
    def time_passes(self, days: int) -> None:
        self.day += timedelta(days=days)

    @rule(who=WHO)
    def hold(self, who: str) -> None:
        self.act(holds.place, self.now, reason="A claim", reference="RS 1", by=self.people[who])

    @rule(who=WHO)
    def lift(self, who: str) -> None:
        if hold := Hold.objects.standing().first():
            self.act(holds.lift, hold, reason="Settled", by=self.people[who])

    @rule(years=st.sampled_from([5, 10, 11, 15, 16]), who=WHO)
    def keep_longer(self, years: int, who: str) -> None:
        self.act(holds.keep, self.now, years=years, reason="Research", by=self.people[who])

    @rule()
    def find_something_to_do(self) -> None:
        by = self.people["engineer"]
        wanted: list[Any] = [{"text": "Tighten the strap", "responsible": by, "due_on": self.day}]
        self.act(
            followup.record, self.now, done_on=self.day, sources="Deviations", findings="Loose",
            conclusion=FollowUp.Conclusion.ACT, next_due_on=self.day + timedelta(days=30), actions=wanted, by=by,
        )  # fmt: skip

    @rule()
    def do_it(self) -> None:
        if action := FollowUpAction.objects.filter(done_on=None).first():
            self.act(followup.finish, action, note="Done", by=self.people["engineer"])

    @rule(who=WHO)
    def propose(self, who: str) -> None:
        self.act(
            disposal.propose, self.now, reference="RS 2040-17", decided_on=self.day, decided_by="The archive",
            reason="The years are over", by=self.people[who],
        )  # fmt: skip

    @precondition(lambda self: self.open)
    @rule(who=WHO)
    def list_anew(self, who: str) -> None:
        self.act(disposal.renew, self.open, by=self.people[who])

    @precondition(lambda self: self.open)
    @rule(who=WHO)
    def confirm(self, who: str) -> None:
        found = self.open
        assert found
        self.act(disposal.confirm, found, sha256=found.sha256, by=self.people[who])

    @precondition(lambda self: self.open)
    @rule(who=WHO)
    def cancel(self, who: str) -> None:
        self.act(disposal.cancel, self.open, reason="Taken back", by=self.people[who])

    @precondition(lambda self: Disposal.objects.exists())
    @rule(times=st.integers(1, 2))
    def work(self, times: int) -> None:
        """The worker comes, also when nobody asked it to, and also twice."""
        before = self.now.stage
        with stations.on_day(self.day):
            allowed = Facts.gather(self.product)
            for found in Disposal.objects.all():
                for _again in range(times):
                    disposal.execute(found.pk)
        if before != Product.Stage.DISPOSED and self.now.stage == Product.Stage.DISPOSED:
            assert allowed.floor is not None
            assert allowed.floor <= self.day
            assert (allowed.holds, allowed.matters) == (0, 0)
            Acts.disposals += 1

    @rule(who=st.sampled_from(["registrar", "second"]), other=WHO)
    def hurry(self, who: str, other: str) -> None:
        """Propose, confirm and execute in one go."""
        self.propose(who)
        if self.open:
            self.confirm(other)
            self.work(1)

    # what is always so

    @invariant()
    def nothing_is_gone_that_is_not_disposed_of(self) -> None:
        if hasattr(self, "product"):
            gone = not Assessment.objects.filter(product=self.product).exists()
            assert gone == (self.now.stage == Product.Stage.DISPOSED)

    @invariant()
    def two_people_stand_behind_every_disposal(self) -> None:
        for done in Disposal.objects.filter(end=Disposal.End.EXECUTED):
            assert done.confirmed_by_id not in (None, done.proposed_by_id, done.previewed_by_id)
            assert done.certificate_id


class Facts:
    """Worked out from the rows alone, not by the rules that are tried."""

    def __init__(self, floor: date | None, holds: int, matters: int) -> None:
        self.floor, self.holds, self.matters = floor, holds, matters

    @classmethod
    def gather(cls, product: Product) -> Facts:
        years = 15 if product.revisions.filter(is_implantable=True).exists() else 10
        if chosen := Keeping.objects.filter(product=product).last():
            years = max(years, chosen.years)
        out = getattr(stations.fresh(product), "withdrawal", None)
        floor = None
        if out and not product.items.living().exists():
            last = max([out.on, *product.items.values_list("fate_on", flat=True)])
            floor = date(last.year + years, last.month, last.day) if (last.month, last.day) != (2, 29) else None
            floor = floor or retention.add_years(last, years)
        return cls(
            floor,
            Hold.objects.filter(product=product, lifted_on=None).count(),
            FollowUpAction.objects.filter(follow_up__product=product, done_on=None).count(),
        )


def test_no_order_of_acts_disposes_of_what_must_be_kept() -> None:
    with stations.on_day(BEGUN):
        product = stations.in_use()
    second: User = factories.user("Rolf Ny")
    second.assignments.create(role="registrar", administration=stations.place(product), since=factories.LONG_AGO)
    with (
        stations.quick(),
        patch.object(rendering, "pdf", stations.small),
        patch.object(storing, "discard", lambda sha256: True),
    ):
        seals.seal_all()
        run_state_machine_as_test(
            Acts,
            settings=settings(
                max_examples=30, stateful_step_count=20, deadline=None, database=None, derandomize=True,
                phases=(Phase.generate, Phase.shrink), suppress_health_check=list(HealthCheck),
            ),
        )  # fmt: skip
    assert Acts.disposals


def test_the_machine_does_reach_a_disposal() -> None:
    """The acts in the one order that leads there: what is tried above is not refused for another reason."""
    with stations.on_day(BEGUN):
        product = stations.in_use()
    factories.user("Rolf Ny").assignments.create(
        role="registrar", administration=stations.place(product), since=factories.LONG_AGO
    )
    with stations.quick(), patch.object(rendering, "pdf", stations.small):
        machine = Acts()
        try:
            machine.begin(implantable=False, ended=False, old=0)
            machine.withdraw()
            machine.end_an_item("scrapped")
            machine.time_passes(3653)
            machine.propose("registrar")
            machine.confirm("second")
            machine.work(2)
            assert machine.now.stage == Product.Stage.DISPOSED
        finally:
            machine.teardown()
