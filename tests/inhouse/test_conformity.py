"""Annex I: every requirement has one answer, its own or that of the whole it is part of; and its pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from django.utils import translation

from inhouse import conformity, design, evidence, lifecycle, signing
from inhouse.dossier import current, dossier
from inhouse.law.annex_one import ELSEWHERE, NEEDS, annex_one
from inhouse.law.checks.conformity import answered
from inhouse.models import Conformity, UnmetRequirement
from inhouse.obstacles import Refused
from organisation import clock
from organisation.models import User
from products.models import Product, Revision
from tests import stations
from tests.costs import cost
from tests.refusals import denied, refused

pytestmark = pytest.mark.django_db


# --- the annex


@pytest.mark.parametrize(
    ("regulation", "items", "requirements", "headings"), [("MDR", 210, 190, 18), ("IVDR", 203, 191, 12)]
)
def test_the_annex_is_whole(regulation: str, items: int, requirements: int, headings: int) -> None:
    annex = annex_one(regulation)
    assert len(annex.rows) == len(annex.by_number) == items
    assert len(annex.requirements) == requirements
    assert sum(row.kind == "heading" for row in annex.rows) == headings
    for place, row in enumerate(annex.rows):
        assert not row.parent or annex.rows.index(annex.by_number[row.parent]) < place
        assert {*row.tags} <= {*annex.tag_words}
        assert row.tags
        assert row.chapter in annex.chapter_words
        assert row.summary
        for words in (row.title_words, *([row.note_words] if row.note_words else [])):
            assert [bool(words[language]) for language in ("en", "sv", "nb")] == [True] * 3
    for words in (*annex.chapter_words.values(), *annex.tag_words.values()):
        assert {*words} == {"en", "sv", "nb"}


def test_its_titles_come_in_the_reader_s_language() -> None:
    row = annex_one("MDR").by_number["3(a)"]
    assert row.title == "Risk management plan"
    with translation.override("sv"):
        assert row.title == "Riskhanteringsplan"
    assert annex_one("MDR").by_number["9"].in_house_note.startswith("Normally not applicable")


def test_every_tag_that_a_trait_decides_is_a_trait_s_and_in_an_annex() -> None:
    tags = {*annex_one("MDR").tag_words, *annex_one("IVDR").tag_words}
    assert {*NEEDS, *ELSEWHERE} <= tags
    assert {trait for needed in NEEDS.values() for trait in needed} <= {*Revision.TRAITS}


def test_an_answer_to_the_whole_covers_the_sub_points_and_all_sub_points_answer_the_whole() -> None:
    annex = annex_one("MDR")
    below = {row.number for row in annex.requirements if row.number.startswith("3(")}
    assert {row.number for row in annex.unanswered({"3"})}.isdisjoint({"3", *below})
    assert {row.number for row in annex.unanswered(below)}.isdisjoint({"3", *below})
    lacking = annex.unanswered(below - {"3(b)"})
    assert [row.number for row in lacking if row.number.startswith("3")] == ["3", "3(b)"]
    assert annex.counts("3(b)", {"3", "3(b)"}) == "3(b)"
    assert annex.counts("3(c)", {"3", "3(b)"}) == "3"
    assert annex.counts("4", {"3"}) == ""


def test_what_is_addressed_to_others_is_waited_for_by_nobody() -> None:
    annex = annex_one("MDR")
    assert {"10.4.3", "10.4.4"}.isdisjoint(row.number for row in annex.requirements)
    answered = {row.number for row in annex.requirements if row.number.startswith("10.4.")}
    assert annex.is_answered("10.4", answered)


def test_answers_to_the_wholes_answer_everything() -> None:
    for regulation in ("MDR", "IVDR"):
        annex = annex_one(regulation)
        assert annex.unanswered({row.number for row in annex.wholes}) == []


# --- answering


@pytest.fixture
def product(db: None) -> Product:
    return stations.in_development()


@pytest.fixture
def revision(product: Product) -> Revision:
    return stations.coming(product)


def held(revision: Revision) -> dict[str, str]:
    """Every answer, by its number."""
    return {
        **dict(revision.conformities.values_list("number", "answer")),
        **dict.fromkeys(revision.unmet_requirements.values_list("number", flat=True), "unmet"),
    }


def test_a_requirement_is_met_by_a_document_or_by_words_that_say_where(revision: Revision, engineer: User) -> None:
    entry = stations.document(revision, group="risk")
    conformity.meet(revision, ["3(a)"], evidence=entry, by=engineer)
    conformity.meet(revision, ["4"], where="Report 12, chapter 3", by=engineer)
    assert held(revision) == {"3(a)": "met", "4": "met"}
    assert revision.conformities.get(number="3(a)").evidence == entry
    with refused("choose a document, or write it here"):
        conformity.meet(revision, ["5"], where=" ", by=engineer)


def test_only_a_document_of_the_revision_shows_anything(revision: Revision, engineer: User) -> None:
    other = stations.document(stations.coming(stations.in_development("Other")), group="risk")
    with refused("one of the documents of this revision"):
        conformity.meet(revision, ["3"], evidence=other, by=engineer)


def test_several_are_not_applicable_for_one_reason(revision: Revision, engineer: User) -> None:
    numbers = ["16.1(a)", "16.1(b)"]
    with refused("Say why it is not applicable"):
        conformity.rule_out(revision, numbers, reason="", by=engineer)
    conformity.rule_out(revision, numbers, reason="It emits no radiation", by=engineer)
    assert held(revision) == dict.fromkeys(numbers, "not_applicable")
    assert set(revision.conformities.values_list("reason", flat=True)) == {"It emits no radiation"}


def test_a_requirement_has_one_answer_and_a_new_one_takes_its_place(revision: Revision, engineer: User) -> None:
    conformity.meet(revision, ["11.4"], where="Report 1", by=engineer)
    conformity.admit(revision, "11.4", what="Not sterile", why="Sterilised here", by=engineer)
    assert held(revision) == {"11.4": "unmet"}
    conformity.rule_out(revision, ["11.4"], reason="Stays outside the body", anew=True, by=engineer)
    assert held(revision) == {"11.4": "not_applicable"}
    conformity.meet(revision, ["11.4"], where="Report 2", anew=True, by=engineer)
    assert [(c.answer, c.where, c.reason) for c in revision.conformities.all()] == [("met", "Report 2", "")]
    conformity.admit(revision, "11.4", what="Not sterile", why="Sterilised here", by=engineer)
    assert held(revision) == {"11.4": "unmet"}
    conformity.take_back(revision, "11.4", by=engineer)
    assert held(revision) == {}


def test_what_someone_answered_on_its_own_is_not_answered_anew_with_others(revision: Revision, engineer: User) -> None:
    conformity.meet(revision, ["3(a)"], where="The plan", by=engineer)
    conformity.admit(revision, "3(b)", what="Not all", why="New device", by=engineer)
    with refused(r"have an answer already: 3\(a\), 3\(b\)\. Change them one by one"):
        conformity.rule_out(revision, ["3(a)", "3(b)", "3(c)"], reason="No", by=engineer)
    with refused(r"have an answer already: 3\(a\)\."):
        conformity.meet(revision, ["3(a)"], where="Another plan", by=engineer)


@pytest.mark.parametrize("number", ["99", "10.4.3", ""])
def test_only_numbers_of_the_annex_are_answered(revision: Revision, engineer: User, number: str) -> None:
    with refused("no such requirement"):
        conformity.meet(revision, [number], where="Report", by=engineer)
    with refused("no such requirement"):
        conformity.admit(revision, number, what="It", why="So", by=engineer)
    with refused("Tick at least one"):
        conformity.meet(revision, [], where="Report", by=engineer)


def test_not_fully_met_needs_what_and_why(revision: Revision, engineer: User) -> None:
    with refused("cannot be left empty"):
        conformity.admit(revision, "5", what="Sharp", why="", by=engineer)


def test_what_is_not_fully_met_is_told_in_the_order_of_the_annex(revision: Revision, engineer: User) -> None:
    for number in ("23.1", "10.4", "5", "3(b)"):
        conformity.admit(revision, number, what="It", why="So", by=engineer)
    UnmetRequirement.objects.create(revision=revision, number="10.99", what="It", why="So")
    d = current(revision.product)
    numbers = ["3(b)", "5", "10.4", "23.1", "10.99"]
    assert [unmet.number for unmet in d.unmet_of(revision)] == numbers
    told = signing.content(d, revision, signing.Wording("sv", "Västanstad"))
    assert [row["number"] for row in told["statement"]["exceptions"]] == numbers


def test_answers_are_given_by_those_who_keep_the_product(revision: Revision, nurse: User, outsider: User) -> None:
    for person in (nurse, outsider):
        with denied():
            conformity.meet(revision, ["1"], where="Report", by=person)


def test_what_is_signed_is_not_answered_anew(engineer: User) -> None:
    revision = stations.coming(stations.declared())
    acts: list[Callable[[], Any]] = [
        lambda: conformity.meet(revision, ["1"], where="Report", by=engineer),
        lambda: conformity.rule_out(revision, ["1"], reason="No", by=engineer),
        lambda: conformity.admit(revision, "1", what="It", why="So", by=engineer),
        lambda: conformity.take_back(revision, "1", by=engineer),
        lambda: conformity.confirm(revision, by=engineer),
    ]
    for act in acts:
        with refused("what is signed is not changed"):
            act()


def test_the_database_keeps_the_reason(revision: Revision) -> None:
    for fields in (
        {"answer": "not_applicable"},
        {"answer": "met", "reason": "No"},
        {"answer": "not_applicable", "reason": "No", "where": "Here"},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Conformity.objects.create(revision=revision, number="1", **fields)


# --- what a device suggests


def test_what_no_tag_of_a_requirement_fits_is_suggested_and_answers_nothing(revision: Revision) -> None:
    numbers = {row.number for rows in conformity.suggested(revision).values() for row in rows}
    assert {"9", "16.1(a)", "19.1"} <= numbers
    assert {"1", "3", "10.1", "14.1", "22.1"}.isdisjoint(numbers)
    revision.is_radiating = True
    assert "radiation" not in conformity.suggested(revision)
    assert held(revision) == {}


def test_a_device_under_the_other_regulation_is_answered_anew(product: Product, engineer: User) -> None:
    revision = stations.coming(product)
    conformity.meet(revision, ["1"], where="Report", by=engineer)
    conformity.admit(revision, "5", what="It", why="So", by=engineer)
    design.describe(revision, {"is_in_vitro": True}, by=engineer)
    assert held(revision) == {}


# --- before signing


def test_nobody_signs_while_requirements_have_no_answer(engineer: User) -> None:
    product = stations.documented()
    revision = stations.coming(product)
    conformity.take_back(revision, "16", by=engineer)
    with refused("9 requirements of Annex I have no answer", Refused) as caught:
        stations.sign(product)
    [obstacle] = caught.value.obstacles  # type: ignore[attr-defined]
    assert obstacle.mend == "conformity"
    assert {row.id for row in obstacle.requirements} == {"VGR-52", "MDR55-0"}
    conformity.rule_out(revision, ["16"], reason="It emits no radiation", by=engineer)
    stations.sign(product)


def test_a_document_that_is_removed_leaves_an_answer_that_nothing_shows(engineer: User) -> None:
    product = stations.documented()
    revision = stations.coming(product)
    entry = stations.document(revision, group="other")
    conformity.meet(revision, ["5"], evidence=entry, anew=True, by=engineer)
    evidence.remove_document(entry, by=engineer)
    [lack] = answered(current(product))
    assert lack.text == "1 requirement of Annex I is said to be met, and nothing shows it."


def test_the_next_revision_begins_with_the_answers_and_has_them_confirmed(engineer: User) -> None:
    product = stations.documented()
    first = stations.coming(product)
    entry = stations.document(first, group="other")
    conformity.meet(first, ["5"], evidence=entry, anew=True, by=engineer)
    for number in ("10.4", "23.1"):
        conformity.admit(first, number, what="Not quite", why="Outside the body", by=engineer)
    stations.sign(product)
    stations.registered(product)
    stations.prepared(stations.coming(product))
    stations.listed(product)
    lifecycle.move(product, Product.Stage.IN_USE, by=stations.owner_of(product))
    second = stations.changing(product)
    assert held(second) == held(stations.in_force(product))
    carried = second.conformities.get(number="5")
    assert carried.evidence is not None
    assert (carried.evidence.revision, carried.evidence.document) == (second, entry.document)
    assert [m.text for m in answered(current(product))] == [
        "Confirm that the answers to Annex I carried over still hold for this revision."
    ]
    conformity.meet(second, ["4"], where="Report 7", anew=True, by=engineer)
    conformity.admit(second, "23.1", what="Not quite", why="Still outside the body", by=engineer)
    assert conformity.confirm(second, by=engineer) == second.conformities.count()  # all but one, and 10.4
    assert list(answered(current(product))) == []


def test_what_was_not_fully_met_is_confirmed_for_the_next_revision_before_it_is_declared_again(
    client: Client, engineer: User
) -> None:
    second = stations.coming(stations.second_revision())
    conformity.confirm(second, by=engineer)
    product = second.product
    conformity.admit(second, "10.4", what="Not quite", why="Outside the body", by=engineer)
    second.unmet_requirements.update(confirmed_on=None)  # as it is when it was carried over
    assert [m.text for m in answered(current(product))] == [
        "Confirm that the answers to Annex I carried over still hold for this revision."
    ]
    client.force_login(engineer)
    told = read(client, page("conformity", product))
    assert "One answer is carried over and not confirmed yet" in told
    assert told.count("not confirmed for this revision") == 1
    client.post(page("conformity-confirm", product))
    assert list(answered(current(product))) == []


def test_the_dossier_knows_the_answers_as_they_were(engineer: User) -> None:
    with stations.on_day("2026-03-01"):
        product = stations.in_development()
        revision = stations.coming(product)
        conformity.meet(revision, ["1"], where="Report 1", by=engineer)
        then = clock.now()
    with stations.on_day("2026-03-05"):
        conformity.meet(revision, ["1"], where="Report 2", anew=True, by=engineer)
        conformity.meet(revision, ["2"], where="Report 2", by=engineer)
    before, known = dossier(product, on=then.date()), dossier(product, known=then)
    assert before
    assert known
    assert [(c.number, c.where) for c in current(product).conformities] == [("1", "Report 2"), ("2", "Report 2")]
    assert [c.number for c in before.conformities] == ["1"]
    assert [(c.number, c.where) for c in known.conformities] == [("1", "Report 1")]


# --- the pages


def page(name: str, product: Product, **query: Any) -> str:
    return reverse(f"inhouse:{name}", args=[product.pk], query=query)


@pytest.fixture
def keeper(client: Client, engineer: User) -> Client:
    client.force_login(engineer)
    return client


def read(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_the_page_says_how_many_are_answered_and_leads_to_the_rest(
    keeper: Client, product: Product, revision: Revision, engineer: User
) -> None:
    assert "0 of 190 answered" in read(keeper, page("conformity", product))
    conformity.meet(revision, ["3"], where="The risk file", by=engineer)
    told = read(keeper, page("conformity", product))
    assert "7 of 190 answered" in told
    assert "answered with 3" in told
    assert "The risk file" in told
    only = read(keeper, page("conformity", product, open=1))
    assert "Risk management system" not in only
    assert "Use error" in only


def test_one_is_answered_and_the_next_comes(keeper: Client, product: Product, revision: Revision) -> None:
    address = page("conformity-answer", product, n="1")
    assert "Safe, effective and fit for its purpose" in read(keeper, address)
    sent = keeper.post(address, {"answer": "met", "where": "Report 1", "next": "1"})
    assert sent.status_code == 302
    assert sent["Location"] == page("conformity-answer", product, n="2")
    assert held(revision) == {"1": "met"}
    back = keeper.post(page("conformity-answer", product, n="14.2(a)"), {"answer": "unmet", "what": "It", "why": "So"})
    assert back["Location"] == page("conformity", product) + "#r-14.2(a)"
    assert UnmetRequirement.objects.get().number == "14.2(a)"
    assert keeper.post(address, {"take_back": "1"}).status_code == 302
    assert held(revision) == {"14.2(a)": "unmet"}


def test_what_was_typed_is_kept_when_it_is_refused(keeper: Client, product: Product, revision: Revision) -> None:
    answer = keeper.post(page("conformity-answer", product, n="1"), {"answer": "not_applicable", "where": "Kept words"})
    assert answer.status_code == 200
    told = answer.content.decode()
    assert "Say why it is not applicable" in told
    assert "Kept words" in told
    assert held(revision) == {}


def test_a_group_is_suggested_and_answered_with_one_reason(
    keeper: Client, product: Product, revision: Revision
) -> None:
    listed = read(keeper, page("conformity", product))
    assert "Emits or may emit radiation" in listed
    address = page("conformity-answer", product, tag="radiation")
    shown = keeper.get(address)
    offered = [row.number for row, ticked in shown.context["offered"] if ticked]
    assert len(offered) > 1
    kept = offered[:-1]
    sent = keeper.post(address, {"n": kept, "answer": "not_applicable", "reason": "It emits no radiation"})
    assert sent.status_code == 302
    assert held(revision) == dict.fromkeys(kept, "not_applicable")


def test_a_group_sent_twice_answers_only_what_was_ticked(keeper: Client, product: Product, revision: Revision) -> None:
    address = page("conformity-answer", product, tag="radiation")
    *kept, left = [row.number for row, _ticked in keeper.get(address).context["offered"]]
    sent = {"n": kept, "answer": "not_applicable", "reason": "It emits no radiation"}
    keeper.post(address, sent)
    again = keeper.post(address, sent)
    assert "have an answer already" in again.content.decode()
    assert held(revision) == dict.fromkeys(kept, "not_applicable")
    shown = keeper.get(address).context
    assert [row.number for row, _ticked in shown["offered"]] == [left]
    assert shown["alone"] is None


def test_the_last_tick_of_a_group_does_not_replace_what_a_colleague_answered(
    keeper: Client, product: Product, revision: Revision, engineer: User
) -> None:
    number = conformity.suggested(revision)["radiation"][0].number
    conformity.meet(revision, [number], where="The colleague's report", by=engineer)
    address = page("conformity-answer", product, tag="radiation")
    sent = keeper.post(address, {"n": [number], "answer": "not_applicable", "reason": "No radiation"})
    assert "have an answer already" in sent.content.decode()
    assert held(revision) == {number: "met"}


def test_an_answer_that_a_colleague_changed_meanwhile_is_not_taken_back(
    keeper: Client, product: Product, revision: Revision, engineer: User
) -> None:
    address = page("conformity-answer", product, n="1")
    conformity.meet(revision, ["1"], where="Report 1", by=engineer)
    seen = keeper.get(address).context["seen"]["seen"].value()
    conformity.meet(revision, ["1"], where="Report 2", anew=True, by=engineer)
    told = keeper.post(address, {"seen": seen, "take_back": "1"}).content.decode()
    assert "Someone changed this while you were writing" in told
    assert held(revision) == {"1": "met"}


def test_an_answer_that_someone_else_gave_meanwhile_is_shown_first(
    keeper: Client, product: Product, revision: Revision, engineer: User
) -> None:
    address = page("conformity-answer", product, n="1")
    seen = keeper.get(address).context["seen"]["seen"].value()
    conformity.meet(revision, ["1"], where="Report 1", by=engineer)
    answer = keeper.post(address, {"seen": seen, "answer": "met", "where": "Report 2"})
    assert "Someone changed this while you were writing" in answer.content.decode()
    assert revision.conformities.get().where == "Report 1"


def test_answers_carried_over_are_confirmed_at_once(client: Client, owner: User) -> None:
    product = stations.second_revision()
    client.force_login(owner)
    assert "23 answers are carried over" in read(client, page("conformity", product))
    assert client.post(page("conformity-confirm", product)).status_code == 302
    assert not stations.coming(product).conformities.filter(confirmed_on=None).exists()


def test_what_was_listed_under_another_number_is_shown_and_can_be_taken_out(
    keeper: Client, product: Product, revision: Revision
) -> None:
    UnmetRequirement.objects.create(revision=revision, number="10.99", what="No such thing", why="Once typed")
    assert "under numbers that are not in the annex" in read(keeper, page("conformity", product))
    keeper.post(page("conformity-strike", product), {"number": "10.99"})
    assert "No such thing" not in read(keeper, page("conformity", product))
    assert held(revision) == {}


def test_who_may_only_read_is_offered_nothing_to_answer(client: Client, product: Product, nurse: User) -> None:
    client.force_login(nurse)
    told = read(client, page("conformity", product))
    assert "conformity/answer/?n=" not in told
    assert 'type="checkbox"' not in told
    assert client.get(page("conformity-answer", product, n="1"))["Location"] == page("conformity", product)


def test_the_page_costs_the_same_however_much_is_answered(
    keeper: Client, product: Product, revision: Revision, engineer: User
) -> None:
    entry = stations.document(revision, group="risk")
    conformity.meet(revision, ["1"], evidence=entry, by=engineer)
    one = cost(keeper, page("conformity", product))
    conformity.rule_out(revision, ["12", "13", "19"], reason="No", by=engineer)
    conformity.meet(revision, ["3(a)", "3(b)"], evidence=stations.document(revision, group="design"), by=engineer)
    assert cost(keeper, page("conformity", product)) == one
