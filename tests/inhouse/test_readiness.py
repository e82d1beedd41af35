"""What must stand around the device before patients meet it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from inhouse import readiness
from inhouse.models import Readiness
from organisation import clock
from organisation.models import Unit, User
from products.models import Product, UnitUse
from tests import factories, stations
from tests.refusals import denied, refused

pytestmark = pytest.mark.django_db


def test_readiness_is_written_once_for_a_revision_and_may_change(engineer: User) -> None:
    revision = stations.coming(stations.declared())
    with stations.on_day("2026-03-01"):
        stations.prepared(revision)
    with stations.on_day("2026-04-01"):
        stations.prepared(revision, support_contact="phone 1234")
    row = Readiness.objects.get()
    assert (row.support_contact, row.confirmed_on) == ("phone 1234", date(2026, 4, 1))


def test_the_owner_and_engineers_here_prepare_and_nobody_else(
    owner: User, nurse: User, manager: User, outsider: User
) -> None:
    revision = stations.coming(stations.in_development())
    for person in (nurse, manager, outsider):
        with denied():
            readiness.prepare(revision, stations.READINESS, by=person)
    readiness.prepare(revision, stations.READINESS, by=owner)


@pytest.mark.parametrize(
    ("needed", "plan"), [("training_needed", "training_plan"), ("maintenance_needed", "maintenance_plan")]
)
def test_what_is_needed_is_planned(engineer: User, needed: str, plan: str) -> None:
    revision = stations.coming(stations.in_development())
    with refused("Say how, since it is needed"):
        readiness.prepare(revision, stations.READINESS | {needed: True, plan: ""}, by=engineer)


@pytest.mark.parametrize("months", [0, 61])
def test_follow_ups_are_a_month_to_five_years_apart(engineer: User, months: int) -> None:
    revision = stations.coming(stations.in_development())
    with refused("Ensure this value is"):
        readiness.prepare(revision, stations.READINESS | {"follow_up_months": months}, by=engineer)


def test_a_revision_that_is_closed_is_not_prepared(engineer: User) -> None:
    revision = stations.abandoned().revisions.get()
    with refused("revision is closed"):
        readiness.prepare(revision, stations.READINESS, by=engineer)


def test_readiness_is_carried_over_to_be_confirmed() -> None:
    product = stations.second_revision()
    carried = Readiness.objects.get(revision=stations.coming(product))
    assert (carried.support_contact, carried.confirmed_on) == (stations.READINESS["support_contact"], None)
    assert Readiness.objects.get(revision=stations.in_force(product)).confirmed_on == clock.today()


def test_a_unit_is_listed_once_for_each_part(engineer: User, unit: Unit) -> None:
    product = stations.in_development()
    readiness.list_unit(product, unit=unit, part=UnitUse.Part.MAKES, since=clock.today(), by=engineer)
    readiness.list_unit(product, unit=unit, part=UnitUse.Part.USES, since=clock.today(), by=engineer)
    with refused("already listed"):
        readiness.list_unit(product, unit=unit, part=UnitUse.Part.USES, since=clock.today(), by=engineer)


@pytest.mark.parametrize("station", [stations.proposed, stations.rejected, stations.abandoned, stations.withdrawn])
def test_no_unit_is_listed_before_the_decision_or_after_the_end(
    station: Callable[[], Product], engineer: User, ward: Unit
) -> None:
    product = station()
    with refused(f"until it is out of use; it is “{product.get_stage_display()}”"):
        readiness.list_unit(product, unit=ward, part=UnitUse.Part.MAKES, since=clock.today(), by=engineer)


@pytest.mark.parametrize("station", [stations.eligible, stations.in_development, stations.in_use, stations.suspended])
def test_a_unit_is_listed_from_the_decision_on_also_while_use_is_paused(
    station: Callable[[], Product], engineer: User
) -> None:
    other = factories.ward("Ward 9")
    readiness.list_unit(station(), unit=other, part=UnitUse.Part.USES, since=clock.today(), by=engineer)
    assert UnitUse.objects.filter(unit=other).exists()


def test_a_unit_that_is_no_longer_part_of_the_institution_is_not_listed(engineer: User, ward: Unit) -> None:
    product = stations.in_development()
    ward.active = False
    ward.save()
    with refused("no longer part of the institution"):
        readiness.list_unit(product, unit=ward, part=UnitUse.Part.USES, since=clock.today(), by=engineer)


def test_a_unit_uses_the_product_until_a_day_and_may_begin_again(engineer: User, ward: Unit) -> None:
    product = stations.in_development()
    day = clock.today() - timedelta(days=10)
    use = readiness.list_unit(product, unit=ward, part=UnitUse.Part.USES, since=day, by=engineer)
    with refused("cannot come before the first"):
        readiness.end_unit(use, until=day - timedelta(days=1), by=engineer)
    use.refresh_from_db()
    readiness.end_unit(use, until=day + timedelta(days=5), by=engineer)
    with refused("already recorded"):
        readiness.end_unit(UnitUse.objects.get(), until=clock.today(), by=engineer)
    readiness.list_unit(product, unit=ward, part=UnitUse.Part.USES, since=clock.today(), by=engineer)
    on = [UnitUse.objects.on(day + timedelta(days=n)).count() for n in (-1, 0, 4, 5, 10)]
    assert on == [0, 1, 1, 0, 1]


def test_a_unit_of_another_administration_may_use_what_is_made_here(engineer: User, outsider: User) -> None:
    product = stations.in_development()
    elsewhere = factories.ward(at=factories.other_administration())
    with denied():
        readiness.list_unit(product, unit=elsewhere, part=UnitUse.Part.USES, since=clock.today(), by=outsider)
    readiness.list_unit(product, unit=elsewhere, part=UnitUse.Part.USES, since=clock.today(), by=engineer)
