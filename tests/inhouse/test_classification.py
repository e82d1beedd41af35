"""The risk class: every rule of both regulations, and the life of a classification."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from inhouse import classification, design
from inhouse.dossier import current, dossier
from inhouse.law import rules
from inhouse.law.rules import Branch, Edition, Rule, edition, editions
from inhouse.models import Answer, Classification
from organisation.models import Role, User
from products.models import Product, Revision
from tests import factories, stations
from tests.refusals import denied, refused

# --- the rules, each case of each


BRANCHES = [(name, rule.id, branch.id) for name in rules.SCOPES for rule in edition(name).rules for branch in rule.branches]  # fmt: skip


def parts(regulation: str, rule: str, branch: str) -> tuple[Edition, Rule, Branch]:
    asked = edition(regulation)
    found = asked[rule]
    return asked, found, next(each for each in found.branches if each.id == branch)


def fit(regulation: str, rule: str, *branches: str) -> classification.Fit:
    [found] = classification.result(edition(regulation), {rule}, set(branches)).fits
    return found


def ids(branches: tuple[Branch, ...]) -> set[str]:
    return {branch.id for branch in branches}


def highest(asked: Edition, *classes: str) -> str:
    return max(filter(None, classes), key=asked.classes.index, default="")


def test_all_rules_of_both_annexes_are_there() -> None:
    assert [rule.id for rule in edition("MDR").rules] == [str(n) for n in range(1, 23)]
    assert [rule.id for rule in edition("IVDR").rules] == [str(n) for n in range(1, 8)]
    for name, scopes in rules.SCOPES.items():
        assert {rule.scope for rule in edition(name).rules} == set(scopes)
        every = [branch.id for rule in edition(name).rules for branch in rule.branches]
        assert len(every) == len(set(every))
        assert edition(name).classes == Revision.RiskClass.of[name]


@pytest.mark.parametrize(("regulation", "rule", "branch"), BRANCHES)
def test_a_case_alone_gives_its_class_unless_the_ground_gives_a_higher(regulation: str, rule: str, branch: str) -> None:
    asked, found, case = parts(regulation, rule, branch)
    grounds = [each.risk_class for each in found.branches if each.ground and each.id != case.exception_to]
    assert fit(regulation, rule, branch).risk_class == highest(asked, case.risk_class, *grounds)


@pytest.mark.parametrize(("regulation", "rule", "branch"), [row for row in BRANCHES if parts(*row)[2].exception_to])
def test_an_exception_takes_the_place_of_what_it_is_an_exception_to(regulation: str, rule: str, branch: str) -> None:
    _asked, _found, case = parts(regulation, rule, branch)
    both = fit(regulation, rule, case.exception_to, branch)
    assert both.risk_class == case.risk_class
    assert (ids(both.counted), ids(both.cancelled)) == ({branch}, {case.exception_to})


@pytest.mark.parametrize(("regulation", "rule", "branch"), [row for row in BRANCHES if parts(*row)[2].replaces])
def test_a_case_that_replaces_others_holds_instead_of_them(regulation: str, rule: str, branch: str) -> None:
    _asked, _found, case = parts(regulation, rule, branch)
    for other in case.replaces:
        both = fit(regulation, rule, other, branch)
        assert (both.risk_class, ids(both.counted)) == (case.risk_class, {branch}), other
    every = fit(regulation, rule, branch, *case.replaces)
    assert (ids(every.counted), ids(every.cancelled)) == ({branch}, set(case.replaces))


def test_a_rule_that_refers_to_the_others_or_excludes_itself_gives_no_class() -> None:
    assert fit("IVDR", "4", "4b").risk_class == ""
    assert fit("MDR", "18", "18-x").risk_class == ""
    assert classification.result(edition("MDR"), {"18", "1"}, {"18-x"}).risk_class == "I"
    assert classification.result(edition("IVDR"), {"4", "6"}, {"4b"}).deciding_rule == "6"


def test_a_rule_that_does_not_apply_counts_for_nothing_whatever_is_ticked() -> None:
    every = {branch.id for rule in edition("MDR").rules for branch in rule.branches}
    assert classification.result(edition("MDR"), set(), every) == classification.Result("", "", ())


def test_the_highest_class_decides_and_a_rule_for_the_rest_does_not_decide_over_one_with_cases() -> None:
    found = classification.result(edition("MDR"), {"1", "11", "12"}, {"11a-IIb"})
    assert (found.risk_class, found.deciding_rule) == ("IIb", "11")
    assert classification.result(edition("MDR"), {"1", "11", "13"}, set()).deciding_rule == "11"
    assert classification.result(edition("IVDR"), {"4", "6"}, {"4a", "4a-x"}).deciding_rule == "4"


def test_software_has_at_least_the_class_of_the_device_it_drives() -> None:
    asked = edition("MDR")
    own = classification.result(asked, {"11"}, {"11a"})
    assert classification.with_driven(own, asked, "IIb").risk_class == "IIb"
    assert classification.with_driven(own, asked, "IIb").deciding_rule == "3.3"
    assert classification.with_driven(own, asked, "I") == own
    assert classification.with_driven(own, asked, "") == own
    nothing = classification.result(edition("IVDR"), set(), set())
    assert classification.with_driven(nothing, edition("IVDR"), "C").deciding_rule == "1.4"


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_one_more_fitting_case_never_lowers_the_class_unless_it_is_an_exception(data: st.DataObject) -> None:
    asked = edition(data.draw(st.sampled_from(sorted(rules.SCOPES))))
    applies = data.draw(st.sets(st.sampled_from([rule.id for rule in asked.rules]), min_size=1))
    cases = [branch for rule in asked.rules for branch in rule.asked]
    ticked = data.draw(st.sets(st.sampled_from([branch.id for branch in cases])))
    more = data.draw(st.sampled_from([b for b in cases if not (b.exception_to or b.replaces)]))

    def height(branches: set[str]) -> int:
        found = classification.result(asked, applies, branches).risk_class
        return asked.classes.index(found) if found else -1

    assert height(ticked | {more.id}) >= height(ticked)


@given(data=st.data())
@settings(max_examples=200, deadline=None)
def test_one_more_rule_that_applies_never_lowers_the_class(data: st.DataObject) -> None:
    asked = edition(data.draw(st.sampled_from(sorted(rules.SCOPES))))
    every = [rule.id for rule in asked.rules]
    applies = data.draw(st.sets(st.sampled_from(every)))
    ticked = data.draw(st.sets(st.sampled_from([b.id for rule in asked.rules for b in rule.asked])))
    before = classification.result(asked, applies, ticked).risk_class
    after = classification.result(asked, applies | {data.draw(st.sampled_from(every))}, ticked).risk_class
    assert highest(asked, before, after) == after


# --- answering

pytestmark = pytest.mark.django_db


@pytest.fixture
def product() -> Product:
    """Decided on, owned, described; nobody has gone through the rules."""
    product = stations.unclassified(stations.owned())
    design.describe(stations.coming(product), stations.DESIGN, by=stations.engineer(product))
    return product


@pytest.fixture
def revision(product: Product) -> Revision:
    return stations.coming(product)


def walk(revision: Revision) -> Classification:
    return Classification.objects.get(revision=revision, reopened_on=None)


def answered(revision: Revision) -> dict[str, str]:
    return {a.question: a.value for a in walk(revision).answers.all()}


def test_every_rule_considered_is_kept_whatever_the_answer(revision: Revision, engineer: User) -> None:
    classification.answer_rules(
        revision, "invasive", {"5": True, "6": False}, reasons={"6": "Not surgical"}, by=engineer
    )
    kept = walk(revision)
    assert (kept.edition, kept.regulation, kept.started_by) == (1, "MDR", engineer)
    rows = [(a.tree, a.tree_version, a.question, a.value, a.reason) for a in kept.answers.all()]
    assert rows == [("class_mdr", 1, "rule-5", "yes", ""), ("class_mdr", 1, "rule-6", "no", "Not surgical")]


def test_an_answer_that_does_not_change_keeps_its_person_and_reason(revision: Revision, engineer: User) -> None:
    classification.answer_rules(revision, "invasive", {"5": True}, reasons={"5": "Through the mouth"}, by=engineer)
    classification.answer_rules(revision, "invasive", {"5": True, "6": False}, by=stations.owner_of(revision.product))
    first, second = walk(revision).answers.all()
    assert (first.answered_by, first.reason) == (engineer, "Through the mouth")
    assert second.answered_by != engineer


def test_a_rule_that_no_longer_applies_takes_its_cases_along_and_says_so(revision: Revision, engineer: User) -> None:
    classification.answer_rules(revision, "active", {"11": True, "12": True}, by=engineer)
    classification.answer_rule(revision, "11", {"11a": True, "11b": False}, reason="It advises", by=engineer)
    assert classification.answer_rules(revision, "active", {"11": True, "12": False}, by=engineer) == []
    gone = classification.answer_rules(revision, "active", {"11": False}, by=engineer)
    assert [rule.id for rule in gone] == ["11"]
    assert answered(revision) == {"rule-11": "no", "rule-12": "no"}


def test_what_is_not_asked_is_not_answered(revision: Revision, engineer: User) -> None:
    with refused("no such rule"):
        classification.answer_rules(revision, "active", {"1": True}, by=engineer)
    with refused("not said to apply"):
        classification.answer_rule(revision, "11", {"11a": True}, by=engineer)
    classification.answer_rules(revision, "active", {"11": True, "13": False}, by=engineer)
    with refused("no such case"):
        classification.answer_rule(revision, "11", {"12b": True}, by=engineer)
    with refused("not said to apply"):
        classification.answer_rule(revision, "13", {}, by=engineer)
    with refused("not said to apply"):
        classification.answer_rule(revision, "99", {}, by=engineer)


def test_software_that_drives_a_device_names_it_and_its_class(revision: Revision, engineer: User) -> None:
    with refused("Name the device"):
        classification.drive(revision, True, risk_class="IIb", by=engineer)
    with refused("Choose the class"):
        classification.drive(revision, True, device="Pump", risk_class="C", by=engineer)
    classification.drive(revision, True, device="Pump", risk_class="IIb", by=engineer)
    stations.walked(revision, {"11": ()})
    classification.finish(revision, reason="It sets the rate of the pump", by=engineer)
    revision.refresh_from_db()
    assert (revision.risk_class, revision.class_rule) == ("IIb", "3.3")


def test_saying_that_it_drives_nothing_forgets_the_device(revision: Revision, engineer: User) -> None:
    classification.drive(revision, True, device="Pump", risk_class="IIb", by=engineer)
    classification.drive(revision, False, device="Pump", risk_class="IIb", by=engineer)
    kept = walk(revision)
    assert (kept.drives, kept.driven_device, kept.driven_class) == (False, "", "")


# --- who may, and when


def test_in_a_proposal_whoever_assesses_answers_until_it_is_decided(
    engineer: User, adviser: User, nurse: User, outsider: User
) -> None:
    product = stations.assessed(by=nurse, classify=False)
    revision = stations.coming(product)
    for person in (engineer, adviser, nurse):
        classification.answer_rules(revision, "active", {"11": True}, by=person)
    with denied():
        classification.answer_rules(revision, "active", {"11": False}, by=outsider)
    product.assessments.update(submitted_on="2026-01-01", submitted_by=engineer)
    with refused("submitted"):
        classification.answer_rules(revision, "active", {"11": False}, by=engineer)


def test_afterwards_the_owner_and_engineers_answer_and_nobody_else(
    revision: Revision, owner: User, engineer: User, adviser: User, manager: User, outsider: User
) -> None:
    for person in (adviser, manager, outsider):
        with denied():
            classification.answer_rules(revision, "active", {"11": True}, by=person)
        with denied():
            classification.finish(revision, reason="So", by=person)
    for person in (owner, engineer):
        classification.answer_rules(revision, "active", {"11": True}, by=person)


def test_what_is_signed_or_has_ended_is_not_classified(engineer: User) -> None:
    signed = stations.coming(stations.declared())
    with refused("what is signed is not changed"):
        classification.answer_rules(signed, "active", {"11": True}, by=engineer)
    with refused("what is signed is not changed"):
        classification.reopen(signed, reason="So", by=engineer)
    ended = stations.rejected("Other").revisions.get()
    with refused("has ended"):
        classification.answer_rules(ended, "active", {"11": True}, by=engineer)


# --- finishing


def test_a_class_is_set_only_when_everything_was_considered(revision: Revision, engineer: User) -> None:
    with refused("cannot be left empty"):
        classification.finish(revision, reason=" ", by=engineer)
    with refused("Say of these rules whether they apply: 1, 2"):
        classification.finish(revision, reason="So", by=engineer)
    stations.walked(revision, {})
    with refused("no rule gives a class"):
        classification.finish(revision, reason="So", by=engineer)
    classification.answer_rules(revision, "active", {"11": True}, by=engineer)
    with refused("cases of these rules: 11"):
        classification.finish(revision, reason="So", by=engineer)
    cases = {branch.id: branch.id == "11a" for branch in edition("MDR")["11"].asked}
    classification.answer_rule(revision, "11", cases, by=engineer)
    kept = classification.finish(revision, reason="It advises on treatment", by=engineer)
    assert (kept.rules_class, kept.deciding_rule, kept.finished_by) == ("IIa", "11", engineer)
    revision.refresh_from_db()
    assert (revision.risk_class, revision.class_rule, revision.class_reason) == ("IIa", "11", "It advises on treatment")
    with refused("The class is set"):
        classification.finish(revision, reason="Again", by=engineer)


def test_a_class_rests_on_a_purpose(engineer: User) -> None:
    revision = stations.coming(stations.unclassified(stations.owned()))
    Revision.objects.update(intended_purpose="")
    stations.walked(revision, {"1": ()})
    with refused("intended purpose first"):
        classification.finish(revision, reason="So", by=engineer)


def test_software_covered_with_a_device_says_whether_it_drives_it(revision: Revision, engineer: User) -> None:
    latest = revision.product.assessments.get()
    for question in ("sw1", "sw2"):
        told = {"tree_version": 1, "value": "yes", "answered_on": latest.started_on, "answered_by": engineer}
        Answer.objects.update_or_create(assessment=latest, tree="software_is_device", question=question, defaults=told)
    stations.walked(revision, {"11": ()})
    with refused("whether the software drives a device"):
        classification.finish(revision, reason="So", by=engineer)
    classification.drive(revision, False, by=engineer)
    classification.finish(revision, reason="So", by=engineer)


def test_what_is_set_is_changed_only_by_opening_it_again(revision: Revision, engineer: User) -> None:
    stations.classified(revision)
    with refused("Re-open the classification"):
        classification.answer_rules(revision, "active", {"11": True}, by=engineer)
    with refused("Re-open the classification"):
        classification.drive(revision, False, by=engineer)
    assert classification.answer_rules(revision, "active", {"11": False}, by=engineer) == []  # says nothing new


@pytest.mark.parametrize("risk_class", Revision.RiskClass.values)
def test_the_cast_gets_every_class_by_walking_the_rules(revision: Revision, risk_class: str) -> None:
    if risk_class in Revision.RiskClass.of["IVDR"]:
        Revision.objects.update(regulation="IVDR")
        revision.refresh_from_db()
    stations.classified(revision, risk_class)
    revision.refresh_from_db()
    assert revision.risk_class == risk_class


# --- the expert


def test_an_expert_sets_another_class_with_a_reason_and_may_let_it_be(revision: Revision) -> None:
    adviser, manager = factories.person(Role.ADVISER), factories.person(Role.MANAGER)
    with refused("Go through the rules first"):
        classification.override(revision, "IIa", reason="Worse than it looks", by=adviser)
    stations.classified(revision)
    for person in (stations.engineer(revision.product), stations.owner_of(revision.product)):
        with denied():
            classification.override(revision, "IIa", reason="Worse than it looks", by=person)
    with refused("cannot be left empty"):
        classification.override(revision, "IIa", reason="", by=adviser)
    with refused("of the regulation"):
        classification.override(revision, "C", reason="So", by=adviser)
    with refused("already give this class"):
        classification.override(revision, "I", reason="So", by=adviser)
    with refused("No expert"):
        classification.undo_override(revision, by=adviser)
    classification.override(revision, "IIa", reason="Worse than it looks", by=adviser)
    revision.refresh_from_db()
    assert (revision.risk_class, revision.class_rule, revision.class_reason) == ("IIa", "", "Worse than it looks")
    assert (walk(revision).rules_class, walk(revision).risk_class, walk(revision).override_by) == ("I", "IIa", adviser)
    classification.undo_override(revision, by=manager)
    revision.refresh_from_db()
    assert (revision.risk_class, revision.class_rule, revision.class_reason) == ("I", "1", "Not invasive")


def test_an_expert_can_set_a_class_where_the_rules_give_none(revision: Revision, engineer: User, adviser: User) -> None:
    stations.walked(revision, {})
    classification.override(revision, "III", reason="No rule foresees it", by=adviser)
    revision.refresh_from_db()
    assert revision.risk_class == ""  # nobody has finished it
    classification.finish(revision, reason="As the expert says", by=engineer)
    revision.refresh_from_db()
    assert revision.risk_class == "III"
    with refused("rules give no class"):
        classification.undo_override(revision, by=adviser)


# --- opened again


def test_a_class_is_taken_back_with_a_reason_and_nobody_answers_again(revision: Revision, engineer: User) -> None:
    with refused("nothing to re-open"):
        classification.reopen(revision, reason="So", by=engineer)
    stations.classified(revision, "IIb")
    before = walk(revision)
    answers = answered(revision)
    with refused("cannot be left empty"):
        classification.reopen(revision, reason="", by=engineer)
    owner = stations.owner_of(revision.product)
    classification.reopen(revision, reason="A rule was read wrongly", by=owner)
    before.refresh_from_db()
    assert (before.reopened_reason, before.rules_class) == ("A rule was read wrongly", "IIb")
    assert before.answers.count() == len(answers)
    anew = walk(revision)
    assert answered(revision) == answers
    assert (anew.is_finished, anew.reason, anew.started_by) == (False, "Not invasive", owner)
    assert {a.answered_by for a in anew.answers.all()} == {engineer}
    revision.refresh_from_db()
    assert (revision.risk_class, revision.class_rule, revision.class_reason) == ("", "", "")
    with refused("nothing to re-open"):
        classification.reopen(revision, reason="So", by=engineer)
    classification.finish(revision, reason="Still so", by=engineer)
    revision.refresh_from_db()
    assert revision.risk_class == "IIb"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"intended_purpose": "Holds two catheters"}, "intended purpose"),
        ({"is_software": True, "is_ai": True}, "software, artificial intelligence"),
        ({"is_implantable": True}, "implantable"),
    ],
)
def test_changing_what_the_class_rests_on_opens_it_again(
    revision: Revision, engineer: User, change: dict[str, Any], named: str
) -> None:
    stations.classified(revision)
    design.describe(revision, change, by=engineer)
    before, anew = Classification.objects.filter(revision=revision)
    assert before.reopened_reason == f"Changed: {named}."
    assert not anew.is_finished
    revision.refresh_from_db()
    assert revision.risk_class == ""
    classification.finish(revision, reason="Still so", by=engineer)


def test_another_regulation_opens_it_again_with_nothing_filled_in(revision: Revision, engineer: User) -> None:
    stations.classified(revision)
    design.describe(revision, {"regulation": "IVDR"}, by=engineer)
    assert [c.reopened_reason for c in Classification.objects.all()] == [
        "Changed: regulation, examines specimens in vitro."
    ]
    revision.refresh_from_db()
    stations.classified(revision, "B")
    assert walk(revision).rules_class == "B"


def test_a_walk_under_the_other_regulation_counts_for_nothing(revision: Revision, engineer: User) -> None:
    classification.answer_rules(revision, "active", {"11": True}, by=engineer)
    Revision.objects.update(regulation="IVDR")
    classification.answer_rules(revision, "ivd", {"6": True}, by=engineer)
    assert answered(revision) == {"rule-6": "yes"}
    assert Classification.objects.count() == 2


def test_changing_anything_else_leaves_the_class(revision: Revision, engineer: User) -> None:
    stations.classified(revision)
    design.describe(revision, {"reference": "B2", "intended_purpose": stations.DESIGN["intended_purpose"]}, by=engineer)
    assert walk(revision).is_finished


def test_a_new_revision_begins_with_the_answers_and_somebody_confirms_the_class(engineer: User) -> None:
    product = stations.in_use(design={"risk_class": "IIa"})
    first = walk(stations.in_force(product))
    revision = stations.changing(product)
    carried = walk(revision)
    assert not carried.is_finished
    assert answered(revision) == {a.question: a.value for a in first.answers.all()}
    assert revision.risk_class == "IIa"  # what follows from it goes on
    classification.finish(revision, reason="As before", by=engineer)
    first.refresh_from_db()
    assert (walk(revision).rules_class, first.reopened_on) == ("IIa", None)


def test_a_dossier_of_a_past_day_reads_the_class_as_it_was(product: Product) -> None:
    with stations.on_day("2026-03-01"):
        early = stations.owned("Early")
        stations.describe(early)
    with stations.on_day("2026-03-10"):
        classification.reopen(stations.coming(early), reason="So", by=stations.engineer(early))
    with stations.on_day("2026-03-20"):
        for day, stands in (("2026-03-09", True), ("2026-03-10", False)):
            d = dossier(early, on=stations.moment(day).date())
            assert d is not None
            found = d.classification(d.revisions[-1])
            assert found is not None
            assert found.stands_on(d.on) == stands, day


# --- editions


@pytest.fixture
def newer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a second edition hold, in which rule 12 is gone, rule 1 gives IIa, and rule 23 is new."""

    def make() -> None:
        rows = yaml.safe_load((rules.FOLDER / "mdr.yaml").read_text(encoding="utf-8"))
        second = yaml.safe_load(yaml.safe_dump(rows[0])) | {"edition": 2, "source": {"en": "MDR as amended"}}
        second["rules"] = [rule for rule in second["rules"] if rule["id"] != "12"]
        second["rules"][0]["branches"][0]["class"] = "IIa"
        second["rules"][0]["title"] = {"en": "Outside the body"}
        second["rules"].append({**second["rules"][0], "id": "23", "branches": [
            {**second["rules"][0]["branches"][0], "id": "23", "class": "III"}]})  # fmt: skip
        (tmp_path / "mdr.yaml").write_text(yaml.safe_dump([*rows, second]), encoding="utf-8")
        monkeypatch.setattr(rules, "FOLDER", tmp_path)
        editions.cache_clear()

    yield make
    monkeypatch.undo()
    editions.cache_clear()


