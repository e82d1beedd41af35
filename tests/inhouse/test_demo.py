"""The demo: a region with years of history, lived through the rules. Told twice on an empty register, then looked at."""

from __future__ import annotations

import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import override_settings
from django.utils import timezone, translation
from pytest_django import DjangoDbBlocker

from documents import storing
from documents.models import HistoryCheck, HistorySeal, StoredFile
from inhouse import assessment, classification, guide, law, lifecycle
from inhouse.deadlines import following
from inhouse.demo import proof, region, stories, telling
from inhouse.dossier import Dossier, gather
from inhouse.law.rules import edition
from inhouse.models import (
    AiStep,
    Answer,
    Appointment,
    Assessment,
    CalendarAddress,
    CategoryFacts,
    Change,
    Classification,
    Deadline,
    Declaration,
    EvidenceDocument,
    ExitCopy,
    FollowUp,
    FollowUpAction,
    Ground,
    HandOut,
    MarketDevice,
    MarketSearch,
    OtherRoute,
    Reminder,
    SoftwareModule,
    SoftwarePlan,
    Step,
)
from organisation import clock
from organisation.models import Administration, Institution, Role, Unit, User
from products.models import Item, PatientIdentity, PatientLookUp, PatientUse, Placement, Product, Revision

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
Stage = Product.Stage


@dataclass
class Told:
    """What the command said, the digest of what it made, and where its files are."""

    said: str
    digest: str
    storages: dict[str, Any]


def digest() -> str:
    """The key facts, without keys, label codes and salts, which chance makes anew each time."""
    asked: list[Iterable[Any]] = [
        Product.objects.order_by("number").values_list("number", "name", "stage", "outcome", "owner__email"),
        Step.objects.order_by("pk").values_list("product__number", "revision__number", "to_stage", "on", "by__email"),
        Answer.objects.order_by("pk").values_list("tree", "question", "value", "answered_on", "answered_by__email"),
        Assessment.objects.order_by("pk").values_list(
            "need_on", "weighed_on", "submitted_on", "decided_on", "decision"
        ),
        Classification.objects.order_by("pk").values_list(
            "rules_class", "override_class", "finished_on", "reopened_on"
        ),
        SoftwareModule.objects.order_by("pk").values_list("revision__product__number", "name", "risk_class"),
        EvidenceDocument.objects.order_by("pk").values_list("group", "added_on", "document__file__sha256"),
        Declaration.objects.order_by("pk").values_list("number", "diary_number", "signed_at", "snapshot"),
        Item.objects.order_by("pk").values_list("identifier", "quantity", "made_on", "fate"),
        Placement.objects.order_by("pk").values_list("item__identifier", "unit__name", "since", "until"),
        PatientUse.objects.order_by("pk").values_list("item__identifier", "used_on", "patient__identity__index"),
        FollowUp.objects.order_by("pk").values_list("product__number", "done_on", "findings", "next_due_on"),
        MarketSearch.objects.order_by("pk").values_list("product__number", "searched_on", "result"),
        Product.history.order_by("history_id").values_list("number", "history_date", "history_change_reason"),  # type: ignore[attr-defined]
    ]
    facts = json.dumps([list(rows) for rows in asked], default=str)
    return hashlib.sha256(facts.encode()).hexdigest()


QUICK = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="module")
def told(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Told]:
    """The whole demo, once for this module."""
    files = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    storages = settings.STORAGES | {"default": files | {"OPTIONS": {"location": str(tmp_path_factory.mktemp("demo"))}}}
    said, log = io.StringIO(), tmp_path_factory.mktemp("seals") / "seals.log"
    around = transaction.atomic()
    around._from_testcase = True  # type: ignore[attr-defined]  # as in Django's own test case: nothing inside lasts
    with django_db_blocker.unblock(), around:
        with override_settings(STORAGES=storages, PASSWORD_HASHERS=QUICK, SEALS_LOG=log), clock.at(NOW):
            call_command("demo", stdout=said)
        yield Told(said.getvalue(), digest(), storages)
        transaction.set_rollback(True)


