"""The public register: published declarations, for anyone. Everything shown comes from what was signed, never from live rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import path
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import condition

from documents.models import SignedFile
from inhouse.models import Declaration, Leaf
from inhouse.views import addresses  # noqa: F401 (the converter of the addresses below)
from organisation import alphabet
from organisation.access import Act
from organisation.doors import door
from organisation.forms import Form

PER_PAGE = 25
STATES = [("", _("all")), ("in_force", _("in force")), ("replaced", _("replaced")), ("withdrawn", _("withdrawn"))]


class SearchForm(Form):
    """What the register can be narrowed by; every field may be left out."""

    q = forms.CharField(label=_("Name, number or diary number"), required=False)
    administration = forms.ChoiceField(label=_("Administration"), required=False)
    state = forms.ChoiceField(label=_("State"), choices=STATES, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        named = Declaration.objects.published().order_by().values_list("snapshot__administration", flat=True).distinct()
        choices = [("", _("all")), *((name, name) for name in sorted(filter(None, named), key=alphabet.key))]
        self.fields["administration"].choices = choices  # type: ignore[attr-defined]

    def narrow(self, declarations: QuerySet[Declaration]) -> QuerySet[Declaration]:
        wanted = self.cleaned_data
        if q := wanted["q"]:
            declarations = declarations.filter(
                Q(number__icontains=q) | Q(diary_number__icontains=q) | Q(snapshot__device__name__icontains=q)
            )
        if wanted["administration"]:
            declarations = declarations.filter(snapshot__administration=wanted["administration"])
        if wanted["state"] == "withdrawn":
            return declarations.filter(withdrawn_on__isnull=False)
        if wanted["state"] == "replaced":
            return declarations.filter(withdrawn_on=None, replaced_on__isnull=False)
        return declarations.filter(withdrawn_on=None, replaced_on=None) if wanted["state"] else declarations


@door(Act.READ_PUBLIC)
def register(request: HttpRequest) -> HttpResponse:
    """Every published declaration, newest first, narrowed by what stands in the address."""
    form = SearchForm(request.GET)
    found: QuerySet[Declaration] = Declaration.objects.published().order_by("-published_on", "-pk")
    if form.is_valid():
        found = form.narrow(found)
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    query = request.GET.copy()
    query.pop("page", None)
    return render(request, "inhouse/public/list.html", {"form": form, "page": page, "query": query.urlencode()})


@door(Act.READ_PUBLIC)
def declaration(request: HttpRequest, number: str) -> HttpResponse:
    """One declaration at its permanent address: what was signed, and how it stands today."""
    found = get_object_or_404(
        Declaration.objects.published().select_related("revision", "file").defer("file__content"), number=number
    )
    versions = list(
        Declaration.objects.published().filter(revision__product=found.revision.product_id).order_by("-version")
    )
    newer = next((other for other in versions if other.version > found.version and other.withdrawn_on is None), None)
    return render(
        request,
        "inhouse/public/declaration.html",
        {
            "declaration": found,
            "content": found.snapshot,
            "newer": newer,
            "entries": Leaf.objects.filter(declaration=found),
            "translations": found.translations.all(),
            "others": [other for other in versions if other.pk != found.pk],
        },
    )


def _files(number: str, language: str) -> QuerySet[SignedFile]:
    """The PDF of a published declaration: what was signed, or its translation into a language."""
    if language:
        of = {"translation__declaration__number": number, "translation__language": language}
        return SignedFile.objects.filter(translation__declaration__published_on__isnull=False, **of)
    return SignedFile.objects.filter(declaration__number=number, declaration__published_on__isnull=False)


def _file(request: HttpRequest, number: str, language: str = "") -> SignedFile | None:
    return _files(number, language).defer("content").first()


def _mark(request: HttpRequest, **of: str) -> str | None:
    return f'"{found.sha256}"' if (found := _file(request, **of)) else None


def _stored(request: HttpRequest, **of: str) -> datetime | None:
    return found.stored_at if (found := _file(request, **of)) else None


@door(Act.READ_PUBLIC)
@condition(etag_func=_mark, last_modified_func=_stored)
def file(request: HttpRequest, number: str, language: str = "") -> HttpResponseBase:
    """The signed PDF or a translation of it, as the database keeps it."""
    found = get_object_or_404(_files(number, language))
    response = HttpResponse(bytes(found.content), content_type=found.media_type)
    response["Content-Disposition"] = f'inline; filename="{found.name}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "frame-ancestors 'none'"  # a browser's own reader is no page of ours
    return response


urls = [
    path("register/", register, name="public"),
    path("register/<declaration:number>/", declaration, name="public-declaration"),
    path("register/<declaration:number>/pdf/", file, name="public-file"),
    path("register/<declaration:number>/pdf/<slug:language>/", file, name="public-translation"),
]
