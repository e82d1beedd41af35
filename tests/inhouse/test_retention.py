"""How long the file is kept: a floor, never a timer that deletes."""

from __future__ import annotations

from datetime import date

import pytest

from inhouse import lifecycle, retention, withdrawal
from inhouse.dossier import current, dossier
from inhouse.obstacles import Refused
from organisation.models import User
from products.models import Product
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
