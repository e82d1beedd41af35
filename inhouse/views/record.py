"""An assessment as it is read: the path taken, every answer with reason, law, version, person and day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.utils.formats import date_format
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from inhouse import assessment as rules
from inhouse import guide, law, lifecycle
from inhouse.dossier import Dossier
from inhouse.law.rules import edition
from inhouse.law.software import software
from inhouse.models import Assessment
from inhouse.obstacles import Obstacle
from inhouse.views.questions import FACTS
from inhouse.views.texts import ROUTE
from organisation.models import User
from products.models import Product


@dataclass
class Row:
    """One thing that was answered or written: where the demand stands, by whom and when."""

    label: Any
    text: Any
    reason: str = ""
    by: User | None = None
    on: date | None = None
    source: str = ""


@dataclass
class Section:
    """One part of the way with what is written in it, and whether it is done: "done", "attention", "open" or "voluntary"."""

    part: guide.Part
    rows: list[Row]
    state: str
    obstacles: list[Obstacle] = field(default_factory=list)
    candidates: list[Any] = field(default_factory=list)
    address: str = ""

    @property
    def label(self) -> str:
        return {"done": _("done"), "attention": _("look again"), "open": _("to do"), "voluntary": _("voluntary")}[
            self.state
        ]

    @property
    def colour(self) -> str:
        return {"done": "success", "attention": "warning"}.get(self.state, "neutral")


def sections(d: Dossier, assessment: Assessment | None = None) -> list[Section]:
    """The parts of the way of one assessment (the latest, unless given), with what stands in the way of each."""
    about = assessment or d.assessment
    assert about is not None
    course = guide.of(d, about)
    standing = _standing(d) if about is d.assessment else []
    stops = guide.way(course)
    found = []
    for part in guide.PARTS:
        own = [stop for stop in stops if stop.part == part.name]
        if not own:
            continue
        rows = list(_rows(d, course, part.name, own))
        obstacles = [obstacle for obstacle in standing if obstacle.mend == part.name]
        unfinished = not about.is_decided and not all(stop.done or stop.optional for stop in own)
        empty = not about.is_decided and not any(stop.done for stop in own)
        state = "open" if unfinished else "attention" if obstacles else "voluntary" if empty else "done"
        todo = next((stop for stop in own if not stop.done), own[0])
        search = _search(d, about)
        candidates = d.considered(search) if part.name == "market" and search else []
        found.append(Section(part, rows, state, obstacles, candidates, todo.address(d.product)))
    return found


def _standing(d: Dossier) -> list[Obstacle]:
    """What stands between a proposal and the decision that it may be made."""
    if d.product.stage != Product.Stage.PROPOSED:
        return []
    return lifecycle.obstacles(d, d.product, Product.Stage.ELIGIBLE)


def missing(d: Dossier) -> list[Obstacle]:
    """What stands in the way of the decision, in the order of the way; the decision itself left out."""
    names = [each.name for each in guide.PARTS]
    found = [obstacle for obstacle in _standing(d) if obstacle.mend not in ("decision", "assessment")]
    return sorted(found, key=lambda x: names.index(x.mend) if x.mend in names else len(names))


def _search(d: Dossier, a: Assessment) -> Any:
    """The search that an assessment rests on: its own last, concluded or not."""
    own = [s for s in d.searches if s.assessment_id == a.pk]
    if a.search_id:  # as it was submitted
        return next((s for s in own if s.pk == a.search_id), None)
    return next((s for s in reversed(own) if s.is_concluded), own[-1] if own else None)


def _rows(d: Dossier, c: guide.Course, part: str, stops: list[guide.Stop]) -> Iterator[Row]:
    a = c.assessment
    by_tree: dict[str, list[str]] = {}
    for stop in stops:
        if stop.name == "assessment-question":
            tree, _dot, question = stop.key.partition(".")
            by_tree.setdefault(tree, []).append(question)
        elif stop.name == "assessment-proposal":
            yield Row(_("Name"), d.product.name, by=d.product.proposed_by, on=d.product.proposed_on)
            yield Row(_("In short"), d.product.summary)
            yield Row(_("Manufacturing unit"), d.product.unit)
        elif stop.name == "assessment-scope":
            yield from _categories(c)
        elif stop.name == "assessment-facts":
            yield from _facts(d, c, stop.key)
    for tree, questions in by_tree.items():
        yield from _answers(c, tree, questions)
    match part:
        case "assessment-device" if any(stop.name == "assessment-statement" for stop in stops):
            yield from _written(a, "non_medical_statement")
        case "assessment-route" | "assessment-scope" if c.other_route and any(
            stop.name == "assessment-other-route" for stop in stops
        ):
            for name in (*ROUTE["custom_made"], *ROUTE["ci"]):
                if value := getattr(c.other_route, name):
                    yield Row(capfirst(_label(c.other_route, name)), value)
        case "assessment-need":
            if purpose := a.intended_purpose or c.revision.intended_purpose:
                yield Row(_("Intended purpose"), purpose)
            yield from _written(a, *rules.NEED, "need_on")
        case "market":
            yield from _market(d, a)
        case "class":
            yield from _class(c)
        case "software":
            yield from _software(d, c)
        case "assessment-weighing" if a.weighed_on:
            yield from _weighing(a)


def _answers(c: guide.Course, tree: str, questions: list[str]) -> Iterator[Row]:
    """The answers on the path through a tree, as it was asked, and where they lead."""
    asked = c.asked(tree)
    given = {answer.question: answer for answer in c.given(tree)}
    source = _("%(source)s · questions, version %(version)s") % {"source": asked.source, "version": asked.version}
    for name in questions:
        answer = given.get(name)
        question = asked.get(name)
        if answer is None or question is None:
            continue
        choice = question.choice(answer.value)
        yield Row(
            question.text, choice.text if choice else answer.value, answer.reason, answer.answered_by,
            answer.answered_on, source,
        )  # fmt: skip
    if asked.start and (outcome := asked.walk({name: answer.value for name, answer in given.items()})[1]):
        yield Row(_("By these answers"), capfirst(law.outcomes()[outcome].text))


def _categories(c: guide.Course) -> Iterator[Row]:
    asked = c.asked("scope_categories")
    given = {answer.question: answer for answer in c.given("scope_categories")}
    source = _("%(source)s · questions, version %(version)s") % {"source": asked.source, "version": asked.version}
    for name in c.categories:
        answer = given[name]
        yield Row(asked[name].text, _("Yes"), answer.reason, answer.answered_by, answer.answered_on, source)


def _facts(d: Dossier, c: guide.Course, category: str) -> Iterator[Row]:
    facts = c.facts_of(category)
    if facts is None:
        return
    if category == "combination":
        for part in d.parts_of(c.revision):
            yield Row(f"{part.name}, {part.maker}".rstrip(", "), part.statement or "–")
    for name in FACTS[category]:
        value = getattr(facts, name)
        if name in ("is_accessory", "is_ce_marked"):
            if value or (name == "is_ce_marked" and value is not None):
                yield Row(capfirst(_label(facts, name)), _("Yes") if value else _("No"))
        elif value:
            yield Row(capfirst(_label(facts, name)), value)


def _market(d: Dossier, a: Assessment) -> Iterator[Row]:
    search = _search(d, a)
    if search is None:
        return
    if search.is_concluded:
        yield Row(
            _("Result of the market search"), search.get_result_display(), search.justification, search.done_by,
            search.searched_on,
        )  # fmt: skip
        if grounds := d.grounds_of(search):
            yield Row(_("Grounds"), capfirst(", ".join(str(ground) for ground in grounds)))
    for place in d.looked(search):
        text = f"{place.query} ({place.hits})" if place.query and place.hits is not None else place.query or "–"
        yield Row(place.source, text, place.looked_by, on=place.looked_on)
    if search.sources:
        yield Row(_("Where you searched"), search.sources)


def _class(c: guide.Course) -> Iterator[Row]:
    found = c.classification
    if found is None:
        return
    rules_then = edition(found.regulation, found.edition)
    answers = c.class_answers
    source = _("%(source)s · rules, edition %(edition)s") % {"source": rules_then.source, "edition": found.edition}
    for rule in rules_then.rules if found.edition else ():
        answer = answers.get(rule.key)
        if answer is not None and answer.is_yes:
            fitting = [b.text for b in rule.asked if b.id in answers and answers[b.id].is_yes]
            label = _("Rule %(rule)s, %(title)s") % {"rule": rule.id, "title": rule.title}
            yield Row(
                label, " ".join(fitting) or _("applies"), answer.reason, answer.answered_by, answer.answered_on, source
            )
    considered = [rule.id for rule in rules_then.rules if rule.key in answers and not answers[rule.key].is_yes]
    if considered:
        yield Row(_("Considered, do not apply"), _("rules %(rules)s") % {"rules": ", ".join(considered)})
    if found.finished_on:
        yield Row(_("Risk class"), found.risk_class, found.reason, found.finished_by, found.finished_on)
        if found.override_class:
            yield Row(
                _("Class set by an expert instead"), found.override_class, found.override_reason, found.override_by,
                found.override_on,
            )  # fmt: skip


def _software(d: Dossier, c: guide.Course) -> Iterator[Row]:
    revision = c.revision.pk
    for plan in (p for p in d.software_plans if p.revision_id == revision):
        for name in ("develops_algorithm", "collects_data"):
            if (value := getattr(plan, name)) is not None:
                yield Row(capfirst(_label(plan, name)), _("Yes") if value else _("No"))
        if plan.device_since:
            yield Row(capfirst(_label(plan, "device_since")), date_format(plan.device_since))
        if c.revision.is_ai:
            risk = _("high-risk AI system") if plan.is_high_risk else _("not a high-risk AI system")
            yield Row(_("AI classification"), capfirst(risk), plan.high_risk_reason, on=plan.high_risk_on)
    modules = [m for m in d.software_modules if m.revision_id == revision]
    for module in modules:
        kind = _("a medical device") if module.is_device else _("not a medical device")
        yield Row(module.name, capfirst(kind), module.purpose)
    kinds = {entry.id: entry.title for entry in software().tests}
    for test in (t for t in d.software_tests if t.revision_id == revision):
        relevant = _("relevant") if test.is_relevant else _("not relevant")
        yield Row(kinds.get(test.kind, test.kind), capfirst(relevant), test.plan or test.reason, source=test.standard)
    for data in (x for x in d.data_sets if x.revision_id == revision):
        yield Row(data.name, capfirst(data.get_use_display()), f"{data.origin} · {data.population} · {data.size}")


def _weighing(a: Assessment) -> Iterator[Row]:
    yield from _written(a, "benefit", "risk", "cost")
    for row in _written(a, "weighing"):
        row.by, row.on = a.weighed_by, a.weighed_on
        yield row
    if a.support_needed is not None or a.support_reason:
        yield Row(
            _("Support by a competent adviser needed"),
            capfirst(a.get_support_needed_display() or ""),
            a.support_reason,
        )
    yield from _written(a, "adviser", "advised_on", "advice")


def _written(a: Assessment, *names: str) -> Iterator[Row]:
    for name in names:
        if value := getattr(a, name):
            yield Row(capfirst(_label(a, name)), value)


def _label(row: Any, name: str) -> str:
    return str(row._meta.get_field(name).verbose_name)
