"""The way through an assessment: which page follows which, by the answers so far. One question to a page.

A `Course` is what the way depends on, read with a constant number of queries; a `Stop` is one page of the way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from inhouse import law
from inhouse.dossier import Dossier
from inhouse.law.rules import SCOPES, edition
from inhouse.law.software import software
from inhouse.models import (
    AiPoint,
    AiStep,
    Answer,
    Assessment,
    Candidate,
    CategoryFacts,
    Classification,
    DataSet,
    Lookup,
    MarketSearch,
    OtherRoute,
    SoftwareModule,
    SoftwarePlan,
)
from organisation import clock
from products.models import Product, Revision

QUALIFICATION = "software_is_device"
"""The tree that the question of device or not begins with; its outcomes name those that follow."""


SEARCHED = ("lookups", "candidates", "conclusion")
"""What shows how far a market search has come."""
SOFTWARE = ("plan", "modules", "data", "points", "steps")
"""What is written down of software beside its tests, by the pages of the way."""


@dataclass(frozen=True)
class Part:
    """One part of the way, as the list beside the page names it. `name` is also the page where an obstacle is mended."""

    name: str
    title: Any


PARTS = (
    Part("assessment-proposal", _("The idea")),
    Part("assessment-device", _("Medical device or not")),
    Part("assessment-route", _("Way into use")),
    Part("assessment-scope", _("Kind of work")),
    Part("assessment-need", _("The need")),
    Part("market", _("Market search")),
    Part("assessment-prohibitions", _("Grounds that rule out")),
    Part("class", _("Risk class")),
    Part("software", _("Software")),
    Part("assessment-weighing", _("Benefit, risk and cost")),
)


def part(name: str) -> Part:
    return next(each for each in PARTS if each.name == name)


@dataclass(frozen=True)
class Stop:
    """One page: `name` is its address's name, `key` what the address needs beside the product.

    An `optional` one is there for whoever wants it, and nothing waits for it.
    """

    part: str
    name: str
    key: str = ""
    done: bool = False
    optional: bool = False

    def address(self, product: Product) -> str:
        return reverse(f"inhouse:{self.name}", args=[product.pk, *([self.key] if self.key else [])])


@dataclass
class Course:
    """What the way depends on. `read` gets it from the database in three queries, `of` from a dossier in none."""

    product: Product
    assessment: Assessment
    revision: Revision
    answers: list[Answer] = field(default_factory=list)
    noted: frozenset[str] = frozenset()
    of_marked: bool = False
    known_facts: list[CategoryFacts] | None = None
    other_route: OtherRoute | None = None
    classification: Classification | None = None
    searched: frozenset[str] = frozenset()
    searched_on: date | None = None
    software: frozenset[str] = frozenset()

    # What has been answered
    def given(self, tree: str) -> list[Answer]:
        return [a for a in self.answers if a.assessment_id == self.assessment.pk and a.tree == tree]

    def values(self, tree: str) -> dict[str, str]:
        """The answers to a tree that hold under its present version; of what is decided, as they were given."""
        own = self.given(tree)
        if self.assessment.is_decided:
            return {a.question: a.value for a in own}
        asked = law.tree(tree)
        return {name: value for name, value in asked.holding(own).items() if self._open_to(asked[name], value)}

    def _open_to(self, question: law.Question, value: str) -> bool:
        """Whether a guarded answer still stands on the fact that it depends on."""
        guard = question.guard
        return guard is None or guard.answer != value or self.holds(guard.only_if)

    def asked(self, tree: str) -> law.Tree:
        return law.as_asked(tree, self.given(tree)) if self.assessment.is_decided else law.tree(tree)

    def walked(self, tree: str) -> tuple[list[str], str]:
        return self.asked(tree).walk(self.values(tree))

    def outcome(self, tree: str) -> str:
        return self.walked(tree)[1]

    @property
    def class_answers(self) -> dict[str, Answer]:
        own = self.classification
        return {a.question: a for a in self.answers if own and a.classification_id == own.pk}

    @cached_property
    def qualification(self) -> law.Chain:
        """Device or not, and under which regulation. What was decided on the short form began with the definition."""
        short = self.assessment.is_decided and not self.given(QUALIFICATION)
        return law.chain(
            "general_definition" if short else QUALIFICATION,
            [a for a in self.answers if a.assessment_id == self.assessment.pk],
            decided=self.assessment.is_decided,
        )

    @property
    def is_software(self) -> bool:
        return self.values(QUALIFICATION).get("sw1") == "yes"

    @property
    def categories(self) -> list[str]:
        """The kinds of work that are ticked, in the order of the law."""
        values = self.values("scope_categories")
        return [q.id for q in self.asked("scope_categories").questions if values.get(q.id) == "yes"]

    def end(self) -> str:
        """The outcome that ends the way short of in-house manufacture; empty while none does."""
        for found in (
            self.qualification.end,
            self.outcome("ways_of_use"),
            self.outcome("custom_made"),
            self.outcome("outside_use"),
            self.outcome("clinical_investigation") if self.studies else "",
        ):
            if found and law.outcomes()[found].ends:
                return found
        return ""

    @property
    def studies(self) -> bool:
        """Whether the three questions on clinical investigation are asked."""
        return "research" in self.categories or self.outcome("ways_of_use") == "use_investigation"

    @property
    def kinds(self) -> list[str]:
        """The kinds of work whose facts are asked; of a study also when the device itself is made for something else."""
        return [*self.categories, *(["research"] if self.studies and "research" not in self.categories else [])]

    @cached_property
    def facts(self) -> list[CategoryFacts]:
        """The facts of the kinds of work; the way itself needs only `noted` and `of_marked`."""
        known = self.known_facts
        return list(CategoryFacts.objects.filter(assessment=self.assessment)) if known is None else known

    def facts_of(self, category: str) -> CategoryFacts | None:
        return next((f for f in self.facts if f.category == category), None)

    def holds(self, fact: str) -> bool:
        """Whether a fact that a guarded answer depends on is so (CI-03)."""
        return fact == "ce_marked" and self.of_marked


def read(product: Product) -> Course:
    """The course of the latest assessment, for a page of the way: three queries, however much is written."""
    kinds = [question.id for question in law.trees()["scope_categories"].questions]
    facts = CategoryFacts.objects.filter(assessment=OuterRef("pk"))
    assessment: Any = (
        Assessment.objects.filter(product=product)
        .select_related("other_route")
        .annotate(
            latest=Subquery(_latest_search(OuterRef("pk")).values("pk")[:1]),
            searched_on=Subquery(_latest_search(OuterRef("pk")).values("searched_on")[:1]),
        )
        .annotate(
            with_lookups=Exists(Lookup.objects.filter(search=OuterRef("latest"))),
            with_candidates=Exists(Candidate.objects.filter(search=OuterRef("latest"))),
            with_conclusion=Exists(MarketSearch.objects.filter(pk=OuterRef("latest"), concluded_on__isnull=False)),
            of_marked=Exists(facts.filter(category="research", is_ce_marked=True)),
            **{f"of_{kind}": Exists(facts.filter(category=kind)) for kind in kinds},
        )
        .latest("number")
    )
    of = {"revision": OuterRef("pk")}
    standing = Classification.objects.filter(reopened_on=None, **of)
    revision: Any = (
        Revision.objects.filter(product=product)
        .select_related("software_plan")
        .annotate(
            standing=Subquery(standing.order_by("-pk").values("pk")[:1]),
            with_plan=Exists(SoftwarePlan.objects.complete().filter(**of)),
            with_modules=Exists(SoftwareModule.objects.filter(is_device=True, **of)),
            tests=Count("software_tests"),
            with_data=Exists(DataSet.objects.filter(**of)),
            with_points=Exists(AiPoint.objects.filter(**of)),
            with_steps=Exists(AiStep.objects.filter(**of)),
        )
        .latest("number")
    )
    assessment.product = revision.product = product
    answers = list(
        Answer.objects.filter(Q(assessment=assessment) | Q(classification__isnull=False, classification=revision.standing))
        .select_related("classification")
    )  # fmt: skip
    classification = next((answer.classification for answer in answers if answer.classification_id), None)
    if classification is None and revision.standing:  # begun, and no rule answered yet
        classification = Classification.objects.get(pk=revision.standing)
    tested = {"tests"} if revision.tests >= len(software().tests) else set()
    return Course(
        product=product,
        assessment=assessment,
        revision=revision,
        answers=answers,
        noted=frozenset(kind for kind in kinds if getattr(assessment, f"of_{kind}")),
        of_marked=assessment.of_marked,
        other_route=getattr(assessment, "other_route", None),
        classification=classification,
        searched=frozenset(kind for kind in SEARCHED if getattr(assessment, f"with_{kind}")),
        searched_on=assessment.searched_on,
        software=frozenset({kind for kind in SOFTWARE if getattr(revision, f"with_{kind}")} | tested),
    )


def _latest_search(assessment: Any) -> QuerySet[MarketSearch]:
    return MarketSearch.objects.filter(assessment=assessment).order_by("-pk")


def of(d: Dossier, assessment: Assessment | None = None) -> Course:
    """The course as a dossier holds it, of the latest assessment or an earlier one."""
    about = assessment or d.assessment
    assert about is not None
    revision = d.working or d.revisions[-1]
    own = [s for s in d.searches if s.assessment_id == about.pk]
    search = own[-1] if own else None
    classification = d.classification(revision)
    if about.classification_id:  # as it was submitted
        classification = next((c for c in d.classifications if c.pk == about.classification_id), classification)
    rows: dict[str, list[Any]] = {
        "plan": [plan for plan in d.software_plans if plan.is_complete],
        "modules": [module for module in d.software_modules if module.is_device],
        "tests": d.software_tests,
        "data": d.data_sets,
        "points": d.ai_points,
        "steps": d.ai_steps,
    }
    if sum(test.revision_id == revision.pk for test in d.software_tests) < len(software().tests):
        rows["tests"] = []
    facts = [f for f in d.category_facts if f.assessment_id == about.pk]
    there = {
        "lookups": search and d.looked(search),
        "candidates": search and d.considered(search),
        "conclusion": search and search.is_concluded,
    }
    return Course(
        product=d.product,
        assessment=about,
        revision=revision,
        answers=[
            a
            for a in d.answers
            if a.assessment_id == about.pk or (classification and a.classification_id == classification.pk)
        ],
        noted=frozenset(f.category for f in facts),
        of_marked=any(f.category == "research" and f.is_ce_marked is True for f in facts),
        known_facts=facts,
        other_route=next((o for o in d.other_routes if o.assessment_id == about.pk), None),
        classification=classification
        if classification and (about.classification_id or not classification.reopened_on)
        else None,
        searched=frozenset(kind for kind in SEARCHED if there[kind]),
        searched_on=search.searched_on if search else None,
        software=frozenset(kind for kind, found in rows.items() if any(r.revision_id == revision.pk for r in found)),
    )


# --- the way


def way(c: Course, *, past_end: bool = False) -> list[Stop]:
    """Every page of the way by the answers so far. It stops where an outcome ends it, unless told to look past that."""
    return list(_stops(c, past_end))


def _stops(c: Course, past_end: bool) -> Iterator[Stop]:
    yield Stop("assessment-proposal", "assessment-proposal", done=True)
    for section in (_device, _route, _scope):
        yield from section(c)
        if _ended(c, section) and not past_end:
            return
    yield Stop("assessment-need", "assessment-need", done=_need(c))
    yield from _market(c)
    yield from _questions(c, "assessment-prohibitions", "prohibitions")
    yield from _class(c)
    if c.is_software:
        yield from _software(c)
    weighed = c.assessment.weighed_on
    after = c.searched_on is None or weighed is None or weighed >= c.searched_on
    yield Stop("assessment-weighing", "assessment-weighing", done=weighed is not None and after)


def _ended(c: Course, section: Any) -> bool:
    """Whether the way ends within this section, which is the one that was just walked."""
    ends = {
        _device: [c.qualification.end],
        _route: [c.outcome("ways_of_use"), c.outcome("custom_made"), c.outcome("outside_use")],
        _scope: [c.outcome("clinical_investigation")] if c.studies else [],
    }[section]
    return any(end and law.outcomes()[end].ends for end in ends)


def _questions(c: Course, where: str, tree: str) -> Iterator[Stop]:
    """The questions of a tree as far as they are asked; of a plain set, all."""
    asked = c.asked(tree)
    values = c.values(tree)
    for question in c.walked(tree)[0] if asked.start else [q.id for q in asked.questions]:
        yield Stop(where, "assessment-question", f"{tree}.{question}", done=question in values)


def _device(c: Course) -> Iterator[Stop]:
    answered = {(a.tree, a.question) for a in c.answers if a.assessment_id == c.assessment.pk}
    for tree, question in c.qualification.path:
        done = (tree.id, question) in answered and question in c.values(tree.id)
        yield Stop("assessment-device", "assessment-question", f"{tree.id}.{question}", done=done)
    if c.qualification.end == "not_covered":
        yield Stop("assessment-device", "assessment-statement", done=bool(c.assessment.non_medical_statement))


def _route(c: Course) -> Iterator[Stop]:
    where = "assessment-route"
    yield from _questions(c, where, "ways_of_use")
    way_in = c.outcome("ways_of_use")
    if way_in and law.outcomes()[way_in].ends:
        return
    yield from _questions(c, where, "custom_made")
    if c.outcome("custom_made") == "custom_made":
        yield Stop(where, "assessment-other-route", done=bool(c.other_route and c.other_route.prescriber))
        return
    yield from _questions(c, where, "outside_use")


def _scope(c: Course) -> Iterator[Stop]:
    where = "assessment-scope"
    yield Stop(where, "assessment-scope", done=bool(c.categories))
    for category in c.kinds:
        yield Stop(where, "assessment-facts", category, done=category in c.noted)
    if c.studies:
        yield from _questions(c, where, "clinical_investigation")
        if c.outcome("clinical_investigation") == "ci":
            yield Stop(where, "assessment-other-route", done=bool(c.other_route and c.other_route.study))


def _need(c: Course) -> bool:
    a = c.assessment
    return bool(a.patient_group and a.special_need and a.performance_level and c.revision.intended_purpose)


def _market(c: Course) -> Iterator[Stop]:
    concluded = "conclusion" in c.searched
    free = not _justified(c)
    yield Stop("market", "market-places", done=concluded or "lookups" in c.searched, optional=free)
    yield Stop("market", "market-candidates", done=concluded or "candidates" in c.searched, optional=free)
    yield Stop("market", "market-conclusion", done=concluded, optional=free)


def _justified(c: Course) -> bool:
    """Whether it must be shown today that nothing on the market meets the need: of in vitro devices it must later (IVDR55-d)."""
    return c.revision.regulation != Revision.Regulation.IVDR or law.requirements()["IVDR55-d"].holds(clock.today())


def _class(c: Course) -> Iterator[Stop]:
    """One page to a group of rules, one to each rule that applies and has more than one branch, and the class."""
    rules = edition(c.revision.regulation, c.classification.edition if c.classification else None)
    answers = c.class_answers
    if c.classification and c.classification.edition == 0 and c.classification.is_finished:
        yield Stop("class", "class-result", done=True)  # written by hand before the rules could be walked
        return
    if c.qualification.outcomes.get(QUALIFICATION) == "covered_with_device":
        yield Stop("class", "class-driven", done=bool(c.classification and c.classification.drives is not None))
    for scope in SCOPES[c.revision.regulation]:
        in_scope = [rule for rule in rules.rules if rule.scope == scope]
        yield Stop("class", "class-rules", scope, done=all(rule.key in answers for rule in in_scope))
        for rule in in_scope:
            applies = rule.key in answers and answers[rule.key].is_yes
            if applies and rule.asked:
                done = all(branch.id in answers for branch in rule.asked)
                yield Stop("class", "class-rule", rule.id, done=done)
    yield Stop("class", "class-result", done=bool(c.classification and c.classification.is_finished))


def _software(c: Course) -> Iterator[Stop]:
    yield Stop("software", "software-early", done="plan" in c.software)
    yield Stop("software", "software-modules", done="modules" in c.software)
    yield Stop("software", "software-tests", done="tests" in c.software)
    if c.revision.is_ai:  # what follows is voluntary in-house: going past the data is enough (AIA-A)
        yield Stop("software", "software-data", done=bool(c.software & {"data", "points"}))
        yield Stop("software", "software-points", done="points" in c.software)
        yield Stop("software", "software-steps", done="steps" in c.software)


def unfinished(c: Course) -> list[str]:
    """The parts of the way that still have a page to do, in their order."""
    return list(dict.fromkeys(stop.part for stop in way(c) if not stop.done and not stop.optional))


def position(stops: list[Stop], name: str, key: str = "") -> int | None:
    """Where a page stands on the way, or None when the answers do not lead there."""
    return next((n for n, stop in enumerate(stops) if stop.name == name and stop.key == key), None)
