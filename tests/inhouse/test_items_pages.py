"""Items at the door: registered, released, placed, moved, ended, found."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from inhouse import changes, declarations
from organisation import clock
from organisation.models import Unit, User
from products import traceability
from products.models import Item, Placement, Product, Revision
from tests import factories, stations

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def quick_pdf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(declarations, "render", stations.unset)


@pytest.fixture
def product(db: None) -> Product:
    return stations.declared()


def page(name: str, *of: int, **query: Any) -> str:
    return reverse(f"inhouse:{name}", args=of, query=query)


def read(client: Client, address: str, *, by: User | None = None) -> str:
    if by:
        client.force_login(by)
    answer = client.get(address)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def queries(client: Client, address: str, by: User) -> int:
    client.force_login(by)
    client.get(address)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def today() -> str:
    return clock.today().isoformat()


# Registering and releasing


def test_an_item_is_registered_to_the_declared_revision_and_gets_a_label_code(
    client: Client, product: Product, engineer: User
) -> None:
    client.force_login(engineer)
    form = client.get(page("items-register", product.pk)).context["form"]
    assert form["revision"].value() == product.revisions.get().pk
    facts = {
        "revision": form["revision"].value(),
        "kind": "serial",
        "identifier": "001",
        "quantity": "1",
        "made_on": today(),
    }
    answer = client.post(page("items-register", product.pk), facts)
    item = Item.objects.get()
    assert answer["Location"] == page("item", item.pk)
    assert item.label_code in read(client, page("item", item.pk))
    again = client.post(page("items-register", product.pk), facts)
    assert "already has an item with that number" in again.content.decode()
    several = client.post(page("items-register", product.pk), facts | {"identifier": "002", "quantity": "3"})
    assert "use a lot number for several" in several.content.decode()
    assert Item.objects.get() == item


def test_the_revision_in_force_is_offered_before_the_open_one(client: Client, engineer: User) -> None:
    product = stations.second_revision()
    client.force_login(engineer)
    form = client.get(page("items-register", product.pk)).context["form"]
    assert form["revision"].value() == product.revisions.get(stage=Revision.Stage.IN_FORCE).pk
    assert len(form.fields["revision"].choices) == 2


def test_a_product_that_may_not_be_made_yet_has_no_items(client: Client, engineer: User) -> None:
    product = stations.eligible()
    assert "while the product is in development or in use" in read(client, page("items", product.pk), by=engineer)
    assert "it is “eligible”" in read(client, page("items-register", product.pk))


def test_an_item_is_released_to_the_documents_of_its_revision(client: Client, product: Product, engineer: User) -> None:
    item = stations.made(product)
    client.force_login(engineer)
    form = client.get(page("item", item.pk)).context["release"]
    assert "About design 1" in form["made_to"].value()
    facts = {"made_to": form["made_to"].value(), "checks": " ", "deviations": ""}
    refused = client.post(page("item-release", item.pk), facts)
    assert list(refused.context["release"].errors) == ["checks"]
    assert "About design 1" in refused.content.decode()
    assert client.post(page("item-release", item.pk), facts | {"checks": "Measured"}).status_code == 302
    item.refresh_from_db()
    assert (item.released_on, item.released_by, item.checks) == (clock.today(), engineer, "Measured")


def test_nothing_is_released_to_a_revision_that_may_still_change(client: Client, engineer: User) -> None:
    item = stations.made(stations.documented())
    assert "can be released when revision 1 is declared" in read(client, page("item", item.pk), by=engineer)
    answer = client.post(page("item-release", item.pk), {"made_to": "A", "checks": "B"})
    assert "MDR 5(5)(g)" in answer.content.decode()
    item.refresh_from_db()
    assert not item.is_released


def test_what_was_made_to_a_revision_given_up_waits_only_for_its_fate(
    client: Client, engineer: User, owner: User
) -> None:
    product = stations.second_revision()
    revision = stations.coming(product)
    item = stations.made(product, "002", revision=revision)
    changes.abandon(revision, reason="Not needed", by=owner)
    told = read(client, page("item", item.pk), by=engineer)
    assert "It cannot be released any more: revision 2" in told
    assert page("item-release", item.pk) not in told
    assert "It is placed when it is released." not in told


# Placing


def test_placing_says_that_the_unit_is_now_listed_as_using_the_product(
    client: Client, product: Product, engineer: User, ward: Unit
) -> None:
    for identifier, said in (("1", True), ("2", False)):
        item = stations.released(product, identifier)
        client.force_login(engineer)
        answer = client.post(page("item-place", item.pk), {"unit": ward.pk, "since": today()}, follow=True)
        assert ("was not listed as using the product" in answer.text) is said
    assert [str(use.unit) for use in product.unit_uses.filter(part="uses")] == [str(ward)]


def test_an_item_is_placed_moved_and_taken_back(client: Client, product: Product, engineer: User, ward: Unit) -> None:
    item = stations.released(product)
    theatre = factories.ward("Operation 2")
    client.force_login(engineer)
    for unit in (ward, theatre):
        assert client.post(page("item-place", item.pk), {"unit": unit.pk, "since": today()}).status_code == 302
    first, second = Placement.objects.order_by("pk")
    assert (first.unit, first.until, second.unit, second.until) == (ward, clock.today(), theatre, None)
    assert client.post(page("item-return", second.pk), {"on": "2999-01-01"}).status_code == 200
    assert client.post(page("item-return", second.pk), {"on": today()}).status_code == 302
    assert "left the unit" in read(client, page("item-return", second.pk))
    told = read(client, page("item", item.pk))
    assert "Vårdavdelning 5" in told
    assert "there now" not in told


def test_a_place_outside_the_legal_entity_is_refused_with_the_reason(
    client: Client, product: Product, engineer: User
) -> None:
    item = stations.released(product)
    told = read(client, page("item", item.pk), by=engineer)
    assert "A place outside Region Västanland" in told
    answer = client.post(page("item-place", item.pk), {"unit": "outside", "outside": "Kliniken AB", "since": today()})
    told = " ".join(answer.content.decode().split())
    assert "Not to “Kliniken AB”" in told
    assert "is not transferred to another legal entity (MDR 5(5)(a))" in told
    assert 'value="Kliniken AB"' in told
    unnamed = client.post(page("item-place", item.pk), {"unit": "outside", "since": today()})
    assert list(unnamed.context["place"].errors) == ["outside"]
    assert not Placement.objects.exists()


def test_a_lot_is_spread_as_far_as_it_goes(client: Client, product: Product, engineer: User, ward: Unit) -> None:
    lot = stations.released(product, "LOT-7", lot_of=10)
    client.force_login(engineer)
    wanted = {"unit": ward.pk, "quantity": "7", "since": today()}
    assert client.post(page("item-place", lot.pk), wanted).status_code == 302
    assert client.get(page("item", lot.pk)).context["place"]["quantity"].value() == 3
    assert "Write between 1 and 3" in client.post(page("item-place", lot.pk), wanted).content.decode()


def test_the_items_of_a_paused_product_are_quarantined(client: Client, engineer: User, ward: Unit) -> None:
    product = stations.suspended()
    item = product.items.get()
    assert "quarantined" in read(client, page("items", product.pk), by=engineer)
    told = read(client, page("item", item.pk))
    assert "quarantined" in told
    assert page("item-place", item.pk) not in told
    answer = client.post(page("item-place", item.pk), {"unit": ward.pk, "since": today()})
    assert "nothing is placed now" in " ".join(
        error for errors in answer.context["place"].errors.values() for error in errors
    )


# The end


def test_a_fate_is_said_twice_and_once_for_all(client: Client, product: Product, engineer: User) -> None:
    item = stations.placed(product)
    fate = {"fate": "scrapped", "on": today(), "note": "Cracked when it was washed"}
    client.force_login(engineer)
    asked = client.post(page("item-end", item.pk), fate)
    assert "This cannot be undone" in asked.content.decode()
    item.refresh_from_db()
    assert item.fate == ""
    assert client.post(page("item-end", item.pk), fate | {"confirmed": "1"}).status_code == 302
    item.refresh_from_db()
    assert (item.fate, item.fate_note) == ("scrapped", "Cracked when it was washed")
    assert not item.placements.filter(until=None).exists()
    assert "has been out of use since" in read(client, page("item-end", item.pk))


def test_a_part_of_a_lot_can_be_said_and_is_refused_with_the_reason(
    client: Client, product: Product, engineer: User
) -> None:
    lot = stations.released(product, "LOT-7", lot_of=10)
    fate = {"fate": "scrapped", "on": today(), "note": "Cracked when they were washed"}
    client.force_login(engineer)
    assert client.get(page("item-end", lot.pk)).context["form"]["quantity"].value() == 10
    answer = client.post(page("item-end", lot.pk), fate | {"quantity": "3"})
    assert list(answer.context["form"].errors) == ["quantity"]
    assert "A lot has one fate, for all 10 of it" in answer.content.decode()
    asked = client.post(page("item-end", lot.pk), fate | {"quantity": "10"})
    assert "The whole lot of 10 is then out of use" in asked.content.decode()
    assert client.post(page("item-end", lot.pk), fate | {"quantity": "10", "confirmed": "1"}).status_code == 302
    lot.refresh_from_db()
    assert lot.fate == "scrapped"


def test_a_fate_in_the_future_is_refused_and_what_was_typed_is_kept(
    client: Client, product: Product, engineer: User
) -> None:
    item = stations.made(product)
    client.force_login(engineer)
    wrong = {"fate": "lost", "on": "2999-01-01", "note": "Not on the shelf", "confirmed": "1"}
    answer = client.post(page("item-end", item.pk), wrong)
    assert list(answer.context["form"].errors) == ["on"]
    assert "Not on the shelf" in answer.content.decode()
    item.refresh_from_db()
    assert item.fate == ""


def test_a_nurse_reads_and_changes_nothing(client: Client, product: Product, nurse: User) -> None:
    item = stations.placed(product)
    stay = item.placements.get()
    told = read(client, page("item", item.pk), by=nurse)
    assert "Drawing A1" in told
    assert "Vårdavdelning 5" in told
    assert "No use is noted." in told
    assert 'method="post" action="/items' not in told
    assert item.label_code in read(client, page("item-label", item.pk))
    assert item.label_code in read(client, page("items", product.pk))
    closed = [page("item-release", item.pk), page("item-place", item.pk), page("item-end", item.pk)]
    for address in (*closed, page("item-return", stay.pk), page("items-register", product.pk)):
        assert client.get(address, follow=True).status_code == 200
        assert client.post(address).status_code == 403


def test_three_items_cost_no_more_queries_than_one(client: Client, product: Product, engineer: User) -> None:
    item = stations.placed(product)
    addresses = (page("items", product.pk), page("item", item.pk), page("items-all"))
    before = [queries(client, address, engineer) for address in addresses]
    stations.placed(product, "002")
    lot = stations.released(product, "LOT-7", lot_of=10)
    for name in ("Operation 1", "Operation 2"):
        traceability.place(lot, unit=factories.ward(name), quantity=2, since=clock.today(), by=engineer)
    assert [queries(client, address, engineer) for address in addresses] == before


# All items


@pytest.fixture
def several(product: Product) -> dict[str, Item]:
    """One placed, one released, one only made, one scrapped; of two administrations."""
    found = {
        "placed": stations.placed(product, "A1"),
        "released": stations.released(product, "A2"),
        "made": stations.made(product, "A3"),
        "scrapped": stations.released(product, "A4"),
    }
    stations.scrapped(found["scrapped"])
    elsewhere = stations.declared("Drill guide", unit=factories.unit(at=factories.other_administration()))
    found["elsewhere"] = stations.made(elsewhere, "B1")
    return found


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, "placed released made scrapped elsewhere"),
        ({"q": "a2"}, "released"),
        ({"released": "no"}, "made elsewhere"),
        ({"released": "yes"}, "placed released scrapped"),
        ({"fate": "any"}, "scrapped"),
        ({"fate": "lost"}, ""),
        ({"fate": "none", "released": "yes"}, "placed released"),
        ({"stage": "in_use"}, ""),
        ({"stage": "nonsense"}, "placed released made scrapped elsewhere"),
    ],
)
def test_the_list_of_all_items_is_narrowed(
    client: Client, several: dict[str, Item], nurse: User, query: dict[str, str], expected: str
) -> None:
    client.force_login(nurse)
    found = client.get(page("items-all", **query)).context["page"].object_list
    assert [item.identifier for item in found] == [several[name].identifier for name in expected.split()]


def test_items_are_found_by_label_code_and_by_where_they_are(
    client: Client, several: dict[str, Item], nurse: User
) -> None:
    client.force_login(nurse)
    code = several["placed"].label_code
    there = factories.other_administration()
    for query, name in (
        ({"q": code.lower().replace("-", " ")}, "placed"),
        ({"unit": factories.ward().pk}, "placed"),
        ({"administration": there.pk}, "elsewhere"),
    ):
        found = client.get(page("items-all", **query)).context["page"].object_list
        assert list(found) == [several[name]]
    assert "No item fits this." in read(client, page("items-all", q="nothing"))
    rows = client.get(page("items-all", q="A1"), headers={"hx-request": "true"}).content.decode()
    assert rows.lstrip().startswith('<div id="rows">')


def test_an_item_out_of_use_does_not_ask_for_patients(client: Client, engineer: User) -> None:
    product = stations.in_use()
    item = product.items.get()
    client.force_login(engineer)
    address = reverse("inhouse:item", args=[item.pk])
    assert "Note a patient’s use" in client.get(address).content.decode()
    stations.scrapped(item)
    client.force_login(engineer)
    told = client.get(address).content.decode()
    assert "Note a patient’s use" not in told
    assert "No use is noted." in told
