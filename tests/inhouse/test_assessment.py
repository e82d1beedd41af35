"""From a proposal to a decision."""

from __future__ import annotations

from datetime import date

import pytest

from inhouse import assessment
from inhouse.dossier import current
from inhouse.models import Answer, Assessment
from inhouse.obstacles import Refused
from organisation.models import Unit, User
from products.models import Product
from tests import factories, stations
from tests.refusals import denied, refused

pytestmark = pytest.mark.django_db


def test_anyone_on_staff_proposes_and_gets_the_next_number_of_the_year(nurse: User, unit: Unit) -> None:
    with stations.on_day("2025-12-30"):
        first, second = stations.proposed("Adapter"), stations.proposed("Drill guide")
    with stations.on_day("2026-01-02"):
        third = stations.proposed("Headrest")
    assert [p.number for p in (first, second, third)] == ["IH-2025-0001", "IH-2025-0002", "IH-2026-0001"]
    assert (first.stage, first.proposed_by, first.proposed_on) == ("proposed", nurse, date(2025, 12, 30))
    d = current(first)
    assert ([r.number for r in d.revisions], [a.number for a in d.assessments]) == ([1], [1])
    assert [(s.from_stage, s.to_stage) for s in d.steps] == [("", "proposed")]


def test_a_number_is_never_used_again() -> None:
    with stations.on_day("2026-03-01"):
        for number in (1, 2):
            assert stations.rejected(f"Adapter {number}").number == f"IH-2026-000{number}"
        assert stations.proposed("Adapter 3").number == "IH-2026-0003"


def test_someone_who_left_proposes_nothing(nurse: User, unit: Unit) -> None:
    nurse.is_active = False
    with denied():
        assessment.propose(name="Adapter", summary="Holds", unit=unit, by=nurse)


def test_only_those_who_assess_here_answer(nurse: User, auditor: User, outsider: User, adviser: User) -> None:
    product = stations.proposed(by=adviser)
    given = stations.answers({"o1": "no"})
    for person in (nurse, auditor, outsider):
        with denied():
            assessment.answer(product, "outside_use", given, by=person)
        with denied():
            assessment.write(product, {"benefit": "Much"}, by=person)
    assessment.answer(product, "outside_use", given, by=adviser)


def test_a_proposer_fills_in_the_own_proposal(nurse: User) -> None:
    product = stations.proposed(by=nurse)
    assessment.answer(product, "outside_use", stations.answers({"o1": "no"}), by=nurse)
    assert Answer.objects.get().answered_by == nurse


def test_an_answer_is_kept_with_tree_version_question_person_and_day(engineer: User) -> None:
    product = stations.proposed()
    with stations.on_day("2026-03-01"):
        assessment.answer(product, "outside_use", {"o1": ("no", "Only at the ward")}, by=engineer)
    row = Answer.objects.get()
    assert (row.tree, row.tree_version, row.question, row.value, row.reason) == (
        "outside_use", 1, "o1", "no", "Only at the ward",
    )  # fmt: skip
    assert (row.answered_by, row.answered_on) == (engineer, date(2026, 3, 1))


def test_only_answers_on_the_path_are_kept(engineer: User) -> None:
    product = stations.proposed()
    assessment.answer(
        product, "general_definition", stations.answers({"g1": "no", "g3": "no", "g4": "yes"}), by=engineer
    )
    assert set(current(product).answered("general_definition")) == {"g1", "g3", "g4"}
    everything = stations.answers({"g1": "yes", "g2": "yes", "g3": "no", "g4": "yes"})
    assessment.answer(product, "general_definition", everything, by=engineer)
    assert set(current(product).answered("general_definition")) == {"g1", "g2"}


def test_an_answer_that_did_not_change_keeps_its_person_and_day(engineer: User, adviser: User) -> None:
    product = stations.proposed()
    with stations.on_day("2026-03-01"):
        assessment.answer(product, "prohibitions", stations.answers(stations.ANSWERS["prohibitions"]), by=engineer)
    with stations.on_day("2026-03-02"):
        changed = stations.answers(stations.ANSWERS["prohibitions"]) | {"industrial_scale": ("no", "Ten a year")}
        assessment.answer(product, "prohibitions", changed, by=adviser)
    rows = {row.question: (row.answered_by, str(row.answered_on)) for row in Answer.objects.all()}
    assert rows.pop("industrial_scale") == (adviser, "2026-03-02")
    assert set(rows.values()) == {(engineer, "2026-03-01")}


def test_an_answer_brings_it_under_the_other_regulation_and_back(engineer: User) -> None:
    product = stations.assessed(submit=False)
    for value, regulation in (("yes", "IVDR"), ("no", "MDR")):
        assessment.answer(product, "md_or_ivd", stations.answers({"iv1": value}), by=engineer)
        revision = product.revisions.get()
        assert (revision.regulation, revision.is_in_vitro) == (regulation, value == "yes")


