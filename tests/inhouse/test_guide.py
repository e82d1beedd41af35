"""The way through an assessment: every path of every tree, what an answer removes, submitting and taking back."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pypdf
import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from inhouse import assessment, classification, design, guide, law
from inhouse.dossier import current
from inhouse.law import questions
from inhouse.law.questions import Tree
from inhouse.models import Answer, Candidate, CategoryFacts, Classification, MarketDevice, OtherRoute
from inhouse.views import record
from organisation.models import User
from products.models import Product, Revision
from tests import stations
from tests.refusals import refused

pytestmark = pytest.mark.django_db
TREES = [tree for found in law.versions().values() for tree in found if tree.start]


def paths(
    tree: Tree, question: str = "", so_far: tuple[tuple[str, str], ...] = ()
) -> Iterator[tuple[dict[str, str], str]]:
    """Every way through a tree: the answers given and the outcome."""
    question = question or tree.start
    for choice in tree[question].choices:
        given = (*so_far, (question, choice.id))
        if "outcome" in choice.leads:
            yield dict(given), choice.leads["outcome"]
        else:
            yield from paths(tree, choice.leads["next"], given)


EVERY_PATH = [(tree, given, outcome) for tree in TREES for given, outcome in paths(tree)]


@pytest.mark.parametrize(
    ("tree", "given", "outcome"),
    EVERY_PATH,
    ids=[f"{t.id}@{t.version}:{'-'.join(g.values())}" for t, g, _o in EVERY_PATH],
)
def test_every_path_of_every_tree_asks_just_its_questions_and_ends_where_it_says(
    tree: Tree, given: dict[str, str], outcome: str
) -> None:
    assert tree.walk(given) == (list(given), outcome)
    assert outcome in law.outcomes()
    for number, question in enumerate(given):
        short = dict(list(given.items())[:number])
        assert tree.walk(short) == ([*short, question], "")


TODAY = [(tree, given, outcome) for tree, given, outcome in EVERY_PATH if tree is law.trees()[tree.id]]
BEFORE: dict[str, list[tuple[str, str]]] = {
    "general_definition": [("software_is_device.sw1", "no")],
    "md_or_ivd": [("software_is_device.sw1", "no"), ("general_definition.g1", "yes"), ("general_definition.g2", "yes")],
    "software_md_or_ivd": [(f"software_is_device.sw{n}", "no" if n == 2 else "yes") for n in range(1, 6)],
    "custom_made": [("ways_of_use.way", "in_house")],
    "outside_use": [("ways_of_use.way", "in_house"), ("custom_made.c1", "no")],
    "clinical_investigation": [("ways_of_use.way", "clinical_investigation")],
}
"""What is answered before a tree is asked."""


@pytest.mark.parametrize(
    ("tree", "given", "outcome"), TODAY, ids=[f"{t.id}:{'-'.join(g.values())}" for t, g, _o in TODAY]
)
def test_every_path_can_be_answered_one_question_after_the_other(
    engineer: User, tree: Tree, given: dict[str, str], outcome: str
) -> None:
    product = stations.proposed()
    for key, value in BEFORE.get(tree.id, []):
        asked, _dot, question = key.partition(".")
        assessment.reply(product, asked, question, value, reason="As we see it", by=engineer)
    if tree.id == "clinical_investigation":  # only of a device that is CE-marked may the third question be denied
        assessment.choose_categories(product, ["research"], by=engineer)
        assessment.note_facts(product, "research", {"study": "A study", "is_ce_marked": True}, by=engineer)
    for question, value in given.items():
        stops = guide.way(guide.read(product), past_end=True)
        here = guide.position(stops, "assessment-question", f"{tree.id}.{question}")
        assert here is not None
        assert not stops[here].done
        assessment.reply(product, tree.id, question, value, reason="As we see it", by=engineer)
    course = guide.read(product)
    reached = course.qualification.outcomes.get(tree.id) or course.outcome(tree.id)
    assert reached == outcome
    kept = Answer.objects.filter(assessment__product=product, tree=tree.id)
    assert dict(kept.values_list("question", "value")) == given


def test_a_question_that_the_answers_do_not_lead_to_is_refused(engineer: User) -> None:
    product = stations.proposed()
    with refused("do not lead to this question"):
        assessment.reply(product, "software_is_device", "sw4", "yes", by=engineer)


def test_a_reason_is_asked_where_the_tree_asks_it(engineer: User) -> None:
    product = stations.proposed()
    with refused("Give the reason"):
        assessment.reply(product, "prohibitions", "industrial_scale", "no", by=engineer)
    assessment.reply(product, "prohibitions", "industrial_scale", "no", reason="Ten a year", by=engineer)


def test_method_validation_is_an_answer_only_for_what_is_ce_marked(engineer: User) -> None:
    product = stations.proposed()
    assessment.choose_categories(product, ["research"], by=engineer)
    assessment.note_facts(product, "research", {"study": "A study", "is_ce_marked": False}, by=engineer)
    for question in ("ci1", "ci2"):
        assessment.reply(product, "clinical_investigation", question, "yes", by=engineer)
    with refused("only to CE-marked|open only"):
        assessment.reply(product, "clinical_investigation", "ci3", "no", reason="Method validation", by=engineer)
    assessment.reply(product, "clinical_investigation", "ci3", "yes", by=engineer)
    assert guide.read(product).end() == "ci"


def software(product: Product, by: User) -> None:
    for number in range(1, 6):
        value = "no" if number == 2 else "yes"
        assessment.reply(product, "software_is_device", f"sw{number}", value, reason="Reads images", by=by)


def test_a_changed_answer_says_what_it_removes_and_changes_nothing_until_that_is_confirmed(engineer: User) -> None:
    product = stations.proposed()
    software(product, engineer)
    with refused(None, assessment.WouldRemove) as caught:
        assessment.reply(product, "software_is_device", "sw1", "no", by=engineer)
    tree = law.trees()["software_is_device"]
    assert isinstance(caught.value, assessment.WouldRemove)
    assert caught.value.removed == [tree[f"sw{number}"].text for number in range(2, 6)]


def test_a_confirmed_change_removes_only_what_no_longer_applies(engineer: User) -> None:
    product = stations.proposed()
    software(product, engineer)
    assessment.reply(product, "prohibitions", "industrial_scale", "no", reason="Ten a year", by=engineer)
    removed = assessment.reply(product, "software_is_device", "sw1", "no", confirmed=True, by=engineer)
    assert len(removed) == 4
    left = Answer.objects.filter(assessment__product=product).values_list("tree", "question")
    assert set(left) == {("software_is_device", "sw1"), ("prohibitions", "industrial_scale")}


def test_an_outcome_that_ends_the_way_keeps_what_was_answered_after_it(engineer: User) -> None:
    product = stations.assessed(submit=False)
    assessment.reply(product, "outside_use", "o1", "yes", by=engineer)
    assert guide.read(product).end() == "outside"
    assert CategoryFacts.objects.filter(assessment__product=product).count() == 1
    assessment.reply(product, "outside_use", "o1", "no", by=engineer)
    assert guide.read(product).end() == ""
    assert guide.unfinished(guide.read(product)) == []


def test_facts_of_a_kind_of_work_that_is_no_longer_chosen_are_removed_after_asking(engineer: User) -> None:
    product = stations.proposed()
    assessment.choose_categories(product, ["consumer_product", "manufacture_modify"], by=engineer)
    assessment.note_facts(product, "consumer_product", {"device": "A tablet"}, by=engineer)
    with refused(None, assessment.WouldRemove):
        assessment.choose_categories(product, ["manufacture_modify"], by=engineer)
    assessment.choose_categories(product, ["manufacture_modify"], confirmed=True, by=engineer)
    assert CategoryFacts.objects.count() == 0


def test_what_the_answers_say_is_written_into_the_design(engineer: User) -> None:
    product = stations.proposed()
    software(product, engineer)
    for question, value in (("ivd1", "yes"), ("ivd2", "yes")):
        assessment.reply(product, "software_md_or_ivd", question, value, by=engineer)
    revision = Revision.objects.get(product=product)
    assert revision.is_software
    assert revision.is_in_vitro
    assert revision.regulation == "IVDR"


def test_an_assessment_is_submitted_only_when_nothing_on_the_way_is_left(engineer: User) -> None:
    product = stations.proposed()
    with refused("not finished"):
        assessment.submit(product, by=engineer)
    done = stations.assessed(submit=False)
    assessment.submit(done, by=engineer)
    assert done.assessments.get().submitted_by == engineer


def test_a_submitted_assessment_is_not_changed_until_it_is_taken_back(engineer: User) -> None:
    product = stations.assessed()
    with refused("take it back"):
        assessment.reply(product, "outside_use", "o1", "yes", by=engineer)
    with refused("left empty"):
        assessment.take_back(product, reason=" ", by=engineer)
    assessment.take_back(product, reason="The ward is another", by=engineer)
    assessment.reply(product, "outside_use", "o1", "yes", by=engineer)


def test_what_ends_otherwise_is_submitted_too(engineer: User) -> None:
    product = stations.proposed()
    for key, value in (("sw1", "no"),):
        assessment.reply(product, "software_is_device", key, value, by=engineer)
    for question in ("g1", "g3", "g4"):
        assessment.reply(product, "general_definition", question, "no", by=engineer)
    assert guide.unfinished(guide.read(product)) == ["assessment-device"]
    assessment.write(product, {"non_medical_statement": "Holds papers"}, by=engineer)
    assessment.submit(product, by=engineer)
    assert [stop.name for stop in guide.way(guide.read(product))][-1] == "assessment-statement"


SECOND = """
- version: 1
  source: {en: Law, sv: Lag, nb: Lov}
  start: o1
  nodes:
  - id: o1
    question: {en: "Outside?", sv: "Utanför?", nb: "Utenfor?"}
    "yes": {outcome: outside}
    "no": {outcome: inside}
