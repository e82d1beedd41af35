"""The market search: a part of the assessment, and renewed as long as the product lives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.forms import BaseFormSet, formset_factory
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inhouse import guide, searches
from inhouse import market as rules
from inhouse.dossier import current
from inhouse.models import Ground, Lookup, MarketFile, MarketSearch
from inhouse.views import guided, pages, searching
from inhouse.views.papers import uploaded
from inhouse.views.searching import Work
from organisation import access, clock
from organisation.access import Act
from organisation.doors import Request, door
from organisation.forms import EditForm, Form, ModelForm
from products.models import Product

PLACE = ("source", "query", "hits", "looked_on", "looked_by")
MOST = 200


# --- all searches


@door(Act.WORK, pages.product, post=Act.ASSESS)
def market(request: Request, product: Product) -> HttpResponse:
    """Every search, the one that counts first, with what differs from the one before; and a new one is begun."""
    if request.method == "POST":
        return _start(request, product)
    if product.stage == Product.Stage.PROPOSED:
        course = guide.read(product)
        if guided.is_open(course, request.user):
            own = [stop for stop in guide.way(course) if stop.part == "market"]
            return redirect(next((stop for stop in own if not stop.done), own[-1]).address(product) if own else "inhouse:assessment", *([] if own else [product.pk]))  # fmt: skip
    d = current(product)
    concluded = [searches.held(d, search) for search in reversed(d.searches) if search.is_concluded]
    told = [(now, searches.difference(now, before)) for now, before in pairwise(concluded)]
    told += [(first, None) for first in concluded[-1:]]  # type: ignore[misc]
    due = None if rules.is_over(product) else rules.due_on(d)
    may_search = access.may(request.user, rules.act(product), product.scope) and not rules.is_over(product)
    return pages.show(
        request,
        product,
        "inhouse/market/page.html",
        d=d,
        searches=told,
        draft=d.search_draft,
        may_search=may_search and product.stage != Product.Stage.PROPOSED,
        opens=_opens(request, product),
        due=due,
        overdue=due is not None and due < clock.today(),
    )


def _start(request: Request, product: Product) -> HttpResponse:
    """Search again, correct the last search, or give up the one under way."""
    access.require(request.user, rules.act(product), product.scope)
    form = Form(request.POST)
    draft = MarketSearch.objects.filter(product=product, concluded_on=None).first()

    def do() -> None:
        if "discard" not in request.POST:
            rules.begin(product, correcting="correct" in request.POST, by=request.user)
        elif draft is not None:
            rules.discard(draft, by=request.user)

    if form.is_valid() and pages.attempt(form, do):
        if "discard" not in request.POST:
            return redirect("inhouse:market-places", product.pk)
        messages.success(request, _("The search is given up. What it held stays in the history."))
    else:
        pages.complain(request, form)
    return redirect("inhouse:market", product.pk)


def _opens(request: Request, product: Product) -> bool:
    """Whether this person opens confidential files of the product."""
    return access.may(request.user, Act.READ_CONFIDENTIAL, product.scope)


# --- the places


class LookupForm(ModelForm[Lookup]):
    class Meta:
        model = Lookup
        fields = PLACE

    def has_changed(self) -> bool:
        """Whether a place is named: the day and the person may be filled in beforehand."""
        return bool({"source", "query", "hits"} & set(self.changed_data))


class LookupLines(BaseFormSet):  # type: ignore[type-arg]
    """Lines of places. A line left blank counts for nothing; one begun must be finished."""

    def initial_form_count(self) -> int:
        return 0

    def total_form_count(self) -> int:
        return super().total_form_count() if self.is_bound else max(1, len(self.initial or ()))


LookupForms = formset_factory(LookupForm, formset=LookupLines, absolute_max=MOST, max_num=MOST)


class SourcesForm(Form):
    sources = forms.CharField(
        label=gettext_lazy("More on where you searched"),
        help_text=gettext_lazy("What the places above do not say."),
        widget=forms.Textarea(attrs={"rows": 2}),
        required=False,
    )
    seen = forms.CharField(widget=forms.HiddenInput, required=False)


@door(Act.WORK, pages.product, post=Act.ASSESS)
def places(request: Request, product: Product) -> HttpResponse:
    """Where was searched, with which words, when, by whom, and how much was found."""
    work = searching.work(request, product)
    if work.away:
        return searching.elsewhere(work)
    title = _("Where did you search the market?")
    if work.settled:
        return searching.settled(request, work, "market-places", title=title)
    saved = list(work.draft.lookups.all()) if work.draft else []
    now = "-".join(str(place.pk) for place in saved)
    suggested = [] if saved or request.method == "POST" else _suggested(work.last)
    lines = _saved(saved) or suggested or [_blank(request)]
    begun = {"sources": work.draft.sources if work.draft else "", "seen": now}
    form, others = SourcesForm(guided.typed(request), initial=begun), []
    if request.method == "POST" and {"add", "remove"} & request.POST.keys():
        form = SourcesForm(initial={name: request.POST.get(name, "") for name in ("sources", "seen")})
        formset = _redrawn(request)
    else:
        formset = LookupForms(
            guided.typed(request), initial=None if request.method == "POST" else lines, prefix="places"
        )
        if request.method == "POST" and "leave" in request.POST and not any(map(_begun, _lines(request.POST))):
            return searching.onward(request, work, "market-places")
        readable = formset.is_valid()
        if guided.sent(request, form) and readable:
            if form.cleaned_data["seen"] != now:
                others = saved
                form.add_error(None, _("Someone changed the places while you were writing. What is saved now is shown below; nothing of yours is lost. Look it through and save again."))  # fmt: skip
                form.data = form.data.copy() | {"seen": now}  # type: ignore[attr-defined]
            elif pages.attempt(form, lambda: _look(request, work, form, formset)):
                return searching.onward(request, work, "market-places")
    return searching.show(
        request, work, "market-places", "market/places.html", title=title, form=form, places=formset, others=others,
        suggested=bool(suggested), errors=[form, *formset.forms] if form.is_bound else [],
    )  # fmt: skip


def _look(request: Request, work: Work, form: SourcesForm, formset: Any) -> None:
    said: list[rules.Place] = [row for row in formset.cleaned_data if row]
    rules.look(work.begin(request), said, sources=form.cleaned_data["sources"], by=request.user)


def _saved(places: Sequence[Lookup]) -> list[dict[str, Any]]:
    return [{name: getattr(place, name) for name in PLACE} for place in places]


def _suggested(last: MarketSearch | None) -> list[dict[str, Any]]:
    return [dict(place) for place in rules.suggested(list(last.lookups.all()))] if last else []


def _blank(request: Request) -> dict[str, Any]:
    return {"looked_on": clock.today(), "looked_by": request.user.name}


def _lines(data: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The places as typed, finished or not."""
    count = str(data.get("places-TOTAL_FORMS", ""))
    return [
        {name: data.get(f"places-{index}-{name}", "") for name in PLACE}
        for index in range(min(int(count) if count.isascii() and count.isdigit() else 0, MOST))
    ]


