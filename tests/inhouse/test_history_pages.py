"""The history of a product on its page."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from inhouse import owners, tracing
from inhouse.views import history
from organisation import clock
from organisation.history import acting
from organisation.models import User
from products import identity
from products.models import Product
from tests import factories, stations

pytestmark = pytest.mark.django_db


def address(product: Product) -> str:
    return reverse("inhouse:history", args=[product.pk])


def test_a_nurse_reads_who_did_what_and_why(client: Client, nurse: User) -> None:
    product = stations.eligible()
    client.force_login(nurse)
    page = client.get(address(product)).text
    assert "Nina Falk added product “IH-" in page
    assert "Stage changed from “proposed” to “eligible”." in page
    assert "Reason: Nothing else fits" in page


def test_days_stand_apart_newest_first(client: Client, nurse: User) -> None:
    with stations.on_day("2026-02-01"):
        product = stations.eligible()
    with stations.on_day("2026-03-01"):
        owners.appoint(product, person=factories.person(None), by=stations.manager(product))
    client.force_login(nurse)
    page = client.get(address(product)).text
    assert page.index("1 March 2026") < page.index("1 February 2026")


def test_what_was_written_outside_the_register_stands_out(client: Client, nurse: User) -> None:
    product = stations.proposed()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE products_product SET name = 'Smuggled' WHERE id = %s", [product.pk])
    client.force_login(nurse)
    page = client.get(address(product)).text
    assert "written outside the register" in page
    assert "Name changed from “Catheter adapter” to “Smuggled”." in page


def test_a_long_text_is_folded_and_whole(client: Client, nurse: User) -> None:
    product = stations.in_development()
    stations.describe(product, description="A printed adapter. " * 40 + "The end.")
    client.force_login(nurse)
    page = client.get(address(product)).text
    assert page.count("The whole text") == 1
    assert "A printed adapter. The end." in page


def test_uses_with_patients_are_only_for_those_who_note_them(client: Client, nurse: User, engineer: User) -> None:
    product = stations.in_use()
    number = identity.parse("se_personnummer", "19900602-2397")
    tracing.note_use(product.items.get(), identifier=number, used_on=clock.today(), unit=factories.ward(), by=engineer)
    client.force_login(nurse)
    assert "added use with a patient" not in client.get(address(product)).text
    client.force_login(engineer)
    assert "added use with a patient" in client.get(address(product)).text


def test_the_history_is_narrowed_to_a_person_and_a_kind(client: Client, nurse: User) -> None:
    product = stations.eligible()
    client.force_login(nurse)
    page = client.get(address(product), {"person": str(nurse.pk), "kind": "products.product"}).text.split("<main", 1)[1]
    assert "Nina Falk added product" in page
    assert "Eva Ek added" not in page


def test_only_the_latest_are_shown_until_all_are_asked_for(
    client: Client, nurse: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "LATEST", 3)
    product = stations.eligible()
    client.force_login(nurse)
    assert "Nina Falk added product" not in client.get(address(product)).text
    assert "Nina Falk added product" in client.get(f"{address(product)}?all").text


def test_nobody_reads_it_without_signing_in(client: Client) -> None:
    product = stations.proposed()
    assert client.get(address(product)).url.startswith(reverse("organisation:login"))  # type: ignore[attr-defined]


def test_the_history_asks_as_much_for_three_items_as_for_one(client: Client, nurse: User) -> None:
    product = stations.declared()
    client.force_login(nurse)
    counts = []
    for names in (["1"], ["2", "3"]):
        for name in names:
            stations.placed(product, name)
        with CaptureQueriesContext(connection) as asked:
            client.get(address(product))
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_a_step_a_paper_and_an_examination_are_told_as_what_they_are(client: Client, nurse: User) -> None:
    product = stations.declared()
    client.force_login(nurse)
    page = client.get(f"{address(product)}?all").text
    revision = f"{product.number}, revision 1"
    assert f"changed the status of {product.number} from “eligible” to “development”." in page
    assert f"changed the status of {revision} from “open” to “declared”." in page
    assert f"recorded the validation of {revision}." in page
    assert "added the document “" in page
    assert "added step" not in page


def test_answers_are_told_by_their_question(client: Client, nurse: User) -> None:
    client.force_login(nurse)
    text = client.get(reverse("inhouse:history", args=[stations.assessed().pk]), {"of": "assessment"}).content.decode()
    assert "industrial scale" in text
    assert "industrial_scale" not in text


def test_the_page_of_a_subject_tells_what_became_of_the_product_itself(client: Client, nurse: User) -> None:
    product = stations.in_development()
    client.force_login(nurse)

    def told(of: str) -> str:
        return client.get(reverse("inhouse:history-latest", args=[product.pk]), {"of": of}).text

    system = factories.quality_system()
    assert f"Quality management system: “{system}”." in told("design")
    assert "Stage changed" not in told("design")
    assert f"Product owner: “{stations.owner_of(product)}”." in told("owner")
    with acting(nurse):
        Product.objects.filter(pk=product.pk).update(unit=factories.ward(), name="Another name")
    assert "Manufacturing unit changed from “Medicinsk teknik” to “Vårdavdelning 5”." in told("owner")
    assert "Name changed" not in told("owner")
    assert "Name changed from “Catheter adapter” to “Another name”." in told("assessment")
