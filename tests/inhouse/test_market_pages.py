"""The market search at the door: in the guided assessment, and renewed as long as the product lives."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import reverse

from inhouse import market
from inhouse.models import Assessment, Candidate, MarketFile, MarketSearch
from organisation import clock
from organisation.models import User
from products.models import Product
from tests import factories, stations
from tests.costs import cost

pytestmark = pytest.mark.django_db

LINE = {"source": "EUDAMED", "query": "adapter", "hits": "3", "looked_on": "2026-01-02", "looked_by": "Eva Ek"}
DEVICE = {"device": "CathFix", "maker": "Fixo AB", "is_device": "True", "lasts": "", "shortfall": "Too wide"}
WHY = {"result": "none_fits", "grounds": ["fit"], "justification": "All are too wide", "title": ""}


def page(name: str, product: Product, *more: Any) -> str:
    return reverse(f"inhouse:{name}", args=[product.pk, *more])


def lines(*given: dict[str, str], **changes: str) -> dict[str, str]:
    """Places as the browser sends them."""
    form = {"places-TOTAL_FORMS": str(len(given)), "places-INITIAL_FORMS": "0", "sources": "", "seen": ""}
    for index, line in enumerate(given):
        form |= {f"places-{index}-{name}": value for name, value in line.items()}
    return form | changes


def drawn(answer: Any) -> list[str]:
    """The places on the page, by name."""
    return [line["source"].value() or "" for line in answer.context["places"]]


def conclude(client: Client, product: Product, said: dict[str, Any], **more: Any) -> Any:
    """Send the conclusion as the page was shown."""
    seen = client.get(page("market-conclusion", product)).context["form"]["seen"].value()
    given = said | {"seen": "" if seen is None else str(seen)}
    return client.post(page("market-conclusion", product), given, **more)


def read(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


@pytest.fixture
def searcher(client: Client, engineer: User) -> Client:
    client.force_login(engineer)
    return client


@pytest.fixture
def product(db: None) -> Product:
    product = stations.needed()
    product.assessments.update(need_on="2026-01-01")
    return product


@pytest.fixture
def draft(product: Product, engineer: User) -> MarketSearch:
    search = market.begin(product, by=engineer)
    market.look(search, [{"source": "EUDAMED"}], by=engineer)
    market.consider(search, **stations.CATHFIX, by=engineer)
    return search


# --- the way


def test_the_way_leads_from_the_places_by_the_devices_to_the_conclusion(searcher: Client, product: Product) -> None:
    assert searcher.get(page("market", product))["Location"] == page("market-places", product)
    answer = searcher.post(page("market-places", product), lines(LINE, LINE | {"source": "", "query": "", "hits": ""}))
    assert answer["Location"] == page("market-candidate", product, "new")
    assert searcher.get(page("market", product))["Location"] == page("market-candidates", product)
    answer = searcher.post(page("market-candidate", product, "new"), DEVICE)
    assert answer["Location"] == page("market-conclusion", product)
    again = searcher.post(page("market-candidate", product, "new"), DEVICE | {"device": "CathHold", "another": "1"})
    assert again["Location"] == page("market-candidate", product, "new")
    other = MarketSearch.objects.get().candidates.get(device="CathHold")
    searcher.post(page("market-candidates", product), {"drop": other.pk})
    assert "CathFix" in read(searcher.get(page("market-candidates", product)))
    assert searcher.post(page("market-candidates", product))["Location"] == page("market-conclusion", product)
    answer = conclude(searcher, product, WHY)
    assert answer.status_code == 302
    search = MarketSearch.objects.get()
    assert search.is_concluded
    assert [str(place) for place in search.lookups.all()] == ["EUDAMED"]
    assert [str(candidate) for candidate in search.candidates.all()] == ["CathFix, Fixo AB"]
    assert [ground.kind for ground in search.grounds.all()] == ["fit"]


def test_a_concluded_search_is_shown_on_the_way_and_corrected_by_a_new_one(searcher: Client) -> None:
    product = stations.assessed(submit=False)
    for name, told in (
        ("market-places", "adapter for children"),
        ("market-candidates", "A clip of twelve millimetres"),
        ("market-conclusion", "All adapters are made for adults"),
    ):
        answer = searcher.get(page(name, product))
        assert told in read(answer)
        assert "Correct the search" in read(answer)
        assert searcher.post(page(name, product), lines(LINE))["Location"] == page(name, product)
    assert MarketSearch.objects.count() == 1
    assert searcher.post(page("market", product), {"correct": "1"})["Location"] == page("market-places", product)
    answer = searcher.get(page("market-places", product))
    assert drawn(answer) == ["EUDAMED", "Fixo AB"]
    answer = searcher.get(page("market-conclusion", product))
    assert answer.context["difference"].is_none
    assert answer.context["form"]["justification"].value() == "All adapters are made for adults"


def test_whoever_leaves_finds_everything_again(searcher: Client, product: Product) -> None:
    answer = searcher.post(page("market-places", product), lines({}, leave="1"))
    assert answer["Location"] == page("assessment", product)
    assert not MarketSearch.objects.exists()
    searcher.post(page("market-places", product), lines(LINE, leave="1"))
    assert drawn(searcher.get(page("market-places", product))) == ["EUDAMED"]
    half = {"result": "", "grounds": ["cost"], "justification": "Half a sen", "leave": "1"}
    assert conclude(searcher, product, half)["Location"] == page("assessment", product)
    form = searcher.get(page("market-conclusion", product)).context["form"]
    assert (form["justification"].value(), form["grounds"].value()) == ("Half a sen", ["cost"])


def test_who_may_not_assess_or_comes_too_late_reads(client: Client, draft: MarketSearch, engineer: User) -> None:
    product = draft.product
    client.force_login(factories.user("Kim Sand", at=factories.ward(), title="Nurse"))
    assert "A search is under way" in read(client.get(page("market", product)))
    assert client.get(page("market-places", product))["Location"] == page("market", product)
    assert client.post(page("market-places", product), lines(LINE)).status_code == 403
    Assessment.objects.filter(product=product).update(submitted_on=clock.today(), submitted_by=engineer)
    client.force_login(engineer)
    assert client.get(page("market-conclusion", product))["Location"] == page("market", product)
    client.post(page("market-conclusion", product), WHY)
    assert not MarketSearch.objects.get().is_concluded


# --- the places


def test_a_line_is_added_and_removed_without_scripts_and_nothing_typed_is_lost(
    searcher: Client, product: Product
) -> None:
    answer = searcher.post(page("market-places", product), lines(LINE, sources="Half a sen", add="1"))
    assert drawn(answer) == ["EUDAMED", ""]
    assert "Half a sen" in read(answer)
    assert not answer.context["refused"]
    answer = searcher.post(page("market-places", product), lines(LINE, LINE | {"source": "A fair"}, remove="0"))
    assert drawn(answer) == ["A fair"]
    assert not MarketSearch.objects.exists()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (LINE | {"source": ""}, "This field is required"),
        (LINE | {"looked_on": ""}, "This field is required"),
        (LINE | {"looked_on": "2150-01-01"}, "EUDAMED: the search cannot lie in the future"),
        ({}, "Name at least one place"),
    ],
)
def test_a_refused_place_keeps_what_was_typed(
    searcher: Client, product: Product, line: dict[str, str], why: str
) -> None:
    answer = searcher.post(page("market-places", product), lines(line, sources="Half a sen"))
    assert why in read(answer)
    assert "Half a sen" in read(answer)
    assert drawn(answer) == [line.get("source", "")]
    assert not MarketSearch.objects.exists()


def test_of_two_who_write_the_later_sees_what_the_other_saved(searcher: Client, draft: MarketSearch) -> None:
    address = page("market-places", draft.product)
    seen = searcher.get(address).context["form"]["seen"].value()
    searcher.post(address, lines(LINE | {"source": "A fair"}, seen=seen))
    answer = searcher.post(address, lines(LINE, seen=seen))
    assert "while you were writing" in read(answer)
    assert [place.source for place in answer.context["others"]] == ["A fair"]
    searcher.post(address, lines(LINE, seen=answer.context["form"]["seen"].value()))
    assert [place.source for place in draft.lookups.all()] == ["EUDAMED"]


# --- the devices


def test_a_device_is_judged_on_its_page_and_dropped_from_the_list(searcher: Client, draft: MarketSearch) -> None:
    candidate = draft.candidates.get()
    address = page("market-candidate", draft.product, candidate.pk)
    answer = searcher.get(address)
    assert "Children under ten kilos" in read(answer)
    assert answer.context["form"]["technical"].value() == "A clip of twelve millimetres"
    seen = answer.context["form"]["seen"].value()
    searcher.post(address, DEVICE | {"seen": seen, "udi_di": "0735", "risk_class": "I", "is_ce_marked": "False"})
    candidate.refresh_from_db()
    assert (candidate.is_device, candidate.is_ce_marked, candidate.lasts) == (True, False, None)
    assert candidate.market_device is not None
    assert (candidate.market_device.udi_di, candidate.market_device.risk_class) == ("0735", "I")
    searcher.post(page("market-candidates", draft.product), {"drop": str(candidate.pk)})
    assert not draft.candidates.exists()


def test_a_refused_device_keeps_what_was_typed(searcher: Client, draft: MarketSearch) -> None:
    answer = searcher.post(page("market-candidate", draft.product, "new"), DEVICE | {"clinical": "Half a sen"})
    assert list(answer.context["form"].errors) == ["device"]
    assert "already considered" in read(answer)
    assert "Half a sen" in read(answer)
    answer = searcher.post(page("market-candidate", draft.product, "new"), {"maker": "Fixo AB", "clinical": "Half a"})
    assert list(answer.context["form"].errors) == ["device"]
    assert Candidate.objects.count() == 1


def test_a_known_device_is_offered_while_typing_and_without_scripts_and_fills_in_itself(
    searcher: Client, product: Product
) -> None:
    other = stations.eligible("Holder")
    told = read(searcher.get(page("market-known", product), {"device": "cath", "maker": ""}))
    assert f"Judged for {other.number} Holder" in told
    assert "Too wide" in told
    address = page("market-candidate", product, "new")
    answer = searcher.post(address, {"device": "cath", "clinical": "Half a sen", "find": "1"})
    [known] = answer.context["known"]
    assert "Half a sen" in read(answer)
    answer = searcher.post(address, {"device": "cath", "clinical": "Half a sen", "known": str(known.device.pk)})
    form = answer.context["form"]
    assert not form.is_bound
    filled = {name: form[name].value() for name in ("device", "maker", "is_ce_marked", "suits_use", "clinical")}
    assert filled == {
        "device": "CathFix", "maker": "Fixo AB", "is_ce_marked": True, "suits_use": "", "clinical": "Half a sen"
    }  # fmt: skip
    assert "Too wide" in read(answer)
    assert not form["shortfall"].value()
    answer = searcher.post(address, {"device": "quite another", "find": "1"})
    assert "No device with these words is known" in read(answer)


def test_a_device_of_another_product_or_a_concluded_search_is_not_found(
    searcher: Client, product: Product, draft: MarketSearch
) -> None:
    other = stations.eligible("Holder").market_searches.get().candidates.get()
    for key in (other.pk, "nonsense"):
        assert searcher.get(page("market-candidate", product, key)).status_code == 404
    assert searcher.post(page("market-candidates", product), {"drop": str(other.pk)}).status_code == 404


# --- the conclusion


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"grounds": ["cost"]}, "Cost alone does not justify"),
        ({"grounds": []}, "MDCG 2023-1, 3.2.3"),
        ({"justification": ""}, "cannot be left empty"),
        ({"result": ""}, "cannot be left empty"),
    ],
)
def test_a_refused_conclusion_keeps_what_was_typed(
    searcher: Client, draft: MarketSearch, changes: dict[str, Any], why: str
) -> None:
    upload = {"file": factories.pdf()}
    answer = conclude(searcher, draft.product, WHY | changes | upload)
    assert why in read(answer)
    assert "Choose the file again" in read(answer)
    form = answer.context["form"]
    assert form["grounds"].value() == changes.get("grounds", ["fit"])
    assert form["justification"].value() == changes.get("justification", "All are too wide")
    assert not MarketSearch.objects.get().is_concluded
    assert not MarketFile.objects.exists()


def test_what_is_missing_elsewhere_is_said_before_and_refused(searcher: Client, draft: MarketSearch, engineer: User) -> None:  # fmt: skip
    market.consider(draft, device="PedFix", maker="Fixo AB", by=engineer)
    wanted = "Say why these do not meet the need: PedFix, Fixo AB"
    assert wanted in read(searcher.get(page("market-conclusion", draft.product)))
    assert wanted in read(conclude(searcher, draft.product, WHY))


def test_a_file_is_added_and_removed_and_what_was_typed_is_kept(searcher: Client, draft: MarketSearch) -> None:
    address = page("market-conclusion", draft.product)
    answer = conclude(searcher, draft.product, WHY | {"attach": "1"})
    assert "Choose a file" in read(answer)
    bad = {"attach": "1", "file": ContentFile(b"MZ\x90\x00", name="tool.pdf")}
    answer = conclude(searcher, draft.product, WHY | bad)
    assert ["The file holds a program" in error for error in answer.context["upload"].errors["file"]] == [True]
    answer = conclude(
        searcher,
        draft.product,
        WHY | {"attach": "1", "file": factories.pdf(name="hits.pdf"), "confidential": "on"},
    )
    assert answer["Location"] == address
    answer = searcher.get(address)
    assert answer.context["form"]["justification"].value() == "All are too wide"
    assert "hits.pdf" in read(answer)
    kept = MarketFile.objects.get()
    conclude(searcher, draft.product, WHY | {"detach": str(kept.pk)})
    assert not MarketFile.objects.exists()


def test_a_confidential_file_opens_by_role(client: Client, draft: MarketSearch, engineer: User, nurse: User) -> None:
    kept = market.attach(draft, upload=factories.pdf(), by=engineer)
    free = market.attach(draft, upload=factories.pdf("Other words"), confidential=False, by=engineer)
    other = stations.proposed("Other")
    for person, codes in ((engineer, (200, 200)), (nurse, (403, 200))):
        client.force_login(person)
        found = [client.get(page("documents-file", draft.product, x.document_id)).status_code for x in (kept, free)]
        assert tuple(found) == codes
    assert client.get(page("documents-file", other, free.document_id)).status_code == 404


# --- a product that is made


def test_a_search_is_renewed_outside_the_guide_and_shows_the_difference(searcher: Client) -> None:
    with stations.on_day("2023-02-01"):
        product = stations.owned()
    answer = searcher.get(page("market", product))
    assert answer.context["overdue"]
    assert searcher.get(page("market-places", product))["Location"] == page("market", product)
    assert searcher.post(page("market", product), {"again": "1"})["Location"] == page("market-places", product)
    answer = searcher.get(page("market-places", product))
    assert drawn(answer) == ["EUDAMED", "Fixo AB"]
    assert [line["looked_on"].value() for line in answer.context["places"]] == [None, None]
    assert "searched last time" in read(answer)
    answer = searcher.post(page("market-places", product), lines(LINE))
    assert answer["Location"] == page("market-candidates", product)
    answer = searcher.get(page("market-candidates", product))
    assert "to be judged" in read(answer)
    candidate = answer.context["candidates"][0]
    searcher.post(page("market-candidate", product, candidate.pk), DEVICE | {"shortfall": "Still too wide"})
    answer = searcher.get(page("market-candidate", product, candidate.pk))
    changed = DEVICE | {"shortfall": "Still too wide", "seen": answer.context["form"]["seen"].value()}
    searcher.post(page("market-candidate", product, candidate.pk), changed)
    answer = searcher.get(page("market-conclusion", product))
    assert "Different from the search of" in read(answer)
    answer = conclude(searcher, product, WHY, follow=True)
    [(now, told), (_before, none)] = answer.context["searches"]
    assert now.search.is_concluded
    assert [place.source for place in told.places_gone] == ["EUDAMED", "Fixo AB"]
    assert none is None
    assert answer.context["due"].year == 2029


def test_a_search_under_way_is_gone_on_with_or_given_up(searcher: Client) -> None:
    product = stations.owned()
    searcher.post(page("market", product), {"again": "1"})
    assert "Go on with the search" in read(searcher.get(page("market", product)))
    searcher.post(page("market", product), {"discard": "1"})
    assert MarketSearch.objects.filter(product=product).count() == 1
    searcher.post(page("market", product), {"correct": "1"})
    assert drawn(searcher.get(page("market-places", product))) == ["EUDAMED", "Fixo AB"]


def test_who_may_not_search_reads_the_searches(client: Client) -> None:
    product = stations.eligible()
    client.force_login(factories.user("Kim Sand", at=factories.ward(), title="Nurse"))
    answer = client.get(page("market", product))
    assert "A clip of twelve millimetres" in read(answer)
    assert "Search again" not in read(answer)
    assert client.post(page("market", product), {"again": "1"}).status_code == 403


# --- how much it costs


@pytest.mark.parametrize("name", ["market-places", "market-candidates", "market-candidate", "market-conclusion"])
def test_a_guided_page_takes_few_queries_and_no_more_with_three_rows(
    searcher: Client, draft: MarketSearch, engineer: User, name: str
) -> None:
    key = [draft.candidates.get().pk] if name == "market-candidate" else []
    address = page(name, draft.product, *key)
    market.attach(draft, upload=factories.pdf(), by=engineer)
    once = cost(searcher, address)
    for number in "ab":
        market.consider(draft, **stations.CATHFIX | {"device": number}, by=engineer)
        market.attach(draft, upload=factories.pdf(number), by=engineer)
    market.look(draft, [{"source": "EUDAMED"}, {"source": "A fair"}, {"source": "Fixo"}], by=engineer)
    assert cost(searcher, address) == once
    assert once <= 13


def test_three_searches_take_as_many_queries_as_one(searcher: Client) -> None:
    once, thrice = stations.eligible("Searched once"), stations.eligible("Searched thrice")
    stations.searched(thrice)
    stations.searched(thrice)
    cost(searcher, page("market", once))
    assert cost(searcher, page("market", thrice)) == cost(searcher, page("market", once))