def _begun(line: dict[str, Any]) -> bool:
    return bool(line["source"] or line["query"] or line["hits"])


def _redrawn(request: Request) -> Any:
    """A line more or a line less, and everything typed still there; nothing is saved or complained about."""
    lines = _lines(request.POST)
    gone = request.POST.get("remove", "")
    if gone.isascii() and gone.isdigit() and int(gone) < len(lines):
        del lines[int(gone)]
    if "add" in request.POST:
        lines.append(_blank(request))
    formset = LookupForms(initial=lines or [_blank(request)], prefix="places")
    if "add" in request.POST:
        formset.forms[-1].fields["source"].widget.attrs["autofocus"] = True
    return formset


# --- the conclusion


class ConclusionForm(EditForm[MarketSearch]):
    use_required_attribute = False
    asked_for = ("result", "grounds", "justification")
    grounds = forms.MultipleChoiceField(
        label=gettext_lazy("Grounds"),
        choices=Ground.Kind.choices,
        widget=forms.CheckboxSelectMultiple,
        required=False,
        help_text=gettext_lazy(
            "Why nothing on the market will do, at least one that is not cost. Not asked if an equivalent device exists."
        ),
    )

    class Meta:
        model = MarketSearch
        fields = ("result", "justification")
        widgets = {"result": forms.RadioSelect}

    field_order = ("result", "grounds", "justification")


