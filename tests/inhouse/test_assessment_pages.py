"""The guided assessment, its summary, submitting it, and the decision, at the door."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pypdf
import pytest
from django.test import Client
from django.urls import reverse

from inhouse import assessment, guide, law, market
from inhouse.dossier import current
from inhouse.models import Answer, Candidate, CategoryFacts, OtherRoute
from organisation.models import User
from products.models import Product, Revision
from tests import factories, stations
from tests.costs import cost

pytestmark = pytest.mark.django_db


def page(name: str, product: Product) -> str:
    return reverse(f"inhouse:{name}", args=[product.pk])


def sign_in(client: Client, person: User) -> Client:
    client.force_login(person)
    return client


def ask(product: Product, key: str) -> str:
    return reverse("inhouse:assessment-question", args=[product.pk, key])


def facts(product: Product, category: str) -> str:
    return reverse("inhouse:assessment-facts", args=[product.pk, category])


def written(product: Product, tree: str) -> dict[str, tuple[str, str]]:
    return {name: (answer.value, answer.reason) for name, answer in current(product).answered(tree).items()}


def reply(client: Client, product: Product, key: str, value: str, **more: str) -> Any:
    """Open the page of a question, answer it and go on."""
    form = client.get(ask(product, key)).context["form"]
    seen = form["seen"].value() or ""
    return client.post(ask(product, key), {"value": value, "reason": "As we see it", "seen": seen, **more})


WEIGHING = stations.WEIGHING | {"support_needed": "False"}


@pytest.fixture
def proposer(client: Client, nurse: User) -> Client:
    return sign_in(client, nurse)


@pytest.fixture
def colleague(db: None) -> User:
    """On staff, and had no part in the proposal."""
    return factories.user("Kim Sand", at=factories.ward(), title="Nurse")


# --- the way through


def test_anyone_proposes_for_their_own_unit_unless_they_choose_another(proposer: Client, nurse: User) -> None:
    assert proposer.get(reverse("inhouse:propose")).context["form"].initial == {"unit": nurse.unit_id}
    answer = proposer.post(
        reverse("inhouse:propose"), {"name": "Head rest", "summary": "Holds a head.", "unit": nurse.unit_id}
    )
    product = Product.objects.get()
    assert (product.name, product.unit, product.proposed_by) == ("Head rest", nurse.unit, nurse)
    assert answer["Location"] == ask(product, "software_is_device.sw1")


def test_a_proposal_without_a_name_is_refused_and_keeps_what_was_typed(proposer: Client, nurse: User) -> None:
    answer = proposer.post(reverse("inhouse:propose"), {"name": "", "summary": "Holds a head.", "unit": nurse.unit_id})
    assert "Holds a head." in answer.content.decode()
    assert list(answer.context["form"].errors) == ["name"]
    assert not Product.objects.exists()


def test_whoever_proposes_is_shown_what_the_institution_has_already_made(proposer: Client, nurse: User) -> None:
    stations.proposed("Head rest for children", summary="Holds a small head still.")
    stations.proposed("Dose calculator", summary="Adds up doses.")
    typed: dict[str, Any] = {"name": "Headrest rest", "summary": "", "unit": nurse.unit_id}
    while_typing = proposer.get(reverse("inhouse:similar"), typed)
    assert [product.name for product in while_typing.context["found"]] == ["Head rest for children"]
    without_scripts = proposer.post(reverse("inhouse:propose"), typed | {"look": "1"})
    assert [product.name for product in without_scripts.context["found"]] == ["Head rest for children"]
    assert 'value="Headrest rest"' in without_scripts.content.decode()
    assert Product.objects.count() == 2


def test_an_answer_leads_to_the_next_question_and_is_saved_at_once(proposer: Client) -> None:
    product = stations.proposed()
    answer = reply(proposer, product, "software_is_device.sw1", "no")
    assert answer["Location"] == ask(product, "general_definition.g1")
    assert written(product, "software_is_device") == {"sw1": ("no", "As we see it")}
    assert proposer.get(ask(product, "software_is_device.sw1")).context["form"]["value"].value() == "no"


def test_the_way_back_is_the_question_before(proposer: Client) -> None:
    product = stations.proposed()
    reply(proposer, product, "software_is_device.sw1", "no")
    shown = proposer.get(ask(product, "general_definition.g1"))
    assert shown.context["back"] == ask(product, "software_is_device.sw1")


def test_a_question_without_an_answer_is_refused_and_can_be_left(proposer: Client) -> None:
    product = stations.proposed()
    answer = proposer.post(ask(product, "software_is_device.sw1"), {"reason": "I do not know yet"})
    assert answer.context["form"].errors == {"value": ["Choose an answer."]}
    assert "I do not know yet" in answer.content.decode()
    left = proposer.post(ask(product, "software_is_device.sw1"), {"leave": "1"})
    assert left["Location"] == page("assessment", product)
    assert written(product, "software_is_device") == {}


def test_leaving_keeps_the_answer_and_the_summary_leads_on(proposer: Client) -> None:
    product = stations.proposed()
    left = reply(proposer, product, "software_is_device.sw1", "no", leave="1")
    assert left["Location"] == page("assessment", product)
    onward = proposer.get(page("assessment", product)).context["onward"]
    assert onward.address == ask(product, "general_definition.g1")


@pytest.mark.parametrize("key", ["general_definition.g9", "nothing.g1", "general_definition", "general_definition."])
def test_a_question_that_does_not_exist_is_not_found(proposer: Client, key: str) -> None:
    assert proposer.get(ask(stations.proposed(), key)).status_code == 404


def test_a_question_the_answers_do_not_lead_to_sends_to_the_summary(proposer: Client) -> None:
    product = stations.proposed()
    assert proposer.get(ask(product, "software_is_device.sw4"))["Location"] == page("assessment", product)


def test_a_reason_is_asked_for_where_the_law_wants_one(proposer: Client) -> None:
    product = stations.proposed()
    answer = reply(proposer, product, "prohibitions.industrial_scale", "no", reason=" ")
    assert answer.context["form"].errors == {"reason": ["Give the reason for your answer."]}
    assert written(product, "prohibitions") == {}


def test_an_answer_that_removes_others_says_so_first_and_then_does_it(proposer: Client) -> None:
    product = stations.proposed()
    for number, value in ((1, "yes"), (2, "no"), (3, "yes")):
        reply(proposer, product, f"software_is_device.sw{number}", value)
    warned = reply(proposer, product, "software_is_device.sw1", "no")
    tree = law.trees()["software_is_device"]
    assert warned.context["removed"] == [tree["sw2"].text, tree["sw3"].text]
    assert len(written(product, "software_is_device")) == 3
    done = reply(proposer, product, "software_is_device.sw1", "no", confirmed="1")
    assert done["Location"] == ask(product, "general_definition.g1")
    assert written(product, "software_is_device") == {"sw1": ("no", "As we see it")}
    said = proposer.get(done["Location"]).content.decode()
    assert "Removed, as it no longer applies" in said


def test_what_is_no_device_needs_a_statement_in_own_words(proposer: Client) -> None:
    product = stations.proposed()
    reply(proposer, product, "software_is_device.sw1", "no")
    for question in ("g1", "g3", "g4"):
        answer = reply(proposer, product, f"general_definition.{question}", "no")
    assert answer["Location"] == page("assessment-statement", product)
    seen = proposer.get(answer["Location"]).context["form"]["seen"].value()
    refused = proposer.post(page("assessment-statement", product), {"non_medical_statement": "", "seen": seen})
    assert list(refused.context["form"].errors) == ["non_medical_statement"]
    sent = {"non_medical_statement": "A shelf for binders", "seen": seen}
    assert proposer.post(page("assessment-statement", product), sent)["Location"] == page("assessment", product)
    shown = proposer.get(page("assessment", product))
    assert shown.context["end"].id == "not_covered"
    assert shown.context["unfinished"] == []


def test_a_ticked_category_is_a_yes_and_the_others_are_no(proposer: Client) -> None:
    product = stations.proposed()
    nothing = proposer.post(page("assessment-scope", product), {})
    assert list(nothing.context["form"].errors) == ["categories"]
    answer = proposer.post(page("assessment-scope", product), {"categories": ["combination", "research"]})
    assert answer["Location"] == facts(product, "combination")
    answers = written(product, "scope_categories")
    assert {name for name, (value, _reason) in answers.items() if value == "yes"} == {"combination", "research"}
    assert len(answers) == 5


def test_each_kind_of_work_asks_for_its_own_facts(proposer: Client, engineer: User) -> None:
    product = stations.proposed()
    assessment.choose_categories(product, ["extended_use"], by=engineer)
    assert proposer.get(facts(product, "gold")).status_code == 404
    empty = proposer.post(facts(product, "extended_use"), {"seen": ""})
    assert set(empty.context["form"].errors) == {"device", "maker", "stated_purpose", "our_purpose", "difference"}
    sent = {
        "device": "VentX",
        "maker": "Luft AB",
        "stated_purpose": "Adults",
        "our_purpose": "Children",
        "difference": "Smaller",
    }
    assert proposer.post(facts(product, "extended_use"), sent).status_code == 302
    assert CategoryFacts.objects.get().our_purpose == "Children"


def test_a_combination_names_its_parts_and_what_each_manufacturer_says(proposer: Client, engineer: User) -> None:
    product = stations.proposed()
    assessment.choose_categories(product, ["combination"], by=engineer)
    one = {
        "parts-TOTAL_FORMS": "2", "parts-INITIAL_FORMS": "0", "difference": "They share a cable",
        "parts-0-name": "Monitor", "parts-0-maker": "Med AB", "parts-0-statement": "Only with our own cables",
    }  # fmt: skip
    refused = proposer.post(facts(product, "combination"), one)
    assert "at least two parts" in refused.content.decode()
    two = one | {"parts-1-name": "Pump", "parts-1-maker": "Drop AB", "parts-1-statement": "Says nothing"}
    assert proposer.post(facts(product, "combination"), two).status_code == 302
    parts = Revision.objects.get(product=product).parts.all()
    assert [(part.name, part.statement) for part in parts] == [
        ("Monitor", "Only with our own cables"),
        ("Pump", "Says nothing"),
    ]


def test_a_custom_made_device_ends_with_what_that_way_demands(proposer: Client) -> None:
    product = stations.proposed()
    reply(proposer, product, "ways_of_use.way", "custom_made")
    for question in ("c1", "c2", "c3"):
        answer = reply(proposer, product, f"custom_made.{question}", "yes")
    assert answer["Location"] == page("assessment-other-route", product)
    shown = proposer.get(answer["Location"])
    assert "MDR Annex XIII, 1" in shown.content.decode()
    sent = {"prescriber": "Dr Berg", "special_features": "For 19900602-2397, wider", "seen": ""}
    refused = proposer.post(page("assessment-other-route", product), sent)
    assert list(refused.context["form"].errors) == ["special_features"]
    proposer.post(page("assessment-other-route", product), sent | {"special_features": "Wider at the top"})
    assert OtherRoute.objects.get().prescriber == "Dr Berg"


def test_advice_cannot_lie_in_the_future_nor_be_left_out_when_it_is_needed(proposer: Client) -> None:
    product = stations.proposed()
    seen = proposer.get(page("assessment-weighing", product)).context["form"]["seen"].value()
    needed = WEIGHING | {"support_needed": "True", "seen": seen}
    answer = proposer.post(page("assessment-weighing", product), needed)
    assert sorted(answer.context["form"].errors) == ["advice", "advised_on", "adviser"]
    late = needed | {"adviser": "Ali Lund", "advice": "Go ahead", "advised_on": "2999-01-01"}
    answer = proposer.post(page("assessment-weighing", product), late)
    assert list(answer.context["form"].errors) == ["advised_on"]
    assert "Go ahead" in answer.content.decode()


def test_the_need_is_written_with_the_purpose_and_dated(proposer: Client) -> None:
    product = stations.proposed()
    seen = proposer.get(page("assessment-need", product)).context["form"]["seen"].value()
    sent = stations.NEED | {"intended_purpose": "Holds a catheter", "seen": seen}
    assert proposer.post(page("assessment-need", product), sent).status_code == 302
    assert current(product).assessment.need_on is not None  # type: ignore[union-attr]
    assert Revision.objects.get(product=product).intended_purpose == "Holds a catheter"


def test_two_write_the_need_and_the_later_sees_both(proposer: Client, engineer: User) -> None:
    product = stations.proposed()
    seen = proposer.get(page("assessment-need", product)).context["form"]["seen"].value()
    assessment.write(product, {"special_need": "The engineer’s words"}, by=engineer)
    sent = stations.NEED | {"special_need": "The nurse’s words", "intended_purpose": "Holds", "seen": seen}
    answer = proposer.post(page("assessment-need", product), sent)
    text = answer.content.decode()
    assert "The engineer’s words" in text
    assert "The nurse’s words" in text
    again = sent | {"seen": answer.context["form"]["seen"].value()}
    proposer.post(page("assessment-need", product), again)
    assert current(product).assessment.special_need == "The nurse’s words"  # type: ignore[union-attr]


def test_two_answer_the_same_question_and_the_later_sees_both(proposer: Client, engineer: User) -> None:
    product = stations.proposed()
    address = ask(product, "prohibitions.industrial_scale")
    assessment.reply(product, "prohibitions", "industrial_scale", "yes", reason="A thousand", by=engineer)
    answer = proposer.post(address, {"value": "no", "reason": "Ten a year", "seen": ""})
    assert "Eva Ek changed this while you were writing" in answer.content.decode()
    assert [row[1:] for row in answer.context["form"].theirs] == [("Yes", "No"), ("A thousand", "Ten a year")]
    assert written(product, "prohibitions")["industrial_scale"] == ("yes", "A thousand")
    seen = answer.context["form"]["seen"].value()
    assert proposer.post(address, {"value": "no", "reason": "Ten a year", "seen": seen}).status_code == 302
    assert written(product, "prohibitions")["industrial_scale"] == ("no", "Ten a year")


def test_two_tick_categories_and_the_later_sees_both(proposer: Client, engineer: User) -> None:
    product = stations.proposed()
    assessment.choose_categories(product, ["research"], by=engineer)
    sent: dict[str, Any] = {"categories": ["combination", "manufacture_modify"], "seen": ""}
    form = proposer.post(page("assessment-scope", product), sent).context["form"]
    labels = dict(form.fields["categories"].choices)
    both = f"{labels['manufacture_modify']}, {labels['combination']}"
    assert form.theirs == [("It is", labels["research"], both)]
    assert written(product, "scope_categories")["research"][0] == "yes"


def test_a_proposal_is_worded_anew_until_it_is_decided(proposer: Client, ward: Any) -> None:
    product = stations.proposed()
    seen = proposer.get(page("assessment-proposal", product)).context["form"]["seen"].value()
    sent = {"name": "Better name", "summary": "Better words", "unit": ward.pk, "seen": seen}
    proposer.post(page("assessment-proposal", product), sent)
    product.refresh_from_db()
    assert (product.name, product.summary, product.unit) == ("Better name", "Better words", ward)


# --- who may, and when

PARTS = [part.name for part in guide.PARTS if part.name.startswith("assessment-")]


@pytest.mark.parametrize("name", PARTS)
def test_a_part_of_the_way_leads_to_its_first_page_and_for_who_only_reads_to_the_summary(
    name: str, client: Client, engineer: User, colleague: User
) -> None:
    product = stations.assessed(submit=False)
    sign_in(client, engineer)
    course = guide.read(product)
    first = next(stop for stop in guide.way(course) if stop.part == name).address(product)
    here = page(name, product)
    answer = client.get(here)
    assert answer.status_code == 200 if first == here else answer["Location"] == first
    sign_in(client, colleague)
    assert client.get(here)["Location"] == page("assessment", product)


def test_who_may_not_answer_is_refused(client: Client, colleague: User) -> None:
    product = stations.proposed()
    sign_in(client, colleague)
    assert client.post(ask(product, "software_is_device.sw1"), {"value": "no"}).status_code == 403
    assert client.get(ask(product, "software_is_device.sw1"))["Location"] == page("assessment", product)


def test_answers_that_come_after_the_decision_are_refused_and_not_lost(proposer: Client) -> None:
    product = stations.eligible()
    form = {"value": "yes", "reason": "Too late"}
    newest = Answer.history.filter(question="industrial_scale").latest("history_id").history_id  # type: ignore[attr-defined]
    answer = proposer.post(ask(product, "prohibitions.industrial_scale"), form | {"seen": newest})
    assert "can no longer be changed" in answer.content.decode()
    assert "Too late" in answer.content.decode()
    assert written(product, "prohibitions")["industrial_scale"] == ("no", "As we see it")


def _begun() -> Product:
    return stations.proposed()


def _answered() -> Product:
    return stations.assessed(submit=False)


def _searching() -> Product:
    """The search is begun anew, so that a form shows beside what was found before."""
    product = stations.assessed(submit=False)
    market.attach(market.begin(product, correcting=True, by=stations.engineer(product)), upload=factories.pdf(), by=stations.engineer(product))  # fmt: skip
    return product


def _software() -> Product:
    """An AI that drives a device: all that software is asked beside the rest."""
    product = stations.assessed("Dose calculator", submit=False)
    Answer.objects.filter(assessment__product=product, tree="software_is_device").delete()
    stations.is_software(product)
    stations.programmed(product, ai=True)
    return product


@pytest.mark.parametrize("proposal", [_begun, _answered, _searching, _software])
def test_a_page_of_the_way_takes_at_most_thirteen_queries_however_many_products_there_are(
    proposer: Client, nurse: User, proposal: Callable[[], Product]
) -> None:
    product = proposal()
    stops = [stop.address(product) for stop in guide.way(guide.read(product))]
    considered = Candidate.objects.filter(search__concluded_on=None)
    stops += [reverse("inhouse:market-candidate", args=[product.pk, key]) for key in considered.values_list("pk", flat=True)]  # fmt: skip
    proposer.get(page("assessment", product))
    alone = {address: cost(proposer, address) for address in stops}
    Product.objects.bulk_create(
        Product(
            number=f"IH-2020-{number:04d}", name=f"Adapter {number}", summary="Holds a catheter", unit=product.unit,
            proposed_by=nurse, proposed_on=product.proposed_on,
        )
        for number in range(5000)
    )  # fmt: skip
    assert {address: cost(proposer, address) for address in stops} == alone
    assert max(alone.values()) <= 13, alone
    assert cost(proposer, f"{reverse('inhouse:similar')}?name=A+catheter+adapter") <= 12


# --- summary, submitting, decision


def test_an_assessment_is_submitted_from_its_summary_and_then_closed(proposer: Client, manager: User) -> None:
    product = stations.assessed(submit=False)
    assert "Submit the assessment" in proposer.get(page("assessment", product)).content.decode()
    proposer.post(page("assessment-submit", product))
    shown = proposer.get(page("assessment", product)).content.decode()
    assert "a manager decides" in shown
    assert proposer.get(ask(product, "outside_use.o1"))["Location"] == page("assessment", product)
    proposer.post(page("assessment-take-back", product), {"reason": "Another ward"})
    assert proposer.get(ask(product, "outside_use.o1")).status_code == 200


def test_what_is_not_gone_through_is_not_submitted(proposer: Client) -> None:
    product = stations.proposed()
    answer = proposer.post(page("assessment-submit", product), follow=True)
    assert "not finished" in answer.content.decode()
    assert not product.assessments.get().is_submitted


def test_the_assessment_is_printed_with_path_reasons_law_and_version(proposer: Client) -> None:
    product = stations.rejected()
    answer = proposer.get(page("assessment-paper", product))
    assert answer["Content-Type"] == "application/pdf"
    assert product.number in answer["Content-Disposition"]
    pages = pypdf.PdfReader(io.BytesIO(b"".join(answer))).pages
    words = " ".join(" ".join(each.extract_text() for each in pages).split())
    for said in ("As we see it", "version 1", "MDCG 2023-1", "Eva Ek", "There is one to buy", "CathFix"):
        assert said in words


def test_the_summary_shows_answers_with_reason_person_and_day(proposer: Client) -> None:
    text = proposer.get(page("assessment", stations.assessed())).content.decode()
    assert "As we see it" in text
    assert "Eva Ek" in text
    assert "Submitted by" in text
    assert "questions, version 1" in text


def test_a_third_assessment_takes_no_more_queries(
    proposer: Client, nurse: User, django_assert_max_num_queries: Any
) -> None:
    product = stations.rejected()
    proposer.get(page("assessment", product))
    with django_assert_max_num_queries(100) as one:
        proposer.get(page("assessment", product))
    for _again in range(2):
        assessment.again(product, reason="It is no longer sold", by=nurse)
        manager = stations.manager(product)
        assessment.decide(product, make=False, end="buy", reason="It is sold again", by=manager)
    with django_assert_max_num_queries(len(one)):
        answer = proposer.get(page("assessment", product))
    assert len(answer.context["earlier"]) == 2


def test_a_manager_decides_that_it_may_be_made(client: Client, manager: User) -> None:
    product = stations.assessed()
    sign_in(client, manager)
    sent = {"decision": "make", "make-reason": "Nothing else fits"}
    unread = client.post(page("decision", product), sent)
    assert list(unread.context["make"].errors) == ["read"]
    assert f"{product} may be made in-house" in unread.content.decode()
    assert stations.fresh(product).stage == Product.Stage.PROPOSED
    answer = client.post(page("decision", product), sent | {"make-read": "on"})
    assert answer["Location"] == page("owner", product)
    assert stations.fresh(product).stage == Product.Stage.ELIGIBLE
    assert "Nothing else fits" in client.get(page("decision", product)).content.decode()


def test_a_manager_cannot_decide_to_make_what_is_not_assessed(client: Client, manager: User) -> None:
    product = stations.proposed()
    sign_in(client, manager)
    assert "disabled" in client.get(page("decision", product)).content.decode()
    answer = client.post(page("decision", product), {"decision": "make", "make-reason": "I want it", "make-read": "on"})
    assert "Say whether it is a medical device." in answer.content.decode()
    assert "I want it" in answer.content.decode()
    assert stations.fresh(product).stage == Product.Stage.PROPOSED
    assert not current(product).assessment.is_decided  # type: ignore[union-attr]


def test_a_manager_decides_that_it_is_not_made_and_says_how_it_ends(client: Client, manager: User) -> None:
    product = stations.proposed()
    sign_in(client, manager)
    answer = client.post(page("decision", product), {"decision": "reject", "reject-reason": "There is one to buy"})
    assert list(answer.context["reject"].errors) == ["end", "read"]
    sent = {"decision": "reject", "reject-end": "buy", "reject-reason": "There is one to buy", "reject-read": "on"}
    client.post(page("decision", product), sent)
    assert stations.fresh(product).outcome == Product.Outcome.BUY


def test_who_cannot_decide_sees_who_can(client: Client, nurse: User, manager: User) -> None:
    product = stations.assessed()
    sign_in(client, nurse)
    assert manager.name in client.get(page("decision", product)).content.decode()
    assert client.post(page("decision", product), {"decision": "make", "make-reason": "Yes"}).status_code == 403


def test_a_rejected_product_is_proposed_again_with_a_reason(client: Client, colleague: User) -> None:
    product = stations.rejected()
    sign_in(client, colleague)
    assert list(client.post(page("assessment-again", product), {"reason": ""}).context["form"].errors) == ["reason"]
    client.post(page("assessment-again", product), {"reason": "It is no longer sold"})
    assert stations.fresh(product).stage == Product.Stage.PROPOSED
    answer = client.get(page("assessment", product))
    assert [each.number for each, _sections in answer.context["earlier"]] == [1]


def test_only_a_rejected_product_is_proposed_again(proposer: Client) -> None:
    product = stations.eligible()
    answer = proposer.post(page("assessment-again", product), {"reason": "Why not"})
    assert answer.status_code == 200
    assert stations.fresh(product).stage == Product.Stage.ELIGIBLE
