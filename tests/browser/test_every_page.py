"""Every page, in light and dark, wide and on a phone: axe finds nothing, nothing is cut off, the browser has no complaint."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Browser

from inhouse import disposal, followup, holds, market, owners, tracing
from inhouse.models import ExitCopy
from inhouse.views import pages
from organisation import clock
from organisation.models import Assignment, Authority, Role, User
from products import identity
from products.models import Item, Product
from tests import factories, stations
from tests.browser.hands import Person, signed_in
from tests.test_doors import OBJECTS, addresses, away

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

OF_A_PRODUCT = (
    "product", "assessment", "market", "owner", "design", "class", "documents", "evidence", "conformity", "declaration", "readiness", "units", "items",
    "follow-up", "change", "withdrawal", "suspension", "retention", "history",
)  # fmt: skip
PARTS = ("/history/latest/", "/products/similar/", "/devices/known/")  # no pages: fetched into one that is looked at
STATIONS = (
    stations.proposed,
    stations.documented,
    stations.declared,
    stations.suspended,
    stations.second_declared,
    stations.withdrawn,
)


def everyone() -> User:
    """One person with every role, who owns the products too: for whom every page shows all it can."""
    person = factories.user("Asa Alla", level=User.Level.HEAD_OF_UNIT)
    for role in Role:
        Assignment.objects.get_or_create(user=person, role=role, administration=None, defaults={"since": clock.today()})
    return person


def filled(product: Product, person: User) -> None:
    """Something of everything that has a page: a file of the market search, a patient's use, a follow-up with an action, a revision, a request."""
    stations.changing(product)
    stations.translated(product)
    stations.begun(product)
    tracing.note_use(
        product.items.get(), identifier=identity.parse("se_personnummer", "19900602-2397"), used_on=clock.today(), unit=factories.ward(), by=person
    )  # fmt: skip
    followup.record(
        product, done_on=clock.today(), sources="Två avdelningar", findings="En repa", conclusion="act",
        next_due_on=clock.today() + timedelta(days=90), actions=[{"text": "Polera", "responsible": person, "due_on": clock.today()}], by=person,
    )  # fmt: skip
    market.attach(market.begin(product, by=person), upload=factories.pdf(), by=person)
    away(person)
    holds.place(product, reason="Ett skadeståndskrav", reference="RS 1", by=person)
    for of in (None, product):
        ExitCopy.objects.create(product=of, ended_at=clock.now())
    owners.appoint(product, person=factories.user("Lena Led", level=User.Level.HEAD_OF_UNIT), by=person)
    Authority.objects.create(
        institution=factories.institution(),
        name="IVO",
        short_name="IVO",
        task="supervision",
        valid_from=date(2021, 5, 26),
    )


def look(person: Person, path: str) -> None:
    """Open an address, which must answer someone with every role, and look it over if it is a page."""
    answer = person.context.request.get(person.address + path)
    if answer.status == 405:
        assert answer.headers["allow"].split(", ")[0] == "POST", (path, answer.headers["allow"])
        return  # only something to press, on a page that is looked at
    assert answer.status == 200, (path, answer.status)
    assert "/sign-in/?next=" not in answer.url, path
    if "text/html" not in answer.headers["content-type"]:
        return
    if path.endswith(PARTS):
        return
    person.page.set_viewport_size({"width": 1280, "height": 900})
    person.go(path)
    person.clean()
    person.page.set_viewport_size({"width": 390, "height": 840})
    wide = person.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{path} is {wide} px wider than a phone"


def test_every_address_of_a_product_in_use(live_server: Any, chromium: Browser) -> None:
    person = everyone()
    product = stations.in_use(owner=person)
    filled(product, person)
    with signed_in(chromium, live_server.url, person) as someone:
        seen = 0
        for address in addresses():
            if address.arguments and address.about not in OBJECTS:
                raise AssertionError(f"{address.name} is about something that tests/test_doors.py does not know")
            given = OBJECTS[address.about][1](product) if address.arguments else {}
            look(someone, reverse(address.name, kwargs=given))
            seen += 1
        for query in ({"n": "14.2(a)"}, {"tag": "radiation"}):  # of an address that leads back without them
            look(someone, reverse("inhouse:conformity-answer", args=[product.pk], query=query))
        assert seen == len(addresses())


@pytest.mark.parametrize("station", STATIONS, ids=lambda station: station.__name__)
def test_the_pages_of_a_product_at_each_station(live_server: Any, chromium: Browser, station: Any) -> None:
    person = everyone()
    product: Product = station(**({} if station is stations.proposed else {"owner": person}))
    with signed_in(chromium, live_server.url, person) as someone:
        for name in OF_A_PRODUCT:
            look(someone, reverse(f"inhouse:{name}", args=[product.pk]))
        for item in Item.objects.all():
            look(someone, reverse("inhouse:item", args=[item.pk]))


def test_the_pages_of_a_disposal(live_server: Any, chromium: Browser) -> None:
    """A product of long ago, whose day has come: proposed, read by the second person, and gone."""
    person = everyone()
    with stations.on_day("2012-03-01"):
        product = stations.expired()
    made = stations.proposed_disposal(product)
    with signed_in(chromium, live_server.url, person) as someone:
        for name in (
            "retention",
            "disposal",
            "disposal-cancel",
            "disposal-propose",
            "retention-hold",
            "retention-longer",
        ):
            look(someone, reverse(f"inhouse:{name}", args=[product.pk]))
        look(someone, reverse("inhouse:retention-all"))
        disposal.confirm(made, sha256=made.sha256, by=person)
        look(someone, reverse("inhouse:disposal", args=[product.pk]))
        stations.carry_out(made)
        for name in (*pages.STAYING, "disposal"):
            look(someone, reverse(f"inhouse:{name}", args=[product.pk]))


def test_the_public_pages_and_the_refusals(live_server: Any, chromium: Browser) -> None:
    stations.in_use()
    with signed_in(chromium, live_server.url, factories.nurse()) as nurse:
        for path, status in (("/register/", 200), ("/products/999999/", 404), ("/people/", 403)):
            answer = nurse.page.goto(live_server.url + path)
            assert answer is not None
            assert answer.status == status
            nurse.clean()