class FileForm(Form):
    file = forms.FileField(
        label=gettext_lazy("File"),
        required=False,
        allow_empty_file=True,
        help_text=gettext_lazy("An export of the hits, a data sheet, an answer from a manufacturer."),
    )
    title = forms.CharField(label=gettext_lazy("Title"), max_length=200, required=False)
    confidential = forms.BooleanField(
        label=gettext_lazy("Confidential"),
        required=False,
        initial=True,
        help_text=gettext_lazy("Opened only by people with a role in the administration, and by the product owner."),
    )

    def remind(self) -> None:
        """A browser does not keep a chosen file when a page comes back."""
        if self.files and not self.has_error("file"):
            self.add_error("file", _("Choose the file again: the browser does not keep it. Everything else is still here."))  # fmt: skip


@door(Act.WORK, pages.product, post=Act.ASSESS)
def conclusion(request: Request, product: Product) -> HttpResponse:
    """What follows from the search, on which grounds; with what differs from the last, and the files that show it."""
    work = searching.work(request, product)
    if work.away:
        return searching.elsewhere(work)
    title = _("Could a CE-marked device meet the patient group’s needs?")
    if work.settled:
        return searching.settled(request, work, "market-conclusion", title=title, opens=_opens(request, product))
    found, before = _contents(work)
    draft = found.search if found else MarketSearch(product=product)
    form = ConclusionForm(guided.typed(request), instance=draft, initial={"grounds": found.kinds if found else []})
    upload = FileForm(guided.typed(request), request.FILES or None)
    standing = rules.obstacles(found) if found else []  # before the form writes what was typed into the draft
    if guided.sent(request, form, upload):
        answer = _act(request, work, form, upload)
        if answer is not None:
            return answer
    if request.method == "POST" and (form.errors or upload.errors):
        upload.remind()
    return searching.show(
        request, work, "market-conclusion", "market/conclusion.html", title=title, form=form, upload=upload, found=found,
        obstacles=standing if request.method != "POST" else [], opens=_opens(request, product),
        difference=searches.difference(found, before) if found and before else None,
        errors=[form, upload] if form.is_bound else [],
    )  # fmt: skip


def _contents(work: Work) -> tuple[searches.Found | None, searches.Found | None]:
    """The draft and the last search with all that belongs to them."""
    there = [search for search in (work.draft, work.last) if search]
    read = dict(zip([search.pk for search in there], searches.read_all(there), strict=True))
    found = read[work.draft.pk] if work.draft else None
    return found, read[work.last.pk] if work.last else None


def _act(request: Request, work: Work, form: ConclusionForm, upload: FileForm) -> HttpResponse | None:
    """Do what the button says; None when it was refused."""
    said = {**form.values, "grounds": form.cleaned_data["grounds"], "by": request.user}
    file = upload.cleaned_data["file"]
    here = redirect("inhouse:market-conclusion", work.product.pk)

    def attach(search: MarketSearch) -> None:
        facts = {name: upload.cleaned_data[name] for name in ("title", "confidential")}
        _about_file(lambda: uploaded(rules.attach(search, upload=file, by=request.user, **facts).document))

    def keep() -> None:
        search = rules.write(work.begin(request), **said)
        if file:
            attach(search)
        if (gone := request.POST.get("detach", "")).isascii() and gone.isdigit():
            rules.detach(get_object_or_404(MarketFile, pk=gone, search=search), by=request.user)

    def conclude() -> None:
        search = work.begin(request)
        if file:
            attach(search)
        rules.conclude(search, **said)

    if "attach" in request.POST and not file:
        upload.add_error("file", _("Choose a file."))
        return None
    if {"attach", "detach"} & request.POST.keys():
        return here if pages.attempt(upload, keep) else None
    if "leave" in request.POST:
        return searching.onward(request, work, "market-conclusion") if pages.attempt(upload, keep) else None
    if not pages.attempt(form, conclude):
        return None
    messages.success(request, _("The search is concluded."))
    return searching.onward(request, work, "market-conclusion")


def _about_file(act: Callable[[], Any]) -> None:
    """The rule, with what it says about the file said beside the field."""
    try:
        act()
    except ValidationError as refusal:
        if getattr(refusal, "code", None) in ("ending", "content", "size", "empty"):
            raise ValidationError({"file": refusal}) from refusal
        raise


urls = [
    path("products/<int:pk>/market/", market, name="market"),
    path("products/<int:pk>/market/places/", places, name="market-places"),
    path("products/<int:pk>/market/conclusion/", conclusion, name="market-conclusion"),
]
