"""The history of a product as sentences: who did what, when and why."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils.text import capfirst
from django.utils.timezone import localdate
from django.utils.translation import gettext_lazy as _

from inhouse import story
from inhouse.views import pages
from organisation import access, alphabet
from organisation.access import Act
from organisation.doors import Request, door
from organisation.forms import Form
from organisation.history import SHORT, Entry
from products.models import Product

LATEST = 200  # entries shown until all are asked for


class FilterForm(Form):
    person = forms.ChoiceField(label=_("Who"), required=False)
    kind = forms.ChoiceField(label=_("What"), required=False)

    def __init__(self, told: list[Entry], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        everyone = {who_of(entry): entry.who for entry in told}
        kinds = {kind_of(entry): capfirst(str(entry.model._meta.verbose_name)) for entry in told}
        for name, found in (("person", everyone), ("kind", kinds)):
            choices = sorted(found.items(), key=lambda pair: alphabet.key(pair[1]))
            self.fields[name].choices = [("", _("all")), *choices]  # type: ignore[attr-defined]

    def narrow(self, told: list[Entry]) -> list[Entry]:
        person, kind = self.cleaned_data["person"], self.cleaned_data["kind"]
        return [e for e in told if (not person or who_of(e) == person) and (not kind or kind_of(e) == kind)]


def who_of(entry: Entry) -> str:
    return str(entry.user_id or ("outside" if entry.outside else "register"))


def kind_of(entry: Entry) -> str:
    return entry.model._meta.label_lower


@door(Act.WORK, pages.kept)
def history(request: Request, product: Product) -> HttpResponse:
    """The latest entries by day; everything when it is asked for or narrowed."""
    of = request.GET.get("of", "")
    narrowed = bool(request.GET.get("person") or request.GET.get("kind") or of)
    everything = narrowed or "all" in request.GET
    patients = access.may(request.user, Act.PATIENTS, product.scope)
    told = story.story(product, of=of, limit=None if everything else LATEST + 1, patients=patients)
    more = not everything and len(told) > LATEST
    told = told if everything else told[:LATEST]
    form = FilterForm(told, request.GET)
    shown = form.narrow(told) if form.is_valid() else told
    days = [(day, list(entries)) for day, entries in groupby(shown, key=lambda entry: localdate(entry.moment))]
    return pages.show(
        request,
        product,
        "inhouse/history/page.html",
        days=days,
        form=form,
        more=more,
        shown=len(shown),
        narrowed=narrowed,
        of=of,
    )


@door(Act.WORK, pages.kept)
def latest(request: Request, product: Product) -> HttpResponse:
    """The last few entries, of one page's subject (`?of=design`) or of everything: for the foot and the side of a page."""
    told = story.story(product, of=request.GET.get("of", ""), limit=SHORT)
    return render(request, "organisation/history/_latest.html", {"told": told})


urls = [
    path("products/<int:pk>/history/latest/", latest, name="history-latest"),
    path("products/<int:pk>/history/", history, name="history"),
]
