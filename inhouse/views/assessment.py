"""The guided proposal: eight steps that can be left and resumed, the summary, and the decision."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inhouse import assessment as rules
from inhouse import gates, law, lifecycle
from inhouse.dossier import Dossier, current
from inhouse.forms import TreeForm, UnitField
from inhouse.models import Answer, Assessment
from inhouse.obstacles import Obstacle
from inhouse.views import pages
from organisation import access
from organisation.access import Act
from organisation.doors import Request, door
from organisation.forms import EditForm, Form, ModelForm
from organisation.models import Unit, User
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


# --- the steps


class ProposeForm(ModelForm[Product]):
    unit = UnitField(
        label=gettext_lazy("Manufacturing unit"),
        help_text=gettext_lazy("The unit that would make it; your own, unless you choose another."),
    )

    class Meta:
        model = Product
        fields = ("name", "summary", "unit")


class ProposalForm(EditForm[Product]):
    unit = UnitField(label=gettext_lazy("Manufacturing unit"), help_text=gettext_lazy("The unit that would make it."))

    class Meta:
        model = Product
        fields = ("name", "summary", "unit")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["unit"]  # a unit that has closed since stays a choice
        field.queryset = field.queryset | Unit.objects.filter(pk=self.instance.unit_id).select_related("administration")


class ScopeForm(Form):
    """The five categories; what is ticked is a yes, what is not a no."""

    categories = forms.MultipleChoiceField(
        label=gettext_lazy("It is"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "required": gettext_lazy(
                "Choose at least one. If none fits, this guideline does not cover the work: ask an adviser."
            )
        },
    )

    def __init__(self, answers: Mapping[str, Answer], data: Mapping[str, Any] | None, *, unfinished: bool) -> None:
        super().__init__(data, initial={"categories": [name for name, answer in answers.items() if answer.is_yes]})
        self.earlier = answers
        self.questions = law.trees()["scope_categories"].questions
        self.fields["categories"].choices = [(question.id, question.text) for question in self.questions]  # type: ignore[attr-defined]
        self.fields["categories"].required = not unfinished

    def answers(self) -> rules.Answers:
        chosen = self.cleaned_data["categories"]
        reasons = {name: answer.reason for name, answer in self.earlier.items()}
        if not chosen:
            return {}
        return {
            question.id: ("yes" if question.id in chosen else "no", reasons.get(question.id, ""))
            for question in self.questions
        }


class AssessmentForm(EditForm[Assessment]):
    """Texts of the assessment. Going on takes them all; leaving takes what is there."""

    needed: tuple[str, ...] = ()
    use_required_attribute = False

    def __init__(self, *args: Any, unfinished: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.unfinished = unfinished
        for name in self.needed:
            self.fields[name].required = not unfinished


class StatementForm(AssessmentForm):
    class Meta:
        model = Assessment
        fields = ("non_medical_statement",)


class NeedForm(AssessmentForm):
    needed = rules.NEED

    class Meta:
        model = Assessment
        fields = rules.NEED


class WeighingForm(AssessmentForm):
    needed = ("benefit", "risk", "cost", "weighing", "support_needed", "support_reason")

    class Meta:
        model = Assessment
        fields = rules.WEIGHING
        widgets = {"support_needed": forms.RadioSelect}
        help_texts = {
            "benefit": gettext_lazy("What patients and staff gain, compared with how it is done today."),
            "risk": gettext_lazy("What could go wrong, how serious it would be, and what is done about it."),
            "cost": gettext_lazy("Work, material, premises and upkeep for the whole life of the product."),
            "weighing": gettext_lazy("Why the benefit outweighs risk and cost, or does not."),
            "support_needed": gettext_lazy(
                "From someone competent in the rules for in-house manufacture and the standards."
            ),
            "adviser": gettext_lazy(
                "Name and position. Needed if you answered yes above, like the date and the advice."
            ),
        }

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if self.cleaned_data.get("support_needed") and not self.unfinished:
            for name in ("adviser", "advised_on", "advice"):
                if not self.cleaned_data.get(name) and name not in self.errors:
                    self.add_error(name, _("Fill this in: support is needed, by your answer above."))
        return cleaned


def _texts(form: type[AssessmentForm], request: Request, d: Dossier) -> Any:
    """A form on the texts of the latest assessment."""
    assert d.assessment is not None
    instance = Assessment.objects.get(pk=d.assessment.pk)
    return form(request.POST or None, instance=instance, unfinished="leave" in request.POST)


@door(Act.PROPOSE)
def propose(request: Request) -> HttpResponse:
    """The first step: an idea becomes a product with a number."""
    form = ProposeForm(request.POST or None, initial={"unit": request.user.unit_id})
    made: list[Product] = []
    if sent(request, form) and pages.attempt(form, lambda: made.append(rules.propose(**form.values, by=request.user))):
        [product] = made
        messages.success(
            request, _("“%(name)s” has got the number %(number)s.") % {"name": product.name, "number": product.number}
        )
        return onward(request, product, "assessment-proposal")
    return render(
        request,
        "inhouse/assessment/propose.html",
        {"form": form, "errors": [form], **guide(None, "assessment-proposal")},
    )


@door(Act.WORK, pages.product, post=Act.ASSESS)
def proposal(request: Request, product: Product) -> HttpResponse:
    """The idea in other words, as long as nobody has decided."""
    if request.method == "POST":
        lifecycle.lock(product)
    form = ProposalForm(request.POST or None, instance=pages.product(product.pk))
    if sent(request, form) and pages.attempt(form, lambda: rules.describe(product, **form.values, by=request.user)):
        return onward(request, product, "assessment-proposal")
    return show(
        request, product, current(product), "assessment-proposal", "assessment/proposal.html", form=form, errors=[form]
    )


@door(Act.WORK, pages.product, post=Act.ASSESS)
def scope(request: Request, product: Product) -> HttpResponse:
    """Which of the five kinds of work it is."""
    d = current(product)
    form = ScopeForm(
        d.answered("scope_categories"),
        typed(request),
        unfinished="leave" in request.POST,
    )
    if sent(request, form) and pages.attempt(
        form, lambda: rules.answer(product, "scope_categories", form.answers(), by=request.user)
    ):
        return onward(request, product, "assessment-scope")
    return show(request, product, d, "assessment-scope", "assessment/scope.html", form=form, errors=[form])


@door(Act.WORK, pages.product, post=Act.ASSESS)
def device(request: Request, product: Product) -> HttpResponse:
    """Is it a device, and under which regulation; for what is none, the use that is not medical."""
    if request.method == "POST":
        lifecycle.lock(product)
    d = current(product)
    data = typed(request)
    leaving = "leave" in request.POST
    general = TreeForm("general_definition", d.answered("general_definition"), data, unfinished=leaving)
    covered = not general.is_valid() or general.outcome != "not_covered"
    is_device = general.is_valid() and general.outcome == "general_device"
    ivd = TreeForm("md_or_ivd", d.answered("md_or_ivd"), data, unfinished=leaving or not is_device)
    statement = _texts(StatementForm, request, d)
    if sent(request, general, ivd, statement):
        if not covered and not leaving and not statement.cleaned_data["non_medical_statement"]:
            statement.add_error(
                "non_medical_statement", _("Describe in your own words the intended use that is not medical.")
            )
        elif pages.attempt(general, lambda: _save_device(product, general, ivd, statement, by=request.user)):
            outcomes = [general.outcome] if not covered else [general.outcome, ivd.outcome]
            return onward(request, product, "assessment-device", *outcomes)
    forms_shown = {"general": general, "ivd": ivd, "form": statement, "errors": [general, ivd, statement]}
    return show(request, product, d, "assessment-device", "assessment/device.html", **forms_shown)


def _save_device(product: Product, general: TreeForm, ivd: TreeForm, statement: StatementForm, *, by: User) -> None:
    rules.answer(product, "general_definition", general.answers(), by=by)
    rules.answer(product, "md_or_ivd", {} if general.outcome == "not_covered" else ivd.answers(), by=by)
    rules.write(product, statement.values, by=by)


@door(Act.WORK, pages.product, post=Act.ASSESS)
def route(request: Request, product: Product) -> HttpResponse:
    """Custom-made for one patient, or used outside the institution: other rules."""
    d = current(product)
    trees = [
        TreeForm(
            tree,
            d.answered(tree),
            typed(request),
            unfinished="leave" in request.POST,
        )
        for tree in part("assessment-route").trees
    ]

    def save() -> None:
        for tree in trees:
            rules.answer(product, tree.tree.id, tree.answers(), by=request.user)

    if sent(request, *trees) and pages.attempt(trees[0], save):
        return onward(request, product, "assessment-route", *(tree.outcome for tree in trees))
    return show(request, product, d, "assessment-route", "assessment/route.html", trees=trees, errors=trees)


@door(Act.WORK, pages.product, post=Act.ASSESS)
def need(request: Request, product: Product) -> HttpResponse:
    """The patient group, its special need, and the performance that calls for."""
    return _write(request, product, "assessment-need", NeedForm)


@door(Act.WORK, pages.product, post=Act.ASSESS)
def weighing(request: Request, product: Product) -> HttpResponse:
    """Benefit, risk and cost, and the advice that was sought."""
    return _write(request, product, "assessment-weighing", WeighingForm)


def _write(request: Request, product: Product, name: str, kind: type[AssessmentForm]) -> HttpResponse:
    if request.method == "POST":
        lifecycle.lock(product)
    d = current(product)
    form = _texts(kind, request, d)
    if sent(request, form) and pages.attempt(form, lambda: rules.write(product, form.values, by=request.user)):
        return onward(request, product, name)
    return show(request, product, d, name, "assessment/texts.html", form=form, errors=[form])


@door(Act.WORK, pages.product, post=Act.ASSESS)
def prohibitions(request: Request, product: Product) -> HttpResponse:
    """The four grounds that rule in-house manufacture out, each answered with a reason."""
    d = current(product)
    data = typed(request)
    form = TreeForm(
        "prohibitions", d.answered("prohibitions"), data, reason_required=True, unfinished="leave" in request.POST
    )
    if sent(request, form) and pages.attempt(
        form, lambda: rules.answer(product, "prohibitions", form.answers(), by=request.user)
    ):
        return onward(request, product, "assessment-prohibitions")
    return show(
        request, product, d, "assessment-prohibitions", "assessment/prohibitions.html", form=form, errors=[form]
    )


# --- the summary, the decision, and proposing again


@door(Act.WORK, pages.product)
def assessment(request: Request, product: Product) -> HttpResponse:
    """Every step with its answers, what is missing, the decision, and the assessments before this one."""
    d = current(product)
    written = sections(d)
    return pages.show(
        request,
        product,
        "inhouse/assessment/summary.html",
        d=d,
        sections=written,
        open=is_open(d, request.user),
        onward=next((section for section in written if section.state != "done"), None),
        missing=_missing(_standing(d)),
        earlier=[
            (each, [s for s in sections(d, each) if s.part.name not in ("assessment-proposal", "market")])
            for each in reversed(d.assessments[:-1])
        ],
    )


def _missing(obstacles: Iterable[Obstacle]) -> list[Obstacle]:
    """What stands in the way of the decision, in the order of the steps; the decision itself left out."""
    names = [each.name for each in PARTS]
    found = [obstacle for obstacle in obstacles if obstacle.mend != "decision"]
    return sorted(found, key=lambda x: names.index(x.mend) if x.mend in names else len(names))


class MakeForm(Form):
    prefix = "make"
    reason = forms.CharField(label=gettext_lazy("Reason for the decision"), widget=forms.Textarea)


class RejectForm(Form):
    prefix = "reject"
    end = forms.ChoiceField(
        label=gettext_lazy("How the proposal ends"), choices=Product.Outcome, widget=forms.RadioSelect
    )
    reason = forms.CharField(label=gettext_lazy("Reason for the decision"), widget=forms.Textarea)


@door(Act.WORK, pages.product, post=Act.DECIDE)
def decision(request: Request, product: Product) -> HttpResponse:
    """A manager reads what it rests on and decides; everyone else sees who can."""
    d = current(product)
    making = request.method == "POST" and request.POST.get("decision") == "make"
    rejecting = request.method == "POST" and not making
    make, reject = MakeForm(request.POST if making else None), RejectForm(request.POST if rejecting else None)
    form: Form = make if making else reject
    if sent(request, form):
        end = form.cleaned_data.get("end", "")
        if pages.attempt(
            form,
            lambda: rules.decide(product, make=making, reason=form.cleaned_data["reason"], end=end, by=request.user),
        ):
            messages.success(
                request,
                _("Decided: it may be made in-house. Appoint a product owner next.")
                if making
                else _("Decided: it is not made in-house."),
            )
            return redirect("inhouse:owner" if making else "inhouse:assessment", product.pk)
    resting_on = ("assessment-need", "market", "assessment-prohibitions", "assessment-weighing")
    return pages.show(
        request,
        product,
        "inhouse/assessment/decision.html",
        d=d,
        sections=[section for section in sections(d) if section.part.name in resting_on],
        missing=_missing(_standing(d)),
        make=make,
        reject=reject,
        errors=[form] if request.method == "POST" else [],
        deciders=access.people(Act.DECIDE, product.scope).select_related("unit"),
    )


class AgainForm(Form):
    reason = forms.CharField(
        label=gettext_lazy("Why propose it again"),
        widget=forms.Textarea,
        help_text=gettext_lazy("What has changed since the last decision."),
    )


@door(Act.WORK, pages.product, post=Act.PROPOSE)
def again(request: Request, product: Product) -> HttpResponse:
    """A rejected product as a proposal once more: a new assessment beside the old one."""
    form = AgainForm(request.POST or None)
    if sent(request, form) and pages.attempt(
        form, lambda: rules.again(product, reason=form.cleaned_data["reason"], by=request.user)
    ):
        messages.success(
            request, _("Proposed again. The texts about the need are brought along; go through the steps.")
        )
        return redirect("inhouse:assessment", product.pk)
    return pages.show(request, product, "inhouse/assessment/again.html", form=form)


urls = [
    path("products/new/", propose, name="propose"),
    path("products/<int:pk>/assessment/", assessment, name="assessment"),
    path("products/<int:pk>/assessment/proposal/", proposal, name="assessment-proposal"),
    path("products/<int:pk>/assessment/scope/", scope, name="assessment-scope"),
    path("products/<int:pk>/assessment/device/", device, name="assessment-device"),
    path("products/<int:pk>/assessment/route/", route, name="assessment-route"),
    path("products/<int:pk>/assessment/need/", need, name="assessment-need"),
    path("products/<int:pk>/assessment/prohibitions/", prohibitions, name="assessment-prohibitions"),
    path("products/<int:pk>/assessment/weighing/", weighing, name="assessment-weighing"),
    path("products/<int:pk>/assessment/again/", again, name="assessment-again"),
    path("products/<int:pk>/decision/", decision, name="decision"),
]
