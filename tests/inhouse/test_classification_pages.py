"""The pages of the risk class: guided in a proposal, the product's own afterwards."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from inhouse import classification
from inhouse.law.rules import SCOPES, edition
from inhouse.models import Answer, Classification
from organisation.models import User
from products.models import Product, Revision
from tests import stations

pytestmark = pytest.mark.django_db


def page(name: str, product: Product, *key: str) -> str:
    return reverse(f"inhouse:{name}", args=[product.pk, *key])


def walk(product: Product) -> Classification:
    return Classification.objects.get(revision__product=product, reopened_on=None)


def given(product: Product) -> dict[str, str]:
    return {a.question: a.value for a in walk(product).answers.all()}


@pytest.fixture
def proposal() -> Product:
    """Everything before the class is answered, and the purpose is written."""
    return stations.assessed(classify=False)


@pytest.fixture
def made() -> Product:
    return stations.in_development()


@pytest.fixture
def writer(client: Client, engineer: User) -> Client:
    client.force_login(engineer)
    return client


# --- the guided walk


def test_a_proposal_is_led_from_group_to_group_to_its_class(writer: Client, proposal: Product) -> None:
    first = writer.get(page("class", proposal))
    assert first["Location"] == page("class-rules", proposal, "non_invasive")
    answer = writer.post(first["Location"], {"rules": ["1"]})
    assert answer["Location"] == page("class-rules", proposal, "invasive")
    answer = writer.post(answer["Location"], {})
    answer = writer.post(answer["Location"], {"rules": ["11", "13"]})
    assert answer["Location"] == page("class-rule", proposal, "11")
    shown = writer.get(answer["Location"]).content.decode()
    assert "Rule 11: Software" in shown
    answer = writer.post(answer["Location"], {"cases": ["11a"], "reason": "It advises on dose"})
    assert answer["Location"] == page("class-rules", proposal, "special")
    answer = writer.post(answer["Location"], {})
    assert answer["Location"] == page("class-result", proposal)
    told = writer.get(answer["Location"]).content.decode()
    for words in ("MDR IIa", "Rule 11: Software", "Gives information used for decisions", "It advises on dose"):
        assert words in told
    answer = writer.post(answer["Location"], {"reason": "It advises on the dose of a medicine"})
    assert answer["Location"] == page("assessment-weighing", proposal)
    assert (walk(proposal).rules_class, walk(proposal).is_finished) == ("IIa", True)
    assert given(proposal)["rule-5"] == "no"
    assert given(proposal)["11b"] == "no"


def test_what_is_known_of_the_design_is_ticked_as_a_suggestion(writer: Client, proposal: Product) -> None:
    Revision.objects.update(is_software=True, is_implantable=True)
    for scope, rule, why in (("active", "11", "software"), ("invasive", "8", "implantable")):
        shown = writer.get(page("class-rules", proposal, scope))
        assert shown.context["form"]["rules"].value() == [rule]
        assert f"Rule {rule} is ticked as a suggestion, from the design: {why}" in shown.content.decode()
    assert not Answer.objects.filter(classification__isnull=False).exists()
    writer.post(page("class-rules", proposal, "active"), {})
    assert writer.get(page("class-rules", proposal, "active")).context["form"]["rules"].value() == []


def test_a_rule_that_is_taken_away_says_what_went_with_it(writer: Client, proposal: Product) -> None:
    writer.post(page("class-rules", proposal, "active"), {"rules": ["12"]})
    writer.post(page("class-rule", proposal, "12"), {"cases": ["12b"]})
    answer = writer.post(page("class-rules", proposal, "active"), {}, follow=True)
    assert "the answers to the cases of rule 12" in answer.content.decode()
    assert "12b" not in given(proposal)


def test_software_that_drives_a_device_is_asked_for_it(writer: Client, engineer: User, proposal: Product) -> None:
    latest = proposal.assessments.get()
    latest.answers.filter(tree="general_definition").delete()
    for question in ("sw1", "sw2"):
        told = {"tree_version": 1, "value": "yes", "answered_on": latest.started_on, "answered_by": engineer}
        Answer.objects.update_or_create(assessment=latest, tree="software_is_device", question=question, defaults=told)
    address = page("class-driven", proposal)
    assert writer.get(page("class", proposal))["Location"] == address
    wrong = writer.post(address, {"drives": "yes"})
    assert wrong.status_code == 200
    assert "Name the device" in wrong.content.decode()
    answer = writer.post(address, {"drives": "yes", "driven_device": "Syringe pump", "driven_class": "IIb"})
    assert answer["Location"] == page("class-rules", proposal, "non_invasive")
    shown = writer.get(page("class-result", proposal)).content.decode()
    assert "software takes the class of the device that it drives" in shown
    assert "Syringe pump (IIb)" in shown


def test_the_result_says_what_is_missing_and_sets_nothing(writer: Client, proposal: Product) -> None:
    shown = writer.get(page("class-result", proposal)).content.decode()
    assert "Say of these rules whether they apply: 1, 2" in shown
    refused = writer.post(page("class-result", proposal), {"reason": "So"})
    assert refused.status_code == 200
    assert "This could not be saved" in refused.content.decode()
    assert writer.post(page("class-result", proposal), {"leave": "1"})["Location"] == page("assessment", proposal)
    assert not Classification.objects.exists()


def test_going_back_over_a_set_class_changes_nothing_and_says_how(writer: Client, proposal: Product) -> None:
    stations.classified(stations.coming(proposal))
    address = page("class-rules", proposal, "active")
    assert "The class is set" in writer.get(address).content.decode()
    assert writer.post(address, {})["Location"] == page("class-rules", proposal, "special")
    refused = writer.post(address, {"rules": ["12"]})
    assert "Re-open the classification to change an answer" in refused.content.decode()
    answer = writer.post(page("class-result", proposal), {})
    assert answer["Location"] == page("assessment-weighing", proposal)


def test_whoever_may_not_answer_reads(client: Client, outsider: User, proposal: Product) -> None:
    client.force_login(outsider)
    assert client.get(page("class", proposal)).status_code == 200
    assert client.get(page("class-rules", proposal, "active"))["Location"] == page("assessment", proposal)
    assert client.post(page("class-rules", proposal, "active"), {}).status_code == 403


def test_groups_and_rules_that_are_not_there_are_not_found(writer: Client, proposal: Product) -> None:
    for name, key in (("class-rules", "nothing"), ("class-rule", "99")):
        assert writer.get(page(name, proposal, key)).status_code == 404
    assert writer.get(page("class-rule", proposal, "11"))["Location"] == page("assessment", proposal)


def test_each_guided_page_takes_few_queries_however_much_is_answered(
    writer: Client, engineer: User, proposal: Product, django_assert_max_num_queries: Any
) -> None:
    addresses = [page("class-rules", proposal, scope) for scope in SCOPES["MDR"]] + [page("class-result", proposal)]
    counts: dict[str, set[int]] = {}
    for answered in (False, True):
        if answered:
            stations.walked(stations.coming(proposal), {"8": ("8a",), "11": ("11a",), "12": ()})
            addresses += [page("class-rule", proposal, rule) for rule in ("8", "11", "12")]
        writer.force_login(engineer)
        for address in addresses:
            with django_assert_max_num_queries(12 + 2) as asked:  # two: the savepoint that stands for the transaction
                assert writer.get(address).status_code == 200
            counts.setdefault(address, set()).add(len(asked))
    assert [address for address, found in counts.items() if len(found) > 1] == []


# --- afterwards


def test_the_page_tells_everything_that_was_considered(client: Client, nurse: User, made: Product) -> None:
    client.force_login(nurse)
    told = client.get(page("class", made)).content.decode()
    for words in ("MDR I", "Not invasive", "21 rules considered that do not apply", "MDR, Annex VIII, edition 1"):
        assert words in told
    for rule in edition("MDR").rules:
        assert rule.title in told
    assert page("class-reopen", made) not in told
    assert page("class-overrule", made) not in told


def test_the_class_is_opened_again_with_a_reason_and_set_anew(writer: Client, made: Product) -> None:
    assert page("class-reopen", made) in writer.get(page("class", made)).content.decode()
    assert "required" in writer.post(page("class-reopen", made), {"reason": ""}).content.decode()
    assert walk(made).is_finished
    answer = writer.post(page("class-reopen", made), {"reason": "A rule was read wrongly"}, follow=True)
    shown = answer.content.decode()
    for words in ("Re-opened.", "Not set", "Earlier: class I", "A rule was read wrongly", page("class-result", made)):
        assert words in shown
    answer = writer.post(page("class-rules", made, "active"), {"rules": ["12"]})
    assert answer["Location"] == page("class-rule", made, "12")
    assert 'class="subjects"' in writer.get(answer["Location"]).content.decode()
    assert writer.post(answer["Location"], {"leave": "1"})["Location"] == page("class", made)
    answer = writer.post(page("class-result", made), {"reason": "It removes fluid"})
    assert answer["Location"] == page("class", made)
    assert stations.coming(made).risk_class == "IIa"


def test_only_whoever_keeps_the_records_answers_afterwards(client: Client, adviser: User, made: Product) -> None:
    client.force_login(adviser)
    assert client.get(page("class-rules", made, "active"))["Location"] == page("class", made)
    assert client.post(page("class-rules", made, "active"), {}).status_code == 403
    assert client.post(page("class-reopen", made), {"reason": "So"}).status_code == 403


def test_an_adviser_sets_another_class_and_lets_it_be(
    client: Client, adviser: User, engineer: User, made: Product
) -> None:
    client.force_login(engineer)
    assert client.get(page("class-overrule", made)).status_code == 403
    client.force_login(adviser)
    assert page("class-overrule", made) in client.get(page("class", made)).content.decode()
    assert "required" in client.post(page("class-overrule", made), {"risk_class": "IIa"}).content.decode()
    answer = client.post(
        page("class-overrule", made), {"risk_class": "IIa", "reason": "Worse than it looks"}, follow=True
    )
    for words in ("MDR IIa", "set by an expert", "Worse than it looks", str(adviser)):
        assert words in answer.content.decode()
    assert stations.coming(made).risk_class == "IIa"
    assert str(adviser) in client.get(page("class-overrule", made)).content.decode()
    client.post(page("class-overrule", made), {"undo": "1"})
    assert stations.coming(made).risk_class == "I"
    again = client.post(page("class-overrule", made), {"undo": "1"})
    assert "No expert has set another class" in again.content.decode()


def test_what_is_signed_is_only_read(writer: Client) -> None:
    product = stations.declared()
    shown = writer.get(page("class", product)).content.decode()
    assert page("class-reopen", product) not in shown
    assert writer.get(page("class-rules", product, "active"))["Location"] == page("class", product)
    refused = writer.post(page("class-reopen", product), {"reason": "So"})
    assert "what is signed is not changed" in refused.content.decode()


def test_a_new_revision_shows_what_it_carries_over_and_the_old_one_its_own(writer: Client) -> None:
    product = stations.second_revision()
    shown = writer.get(page("class", product)).content.decode()
    assert "carried over from the revision before" in shown
    assert page("class-result", product) in shown
    before = writer.get(page("class", product), {"revision": "1"}).content.decode()
    assert "carried over" not in before
    assert "Class set" in before


def test_a_class_written_by_hand_is_told_as_it_was(writer: Client, engineer: User) -> None:
    product = stations.unclassified(stations.owned())
    revision = stations.coming(product)
    assert "Nobody has gone through the rules yet" in writer.get(page("class", product)).content.decode()
    Classification.objects.create(
        revision=revision, regulation="MDR", edition=0, started_on=revision.opened_on, rules_class="IIa",
        deciding_rule="11", reason="It advises", finished_on=revision.opened_on,
    )  # fmt: skip
    shown = writer.get(page("class", product)).content.decode()
    for words in ("MDR IIa", "It advises", "Written by hand"):
        assert words in shown


def test_the_design_shows_the_class_and_does_not_write_it(writer: Client, nurse: User, made: Product) -> None:
    shown = writer.get(page("design", made)).content.decode()
    assert "MDR I · rule 1" in shown
    assert 'name="risk_class"' not in shown
    assert page("class", made) in shown


def test_an_ivd_is_led_through_its_own_rules(writer: Client, proposal: Product) -> None:
    Revision.objects.update(regulation="IVDR")
    address = writer.get(page("class", proposal))["Location"]
    assert address == page("class-rules", proposal, "ivd")
    answer = writer.post(address, {"rules": ["2"]})
    assert "ABO1, ABO2" in writer.get(answer["Location"]).content.decode()
    writer.post(answer["Location"], {"cases": ["2b"]})
    writer.post(page("class-result", proposal), {"reason": "ABO grouping"})
    assert walk(proposal).rules_class == "D"
    assert classification.outcome(walk(proposal), walk(proposal).answers.all()).deciding_rule == "2"


def test_the_history_names_the_rules_and_cases_that_were_answered(writer: Client, proposal: Product) -> None:
    writer.post(page("class-rules", proposal, "active"), {"rules": ["12"]})
    writer.post(page("class-rule", proposal, "12"), {"cases": ["12b"]})
    told = writer.get(page("history", proposal), {"of": "class"}).content.decode()
    for words in ("Rule 11: Software", "Rule 12: Active devices that give or remove substances. In a way that may be"):
        assert words in told
    assert "class_mdr" not in told