def test_an_old_edition_stays_as_it_was_and_a_new_walk_is_under_the_newest(
    revision: Revision, engineer: User, newer: Any
) -> None:
    stations.classified(revision)
    old = walk(revision)
    newer()
    answers = list(old.answers.all())
    assert classification.outcome(old, answers).risk_class == "I"
    assert edition(old.regulation, old.edition)["1"].title == "Non-invasive devices"
    d = current(revision.product)
    assert d.classification(revision) == old
    classification.reopen(revision, reason="The rules changed", by=engineer)
    anew = walk(revision)
    assert anew.edition == 2
    assert {a.tree_version for a in anew.answers.all()} == {2}
    assert "rule-12" not in answered(revision)
    with refused("whether they apply: 23"):
        classification.finish(revision, reason="So", by=engineer)
    classification.answer_rules(revision, "non_invasive", {"23": False}, by=engineer)
    classification.finish(revision, reason="So", by=engineer)
    assert walk(revision).rules_class == "IIa"
    old.refresh_from_db()
    assert (classification.outcome(old, answers).risk_class, old.rules_class) == ("I", "I")


def test_a_walk_that_was_begun_goes_on_under_its_own_edition(revision: Revision, engineer: User, newer: Any) -> None:
    classification.answer_rules(revision, "active", {"12": True}, by=engineer)
    newer()
    first = edition("MDR", 1)
    for scope in rules.SCOPES["MDR"]:
        group = {rule.id: rule.id == "12" for rule in first.rules if rule.scope == scope}
        classification.answer_rules(revision, scope, group, by=engineer)
    classification.answer_rule(revision, "12", {"12b": False}, by=engineer)
    assert classification.finish(revision, reason="So", by=engineer).rules_class == "IIa"


def test_a_class_written_by_hand_holds_until_what_it_rests_on_changes(revision: Revision, engineer: User) -> None:
    day = revision.opened_on
    Classification.objects.create(
        revision=revision, regulation="MDR", edition=0, started_on=day, rules_class="IIa", deciding_rule="11",
        reason="Advises", finished_on=day,
    )  # fmt: skip
    Revision.objects.update(risk_class="IIa", class_rule="11", class_reason="Advises")
    revision.refresh_from_db()
    design.describe(revision, {"reference": "B2"}, by=engineer)
    assert walk(revision).is_finished
    design.describe(revision, {"is_software": True}, by=engineer)
    assert not Classification.objects.filter(revision=revision, reopened_on=None).exists()
    revision.refresh_from_db()
    assert revision.risk_class == ""