def dossiers(**which: Any) -> list[Dossier]:
    return gather(list(Product.objects.filter(**which)), on=timezone.localdate(NOW))


def named(name: str) -> Dossier:
    [found] = dossiers(name=name)
    return found


# --- when it is refused


def test_a_register_that_someone_began_to_set_up_is_left_alone(institution: Institution) -> None:
    with pytest.raises(CommandError, match="needs an empty one"):
        call_command("demo", stdout=io.StringIO())
    assert list(Institution.objects.values_list("name", flat=True)) == [institution.name]


@override_settings(CLOCK_MAY_BE_SET=False)
@pytest.mark.parametrize("words", [[], ["--accounts"]])
def test_production_refuses_the_demo(words: list[str]) -> None:
    with pytest.raises(CommandError, match="production refuses"):
        call_command("demo", *words)


@pytest.mark.django_db
def test_the_same_day_tells_the_same_stories() -> None:
    """A few of them, with items, patients, a change and a second proposal; told, taken back and told again."""
    few = [d for d in stories.devices() if d.key in ("dosplanering", "bolus", "kapnoadapter", "mikrospruta")]
    digests = []
    for _time in range(2):
        with override_settings(PASSWORD_HASHERS=QUICK), clock.at(NOW), transaction.atomic():
            telling.tell(few, say=lambda text: None)
            digests.append((digest(), Product.objects.count(), PatientUse.objects.count()))
            transaction.set_rollback(True)
    assert digests[0] == digests[1]
    assert digests[0][1:] == (4, 15)


# --- what it makes


def test_nothing_is_loaded_twice(told: Told) -> None:
    said = io.StringIO()
    with clock.at(NOW):
        call_command("demo", stdout=said)
    assert said.getvalue().startswith("There are products already: nothing was loaded.")
    assert region.PASSWORD in said.getvalue()
    assert digest() == told.digest


def test_its_history_is_sealed_and_checked(told: Told) -> None:
    check = HistoryCheck.objects.get()
    assert HistorySeal.objects.count() == 1
    assert (check.found, check.rows, check.outside) == (0, check.total, {})
    assert check.rows > 5000


def test_the_region_has_its_places_and_people(told: Told) -> None:
    counted = [model._default_manager.count() for model in (Administration, Unit, User, Product)]
    assert counted == [4, 20, 14, len(stories.devices())]
    assert 38 <= Product.objects.count() <= 46
    institution = Institution.objects.get()
    assert (institution.country, institution.language, institution.house_rules) == ("SE", "sv", ["vgr"])
    for administration in Administration.objects.all():
        assert administration.quality_systems.count() == 1
        assert Product.objects.filter(unit__administration=administration).exists()


def test_it_shows_every_stage_outcome_and_category(told: Told) -> None:
    assert list(proof.faults(now=NOW)) == []
    stages = Counter(Product.objects.values_list("stage", flat=True))
    assert set(stages) == set(Stage) - {Stage.DISPOSED}
    assert stages[Stage.IN_USE] >= 10


def test_the_proof_notices_what_is_missing(told: Told) -> None:
    with transaction.atomic():
        Product.objects.filter(stage=Stage.SUSPENDED).update(stage=Stage.IN_USE)
        Revision.objects.filter(stage=Revision.Stage.IN_FORCE).update(stage=Revision.Stage.PHASING_OUT)
        found = "\n".join(proof.faults(now=NOW - timedelta(days=3000)))
        transaction.set_rollback(True)
    for words in ("Products in the stage do not occur: suspended", "without a revision in force", "of days to come"):
        assert words in found


