"""The guided proposal, the summary of an assessment, and the decision, at the door."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from inhouse import assessment
from inhouse.dossier import current
from inhouse.models import Answer
from organisation import history
from organisation.models import User
from products.models import Product, Revision
from tests import factories, stations

pytestmark = pytest.mark.django_db


def page(name: str, product: Product) -> str:
    return reverse(f"inhouse:{name}", args=[product.pk])


def sign_in(client: Client, person: User) -> Client:
    client.force_login(person)
    return client


def given(tree: str, reason: str = "As we see it", **answers: str) -> dict[str, str]:
    """Answers as the browser sends them."""
    sent: dict[str, str] = {}
    for question, value in answers.items():
        sent |= {f"{tree}-{question}": value, f"{tree}-{question}_reason": reason}
    return sent


def seen(product: Product, tree: str) -> dict[str, Any]:
    """The newest answer that a form opened now is made from."""
    newest = history.of(Answer).filter(assessment=current(product).assessment, tree=tree).first()
    return {f"{tree}-seen": newest.history_id if newest else ""}


def written(product: Product, tree: str) -> dict[str, tuple[str, str]]:
    return {name: (answer.value, answer.reason) for name, answer in current(product).answered(tree).items()}


def missing(client: Client, product: Product) -> list[str]:
    return [obstacle.text for obstacle in client.get(page("assessment", product)).context["missing"]]


DEVICE = given("general_definition", g1="yes", g2="yes") | given("md_or_ivd", iv1="no")
NO_DEVICE = given("general_definition", g1="no", g3="no", g4="no")
WEIGHING = stations.WEIGHING | {"support_needed": "False"}


STEPS = [
    "assessment-proposal",
    "assessment-scope",
    "assessment-device",
    "assessment-route",
    "assessment-need",
    "assessment-prohibitions",
    "assessment-weighing",
]


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
    assert answer["Location"] == page("assessment-scope", product)


def test_a_proposal_without_a_name_is_refused_and_keeps_what_was_typed(proposer: Client, nurse: User) -> None:
    answer = proposer.post(reverse("inhouse:propose"), {"name": "", "summary": "Holds a head.", "unit": nurse.unit_id})
    assert "Holds a head." in answer.content.decode()
    assert list(answer.context["form"].errors) == ["name"]
    assert not Product.objects.exists()


def test_a_proposer_comes_through_all_steps_and_leaves_only_the_decision(proposer: Client) -> None:
    product = stations.proposed()
    search = {
        "result": "none_fits", "sources": "EUDAMED", "justification": "All are too wide", "searched_on": "2026-01-02",
        "devices-TOTAL_FORMS": "1", "devices-INITIAL_FORMS": "0",
        "devices-0-device": "CathFix", "devices-0-maker": "Fixo AB", "devices-0-shortfall": "Too wide",
    }  # fmt: skip
    way: list[tuple[str, dict[str, Any], str]] = [
        ("assessment-scope", {"categories": ["manufacture_modify"]}, "assessment-device"),
        ("assessment-device", DEVICE, "assessment-route"),
        ("assessment-route", given("custom_made", c1="no") | given("outside_use", o1="no"), "assessment-need"),
        ("assessment-need", stations.NEED, "market"),
        ("market", search, "assessment-prohibitions"),
        ("assessment-prohibitions", given("prohibitions", **stations.ANSWERS["prohibitions"]), "assessment-weighing"),
        ("assessment-weighing", WEIGHING, "assessment"),
    ]
    for name, sent, onward in way:
        seen = current(product).assessment.history.latest("history_id").history_id  # type: ignore[union-attr]
        answer = proposer.post(page(name, product), sent | {"seen": seen})
        assert answer.headers.get("Location") == page(onward, product), name
    assert missing(proposer, product) == []


def test_a_step_can_be_left_half_done_and_taken_up_again(proposer: Client) -> None:
    product = stations.proposed()
    half = given("prohibitions", industrial_scale="no")
    answer = proposer.post(page("assessment-prohibitions", product), half | {"leave": "1"})
    assert answer["Location"] == page("assessment", product)
    assert written(product, "prohibitions") == {"industrial_scale": ("no", "As we see it")}
    form = proposer.get(page("assessment-prohibitions", product)).context["form"]
    assert form["industrial_scale"].value() == "no"


def test_a_question_the_answers_lead_to_must_be_answered(proposer: Client) -> None:
    product = stations.proposed()
    answer = proposer.post(page("assessment-device", product), given("general_definition", g1="no"))
    assert answer.context["general"].errors == {"g3": ["Answer this: it follows from your answer above."]}
    assert answer.context["ivd"].errors == {}
    assert written(product, "general_definition") == {}


def test_questions_off_the_path_are_left_blank_and_what_is_no_longer_asked_is_dropped(proposer: Client) -> None:
    product = stations.proposed()
    proposer.post(page("assessment-device", product), given("general_definition", g1="no", g3="yes") | DEVICE)
    assert written(product, "general_definition") == {"g1": ("yes", "As we see it"), "g2": ("yes", "As we see it")}


def test_what_is_no_device_needs_a_statement_in_own_words(proposer: Client) -> None:
    product = stations.proposed()
    form = proposer.get(page("assessment-device", product)).context["form"]
    sent = NO_DEVICE | {"seen": form["seen"].value()}
    answer = proposer.post(page("assessment-device", product), sent)
    assert list(answer.context["form"].errors) == ["non_medical_statement"]
    assert written(product, "general_definition") == {}
    answer = proposer.post(
        page("assessment-device", product), sent | {"non_medical_statement": "A shelf for binders"}, follow=True
    )
    assert answer.redirect_chain == [(page("assessment", product), 302)]
    assert "not a medical device" in answer.content.decode()
    assert current(product).assessment.non_medical_statement == "A shelf for binders"  # type: ignore[union-attr]


def test_an_ivd_proposal_is_kept_and_told_that_it_waits(proposer: Client) -> None:
    product = stations.proposed()
    sent = given("general_definition", g1="yes", g2="yes") | given("md_or_ivd", iv1="yes")
    answer = proposer.post(page("assessment-device", product), sent, follow=True)
    assert "the proposal is kept and waits" in answer.content.decode()
    assert Revision.objects.get(product=product).regulation == Revision.Regulation.IVDR


def test_no_category_ticked_is_refused(proposer: Client) -> None:
    product = stations.proposed()
    answer = proposer.post(page("assessment-scope", product), {})
    assert list(answer.context["form"].errors) == ["categories"]


def test_a_ticked_category_is_a_yes_and_the_others_are_no(proposer: Client) -> None:
    product = stations.proposed()
    proposer.post(page("assessment-scope", product), {"categories": ["combination", "research"]})
    assert {name for name, (value, _reason) in written(product, "scope_categories").items() if value == "yes"} == {
        "combination",
        "research",
    }
    assert len(written(product, "scope_categories")) == 5


def test_a_ground_that_rules_out_is_answered_with_a_reason(proposer: Client) -> None:
    product = stations.proposed()
    sent = given("prohibitions", reason="", **stations.ANSWERS["prohibitions"])
    answer = proposer.post(page("assessment-prohibitions", product), sent)
    assert len(answer.context["form"].errors) == 4
    assert written(product, "prohibitions") == {}


def test_a_custom_made_device_ends_the_way_at_the_summary(proposer: Client) -> None:
    product = stations.proposed()
    sent = given("custom_made", c1="yes", c2="yes") | given("outside_use", o1="no")
    answer = proposer.post(page("assessment-route", product), sent, follow=True)
    assert answer.redirect_chain == [(page("assessment", product), 302)]
    assert "Annex XIII" in answer.content.decode()


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


def test_two_write_the_need_and_the_later_sees_both(proposer: Client, engineer: User) -> None:
    product = stations.proposed()
    seen = proposer.get(page("assessment-need", product)).context["form"]["seen"].value()
    assessment.write(product, {"special_need": "The engineer’s words"}, by=engineer)
    sent = stations.NEED | {"special_need": "The nurse’s words", "seen": seen}
    answer = proposer.post(page("assessment-need", product), sent)
    text = answer.content.decode()
    assert "The engineer’s words" in text
    assert "The nurse’s words" in text
    again = sent | {"seen": answer.context["form"]["seen"].value()}
    proposer.post(page("assessment-need", product), again)
    assert current(product).assessment.special_need == "The nurse’s words"  # type: ignore[union-attr]


def test_two_answer_the_same_questions_and_the_later_sees_both(proposer: Client, engineer: User) -> None:
    product = stations.assessed()
    address = page("assessment-prohibitions", product)
    form = proposer.get(address).context["form"]
    sent = given("prohibitions", **stations.ANSWERS["prohibitions"]) | {"prohibitions-seen": form["seen"].value()}
    theirs = stations.answers(stations.ANSWERS["prohibitions"])
    theirs |= {"industrial_scale": ("yes", "A thousand a year"), "not_safe_benefit": ("no", "The engineer’s words")}
    assessment.answer(product, "prohibitions", theirs, by=engineer)
    sent["prohibitions-not_safe_benefit_reason"] = "The nurse’s words"
    answer = proposer.post(address, sent)
    form = answer.context["form"]
    assert "Eva Ek changed this while you were writing" in answer.content.decode()
    assert [(of, yours, mine) for of, yours, mine in form.theirs if "ale" not in of] == [
        (form["not_safe_benefit"].label.join(["Reason for: ", ""]), "The engineer’s words", "The nurse’s words")
    ]
    assert form["industrial_scale"].value() == "yes"
    assert form["industrial_scale_reason"].value() == "A thousand a year"
    assert written(product, "prohibitions")["not_safe_benefit"] == ("no", "The engineer’s words")
    again = {form[name].html_name: form[name].value() for name in form.fields}
    assert proposer.post(address, again).status_code == 302
    assert written(product, "prohibitions")["industrial_scale"] == ("yes", "A thousand a year")
    assert written(product, "prohibitions")["not_safe_benefit"] == ("no", "The nurse’s words")


def test_two_tick_categories_and_the_later_sees_both(proposer: Client, engineer: User) -> None:
    product = stations.proposed()
    address = page("assessment-scope", product)
    opened = proposer.get(address).context["form"]["seen"].value() or ""
    assessment.answer(product, "scope_categories", {"research": ("yes", "A trial")}, by=engineer)
    sent: dict[str, Any] = {"categories": ["combination", "manufacture_modify"], "seen": opened}
    form = proposer.post(address, sent).context["form"]
    labels = dict(form.fields["categories"].choices)
    both = f"{labels['manufacture_modify']}, {labels['combination']}"
    assert form.theirs == [("It is", labels["research"], both)]
    assert written(product, "scope_categories") == {"research": ("yes", "A trial")}
    assert proposer.post(address, sent | {"seen": form["seen"].value()}).status_code == 302
    assert written(product, "scope_categories")["research"] == ("no", "A trial")


@pytest.mark.parametrize(
    ("name", "sent", "tree", "theirs"),
    [
        ("assessment-device", DEVICE, "general_definition", {"g1": ("no", "It only measures"), "g3": ("yes", "")}),
        ("assessment-route", given("custom_made", c1="no") | given("outside_use", o1="no"), "outside_use", {"o1": ("yes", "At home")}),
    ],
)  # fmt: skip
def test_nothing_is_answered_over_what_someone_else_answered_meanwhile(
    proposer: Client, engineer: User, name: str, sent: dict[str, str], tree: str, theirs: assessment.Answers
) -> None:
    product = stations.proposed()
    assessment.answer(product, tree, theirs, by=engineer)
    answer = proposer.post(page(name, product), sent)
    assert "changed this while you were writing" in answer.content.decode()
    assert written(product, tree) == theirs


@pytest.mark.parametrize("name", STEPS[1:])
def test_every_page_of_questions_carries_what_it_was_made_from(proposer: Client, name: str) -> None:
    shown = proposer.get(page(name, stations.assessed()))
    for form in shown.context["errors"]:
        assert f'name="{form["seen"].html_name}" value="{form["seen"].value()}"' in shown.text


def test_who_answers_alone_is_asked_nothing_also_after_coming_back(proposer: Client) -> None:
    product = stations.proposed()
    address = page("assessment-route", product)
    for reason in ("At first", "On second thoughts"):
        trees = proposer.get(address).context["trees"]
        sent = given("custom_made", reason=reason, c1="no") | given("outside_use", reason=reason, o1="no")
        sent |= {tree["seen"].html_name: tree["seen"].value() or "" for tree in trees}
        assert proposer.post(address, sent).status_code == 302
    assert written(product, "outside_use") == {"o1": ("no", "On second thoughts")}


def test_a_proposal_is_worded_anew_until_it_is_decided(proposer: Client, ward: Any) -> None:
    product = stations.proposed()
    seen = proposer.get(page("assessment-proposal", product)).context["form"]["seen"].value()
    sent = {"name": "Better name", "summary": "Better words", "unit": ward.pk, "seen": seen}
    proposer.post(page("assessment-proposal", product), sent)
    product.refresh_from_db()
    assert (product.name, product.summary, product.unit) == ("Better name", "Better words", ward)
    decided = stations.eligible()
    answer = proposer.post(page("assessment-proposal", decided), sent | {"seen": ""})
    assert answer.status_code == 200
    assert stations.fresh(decided).name == "Catheter adapter"


# --- who may, and when


@pytest.mark.parametrize("name", STEPS)
def test_who_may_not_answer_reads_the_answers_as_text(name: str, client: Client, colleague: User) -> None:
    product = stations.assessed()
    sign_in(client, colleague)
    answer = client.get(page(name, product))
    assert answer.templates[0].name == "inhouse/assessment/read.html"
    assert client.post(page(name, product), {}).status_code == 403


@pytest.mark.parametrize("name", STEPS)
def test_a_decided_assessment_is_read_and_no_longer_answered(name: str, proposer: Client) -> None:
    product = stations.eligible()
    assert proposer.get(page(name, product)).templates[0].name == "inhouse/assessment/read.html"


def test_answers_that_come_after_the_decision_are_refused_and_not_lost(proposer: Client) -> None:
    product = stations.eligible()
    sent = given("prohibitions", reason="Too late", **stations.ANSWERS["prohibitions"])
    sent |= seen(product, "prohibitions")
    answer = proposer.post(page("assessment-prohibitions", product), sent)
    assert "can no longer be changed" in answer.content.decode()
    assert "Too late" in answer.content.decode()
    assert written(product, "prohibitions")["industrial_scale"] == ("no", "As we see it")


# --- summary and decision


def test_the_summary_shows_answers_with_reason_person_and_day(proposer: Client) -> None:
    text = proposer.get(page("assessment", stations.assessed())).content.decode()
    assert "As we see it" in text
    assert "Eva Ek" in text
    assert "Everything is answered" in text


def test_a_third_assessment_takes_no_more_queries(
    proposer: Client, nurse: User, django_assert_max_num_queries: Any
) -> None:
    product = stations.rejected()
    proposer.get(page("assessment", product))
    with django_assert_max_num_queries(100) as one:
        proposer.get(page("assessment", product))
    for _again in range(2):
        assessment.again(product, reason="It is no longer sold", by=nurse)
        assessment.answer(product, "outside_use", {"o1": ("no", "")}, by=nurse)
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