- version: 2
  source: {en: New law, sv: Ny lag, nb: Ny lov}
  start: o1
  nodes:
  - id: o1
    since: SINCE
    question: {en: "Away from here?", sv: "Borta?", nb: "Borte?"}
    "yes": {next: o2}
    "no": {outcome: inside}
  - id: o2
    question: {en: "At home?", sv: "Hemma?", nb: "Hjemme?"}
    "yes": {outcome: outside}
    "no": {outcome: inside}
"""


@pytest.fixture
def new_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Loads a made-up second version of the question on use outside; `since` says from when its answers hold."""

    def load(since: int) -> None:
        path = tmp_path / "outside_use.yaml"
        path.write_text(SECOND.replace("SINCE", str(since)))
        found = {**questions.versions(), "outside_use": tuple(questions.read(path))}
        monkeypatch.setattr(questions, "versions", lambda: found)
        monkeypatch.setattr(law, "versions", lambda: found)

    return load


def test_a_decided_assessment_is_read_under_the_version_it_was_made_with(new_version: Callable[..., None]) -> None:
    product = stations.eligible()
    new_version(since=2)
    course = guide.read(product)
    assert course.asked("outside_use").version == 1
    assert course.outcome("outside_use") == "inside"
    assert course.asked("outside_use")["o1"].text == "Outside?"


