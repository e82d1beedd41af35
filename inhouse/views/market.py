"""The market search: a step of the proposal, and renewed as long as the product lives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.forms import BaseFormSet, formset_factory
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inhouse import market as rules
from inhouse.dossier import Dossier, current
from inhouse.models import MarketSearch
from inhouse.views import pages, steps
from organisation import access, clock
from organisation.access import Act
from organisation.doors import Request, door
from organisation.forms import Form, ModelForm, whole
from products.models import Product

DEVICE = ("device", "maker", "shortfall")
MOST = 200


class SearchForm(ModelForm[MarketSearch]):
    class Meta:
        model = MarketSearch
        fields = ("result", "sources", "justification", "searched_on")
        widgets = {"result": forms.RadioSelect}


class CandidateForm(Form):
    device = forms.CharField(label=gettext_lazy("Device"), max_length=200)
    maker = forms.CharField(label=gettext_lazy("Manufacturer"), max_length=200)
    shortfall = forms.CharField(
        label=gettext_lazy("Why it does not meet the need"), widget=forms.Textarea(attrs={"rows": 2})
    )


class CandidateLines(BaseFormSet):  # type: ignore[type-arg]
    """Lines of devices. A line left blank counts for nothing; one begun must be finished."""

    def initial_form_count(self) -> int:
        return 0

    def total_form_count(self) -> int:
        return super().total_form_count() if self.is_bound else max(1, len(self.initial or ()))


CandidateForms = formset_factory(CandidateForm, formset=CandidateLines, absolute_max=MOST, max_num=MOST)


def _lines(data: Mapping[str, Any]) -> list[dict[str, str]]:
    """The devices as typed, finished or not."""
    count = whole(str(data.get("devices-TOTAL_FORMS", "")))
    return [
        {name: data.get(f"devices-{index}-{name}", "") for name in DEVICE} for index in range(min(count or 0, MOST))
    ]


def _start(d: Dossier) -> tuple[dict[str, Any], Sequence[dict[str, str]]]:
    """What a new search begins with: in the proposal all of the last one, to correct it; later the names only."""
    begun: dict[str, Any] = {"searched_on": clock.today()}
    if d.search is None:
        return begun, []
    begun["sources"] = d.search.sources
    lines = [{name: getattr(c, name) for name in DEVICE} for c in d.considered(d.search)]
    if d.product.stage == Product.Stage.PROPOSED:
        begun |= {"result": d.search.result, "justification": d.search.justification}
    else:
        lines = [line | {"shortfall": ""} for line in lines]
    return begun, lines


@door(Act.WORK, pages.product, post=Act.ASSESS)
def market(request: Request, product: Product) -> HttpResponse:
    """What was searched and found, the one that counts first, when it falls due again, and a new search."""
    if request.method == "POST":
        access.require(request.user, rules.act(product), product.scope)
    d = current(product)
    guided = steps.is_open(d, request.user)
    if request.method == "POST" and {"add", "remove"} & request.POST.keys():
        form, devices = _redrawn(request)
        return _show(request, product, d, guided, form, devices)
    begun, lines = _start(d)
    form = SearchForm(steps.typed(request), initial=begun)
    devices = CandidateForms(
        steps.typed(request), initial=None if request.method == "POST" else lines, prefix="devices"
    )
    if request.method == "POST" and "leave" in request.POST and not _anything(request):
        return redirect("inhouse:assessment", product.pk)
    readable = devices.is_valid()
    if steps.sent(request, form) and readable:
        considered: list[rules.Considered] = [
            {"device": row["device"], "maker": row["maker"], "shortfall": row["shortfall"]}
            for row in devices.cleaned_data
            if row
        ]
        if pages.attempt(form, lambda: rules.record(product, **form.values, candidates=considered, by=request.user)):
            if guided:
                return steps.onward(request, product, "market")
            messages.success(request, _("The search is recorded."))
            return redirect("inhouse:market", product.pk)
    return _show(request, product, d, guided, form, devices)


def _anything(request: Request) -> bool:
    """Whether a search was begun."""
    names = ("result", "sources", "justification")
    return any(request.POST.get(name) for name in names) or any(any(line.values()) for line in _lines(request.POST))


def _redrawn(request: Request) -> tuple[SearchForm, Any]:
    """The page with a line more or a line less, and everything typed still there; nothing is saved or complained about."""
    lines = _lines(request.POST)
    gone = whole(request.POST.get("remove", ""))
    if gone is not None and gone < len(lines):
        del lines[gone]
    form = SearchForm(initial={name: request.POST.get(name, "") for name in SearchForm.Meta.fields})
    if "add" in request.POST:
        lines.append(dict.fromkeys(DEVICE, ""))
    devices = CandidateForms(initial=lines, prefix="devices")
    if "add" in request.POST:
        devices.forms[-1].fields["device"].widget.attrs["autofocus"] = True
    return form, devices


def _show(request: Request, product: Product, d: Dossier, guided: bool, form: SearchForm, devices: Any) -> HttpResponse:
    may_search = access.may(request.user, rules.act(product), product.scope) and not rules.is_over(product)
    searches = [(search, d.considered(search)) for search in reversed(d.searches)]
    wanted = request.method == "POST" or "new" in request.GET or not searches
    due = rules.due_on(d)
    context: dict[str, Any] = steps.guide(d, "market") if guided else {}
    return pages.show(
        request,
        product,
        "inhouse/market/page.html",
        d=d,
        frame="inhouse/assessment/step.html" if guided else "inhouse/product.html",
        guided=guided,
        searches=searches,
        form=form,
        devices=devices,
        writing=may_search and wanted,
        may_search=may_search,
        due=due,
        overdue=due is not None and due < clock.today(),
        errors=[form, *devices.forms] if form.is_bound else [],
        refused=form.is_bound and (bool(form.errors) or any(devices.errors)),
        **context,
    )


urls = [path("products/<int:pk>/market/", market, name="market")]
