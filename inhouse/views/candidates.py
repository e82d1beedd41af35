"""The devices that a market search considers, one to a page, and those that the institution knows already."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inhouse import candidates as rules
from inhouse import market
from inhouse.models import Candidate, MarketDevice
from inhouse.searches import WORDED
from inhouse.views import guided, pages, searching
from inhouse.views.searching import Work
from organisation.access import Act
from organisation.doors import Request, door
from organisation.forms import EditForm, Form
from products.models import Product

DEVICE = ("device", "maker", "model", *rules.FACTS)
HELP: dict[str, Any] = {
    "is_device": gettext_lazy("Similar products under other rules do not meet the safety demands on devices."),
    "is_ce_marked": gettext_lazy("See the mark itself and a copy of the EU declaration of conformity."),
    "maker_identified": gettext_lazy(
        "A manufacturer outside the EEA has an authorised representative; an imported device names its importer."
    ),
    "is_labelled": gettext_lazy("Labelled by the rules, with instructions included."),
    "has_udi": gettext_lazy("Note the UDI-DI above and the number of the certificate below."),
    "suits_use": gettext_lazy("Used outside its stated purpose, you would answer for it as its manufacturer."),
    "storage_possible": gettext_lazy("For example at the temperature it demands."),
    "lasts": gettext_lazy("Until its expiry date, or with the service its manufacturer says it needs."),
    "technical": gettext_lazy("Design, materials, energy, software, conditions of use, principle of operation."),
    "biological": gettext_lazy("Materials in contact with the same tissues or fluids, for as long."),
    "clinical": gettext_lazy("Condition, site in the body, patients, users, effect."),
    "performance": gettext_lazy("Against the level of performance that the need calls for."),
    "shortfall": gettext_lazy(
        "What this patient group needs and the device does not give. Left empty only for a device that does meet the need."
    ),
}


# --- the list


@door(Act.WORK, pages.product, post=Act.ASSESS)
def considered(request: Request, product: Product) -> HttpResponse:
    """The devices considered; each is judged on a page of its own."""
    work = searching.work(request, product)
    if work.away:
        return searching.elsewhere(work)
    title = _("Which devices on the market come near?")
    if work.settled:
        return searching.settled(request, work, "market-candidates", title=title)
    form = Form(guided.typed(request))
    if guided.sent(request, form):
        gone = request.POST.get("drop", "")
        if not gone:
            return searching.onward(request, work, "market-candidates")
        candidate = _of(work, gone)
        if pages.attempt(form, lambda: market.drop(candidate, by=request.user)):
            messages.success(request, _("%(device)s is no longer considered.") % {"device": candidate})
            return redirect("inhouse:market-candidates", product.pk)
    found = list(work.draft.candidates.select_related("market_device")) if work.draft else []
    return searching.show(
        request, work, "market-candidates", "market/candidates.html", title=title, candidates=found, form=form,
        errors=[form] if form.is_bound else [],
    )  # fmt: skip


def _of(work: Work, key: str) -> Candidate:
    """A device of the search under way, or 404."""
    if work.draft is None or not (key.isascii() and key.isdigit()):
        raise Http404
    return get_object_or_404(Candidate.objects.select_related("market_device", "search"), pk=key, search=work.draft)


# --- one device


class CandidateForm(EditForm[Candidate]):
    """One device: which it is, what was checked and compared, and why it does not meet the need."""

    use_required_attribute = False
    asked_for = ("shortfall",)

    class Meta:
        model = Candidate
        fields = ("device", "maker", *WORDED)
        widgets = dict.fromkeys(Candidate.CHECKS, forms.RadioSelect) | {
            name: forms.Textarea(attrs={"rows": 3}) for name in (*Candidate.COMPARISONS, "life_cost", "shortfall")
        }

    def __init__(self, *args: Any, about: MarketDevice | None, find: str, **kwargs: Any) -> None:
        shared = about or MarketDevice()
        kwargs["initial"] = {name: getattr(shared, name) for name in ("model", *rules.FACTS)} | kwargs.get(
            "initial", {}
        )
        super().__init__(*args, **kwargs)
        facts = forms.fields_for_model(MarketDevice, ["model", *rules.FACTS])
        facts["stated_purpose"].widget.attrs["rows"] = 3
        self.fields |= {name: field for name, field in facts.items() if field}
        for name in ("model", *rules.FACTS):
            self.fields[name].widget.attrs["class"] = "ds-input"
        for name in Candidate.CHECKS:
            field: Any = self.fields[name]
            field.choices = [(True, _("yes")), (False, _("no")), ("", _("not known"))]
            field.asked = True
        for name, text in HELP.items():
            self.fields[name].help_text = text
        self.fields["shortfall"].required = False
        for name in ("device", "maker"):
            self.fields[name].widget.attrs |= {
                "hx-get": find,
                "hx-trigger": "input changed delay:400ms",
                "hx-target": "#known",
                "hx-include": "#id_device, #id_maker",
            }

    @property
    def said(self) -> dict[str, Any]:
        return self.values | {name: self.cleaned_data[name] for name in ("model", *rules.FACTS)}

    @property
    def checks(self) -> list[Any]:
        return [self[name] for name in Candidate.CHECKS]

    @property
    def comparisons(self) -> list[Any]:
        return [self[name] for name in Candidate.COMPARISONS]


class One:
    """A product and one device of its search: its key, or "new"."""

    def __init__(self, product: Product, key: str) -> None:
        if key != "new" and not (key.isascii() and key.isdigit()):
            raise Http404
        self.product, self.key, self.scope = product, key, product.scope


def one(pk: int, key: str) -> One:
    return One(pages.product(pk), key)


@door(Act.WORK, one, post=Act.ASSESS)
def candidate(request: Request, about: One) -> HttpResponse:
    """One device that is considered, or a new one; a device judged for another product fills in what holds of itself."""
    product, posted = about.product, request.method == "POST"
    work = searching.work(request, product)
    if work.away:
        return searching.elsewhere(work)
    if work.settled:
        return redirect("inhouse:market-candidates", product.pk)
    held = _of(work, about.key) if about.key != "new" else Candidate()
    shared = held.market_device
    find = reverse("inhouse:market-known", args=[product.pk])
    known: list[rules.Known] = []
    if posted and {"find", "known"} & request.POST.keys():
        typed = {name: request.POST.get(name, "") for name in (*DEVICE, *WORDED, "seen")}
        chosen = _chosen(request, product)
        if chosen:
            typed |= _filled(chosen)
        elif "find" in request.POST:
            known = rules.known(f"{typed['device']} {typed['maker']}", product)
        form = CandidateForm(initial=typed, instance=held, about=shared, find=find)
        form.fields["seen"].initial = typed["seen"]
    else:
        chosen = None
        form = CandidateForm(guided.typed(request), instance=held, about=shared, find=find)
    if form.is_bound and guided.sent(request, form):
        row = held if held.pk else None
        if pages.attempt(form, lambda: market.consider(work.begin(request), candidate=row, by=request.user, **form.said)):  # fmt: skip
            if "leave" in request.POST:
                return searching.onward(request, work, "market-candidates")
            messages.success(request, _("Saved: %(device)s.") % {"device": form.cleaned_data["device"]})
            if "another" in request.POST:
                return redirect("inhouse:market-candidate", product.pk, "new")
            return redirect("inhouse:market-conclusion" if work.course else "inhouse:market-candidates", product.pk)
    return searching.show(
        request, work, "market-candidates", "market/candidate.html",
        title=str(held) if about.key != "new" and not posted else _("Which device, and why does it not meet the need?"),
        form=form, known=known, sought="find" in request.POST, chosen=chosen, need=_need(work),
        first=work.course is not None and "candidates" not in work.course.searched,
        back=reverse("inhouse:market-candidates", args=[product.pk]), errors=[form] if form.is_bound else [],
    )  # fmt: skip


def _need(work: Work) -> Any:
    return work.course.assessment if work.course else work.draft.assessment if work.draft else None


def _chosen(request: Request, product: Product) -> rules.Known | None:
    """The known device that was picked, with its last judgement for another product."""
    key = request.POST.get("known", "")
    device = MarketDevice.objects.filter(pk=key).first() if key.isascii() and key.isdigit() else None
    return rules.Known(device, rules.judgements([device], product).get(device.pk)) if device else None


def _filled(chosen: rules.Known) -> dict[str, Any]:
    """What holds of the device itself, whoever needs it. The comparison and the judgement are for this need alone."""
    device, judged = chosen.device, chosen.judged
    found = {"device": device.name, "maker": device.maker} | {name: getattr(device, name) for name in ("model", *rules.FACTS)}  # fmt: skip
    return found | ({name: getattr(judged, name) for name in rules.OF_THE_DEVICE} if judged else {})


@door(Act.WORK, pages.product)
def known(request: Request, product: Product) -> HttpResponse:
    """Devices that the institution knows by these words: what appears while a device is typed."""
    text = f"{request.GET.get('device', '')} {request.GET.get('maker', '')}"
    return render(request, "inhouse/market/_known.html", {"known": rules.known(text, product), "sought": False})


urls = [
    path("products/<int:pk>/market/devices/", considered, name="market-candidates"),
    path("products/<int:pk>/market/devices/known/", known, name="market-known"),
    path("products/<int:pk>/market/devices/<str:key>/", candidate, name="market-candidate"),
]
