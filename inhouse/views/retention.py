"""How long files are kept: the list, a product's page, legal holds, longer keeping, and who patients are."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from inhouse import disposal, holds, kept, retention
from inhouse.dossier import current
from inhouse.models import Hold
from inhouse.views import pages
from organisation import access, clock
from organisation.access import Act
from organisation.alphabet import by
from organisation.doors import Request, door
from organisation.forms import Form
from organisation.models import Administration
from products.models import Product

PER_PAGE = 25


class FilterForm(Form):
    """What the list can be narrowed by; every field may be left out."""

    state = forms.ChoiceField(label=gettext_lazy("State"), required=False)
    administration = forms.ModelChoiceField(
        Administration.objects.order_by(by("name")),
        label=gettext_lazy("Administration"),
        required=False,
        empty_label=gettext_lazy("all"),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["state"].choices = [("", _("all")), *kept.State.choices]  # type: ignore[attr-defined]


@door(Act.WORK)
def everything(request: Request) -> HttpResponse:
    """Every product out of use, with the day until which its file is kept and what holds it."""
    form = FilterForm(request.GET)
    found = kept.products().select_related("unit__administration").order_by("-number")
    if form.is_valid():
        found = kept.narrow(found, form.cleaned_data["state"], on=clock.today())
        if form.cleaned_data["administration"]:
            found = found.filter(unit__administration=form.cleaned_data["administration"])
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    query = request.GET.copy()
    query.pop("page", None)
    context = {
        "form": form,
        "page": page,
        "rows": kept.rows(page.object_list, on=clock.today()),
        "query": query.urlencode(),
    }
    return render(request, "inhouse/retention/list.html", context)


@door(Act.WORK, pages.kept)
def product(request: Request, product: Product) -> HttpResponse:
    """How the day is counted, what holds the file, and where disposal has come to."""
    d = current(product)
    return pages.show(
        request, product, "inhouse/retention/page.html", d=d, floor=retention.floor(d), last=retention.counted_from(d),
        years=retention.years(d), demanded=retention.demanded(d), reached=_reached(d),
        obstacles=retention.obstacles(d) if product.stage == Product.Stage.WITHDRAWN else [],
        known=len(disposal.known_patients(product)) if access.may(request.user, Act.ERASE_PATIENTS, product.scope) else 0,
    )  # fmt: skip


def _reached(d: Any) -> bool:
    floor = retention.floor(d)
    return floor is not None and floor <= d.on


# --- holds


class HoldForm(Form):
    reason = forms.CharField(label=gettext_lazy("Why must the file be held?"), widget=forms.Textarea)
    reference = forms.CharField(
        label=gettext_lazy("Reference"), max_length=100, help_text=gettext_lazy("Of the case, inspection or claim.")
    )


class ReasonForm(Form):
    reason = forms.CharField(label=gettext_lazy("Reason"), widget=forms.Textarea)


@door(Act.RETAIN, pages.product)
def hold(request: Request, product: Product) -> HttpResponse:
    form = HoldForm(request.POST or None)
    if (
        request.method == "POST"
        and form.is_valid()
        and pages.attempt(form, lambda: holds.place(product, **form.cleaned_data, by=request.user))
    ):
        messages.success(request, _("Held. Nothing is disposed of until this hold is lifted."))
        return redirect("inhouse:retention", product.pk)
    return pages.show(request, product, "inhouse/retention/hold.html", form=form)


def hold_of(pk: int) -> Hold:
    """The hold with its product, or 404."""
    found = get_object_or_404(Hold.objects.select_related("by"), pk=pk)
    found.product = pages.kept(found.product_id)
    return found


@door(Act.RETAIN, hold_of)
def lift(request: Request, hold: Hold) -> HttpResponse:
    form = ReasonForm(request.POST or None)
    if (
        request.method == "POST"
        and form.is_valid()
        and pages.attempt(form, lambda: holds.lift(hold, **form.cleaned_data, by=request.user))
    ):
        messages.success(request, _("The hold is lifted."))
        return redirect("inhouse:retention", hold.product_id)
    return pages.show(request, hold.product, "inhouse/retention/lift.html", form=form, hold=hold)


# --- longer


class YearsForm(Form):
    years = forms.IntegerField(label=gettext_lazy("Years after the last item left use"), min_value=1)
    reason = forms.CharField(label=gettext_lazy("Reason"), widget=forms.Textarea)


@door(Act.RETAIN, pages.product)
def longer(request: Request, product: Product) -> HttpResponse:
    """Choose how many years the file is kept, never fewer than are demanded."""
    d = current(product)
    form = YearsForm(request.POST or None, initial={"years": retention.years(d)})
    if (
        request.method == "POST"
        and form.is_valid()
        and pages.attempt(form, lambda: holds.keep(product, **form.cleaned_data, by=request.user))
    ):
        messages.success(request, _("Chosen. The day is counted anew."))
        return redirect("inhouse:retention", product.pk)
    return pages.show(request, product, "inhouse/retention/longer.html", d=d, form=form, demanded=retention.demanded(d))


# --- who patients are


class DecisionForm(pages.GraveForm):
    decision = forms.CharField(
        label=gettext_lazy("Decision"), max_length=200, help_text=gettext_lazy("Its reference and day, as in the diary. Do not write the patient’s number here.")
    )  # fmt: skip


@door(Act.ERASE_PATIENTS, pages.product)
def forget(request: Request, product: Product) -> HttpResponse:
    """Erase who the patients are that met only this product's items, by a decision of its own."""
    count = len(disposal.known_patients(product))
    meaning = ngettext(
        "I have read what this means: nobody can learn from the register any more who %(count)s patient is, also not in a recall.",
        "I have read what this means: nobody can learn from the register any more who %(count)s patients are, also not in a recall.",
        count,
    ) % {"count": count}
    form = DecisionForm(request.POST or None, meaning=meaning)
    if request.method == "POST" and form.is_valid():
        decision = form.cleaned_data["decision"]
        if pages.attempt(form, lambda: disposal.erase_patients(product, decision=decision, by=request.user)):
            day = date_format(clock.today())
            messages.success(request, _("The identities are erased on %(day)s.") % {"day": day})
            return redirect("inhouse:retention", product.pk)
    return pages.show(request, product, "inhouse/retention/patients.html", form=form, count=count)


urls = [
    path("retention/", everything, name="retention-all"),
    path("products/<int:pk>/retention/", product, name="retention"),
    path("products/<int:pk>/retention/hold/", hold, name="retention-hold"),
    path("products/<int:pk>/retention/longer/", longer, name="retention-longer"),
    path("products/<int:pk>/retention/patients/", forget, name="retention-patients"),
    path("holds/<int:pk>/lift/", lift, name="retention-lift"),
]
