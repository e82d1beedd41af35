"""Items: made, released, placed, moved, and what became of each."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from inhouse import changes
from organisation import clock
from organisation.models import Unit, User
from products import identity, patients, synthetic, traceability
from products.models import Item, Placement, Product, Revision, UnitUse
from tests import factories, stations
from tests.refusals import denied, refused

pytestmark = pytest.mark.django_db

PERSON = identity.parse("se_personnummer", min(synthetic.PUBLISHED))


@pytest.fixture
def product() -> Product:
    """Declared on 1 March, so that items are made and released."""
    with stations.on_day("2026-03-01"):
        return stations.declared()


def place(item: Item, unit: Unit | None, **given: Any) -> Placement:
    what: dict[str, Any] = {"since": clock.today(), "by": stations.engineer(item.product)}
    return traceability.place(item, unit=unit, **what | given)


def where(item: Item, on: str) -> list[tuple[str, int]]:
    held = Placement.objects.on(date.fromisoformat(on)).filter(item=item).order_by("pk")
    return [(placement.unit.name, placement.quantity) for placement in held]


# --- made


def test_an_item_gets_a_label_code_of_its_own_that_people_can_read(product: Product) -> None:
    codes = {stations.made(product, str(number)).label_code for number in range(5)}
    assert len(codes) == 5
    for code in codes:
        assert len(code) == 9
        assert set(code) <= {*traceability.SIGNS, "-"}
    assert not set("01ILO") & set(traceability.SIGNS)


def test_items_are_for_the_owner_and_engineers_here(
    product: Product, nurse: User, manager: User, outsider: User, owner: User
) -> None:
    revision = stations.coming(product)
    for person in (nurse, manager, outsider):
        with denied():
            traceability.register(revision, kind="serial", identifier="9", made_on=clock.today(), by=person)
    traceability.register(revision, kind="serial", identifier="9", made_on=clock.today(), by=owner)


def test_a_number_is_used_once_for_each_product(product: Product) -> None:
    stations.made(product, "001")
    for again in ("001", " 001 "):
        with refused("already has an item with that number"):
            stations.made(product, again)
    stations.made(product, "001", lot_of=5)
    stations.made(stations.declared("Another"), "001")


def test_a_serial_stands_for_one_and_a_lot_for_at_least_one(product: Product, engineer: User) -> None:
    revision = stations.coming(product)
    given: dict[str, Any] = {"made_on": clock.today(), "by": engineer}
    with refused("stands for one item"):
        traceability.register(revision, kind="serial", identifier="1", quantity=2, **given)
    with refused("holds at least one"):
        traceability.register(revision, kind="lot", identifier="1", quantity=0, **given)
    with refused("cannot be blank"):
        traceability.register(revision, kind="serial", identifier="  ", **given)
    with refused("not a valid choice"):
        traceability.register(revision, kind="box", identifier="1", **given)


def test_nothing_is_made_tomorrow_or_before_work_has_begun(product: Product, engineer: User) -> None:
    with refused("cannot lie in the future"):
        traceability.register(
            stations.coming(product),
            kind="serial",
            identifier="1",
            made_on=clock.today() + timedelta(days=1),
            by=engineer,
        )
    early = stations.owned("Another")
    with refused("it is “eligible”"):
        stations.made(early)


# --- released


def test_a_release_says_to_what_it_was_made_and_what_was_checked(product: Product, engineer: User) -> None:
    with stations.on_day("2026-03-02"):
        item = stations.made(product)
        for gap in ({"made_to": " "}, {"checks": ""}):
            with refused("The release record must say this"):
                traceability.release(item, **{"made_to": "Drawing A1", "checks": "Measured"} | gap, by=engineer)
        traceability.release(item, made_to="Drawing A1", checks="Measured", deviations="Blue", by=engineer)
    item.refresh_from_db()
    assert (item.released_on, item.released_by, item.made_to, item.checks, item.deviations) == (
        date(2026, 3, 2), engineer, "Drawing A1", "Measured", "Blue",
    )  # fmt: skip
    with refused("already released"):
        traceability.release(item, made_to="Drawing A1", checks="Measured", by=engineer)


def test_nothing_is_released_while_the_documentation_may_still_change() -> None:
    product = stations.documented()
    item = stations.made(product)
    with refused("until then the documentation may still change"):
        traceability.release(item, made_to="Drawing A1", checks="Measured", by=stations.engineer(product))


def test_what_was_made_to_a_revision_that_was_given_up_is_never_released(engineer: User, owner: User) -> None:
    product = stations.second_revision()
    revision = stations.coming(product)
    item = stations.made(product, "002", revision=revision)
    changes.abandon(revision, reason="Not needed", by=owner)
    item.refresh_from_db()
    with refused("revision 2, which is “abandoned”: an item made to it is neither released nor placed"):
        traceability.release(item, made_to="Drawing A2", checks="Measured", by=engineer)


# --- placed


@pytest.mark.parametrize("stage", [Revision.Stage.OPEN, Revision.Stage.ABANDONED, Revision.Stage.CLOSED])
def test_an_item_is_placed_only_under_a_signed_declaration(product: Product, ward: Unit, stage: str) -> None:
    item = stations.released(product)
    Revision.objects.filter(pk=item.revision_id).update(stage=stage)
    with refused("No signed declaration stands for revision 1"):
        place(item, ward)


def test_an_item_is_released_before_it_is_placed(product: Product, ward: Unit) -> None:
    item = stations.made(product)
    with refused(r"Release the item before it is placed \(MDR 5\(5\)\(g\)\)"):
        place(item, ward)


def test_a_place_outside_the_legal_entity_is_refused_with_the_reason(product: Product) -> None:
    item = stations.released(product)
    with refused(
        "“Care home Solgården” is outside Region Västanland. An in-house device is not transferred to another legal entity"
    ):
        place(item, None, outside="Care home Solgården")


def test_a_ward_that_is_closed_gets_nothing(product: Product, ward: Unit) -> None:
    item = stations.released(product)
    ward.active = False
    ward.save()
    with refused("no longer part of the institution"):
        place(item, ward)


def test_a_ward_of_the_other_hospital_belongs_to_the_same_legal_entity(product: Product) -> None:
    place(stations.released(product), factories.ward(at=factories.other_administration()))


def test_a_serial_moves_and_is_at_one_place_at_a_time(product: Product, ward: Unit) -> None:
    with stations.on_day("2026-03-02"):
        item = stations.released(product)
        place(item, ward)
    with stations.on_day("2026-03-10"):
        place(item, factories.ward("Operation"))
    assert [where(item, day) for day in ("2026-03-01", "2026-03-02", "2026-03-09", "2026-03-10")] == [
        [], [("Vårdavdelning 5", 1)], [("Vårdavdelning 5", 1)], [("Operation", 1)],
    ]  # fmt: skip
    with stations.on_day("2026-03-11"), refused("It was at Vårdavdelning 5 until"):
        place(item, ward, since=date(2026, 3, 9))


def test_a_lot_is_spread_over_wards_until_nothing_is_left(product: Product, ward: Unit) -> None:
    with stations.on_day("2026-03-02"):
        lot = stations.released(product, "L1", lot_of=10)
        operation = factories.ward("Operation")
        place(lot, ward, quantity=4)
        with refused("Write between 1 and 6"):
            place(lot, operation, quantity=7)
        place(lot, operation)
        with refused("All of this lot is placed"):
            place(lot, ward)
    assert where(lot, "2026-03-02") == [("Vårdavdelning 5", 4), ("Operation", 6)]
    assert traceability.left(lot) == 0


def test_a_ward_that_gets_an_item_is_listed_as_using_the_product_from_that_day(product: Product, ward: Unit) -> None:
    with stations.on_day("2026-03-02"):
        lot = stations.released(product, "L1", lot_of=10)
    with stations.on_day("2026-03-10"):
        place(lot, ward, quantity=1, since=date(2026, 3, 4))
        place(lot, ward, quantity=1)
    uses = product.unit_uses.values_list("unit", "part", "since", "until")
    assert list(uses) == [(ward.pk, "uses", date(2026, 3, 4), None)]


def test_only_the_days_on_which_a_ward_was_not_listed_are_added(product: Product, ward: Unit) -> None:
    for since, until in (("2026-03-01", "2026-03-03"), ("2026-03-05", "2026-03-07"), ("2026-03-09", None)):
        UnitUse.objects.create(product=product, unit=ward, part="uses", since=since, until=until)
    UnitUse.objects.create(product=product, unit=ward, part="makes", since="2026-03-01")
    with stations.on_day("2026-03-02"):
        item = stations.released(product)
    with stations.on_day("2026-03-10"):
        place(item, ward, since=date(2026, 3, 2))
    days = product.unit_uses.filter(part="uses").order_by("since").values_list("since__day", "until__day")
    assert list(days) == [(1, 3), (3, 5), (5, 7), (7, 9), (9, None)]


def test_when_an_item_is_refused_nobody_is_listed(product: Product, ward: Unit) -> None:
    item = stations.made(product)
    with refused("Release the item before"):
        place(item, ward)
    assert not product.unit_uses.exists()


@pytest.mark.parametrize("quantity", [0, -1])
def test_nobody_places_less_than_one(product: Product, ward: Unit, quantity: int) -> None:
    lot = stations.released(product, "L1", lot_of=10)
    with refused("Write between 1 and 10"):
        place(lot, ward, quantity=quantity)


def test_what_is_taken_back_can_be_placed_again(product: Product, ward: Unit, engineer: User) -> None:
    with stations.on_day("2026-03-02"):
        lot = stations.released(product, "L1", lot_of=10)
        placement = place(lot, ward, quantity=4)
    with stations.on_day("2026-03-05"):
        with refused("cannot lie in the future"):
            traceability.take_back(placement, on=date(2026, 3, 6), by=engineer)
        with refused("it cannot leave earlier"):
            traceability.take_back(placement, on=date(2026, 3, 1), by=engineer)
        traceability.take_back(placement, on=date(2026, 3, 5), by=engineer)
        with refused("already left"):
            traceability.take_back(placement, on=date(2026, 3, 5), by=engineer)
    assert traceability.left(lot) == 10
    assert where(lot, "2026-03-04") == [("Vårdavdelning 5", 4)]
    assert where(lot, "2026-03-05") == []


def test_nothing_is_placed_tomorrow_or_before_it_was_made(product: Product, ward: Unit) -> None:
    with stations.on_day("2026-03-05"):
        item = stations.released(product)
        with refused("cannot lie in the future"):
            place(item, ward, since=date(2026, 3, 6))
        with refused("not made until"):
            place(item, ward, since=date(2026, 3, 4))


def test_nothing_is_at_a_ward_before_it_was_released(product: Product, ward: Unit) -> None:
    with stations.on_day("2026-03-02"):
        item = stations.made(product)
    with stations.on_day("2026-03-05"):
        traceability.release(item, made_to="Drawing A1", checks="Measured", by=stations.engineer(product))
        with refused("not released until"):
            place(item, ward, since=date(2026, 3, 4))
        place(item, ward, since=date(2026, 3, 5))


def test_a_serial_is_not_placed_where_it_would_have_been_at_two_places(
    product: Product, ward: Unit, engineer: User
) -> None:
    operation = factories.ward("Operation")
    with stations.on_day("2026-03-02"):
        item = stations.released(product)
        placement = place(item, ward)
    with stations.on_day("2026-03-10"):
        traceability.take_back(placement, on=date(2026, 3, 8), by=engineer)
        with refused("It was at Vårdavdelning 5 until"):
            place(item, operation, since=date(2026, 3, 7))
        place(item, operation, since=date(2026, 3, 8))


def test_an_item_leaves_a_ward_no_earlier_than_a_patient_met_it_there(
    product: Product, ward: Unit, engineer: User
) -> None:
    operation = factories.ward("Operation")
    with stations.on_day("2026-03-02"):
        item = stations.released(product)
        placement = place(item, ward)
    with stations.on_day("2026-03-10"):
        patients.note_use(item, identifier=PERSON, used_on=date(2026, 3, 6), unit=ward, by=engineer)
        with refused("A patient met it there on"):
            traceability.take_back(placement, on=date(2026, 3, 5), by=engineer)
        with refused("A patient met it there on"):
            place(item, operation, since=date(2026, 3, 5))
        with refused("A patient met it there on"):
            traceability.end(item, fate="scrapped", on=date(2026, 3, 5), by=engineer)
        traceability.end(item, fate="scrapped", on=date(2026, 3, 6), by=engineer)


def test_of_a_lot_at_a_ward_twice_one_part_leaves_while_the_other_serves(
    product: Product, ward: Unit, engineer: User
) -> None:
    with stations.on_day("2026-03-02"):
        lot = stations.released(product, "L1", lot_of=10)
        first = place(lot, ward, quantity=2)
    with stations.on_day("2026-03-10"):
        place(lot, ward, quantity=3, since=date(2026, 3, 5))
        patients.note_use(lot, identifier=PERSON, used_on=date(2026, 3, 8), unit=ward, by=engineer)
        traceability.take_back(first, on=date(2026, 3, 6), by=engineer)


def test_an_item_out_of_use_is_neither_released_nor_placed(product: Product, ward: Unit, engineer: User) -> None:
    made, released = stations.made(product, "1"), stations.released(product, "2")
    for item in (made, released):
        traceability.end(item, fate="scrapped", on=clock.today(), by=engineer)
    with refused("out of use"):
        traceability.release(made, made_to="A1", checks="Measured", by=engineer)
    with refused("out of use"):
        place(released, ward)


# --- what became of it


def test_a_fate_ends_every_placement(product: Product, ward: Unit, engineer: User) -> None:
    with stations.on_day("2026-03-02"):
        lot = stations.released(product, "L1", lot_of=10)
        place(lot, ward, quantity=4)
        place(lot, factories.ward("Operation"), quantity=2)
    with stations.on_day("2026-03-08"):
        traceability.end(lot, fate="consumed", on=date(2026, 3, 7), note="All used", by=engineer)
    assert where(lot, "2026-03-06") == [("Vårdavdelning 5", 4), ("Operation", 2)]
    assert where(lot, "2026-03-07") == []
    lot.refresh_from_db()
    assert [lot.lives_on(date(2026, 3, day)) for day in (1, 2, 6, 7)] == [False, True, True, False]
    assert list(Item.objects.living()) == []


@pytest.mark.parametrize("quantity", [1, 9, 11])
def test_a_lot_does_not_end_in_part(product: Product, engineer: User, quantity: int) -> None:
    lot = stations.released(product, "L1", lot_of=10)
    with refused("A lot has one fate, for all 10 of it.*registered as separate lots"):
        traceability.end(lot, fate="scrapped", on=clock.today(), quantity=quantity, by=engineer)
    traceability.end(lot, fate="scrapped", on=clock.today(), quantity=10, by=engineer)


def test_a_fate_comes_after_everything_that_happened_to_the_item(product: Product, ward: Unit, engineer: User) -> None:
    with stations.on_day("2026-03-02"):
        item = stations.made(product)
    with stations.on_day("2026-03-04"):
        traceability.release(item, made_to="Drawing A1", checks="Measured", by=engineer)
    with stations.on_day("2026-03-10"):
        with refused("not released until"):
            traceability.end(item, fate="scrapped", on=date(2026, 3, 3), by=engineer)
        placement = place(item, ward, since=date(2026, 3, 6))
        with refused("it cannot leave earlier"):
            traceability.end(item, fate="scrapped", on=date(2026, 3, 5), by=engineer)
        traceability.take_back(placement, on=date(2026, 3, 8), by=engineer)
        with refused("It was at Vårdavdelning 5 until"):
            traceability.end(item, fate="scrapped", on=date(2026, 3, 7), by=engineer)
        traceability.end(item, fate="scrapped", on=date(2026, 3, 8), by=engineer)


def test_the_database_knows_no_item_released_by_nobody_or_ended_without_a_day(product: Product) -> None:
    item = stations.made(product)
    for change in ({"released_on": clock.today()}, {"fate": "lost"}, {"quantity": 2}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Item.objects.filter(pk=item.pk).update(**change)
