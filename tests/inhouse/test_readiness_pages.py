"""Readiness for use, and the units that make and use a product, at the door."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from inhouse import declarations, readiness
from inhouse.models import Readiness
from organisation import clock
from organisation.models import Unit, User
from products.models import Product, UnitUse
from tests import factories, stations

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def quick_pdf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(declarations, "render", stations.unset)


@pytest.fixture
def product(db: None) -> Product:
    return stations.in_development(design={"risk_class": "IIa"})


def page(name: str, of: int) -> str:
    return reverse(f"inhouse:{name}", args=[of])


def read(client: Client, address: str, *, by: User | None = None) -> str:
    if by:
        client.force_login(by)
    answer = client.get(address)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def sent(answer: Any, **changes: str) -> dict[str, Any]:
    """What the form on the page would send."""
    form = answer.context["form"]
    return {field.html_name: "" if (value := field.value()) is None else value for field in form} | changes


WRITTEN = {name: str(value) for name, value in stations.READINESS.items()}


def test_readiness_is_written_with_the_interval_of_the_class(client: Client, product: Product, engineer: User) -> None:
    client.force_login(engineer)
    asked = client.get(page("readiness", product.pk))
    assert asked.context["form"]["follow_up_months"].value() == 24
    answer = client.post(page("readiness", product.pk), sent(asked, **WRITTEN))
    assert answer.status_code == 302
    ready = Readiness.objects.get()
    assert (ready.managing_organisation, ready.confirmed_on) == ("Medicinsk teknik", clock.today())


def test_training_that_is_needed_has_a_plan(client: Client, product: Product, engineer: User) -> None:
    client.force_login(engineer)
    answer = client.post(page("readiness", product.pk), WRITTEN | {"training_plan": ""})
    assert list(answer.context["form"].errors) == ["training_plan"]
    assert "mt@vastanland.example" in answer.content.decode()
    assert not Readiness.objects.exists()


def test_what_is_carried_over_is_confirmed_by_saving(client: Client, engineer: User) -> None:
    product = stations.second_revision()
    client.force_login(engineer)
    asked = client.get(page("readiness", product.pk))
    assert "not confirmed yet" in asked.content.decode()
    assert client.post(page("readiness", product.pk), sent(asked)).status_code == 302
    assert "not confirmed yet" not in read(client, page("readiness", product.pk))


def test_two_people_writing_at_once_see_both_versions(
    client: Client, product: Product, engineer: User, owner: User
) -> None:
    stations.prepared(stations.coming(product))
    client.force_login(engineer)
    asked = client.get(page("readiness", product.pk))
    readiness.prepare(stations.coming(product), stations.READINESS | {"resources": "Two people"}, by=owner)
    answer = client.post(page("readiness", product.pk), sent(asked, resources="Three people"))
    assert "Two people" in answer.content.decode()
    assert "Three people" in answer.content.decode()
    assert client.post(page("readiness", product.pk), sent(answer)).status_code == 302
    assert Readiness.objects.get().resources == "Three people"


def test_a_nurse_reads_the_readiness_and_writes_nothing(client: Client, product: Product, nurse: User) -> None:
    assert "Nothing is written yet" in read(client, page("readiness", product.pk), by=nurse)
    stations.prepared(stations.coming(product))
    told = read(client, page("readiness", product.pk))
    assert "Ten minutes at the ward" in told
    assert "<textarea" not in told
    assert client.post(page("readiness", product.pk), WRITTEN).status_code == 403


# Units


def test_a_unit_is_listed_and_ended(client: Client, product: Product, engineer: User, ward: Unit) -> None:
    client.force_login(engineer)
    wanted = {"unit": str(ward.pk), "part": "uses", "since": "2026-01-02"}
    assert client.post(page("units", product.pk), wanted).status_code == 302
    use = UnitUse.objects.get()
    assert (use.unit, use.part) == (ward, "uses")
    assert "already listed" in client.post(page("units", product.pk), wanted).content.decode()
    assert client.post(page("units-end", use.pk), {"until": "2026-02-01"}).status_code == 302
    use.refresh_from_db()
    assert str(use.until) == "2026-02-01"
    assert "already recorded" in client.post(page("units-end", use.pk), {"until": "2026-03-01"}).content.decode()


def test_a_unit_does_not_end_before_it_begins(client: Client, product: Product, engineer: User) -> None:
    stations.listed(product)
    use = product.unit_uses.first()
    assert use
    client.force_login(engineer)
    answer = client.post(page("units-end", use.pk), {"until": "2000-01-01"})
    assert "cannot come before the first" in answer.content.decode()
    use.refresh_from_db()
    assert use.until is None


def test_units_are_chosen_by_administration(client: Client, product: Product, engineer: User) -> None:
    factories.ward("Barnkliniken", at=factories.other_administration())
    told = read(client, page("units", product.pk), by=engineer)
    assert '<optgroup label="Kustsjukhuset">' in told


def test_a_nurse_reads_the_units_and_changes_none(client: Client, product: Product, nurse: User, ward: Unit) -> None:
    stations.listed(product)
    use = product.unit_uses.first()
    assert use
    told = read(client, page("units", product.pk), by=nurse)
    assert str(ward) in told
    assert page("units-end", use.pk) not in told
    assert client.get(page("units-end", use.pk)).status_code == 200
    assert client.post(page("units-end", use.pk), {"until": "2030-01-01"}).status_code == 403
    assert client.post(page("units", product.pk), {}).status_code == 403


def test_three_units_cost_no_more_queries_than_one(client: Client, product: Product, engineer: User) -> None:
    counts = []
    client.force_login(engineer)
    for name in ("Operation 1", "Operation 2", "Operation 3"):
        unit = factories.ward(name)
        readiness.list_unit(product, unit=unit, part="uses", since=clock.today(), by=engineer)
        client.get(page("units", product.pk))
        with CaptureQueriesContext(connection) as captured:
            client.get(page("units", product.pk))
        counts.append(len(captured))
    assert len(set(counts)) == 1


def test_no_unit_can_be_chosen_for_a_product_that_is_out_of_use(client: Client, engineer: User, ward: Unit) -> None:
    product = stations.withdrawn("Old adapter")
    told = read(client, page("units", product.pk), by=engineer)
    assert "Units are listed from the decision to make the product until it is out of use" in told
    assert 'name="unit"' not in told
    listed = UnitUse.objects.count()
    client.post(page("units", product.pk), {"unit": ward.pk, "part": "makes", "since": "2026-01-01"})
    assert UnitUse.objects.count() == listed