def test_the_proof_notices_what_the_assessments_lack(told: Told) -> None:
    with transaction.atomic():
        CategoryFacts.objects.filter(category="research").delete()
        Ground.objects.filter(kind=Ground.Kind.COST).delete()
        Classification.objects.filter(reopened_on=None).exclude(override_class="").update(override_class="")
        Assessment.objects.filter(product__name="EEG-mössa för nyfödda").update(need_on=date(2023, 1, 2))
        found = list(proof.faults(now=NOW))
        transaction.set_rollback(True)
    for words in (
        "category do not occur: research",
        "Grounds do not occur: cost",
        "classified by an expert",
        "EEG-mössa",
    ):
        assert [fault for fault in found if words in fault], words


def test_every_role_has_an_account_that_opens(told: Told) -> None:
    rows = region.accounts()
    people = {person.email: person for person in User.objects.all()}
    for email, name, _what, _where in rows:
        person = people[email]
        assert (person.name, person.is_active) == (name, True)
        with override_settings(PASSWORD_HASHERS=QUICK):
            assert person.check_password(region.PASSWORD)
        validate_password(region.PASSWORD, user=person)
    for role in Role:
        [email] = [email for email, _name, what, _where in rows if what == str(role.label)]
        assert people[email].assignments.filter(role=role).exists()
    plain = people[rows[-1][0]]
    assert not plain.assignments.exists()
    assert not plain.owned_products.exists()
    for cell in (cell for row in rows for cell in row):
        assert cell in told.said


def test_the_accounts_can_be_asked_for_alone() -> None:
    said = io.StringIO()
    call_command("demo", "--accounts", stdout=said)
    assert said.getvalue().split("\n\n")[0].count("@vastmarken.example") == len(region.accounts())


# --- what is true of it


def test_no_product_in_use_lacks_a_declaration_that_stands_and_is_public(told: Told) -> None:
    for d in dossiers(stage__in=(Stage.IN_USE, Stage.SUSPENDED)):
        for revision in d.revisions:
            if revision.stage in Revision.Stage.covering:
                declaration = d.declaration(revision)
                assert declaration
                assert declaration.published_on


def test_what_is_overdue_is_meant_to_be(told: Told) -> None:
    with translation.override("en"):
        late = {d.product.name: [o.mend for o in lifecycle.watch(d)] for d in dossiers(stage=Stage.IN_USE)}
    assert {name: mends for name, mends in late.items() if mends} == {
        "EEG-mössa för nyfödda": ["follow-up"],
        "Surfplatta med kommunikationsstöd": ["market"],
    }
    assert FollowUpAction.objects.filter(done_on=None, due_on__gte=NOW.date()).exists()


def test_what_falls_due_is_there_and_one_waits_and_one_was_marked(told: Told) -> None:
    with clock.at(NOW):
        assert list(following.compare()) == []
    assert {"follow_up", "market_search", "action", "retention"} <= set(
        Deadline.objects.open().values_list("kind", flat=True)
    )
    assert Deadline.objects.open().exclude(snoozed_until=None).count() == 1
    assert Deadline.objects.filter(end=Deadline.End.DONE).exclude(evidence="").count() > 10
    assert Reminder.objects.unsent().exists()
    assert CalendarAddress.objects.exists()


def test_one_revision_comes_into_force_beside_the_one_it_replaces(told: Told) -> None:
    d = named("Dosplaneringsskript för bröst")
    assert [revision.stage for revision in d.revisions] == ["phasing_out", "in_force"]
    assert len({declaration.revision_id for declaration in d.declarations}) == 2
    assert named("Bolusplattor för strålbehandling").revisions[-1].stage == "open"
    assert Change.objects.filter(is_essential=False).exists()


def test_appointments_wait_are_declined_and_hand_over(told: Told) -> None:
    waiting = Appointment.objects.filter(accepted_on=None, declined_on=None, ended_on=None)
    assert set(waiting.values_list("product__stage", flat=True)) == {Stage.ELIGIBLE, Stage.IN_USE}
    assert Appointment.objects.filter(declined_on__isnull=False).exclude(declined_reason="").exists()
    assert Appointment.objects.filter(ended_on__isnull=False, product__owner__isnull=False).exists()


