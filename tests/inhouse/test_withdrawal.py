"""Out of use for good: at once for the product, then one by one for its items."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from inhouse import readiness, withdrawal
from inhouse.dossier import current
from inhouse.models import Suspension, Withdrawal
from organisation import clock
from organisation.models import User
from products import traceability
from products.models import UnitUse
from tests import factories, stations
from tests.refusals import denied, refused

pytestmark = pytest.mark.django_db


def test_the_owner_or_a_manager_withdraws_a_product_with_a_reason(
    owner: User, manager: User, engineer: User, outsider: User
) -> None:
    product = stations.in_use()
    for person in (engineer, outsider):
        with denied():
            withdrawal.withdraw(product, reason="Unsafe", by=person)
    with refused("cannot be left empty"):
        withdrawal.withdraw(product, reason=" ", by=owner)
    with stations.on_day(clock.today()):
        withdrawal.withdraw(product, reason="Unsafe", by=manager)
    row = Withdrawal.objects.get()
    assert (row.reason, row.on, row.by) == ("Unsafe", clock.today(), manager)
    assert product.stage == "withdrawn"


def test_a_product_is_withdrawn_once(owner: User) -> None:
    product = stations.withdrawn()
    with refused("does not follow"):
        withdrawal.withdraw(product, reason="Once more", by=owner)


def test_what_was_never_in_use_is_given_up_and_not_withdrawn(owner: User) -> None:
    product = stations.ready()
    with refused("does not follow"):
        withdrawal.withdraw(product, reason="Unsafe", by=owner)
    with refused("cannot be left empty"):
        withdrawal.abandon(product, reason="", by=owner)
    withdrawal.abandon(product, reason="The project ended", by=owner)
    used = stations.in_use("Another")
    with refused("does not follow"):
        withdrawal.abandon(used, reason="The project ended", by=owner)


def test_withdrawal_ends_the_pause_and_what_units_do(owner: User) -> None:
    with stations.on_day("2026-03-01"):
        product = stations.suspended()
        later = readiness.list_unit(
            product, unit=factories.ward("Operation"), part=UnitUse.Part.USES, since=date(2026, 9, 1), by=owner
        )
        ending = UnitUse.objects.get(unit__name="Vårdavdelning 5")
        readiness.end_unit(ending, until=date(2026, 12, 31), by=owner)
    with stations.on_day("2026-04-01"):
        withdrawal.withdraw(product, reason="Unsafe", by=owner)
    row = Suspension.objects.get()
    assert (row.closed_on, row.closed_by, row.measures) == (date(2026, 4, 1), owner, "Unsafe")
    assert not UnitUse.objects.on(date(2026, 4, 1)).exists()
    assert not UnitUse.objects.on(date(2026, 10, 1)).exists()
    later.refresh_from_db()
    assert later.until == later.since


def test_nothing_is_made_or_placed_after_withdrawal(engineer: User) -> None:
    product = stations.in_use()
    loose = stations.released(product, "002")
    withdrawal.withdraw(product, reason="Unsafe", by=stations.owner_of(product))
    with refused("it is “out of use”"):
        traceability.place(loose, unit=factories.ward(), since=clock.today(), by=engineer)
    with refused("it is “out of use”"):
        stations.made(stations.fresh(product), "003", revision=stations.in_force(product))


def test_an_item_gets_one_fate_and_leaves_its_ward(engineer: User, nurse: User) -> None:
    with stations.on_day("2026-03-01"):
        product = stations.withdrawn()
    item = product.items.get()
    with denied():
        withdrawal.end_item(item, fate="scrapped", on=date(2026, 3, 5), by=nurse)
    with stations.on_day("2026-03-06"):
        withdrawal.end_item(item, fate="scrapped", on=date(2026, 3, 5), note="In the bin", by=engineer)
    item.refresh_from_db()
    assert (item.fate, item.fate_on, item.fate_note) == ("scrapped", date(2026, 3, 5), "In the bin")
    assert item.placements.get().until == date(2026, 3, 5)
    with refused("already recorded"):
        withdrawal.end_item(item, fate="lost", on=clock.today(), by=engineer)


def test_a_fate_has_a_name_and_a_day_that_can_be(engineer: User) -> None:
    with stations.on_day("2026-03-01"):
        item = stations.withdrawn().items.get()
        with refused("cannot lie in the future"):
            withdrawal.end_item(item, fate="lost", on=date(2026, 3, 2), by=engineer)
        with refused("not made until"):
            withdrawal.end_item(item, fate="lost", on=date(2026, 2, 28), by=engineer)
        for fate in ("", "sold"):
            with refused("Choose what became of it"):
                withdrawal.end_item(item, fate=fate, on=date(2026, 3, 1), by=engineer)


def test_the_file_waits_until_every_item_has_a_fate() -> None:
    product = stations.in_use()
    second = stations.placed(product, "002")
    withdrawal.withdraw(product, reason="Unsafe", by=stations.owner_of(product))
    assert len(current(product).living) == 2
    stations.scrapped(second)
    assert [item.identifier for item in current(product).living] == ["001"]
    with stations.on_day(clock.today() + timedelta(days=1)):
        stations.scrapped(product.items.get(identifier="001"))
    assert current(stations.fresh(product)).revisions[0].stage == "closed"