def test_an_answer_whose_question_means_the_same_holds_under_the_new_version(
    new_version: Callable[..., None], engineer: User
) -> None:
    product = stations.assessed(submit=False)
    new_version(since=1)
    assert guide.read(product).outcome("outside_use") == "inside"
    assert guide.unfinished(guide.read(product)) == []


def test_a_question_that_has_changed_is_asked_anew_in_an_open_assessment(
    new_version: Callable[..., None], engineer: User
) -> None:
    product = stations.assessed(submit=False)
    new_version(since=2)
    assert guide.unfinished(guide.read(product)) == ["assessment-route"]
    assessment.reply(product, "outside_use", "o1", "no", by=engineer)
    assert Answer.objects.get(assessment__product=product, tree="outside_use").tree_version == 2


def test_the_way_is_the_same_read_from_the_database_and_from_the_dossier(engineer: User) -> None:
    for product in (stations.proposed(), stations.assessed(), stations.in_use()):
        assert guide.way(guide.read(product)) == guide.way(guide.of(current(product)))


def test_nobody_answers_again_what_is_proposed_again(engineer: User) -> None:
    product = stations.rejected()
    assessment.again(product, reason="The ward asks", by=engineer)
    assert guide.unfinished(guide.read(product)) == ["market", "assessment-weighing"]


