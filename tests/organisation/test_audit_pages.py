"""The history of everything, and pages for when something goes wrong."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client, RequestFactory
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings

from inhouse import assessment
from organisation.models import Unit, User
from organisation.views import audit, errors
from tests import factories, stations

pytestmark = pytest.mark.django_db
ADDRESS = "/audit/"


def test_an_auditor_reads_what_everyone_did(client: Client, auditor: User) -> None:
    stations.proposed()
    client.force_login(auditor)
    assert "Nina Falk added product “IH-" in client.get(ADDRESS).text


def test_a_step_and_an_answer_are_told_in_words(client: Client, auditor: User, engineer: User) -> None:
    product = stations.proposed()
    assessment.reply(product, "prohibitions", "industrial_scale", "no", reason="Ten a year", by=engineer)
    client.force_login(auditor)
    page = client.get(ADDRESS).text
    assert f"Nina Falk changed the status of {product.number} from “new” to “proposed”." in page
    assert "outside_use" not in page
    assert "industrial scale" in page


def test_nobody_else_does(client: Client, engineer: User) -> None:
    client.force_login(engineer)
    page = client.get(ADDRESS)
    assert page.status_code == 403
    assert "auditor, head office." in page.text


def test_what_was_written_outside_is_marked_and_can_be_listed_alone(client: Client, auditor: User, unit: Unit) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE organisation_unit SET site = 'Smuggled' WHERE id = %s", [unit.pk])
    stations.proposed()
    client.force_login(auditor)
    page = client.get(ADDRESS, {"outside": "on"}).text
    assert "written outside the register" in page
    assert "Smuggled" in page
    assert "Nina Falk added product" not in page


def test_the_history_is_narrowed_to_a_person_and_a_day(client: Client, auditor: User) -> None:
    for day in ("2026-02-01", "2026-03-01"):
        with stations.on_day(day):
            stations.proposed(f"Adapter of {day}")
    client.force_login(auditor)
    page = client.get(ADDRESS, {"person": str(factories.nurse().pk), "day": "2026-03-01"}).text
    assert "Adapter of 2026-03-01" in page
    assert "Adapter of 2026-02-01" not in page


def test_pages_follow_each_other_without_a_gap_or_a_repeat(
    client: Client, auditor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "PER_PAGE", 4)
    for day in ("2026-03-01", "2026-02-01"):  # told in another order than lived
        with stations.on_day(day):
            for number in range(3):
                stations.proposed(f"Adapter {number} of {day}")
    client.force_login(auditor)
    address, told = ADDRESS, []
    for _page in range(100):
        page = client.get(address).text
        told += re.findall(r"added product “IH-[^ ]+ (Adapter \d of [\d-]+)”", page)
        older = re.search(r'href="(\?[^"]*until[^"]*)"', page)
        if not older:
            break
        address = ADDRESS + older[1].replace("&amp;", "&")
    expected = [f"Adapter {number} of {day}" for day in ("2026-03-01", "2026-02-01") for number in (2, 1, 0)]
    assert told == expected


def test_nonsense_in_the_address_is_left_aside(client: Client, auditor: User) -> None:
    client.force_login(auditor)
    for query in (
        {"until": "yesterday"},
        {"until": "2026-13-45T00:00"},
        {"day": "x"},
        {"person": "0"},
        {"after": "-1"},
    ):
        assert client.get(ADDRESS, query).status_code == 200


# --- when something goes wrong


@pytest.mark.parametrize(
    ("language", "word"), [("sv", 'lang="sv"'), ("nb", 'lang="nb"'), ("en", "There is nothing at this address")]
)
def test_what_is_not_there_is_said_in_the_readers_language(client: Client, language: str, word: str) -> None:
    page = client.get("/nowhere/", headers={"accept-language": language})
    assert page.status_code == 404
    assert word in page.text


def test_the_page_for_failures_asks_nothing_of_the_database(
    rf: RequestFactory, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    request = rf.get("/", headers={"accept-language": "nb"})
    with django_assert_num_queries(0):
        page = errors.failed(request)
    assert page.status_code == 500
    assert '<html lang="nb"' in page.text


def test_too_much_at_once_is_said_so(client: Client, nurse: User, settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    client.force_login(nurse)
    page = client.post(reverse("inhouse:propose"), {"name": "x" * 200})
    assert page.status_code == 413
    assert "This was too much to send at once" in page.text


def test_a_form_that_is_too_old_is_refused_with_a_way_on(nurse: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(nurse)
    page = client.post(reverse("organisation:password"), {})
    assert page.status_code == 403
    assert "The form was not sent" in page.text


@pytest.mark.parametrize(
    "query",
    [
        "day=0001-01-01",
        "day=9999-12-31",
        "until=0001-01-01T00:00:00%2B14:00",
        "until=9999-12-31T23:59:59-12:00",
        "until=2026-03-01T00:00:00Z&after=²",
        "person=%00",
    ],
)
def test_an_address_that_makes_no_sense_narrows_nothing(client: Client, auditor: User, query: str) -> None:
    stations.proposed()
    client.force_login(auditor)
    page = client.get(f"{ADDRESS}?{query}")
    assert page.status_code == 200
    assert ("Nina Falk added product" in page.text) is not query.startswith("until=2026")
