"""The questions of the guided assessment, one to a page. Each is saved at once; all can be left and resumed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inhouse import assessment as rules
from inhouse import guide, law
from inhouse.models import Answer, CategoryFacts
from inhouse.views import guided, pages
from organisation import history
from organisation.access import Act
from organisation.doors import Request, door
from organisation.forms import EditForm, Form, RowsForm, Shared
from products.models import Part, Product, Revision


class QuestionForm(Shared, Form):
    """One question: its answer, and a reason where the tree asks for one."""

    use_required_attribute = False
    value = forms.ChoiceField(widget=forms.RadioSelect, error_messages={"required": gettext_lazy("Choose an answer.")})
    reason = forms.CharField(
        label=gettext_lazy("Reason"), widget=forms.Textarea(attrs={"rows": 3}), required=False, max_length=4000
    )
    confirmed = forms.BooleanField(widget=forms.HiddenInput, required=False)

    def __init__(self, question: law.Question, data: Mapping[str, Any] | None, *, kept: Any) -> None:
        super().__init__(data)
        self.question = question
        field = self.fields["value"]
        field.label = _("Your answer")
        field.choices = [(choice.id, choice.text) for choice in question.choices]  # type: ignore[attr-defined]
        reason = self.fields["reason"]
        always = question.reason >= {choice.id for choice in question.choices}
        reason.label = _("Reason") if question.reason else _("Note")
        if question.reason and not always:
            which = ", ".join(c.text for c in question.choices if c.id in question.reason)
            reason.help_text = _("Needed if you answer: %(answers)s.") % {"answers": which}
        self.initial = self.begin(kept)

    def held(self, rows: list[Any]) -> dict[Any, Any]:
        """The answer as it stands, if it is one that can still be given."""
        return {
            name: value
            for row in rows
            if self.question.choice(row.value)
            for name, value in (("value", row.value), ("reason", row.reason))
        }

    def entered(self) -> dict[Any, Any]:
        return {name: self.cleaned_data.get(name) for name in ("value", "reason")}

    @property
    def means(self) -> list[tuple[str, str]]:
        """What each answer stands for, where the tree says so."""
        return [(choice.text, choice.help) for choice in self.question.choices if choice.help]


def _question(product: Product, key: str) -> tuple[str, law.Question]:
    tree, _dot, name = key.partition(".")
    asked = law.trees()[tree].get(name) if tree in law.trees() else None
    if asked is None:
        raise Http404
    return tree, asked


class Asked:
    """A product and a question of its assessment: what the address of a question names."""

    def __init__(self, product: Product, key: str) -> None:
        self.product, self.key = product, key
        self.tree, self.question = _question(product, key)
        self.scope = product.scope


def fetch(pk: int, key: str) -> Asked:
    return Asked(pages.product(pk), key)


@door(Act.WORK, fetch, post=Act.ASSESS)
def question(request: Request, asked: Asked) -> HttpResponse:
    """One question of a tree. An answer that takes others off the way says so first."""
    product = asked.product
    course = guided.locked(request, product)
    kept = history.of(Answer).filter(assessment=course.assessment.pk, tree=asked.tree, question=asked.question.id)
    form = QuestionForm(asked.question, guided.typed(request), kept=kept)
    removed: list[str] = []
    if guided.sent(request, form):
        values = form.cleaned_data

        def save() -> None:
            taken = rules.reply(
                product, asked.tree, asked.question.id, values["value"], reason=values["reason"],
                confirmed=values["confirmed"], by=request.user,
            )  # fmt: skip
            told(request, taken)

        if pages.attempt(form, save):
            return guided.onward(request, product, "assessment-question", asked.key)
        removed = _would_remove(form)
    elif request.method == "POST" and "leave" in request.POST and not request.POST.get("value"):
        return redirect("inhouse:assessment", product.pk)
    tree = law.trees()[asked.tree]
    return guided.show(
        request, product, course, "assessment-question", "guide/question.html",
        key=asked.key, title=asked.question.text, sources=[tree.source], form=form, removed=removed,
        errors=[] if removed else [form],
    )  # fmt: skip


def _would_remove(form: Form) -> list[str]:
    """What the rule said this answer removes, if that is why it was not saved."""
    for error in form.errors.get("__all__", forms.utils.ErrorList()).as_data():
        if error.code == "removes":
            return list(getattr(error, "removed", []))
    return []


def told(request: Request, removed: list[str]) -> None:
    """Say which answers no longer applied and were removed."""
    if removed:
        messages.warning(
            request, _("Removed, as it no longer applies: %(questions)s") % {"questions": " · ".join(removed)}
        )


class ScopeForm(Shared, Form):
    """The five categories; what is ticked is a yes, what is not a no."""

    asked_for = ("categories",)
    use_required_attribute = False
    categories = forms.MultipleChoiceField(
        label=gettext_lazy("It is"), widget=forms.CheckboxSelectMultiple, required=False
    )
    confirmed = forms.BooleanField(widget=forms.HiddenInput, required=False)

    def __init__(self, data: Mapping[str, Any] | None, *, kept: Any) -> None:
        super().__init__(data)
        self.questions = law.trees()["scope_categories"].questions
        self.fields["categories"].choices = [(q.id, q.text) for q in self.questions]  # type: ignore[attr-defined]
        self.initial = self.begin(kept)

    def held(self, rows: list[Any]) -> dict[Any, Any]:
        chosen = {row.question for row in rows if row.value == "yes"}
        return {"categories": [question.id for question in self.questions if question.id in chosen]}

    def entered(self) -> dict[Any, Any]:
        chosen = self.cleaned_data.get("categories") or []
        return {"categories": [question.id for question in self.questions if question.id in chosen]}


@door(Act.WORK, pages.product, post=Act.ASSESS)
def scope(request: Request, product: Product) -> HttpResponse:
    """Which of the five kinds of work it is."""
    course = guided.locked(request, product)
    kept = history.of(Answer).filter(assessment=course.assessment.pk, tree="scope_categories")
    form = ScopeForm(guided.typed(request), kept=kept)
    removed: list[str] = []
    if guided.sent(request, form):
        chosen, confirmed = form.cleaned_data["categories"], form.cleaned_data["confirmed"]
        if "leave" in request.POST and not chosen:
            return redirect("inhouse:assessment", product.pk)

        def save() -> None:
            told(request, rules.choose_categories(product, chosen, confirmed=confirmed, by=request.user))

        if pages.attempt(form, save):
            return guided.onward(request, product, "assessment-scope")
        removed = _would_remove(form)
    return guided.show(
        request, product, course, "assessment-scope", "guide/scope.html",
        title=_("What kind of work is it?"), sources=[law.trees()["scope_categories"].source], form=form,
        removed=removed, errors=[] if removed else [form],
    )  # fmt: skip


FACTS: dict[str, tuple[str, ...]] = {
    "manufacture_modify": ("is_accessory", "device", "maker", "model", "stated_purpose"),
    "extended_use": ("device", "maker", "model", "stated_purpose", "our_purpose", "difference"),
    "combination": ("difference",),
    "consumer_product": ("device", "maker", "model", "stated_purpose", "our_purpose"),
    "research": ("study", "study_lead", "study_reference", "is_ce_marked"),
}
"""What each kind of work asks to know (VGR-20…24)."""
MAY_BE_BLANK = {"manufacture_modify": ("is_accessory", "device", "maker", "model", "stated_purpose")}


def facts_form(category: str) -> type[EditForm[CategoryFacts]]:
    """The form of one kind of work."""

    class Facts(EditForm[CategoryFacts]):
        use_required_attribute = False

        class Meta:
            model = CategoryFacts
            fields = FACTS[category]
            widgets = {"is_ce_marked": forms.RadioSelect}

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            optional = MAY_BE_BLANK.get(category, ("model",))
            for name in FACTS[category]:
                self.fields[name].required = name not in optional and "leave" not in (self.data or {})

    return Facts


class Kind:
    """A product and one kind of work."""

    def __init__(self, product: Product, category: str) -> None:
        if category not in FACTS:
            raise Http404
        self.product, self.category, self.scope = product, category, product.scope


def kind(pk: int, category: str) -> Kind:
    return Kind(pages.product(pk), category)


@door(Act.WORK, kind, post=Act.ASSESS)
def facts(request: Request, about: Kind) -> HttpResponse:
    """What one kind of work asks to know; of a combination also its parts, with what each manufacturer says."""
    product, category = about.product, about.category
    course = guided.locked(request, product)
    instance = course.facts_of(category) or CategoryFacts(assessment=course.assessment, category=category)
    form = facts_form(category)(guided.typed(request), instance=instance)
    parts = _parts(category, request, course.revision)
    given = [form] if parts is None else [form, parts]
    if guided.sent(request, *given):

        def save() -> None:
            rules.note_facts(product, category, form.values, by=request.user)
            if parts is not None:
                rules.combine(product, parts.wanted, by=request.user)  # type: ignore[arg-type]

        if pages.attempt(form, save):
            return guided.onward(request, product, "assessment-facts", category)
    tree = law.trees()["scope_categories"]
    return guided.show(
        request, product, course, "assessment-facts", "guide/facts.html",
        key=category, title=tree[category].text, sources=[tree.source], form=form, parts=parts, category=category,
        errors=given,
    )  # fmt: skip


class PieceForm(Form):
    name = forms.CharField(label=gettext_lazy("Device or product"), max_length=200)
    maker = forms.CharField(label=gettext_lazy("Manufacturer"), max_length=200)
    model = forms.CharField(label=gettext_lazy("Model"), max_length=100, required=False)
    edition = forms.CharField(label=gettext_lazy("Version"), max_length=50, required=False)
    is_ce_marked = forms.BooleanField(label=gettext_lazy("CE-marked device"), required=False)
    statement = forms.CharField(
        label=gettext_lazy("What its manufacturer says on combining it"),
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("With the source. Write that it says nothing, if so."),
    )


class PieceForms(RowsForm):
    """The parts of a combination."""

    line = PieceForm


def _parts(category: str, request: Request, revision: Revision) -> PieceForms | None:
    if category != "combination":
        return None
    return PieceForms(guided.typed(request), kept=history.of(Part).filter(revision=revision.pk), prefix="parts")


def _part(name: str) -> Any:
    """The door of a part of the way: its first page that is not done, or its first; the summary for whoever only reads."""

    @door(Act.WORK, pages.product)
    def view(request: Request, product: Product) -> HttpResponse:
        course = guide.read(product)
        stops = [stop for stop in guide.way(course) if stop.part == name]
        if not stops or not guided.is_open(course, request.user):
            return redirect("inhouse:assessment", product.pk)
        return redirect(next((stop for stop in stops if not stop.done), stops[0]).address(product))

    return view


at = "products/<int:pk>/assessment/"
urls = [
    path(f"{at}question/<str:key>/", question, name="assessment-question"),
    path(f"{at}device/", _part("assessment-device"), name="assessment-device"),
    path(f"{at}route/", _part("assessment-route"), name="assessment-route"),
    path(f"{at}scope/", scope, name="assessment-scope"),
    path(f"{at}facts/<slug:category>/", facts, name="assessment-facts"),
    path(f"{at}prohibitions/", _part("assessment-prohibitions"), name="assessment-prohibitions"),
]
