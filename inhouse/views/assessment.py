"""Proposing a product: the idea and its wording, the summary of its assessment, and proposing it again."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inhouse import assessment as rules
from inhouse import lifecycle
from inhouse.dossier import current
from inhouse.forms import UnitField
from inhouse.views import pages, steps
from organisation.access import Act
from organisation.doors import Request, door
from organisation.forms import EditForm, Form, ModelForm
from organisation.models import Unit
from products.models import Product


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


@door(Act.PROPOSE)
def propose(request: Request) -> HttpResponse:
    """The first step: an idea becomes a product with a number."""
    form = ProposeForm(request.POST or None, initial={"unit": request.user.unit_id})
    made: list[Product] = []
    if steps.sent(request, form) and pages.attempt(
        form, lambda: made.append(rules.propose(**form.values, by=request.user))
    ):
        [product] = made
        messages.success(
            request, _("“%(name)s” has got the number %(number)s.") % {"name": product.name, "number": product.number}
        )
        return steps.onward(request, product, "assessment-proposal")
    return render(
        request,
        "inhouse/assessment/propose.html",
        {"form": form, "errors": [form], **steps.guide(None, "assessment-proposal")},
    )


@door(Act.WORK, pages.product, post=Act.ASSESS)
def proposal(request: Request, product: Product) -> HttpResponse:
    """The idea in other words, as long as nobody has decided."""
    if request.method == "POST":
        lifecycle.lock(product)
    form = ProposalForm(request.POST or None, instance=pages.product(product.pk))
    if steps.sent(request, form) and pages.attempt(
        form, lambda: rules.describe(product, **form.values, by=request.user)
    ):
        return steps.onward(request, product, "assessment-proposal")
    return steps.show(
        request, product, current(product), "assessment-proposal", "assessment/proposal.html", form=form, errors=[form]
    )


@door(Act.WORK, pages.product)
def assessment(request: Request, product: Product) -> HttpResponse:
    """Every step with its answers, what is missing, the decision, and the assessments before this one."""
    d = current(product)
    written = steps.sections(d)
    return pages.show(
        request,
        product,
        "inhouse/assessment/summary.html",
        d=d,
        sections=written,
        open=steps.is_open(d, request.user),
        onward=next((section for section in written if section.state != "done"), None),
        missing=steps.missing(d),
        earlier=[
            (each, [s for s in steps.sections(d, each) if s.part.name not in ("assessment-proposal", "market")])
            for each in reversed(d.assessments[:-1])
        ],
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
    if steps.sent(request, form) and pages.attempt(
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
    path("products/<int:pk>/assessment/again/", again, name="assessment-again"),
]
