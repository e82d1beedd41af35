"""The decision whether a product may be made, with what it rests on."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inhouse import assessment as rules
from inhouse import guide, law
from inhouse.dossier import current
from inhouse.views import guided, pages, record
from organisation import access
from organisation.access import Act
from organisation.doors import Request, door
from organisation.forms import Form
from products.models import Product


class MakeForm(pages.GraveForm):
    prefix = "make"
    reason = forms.CharField(label=gettext_lazy("Reason for the decision"), widget=forms.Textarea)


class RejectForm(pages.GraveForm):
    prefix = "reject"
    end = forms.ChoiceField(
        label=gettext_lazy("How the proposal ends"), choices=Product.Outcome, widget=forms.RadioSelect
    )
    reason = forms.CharField(label=gettext_lazy("Reason for the decision"), widget=forms.Textarea)


def _forms(
    product: Product, making: QueryDict | None, rejecting: QueryDict | None, *, end: str
) -> tuple[MakeForm, RejectForm]:
    """Both decisions, each with what it means for this product."""
    words = {"product": product}
    make = _(
        "I have read what the decision rests on and what it means: %(product)s may be made in-house, and the decision is not changed afterwards."
    )
    reject = _(
        "I have read what the decision rests on and what it means: %(product)s is not made in-house, and the decision is not changed afterwards."
    )
    expected = {"end": law.outcomes()[end].ends} if end else {}
    return MakeForm(making, meaning=make % words), RejectForm(rejecting, meaning=reject % words, initial=expected)


@door(Act.WORK, pages.product, post=Act.DECIDE)
def decision(request: Request, product: Product) -> HttpResponse:
    """A manager reads what it rests on and decides; everyone else sees who can."""
    d = current(product)
    making = request.method == "POST" and request.POST.get("decision") == "make"
    rejecting = request.method == "POST" and not making
    end = guide.of(d).end()
    make, reject = _forms(product, request.POST if making else None, request.POST if rejecting else None, end=end)
    form: Form = make if making else reject
    if guided.sent(request, form):
        ends = form.cleaned_data.get("end", "")
        if pages.attempt(
            form,
            lambda: rules.decide(product, make=making, reason=form.cleaned_data["reason"], end=ends, by=request.user),
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
        sections=[section for section in record.sections(d) if section.part.name in resting_on],
        missing=record.missing(d),
        ended=law.outcomes()[end] if end else None,
        make=make,
        reject=reject,
        errors=[form] if request.method == "POST" else [],
        deciders=access.people(Act.DECIDE, product.scope).select_related("unit"),
    )


urls = [
    path("products/<int:pk>/decision/", decision, name="decision"),
]