def test_the_weighing_is_dated_when_it_is_written(engineer: User) -> None:
    product = stations.proposed()
    assessment.write(product, stations.NEED, by=engineer)
    assert product.assessments.get().weighed_on is None
    with stations.on_day("2026-03-01"):
        assessment.write(product, {"risk": "It could loosen"}, by=engineer)
    row = product.assessments.get()
    assert (row.weighed_on, row.weighed_by) == (date(2026, 3, 1), engineer)
    with stations.on_day("2026-03-01"), refused("cannot lie in the future"):
        assessment.write(product, {"advised_on": date(2026, 3, 2)}, by=engineer)


def test_a_manager_of_the_administration_decides_and_nobody_else(
    manager: User, engineer: User, owner: User, outsider: User
) -> None:
    with stations.on_day("2026-03-01"):
        product = stations.assessed()
        for person in (engineer, owner, outsider):
            with denied():
                assessment.decide(product, make=True, reason="Yes", by=person)
        assessment.decide(product, make=True, reason="Nothing else fits", by=manager)
    row = product.assessments.get()
    assert (row.decision, row.decided_by, row.decided_on, row.decision_reason) == (
        "manufacture", manager, date(2026, 3, 1), "Nothing else fits",
    )  # fmt: skip


def test_a_proposal_is_not_decided_before_everything_is_said(manager: User) -> None:
    product = stations.proposed()
    with refused("Say whether it is a medical device", Refused) as refusal:
        assessment.decide(product, make=True, reason="Yes", by=manager)
    assert isinstance(refusal.value, Refused)
    assert len(refusal.value.obstacles) == 13
    assert product.assessments.get().decision == ""


def test_the_first_revision_begins_with_the_group_that_was_assessed() -> None:
    assert stations.eligible().revisions.get().patient_group == stations.NEED["patient_group"]


def test_what_is_decided_is_not_changed_any_more(manager: User, engineer: User) -> None:
    product = stations.eligible()
    with refused("is decided"):
        assessment.answer(product, "outside_use", stations.answers({"o1": "no"}), by=engineer)
    with refused("is decided"):
        assessment.write(product, {"risk": "None"}, by=engineer)
    with refused("already decided"):
        assessment.decide(product, make=False, end="other", reason="No", by=manager)


def test_a_proposal_ends_with_how_it_ends(manager: User) -> None:
    product = stations.proposed()
    with refused("Say how the proposal ends"):
        assessment.decide(product, make=False, reason="No", by=manager)
    with refused("The answers do not lead there"):
        assessment.decide(product, make=False, end=Product.Outcome.NOT_A_DEVICE, reason="No", by=manager)
    by = stations.engineer(product)
    assessment.answer(product, "software_is_device", stations.answers({"sw1": "no"}), by=by)
    assessment.answer(product, "general_definition", stations.answers({"g1": "no", "g3": "no", "g4": "no"}), by=by)
    assessment.write(product, {"non_medical_statement": "Holds a door open"}, by=by)
    assessment.submit(product, by=by)
    assessment.decide(product, make=False, end=Product.Outcome.NOT_A_DEVICE, reason="No", by=manager)
    product = stations.fresh(product)
    assert (product.stage, product.outcome) == ("rejected", "not_a_device")


def test_only_a_rejected_product_is_proposed_again(nurse: User) -> None:
    product = stations.eligible()
    with refused("does not follow"):
        assessment.again(product, reason="Once more", by=nurse)
    assert Assessment.objects.count() == 1


def test_a_second_assessment_starts_with_the_answers_of_the_first_which_stay(nurse: User) -> None:
    product = stations.rejected()
    assessment.again(product, reason="It is no longer sold", by=nurse)
    d = current(stations.fresh(product))
    first, second = d.assessments
    told = [
        [(a.tree, a.question, a.value, a.reason, a.answered_by_id) for a in d.answers_of(each)]
        for each in (first, second)
    ]
    assert told[0] == told[1] != []
    assert [f.category for f in d.category_facts if f.assessment_id == second.pk] == ["manufacture_modify"]
    assert d.search is not None


def test_a_proposal_at_the_other_hospital_is_for_its_own_people(outsider: User, manager: User) -> None:
    product = stations.assessed("Headrest", unit=factories.unit(at=factories.other_administration()))
    with denied():
        assessment.decide(product, make=True, reason="Yes", by=manager)
    assessment.decide(product, make=True, reason="Yes", by=outsider)


def test_a_proposal_that_moves_to_the_other_hospital_leaves_its_quality_system(engineer: User) -> None:
    product = stations.assessed(submit=False)
    Product.objects.filter(pk=product.pk).update(quality_system=factories.quality_system())
    for unit, kept in (
        (factories.ward(), factories.quality_system()),
        (factories.unit(at=factories.other_administration()), None),
    ):
        here = stations.fresh(product)
        assessment.describe(here, name=here.name, summary=here.summary, unit=unit, by=engineer)
        assert stations.fresh(product).quality_system == kept
