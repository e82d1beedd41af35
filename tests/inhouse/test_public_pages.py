"""The public register: what anyone finds, and what nobody does."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from inhouse import declarations, withdrawal
from inhouse.models import Declaration, UnmetRequirement
from organisation.models import User
from products.models import Product
from tests import factories, stations

pytestmark = pytest.mark.django_db


def address(declaration: Declaration) -> str:
    return reverse("inhouse:public-declaration", args=[declaration.number])


def published(name: str = "Catheter adapter") -> Declaration:
    product = stations.declared(name)
    stations.registered(product)
    return stations.declaration(product)


def test_anyone_finds_a_published_declaration_and_reads_it(client: Client) -> None:
    declaration = published()
    page = client.get(reverse("inhouse:public"), {"q": "adapter"})
    assert f'href="{address(declaration)}"' in page.text
    page = client.get(address(declaration))
    for public in (
        "Holds a catheter in place",
        "Region Västanland",
        "Ola Berg",
        declaration.diary_number,
        declaration.file.sha256,
    ):
        assert public in page.text


def test_what_is_not_published_is_not_there_even_for_its_owner(client: Client) -> None:
    product = stations.declared()
    declaration = stations.declaration(product)
    client.force_login(stations.owner_of(product))
    assert client.get(address(declaration)).status_code == 404
    assert client.get(reverse("inhouse:public-file", args=[declaration.number])).status_code == 404
    assert declaration.number not in client.get(reverse("inhouse:public")).text


def test_what_was_declared_stays_whatever_happens_to_the_rows(client: Client) -> None:
    declaration = published()
    Product.objects.update(name="Something else")
    User.objects.update(name="Someone else", title="Chief")
    factories.institution(name="Another region")
    page = client.get(address(declaration)).text.split("<main", 1)[1]
    assert "Catheter adapter" in page
    assert "Ola Berg" in page
    for live in ("Something else", "Someone else", "Chief", "Another region"):
        assert live not in page


def test_the_pdf_is_the_signed_one_byte_by_byte(client: Client) -> None:
    declaration = published()
    answer = client.get(reverse("inhouse:public-file", args=[declaration.number]))
    assert answer.content == bytes(declaration.file.content)
    assert answer["Content-Type"] == "application/pdf"
    assert answer["Content-Disposition"] == f'inline; filename="{declaration.number}.pdf"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["ETag"] == f'"{declaration.file.sha256}"'
    again = client.get(
        reverse("inhouse:public-file", args=[declaration.number]), headers={"if-none-match": answer["ETag"]}
    )
    assert again.status_code == 304


def test_the_language_is_switched_without_signing_in_and_the_declaration_keeps_its_own(client: Client) -> None:
    declaration = published()
    client.post(reverse("organisation:language"), {"language": "nb", "next": address(declaration)})
    page = client.get(address(declaration))
    assert '<html lang="nb"' in page.text
    assert '<dd lang="sv">Holds a catheter in place</dd>' in page.text


def test_a_withdrawn_declaration_stays_readable_with_day_and_reason(client: Client) -> None:
    product = stations.in_use()
    declaration = stations.declaration(product)
    withdrawal.withdraw(product, reason="There is one to buy now", by=stations.owner_of(product))
    page = client.get(address(declaration))
    assert "Withdrawn on" in page.text
    assert "There is one to buy now" in page.text
    assert declaration.number in client.get(reverse("inhouse:public"), {"state": "withdrawn"}).text
    assert declaration.number not in client.get(reverse("inhouse:public"), {"state": "in_force"}).text


def test_a_replaced_declaration_leads_to_the_newer_one(client: Client) -> None:
    product = stations.second_in_force()
    first, second = Declaration.objects.order_by("version")
    page = client.get(address(first))
    assert f'href="{address(second)}"' in page.text
    for item in product.items.all():
        stations.scrapped(item)
    page = client.get(address(first))
    assert "Replaced on" in page.text
    assert first.number in client.get(reverse("inhouse:public"), {"state": "replaced"}).text


def test_a_declaration_that_was_withdrawn_before_use_is_no_newer_one(client: Client) -> None:
    product = stations.second_declared()
    first, second = Declaration.objects.order_by("version")
    declarations.withdraw(second, reason="A slip in the text", by=stations.owner_of(product))
    assert "A newer declaration" not in client.get(address(first)).text


def test_requirements_not_met_are_public_with_their_reasons(client: Client) -> None:
    product = stations.documented()
    UnmetRequirement.objects.create(
        revision=stations.coming(product),
        number="23.1",
        what="No instructions in print",
        why="Read on a screen at the ward",
    )
    stations.sign(product)
    stations.registered(product)
    declaration = stations.declaration(product)
    for page in (client.get(reverse("inhouse:public")), client.get(address(declaration))):
        assert "No instructions in print" in page.text
        assert "Read on a screen at the ward" in page.text


def test_the_register_asks_as_much_for_three_as_for_one(client: Client) -> None:
    published("Adapter 1")
    with CaptureQueriesContext(connection) as one:
        client.get(reverse("inhouse:public"))
    published("Adapter 2")
    published("Adapter 3")
    with CaptureQueriesContext(connection) as three:
        client.get(reverse("inhouse:public"))
    assert len(three) == len(one)


@pytest.mark.parametrize("number", ["%00", "IH-2026-0001-D1%00", "ih-2026", "%2e%2e"])
@pytest.mark.parametrize("place", ["/register/{}/", "/register/{}/pdf/", "/declarations/{}/file.pdf"])
def test_what_is_no_number_of_a_declaration_is_found_nowhere(
    client: Client, nurse: User, number: str, place: str
) -> None:
    client.force_login(nurse)
    assert client.get(place.format(number)).status_code == 404


def test_signs_that_no_database_keeps_are_found_nowhere(client: Client) -> None:
    for query in ("q=%00", "administration=%00", "state=%00", "page=%00"):
        assert client.get(f"/register/?{query}").status_code == 200
