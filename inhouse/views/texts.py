"""What the guided assessment asks in words: the need, the weighing, and what ends another way than in-house."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.http import HttpResponse
from django.urls import path
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inhouse import assessment as rules
from inhouse import guide, law
from inhouse.models import Assessment, OtherRoute
from inhouse.views import guided, pages
from organisation.access import Act
from organisation.doors import Request, door
from organisation.forms import EditForm
from products.models import Product, Revision


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
    needed = ("non_medical_statement",)

    class Meta:
        model = Assessment
        fields = ("non_medical_statement",)


class NeedForm(AssessmentForm):
    needed = (*rules.NEED, "intended_purpose")
    intended_purpose = forms.CharField(
        label=gettext_lazy("Intended purpose"),
        widget=forms.Textarea,
        help_text=gettext_lazy(
            "What it does, in whom and in which condition, as the label and the instructions will say it."
        ),
    )
    traits = forms.MultipleChoiceField(
        label=gettext_lazy("It is or has"),
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text=gettext_lazy("The risk class and the demands on safety depend on it. Leave blank what does not fit."),
    )
    field_order = ("intended_purpose", "traits", *rules.NEED, "need_on")

    class Meta:
        model = Assessment
        fields = (*rules.NEED, "need_on")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        labels = {name: str(capfirst(Revision._meta.get_field(name).verbose_name)) for name in rules.TRAITS}  # type: ignore[union-attr]
        self.fields["traits"].choices = list(labels.items())  # type: ignore[attr-defined]
        self.fields["traits"].asked = True  # type: ignore[attr-defined]

    @property
    def design(self) -> dict[str, Any]:
        """What is kept with the design: the purpose, and each trait as ticked or not."""
        ticked = self.cleaned_data["traits"]
        return {"intended_purpose": self.cleaned_data["intended_purpose"]} | {
            name: name in ticked for name in rules.TRAITS
        }


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


def _write(
    request: Request,
    product: Product,
    name: str,
    kind: type[AssessmentForm],
    title: Any,
    *demands: str,
    intro: Any = "",
    initial: Callable[[guide.Course], dict[str, Any]] = lambda course: {},
) -> HttpResponse:
    """A page of texts of the assessment."""
    course = guided.locked(request, product)
    form = kind(
        request.POST or None, instance=course.assessment, unfinished="leave" in request.POST, initial=initial(course)
    )
    if guided.sent(request, form):
        design = {"design": form.design} if isinstance(form, NeedForm) else {}
        if pages.attempt(form, lambda: rules.write(product, form.values, by=request.user, **design)):
            return guided.onward(request, product, name)
    return guided.show(
        request, product, course, name, "guide/texts.html",
        title=title, sources=guided.rests_on(*demands), form=form, errors=[form], intro=intro,
    )  # fmt: skip


@door(Act.WORK, pages.product, post=Act.ASSESS)
def statement(request: Request, product: Product) -> HttpResponse:
    """For what is no device: the use that is not medical, in one's own words."""
    return _write(
        request, product, "assessment-statement", StatementForm, _("What is it used for, if not medically?"), "VGR-11",
        intro=_("By your answers this is not a medical device. What you write here is what shows it."),
    )  # fmt: skip


@door(Act.WORK, pages.product, post=Act.ASSESS)
def need(request: Request, product: Product) -> HttpResponse:
    """The purpose, the patient group, its special need, and the performance that calls for."""
    return _write(
        request, product, "assessment-need", NeedForm, _("What is it for, and what does the patient group need?"), "MDR55-c", "VGR-10",
        intro=_("In-house manufacture is for a group of patients whose needs the market does not meet. What you write here is what the market search and the validation are held against."),
        initial=lambda course: {
            "intended_purpose": course.revision.intended_purpose,
            "traits": [name for name in rules.TRAITS if getattr(course.revision, name)],
        },
    )  # fmt: skip


@door(Act.WORK, pages.product, post=Act.ASSESS)
def weighing(request: Request, product: Product) -> HttpResponse:
    """Benefit, risk and cost, and the advice that was sought."""
    return _write(
        request, product, "assessment-weighing", WeighingForm,
        _("Does the benefit outweigh the risk and the cost?"), "VGR-40", "VGR-41",
        intro=_("Weigh before anyone decides. Whoever decides reads this, and so does the authority if it asks."),
    )  # fmt: skip


ROUTE = {
    "custom_made": ("prescriber", "prescriber_place", "sites", "special_features", "unmet", "substances"),
    "ci": ("study", "sponsor", "study_reference"),
}


class RouteForm(EditForm[OtherRoute]):
    use_required_attribute = False

    class Meta:
        model = OtherRoute
        fields = (*ROUTE["custom_made"], *ROUTE["ci"])
        help_texts = {
            "special_features": gettext_lazy("Never who the patient is: that stays in the patient’s record."),
        }

    def __init__(self, outcome: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in set(self.fields) - set(ROUTE[outcome]) - {"seen"}:
            del self.fields[name]
        for name in ("prescriber", "special_features", "study", "sponsor"):
            if name in self.fields:
                self.fields[name].required = "leave" not in (self.data or {})

    @property
    def written(self) -> dict[str, Any]:
        return {name: value for name, value in self.values.items() if name in self.fields}


@door(Act.WORK, pages.product, post=Act.ASSESS)
def other_route(request: Request, product: Product) -> HttpResponse:
    """What the way of a custom-made device or of an investigation demands, and the facts to note."""
    course = guided.locked(request, product)
    outcome = "custom_made" if course.outcome("custom_made") == "custom_made" else "ci"
    form = RouteForm(
        outcome, guided.typed(request), instance=course.other_route or OtherRoute(assessment=course.assessment)
    )
    if guided.sent(request, form) and pages.attempt(
        form, lambda: rules.note_route(product, form.written, by=request.user)
    ):
        return guided.onward(request, product, "assessment-other-route")
    return guided.show(
        request, product, course, "assessment-other-route", "guide/other_route.html",
        title=_("What the custom-made way demands") if outcome == "custom_made" else _("What an investigation demands"),
        sources=[law.trees()["custom_made" if outcome == "custom_made" else "clinical_investigation"].source],
        form=form, errors=[form], route=law.routes()[outcome], outcome=law.outcomes()[outcome],
    )  # fmt: skip


at = "products/<int:pk>/assessment/"
urls = [
    path(f"{at}statement/", statement, name="assessment-statement"),
    path(f"{at}other-route/", other_route, name="assessment-other-route"),
    path(f"{at}need/", need, name="assessment-need"),
    path(f"{at}weighing/", weighing, name="assessment-weighing"),
]
