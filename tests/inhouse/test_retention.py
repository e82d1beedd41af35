"""How long the file is kept: a floor, never a timer that deletes."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction

from inhouse import followup, holds, lifecycle, retention, withdrawal
from inhouse.dossier import current, dossier
from inhouse.models import FollowUpAction, Hold, Keeping
from inhouse.obstacles import Refused
from organisation import clock
from organisation.models import User
from products.models import Product, Revision
from tests import stations
from tests.refusals import refused

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("day", "years", "then"),
    [
        (date(2026, 3, 1), 10, date(2036, 3, 1)),
        (date(2024, 2, 29), 10, date(2034, 3, 1)),
        (date(2024, 2, 29), 15, date(2039, 3, 1)),
        (date(2024, 2, 29), 4, date(2028, 2, 29)),
    ],
)
def test_so_many_years_later_is_never_a_day_too_early(day: date, years: int, then: date) -> None:
    assert retention.add_years(day, years) == then


def withdrawn(product: Product, day: str) -> None:
    with stations.on_day(day):
        withdrawal.withdraw(product, reason="Unsafe", by=stations.owner_of(product))


def test_the_ten_years_run_from_the_last_item_out_of_use() -> None:
    with stations.on_day("2026-01-01"):
        product = stations.in_use()
        stations.placed(product, "002")
    assert retention.floor(current(product)) is None
    withdrawn(product, "2026-03-01")
    first, second = product.items.order_by("identifier")
    with stations.on_day("2026-04-01"):
        stations.scrapped(first)
    assert retention.floor(current(product)) is None
    with stations.on_day("2026-06-01"):
        stations.scrapped(second)
    assert retention.floor(current(product)) == date(2036, 6, 1)


def test_the_years_run_from_withdrawal_where_the_items_were_gone_before() -> None:
    with stations.on_day("2026-01-01"):
        product = stations.in_use()
        stations.scrapped(product.items.get())
    withdrawn(product, "2026-03-01")
    assert retention.floor(current(product)) == date(2036, 3, 1)


def test_an_implant_is_kept_for_fifteen_years() -> None:
    with stations.on_day("2026-01-01"):
        product = stations.in_use(design={"is_implantable": True})
    withdrawn(product, "2026-03-01")
    with stations.on_day("2026-03-01"):
        withdrawal.end_item(product.items.get(), fate="implanted", on=date(2026, 3, 1), by=stations.engineer(product))
    assert retention.years(current(product)) == 15
    assert retention.floor(current(product)) == date(2041, 3, 1)


def test_on_a_day_before_withdrawal_there_is_no_floor_yet() -> None:
    with stations.on_day("2026-01-01"):
        product = stations.in_use(item=False)
    withdrawn(product, "2026-03-01")
    before, after = (dossier(product, on=date(2026, *day)) for day in ((2, 28), (3, 1)))
    assert before
    assert after
    assert (retention.floor(before), retention.floor(after)) == (None, date(2036, 3, 1))


def test_nothing_leaves_by_itself(registrar: User) -> None:
    with stations.on_day("2022-01-01"):
        product = stations.withdrawn(item=False)
    with stations.on_day("2031-12-31"), refused("kept at least until 1 January 2032", Refused):
        lifecycle.move(product, Product.Stage.DISPOSED, by=registrar)
    with stations.on_day("2040-01-01"), refused("only by a decision", Refused):
        lifecycle.move(product, Product.Stage.DISPOSED, by=registrar)


# --- longer, by choice


@pytest.mark.parametrize(("implantable", "least"), [(False, 10), (True, 15)])
def test_a_longer_time_can_be_chosen_and_never_a_shorter_one(implantable: bool, least: int, registrar: User) -> None:
    with stations.on_day("2024-02-29"):
        product = stations.expired(design={"is_implantable": implantable})
        for years in (1, least - 1, 501):
            with refused(f"kept for {least} years at least"):
                holds.keep(product, years=years, reason="Shelves are full", by=registrar)
        with refused("cannot be left empty"):
            holds.keep(product, years=30, reason=" ", by=registrar)
        holds.keep(product, years=30, reason="Research", by=registrar)
        assert retention.floor(current(product)) == date(2054, 3, 1)
        holds.keep(product, years=least, reason="The research ended", by=registrar)
        assert retention.years(current(product)) == least


def test_the_database_keeps_no_time_below_ten_years_and_changes_none(registrar: User) -> None:
    product = stations.expired()
    with pytest.raises(IntegrityError), transaction.atomic():
        Keeping.objects.create(product=product, years=9, reason="Short", on=clock.today(), by=registrar)
    kept = holds.keep(product, years=12, reason="Research", by=registrar)
    with pytest.raises(IntegrityError), transaction.atomic():
        Keeping.objects.filter(pk=kept.pk).update(years=10)


def test_what_was_chosen_for_an_ordinary_product_does_not_shorten_an_implant(registrar: User) -> None:
    """A later revision is implantable: what is demanded by then counts."""
    product = stations.in_use()
    holds.keep(product, years=12, reason="Research", by=registrar)
    Revision.objects.filter(product=product).update(is_implantable=True)
    assert retention.years(current(product)) == 15


def test_only_the_registrar_of_the_administration_chooses_and_holds(
    manager: User, engineer: User, outsider: User
) -> None:
    product = stations.expired()
    for person in (manager, engineer, outsider, stations.owner_of(product)):
        with pytest.raises(PermissionDenied):
            holds.keep(product, years=20, reason="Research", by=person)
        with pytest.raises(PermissionDenied):
            holds.place(product, reason="A claim", reference="RS 1", by=person)


# --- holds


def test_a_product_is_held_several_times_at_once(registrar: User) -> None:
    with stations.on_day("2030-01-01"):
        product = stations.expired()
        one = holds.place(product, reason="A claim", reference="RS 1", by=registrar)
    with stations.on_day("2030-02-01"):
        two = holds.place(product, reason="An inspection", reference="RS 2", by=registrar)
    with stations.on_day("2030-03-01"):
        holds.lift(one, reason="Settled", by=registrar)
        with refused("already lifted"):
            holds.lift(one, reason="Settled", by=registrar)
        with refused("cannot be left empty"):
            holds.lift(two, reason=" ", by=registrar)

    def standing(day: str) -> list[str]:
        d = dossier(product, on=date.fromisoformat(day))
        assert d
        return [hold.reference for hold in d.holding]

    assert standing("2030-01-15") == ["RS 1"]
    assert standing("2030-02-15") == ["RS 1", "RS 2"]
    assert standing("2030-03-01") == ["RS 2"]
    with stations.on_day("2050-01-01"):
        assert [o.text for o in retention.obstacles(current(product))] == [
            "A legal hold stands since 1 February 2030: RS 2."
        ]


def test_a_lifted_hold_stays_as_it_is(registrar: User) -> None:
    hold = holds.place(stations.expired(), reason="A claim", reference="RS 1", by=registrar)
    holds.lift(hold, reason="Settled", by=registrar)
    for change in ({"lifted_on": None}, {"reason": "x"}, {"lifted_reason": "y"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Hold.objects.filter(pk=hold.pk).update(**change)


def test_an_open_action_of_a_follow_up_keeps_the_file_by_itself() -> None:
    product = stations.in_use()
    by = stations.engineer(product)
    followup.record(
        product, done_on=clock.today(), sources="Deviations", findings="One strap was loose", conclusion="act",
        next_due_on=clock.today() + timedelta(days=90),
        actions=[{"text": "Tighten the strap", "responsible": by, "due_on": clock.today()}], by=by,
    )  # fmt: skip
    withdrawal.withdraw(product, reason="Unsafe", by=stations.owner_of(product))
    stations.scrapped(product.items.get())
    with stations.on_day(stations.floor(product)):
        [obstacle] = retention.obstacles(current(product))
        assert (obstacle.text, obstacle.mend) == (
            "An action from a clinical follow-up is not done yet: Tighten the strap",
            "follow-up",
        )
        followup.finish(FollowUpAction.objects.get(), note="Tightened", by=by)
        assert retention.obstacles(current(product)) == []
