"""The law is data: what a pack must hold so that every gate, page and language can rely on it."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from django.utils import translation

from inhouse import changes, law
from inhouse.law import Pack, Question, Requirement, Tree, checks
from organisation.models import Institution
from products.models import Product, Revision

LANGUAGES = {"en", "sv", "nb"}
PACKS = list(law.packs().values())
REQUIREMENTS = list(law.requirements().values())
TREES = [tree for found in law.versions().values() for tree in found]
AT_GATES = [(row.id, gate) for row in REQUIREMENTS for gate in row.gates]
ID = re.compile(r"(MDR55|IVDR55|VGR|CMD|SW|CI|USE|PROC|RET|GSPR|AIA|MDCG|INC|SE|NO|SIGN)-[0-9A-Za-z]+")


def ids(rows: list[Any]) -> list[str]:
    return [row.id for row in rows]


# --- packs


@pytest.mark.parametrize("pack", PACKS, ids=ids(PACKS))
def test_a_pack_is_law_or_a_house_rule_for_countries_we_know_and_its_days_are_in_order(pack: Pack) -> None:
    assert pack.kind in ("law", "house_rule")
    assert pack.regulation in (*Revision.Regulation, law.BOTH)
    assert set(pack.countries) <= set(Institution.Country.values)
    assert pack.countries
    assert pack.valid_until is None or pack.valid_from <= pack.valid_until
    assert pack.title_words.keys() == LANGUAGES


def test_an_id_is_used_once_in_all_packs() -> None:
    counted = Counter(row.id for pack in PACKS for row in pack.requirements)
    assert [name for name, times in counted.items() if times > 1] == []


def test_a_pack_says_nothing_that_is_not_read() -> None:
    for path in sorted((law.FOLDER / "packs").glob("*.yaml")):
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert data["id"] == path.stem
        assert data.keys() == {
            "id",
            "kind",
            "regulation",
            "title",
            "countries",
            "valid_from",
            "valid_until",
            "requirements",
        }
        for row in data["requirements"]:
            read = {"id", "source", "gates", "title", "point", "should", "setting", "valid_from", "valid_until"}
            assert row.keys() <= read | {"twin", "classes", "classes_added"}, row["id"]


@pytest.mark.parametrize("row", REQUIREMENTS, ids=ids(REQUIREMENTS))
def test_a_requirement_has_title_and_source_in_three_languages_and_stands_at_gates_that_exist(row: Requirement) -> None:
    assert ID.fullmatch(row.id)
    for words in (row.title_words, row.source_words):
        assert words.keys() == LANGUAGES
        assert all(text.strip() == text and text for text in words.values())
    assert set(row.gates) <= law.gates().keys()
    assert len(set(row.gates)) == len(row.gates)
    assert row.valid_until is None or row.valid_from <= row.valid_until
    assert row.setting == "" or Institution._meta.get_field(row.setting)
    assert row.classes_added == {} or row.classes
    assert set(row.classes_added) <= set(Institution.Country.values)
    assert set(row.classes_in("SE")) | set(row.classes_in("NO")) <= set(Revision.RiskClass.values)


def test_a_twin_stands_in_the_pack_of_the_other_regulation_at_the_same_gates() -> None:
    packs, rows = law.packs(), law.requirements()
    for row in REQUIREMENTS:
        if row.twin:
            assert {packs[row.pack].regulation, packs[rows[row.twin].pack].regulation} == set(Revision.Regulation)
            assert row.gates == rows[row.twin].gates
    points = {pack: [row.point for row in packs[pack].requirements if row.point] for pack in ("mdr55", "ivdr55")}
    assert points == {"mdr55": list("abcdefgh"), "ivdr55": list("abcdefghi")}
    assert [row.id for row in packs["ivdr55"].requirements if not row.twin] == ["IVDR55-c"]


def test_every_gate_has_a_name_in_three_languages_and_a_requirement() -> None:
    assert all(words.keys() == LANGUAGES for words in law.gates().values())
    assert {gate for _id, gate in AT_GATES} == law.gates().keys()


def test_every_requirement_at_a_gate_has_a_check_and_every_check_a_requirement() -> None:
    assert set(checks.REGISTRY) == set(AT_GATES)


def strings(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_every_id_that_the_code_names_is_in_a_pack() -> None:
    unknown = {
        (path.name, text)
        for app in ("inhouse", "products", "documents", "organisation")
        for path in (settings.ROOT / app).rglob("*.py")
        if "migrations" not in path.parts
        for text in strings(path)
        if ID.fullmatch(text) and text not in law.requirements()
    }
    assert unknown == set()


def test_a_requirement_speaks_the_language_of_its_reader() -> None:
    row = law.requirements()["VGR-72"]
    with translation.override("sv"):
        assert row.source == "VGR:s riktlinje, Validering"
    with translation.override("nb"):
        assert row.title == "Verifisert og validert før erklæringen signeres"
    with translation.override("en"):
        assert str(row.title) == "Verified and validated before the declaration is signed"


# --- what binds, where and when


def binding(
    country: str = "SE", chosen: tuple[str, ...] = (), day: date = date(2026, 3, 1), regulation: str = "MDR"
) -> set[str]:
    return {row.pack for row in law.in_force(country=country, chosen=chosen, day=day, regulation=regulation)}


def test_the_law_binds_in_sweden_and_in_norway_and_a_house_rule_only_where_it_was_chosen() -> None:
    assert binding() == {"mdr55", "article55", "sweden"}
    assert binding(chosen=("vgr",)) == {"mdr55", "article55", "sweden", "vgr"}
    assert binding("NO", ("vgr",)) == {"mdr55", "article55", "vgr"}
    assert binding("DK", ("vgr",)) == set()
    assert ids(law.house_rules()) == ["vgr"]


def test_nothing_binds_before_the_day_of_the_law() -> None:
    assert binding(day=date(2021, 5, 25), chosen=("vgr",)) == set()
    assert binding(day=date(2021, 5, 26), chosen=("vgr",)) == {"mdr55", "article55", "vgr"}


def test_a_pack_binds_what_is_under_its_regulation_and_a_house_rule_for_medical_devices_no_others() -> None:
    assert binding(chosen=("vgr",), regulation="IVDR") == {"ivdr55", "article55", "sweden"}
    assert binding(chosen=("vgr",), regulation="IVDR", day=date(2022, 5, 25)) == {"article55", "sweden"}


def test_a_requirement_for_some_classes_binds_no_others_and_waits_for_the_class() -> None:
    def bound(risk_class: str) -> bool:
        found = law.in_force(country="SE", chosen=(), day=date(2026, 3, 1), regulation="IVDR", risk_class=risk_class)
        return "IVDR55-g" in {row.id for row in found}

    assert [name for name in ("", "A", "B", "C", "D") if bound(name)] == ["D"]


def test_the_difference_leaves_out_what_goes_on_as_a_twin() -> None:
    rows = law.requirements()
    before = [rows[name] for name in ("MDR55-a", "MDR55-c", "MDR55-f", "SW-06")]
    after = [rows[name] for name in ("IVDR55-a", "IVDR55-c", "IVDR55-g", "SW-06")]
    begins, ceases = law.difference(before, after)
    assert (ids(begins), ids(ceases)) == (["IVDR55-c", "IVDR55-g"], ["MDR55-c", "MDR55-f"])
    assert law.difference(after, before) == (ceases, begins)
    assert law.difference(before, before) == ([], [])


def test_a_pack_binds_through_its_last_day(monkeypatch: pytest.MonkeyPatch) -> None:
    ending = {"old": pack_of(valid_from=date(2020, 1, 1), valid_until=date(2026, 3, 1))}
    monkeypatch.setattr(law, "packs", lambda: ending)
    assert binding(day=date(2026, 3, 1)) == {"old"}
    assert binding(day=date(2026, 3, 2)) == set()


def test_a_requirement_can_come_later_and_end_sooner_than_its_pack(monkeypatch: pytest.MonkeyPatch) -> None:
    one = pack_of(valid_from=date(2020, 1, 1), row={"valid_from": date(2026, 3, 1), "valid_until": date(2026, 4, 1)})
    monkeypatch.setattr(law, "packs", lambda: {"old": one})
    assert [bool(binding(day=date(2026, *day))) for day in ((2, 28), (3, 1), (4, 1), (4, 2))] == [
        False,
        True,
        True,
        False,
    ]


def pack_of(*, valid_from: date, valid_until: date | None = None, row: dict[str, Any] | None = None) -> Pack:
    words = dict.fromkeys(LANGUAGES, "x")
    return law._pack(
        {
            "id": "old", "kind": "law", "regulation": "MDR", "title": words, "countries": ["SE"],
            "valid_from": valid_from, "valid_until": valid_until,
            "requirements": [{"id": "MDR55-0", "title": words, "source": words, "gates": [], **(row or {})}],
        }
    )  # fmt: skip


# --- trees


@pytest.mark.parametrize("tree", TREES, ids=ids(TREES))
def test_a_tree_has_a_version_and_speaks_three_languages(tree: Tree) -> None:
    assert tree.version >= 1
    assert tree.source_words.keys() == LANGUAGES
    assert len({q.id for q in tree.questions}) == len(tree.questions)
    for question in tree.questions:
        assert question.words.keys() == LANGUAGES
        assert not question.help_words or question.help_words.keys() == LANGUAGES
        assert question.text
        assert len(question.id) <= 40  # the width of its column


@pytest.mark.parametrize("tree", TREES, ids=lambda tree: f"{tree.id}@{tree.version}")
def test_every_choice_speaks_three_languages_and_every_question_is_reached(tree: Tree) -> None:
    known, reached = {q.id for q in tree.questions}, {tree.start}
    for question in tree.questions:
        assert question.reason <= {choice.id for choice in question.choices}
        assert question.since <= tree.version
        assert question.guard is None or question.guard.words.keys() == LANGUAGES
        for choice in question.choices:
            assert choice.words.keys() == LANGUAGES
            assert not choice.help_words or choice.help_words.keys() == LANGUAGES
            assert choice.leads.keys() in ([{"next"}, {"outcome"}] if tree.start else [set()]), question.id
            reached |= {choice.leads["next"]} if "next" in choice.leads else set()
    assert not tree.start or reached == known


def test_the_versions_of_a_tree_are_numbered_from_one() -> None:
    for found in law.versions().values():
        assert [tree.version for tree in found] == list(range(1, len(found) + 1))


def test_every_outcome_is_known_and_leads_to_a_tree_that_exists() -> None:
    used = {c.leads["outcome"] for t in TREES for q in t.questions for c in q.choices if "outcome" in c.leads}
    assert used == set(law.outcomes())
    for outcome in law.outcomes().values():
        assert outcome.words.keys() == LANGUAGES
        assert not outcome.next_tree or outcome.next_tree in law.trees()
        assert not outcome.ends or outcome.ends in Product.Outcome.values
        assert bool(outcome.ends) == (outcome.follows_words.keys() == LANGUAGES)


def test_what_other_ways_demand_is_told_in_three_languages_with_its_source() -> None:
    for outcome, demands in law.routes().items():
        assert law.outcomes()[outcome].ends
        assert all(demand.words.keys() == LANGUAGES == demand.source_words.keys() for demand in demands)


def test_a_tree_waits_at_the_first_question_without_an_answer() -> None:
    tree = law.trees()["general_definition"]
    assert tree.walk({}) == (["g1"], "")
    assert tree.walk({"g1": "yes"}) == (["g1", "g2"], "")
    assert tree.walk({"g1": "yes", "g2": "yes"}) == (["g1", "g2"], "general_device")
    assert tree.walk({"g1": "no", "g3": "no", "g4": "no"})[1] == "not_covered"


def test_a_set_of_questions_leads_nowhere() -> None:
    for tree in TREES:
        if not tree.start:
            assert all(question.yes == {} == question.no for question in tree.questions)
            assert tree.walk({}) == ([], "")


def test_the_trees_that_the_rules_ask_exist_with_the_questions_that_they_name() -> None:
    prohibitions = [q.id for q in law.trees()["prohibitions"].questions]
    assert prohibitions == ["ce_equivalent_exists", "industrial_scale", "not_safe_benefit", "outside_organisation"]
    assert len(law.trees()["scope_categories"].questions) == 5
    assert len(law.trees()[changes.TREE].questions) == 5


def test_a_question_speaks_the_language_of_its_reader() -> None:
    question: Question = law.trees()["outside_use"]["o1"]
    with translation.override("sv"):
        assert question.text == "Ska patienter använda den utanför institutionen, till exempel hemma?"