def test_a_wrong_value_is_refused(engineer: User) -> None:
    product = stations.proposed()
    with pytest.raises(ValidationError, match="Choose an answer"):
        assessment.reply(product, "software_is_device", "sw1", "maybe", by=engineer)


def test_a_study_of_a_ce_marked_device_can_be_method_validation_also_when_the_work_is_of_another_kind(
    engineer: User,
) -> None:
    product = stations.proposed()
    for tree, values in stations.ANSWERS.items():
        assessment.answer(product, tree, stations.answers(values), by=engineer)
    assessment.reply(product, "ways_of_use", "way", "clinical_investigation", confirmed=True, by=engineer)
    asked = [stop.key for stop in guide.way(guide.read(product)) if stop.name == "assessment-facts"]
    assert asked == ["manufacture_modify", "research"]
    assessment.note_facts(product, "research", {"study": "A study", "is_ce_marked": True}, by=engineer)
    for question, value in {"ci1": "yes", "ci2": "yes", "ci3": "no"}.items():
        assessment.reply(product, "clinical_investigation", question, value, reason="A method", by=engineer)
    assert guide.read(product).outcome("clinical_investigation") == "not_ci"
    assessment.choose_categories(product, ["combination"], confirmed=True, by=engineer)
    assert guide.read(product).holds("ce_marked")
    assessment.reply(product, "ways_of_use", "way", "in_house", confirmed=True, by=engineer)
    assert not guide.read(product).holds("ce_marked")


def test_a_guarded_answer_falls_with_the_fact_that_it_stands_on(engineer: User) -> None:
    product = stations.proposed()
    assessment.choose_categories(product, ["research"], by=engineer)
    facts = {"study": "A study", "is_ce_marked": True}
    assessment.note_facts(product, "research", facts, by=engineer)
    for question, value in (("ci1", "yes"), ("ci2", "yes"), ("ci3", "no")):
        assessment.reply(product, "clinical_investigation", question, value, reason="A method", by=engineer)
    assert guide.read(product).outcome("clinical_investigation") == "not_ci"
    assessment.note_facts(product, "research", facts | {"is_ce_marked": False}, by=engineer)
    assert guide.read(product).outcome("clinical_investigation") == ""
    assert "assessment-scope" in guide.unfinished(guide.read(product))


def test_the_need_comes_before_the_search_and_the_weighing_after_it(engineer: User) -> None:
    with stations.on_day("2026-03-01"):
        product = stations.assessed(submit=False)
    with stations.on_day("2026-03-05"):
        with refused("already searched before that day"):
            assessment.write(product, {"need_on": date(2026, 3, 4)}, by=engineer)
        stations.searched(product)
        assert guide.unfinished(guide.read(product)) == ["assessment-weighing"]
        with refused("Benefit, risk and cost"):
            assessment.submit(product, by=engineer)
        assessment.write(product, stations.WEIGHING, by=engineer)
        assessment.submit(product, by=engineer)


def test_what_a_submitted_assessment_rests_on_is_kept(engineer: User) -> None:
    product = stations.in_use()
    then = product.assessments.get()
    stations.searched(product, result="equivalent", justification="There is one now", by=stations.engineer(product))
    told = [row.text for section in record.sections(current(product)) for row in section.rows]
    assert "Devices exist, but none performs well enough for this group" in told
    assert "An equivalent device exists" not in told
    stations.changing(product)
    design.describe(stations.coming(product), {"intended_purpose": "Holds two catheters"}, by=engineer)
    told = [row.text for section in record.sections(current(product)) for row in section.rows]
    assert stations.PURPOSE in told
    assert "Holds two catheters" not in told
    assert then.search_id != current(product).search.pk  # type: ignore[union-attr]


