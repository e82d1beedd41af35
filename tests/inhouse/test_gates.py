"""Every demand at every gate: met by a product that has everything, and not met when that one thing is taken away.

The dossiers are made once through the rules and then changed in memory.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, NamedTuple

import pytest
from django.conf import settings
from django.db import transaction
from django.test import override_settings
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, DjangoDbBlocker

from inhouse import gates, law
from inhouse.dossier import Dossier, current
from inhouse.law import checks
from inhouse.law.software import software as law_of_software
from inhouse.models import Answer, Assessment, FollowUp, FollowUpAction, Suspension
from tests import stations

pytestmark = pytest.mark.django_db  # for the dossiers; what follows asks nothing of the database

AT_GATES = [(row.id, gate) for row in law.requirements().values() for gate in row.gates]
ALL_POINTS_BIND = "2031-03-03"
"""A day on which each point of IVDR 5(5) binds."""
PAGES = {
    "assessment",
    "assessment-device",
    "assessment-need",
    "assessment-prohibitions",
    "assessment-route",
    "assessment-scope",
    "assessment-weighing",
    "change",
    "class",
    "conformity",
    "decision",
    "declaration",
    "design",
    "documents",
    "evidence",
    "follow-up",
    "items",
    "laboratory",
    "market",
    "owner",
    "product",
    "readiness",
    "software",
    "suspension",
    "units",
    "withdrawal",
    "retention",
}


@pytest.fixture(scope="module")
def complete(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Dossier]:
    """Two products in use with the second revision in force, one of them in vitro; and one withdrawn whose records nobody
    must keep any longer, and whose disposal is decided."""
    files = {"location": str(tmp_path_factory.mktemp("media"))}
    storages = {"default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": files}}
    with django_db_blocker.unblock(), transaction.atomic(), override_settings(STORAGES=storages):
        used = stations.second_in_force(software=True)
        gone = stations.withdrawn("Old adapter")
        stations.scrapped(gone.items.get())
        floor = stations.floor(gone)
        with stations.on_day(floor):
            stations.confirmed_disposal(gone)
        dossiers = {"in use": current(used), "withdrawn": current(gone)}
        with stations.on_day(ALL_POINTS_BIND):
            dossiers["in vitro"] = current(stations.in_vitro(risk_class="D", stop="second_in_force"))
        assert all(d.items and d.placements for d in dossiers.values())  # read now, each copy changes its own
        transaction.set_rollback(True)
    dossiers["withdrawn"].on = floor
    return dossiers


@pytest.fixture
def whole(complete: dict[str, Dossier]) -> Callable[..., Dossier]:
    """A copy of the dossier in which everything at a gate is met; under IVDR for a requirement of it."""

    def dossier(gate: str, name: str = "") -> Dossier:
        in_vitro = "in vitro" if name.startswith("IVDR") else "in use"
        return copy.deepcopy(complete["withdrawn" if gate in ("G10", "G11") else in_vitro])

    return dossier


# --- taking one thing away

Break = Callable[[Dossier], Any]


class Case(NamedTuple):
    gates: str
    ids: str
    when: str
    taken: Break


def working(d: Dossier) -> Any:
    assert d.working
    return d.working


def assessment(d: Dossier) -> Assessment:
    assert d.assessment
    return d.assessment


def declaration(d: Dossier) -> Any:
    return d.declaration(working(d))


def unanswered(tree: str) -> Break:
    def take(d: Dossier) -> None:
        d.answers = [a for a in d.answers if a.tree != tree]

    return take


def answered(tree: str, question: str, **fields: str) -> Break:
    def change(d: Dossier) -> None:
        for name, value in fields.items():
            setattr(d.answered(tree)[question], name, value)

    return change


def without(what: str, *names: str) -> Break:
    """The assessment, the design or the readiness with these fields empty."""

    def empty(d: Dossier) -> None:
        subject = {"assessment": d.assessment, "design": working(d), "readiness": d.readiness(working(d))}[what]
        for name in names:
            setattr(subject, name, "")

    return empty


def without_documents(group: str) -> Break:
    def take(d: Dossier) -> None:
        d.documents = [e for e in d.documents if e.group != group]

    return take


def without_record(kind: str) -> Break:
    def take(d: Dossier) -> None:
        d.records = [r for r in d.records if r.kind != kind]

    return take


def classified_on(name: str, value: object) -> Break:
    """The walk through the rules of the class with this fact instead."""
    return lambda d: setattr(d.classifications[-1], name, value)


def later(row: object, name: str, day: date) -> None:
    setattr(row, name, day + timedelta(days=1))


def failed(kind: str) -> Break:
    def fail(d: Dossier) -> None:
        d.records_of(working(d), kind)[-1].outcome = "not_approved"

    return fail


def recorded_by_owner(*kinds: str, of_class: str = "I") -> Break:
    def record(d: Dossier) -> None:
        working(d).risk_class = of_class
        for kind in kinds:
            d.records_of(working(d), kind)[-1].recorded_by = d.appointments[-1].person

    return record


def not_medical(d: Dossier) -> None:
    answered("general_definition", "g2", value="no")(d)


def asked_only(d: Dossier) -> None:
    d.appointments[-1].accepted_on = None


def unsupported(d: Dossier) -> None:
    assessment(d).support_needed = True


def declared_on(name: str, value: date | None) -> Break:
    return lambda d: setattr(declaration(d), name, value)


def tomorrow(name: str) -> Break:
    return lambda d: setattr(declaration(d), name, d.on + timedelta(days=1))


def at_a_closed_ward(d: Dossier) -> None:
    d.placed[0].unit.active = False


def unreleased(d: Dossier) -> None:
    placed = {p.item_id for p in d.placed}
    for item in d.living:
        if item.pk in placed:
            item.released_on = None


def released_later(d: Dossier) -> None:
    for item in d.living:
        item.released_on = d.on + timedelta(days=1)


def without_units(part: str) -> Break:
    def take(d: Dossier) -> None:
        d.unit_uses = [u for u in d.unit_uses if u.part != part]

    return take


def years_later(d: Dossier) -> None:
    d.on = d.on + timedelta(days=4 * 366)


def unfinished_action(d: Dossier) -> None:
    d.actions.append(FollowUpAction(text="Order new screws", due_on=d.on - timedelta(days=1)))


def said_stop(d: Dossier) -> None:
    d.follow_ups.append(FollowUp(done_on=d.on, conclusion="stop", next_due_on=d.on + timedelta(days=1)))


def paused(d: Dossier) -> None:
    d.suspensions.append(Suspension(cause="Loose", since=d.on))


def alive(d: Dossier) -> None:
    d.items[0].fate, d.items[0].fate_on = "", None


def without_rows(rows: str) -> Break:
    return lambda d: getattr(d, rows).clear()


def unplanned(name: str) -> Break:
    def take(d: Dossier) -> None:
        for plan in d.software_plans:
            setattr(plan, name, None)

    return take


def no_device(d: Dossier) -> None:
    for module in d.software_modules:
        module.is_device = False


def without_test(kind: str) -> Break:
    def take(d: Dossier) -> None:
        d.software_tests = [test for test in d.software_tests if test.kind != kind]

    return take


def software_without_a_reason(d: Dossier) -> None:
    """The questions on software are answered, but the one that needs a reason has none."""
    unanswered("software_is_device")(d)
    for question, value in {"sw1": "yes", "sw2": "no", "sw3": "yes", "sw4": "yes", "sw5": "yes"}.items():
        answer = copy.copy(d.answers[0])
        answer.tree, answer.tree_version, answer.question = "software_is_device", 1, question
        answer.value, answer.reason = value, ""
        d.answers.append(answer)


def a_day_too_early(d: Dossier) -> None:
    d.on -= timedelta(days=1)


def with_answers(d: Dossier, tree: str, **values: str) -> None:
    """The assessment with these answers to a tree instead, as of today."""
    d.answers = [a for a in d.answers if a.tree != tree or a.assessment_id != assessment(d).pk]
    d.answers += [
        Answer(
            assessment_id=assessment(d).pk,
            tree=tree,
            tree_version=law.tree(tree).version,
            question=question,
            value=value,
        )
        for question, value in values.items()
    ]


def undecided(d: Dossier) -> None:
    """As before anyone decided: what the short form never asked is asked of everyone else."""
    assessment(d).decision, assessment(d).decided_on = "", None


def no_way_in(d: Dossier) -> None:
    undecided(d)
    unanswered("ways_of_use")(d)


def custom_made(d: Dossier) -> None:
    with_answers(d, "custom_made", c1="yes", c2="yes", c3="yes")


def chosen(category: str) -> Break:
    """That kind of work too, and nothing said of it."""

    def choose(d: Dossier) -> None:
        undecided(d)
        with_answers(
            d,
            "scope_categories",
            **{q.id: "yes" if q.id == category else "no" for q in law.tree("scope_categories").questions},
        )
        d.category_facts = []

    return choose


INVESTIGATION = {"ci1": "yes", "ci2": "yes", "ci3": "yes", "ci4": "no"}


def studied(d: Dossier, answers: dict[str, str]) -> None:
    undecided(d)
    with_answers(d, "scope_categories", research="yes")
    with_answers(d, "clinical_investigation", **answers)


def system_is(d: Dossier, system: Any) -> None:
    d.product.quality_system = system


def laboratory_is(d: Dossier, name: str, value: Any) -> None:
    assert d.product.quality_system
    setattr(d.product.quality_system, name, value)


def only_cost(d: Dossier) -> None:
    for ground in d.grounds:
        ground.kind = "cost"


CASES = [
    Case("G1", "VGR-02 MDR55-0 IVDR55-0", "nobody said whether it is a device", unanswered("general_definition")),
    Case("G1", "VGR-02 MDR55-0 IVDR55-0", "it is no device", not_medical),
    Case("G1", "VGR-11", "it is no device and nobody said what it is", not_medical),
    Case("G1", "VGR-12 VGR-02 MDR55-0", "nobody said whether it is in vitro", unanswered("md_or_ivd")),
    Case("G1", "VGR-20", "no category was chosen", unanswered("scope_categories")),
    Case("G1", "VGR-20", "every category was denied", answered("scope_categories", "manufacture_modify", value="no")),
    Case("G1", "CMD-01", "nobody said whether it is custom-made", unanswered("custom_made")),
    Case("G1", "CMD-01", "it is custom-made", lambda d: custom_made(d)),
    Case("G1", "USE-01", "no way into use is chosen", no_way_in),
    Case("G1", "USE-01", "it is bought", answered("ways_of_use", "way", value="ce_marked")),
    Case("G1", "USE-01", "the way and what follows do not fit", answered("ways_of_use", "way", value="custom_made")),
    *(
        Case("G1", "VGR-21 VGR-22 VGR-23 VGR-24", f"nothing is said of {category}", chosen(category))
        for category in ("extended_use", "combination", "consumer_product", "research")
    ),
    Case("G1", "CI-02", "a study is not asked about", lambda d: studied(d, {})),
    Case("G1", "CI-02", "the study is an investigation", lambda d: studied(d, INVESTIGATION)),
    Case("G1", "MDR55-m", "nobody said where it is used", unanswered("outside_use")),
    Case("G1", "MDR55-m", "patients take it home", answered("outside_use", "o1", value="yes")),
    Case("G2", "VGR-10 MDR55-c IVDR55-d", "the group is not described", without("assessment", "patient_group")),
    Case("G2", "VGR-10 MDR55-c IVDR55-d", "the need is not described", without("assessment", "special_need")),
    Case(
        "G2", "VGR-10 MDR55-c IVDR55-d", "the performance is not described", without("assessment", "performance_level")
    ),
    *(
        Case(gate, names, when, taken)
        for question, names_at in {
            "ce_equivalent_exists": {"G2": "VGR-30", "G6": "VGR-30"},
            "industrial_scale": {"G2": "VGR-31 MDR55-j IVDR55-j", "G6": "VGR-31 MDR55-j IVDR55-j"},
            "not_safe_benefit": {"G2": "VGR-32", "G6": "VGR-32"},
            "outside_organisation": {"G2": "VGR-33 MDR55-a IVDR55-a", "G6": "VGR-33 MDR55-a IVDR55-a"},
        }.items()
        for gate, names in names_at.items()
        for when, taken in (
            ("nobody answered", unanswered("prohibitions")),
            ("the answer is yes", answered("prohibitions", question, value="yes")),
            ("there is no reason", answered("prohibitions", question, reason="")),
        )
    ),
    Case("G2", "MDR55-c IVDR55-d", "nobody searched the market", lambda d: d.searches.clear()),
    Case(
        "G2",
        "MDR55-c IVDR55-d",
        "the search is from an earlier assessment",
        lambda d: setattr(d.search, "assessment_id", 0),
    ),
    Case("G2", "MDR55-c IVDR55-d", "there is an equivalent", lambda d: setattr(d.search, "result", "equivalent")),
    Case("G2", "MDR55-c IVDR55-d", "no device was named", lambda d: d.candidates.clear()),
    Case("G2", "MDR55-c IVDR55-d", "a device was not judged", lambda d: setattr(d.candidates[-1], "shortfall", "")),
    Case("G2", "MDR55-c IVDR55-d", "no place was named", lambda d: d.lookups.clear()),
    Case("G2", "MDR55-c IVDR55-d", "the search is not concluded", lambda d: setattr(d.search, "concluded_on", None)),
    Case("G2", "MDR55-n", "no ground is named", lambda d: d.grounds.clear()),
    Case("G2", "MDR55-n", "cost is the only ground", only_cost),
    *(
        Case("G2", "VGR-40", f"{name} is not weighed", without("assessment", name))
        for name in ("benefit", "risk", "cost", "weighing")
    ),
    Case("G2", "VGR-40", "nobody decided", without("assessment", "decision")),
    Case("G2", "VGR-41", "nobody asked for support", lambda d: setattr(d.assessment, "support_needed", None)),
    Case("G2", "VGR-41", "there is no reason", without("assessment", "support_reason")),
    Case("G2", "VGR-41", "support is needed and nobody gave it", unsupported),
    Case("G3", "VGR-43", "nobody was asked", lambda d: d.appointments.clear()),
    Case("G3", "VGR-43", "the one asked has not answered", asked_only),
    Case("G6", "VGR-43", "nobody was asked", lambda d: d.appointments.clear()),
    Case("G3 G6 G8", "VGR-43", "the owner has left", lambda d: setattr(d.appointments[-1].person, "is_active", False)),
    Case("G3", "VGR-44", "the owner leads nothing", lambda d: setattr(d.appointments[-1].person, "level", "staff")),
    Case("G3", "MDR55-b IVDR55-b", "no system is named", lambda d: setattr(d.product, "quality_system_id", None)),
    Case("G3 G4", "SW-06", "the purpose is empty", without("design", "intended_purpose")),
    Case("G3 G4", "SW-06", "nobody went through the rules", lambda d: d.classifications.clear()),
    Case("G3 G4", "SW-06", "the class is not set", classified_on("finished_on", None)),
    Case("G3 G4", "SW-06", "the class is set tomorrow", lambda d: later(d.classifications[-1], "finished_on", d.on)),
    Case("G3 G4", "SW-06", "the class was taken back", lambda d: setattr(d.classifications[-1], "reopened_on", d.on)),
    Case("G3 G4", "SW-06", "there is no reason", classified_on("reason", "")),
    Case("G2", "SW-13", "nobody answered the early questions", without_rows("software_plans")),
    *(
        Case("G2", "SW-13", f"{name} is open", unplanned(name))
        for name in ("develops_algorithm", "collects_data", "device_since")
    ),
    Case("G3", "SW-04", "no module is listed", without_rows("software_modules")),
    Case("G3", "SW-04", "no module is a device", no_device),
    Case("G3", "SW-14", "no test is planned", without_rows("software_tests")),
    *(Case("G3", "SW-14", f"nothing is said of {kind.id}", without_test(kind.id)) for kind in law_of_software().tests),
    Case("G4", "SW-10", "nobody said why it is a device", software_without_a_reason),
    Case("G4", "SW-10", "its class has no reason", without("design", "class_reason")),
    Case("G4", "MDR55-0 IVDR55-0", "there is no risk file", without_documents("risk")),
    *(
        Case("G4", "MDR55-f IVDR55-g", f"nothing is written on {group}", without_documents(group))
        for group in ("facility", "process", "design", "performance", "purpose")
    ),
    Case("G4", "MDR55-f IVDR55-g", "nobody confirmed what was carried over", lambda d: carried_over(d)),
    *(
        Case("G4", "VGR-52 MDR55-f IVDR55-g IVDR55-0", f"{name} is empty", without("design", name))
        for name in ("reference", "intended_purpose", "patient_group", "description")
    ),
    Case(
        "G4", "VGR-52 MDR55-0 IVDR55-0", "a requirement of Annex I has no answer", lambda d: unanswered_requirement(d)
    ),
    Case("G4", "VGR-52 MDR55-0 IVDR55-0", "nothing shows that one is met", lambda d: conformity(d, where="")),
    Case("G4", "VGR-52 MDR55-0 IVDR55-0", "nobody confirmed an answer", lambda d: conformity(d, confirmed_on=None)),
    Case("G4", "VGR-54 MDR55-0 IVDR55-0", "users are told nothing", without_documents("user_information")),
    Case("G3", "IVDR55-c", "no system is named", lambda d: system_is(d, None)),
    Case("G3 G7 G8", "IVDR55-c", "no standard is named", lambda d: laboratory_is(d, "laboratory_standard", "")),
    Case(
        "G3 G7 G8",
        "IVDR55-c",
        "the accreditation ran out",
        lambda d: laboratory_is(d, "accredited_until", d.on - timedelta(days=1)),
    ),
    Case("G7", "VGR-54", "users are told nothing", without_documents("user_information")),
    Case("G4", "VGR-70 MDR55-0 IVDR55-0", "nobody verified", without_record("verification")),
    Case("G4", "VGR-70 MDR55-0 IVDR55-0", "the last verification failed", failed("verification")),
    Case("G5", "VGR-71 MDR55-0 IVDR55-0", "nobody validated", without_record("validation")),
    Case("G5", "VGR-71 MDR55-0 IVDR55-0", "the last validation failed", failed("validation")),
    Case("G5", "VGR-52 MDR55-0", "there is no clinical evaluation", without_documents("clinical")),
    Case("G5", "IVDR55-0", "there are no performance data", without_documents("performance")),
    Case("G6", "SIGN-1", "the owner recorded both", recorded_by_owner("verification", "validation")),
    Case("G6", "SIGN-2", "the owner recorded the validation", recorded_by_owner("validation", of_class="IIa")),
    Case("G6", "VGR-72 MDR55-0 IVDR55-0", "nobody verified", without_record("verification")),
    Case("G6", "VGR-72 MDR55-0 IVDR55-0", "the validation failed", failed("validation")),
    Case("G6", "VGR-72 MDR55-0 IVDR55-0", "the validation is done after signing", lambda d: validated_later(d)),
    Case("G7", "VGR-56 MDR55-e IVDR55-f VGR-74 VGR-73", "nobody signed", lambda d: d.declarations.clear()),
    Case(
        "G7",
        "VGR-56 MDR55-e IVDR55-f VGR-74 VGR-73",
        "it was withdrawn",
        lambda d: declared_on("withdrawn_on", d.on)(d),
    ),
    Case("G7", "MDR55-e IVDR55-f VGR-74", "it is not published", declared_on("published_on", None)),
    Case("G7", "MDR55-e IVDR55-f VGR-74", "it is published tomorrow", tomorrow("published_on")),
    Case("G7", "VGR-73", "it is not in the diary", declared_on("diary_on", None)),
    Case("G7", "VGR-73", "it comes into the diary tomorrow", tomorrow("diary_on")),
    Case("G7", "VGR-57 VGR-58 VGR-59 VGR-55", "nothing is prepared", lambda d: d.readinesses.clear()),
    Case("G7", "VGR-57", "nobody manages it", without("readiness", "managing_organisation")),
    Case("G7", "VGR-57", "the managers cannot be reached", without("readiness", "managing_contact")),
    Case("G7", "VGR-58", "nobody supports the users", without("readiness", "support_contact")),
    Case("G7", "VGR-58", "training is needed and nobody knows how", without("readiness", "training_plan")),
    Case("G7", "VGR-59", "maintenance is needed and nobody knows how", lambda d: needs_maintenance(d)),
    Case("G7", "VGR-55", "the marking says nothing", without("readiness", "marking_text")),
    Case("G7", "VGR-55", "tracing is undecided", lambda d: setattr(working(d), "patient_tracing", None)),
    Case("G7", "VGR-55", "tracing has no reason", without("design", "tracing_reason")),
    Case("G7", "VGR-80", "nobody makes it", without_units("makes")),
    Case("G7", "VGR-80", "nobody uses it", without_units("uses")),
    Case("G7", "MDR55-a IVDR55-a VGR-33", "an item is at a ward that is closed", at_a_closed_ward),
    Case("G7", "MDR55-g IVDR55-h", "an item at the ward is not released", unreleased),
    Case("G7", "MDR55-g IVDR55-h", "an item at the ward is released tomorrow", released_later),
    Case("G8", "MDR55-h VGR-60 MDR55-c IVDR55-i IVDR55-d", "four years went by", years_later),
    Case("G8", "MDR55-c IVDR55-d", "there is an equivalent now", lambda d: setattr(d.search, "result", "equivalent")),
    Case("G8", "VGR-60 MDR55-h IVDR55-i", "an action is late", unfinished_action),
    Case("G8", "VGR-62", "use is paused", paused),
    Case("G8", "VGR-62 MDR55-h IVDR55-i", "the last review said stop", said_stop),
    Case("G9", "SW-12", "nobody asked about the change", lambda d: d.changes.clear()),
    Case("G9", "SW-12", "the questions have no answer", unanswered("change_triggers")),
    Case("G9", "SW-12", "nobody confirmed the readiness", lambda d: unconfirmed(d)),
    Case("G10", "VGR-62", "nobody said why", lambda d: d.withdrawals.clear()),
    Case("G10", "VGR-75", "an item has no fate", alive),
    Case("G11", "VGR-75", "an item has no fate", alive),
    Case("G11", "VGR-75", "it is a day too early", a_day_too_early),
    Case("G11", "RET-03", "no decision is recorded", lambda d: d.disposals.clear()),
    Case("G11", "RET-03", "no second person has confirmed it", lambda d: unconfirmed_disposal(d)),
]


def unanswered_requirement(d: Dossier) -> None:
    d.conformities.remove(d.conformities_of(working(d))[0])


def conformity(d: Dossier, **fields: Any) -> None:
    """The last answer to Annex I, with these facts instead."""
    for name, value in fields.items():
        setattr(d.conformities_of(working(d))[-1], name, value)


def unconfirmed_disposal(d: Dossier) -> None:
    d.disposals[0].confirmed_at = d.disposals[0].confirmed_by = None


def carried_over(d: Dossier) -> None:
    d.documents_of(working(d))[0].confirmed_on = None


def validated_later(d: Dossier) -> None:
    d.records_of(working(d), "validation")[-1].done_on = d.on + timedelta(days=1)


def needs_maintenance(d: Dossier) -> None:
    d.readiness(working(d)).maintenance_needed = True  # type: ignore[union-attr]


def unconfirmed(d: Dossier) -> None:
    d.readiness(working(d)).confirmed_on = None  # type: ignore[union-attr]


EACH = [
    pytest.param(name, gate, case.taken, id=f"{gate} {name}: {case.when}")
    for case in CASES
    for gate in case.gates.split()
    for name in case.ids.split()
]


def test_a_gate_asks_nothing_of_the_database(
    whole: Callable[[str], Dossier], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    d = whole("G1")
    with django_assert_num_queries(0):
        gates.standing(d, *law.gates())


def test_there_is_a_case_for_every_requirement_at_every_gate() -> None:
    assert {param.values[:2] for param in EACH} == set(AT_GATES)


@pytest.mark.parametrize(("name", "gate"), AT_GATES)
def test_a_product_that_has_everything_meets(whole: Callable[..., Dossier], name: str, gate: str) -> None:
    assert list(checks.REGISTRY[name, gate](whole(gate, name))) == []


@pytest.mark.parametrize(("name", "gate", "taken"), EACH)
def test_a_requirement_is_not_met_when(
    whole: Callable[..., Dossier], name: str, gate: str, taken: Callable[[Dossier], None]
) -> None:
    d = whole(gate, name)
    taken(d)
    refused = [o for o in gates.standing(d, gate) if name in [row.id for row in o.requirements]]
    assert refused
    for obstacle in refused:
        assert obstacle.stops
        assert obstacle.text
        assert obstacle.text.endswith(".")
        assert obstacle.source
        assert obstacle.why
        assert obstacle.mend in PAGES
        assert str(obstacle) == f"{obstacle.text} ({obstacle.source})"


def test_every_page_where_something_is_mended_exists_and_no_other_is_named() -> None:
    for page in PAGES:
        assert reverse(f"inhouse:{page}", args=[1])
    named = {
        argument.value
        for path in (settings.ROOT / "inhouse").rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in ("Missing", "Obstacle")
        for argument in (*call.args[1:], *(keyword.value for keyword in call.keywords if keyword.arg == "mend"))
        if isinstance(argument, ast.Constant)
    }
    assert named == PAGES


def test_custom_made_needs_both_answers(whole: Callable[[str], Dossier]) -> None:
    d = whole("G1")
    first = d.answered("custom_made")["c1"]
    first.value = "yes"
    assert [m.text for m in checks.REGISTRY["CMD-01", "G1"](d)] == [
        "Say whether it is custom-made for one named patient."
    ]
    for question in ("c2", "c3"):
        following = copy.copy(first)
        following.question = question
        d.answers.append(following)
    assert [m.text for m in checks.REGISTRY["CMD-01", "G1"](d)] == [
        "By the answers this is a custom-made device: Annex XIII applies instead of Article 5(5)."
    ]


def test_a_lower_owner_with_a_reason_is_accepted(whole: Callable[[str], Dossier]) -> None:
    d = whole("G3")
    d.appointments[-1].person.level = "staff"
    d.appointments[-1].level_reason = "Knows it best"
    assert gates.standing(d, "G3") == []


def test_a_device_that_is_none_needs_words_of_its_own_for_its_use(whole: Callable[[str], Dossier]) -> None:
    d = whole("G1")
    not_medical(d)
    assessment(d).non_medical_statement = "Holds a door open"
    assert list(checks.REGISTRY["VGR-11", "G1"](d)) == []
    assert [o.text for o in gates.standing(d, "G1")] == [
        "By the answers this is not a medical device: it is not made under Article 5(5)."
    ]


def test_a_later_failure_outweighs_an_earlier_pass_and_a_later_pass_the_failure(
    whole: Callable[[str], Dossier],
) -> None:
    d = whole("G4")
    again = copy.copy(d.records_of(working(d), "verification")[-1])
    again.outcome = "not_approved"
    d.records.append(again)
    assert [o.text for o in gates.standing(d, "G4")] == ["The latest verification was not approved."]
    passed = copy.copy(again)
    passed.outcome = "approved"
    d.records.append(passed)
    assert gates.standing(d, "G4") == []


# --- whose rules


def test_the_same_thing_demanded_twice_is_said_once_with_both_sources(whole: Callable[[str], Dossier]) -> None:
    d = whole("G2")
    answered("prohibitions", "industrial_scale", value="yes")(d)
    [obstacle] = gates.standing(d, "G2")
    assert [row.id for row in obstacle.requirements] == ["MDR55-j", "VGR-31"]
    assert obstacle.source == "MDR 5(5), last paragraph · VGR guideline, scope"


@pytest.mark.parametrize("regulation", ["MDR", "IVDR"])
def test_the_law_alone_asks_for_the_prohibitions_before_the_declaration(
    whole: Callable[..., Dossier], regulation: str
) -> None:
    d = whole("G6", regulation)
    d.institution.house_rules = []
    assert gates.standing(d, "G6") == []
    for question in ("industrial_scale", "outside_organisation"):
        answered("prohibitions", question, value="yes")(d)
    found = {row.id for o in gates.standing(d, "G6") for row in o.requirements}
    assert found == {f"{regulation}55-a", f"{regulation}55-j"}


def test_without_the_house_rule_only_the_law_stands(whole: Callable[[str], Dossier]) -> None:
    d = whole("G4")
    d.records.clear()
    d.documents.clear()
    assert {row.pack for o in gates.standing(d, "G4") for row in o.requirements} == {"mdr55", "vgr"}
    d.institution.house_rules = []
    assert {row.pack for o in gates.standing(d, "G4") for row in o.requirements} == {"mdr55"}
    assert [o.text for o in gates.standing(d, "G4")] == [
        "Add the risk management file.",
        "Add the information to users.",
        "Record an approved verification.",
        "Add documents for: manufacturing facility, manufacturing process, design, performance data, intended purpose.",
    ]


LAW_ALONE: list[tuple[str, str, Break]] = [
    ("G1", "Say whether it is a medical device.", unanswered("general_definition")),
    ("G1", "Say whether it is an in vitro diagnostic medical device.", unanswered("md_or_ivd")),
    ("G2", "Describe the patient group, its special need", without("assessment", "special_need")),
    ("G2", "Search the market for an equivalent", lambda d: d.searches.clear()),
    ("G3", "Name the quality management system", lambda d: setattr(d.product, "quality_system_id", None)),
    ("G4", "Record an approved verification.", without_record("verification")),
    ("G4", "Add the information to users.", without_documents("user_information")),
    ("G4", "Describe the device", without("design", "description")),
    ("G5", "Record an approved validation", without_record("validation")),
    ("G5", "The latest validation was not approved.", failed("validation")),
    ("G5", "Add the clinical evaluation.", without_documents("clinical")),
    ("G6", "only when verification and validation are both approved", without_record("validation")),
    ("G6", "no later than the day of signing", lambda d: validated_later(d)),
    ("G7", "The product owner signs the declaration.", lambda d: d.declarations.clear()),
    ("G8", "The clinical follow-up was due", years_later),
    ("G8", "Actions from the follow-up are overdue", unfinished_action),
    ("G8", "The last follow-up says that use must stop.", said_stop),
    ("G9", "Answer the questions on the change", lambda d: d.changes.clear()),
]


@pytest.mark.parametrize(
    ("gate", "text", "taken"), LAW_ALONE, ids=lambda value: value if isinstance(value, str) else ""
)
def test_where_no_house_rule_is_chosen_the_law_still_stops(
    whole: Callable[[str], Dossier], gate: str, text: str, taken: Break
) -> None:
    d = whole(gate)
    d.institution.house_rules = []
    assert gates.standing(d, gate) == []
    taken(d)
    [obstacle] = [o for o in gates.standing(d, gate) if text in o.text]
    assert obstacle.stops


def test_the_law_stands_at_every_gate_but_those_of_the_end_where_the_register_has_conditions_of_its_own() -> None:
    shared = law.packs()["article55"].requirements
    for pack in ("mdr55", "ivdr55"):
        rows = (*law.packs()[pack].requirements, *shared)
        assert {gate for row in rows for gate in row.gates} == law.gates().keys() - {"G10", "G11"}
    assert {gate for gate, _text, _taken in LAW_ALONE} == law.gates().keys() - {"G10", "G11"}


def test_what_law_and_house_rule_both_demand_before_signing_is_said_once(whole: Callable[[str], Dossier]) -> None:
    d = whole("G4")
    d.records.clear()
    found = gates.standing(d, "G4", "G5", "G6")
    assert [(o.text, [row.id for row in o.requirements]) for o in found] == [
        ("Record an approved verification.", ["MDR55-0", "VGR-70"]),
        ("Record an approved validation against the need.", ["MDR55-0", "VGR-71"]),
        ("The declaration is signed only when verification and validation are both approved.", ["MDR55-0", "VGR-72"]),
    ]


def test_a_norwegian_trust_meets_the_same_law(whole: Callable[[str], Dossier]) -> None:
    d = whole("G4")
    d.institution.country = "NO"
    assert gates.standing(d, *law.gates().keys() - {"G10", "G11"}) == []
    d.documents.clear()
    assert [row.id for row in gates.standing(d, "G4")[0].requirements] == ["MDR55-0"]


def test_where_no_pack_holds_nothing_is_demanded(whole: Callable[[str], Dossier]) -> None:
    d = whole("G4")
    d.documents.clear()
    d.on = date(2021, 5, 25)
    assert gates.standing(d, "G4") == []


def test_diary_and_publication_stop_or_only_warn_as_the_institution_chose(whole: Callable[[str], Dossier]) -> None:
    d = whole("G7")
    declaration(d).published_on = declaration(d).diary_on = None
    assert [(o.text, o.stops) for o in gates.standing(d, "G7")] == [
        ("Publish the declaration.", True),
        ("Register the declaration in the diary.", True),
    ]
    d.institution.diary_gate = "warn"
    assert [o.stops for o in gates.standing(d, "G7")] == [False, False]


def test_a_declaration_that_nobody_signed_stops_also_where_the_diary_only_warns(
    whole: Callable[[str], Dossier],
) -> None:
    d = whole("G7")
    d.declarations.clear()
    d.institution.diary_gate = "warn"
    assert [(o.text, o.stops) for o in gates.standing(d, "G7")] == [
        ("The product owner signs the declaration.", True),
        ("Register the declaration in the diary.", False),
    ]


# --- software


def test_what_is_no_software_is_asked_nothing_about_it(whole: Callable[[str], Dossier]) -> None:
    d = whole("G3")
    for revision in d.revisions:
        revision.is_software = False
    for rows in (d.software_plans, d.software_modules, d.software_tests):
        rows.clear()
    working(d).class_reason = ""
    for name, gate in (("SW-13", "G2"), ("SW-04", "G3"), ("SW-14", "G3"), ("SW-10", "G4")):
        assert list(checks.REGISTRY[name, gate](d)) == []


def test_software_that_was_decided_on_the_short_form_is_not_asked_why_it_is_a_device(
    whole: Callable[[str], Dossier],
) -> None:
    d = whole("G4")
    unanswered("software_is_device")(d)
    assert gates.standing(d, "G4") == []
    software_without_a_reason(d)
    assert [o.text for o in gates.standing(d, "G4")] == ["Give the reason why the software is a device."]


def test_software_from_before_the_modules_were_asked_for_goes_on_to_every_later_gate(
    whole: Callable[[str], Dossier],
) -> None:
    d = whole("G4")
    for rows in (d.software_plans, d.software_modules, d.software_tests):
        rows.clear()
    assert gates.standing(d, *law.gates().keys() - {"G2", "G3", "G10", "G11"}) == []


def test_nothing_about_ai_stops_a_step(whole: Callable[[str], Dossier]) -> None:
    d = whole("G2")
    working(d).is_ai = True
    assert gates.standing(d, *law.gates().keys() - {"G10", "G11"}) == []
