"""Reviews of the experience from clinical use, and the actions they lead to."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from inhouse import followup, lifecycle, suspension, withdrawal
from inhouse.dossier import current
from inhouse.intervals import add_months, months
from inhouse.models import FollowUp, FollowUpAction, Suspension
from organisation import clock
from organisation.models import Unit, User
from products import traceability
from products.models import Product
from tests import stations
from tests.refusals import denied, refused

pytestmark = pytest.mark.django_db


def reviewed(product: Product, **given: Any) -> FollowUp:
    what: dict[str, Any] = {
        "done_on": clock.today(),
        "sources": "Wards",
        "findings": "Two came loose",
        "conclusion": "continue",
        "next_due_on": clock.today() + timedelta(days=365),
        "actions": [],
        "by": stations.engineer(product),
    }
    return followup.record(product, **what | given)


def test_the_next_review_is_due_within_the_interval_of_the_class() -> None:
    with stations.on_day("2026-03-01"):
        product = stations.in_use(design={"risk_class": "IIa"})
        with refused("at most 24 months lie between follow-ups"):
            reviewed(product, next_due_on=date(2028, 3, 2))
        with refused("at most 24 months lie between follow-ups"):
            reviewed(product, done_on=date(2026, 2, 1), next_due_on=date(2028, 3, 1))
        reviewed(product, next_due_on=date(2028, 3, 1))


def test_the_plan_can_shorten_the_interval_of_the_class_and_not_stretch_it() -> None:
    product = stations.in_use(design={"risk_class": "IIa"})
    for planned, then in ((6, 6), (60, 24)):
        stations.prepared(stations.in_force(product), follow_up_months=planned)
        assert followup.interval(current(product)) == then


@pytest.mark.parametrize(
    ("day", "count", "then"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2027, 11, 30), 3, date(2028, 2, 29)),
        (date(2026, 12, 15), 1, date(2027, 1, 15)),
        (date(2026, 3, 15), 36, date(2029, 3, 15)),
    ],
)
def test_months_are_counted_as_people_count_them(day: date, count: int, then: date) -> None:
    assert add_months(day, count) == then


def test_the_higher_the_class_the_sooner_it_is_looked_at_again() -> None:
    assert [months(c) for c in ("III", "IIb", "IIa", "I", "")] == [12, 12, 24, 36, 12]


def test_the_first_review_comes_three_months_after_use_began_and_then_as_planned() -> None:
    with stations.on_day("2026-01-31"):
        product = stations.ready()
        assert followup.due_on(current(product)) is None
        lifecycle.move(product, Product.Stage.IN_USE, by=stations.owner_of(product))
    assert followup.due_on(current(product)) == date(2026, 4, 30)
    with stations.on_day("2026-04-20"):
        reviewed(product, next_due_on=date(2027, 4, 20))
    assert followup.due_on(current(product)) == date(2027, 4, 20)


def test_an_interval_shorter_than_three_months_also_holds_for_the_first_review() -> None:
    with stations.on_day("2026-01-31"):
        product = stations.ready()
        stations.prepared(stations.coming(product), follow_up_months=1)
        lifecycle.move(product, Product.Stage.IN_USE, by=stations.owner_of(product))
    assert followup.interval(current(product)) == 1
    assert followup.due_on(current(product)) == date(2026, 2, 28)


def test_an_overdue_review_is_seen_the_day_after() -> None:
    with stations.on_day("2026-01-01"):
        product = stations.in_use()
    with stations.on_day("2026-04-01"):
        assert lifecycle.watch(current(product)) == []
    with stations.on_day("2026-04-02"):
        [obstacle] = lifecycle.watch(current(product))
    assert obstacle.text == "The clinical follow-up was due on 1 April 2026."
    assert [row.id for row in obstacle.requirements] == ["MDR55-h", "VGR-60"]


def test_a_paused_product_is_still_reviewed_and_a_withdrawn_one_need_not_be(owner: User) -> None:
    product = stations.suspended()
    assert followup.due_on(current(product)) is not None
    reviewed(product)
    withdrawal.withdraw(product, reason="Unsafe", by=owner)
    assert followup.due_on(current(stations.fresh(product))) is None
    reviewed(product)


def test_there_is_nothing_to_review_before_use() -> None:
    product = stations.ready()
    with refused("no use to follow up"):
        reviewed(product)


def test_a_review_has_its_days_in_order() -> None:
    product = stations.in_use()
    with refused("cannot lie in the future"):
        reviewed(product, done_on=clock.today() + timedelta(days=1))
    with refused("The next follow-up comes after this one"):
        reviewed(product, next_due_on=clock.today())


def test_a_review_says_from_where_and_what() -> None:
    product = stations.in_use()
    for name in ("sources", "findings", "conclusion"):
        with refused("cannot be blank"):
            reviewed(product, **{name: ""})


def test_reviews_are_for_the_owner_and_engineers_here(nurse: User, manager: User, outsider: User, owner: User) -> None:
    product = stations.in_use()
    for person in (nurse, manager, outsider):
        with denied():
            reviewed(product, by=person)
    reviewed(product, by=owner)


def test_actions_that_are_concluded_are_named() -> None:
    product = stations.in_use()
    with refused("Name at least one action"):
        reviewed(product, conclusion="act")


def test_an_action_is_overdue_until_it_is_done(owner: User, nurse: User, engineer: User) -> None:
    with stations.on_day("2026-01-01"):
        product = stations.in_use()
    action: followup.Wanted = {"text": "Order new screws", "responsible": owner, "due_on": date(2026, 2, 1)}
    with stations.on_day("2026-01-20"):
        reviewed(product, conclusion="act", actions=[action])
    with stations.on_day("2026-02-02"):
        assert [o.text for o in lifecycle.watch(current(product))] == [
            "Actions from the follow-up are overdue: Order new screws."
        ]
        row = FollowUpAction.objects.get()
        with denied():
            followup.finish(row, note="Ordered", by=nurse)
        followup.finish(row, note="Ordered", by=engineer)
        with refused("already done"):
            followup.finish(row, note="Ordered", by=engineer)
        assert lifecycle.watch(current(product)) == []
    row.refresh_from_db()
    assert (row.done_on, row.done_note) == (date(2026, 2, 2), "Ordered")


def test_a_review_that_says_stop_pauses_use_at_once(engineer: User, ward: Unit) -> None:
    product = stations.in_use()
    loose = stations.released(product, "002")
    reviewed(product, conclusion="stop", findings="Two came loose at the ward", by=engineer)
    assert stations.fresh(product).stage == Product.Stage.SUSPENDED
    row = Suspension.objects.get()
    assert (row.cause, row.since, row.by, row.closed_on) == (
        "Two came loose at the ward",
        clock.today(),
        engineer,
        None,
    )
    with refused("quarantined"):
        traceability.place(loose, unit=ward, since=clock.today(), by=engineer)


def test_when_use_cannot_be_paused_the_review_is_not_kept_either(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_args: Any, **_given: Any) -> None:
        raise ValidationError("The database is full.")

    product = stations.in_use()
    monkeypatch.setattr(lifecycle, "move", fails)
    with refused("The database is full"):
        reviewed(product, conclusion="stop")


def test_a_review_that_says_stop_of_what_is_paused_or_out_of_use_pauses_nothing_more(owner: User) -> None:
    product = stations.suspended()
    reviewed(product, conclusion="stop")
    assert Suspension.objects.count() == 1
    withdrawal.withdraw(product, reason="Unsafe", by=owner)
    reviewed(product, conclusion="stop")
    assert Suspension.objects.count() == 1
    assert stations.fresh(product).stage == Product.Stage.WITHDRAWN


def test_use_goes_on_after_a_stop_only_when_a_later_review_says_so_and_the_cause_is_closed(owner: User) -> None:
    product = stations.in_use()
    reviewed(product, conclusion="stop")
    with refused("The last follow-up says that use must stop"):
        suspension.resume(product, measures="Glued", by=owner)
    reviewed(product)
    suspension.resume(product, measures="Glued", by=owner)
    assert stations.fresh(product).stage == Product.Stage.IN_USE


def test_a_review_that_says_stop_stands_in_the_way_until_a_later_one_says_otherwise() -> None:
    product = stations.suspended()
    reviewed(product, conclusion="stop")
    assert "The last follow-up says that use must stop." in {o.text for o in lifecycle.watch(current(product))}
    reviewed(product)
    assert [o.text for o in lifecycle.watch(current(product))] == ["Use is paused: close the cause first."]
