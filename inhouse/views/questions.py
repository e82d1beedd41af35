"""The questions of the guided proposal, one step to a page. Each can be left and resumed until a manager has decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import HttpResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inhouse import assessment as rules
from inhouse import law, lifecycle
from inhouse.dossier import Dossier, current
from inhouse.forms import TreeForm
from inhouse.models import Answer, Assessment
from inhouse.views import pages, steps
from organisation import history
from organisation.access import Act
from organisation.doors import Request, door
from organisation.forms import EditForm, Form, Shared
from organisation.models import User
from products.models import Product


class ScopeForm(Shared, Form):
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

    def __init__(self, answers: Mapping[str, Answer], data: Any = None, *, kept: Any, unfinished: bool) -> None:
        super().__init__(data)
        self.reasons = {name: answer.reason for name, answer in answers.items()}
        self.questions = law.trees()["scope_categories"].questions
        self.fields["categories"].choices = [(question.id, question.text) for question in self.questions]  # type: ignore[attr-defined]
        self.fields["categories"].required = not unfinished
        self.initial = self.begin(kept)

    def held(self, rows: list[Any]) -> dict[Any, Any]:
        chosen = {row.question for row in rows if row.value == "yes"}
        return {"categories": [question.id for question in self.questions if question.id in chosen]}

    def clean_categories(self) -> list[str]:
        """In the order of the questions, as they are held."""
        return [question.id for question in self.questions if question.id in self.cleaned_data["categories"]]

    def answers(self) -> rules.Answers:
        chosen = self.cleaned_data["categories"]
        if not chosen:
            return {}
        return {
            question.id: ("yes" if question.id in chosen else "no", self.reasons.get(question.id, ""))
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


def _given(d: Dossier, tree: str) -> Any:
    """The history of the answers to a tree in the latest assessment."""
    assert d.assessment is not None
    return history.of(Answer).filter(assessment=d.assessment.pk, tree=tree)


def _texts(form: type[AssessmentForm], request: Request, d: Dossier) -> Any:
    """A form on the texts of the latest assessment."""
    assert d.assessment is not None
    instance = Assessment.objects.get(pk=d.assessment.pk)
    return form(request.POST or None, instance=instance, unfinished="leave" in request.POST)


@door(Act.WORK, pages.product, post=Act.ASSESS)
def scope(request: Request, product: Product) -> HttpResponse:
    """Which of the five kinds of work it is."""
    if request.method == "POST":
        lifecycle.lock(product)
    d = current(product)
    answers, kept = d.answered("scope_categories"), _given(d, "scope_categories")
    form = ScopeForm(answers, steps.typed(request), kept=kept, unfinished="leave" in request.POST)
    if steps.sent(request, form) and pages.attempt(
        form, lambda: rules.answer(product, "scope_categories", form.answers(), by=request.user)
    ):
        return steps.onward(request, product, "assessment-scope")
    return steps.show(request, product, d, "assessment-scope", "assessment/scope.html", form=form, errors=[form])


@door(Act.WORK, pages.product, post=Act.ASSESS)
def device(request: Request, product: Product) -> HttpResponse:
    """Is it a device, and under which regulation; for what is none, the use that is not medical."""
    if request.method == "POST":
        lifecycle.lock(product)
    d = current(product)
    data = steps.typed(request)
    leaving = "leave" in request.POST
    general = TreeForm("general_definition", data, kept=_given(d, "general_definition"), unfinished=leaving)
    covered = not general.is_valid() or general.outcome != "not_covered"
    is_device = general.is_valid() and general.outcome == "general_device"
    ivd = TreeForm("md_or_ivd", data, kept=_given(d, "md_or_ivd"), unfinished=leaving or not is_device)
    statement = _texts(StatementForm, request, d)
    if steps.sent(request, general, ivd, statement):
        if not covered and not leaving and not statement.cleaned_data["non_medical_statement"]:
            statement.add_error(
                "non_medical_statement", _("Describe in your own words the intended use that is not medical.")
            )
        elif pages.attempt(general, lambda: _save_device(product, general, ivd, statement, by=request.user)):
            outcomes = [general.outcome] if not covered else [general.outcome, ivd.outcome]
            return steps.onward(request, product, "assessment-device", *outcomes)
    forms_shown = {"general": general, "ivd": ivd, "form": statement, "errors": [general, ivd, statement]}
    return steps.show(request, product, d, "assessment-device", "assessment/device.html", **forms_shown)


def _save_device(product: Product, general: TreeForm, ivd: TreeForm, statement: StatementForm, *, by: User) -> None:
    rules.answer(product, "general_definition", general.answers(), by=by)
    rules.answer(product, "md_or_ivd", {} if general.outcome == "not_covered" else ivd.answers(), by=by)
    rules.write(product, statement.values, by=by)


@door(Act.WORK, pages.product, post=Act.ASSESS)
def route(request: Request, product: Product) -> HttpResponse:
    """Custom-made for one patient, or used outside the institution: other rules."""
    if request.method == "POST":
        lifecycle.lock(product)
    d = current(product)
    trees = [
        TreeForm(tree, steps.typed(request), kept=_given(d, tree), unfinished="leave" in request.POST)
        for tree in steps.part("assessment-route").trees
    ]

    def save() -> None:
        for tree in trees:
            rules.answer(product, tree.tree.id, tree.answers(), by=request.user)

    if steps.sent(request, *trees) and pages.attempt(trees[0], save):
        return steps.onward(request, product, "assessment-route", *(tree.outcome for tree in trees))
    return steps.show(request, product, d, "assessment-route", "assessment/route.html", trees=trees, errors=trees)


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
    if steps.sent(request, form) and pages.attempt(form, lambda: rules.write(product, form.values, by=request.user)):
        return steps.onward(request, product, name)
    return steps.show(request, product, d, name, "assessment/texts.html", form=form, errors=[form])


@door(Act.WORK, pages.product, post=Act.ASSESS)
def prohibitions(request: Request, product: Product) -> HttpResponse:
    """The four grounds that rule in-house manufacture out, each answered with a reason."""
    if request.method == "POST":
        lifecycle.lock(product)
    d = current(product)
    data, kept = steps.typed(request), _given(d, "prohibitions")
    form = TreeForm("prohibitions", data, kept=kept, reason_required=True, unfinished="leave" in request.POST)
    if steps.sent(request, form) and pages.attempt(
        form, lambda: rules.answer(product, "prohibitions", form.answers(), by=request.user)
    ):
        return steps.onward(request, product, "assessment-prohibitions")
    return steps.show(
        request, product, d, "assessment-prohibitions", "assessment/prohibitions.html", form=form, errors=[form]
    )


urls = [
    path("products/<int:pk>/assessment/scope/", scope, name="assessment-scope"),
    path("products/<int:pk>/assessment/device/", device, name="assessment-device"),
    path("products/<int:pk>/assessment/route/", route, name="assessment-route"),
    path("products/<int:pk>/assessment/need/", need, name="assessment-need"),
    path("products/<int:pk>/assessment/prohibitions/", prohibitions, name="assessment-prohibitions"),
    path("products/<int:pk>/assessment/weighing/", weighing, name="assessment-weighing"),
]
