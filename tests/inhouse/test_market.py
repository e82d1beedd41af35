"""The market search and its renewal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from inhouse import assessment, gates, lifecycle, market, suspension
from inhouse.dossier import current
from organisation import clock
from organisation.models import User
from products.models import Product
from tests import stations
from tests.refusals import denied, refused

pytestmark = pytest.mark.django_db

SEARCH: dict[str, Any] = {
    "sources": "EUDAMED",
    "result": "none",
    "justification": "Nobody makes one",
    "candidates": [],
}


def test_a_search_is_kept_with_the_devices_considered(engineer: User) -> None:
    product = stations.proposed()
    stations.searched(product)
    d = current(product)
    assert d.search is not None
    assert [(c.device, c.maker) for c in d.considered(d.search)] == [("CathFix", "Fixo AB")]
    assert d.search.done_by == engineer


def test_devices_that_do_not_fit_are_named(engineer: User) -> None:
    product = stations.proposed()
    with refused("Name the devices"):
        market.record(product, **SEARCH | {"result": "none_fits"}, searched_on=clock.today(), by=engineer)


def test_nobody_searches_tomorrow(engineer: User) -> None:
    product = stations.proposed()
    with refused("cannot lie in the future"):
        market.record(product, **SEARCH, searched_on=clock.today() + timedelta(days=1), by=engineer)


def test_a_search_says_where_and_why(engineer: User) -> None:
    product = stations.proposed()
    for name in ("sources", "justification", "result"):
        with refused("cannot be blank"):
            market.record(product, **SEARCH | {name: ""}, searched_on=clock.today(), by=engineer)


def test_an_outsider_does_not_search_for_us(outsider: User) -> None:
    product = stations.proposed()
    with denied():
        market.record(product, **SEARCH, searched_on=clock.today(), by=outsider)


def test_a_proposal_is_searched_for_by_whoever_assesses_it(
    nurse: User, adviser: User, manager: User, engineer: User, auditor: User
) -> None:
    product = stations.proposed(by=nurse)
    for person in (nurse, adviser, manager, engineer):
        market.record(product, **SEARCH, searched_on=clock.today(), by=person)
    with denied():
        market.record(product, **SEARCH, searched_on=clock.today(), by=auditor)


@pytest.mark.parametrize("station", [stations.owned, stations.in_development, stations.in_use, stations.suspended])
def test_what_is_decided_is_searched_for_by_whoever_keeps_its_records(
    station: Callable[[], Product], nurse: User, adviser: User, manager: User, engineer: User, owner: User
) -> None:
    product = station()
    for person in (product.proposed_by, nurse, adviser, manager):
        with denied():
            market.record(product, **SEARCH, searched_on=clock.today(), by=person)
    for person in (engineer, owner):
        market.record(product, **SEARCH, searched_on=clock.today(), by=person)


@pytest.mark.parametrize(
    ("risk_class", "due"), [("III", "2027-03-01"), ("IIb", "2027-03-01"), ("IIa", "2028-03-01"), ("I", "2029-03-01")]
)
def test_a_search_is_renewed_by_the_class_of_the_device(risk_class: str, due: str) -> None:
    with stations.on_day("2026-03-01"):
        product = stations.in_development(design={"risk_class": risk_class})
    assert market.due_on(current(product)) == date.fromisoformat(due)


def test_before_the_class_is_set_a_search_holds_for_a_year() -> None:
    with stations.on_day("2026-03-01"):
        product = stations.proposed()
        assert market.due_on(current(product)) is None
        stations.searched(product)
    assert market.due_on(current(product)) == date(2027, 3, 1)


def test_a_correction_with_an_earlier_day_counts_for_the_gates_and_for_the_next_day(
    engineer: User, manager: User
) -> None:
    with stations.on_day("2026-03-02"):
        product = stations.assessed()
        market.record(product, **SEARCH | {"result": "equivalent"}, searched_on=date(2026, 3, 1), by=engineer)
        with refused("found an equivalent device"):
            assessment.decide(product, make=True, reason="Yes", by=manager)
        market.record(product, **SEARCH, searched_on=date(2026, 2, 1), by=engineer)
        d = current(product)
        assert d.search is not None
        assert d.search.searched_on == date(2026, 2, 1)
        assert market.due_on(d) == date(2027, 2, 1)
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
        market.record(product, **SEARCH | {"result": "equivalent"}, searched_on=clock.today(), by=engineer)
        assert stations.fresh(product).stage == "in_use"
        [obstacle] = [o for o in lifecycle.watch(current(product)) if o.mend == "market"]
        assert (
            obstacle.text == "The market search found an equivalent device: begin the transition to the CE-marked one."
        )
        assert [row.id for row in obstacle.requirements] == ["MDR55-c"]
        market.record(product, **SEARCH, searched_on=clock.today(), by=engineer)
        assert "market" not in [o.mend for o in lifecycle.watch(current(product))]


def test_use_that_is_paused_does_not_go_on_beside_an_equivalent_device(engineer: User, owner: User) -> None:
    product = stations.suspended()
    market.record(product, **SEARCH | {"result": "equivalent"}, searched_on=clock.today(), by=engineer)
    with refused("begin the transition to the CE-marked one"):
        suspension.resume(product, measures="Glued", by=owner)
