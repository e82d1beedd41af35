"""Wherever a person looks for a name, it stands where their alphabet has it."""

from __future__ import annotations

from datetime import date

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from inhouse.lists import lines
from organisation import clock
from organisation.models import Administration, User
from products.models import UnitUse
from tests import factories, stations

NAMES = {
    "sv": ["Aasen", "Zetterström", "Ågren", "Ärlig", "Ærlig", "Öberg", "Østby"],
    "nb": ["Zetterström", "Ærlig", "Ärlig", "Öberg", "Østby", "Ågren", "Aasen"],
    "en": ["Aasen", "Ærlig", "Ågren", "Ärlig", "Öberg", "Østby", "Zetterström"],
}


@pytest.fixture
def names(institution: object) -> None:
    """Administrations, units and people of these names, made in no order."""
    for name in ("Öberg", "Ærlig", "Aasen", "Østby", "Zetterström", "Ärlig", "Ågren"):
        place = factories.administration(name)
        factories.unit(f"{name} ward", at=factories.administration())
        factories.user(f"{name} Person", at=factories.unit())
        factories.unit("Only unit", at=place)


def reader(client: Client, someone: User, language: str) -> Client:
    client.force_login(someone)
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    return client


def order(page: str, ending: str = "") -> list[str]:
    """The names in the order of their first appearance."""
    found = {name: page.find(f">{name}{ending}") for name in NAMES["en"]}
    assert -1 not in found.values(), found
    return sorted(found, key=lambda name: found[name])


@pytest.mark.parametrize("language", NAMES)
@pytest.mark.parametrize(("page", "ending"), [
    ("inhouse:places", ""), ("inhouse:lists", ""), ("inhouse:products", "<"), ("inhouse:items-all", "<"),
    ("organisation:people", " Person"), ("organisation:person-add", " ward"),
])  # fmt: skip
@pytest.mark.usefixtures("names")
def test_lists_and_choices_follow_the_reader(
    client: Client, operator: User, page: str, ending: str, language: str
) -> None:
    answer = reader(client, operator, language).get(reverse(page))
    assert order(answer.content.decode(), ending) == NAMES[language]


@pytest.mark.parametrize("language", NAMES)
@pytest.mark.usefixtures("names")
def test_the_pages_of_one_product_follow_the_reader(client: Client, language: str) -> None:
    product = stations.eligible()
    person = reader(client, stations.manager(product), language)
    assert order(person.get(reverse("inhouse:owner", args=[product.pk])).content.decode(), " Person") == NAMES[language]
    keeper = reader(client, stations.engineer(product), language)
    assert order(keeper.get(reverse("inhouse:units", args=[product.pk])).content.decode(), " ward") == NAMES[language]


@pytest.mark.usefixtures("names")
def test_the_list_for_the_regulator_follows_the_reader(administration: Administration) -> None:
    product = stations.eligible()
    for name in NAMES["en"]:
        UnitUse.objects.create(
            product=product, unit=factories.unit(f"{name} ward"), part=UnitUse.Part.USES, since=date(2020, 1, 1)
        )
    for language, names in NAMES.items():
        with translation.override(language):
            found = [line.unit for line in lines(administration, on=clock.today())]
            assert [unit for unit in found if unit.endswith(" ward")] == [f"{name} ward" for name in names]


def test_an_order_is_one_query(client: Client, operator: User) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            client.get(reverse("organisation:people"))
        return len(captured)

    client.force_login(operator)
    queries()
    before = queries()
    for name in NAMES["sv"]:
        factories.user(name)
    assert queries() == before


def test_items_are_counted_and_not_spelt(client: Client, engineer: User) -> None:
    product = stations.in_use()
    first = product.items.get()
    for number in ("10", "9", "100"):
        first.pk, first.identifier, first.label_code = None, f"Z{number}", f"Z{number}"
        first.save()
    page = reader(client, engineer, "en").get(reverse("inhouse:items-all")).content.decode()
    found = sorted(("Z9", "Z10", "Z100"), key=lambda number: page.find(f">{number}<"))
    assert found == ["Z9", "Z10", "Z100"]
