"""The market search: begun, filled in, concluded, and its renewal."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.core.files.base import ContentFile

from inhouse import assessment, candidates, gates, market, matrix, searches
from inhouse.dossier import current
from inhouse.models import Assessment, MarketDevice, MarketSearch
from inhouse.obstacles import Refused
from organisation import clock
from organisation.models import User
from products.models import Product
from tests import factories, stations
from tests.refusals import denied, refused

pytestmark = pytest.mark.django_db

SEARCH: dict[str, Any] = {"sources": "EUDAMED", "result": "none", "justification": "Nobody makes one"}
WHY: dict[str, Any] = {"result": "none_fits", "grounds": ["fit"], "justification": "All are made for adults"}
EUDAMED: market.Place = {"source": "EUDAMED", "query": "catheter adapter", "hits": 3}


@pytest.fixture
def product(db: None) -> Product:
    return stations.needed()


@pytest.fixture
def draft(product: Product, engineer: User) -> MarketSearch:
    """A search that could be concluded."""
    search = market.begin(product, by=engineer)
    market.look(search, [EUDAMED], by=engineer)
    market.consider(search, **stations.CATHFIX, by=engineer)
    return search


def found(search: MarketSearch) -> searches.Found:
    return searches.read(MarketSearch.objects.get(pk=search.pk))


def between(product: Product) -> searches.Difference:
    """The last search held against the one before."""
    *_rest, before, now = product.market_searches.all()
    return searches.difference(found(now), found(before))


# --- the draft


def test_a_search_is_filled_in_page_by_page_and_counts_once_it_is_concluded(
    product: Product, draft: MarketSearch, engineer: User
) -> None:
    assert market.begin(product, by=engineer) == draft
    assert current(product).search is None
    assert current(product).search_draft == draft
    market.conclude(draft, **WHY, by=engineer)
    d = current(product)
    assert d.search_draft is None
    assert d.search is not None
    whole = searches.held(d, d.search)
    assert [(x.source, x.query, x.hits, x.looked_by, x.looked_on) for x in whole.places] == [
        ("EUDAMED", "catheter adapter", 3, engineer.name, clock.today())
    ]
    assert [str(candidate) for candidate in whole.candidates] == ["CathFix, Fixo AB"]
    assert whole.kinds == ["fit"]
    assert d.search.done_by == engineer
    with refused("is concluded and no longer changed"):
        market.look(draft, [EUDAMED], by=engineer)


def test_places_are_replaced_and_those_that_stay_keep_their_row(draft: MarketSearch, engineer: User) -> None:
    [first] = found(draft).places
    market.look(draft, [EUDAMED, {"source": "A fair"}, {"source": "A fair"}], by=engineer, sources="And colleagues")
    assert [x.source for x in found(draft).places] == ["EUDAMED", "A fair"]
    assert found(draft).places[0].pk == first.pk
    assert found(draft).search.sources == "And colleagues"


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ({"source": ""}, "cannot be blank"),
        ({"source": "EUDAMED", "looked_on": date(2999, 1, 1)}, "cannot lie in the future"),
        ({"source": "E" * 201}, "at most 200"),
    ],
)
def test_a_place_is_named_and_was_searched_by_now(
    draft: MarketSearch, engineer: User, place: market.Place, why: str
) -> None:
    with refused(why):
        market.look(draft, [EUDAMED, place], by=engineer)
    with refused("Name at least one place"):
        market.look(draft, [], by=engineer)


def test_what_is_said_of_a_device_is_changed_and_a_device_is_dropped(draft: MarketSearch, engineer: User) -> None:
    [candidate] = found(draft).candidates
    market.consider(draft, candidate=candidate, shortfall="Twelve millimetres, we need six", by=engineer)
    [candidate] = found(draft).candidates
    assert (candidate.shortfall, candidate.technical) == (
        "Twelve millimetres, we need six",
        "A clip of twelve millimetres",
    )
    with refused("already considered"):
        market.consider(draft, device="cathfix ", maker="FIXO  AB", by=engineer)
    market.drop(candidate, by=engineer)
    assert found(draft).candidates == []


def test_a_search_under_way_can_be_given_up(product: Product, draft: MarketSearch, engineer: User) -> None:
    market.discard(draft, by=engineer)
    assert current(product).searches == []
    assert MarketDevice.objects.get().name == "CathFix"
    with refused("given up meanwhile"):
        market.look(draft, [EUDAMED], by=engineer)


def test_files_are_kept_with_the_search_and_checked_by_what_they_hold(draft: MarketSearch, engineer: User) -> None:
    with refused("The file holds a program"):
        market.attach(draft, upload=ContentFile(b"MZ\x90\x00", name="tool.pdf"), by=engineer)
    kept = market.attach(draft, upload=factories.pdf(name="hits.pdf"), confidential=False, by=engineer)
    assert (kept.document.title, kept.document.confidential) == ("hits.pdf", False)
    market.detach(kept, by=engineer)
    assert found(draft).files == []
    assert kept.document.file.sha256
    kept = market.attach(draft, upload=factories.pdf(), title="Answer of the maker", by=engineer)
    market.conclude(draft, **WHY, by=engineer)
    with refused("is concluded"):
        market.detach(kept, by=engineer)


def test_a_conclusion_can_be_written_and_drawn_later(product: Product, draft: MarketSearch, engineer: User) -> None:
    market.write(draft, result="", grounds=["cost", "fit"], justification="", by=engineer)
    market.write(draft, result="none_fits", grounds=["fit"], justification="Half a sen", by=engineer)
    assert found(draft).kinds == ["fit"]
    assert current(product).search is None


# --- the conclusion


def test_cost_alone_is_no_ground(draft: MarketSearch, engineer: User) -> None:
    for grounds in ([], ["cost"]):
        with refused(r"Cost alone does not justify .*\(MDCG 2023-1, 3.2.3\)"):
            market.conclude(draft, **WHY | {"grounds": grounds}, by=engineer)
    market.conclude(draft, **WHY | {"grounds": ["cost", "availability"]}, by=engineer)


def test_the_need_is_written_before_the_market_is_searched(engineer: User) -> None:
    product = stations.proposed()
    with refused("Describe the patient group", Refused):
        stations.searched(product)
    assessment.write(product, stations.NEED, by=engineer)
    yesterday = clock.today() - timedelta(days=1)
    Assessment.objects.filter(product=product).update(need_on=clock.today())
    with refused("before the need was described"):
        stations.searched(product, lookups=[EUDAMED, {"source": "A fair", "looked_on": yesterday}])
    stations.searched(product, lookups=[EUDAMED])


def test_places_are_searched_and_devices_that_do_not_fit_are_named_and_judged(product: Product, engineer: User) -> None:
    search = market.begin(product, by=engineer)
    with refused("Name at least one place that was searched.*Name the devices"):
        market.conclude(search, **WHY, by=engineer)
    market.look(search, [EUDAMED], by=engineer)
    market.consider(search, device="CathFix", maker="Fixo AB", by=engineer)
    with refused("Say why these do not meet the need: CathFix, Fixo AB"):
        market.conclude(search, **WHY, by=engineer)
    market.conclude(search, result="equivalent", grounds=[], justification="CathFix fits", by=engineer)


def test_a_conclusion_says_what_and_why(draft: MarketSearch, engineer: User) -> None:
    for name in ("justification", "result"):
        with refused("cannot be left empty"):
            market.conclude(draft, **WHY | {name: " "}, by=engineer)
    with refused("is not a valid choice"):
        market.conclude(draft, **WHY | {"result": "maybe"}, by=engineer)


def test_the_day_of_a_search_is_the_last_on_which_someone_looked(engineer: User) -> None:
    with stations.on_day("2026-03-02"):
        product = stations.needed()
        assessment.write(product, {"need_on": date(2026, 2, 19)}, by=engineer)
        days: list[market.Place] = [
            {"source": "EUDAMED", "looked_on": date(2026, 2, 20)},
            {"source": "A fair", "looked_on": date(2026, 2, 27)},
        ]
        search = stations.searched(product, lookups=days)
    assert (search.searched_on, search.concluded_on) == (date(2026, 2, 27), date(2026, 3, 2))


# --- in one act


def test_a_search_is_recorded_in_one_act(product: Product, engineer: User) -> None:
    search = market.record(product, **SEARCH, searched_on=clock.today(), by=engineer)
    whole = found(search)
    assert [(x.source, x.looked_on) for x in whole.places] == [("EUDAMED", clock.today())]
    assert whole.kinds == ["availability"]
    with refused("cannot lie in the future"):
        market.record(product, **SEARCH, searched_on=clock.today() + timedelta(days=1), by=engineer)
    with refused("cannot be blank"):
        market.record(product, **SEARCH | {"sources": ""}, by=engineer)


def test_nothing_is_recorded_beside_a_search_that_is_under_way(product: Product, engineer: User) -> None:
    market.begin(product, by=engineer)
    with refused("already under way"):
        stations.searched(product)


# --- who


def test_a_proposal_is_searched_for_by_whoever_assesses_it(
    nurse: User, adviser: User, manager: User, engineer: User, auditor: User, outsider: User
) -> None:
    product = stations.needed(by=nurse)
    for person in (nurse, adviser, manager, engineer):
        stations.searched(product, by=person)
    for person in (auditor, outsider):
        with denied():
            stations.searched(product, by=person)


def test_what_is_decided_is_searched_for_by_whoever_keeps_its_records(
    nurse: User, adviser: User, manager: User, engineer: User, owner: User
) -> None:
    product = stations.owned()
    for person in (product.proposed_by, nurse, adviser, manager):
        with denied():
            market.begin(product, by=person)
    for person in (engineer, owner):
        stations.searched(product, by=person)


def test_a_submitted_assessment_keeps_its_search(product: Product, draft: MarketSearch, engineer: User) -> None:
    Assessment.objects.filter(product=product).update(submitted_on=clock.today(), submitted_by=engineer)
    with refused("take it back"):
        market.conclude(draft, **WHY, by=engineer)


# --- renewed and corrected


def test_to_renew_a_search_the_devices_are_judged_anew_and_the_places_only_suggested(engineer: User) -> None:
    product = stations.owned()
    search = market.begin(product, by=engineer)
    whole = found(search)
    assert whole.places == []
    assert [(c.device, c.technical, c.shortfall) for c in whole.candidates] == [
        ("CathFix", "A clip of twelve millimetres", "")
    ]
    last = searches.read(product.market_searches.exclude(pk=search.pk).get())
    assert market.suggested(last.places) == [
        {"source": "EUDAMED", "query": "catheter adapter"},
        {"source": "Fixo AB", "query": "adapter for children"},
    ]
    assert last.candidates[0].shortfall == "Too wide"


def test_a_correction_begins_with_everything_as_it_was(product: Product, draft: MarketSearch, engineer: User) -> None:
    market.attach(draft, upload=factories.pdf(), by=engineer)
    market.conclude(draft, **WHY, by=engineer)
    again = market.begin(product, by=engineer, correcting=True)
    now, before = found(again), found(draft)
    assert searches.difference(now, before).is_none
    assert [kept.document for kept in now.files] == [kept.document for kept in before.files]
    assert now.search.justification == "All are made for adults"
    market.conclude(again, **WHY | {"justification": "In better words"}, by=engineer)
    assert current(product).search == again
    assert MarketSearch.objects.get(pk=draft.pk).justification == "All are made for adults"


def test_a_draft_follows_the_product_into_its_next_assessment(engineer: User, manager: User) -> None:
    product = stations.assessed(submit=False)
    draft = market.begin(product, by=engineer)
    assessment.decide(product, make=False, end=Product.Outcome.BUY, reason="There is one to buy", by=manager)
    assessment.again(product, reason="It is no longer sold", by=engineer)
    assert market.begin(product, by=engineer) == draft
    assert MarketSearch.objects.get(pk=draft.pk).assessment.number == 2


def test_a_new_search_shows_what_is_different_from_the_last() -> None:
    product = stations.owned()
    other = {"device": "PedFix", "maker": "Fixo AB", "shortfall": "Too stiff"}
    stations.searched(
        product,
        lookups=[
            {"source": "eudamed", "query": "Catheter adapter", "hits": 5},
            {"source": "A fair", "query": ""},
        ],
        candidates=[stations.CATHFIX | {"shortfall": "Too wide still", "is_labelled": False}, other],
        grounds=["fit", "clinical"],
    )
    told = between(product)
    assert [x.source for x in told.places_new] == ["A fair"]
    assert [x.source for x in told.places_gone] == ["Fixo AB"]
    assert [(now.hits, before.hits) for now, before in told.places_changed] == [(5, 3)]
    assert [c.device for c in told.devices_new] == ["PedFix"]
    assert [(c.device, fields) for c, fields in told.devices_changed] == [
        ("CathFix", ["Label and instructions, in the national language", "Why it does not meet the need"])
    ]
    assert (told.grounds_new, told.grounds_gone) == (["clinical"], ["performance"])
    assert told.result is None
    stations.searched(product, result="none", candidates=[])
    told = between(product)
    assert [c.device for c in told.devices_gone] == ["CathFix", "PedFix"]
    assert told.result == ("Devices exist, but none performs well enough for this group", "No equivalent device exists")


@pytest.mark.parametrize(
    ("risk_class", "due"), [("III", "2027-03-01"), ("IIb", "2027-03-01"), ("IIa", "2028-03-01"), ("I", "2029-03-01")]
)
def test_a_search_is_renewed_by_the_class_of_the_device(risk_class: str, due: str) -> None:
    with stations.on_day("2026-03-01"):
        product = stations.in_development(design={"risk_class": risk_class})
    assert market.due_on(current(product)) == date.fromisoformat(due)


def test_before_the_class_is_set_a_search_holds_for_a_year(engineer: User) -> None:
    with stations.on_day("2026-03-01"):
        product = stations.needed()
        assert market.due_on(current(product)) is None
        stations.searched(product)
        market.begin(product, by=engineer)
    assert market.due_on(current(product)) == date(2027, 3, 1)


def test_a_correction_with_an_earlier_day_counts_for_the_gates_and_for_the_next_day(
    engineer: User, manager: User
) -> None:
    with stations.on_day("2026-03-02"):
        product = stations.assessed(submit=False)
        assessment.write(product, {"need_on": date(2026, 1, 15)}, by=engineer)
        market.record(product, **SEARCH | {"result": "equivalent"}, searched_on=date(2026, 3, 1), by=engineer)
        assessment.submit(product, by=engineer)
        with refused("found an equivalent device"):
            assessment.decide(product, make=True, reason="Yes", by=manager)
        assessment.take_back(product, reason="A wrong name", by=engineer)
        market.record(product, **SEARCH, searched_on=date(2026, 2, 1), by=engineer)
        assessment.submit(product, by=engineer)
        d = current(product)
        assert d.search is not None
        assert d.search.searched_on == date(2026, 2, 1)
        assert market.due_on(d) == date(2029, 2, 1)
        assessment.decide(product, make=True, reason="Yes", by=manager)


def test_a_second_assessment_wants_a_search_of_its_own(engineer: User) -> None:
    product = stations.rejected()
    assessment.again(product, reason="It is no longer sold", by=engineer)
    wanted = "Search the market anew: the last search belongs to the earlier assessment."
    assert wanted in [o.text for o in gates.standing(current(stations.fresh(product)), "G2")]
    stations.searched(product)
    assert "market" not in [o.mend for o in gates.standing(current(stations.fresh(product)), "G2")]
    assert [search.assessment.number for search in product.market_searches.all()] == [1, 2]


def test_a_renewed_search_that_finds_an_equivalent_does_not_undo_the_decision_but_is_seen(engineer: User) -> None:
    with stations.on_day("2026-01-01"):
        product = stations.in_use()
    with stations.on_day("2026-06-01"):
        market.record(product, **SEARCH | {"result": "equivalent"}, by=engineer)
    assert stations.fresh(product).stage == "in_use"


def test_the_matrix_counts_places_and_devices() -> None:
    def told() -> str:
        d = current(searched)
        return next(row.evidence for row in matrix.matrix(d) if row.requirement.point == "c")

    with stations.on_day("2026-03-02"):
        searched = stations.eligible()
        assert told() == "Search of 2 March 2026: 2 places, 1 device considered"
        searched.market_searches.get().lookups.all().delete()  # as on the short form
        assert told() == "Search of 2 March 2026, 1 device considered"


# --- devices that the institution knows


def test_a_device_judged_for_one_product_is_offered_for_another_with_its_judgement(engineer: User) -> None:
    first = stations.eligible("Adapter")
    second = stations.needed("Clip")
    [known] = candidates.known("cath FIXO", second)
    assert known.judged is not None
    assert known.judged.search.product == first
    assert (known.judged.shortfall, known.judged.is_ce_marked) == ("Too wide", True)
    assert [each.judged for each in candidates.known("cathfix", first)] == [None]  # its own is no news
    search = market.begin(second, by=engineer)
    market.consider(search, device="Cathfix", maker="fixo ab", udi_di="07350012345678", by=engineer)
    assert candidates.known("cathfix", second) == []  # considered already
    device = MarketDevice.objects.get()
    assert (device.name, device.udi_di, device.candidates.count()) == ("CathFix", "07350012345678", 2)


def test_the_last_judgement_is_the_one_told_and_a_draft_is_none(engineer: User) -> None:
    with stations.on_day("2026-03-02"):
        stations.eligible("Adapter")
    with stations.on_day("2026-03-09"):
        later = stations.owned("Holder")
        market.begin(later, by=engineer)
    product = stations.needed("Clip")
    [known] = candidates.known("cathfix", product)
    assert known.judged is not None
    assert (known.judged.search.product, known.judged.shortfall) == (later, "Too wide")


def test_at_most_eight_devices_are_offered_and_none_for_a_single_letter(product: Product) -> None:
    for number in range(10):
        candidates.identify(name=f"Clip {number}", maker="Fixo AB")
    assert len(candidates.known("clip", product)) == 8
    assert candidates.known("c", product) == candidates.known("  ", product) == []


def test_facts_that_are_given_replace_those_known_and_empty_ones_do_not(db: None) -> None:
    device = candidates.identify(name="Clip", maker="Fixo AB", risk_class="I", stated_purpose="Holds tubes")
    assert candidates.identify(name="clip", maker="fixo ab", risk_class="IIa", stated_purpose="") == device
    device.refresh_from_db()
    assert (device.risk_class, device.stated_purpose) == ("IIa", "Holds tubes")
    assert candidates.identify(name="Clip", maker="Fixo AB", model="2") != device


def test_three_devices_take_no_more_queries_than_one(product: Product, django_assert_num_queries: Any) -> None:
    stations.eligible("Adapter")
    with django_assert_num_queries(2):
        candidates.known("fixo", product)
    more = [stations.CATHFIX | {"device": f"CathFix {number}"} for number in range(3)]
    stations.searched(stations.needed("Holder"), candidates=more)
    with django_assert_num_queries(2):
        assert len(candidates.known("fixo", product)) == 4