def test_declarations_wait_at_each_step_to_the_public(told: Told) -> None:
    waiting = Declaration.objects.standing().filter(revision__product__stage=Stage.DEVELOPMENT)
    assert waiting.filter(diary_number="", published_on=None).exists()
    assert waiting.exclude(diary_number="").filter(published_on=None).exists()
    assert waiting.published().exists()
    assert Declaration.objects.standing().published().filter(diary_number="").exists()  # from before it was demanded
    recalled = Declaration.objects.filter(withdrawn_on__isnull=False, revision__product__stage=Stage.DEVELOPMENT)
    assert set(recalled.values_list("revision__stage", flat=True)) == {Revision.Stage.OPEN}


def test_one_in_vitro_device_is_used_in_an_accredited_laboratory_and_another_waits(told: Told) -> None:
    used = named("Egen metod för meropenem i plasma")
    assert (used.product.stage, used.revisions[-1].regulation) == (Stage.IN_USE, "IVDR")
    assert used.product.quality_system
    assert used.product.quality_system.accreditation
    assert not any("IVDR" in o.source for o in lifecycle.watch(used))
    waiting = named("Egen metod för benzodiazepiner i blod")
    assert (waiting.product.stage, waiting.revisions[-1].regulation) == (Stage.PROPOSED, "IVDR")
    assert any("IVDR" in o.source for o in lifecycle.obstacles(waiting, waiting.product, Stage.ELIGIBLE))


def test_every_way_that_ends_short_of_making_it_is_noted(told: Told) -> None:
    ended = {d.product.outcome: guide.of(d) for d in dossiers(stage=Stage.REJECTED)}
    assert {outcome: c.end() for outcome, c in ended.items()} == {
        "not_a_device": "not_covered",
        "custom_made": "custom_made",
        "investigation": "ci",
        "buy": "use_ce_marked",
        "other": "outside",
    }
    for c in ended.values():
        assert c.assessment.is_submitted
        assert guide.unfinished(c) == []
    assert ended["not_a_device"].assessment.non_medical_statement
    custom_made, investigation = (
        OtherRoute.objects.get(assessment=ended[way].assessment) for way in ("custom_made", "investigation")
    )
    assert custom_made.special_features
    assert investigation.sponsor


def test_a_search_that_finds_an_equivalent_ends_a_proposal_too(told: Told) -> None:
    first, second = Assessment.objects.filter(product__name="Hållare för mikrodosspruta").order_by("number")
    assert (first.decision, first.submitted_on, second.decision) == ("reject", None, "manufacture")
    assert list(first.market_searches.values_list("result", flat=True)) == ["equivalent"]


def test_proposals_are_left_at_different_parts_of_the_way(told: Told) -> None:
    left = {d.product.name: guide.unfinished(guide.of(d))[:1] for d in dossiers(stage=Stage.PROPOSED)}
    assert left == {
        "Smartklocka för rytmövervakning": ["assessment-device"],
        "Hållare för sugkateter": ["market"],
        "Egen metod för benzodiazepiner i blod": ["assessment-need"],
        "Triageskript för ambulansmeddelanden": ["class"],
        "Larmkoppling mellan ventilator och infusionspump": [],
        "Förval för ultraljud av nyfödda": [],
    }
    assert MarketSearch.objects.get(concluded_on=None).product.name == "Hållare för sugkateter"


def test_one_waits_for_a_decision_that_can_be_taken_and_one_was_taken_back(told: Told) -> None:
    waiting = Assessment.objects.get(decision="", submitted_on__isnull=False)
    manager = next(
        User.objects.get(email=email)
        for email, _name, what, _where in region.accounts()
        if what == str(Role.MANAGER.label)
    )
    with transaction.atomic(), clock.at(NOW):
        assessment.decide(waiting.product, make=True, reason="Behovet är belagt.", by=manager)
        transaction.set_rollback(True)
    back = Assessment.objects.get(product__name="Larmkoppling mellan ventilator och infusionspump")
    assert not back.is_submitted
    assert back.history.filter(history_change_reason__startswith="Ventilatorn får").exists()  # type: ignore[attr-defined]


