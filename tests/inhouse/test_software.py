"""Software and artificial intelligence: early questions, modules, tests, data sets, and the plan."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from inhouse import assessment, design, guide, software
from inhouse.dossier import current
from inhouse.law.software import software as law
from inhouse.models import AiPoint, AiStep, DataSet, SoftwareModule, SoftwarePlan, SoftwareTest
from organisation import clock
from organisation.models import User
from products.models import Product, Revision
from tests import stations
from tests.refusals import denied, refused

pytestmark = pytest.mark.django_db

LANGUAGES = {"en", "sv", "nb"}


@pytest.fixture
def proposed(engineer: User) -> Product:
    """A proposal whose answers say that it is software."""
    product = stations.proposed("Dose calculator")
    stations.is_software(product)
    return product


@pytest.fixture
def revision(proposed: Product) -> Revision:
    return stations.coming(proposed)


@pytest.fixture
def ai(revision: Revision, engineer: User) -> Revision:
    """The same, of an AI."""
    stations.programmed(revision.product, ai=True)
    return stations.coming(revision.product)


def early(**changes: Any) -> dict[str, Any]:
    return {"develops_algorithm": True, "collects_data": False, "device_since": clock.today(), "is_ai": False} | changes


# --- the law's data


def test_everything_that_is_asked_is_said_in_three_languages_under_an_id_of_its_own() -> None:
    found = law()
    entries = [*found.tests, *found.checklist, *found.steps]
    for entry in entries:
        for words in (entry.title_words, entry.help_words, entry.source_words):
            assert words.keys() == LANGUAGES
            assert all(text.strip() == text and text for text in words.values())
    for words in (
        found.in_house.reason_words,
        found.in_house.follows_words,
        found.in_house.source_words,
        *(each for row in found.dates for each in (row.what_words, row.source_words)),
        *found.examples.device_words,
        *found.examples.other_words,
    ):
        assert words.keys() == LANGUAGES
    ids = [entry.id for entry in entries]
    assert len(set(ids)) == len(ids)


def test_the_data_hold_the_seven_kinds_of_test_the_points_of_the_ai_act_and_the_seven_steps() -> None:
    assert [entry.id for entry in law().tests] == [
        "verification", "validation", "performance", "reliability", "compatibility", "usability", "cybersecurity",
    ]  # fmt: skip
    assert [entry.id for entry in law().points] == [f"AIA-{number}" for number in range(9, 16)]
    assert [entry.id for entry in law().steps] == [f"AI-S{number}" for number in range(1, 8)]
    assert len(law().principles) == 4
    assert law().in_house.stated_on == date(2025, 6, 19)
    assert [row.day for row in law().dates] == sorted(row.day for row in law().dates)


def test_ids_fit_their_columns() -> None:
    for model, column, entries in (
        (SoftwareTest, "kind", law().tests),
        (AiPoint, "point", law().checklist),
        (AiStep, "step", law().steps),
    ):
        width: Any = model._meta.get_field(column).max_length  # type: ignore[union-attr]
        assert all(len(entry.id) <= width for entry in entries)


# --- the early questions, and the kind of AI


def test_the_early_questions_are_answered_and_can_be_answered_anew(revision: Revision, engineer: User) -> None:
    software.plan(revision, **early(), by=engineer)
    software.plan(revision, **early(collects_data=True), by=engineer)
    plan = SoftwarePlan.objects.get()
    assert (plan.develops_algorithm, plan.collects_data, plan.device_since) == (True, True, clock.today())
    assert (plan.is_high_risk, plan.high_risk_reason, plan.high_risk_on) == (False, "", None)


def test_some_of_them_can_wait(revision: Revision, engineer: User) -> None:
    plan = software.plan(revision, **early(collects_data=None, device_since=None), by=engineer)
    assert not plan.is_complete
    assert not SoftwarePlan.objects.complete().exists()
    software.plan(revision, **early(), by=engineer)
    assert SoftwarePlan.objects.complete().exists()


def test_it_is_not_a_device_since_a_day_to_come(revision: Revision, engineer: User) -> None:
    with refused("cannot lie in the future"):
        software.plan(revision, **early(device_since=clock.today() + timedelta(days=1)), by=engineer)


def test_ai_made_in_house_is_not_high_risk_by_itself_and_the_reason_is_written(
    revision: Revision, engineer: User
) -> None:
    plan = software.plan(revision, **early(is_ai=True), by=engineer)
    assert (plan.is_high_risk, plan.high_risk_on) == (False, clock.today())
    assert plan.high_risk_reason == law().in_house.reason
    fresh = stations.coming(revision.product)
    assert (fresh.is_software, fresh.is_ai) == (True, True)


@pytest.mark.parametrize("reason", ["", " ", law().in_house.reason_words["sv"]])
def test_high_risk_needs_a_reason_of_its_own(revision: Revision, engineer: User, reason: str) -> None:
    with refused("Give the reason"):
        software.plan(revision, **early(is_ai=True, is_high_risk=True, high_risk_reason=reason), by=engineer)
    plan = software.plan(revision, **early(is_ai=True, is_high_risk=True, high_risk_reason="Sold later"), by=engineer)
    assert (plan.is_high_risk, plan.high_risk_reason) == (True, "Sold later")


def test_the_day_of_the_ai_classification_is_that_of_its_last_change(revision: Revision, engineer: User) -> None:
    with stations.on_day("2026-03-02") as first:
        software.plan(revision, **early(is_ai=True), by=engineer)
    with stations.on_day("2026-04-01"):
        software.plan(revision, **early(is_ai=True, collects_data=True), by=engineer)
    assert SoftwarePlan.objects.get().high_risk_on == first
    with stations.on_day("2026-05-04") as later:
        software.plan(revision, **early(is_ai=True, is_high_risk=True, high_risk_reason="Sold later"), by=engineer)
    assert SoftwarePlan.objects.get().high_risk_on == later


def test_what_is_no_ai_after_all_has_no_ai_classification(ai: Revision, engineer: User) -> None:
    software.plan(ai, **early(), by=engineer)
    plan = SoftwarePlan.objects.get()
    assert (plan.is_high_risk, plan.high_risk_reason, plan.high_risk_on) == (False, "", None)
    assert not stations.coming(ai.product).is_ai
    assert DataSet.objects.count() == 1  # nothing is thrown away for an answer that may be corrected


# --- when, and by whom


def every_rule(revision: Revision, by: User) -> list[Any]:
    """Each rule that writes, as a call."""
    one = revision.data_sets.get()
    return [
        lambda: software.plan(revision, **early(is_ai=True), by=by),
        lambda: software.compose_modules(revision, stations.MODULES[:1], by=by),
        lambda: software.plan_tests(revision, stations.planned_tests(), by=by),
        lambda: software.keep_data_set(revision, stations.DATA_SET | {"name": "Another"}, by=by),
        lambda: software.remove_data_set(one, by=by),
        lambda: software.answer_points(revision, {"AIA-9": {"is_met": False, "how": "Not yet"}}, by=by),
        lambda: software.plan_steps(revision, {"AI-S1": {"planned_on": clock.today(), "note": ""}}, by=by),
        lambda: software.do_step(revision, "AI-S2", done_on=clock.today(), by=by),
        lambda: software.reopen_step(revision, "AI-S2", by=by),
    ]


def test_of_a_proposal_all_who_assess_may_write_and_nobody_else(
    ai: Revision, adviser: User, nurse: User, outsider: User, registrar: User
) -> None:
    for person in (outsider, registrar):
        for call in every_rule(ai, person):
            with denied():
                call()
    for call in every_rule(ai, adviser):
        call()
    software.compose_modules(ai, stations.MODULES, by=nurse)  # who proposed it


def test_what_is_submitted_is_not_changed(ai: Revision, engineer: User) -> None:
    ai.product.assessments.update(submitted_on=clock.today(), submitted_by=engineer)
    for call in every_rule(ai, engineer):
        with refused("is submitted"):
            call()


def test_after_the_decision_the_owner_and_engineers_write(engineer: User, owner: User, manager: User) -> None:
    product = stations.owned()
    design.describe(stations.coming(product), {"is_software": True}, by=engineer)
    stations.programmed(product, ai=True)
    revision = stations.coming(product)
    for call in every_rule(revision, manager):
        with denied():
            call()
    for call in every_rule(revision, owner):
        call()


def test_when_it_is_signed_only_the_plan_and_the_checklist_go_on(engineer: User) -> None:
    product = stations.documented(software=True)
    stations.programmed(product, ai=True)
    stations.sign(product)
    revision = stations.coming(product)
    calls = every_rule(revision, engineer)
    for call in calls[:5]:
        with refused("what is signed is not changed"):
            call()
    for call in calls[5:]:
        call()


def test_the_plan_goes_on_in_use_until_the_product_ends(engineer: User) -> None:
    product = stations.in_development(software=True)
    stations.programmed(product, ai=True)
    revision = stations.coming(product)
    software.do_step(revision, "AI-S1", done_on=clock.today(), by=engineer)
    Product.objects.filter(pk=product.pk).update(stage=Product.Stage.IN_USE)
    Revision.objects.filter(pk=revision.pk).update(stage=Revision.Stage.IN_FORCE)
    software.do_step(revision, "AI-S7", done_on=clock.today(), by=engineer)
    Product.objects.filter(pk=product.pk).update(stage=Product.Stage.ABANDONED)
    for call in every_rule(revision, engineer):
        with refused("has ended"):
            call()


def test_the_plan_of_a_revision_that_has_ended_is_left_as_it_was(engineer: User) -> None:
    product = stations.in_development(software=True)
    stations.programmed(product, ai=True)
    revision = stations.coming(product)
    Revision.objects.filter(pk=revision.pk).update(stage=Revision.Stage.CLOSED)
    with refused("has ended"):
        software.do_step(revision, "AI-S1", done_on=clock.today(), by=engineer)


def test_what_is_no_software_has_none_of_it(engineer: User) -> None:
    revision = stations.coming(stations.proposed())
    with refused("not software"):
        software.plan(revision, **early(), by=engineer)
    with refused("not software"):
        software.compose_modules(revision, stations.MODULES, by=engineer)
    with refused("not software"):
        software.plan_tests(revision, stations.planned_tests(), by=engineer)


def test_what_is_no_ai_has_no_data_sets_points_or_steps(revision: Revision, engineer: User) -> None:
    software.plan(revision, **early(), by=engineer)
    with refused("not artificial intelligence"):
        software.keep_data_set(revision, stations.DATA_SET, by=engineer)
    with refused("not artificial intelligence"):
        software.answer_points(revision, {}, by=engineer)
    with refused("not artificial intelligence"):
        software.plan_steps(revision, {}, by=engineer)
    with refused("not artificial intelligence"):
        software.do_step(revision, "AI-S1", done_on=clock.today(), by=engineer)


# --- modules


def test_the_list_of_modules_is_replaced_and_a_module_that_keeps_its_name_keeps_its_row(
    revision: Revision, engineer: User
) -> None:
    software.compose_modules(revision, stations.MODULES, by=engineer)
    first = SoftwareModule.objects.get(name="Dose calculator")
    again: software.Module = {**stations.MODULES[0], "purpose": "Proposes a dose and a speed"}
    software.compose_modules(revision, [again], by=engineer)
    [row] = SoftwareModule.objects.all()
    assert (row.pk, row.purpose) == (first.pk, "Proposes a dose and a speed")
    written = SoftwareModule.history.count()  # type: ignore[attr-defined]
    software.compose_modules(revision, [again], by=engineer)
    assert SoftwareModule.history.count() == written  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"risk_class": ""}, "risk class under MDR"),
        ({"risk_class": "B"}, "risk class under MDR"),
        ({"marking": " "}, "identified as a device"),
        ({"effect": " "}, "bears on the others"),
        ({"is_device": False}, "at least one module"),
    ],
)
def test_a_module_that_is_a_device_has_class_and_identification_and_each_its_effect_on_the_others(
    revision: Revision, engineer: User, changes: dict[str, Any], words: str
) -> None:
    module: Any = stations.MODULES[0] | changes
    with refused(words):
        software.compose_modules(revision, [module], by=engineer)


def test_a_module_that_is_no_device_has_no_class(revision: Revision, engineer: User) -> None:
    other: Any = stations.MODULES[1] | {"risk_class": "I"}
    with refused("has no risk class"):
        software.compose_modules(revision, [stations.MODULES[0], other], by=engineer)


def test_a_list_without_a_device_can_wait_for_it_and_none_is_listed_twice(revision: Revision, engineer: User) -> None:
    software.compose_modules(revision, stations.MODULES[1:], unfinished=True, by=engineer)
    assert not guide.read(revision.product).software
    with refused("listed twice"):
        software.compose_modules(revision, [stations.MODULES[0]] * 2, by=engineer)


# --- tests


def test_all_seven_kinds_are_planned_or_ruled_out_with_a_reason(revision: Revision, engineer: User) -> None:
    software.plan_tests(revision, stations.planned_tests(), by=engineer)
    assert [(test.kind, test.is_relevant) for test in SoftwareTest.objects.all()] == [
        (kind.id, kind.id != "usability") for kind in law().tests
    ]


def test_one_kind_left_out_is_refused_unless_the_plan_is_unfinished(revision: Revision, engineer: User) -> None:
    some = stations.planned_tests()
    del some["reliability"]
    with refused("Reliability"):
        software.plan_tests(revision, some, by=engineer)
    software.plan_tests(revision, some, unfinished=True, by=engineer)
    assert "tests" not in guide.read(revision.product).software
    software.plan_tests(revision, stations.planned_tests(), by=engineer)
    assert "tests" in guide.read(revision.product).software


@pytest.mark.parametrize(
    ("kind", "changes", "words"),
    [
        ("verification", {"plan": " "}, "how it is tested"),
        ("usability", {"reason": " "}, "why it is not relevant"),
    ],
)
def test_a_test_has_a_plan_or_a_reason(
    revision: Revision, engineer: User, kind: str, changes: dict[str, Any], words: str
) -> None:
    planned: Any = stations.planned_tests()
    planned[kind] |= changes
    with refused(words):
        software.plan_tests(revision, planned, by=engineer)


def test_a_kind_that_nobody_asks_for_is_refused(ai: Revision, engineer: User) -> None:
    planned = stations.planned_tests()
    with refused("not asked: luck"):
        software.plan_tests(ai, planned | {"luck": planned["validation"]}, by=engineer)
    with refused("not asked: AIA-16"):
        software.answer_points(ai, {"AIA-16": {"is_met": True, "how": ""}}, by=engineer)
    with refused("not asked: AI-S8"):
        software.do_step(ai, "AI-S8", done_on=clock.today(), by=engineer)


# --- data, points and steps


def test_a_data_set_is_listed_once_for_each_use_described_anew_and_removed(ai: Revision, engineer: User) -> None:
    one = ai.data_sets.get()
    with refused("already listed for that use"):
        software.keep_data_set(ai, stations.DATA_SET, by=engineer)
    software.keep_data_set(ai, stations.DATA_SET | {"use": "test"}, by=engineer)
    software.keep_data_set(ai, stations.DATA_SET | {"size": "15 000 images"}, data_set=one, by=engineer)
    assert [(row.use, row.size) for row in ai.data_sets.all()] == [
        ("training", "15 000 images"),
        ("test", "12 000 images"),
    ]
    software.remove_data_set(one, by=engineer)
    assert [row.use for row in ai.data_sets.all()] == ["test"]


def test_points_are_answered_one_by_one_and_may_stay_open(ai: Revision, engineer: User) -> None:
    software.answer_points(ai, {"AIA-9": {"is_met": False, "how": "In June"}, "AI-01-a": {"is_met": None, "how": ""}}, by=engineer)  # fmt: skip
    rows = {row.point: (row.is_met, row.how) for row in ai.ai_points.all()}
    assert (rows["AIA-9"], rows["AI-01-a"], rows["AIA-10"]) == ((False, "In June"), (None, ""), (True, "Written"))


def test_a_step_is_planned_late_done_and_opened_again(ai: Revision, engineer: User, adviser: User) -> None:
    with stations.on_day("2026-03-02"):
        software.plan_steps(ai, {"AI-S1": {"planned_on": date(2026, 3, 9), "note": "Read"}}, by=engineer)
        step = AiStep.objects.get(step="AI-S1")
        assert not step.is_late(date(2026, 3, 9))
        assert step.is_late(date(2026, 3, 10))
    with stations.on_day("2026-03-16") as day:
        with refused("cannot lie in the future"):
            software.do_step(ai, "AI-S1", done_on=day + timedelta(days=1), by=adviser)
        software.do_step(ai, "AI-S1", done_on=day, by=adviser)
        with refused("already done"):
            software.do_step(ai, "AI-S1", done_on=day, by=engineer)
        step.refresh_from_db()
        assert (step.done_on, step.done_by, step.note, step.is_late()) == (day, adviser, "Read", False)
        software.plan_steps(ai, {"AI-S1": {"planned_on": date(2026, 3, 10), "note": "Read"}}, by=engineer)
        step.refresh_from_db()
        assert step.done_by == adviser
        software.reopen_step(ai, "AI-S1", by=engineer)
        with refused("not done yet"):
            software.reopen_step(ai, "AI-S1", by=engineer)
        step.refresh_from_db()
        assert step.is_late()


# --- the way


def test_the_pages_of_an_ai_follow_those_of_all_software(revision: Revision, engineer: User) -> None:
    def pages() -> list[tuple[str, bool]]:
        found = guide.read(revision.product)
        assert guide.of(current(revision.product)).software == found.software
        return [(stop.name.partition("-")[2], stop.done) for stop in guide.way(found) if stop.part == "software"]

    assert pages() == [("early", False), ("modules", False), ("tests", False)]
    software.plan(revision, **early(is_ai=True), by=engineer)
    assert pages()[3:] == [("data", False), ("points", False), ("steps", False)]
    software.answer_points(revision, {"AIA-9": {"is_met": None, "how": ""}}, by=engineer)
    assert pages()[3:] == [("data", True), ("points", True), ("steps", False)]  # voluntary: gone past is enough
    stations.programmed(revision.product, ai=True)
    assert all(done for _page, done in pages())


# --- from one revision to the next


def test_a_new_revision_begins_with_everything_that_was_said_of_the_last(engineer: User) -> None:
    product = stations.documented(software=True)
    stations.programmed(product, ai=True)
    software.do_step(stations.coming(product), "AI-S1", done_on=clock.today(), by=engineer)
    first = stations.coming(product)
    Product.objects.filter(pk=product.pk).update(stage=Product.Stage.IN_USE)
    Revision.objects.filter(pk=first.pk).update(stage=Revision.Stage.IN_FORCE)
    second = stations.changing(stations.fresh(product))
    for model in software.OF_REVISION:
        rows: dict[int, list[Any]] = {}
        for revision in (first, second):
            found = model._default_manager.filter(revision=revision)
            names = [f.attname for f in model._meta.concrete_fields if f.name not in ("id", "revision")]
            rows[revision.number] = list(found.values_list(*names))
        assert rows[1], model
        assert rows[1] == rows[2]
    assert second.is_ai
    software.compose_modules(second, stations.MODULES[:1], by=engineer)
    assert first.software_modules.count() == 2  # what is signed stays


def test_an_assessment_that_is_decided_leaves_the_software_to_its_keepers(
    ai: Revision, adviser: User, manager: User, engineer: User
) -> None:
    product = ai.product
    assessment.decide(product, make=False, end=Product.Outcome.BUY, reason="There is one to buy", by=manager)
    for call in every_rule(ai, engineer):
        with refused("has ended"):
            call()
