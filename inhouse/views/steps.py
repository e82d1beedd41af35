"""The eight steps of the guided proposal: the way through them, and what is written in each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inhouse import assessment as rules
from inhouse import gates, law, lifecycle
from inhouse.dossier import Dossier
from inhouse.models import Answer, Assessment
from inhouse.obstacles import Obstacle
from inhouse.views import pages
from organisation import access
from organisation.access import Act
from organisation.doors import Request
from organisation.models import User
from products.models import Product


@dataclass(frozen=True)
class Part:
    """One step of the way: its page, its short title, its question, and what it rests on."""

    name: str
    title: Any
    question: Any
    trees: tuple[str, ...] = ()
    demands: tuple[str, ...] = ()


PARTS = (
    Part("assessment-proposal", gettext_lazy("The idea"), gettext_lazy("What do you want to make?")),
    Part(
        "assessment-scope",
        gettext_lazy("Kind of work"),
        gettext_lazy("What kind of work is it?"),
        ("scope_categories",),
    ),
    Part(
        "assessment-device",
        gettext_lazy("Medical device or not"),
        gettext_lazy("Is it a medical device?"),
        ("general_definition", "md_or_ivd"),
    ),
    Part(
        "assessment-route",
        gettext_lazy("Custom-made or outside"),
        gettext_lazy("Who will use it, and where?"),
        ("custom_made", "outside_use"),
    ),
    Part(
        "assessment-need",
        gettext_lazy("The need"),
        gettext_lazy("What does the patient group need?"),
        demands=("MDR55-c", "VGR-10"),
    ),
    Part(
        "market",
        gettext_lazy("Market search"),
        gettext_lazy("Could a CE-marked device meet the patient group’s needs?"),
        demands=("MDR55-c",),
    ),
    Part(
        "assessment-prohibitions",
        gettext_lazy("Grounds that rule out"),
        gettext_lazy("Is there anything that rules it out?"),
        ("prohibitions",),
        ("MDR55-a", "MDR55-j"),
    ),
    Part(
        "assessment-weighing",
        gettext_lazy("Benefit, risk and cost"),
        gettext_lazy("Does the benefit outweigh the risk and the cost?"),
        demands=("VGR-40", "VGR-41"),
    ),
)

OUTCOMES = {
    "general_device": gettext_lazy("a medical device"),
    "not_covered": gettext_lazy("not a medical device"),
    "mdr": gettext_lazy("not an in vitro diagnostic medical device: MDR applies"),
    "ivdr": gettext_lazy("an in vitro diagnostic medical device (IVD): IVDR applies"),
    "custom_made": gettext_lazy("a custom-made device: Annex XIII applies instead of Article 5(5)"),
    "not_custom_made": gettext_lazy("not a custom-made device"),
    "outside": gettext_lazy("used outside the institution: that needs a CE-marked device"),
    "inside": gettext_lazy("used inside the institution"),
}

# What follows from an answer, for the page after it. These end the way: the next page is the summary.
ENDS = {
    "not_covered": gettext_lazy(
        "By your answers this is not a medical device, so it is not made under Article 5(5). The proposal is kept; a manager closes it."
    ),
    "ivdr": gettext_lazy(
        "By your answers this is an in vitro diagnostic medical device (IVD). IVDR Article 5(5) is not in this register yet: the proposal is kept and waits here."
    ),
    "custom_made": gettext_lazy(
        "By your answers this is a custom-made device: Annex XIII applies instead of Article 5(5). The proposal is kept; a manager closes it."
    ),
    "outside": gettext_lazy(
        "By your answers patients would use it outside the institution, and that needs a CE-marked device. The proposal is kept; a manager closes it."
    ),
}


def part(name: str) -> Part:
    return next(each for each in PARTS if each.name == name)


# --- what is written: the same rows for a step that can no longer be changed, the summary and the decision


@dataclass
class Row:
    """One thing that was answered or written, by whom and when."""

    label: Any
    text: Any
    reason: str = ""
    by: User | None = None
    on: date | None = None


@dataclass
class Section:
    """One step with what is written in it, and whether it is done: "done", "attention" or "open"."""

    part: Part
    rows: list[Row]
    state: str
    obstacles: list[Obstacle]
    candidates: list[Any]

    @property
    def label(self) -> str:
        return {"done": _("done"), "attention": _("look again"), "open": _("to do")}[self.state]

    @property
    def colour(self) -> str:
        return {"done": "success", "attention": "warning", "open": "neutral"}[self.state]


def sections(d: Dossier, assessment: Assessment | None = None) -> list[Section]:
    """All eight steps of one assessment (the latest, unless given), with what stands in the way of each."""
    about = assessment or d.assessment
    assert about is not None
    standing = _standing(d) if about is d.assessment else []
    found = []
    for each in PARTS:
        rows = list(_rows(d, about, each))
        obstacles = [obstacle for obstacle in standing if obstacle.mend == each.name]
        state = "open" if not rows else "attention" if obstacles else "done"
        candidates = d.considered(d.search) if each.name == "market" and d.search else []
        found.append(Section(each, rows, state, obstacles, candidates))
    return found


def _standing(d: Dossier) -> list[Obstacle]:
    """What stands between a proposal and the decision that it may be made."""
    if d.product.stage != Product.Stage.PROPOSED:
        return []
    return lifecycle.obstacles(d, d.product, Product.Stage.ELIGIBLE)


def missing(d: Dossier) -> list[Obstacle]:
    """What stands in the way of the decision, in the order of the steps; the decision itself left out."""
    names = [each.name for each in PARTS]
    found = [obstacle for obstacle in _standing(d) if obstacle.mend != "decision"]
    return sorted(found, key=lambda x: names.index(x.mend) if x.mend in names else len(names))


def _rows(d: Dossier, a: Assessment, step: Part) -> Iterator[Row]:
    for tree in step.trees:
        yield from _answers(tree, [x for x in d.answers if x.assessment_id == a.pk and x.tree == tree])
    if step.name == "assessment-proposal":
        yield Row(_("Name"), d.product.name, by=d.product.proposed_by, on=d.product.proposed_on)
        yield Row(_("In short"), d.product.summary)
        yield Row(_("Manufacturing unit"), d.product.unit)
    elif step.name == "assessment-device":
        yield from _written(a, "non_medical_statement")
    elif step.name == "assessment-need":
        yield from _written(a, *rules.NEED)
    elif step.name == "market" and d.search:
        yield Row(
            _("Result of the market search"),
            d.search.get_result_display(),
            d.search.justification,
            d.search.done_by,
            d.search.searched_on,
        )
        yield Row(_("Where you searched"), d.search.sources)
    elif step.name == "assessment-weighing" and a.weighed_on:
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


def _answers(tree: str, given: list[Answer]) -> Iterator[Row]:
    """The answers to a tree in its order, and where they lead."""
    asked = law.trees()[tree]
    texts = {question.id: question.text for question in asked.questions}
    places = list(texts)
    for answer in sorted(given, key=lambda x: places.index(x.question) if x.question in texts else len(places)):
        label = texts.get(answer.question, answer.question)
        yield Row(label, capfirst(answer.get_value_display()), answer.reason, answer.answered_by, answer.answered_on)
    if given and asked.start:
        outcome = asked.walk({answer.question: answer.value for answer in given})[1]
        yield Row(_("By these answers"), capfirst(OUTCOMES.get(outcome, _("not answered to the end"))))


def _written(a: Assessment, *names: str) -> Iterator[Row]:
    for name in names:
        if value := getattr(a, name):
            yield Row(capfirst(Assessment._meta.get_field(name).verbose_name), value)  # type: ignore[union-attr]


# --- the frame of a step


def is_open(d: Dossier, user: User) -> bool:
    """Whether this person can still answer: nobody has decided, and they may."""
    undecided = d.product.stage == Product.Stage.PROPOSED and not (d.assessment and d.assessment.is_decided)
    return undecided and access.may(user, Act.ASSESS, d.product.scope)


def guide(d: Dossier | None, name: str) -> dict[str, Any]:
    """Where one is on the way: step N of 8, the question, what it rests on, the way back, and how far each step has come."""
    names = [each.name for each in PARTS]
    here = names.index(name)
    step = PARTS[here]
    written = sections(d) if d else []
    way = []
    for index, each in enumerate(PARTS):
        section = written[index] if written else None
        address = reverse(f"inhouse:{each.name}", args=[d.product.pk]) if d else ""
        way.append({"title": each.title, "address": address, "section": section, "here": index == here})
    demanded = {row.id: row for row in gates.requirements(d)} if d else {}
    sources = [law.trees()[tree].source for tree in step.trees]
    sources += [demanded[demand].source for demand in step.demands if demand in demanded]
    back = reverse(f"inhouse:{names[here - 1]}", args=[d.product.pk]) if d and here else reverse("inhouse:products")
    return {
        "step": step,
        "number": here + 1,
        "of": len(PARTS),
        "way": way,
        "sources": list(dict.fromkeys(sources)),
        "back": back,
        "section": written[here] if written else None,
    }


def show(request: Request, product: Product, d: Dossier, name: str, template: str, **context: Any) -> HttpResponse:
    """A step as a form, in the guided frame; as plain facts for whoever may not answer, and once it is decided."""
    if is_open(d, request.user) or request.method == "POST":
        context["refused"] = any(form.errors for form in context.get("errors", []))
        return pages.show(
            request,
            product,
            f"inhouse/{template}",
            d=d,
            frame="inhouse/assessment/step.html",
            **guide(d, name),
            **context,
        )
    section = next(each for each in sections(d) if each.part.name == name)
    return pages.show(request, product, "inhouse/assessment/read.html", d=d, section=section)


def sent(request: Request, *given: forms.BaseForm) -> bool:
    """Whether something was sent and all of it can be read; every form is looked at, so that all errors are shown."""
    readable = [form.is_valid() for form in given]
    return request.method == "POST" and all(readable)


def typed(request: Request) -> Any:
    """What was sent, for a form whose boxes may all be empty."""
    return request.POST if request.method == "POST" else None


def onward(request: Request, product: Product, name: str, *outcomes: str) -> HttpResponse:
    """After saving: the next step; the summary for whoever leaves, after the last step, and where an answer ends the way."""
    ended = [ENDS[outcome] for outcome in outcomes if outcome in ENDS]
    said = [OUTCOMES[outcome] for outcome in outcomes if outcome in OUTCOMES and outcome not in ENDS]
    for text in ended:
        messages.warning(request, text)
    if said and not ended:
        messages.info(
            request, _("By your answers: %(outcomes)s.") % {"outcomes": "; ".join(str(text) for text in said)}
        )
    if "leave" in request.POST:
        messages.success(request, _("Saved. You can go on whenever you like."))
    names = [each.name for each in PARTS]
    last = names.index(name) == len(names) - 1
    if ended or last or "leave" in request.POST:
        return redirect("inhouse:assessment", product.pk)
    return redirect(f"inhouse:{names[names.index(name) + 1]}", product.pk)