def test_every_kind_of_work_says_what_it_asks_to_know(told: Told) -> None:
    for facts in CategoryFacts.objects.exclude(category="manufacture_modify"):
        wanted = {
            "extended_use": [facts.device, facts.maker, facts.stated_purpose, facts.our_purpose, facts.difference],
            "combination": [facts.difference],
            "consumer_product": [facts.device, facts.maker, facts.stated_purpose, facts.our_purpose],
            "research": [facts.study, facts.study_lead, facts.study_reference],
        }[facts.category]
        assert all(wanted), (facts.category, facts.assessment)
        parts = facts.assessment.product.revisions.get(number=1).parts.all()
        if facts.category == "combination":
            assert len(parts) >= 2
            assert all(part.statement for part in parts), facts.assessment


def test_the_class_that_the_rules_give_is_the_one_that_is_told() -> None:
    for device in stories.devices():
        if device.rules and device.risk_class:
            rules = edition("IVDR" if device.ivd else "MDR")
            cases = {case for fits in device.rules.values() for case in fits}
            assert set(device.rules) <= {rule.id for rule in rules.rules}, device.key
            assert cases <= {branch.id for rule in device.rules for branch in rules[rule].asked}, device.key
            given = classification.result(rules, device.rules, cases).risk_class
            assert (device.expert or [given])[0] == device.risk_class, device.key


def test_classes_are_set_taken_back_driven_and_overruled(told: Told) -> None:
    walks = Classification.objects.filter(revision__number=1)
    classes = walks.filter(revision__product__name="Beräkningsmodul för läkemedelsspädning till barn")
    assert list(classes.values_list("rules_class", "reopened_on")) == [
        ("IIa", classes[0].reopened_on),
        ("IIb", None),
    ]
    assert classes[0].reopened_on
    cushion = walks.get(revision__product__name="Tryckmätande sittdyna", reopened_on=None)
    assert (cushion.rules_class, cushion.override_class, cushion.revision.risk_class) == ("I", "IIa", "IIa")
    [driving] = walks.filter(drives=True)
    assert (driving.deciding_rule, driving.risk_class) == ("3.3", "IIa")
    opened = named("Bolusplattor för strålbehandling").revisions[-1]
    assert Classification.objects.get(revision=opened).finished_on is None  # carried over, and nobody confirmed it yet
    for walk in Classification.objects.filter(reopened_on=None, finished_on__isnull=False):
        asked = {rule.key for rule in edition(walk.regulation, walk.edition).rules}
        assert asked <= set(walk.answers.values_list("question", flat=True)), walk


def test_software_is_planned_before_the_decision(told: Told) -> None:
    made = Assessment.objects.filter(
        decision="manufacture", answers__tree="software_is_device", answers__question="sw5"
    )
    assert made.count() >= 6
    for one in made.select_related("product"):
        assert one.answers.get(question="sw5").reason
        plan = SoftwarePlan.objects.get(revision__product=one.product, revision__number=1)
        assert one.submitted_on
        assert plan.history.earliest().history_date.date() <= one.submitted_on  # type: ignore[attr-defined]
    assert AiStep.objects.filter(done_on__isnull=False).exists()


def test_a_device_on_the_market_is_judged_for_several_products(told: Told) -> None:
    judged = MarketDevice.objects.get(name="BlickTal Pro").candidates.values_list("search__product__name", flat=True)
    assert set(judged) == {"Surfplatta med kommunikationsstöd", "Ögonstyrning med konsumentkamera"}


def test_an_in_vitro_proposal_is_asked_under_its_own_regulation(told: Told) -> None:
    d = named("Egen metod för benzodiazepiner i blod")
    assert (d.product.stage, d.revisions[-1].regulation) == (Stage.PROPOSED, "IVDR")
    asked = {row.pack for o in lifecycle.obstacles(d, d.product, Stage.ELIGIBLE) for row in o.requirements}
    assert "ivdr55" in asked
    assert "mdr55" not in asked


