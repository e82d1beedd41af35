"""The market search at the door: a step of the proposal, and renewed as long as the product lives."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from inhouse.models import MarketSearch
from organisation.models import User
from products.models import Product
from tests import factories, stations

pytestmark = pytest.mark.django_db

LINE = {"device": "CathFix", "maker": "Fixo AB", "shortfall": "Too wide"}


def page(product: Product) -> str:
    return reverse("inhouse:market", args=[product.pk])


def sent(*lines: dict[str, str], **changes: str) -> dict[str, str]:
    """A search as the browser sends it."""
    form = {
        "result": "none_fits",
        "sources": "EUDAMED",
        "justification": "All are too wide",
        "searched_on": "2026-01-02",
        "devices-TOTAL_FORMS": str(len(lines)),
        "devices-INITIAL_FORMS": "0",
    }
    for index, line in enumerate(lines):
        form |= {f"devices-{index}-{name}": value for name, value in line.items()}
    return form | changes


def drawn(answer: Any) -> list[str]:
    """The devices on the page, by name."""
    return [line["device"].value() or "" for line in answer.context["devices"]]


@pytest.fixture
def searcher(client: Client, engineer: User) -> Client:
    client.force_login(engineer)
    return client


def test_a_search_of_the_proposal_leads_on_to_the_next_step(searcher: Client) -> None:
    product = stations.proposed()
    answer = searcher.post(page(product), sent(LINE, {"device": "", "maker": "", "shortfall": ""}))
    assert answer["Location"] == reverse("inhouse:assessment-prohibitions", args=[product.pk])
    search = MarketSearch.objects.get()
    assert [str(candidate) for candidate in search.candidates.all()] == ["CathFix, Fixo AB"]


def test_devices_that_exist_but_do_not_fit_are_named(searcher: Client) -> None:
    answer = searcher.post(page(stations.proposed()), sent())
    assert "Name the devices that were considered" in answer.content.decode()
    assert "All are too wide" in answer.content.decode()
    assert not MarketSearch.objects.exists()


def test_a_device_without_a_reason_is_refused(searcher: Client) -> None:
    answer = searcher.post(page(stations.proposed()), sent(LINE | {"shortfall": ""}))
    assert answer.context["devices"].errors == [{"shortfall": ["This field is required."]}]
    assert not MarketSearch.objects.exists()


def test_a_search_cannot_lie_in_the_future(searcher: Client) -> None:
    answer = searcher.post(page(stations.proposed()), sent(LINE, searched_on="2999-01-01"))
    assert list(answer.context["form"].errors) == ["searched_on"]
    assert drawn(answer) == ["CathFix"]


def test_a_line_is_added_and_removed_without_scripts_and_nothing_typed_is_lost(searcher: Client) -> None:
    product = stations.proposed()
    answer = searcher.post(page(product), sent(LINE, sources="Half a sen", add="1"))
    assert drawn(answer) == ["CathFix", ""]
    assert "Half a sen" in answer.content.decode()
    assert not answer.context["refused"]
    answer = searcher.post(page(product), sent(LINE, LINE | {"device": "Other"}, remove="0"))
    assert drawn(answer) == ["Other"]
    assert not MarketSearch.objects.exists()


def test_whoever_typed_nothing_leaves_without_a_search(searcher: Client) -> None:
    product = stations.proposed()
    answer = searcher.post(page(product), sent({}, result="", sources="", justification="", leave="1"))
    assert answer["Location"] == reverse("inhouse:assessment", args=[product.pk])


def test_a_recorded_search_can_be_corrected_in_the_proposal(searcher: Client) -> None:
    product = stations.assessed()
    answer = searcher.get(page(product), {"new": ""})
    assert answer.context["form"].initial["justification"] == "All adapters are made for adults"
    assert drawn(answer) == ["CathFix"]
    searcher.post(page(product), sent(LINE, justification="In other words"))
    assert MarketSearch.objects.filter(product=product).count() == 2


def test_a_renewal_says_anew_why_each_device_falls_short(searcher: Client) -> None:
    with stations.on_day("2023-02-01"):
        product = stations.owned()
    answer = searcher.get(page(product))
    assert answer.context["overdue"]
    assert "step 6" not in answer.content.decode()
    answer = searcher.get(page(product), {"new": ""})
    assert drawn(answer) == ["CathFix"]
    assert [line["shortfall"].value() for line in answer.context["devices"]] == [""]
    answer = searcher.post(page(product), sent(LINE), follow=True)
    assert [len(considered) for _search, considered in answer.context["searches"]] == [1, 1]
    assert answer.context["due"].year == 2027


def test_who_may_not_search_reads_the_searches(client: Client) -> None:
    product = stations.eligible()
    client.force_login(factories.user("Kim Sand", at=factories.ward(), title="Nurse"))
    answer = client.get(page(product), {"new": ""})
    assert "CathFix" in answer.content.decode()
    assert not answer.context["writing"]
    assert client.post(page(product), sent(LINE)).status_code == 403


def test_three_searches_take_as_many_queries_as_one(searcher: Client, django_assert_max_num_queries: Any) -> None:
    once, thrice = stations.eligible("Searched once"), stations.eligible("Searched thrice")
    stations.searched(thrice)
    stations.searched(thrice)
    searcher.get(page(once))
    with django_assert_max_num_queries(100) as one:
        searcher.get(page(once))
    with django_assert_max_num_queries(len(one)):
        answer = searcher.get(page(thrice))
    assert len(answer.context["searches"]) == 3
