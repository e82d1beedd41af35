"""Everything the register holds on a product: what was true on a day, and what the register knew at a moment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from inhouse import assessment, conformity, design, gates, lifecycle, market, readiness, suspension, withdrawal
from inhouse.dossier import Dossier, current, dossier, gather
from inhouse.models import EvidenceRecord
from organisation import clock, places
from organisation.models import User
from products.models import Product, Revision
from tests import factories, stations

pytestmark = pytest.mark.django_db


def on(product: Product, day: str) -> Dossier:
    found = dossier(product, on=date.fromisoformat(day))
    assert found
    return found


def known(product: Product, day: str, **given: Any) -> Dossier:
    """As known at the end of that day."""
    found = dossier(product, known=stations.moment(day) + timedelta(hours=6), **given)
    assert found
    return found


@pytest.fixture
def lived() -> Product:
    """Proposed in January, in use in March, paused in April, a second revision in June, withdrawn in September."""
    with stations.on_day("2026-01-10"):
        product = stations.assessed()
    with stations.on_day("2026-01-20"):
        assessment.decide(product, make=True, reason="Nothing else fits", by=stations.manager(product))
        stations.hand_over(product, to=factories.person(None))
    with stations.on_day("2026-02-01"):
        stations.describe(product)
        lifecycle.move(product, Product.Stage.DEVELOPMENT, by=stations.engineer(product))
        revision = stations.coming(product)
        for group in (
            "facility",
            "process",
            "design",
            "performance",
            "purpose",
            "risk",
            "clinical",
            "user_information",
        ):
            stations.document(revision, group=group)
        stations.examined(revision)
        stations.conforming(revision)
        stations.sign(product)
    with stations.on_day("2026-03-01"):
        stations.registered(product)
        stations.prepared(stations.coming(product))
        stations.listed(product)
        stations.placed(product)
        lifecycle.move(product, Product.Stage.IN_USE, by=stations.owner_of(product))
    with stations.on_day("2026-04-01"):
        suspension.suspend(product, cause="It came loose", by=stations.engineer(product))
    with stations.on_day("2026-04-05"):
        suspension.resume(product, measures="Glued", by=stations.owner_of(product))
    with stations.on_day("2026-06-01"):
        stations.changing(product)
    with stations.on_day("2026-07-01"):
        stations.renew(product)
        lifecycle.move(stations.coming(product), Revision.Stage.IN_FORCE, by=stations.owner_of(product))
    with stations.on_day("2026-09-01"):
        withdrawal.withdraw(product, reason="There is one to buy", by=stations.owner_of(product))
        stations.scrapped(product.items.get())
    return stations.fresh(product)


STORY: list[tuple[str, str, list[str], bool]] = [
    ("2026-01-10", "proposed", ["open"], False),
    ("2026-01-20", "eligible", ["open"], False),
    ("2026-02-01", "development", ["declared"], False),
    ("2026-03-01", "in_use", ["in_force"], True),
    ("2026-04-01", "suspended", ["in_force"], True),
    ("2026-04-05", "in_use", ["in_force"], True),
    ("2026-06-01", "in_use", ["in_force", "open"], True),
    ("2026-07-01", "in_use", ["phasing_out", "in_force"], True),
    ("2026-09-01", "withdrawn", ["closed", "closed"], False),
]


@pytest.mark.parametrize("read", [on, known], ids=["on", "known"])
def test_a_life_is_read_back_day_by_day(lived: Product, read: Callable[[Product, str], Dossier]) -> None:
    for day, stage, revisions, placed in STORY:
        d = read(lived, day)
        assert (d.product.stage, [r.stage for r in d.revisions], bool(d.placed)) == (stage, revisions, placed), day


def test_before_it_was_proposed_there_is_nothing(lived: Product) -> None:
    assert dossier(lived, on=date(2026, 1, 9)) is None
    assert dossier(lived, known=stations.moment("2026-01-09")) is None


def test_on_a_day_there_are_the_owner_and_declaration_of_that_day(lived: Product, owner: User) -> None:
    assert on(lived, "2026-01-19").ownership is None
    assert on(lived, "2026-01-19").product.owner is None
    d = on(lived, "2026-03-01")
    assert d.ownership is not None
    assert (d.ownership.person, d.product.owner) == (owner, owner)
    first = d.revisions[0]
    assert on(lived, "2026-01-31").declaration(first) is None
    assert on(lived, "2026-08-31").declaration(first) is not None
    assert on(lived, "2026-09-01").declaration(first) is None


def test_facts_that_were_written_later_for_an_earlier_day_are_true_then_but_were_not_known(engineer: User) -> None:
    with stations.on_day("2026-03-01"):
        product = stations.in_development()
    with stations.on_day("2026-03-10"):
        stations.record(stations.coming(product), kind="verification", done_on=date(2026, 3, 5))
    assert len(on(product, "2026-03-06").records) == 1
    assert len(known(product, "2026-03-06").records) == 0
    assert len(known(product, "2026-03-10").records) == 1


def test_a_correction_shows_only_in_what_is_known_afterwards(engineer: User) -> None:
    with stations.on_day("2026-03-01"):
        product = stations.in_development()
    with stations.on_day("2026-03-10"):
        design.describe(stations.coming(product), {"intended_purpose": "Holds two catheters"}, by=engineer)
    assert known(product, "2026-03-09").revisions[0].intended_purpose == "Holds a catheter in place"
    assert known(product, "2026-03-10").revisions[0].intended_purpose == "Holds two catheters"
    assert on(product, "2026-03-09").revisions[0].intended_purpose == "Holds two catheters"


def test_what_was_deleted_is_known_until_it_was_deleted(engineer: User) -> None:
    with stations.on_day("2026-03-01"):
        product = stations.in_development()
        revision = stations.coming(product)
        piece: design.Piece = {"name": "Cuff", "maker": "", "model": "", "edition": "", "is_ce_marked": False}
        design.compose(revision, [piece], by=engineer)
    with stations.on_day("2026-03-10"):
        design.compose(revision, [], by=engineer)
    assert [part.name for part in known(product, "2026-03-09").parts] == ["Cuff"]
    assert known(product, "2026-03-10").parts == []


def test_the_rules_of_a_past_day_are_those_the_institution_had_chosen_then(head_office: User) -> None:
    with stations.on_day("2026-01-01"):
        institution = factories.institution()
        chosen = institution.house_rules
    with stations.on_day("2026-03-01"):
        product = stations.declared()
    with stations.on_day("2026-04-10"):
        fields = {"house_rules": [], "diary_gate": "warn", "contact": "The new exchange"}
        places.edit_institution(fields, by=head_office)

    def binding(d: Dossier) -> set[str]:
        return {requirement.id.split("-")[0] for requirement in gates.requirements(d)}

    def stopped(d: Dossier) -> list[bool]:
        return [obstacle.stops for obstacle in gates.standing(d, "G7") if "diary" in obstacle.text]

    assert chosen
    for then in (on(product, "2026-04-09"), known(product, "2026-04-09")):
        assert (then.institution.house_rules, then.institution.diary_gate) == (chosen, "block")
        assert "VGR" in binding(then)
        assert stopped(then) == [True]
    for now in (on(product, "2026-04-10"), known(product, "2026-04-10"), current(product)):
        assert (now.institution.house_rules, now.institution.diary_gate) == ([], "warn")
        assert "VGR" not in binding(now)
        assert stopped(now) == []
    assert known(product, "2026-04-09").institution.contact == institution.contact
    assert on(product, "2026-04-09").institution.contact == "The new exchange"
    late = known(product, "2026-04-09", on=date(2026, 4, 20))
    assert (late.institution.house_rules, late.institution.contact) == (chosen, institution.contact)


def test_both_times_can_be_asked_at_once(lived: Product) -> None:
    d = known(lived, "2026-04-02", on=date(2026, 2, 15))
    assert (d.product.stage, [r.stage for r in d.revisions], d.suspensions) == ("development", ["declared"], [])
    d = known(lived, "2026-04-02", on=date(2026, 8, 1))
    assert d.product.stage == "suspended"


def test_what_was_known_comes_in_the_same_order_as_what_is(engineer: User) -> None:
    with stations.on_day("2026-03-01"):
        product = stations.in_development()
    with stations.on_day("2026-03-10"):
        revision = stations.coming(product)
        stations.record(revision, kind="verification", done_on=date(2026, 3, 8))
        stations.record(revision, kind="verification", outcome="not_approved", done_on=date(2026, 3, 2))
        for day in (date(2026, 3, 9), date(2026, 1, 1)):
            market.record(
                product,
                searched_on=day,
                sources="EUDAMED",
                result="none",
                justification="Nobody makes one",
                candidates=[],
                by=engineer,
            )
    for d in (current(product), known(product, "2026-03-10"), on(product, "2026-03-10")):
        assert d.approved(revision, EvidenceRecord.Kind.VERIFICATION) is not None
        assert d.search is not None
        assert d.search.searched_on == date(2026, 1, 1)
        assert [s.searched_on.day for s in d.searches if s.searched_on] == [1, 9, 1]


def test_a_moment_just_after_midnight_belongs_to_the_new_day_at_the_hospital() -> None:
    with stations.on_day("2026-06-01"):
        product = stations.proposed()
    d = dossier(product, known=stations.moment("2026-06-02") - timedelta(hours=11, minutes=30))
    assert d
    assert d.on == date(2026, 6, 2)


def test_what_was_known_at_a_moment_is_told_by_the_last_row_of_one_transaction(engineer: User) -> None:
    with stations.on_day("2026-03-01"):
        product = stations.owned()
        for name in ("First", "Second", "Third"):
            design.describe(stations.coming(product), {"reference": name}, by=engineer)
    assert known(product, "2026-03-01").revisions[0].reference == "Third"


# --- many at once


def queries(read: Callable[[], Any]) -> int:
    with CaptureQueriesContext(connection) as captured:
        read()
    return len(captured)


def thrice(product: Product) -> Product:
    """Three of everything that there can be three of."""
    by = stations.engineer(product)
    for number in ("a", "b"):
        stations.placed(product, number, revision=stations.in_force(product))
        stations.searched(product)
        stations.document(stations.coming(product), group="other", title=number)
        stations.examined(stations.coming(product))
        conformity.meet(stations.coming(product), [f"3({number})"], where="Report", by=by)
        readiness.list_unit(product, unit=factories.ward(number), part="uses", since=clock.today(), by=by)
    return product


@pytest.mark.parametrize("when", ["now", "on", "known"])
def test_three_products_with_three_of_everything_take_no_more_queries_than_one(when: str) -> None:
    one = stations.second_revision("One")
    more = [one, thrice(stations.second_revision("Two")), thrice(stations.second_revision("Three"))]
    times: dict[str, dict[str, Any]] = {"now": {}, "on": {"on": clock.today()}, "known": {"known": clock.now()}}
    given = times[when]
    products = list(Product.objects.select_related("unit__administration").order_by("pk"))

    def read(some: list[Product]) -> list[int]:
        return [len(d.placements) + len(d.items) for d in gather(some, **given)]

    assert queries(lambda: read(products)) == queries(lambda: read(products[:1]))
    assert read(products) == [2, 6, 6]
    assert [d.product for d in gather(products, **given)] == more


def test_items_are_read_when_they_are_first_asked_for() -> None:
    product = stations.in_use()
    with CaptureQueriesContext(connection) as captured:
        d = current(product)
    assert not any(table in query["sql"] for query in captured for table in ("products_item", "products_placement"))
    assert queries(lambda: [d.living, d.placed]) == 3  # items, placements, units
    assert queries(lambda: [d.living, d.placed]) == 0
    assert (len(d.items), len(d.placements)) == (1, 1)


def test_dossiers_come_in_the_order_they_were_asked_for_each_with_its_own_rows() -> None:
    first, second = stations.in_use("First"), stations.in_use("Second")
    times: list[dict[str, Any]] = [{}, {"known": clock.now()}]
    for given in times:
        d, e = gather([second, first], **given)
        assert (d.product.name, e.product.name) == ("Second", "First")
        assert {item.product_id for item in d.items} == {second.pk}
        assert {step.product_id for step in e.steps} == {first.pk}


def test_reading_a_dossier_leaves_the_product_it_was_asked_for_alone(lived: Product) -> None:
    on(lived, "2026-03-01")
    assert lived.stage == "withdrawn"
    assert gather([]) == []