def test_withdrawn_products_have_items_left_or_none(told: Told) -> None:
    left = {bool(d.living) for d in dossiers(stage=Stage.WITHDRAWN)}
    assert left == {True, False}
    assert Item.objects.filter(fate=Item.Fate.IMPLANTED).exists()


def test_patients_are_made_up_and_met_what_is_traced_to_them(told: Told) -> None:
    assert PatientUse.objects.count() >= 30
    assert PatientIdentity.objects.filter(kind="se_reserve").exists()
    assert set(PatientUse.objects.values_list("item__revision__patient_tracing", flat=True)) == {True}
    assert PatientLookUp.objects.filter(found=True).exists()


def test_lists_were_handed_out(told: Told) -> None:
    assert set(HandOut.objects.values_list("form", flat=True)) == {"xlsx", "csv"}
    assert HandOut.objects.filter(rows=0).count() == 0


def test_the_files_are_whole(told: Told) -> None:
    kinds = set()
    with override_settings(STORAGES=told.storages):
        for stored in StoredFile.objects.all():
            with storing.open_checked(stored) as opened:
                assert len(opened.read()) == stored.size
            kinds.add(stored.media_type)
    assert kinds == {"application/pdf", "application/json", "model/stl", "text/plain"}


# --- what the history knows


def histories() -> list[Any]:
    return [model for model in apps.get_models() if model.__name__.startswith("Historical")]


def test_everything_was_done_by_someone_in_the_past(told: Told) -> None:
    rows = [row for model in histories() for row in model._default_manager.all()]
    assert len(rows) > 2000
    for row in rows:
        assert datetime(2021, 5, 27, tzinfo=UTC) <= row.history_date <= NOW
        settled = row.history_change_reason == "Registret sätts upp"
        assert (
            row.history_user_id or settled or (row.instance_type in (Deadline, ExitCopy) and row.history_change_reason)
        )


def test_the_clock_only_ran_forwards(told: Told) -> None:
    for model in histories():
        moments = list(model._default_manager.order_by("history_id").values_list("history_date", flat=True))
        assert moments == sorted(moments), model
    numbers = list(Product.objects.order_by("pk").values_list("number", "proposed_on"))
    assert numbers == sorted(numbers)
    assert numbers[0][1] == date(2021, 6, 8)
    assert [day for _number, day in numbers] == sorted(day for _number, day in numbers)


def test_people_work_on_working_days(told: Told) -> None:
    days = set(Step.objects.values_list("on", flat=True)) | set(FollowUp.objects.values_list("done_on", flat=True))
    assert {day.weekday() for day in days} <= set(range(5))


def test_the_register_is_seen_as_of_a_past_day(told: Told) -> None:
    product = Product.objects.get(name="Omagnetisk transportbräda")
    stages = [
        gather([product], on=day)[0].product.stage for day in (date(2024, 4, 7), date(2024, 4, 15), date(2024, 5, 2))
    ]
    assert stages == [Stage.IN_USE, Stage.SUSPENDED, Stage.IN_USE]


# --- what the stories say


def test_every_story_uses_names_that_exist() -> None:
    content, kinds = region.told(), stories.kinds()
    units = {unit for row in content["administrations"].values() for unit in row["units"]}
    questions = {tree: {q.id for q in law.trees()[tree].questions} for tree in ("scope_categories", "prohibitions")}
    for device in stories.devices():
        assert {device.unit, *device.users} <= units, device.key
        assert {device.by, device.owner or device.by} <= set(content["people"]), device.key
        assert device.kind in kinds, device.key
        assert set(device.scope) <= questions["scope_categories"], device.key
        assert set(device.facts) <= set(device.scope), device.key
        assert set(device.prohibited) <= questions["prohibitions"], device.key