def test_software_that_no_longer_drives_a_device_loses_its_class(engineer: User) -> None:
    product = stations.proposed()
    for question in ("sw1", "sw2"):
        assessment.reply(product, "software_is_device", question, "yes", by=engineer)
    assessment.reply(product, "md_or_ivd", "iv1", "no", by=engineer)
    assessment.write(product, stations.NEED, design={"intended_purpose": stations.PURPOSE}, by=engineer)
    revision = Revision.objects.get(product=product)
    classification.drive(revision, True, device="Pump", risk_class="III", by=engineer)
    stations.walked(revision, {"11": ("11a",)})
    classification.finish(revision, reason="It drives the pump", by=engineer)
    assert Revision.objects.get(product=product).risk_class == "III"
    assessment.reply(product, "software_is_device", "sw2", "no", confirmed=True, by=engineer)
    assert Revision.objects.get(product=product).risk_class == ""
    classification.finish(revision, reason="On its own", by=engineer)
    assert Revision.objects.get(product=product).risk_class == "IIa"


def test_the_facts_of_another_way_go_with_the_answer_that_led_there(engineer: User) -> None:
    product = stations.proposed()
    assessment.reply(product, "ways_of_use", "way", "custom_made", by=engineer)
    for question in ("c1", "c2", "c3"):
        assessment.reply(product, "custom_made", question, "yes", by=engineer)
    assessment.note_route(product, {"prescriber": "Dr Berg", "special_features": "Wider"}, by=engineer)
    with refused(None, assessment.WouldRemove) as caught:
        assessment.reply(product, "custom_made", "c3", "no", by=engineer)
    assert caught.value.removed == ["facts of another route"]  # type: ignore[attr-defined]
    assessment.reply(product, "custom_made", "c3", "no", confirmed=True, by=engineer)
    assert not OtherRoute.objects.exists()


def test_what_another_way_demands_is_brought_along_when_it_is_proposed_again(engineer: User) -> None:
    product = stations.rejected()
    OtherRoute.objects.create(assessment=product.assessments.get(), prescriber="Dr Berg")
    assessment.again(product, reason="The maker stopped", by=engineer)
    assert product.assessments.latest("number").other_route.prescriber == "Dr Berg"


def test_an_old_answer_is_read_under_its_version_on_the_page_and_on_paper(
    new_version: Callable[..., None], client: Client
) -> None:
    product = stations.eligible()
    new_version(since=2)
    client.force_login(product.proposed_by)
    page = client.get(reverse("inhouse:assessment", args=[product.pk])).content.decode()
    paper = b"".join(client.get(reverse("inhouse:assessment-paper", args=[product.pk])))
    printed = " ".join(" ".join(each.extract_text() for each in pypdf.PdfReader(io.BytesIO(paper)).pages).split())
    for told in (page, printed):
        assert "Outside?" in told
        assert "Away from here?" not in told


def test_a_class_that_was_written_by_hand_is_not_asked_again(engineer: User) -> None:
    product = stations.assessed(classify=False)
    revision = Revision.objects.get(product=product)
    Classification.objects.create(
        revision=revision, regulation="MDR", edition=0, started_on=revision.opened_on, rules_class="I",
        deciding_rule="1", reason="Not invasive", finished_on=revision.opened_on,
    )  # fmt: skip
    assert guide.unfinished(guide.read(product)) == []


def test_a_judged_device_keeps_its_facts_when_the_known_device_changes(engineer: User) -> None:
    product = stations.assessed()
    [candidate] = Candidate.objects.filter(search__product=product)
    assert candidate.market_device
    MarketDevice.objects.filter(pk=candidate.market_device.pk).update(risk_class="III", stated_purpose="Something else")
    assert candidate.facts_kept
    assert candidate.about.stated_purpose != "Something else"
