"""Documents: one of them seen, its versions, handed out; all of them searched; whether their files are whole."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from documents import checking, kinds, preview, searching, storing, versions
from documents.models import Document, FileCheck, FileText, SignedFile, StoredFile
from documents.views import files
from inhouse import papers as rules
from inhouse.dossier import current
from inhouse.models import EvidenceDocument
from inhouse.papers import Paper
from inhouse.tasks import read_file
from inhouse.views import pages
from organisation import access
from organisation.access import Act
from organisation.doors import Request, door
from organisation.forms import Form, whole
from products.models import Product

PER_PAGE = 20
TEXT_SHOWN = 40_000  # characters on the page; the rest is in the file
LISTED = 100  # files with trouble, on the page about all files


# --- fetching


def paper(pk: int, document: int) -> Paper:
    """A document that was at any time among those of the product, or 404."""
    product = pages.product(pk)
    wanted = rules.of(product).select_related("file__last_check", "uploaded_by")
    return Paper(product, get_object_or_404(wanted, pk=document))


@dataclass
class Leaf(Paper):
    """One page of it."""

    number: int


def leaf(pk: int, document: int, number: int) -> Leaf:
    found = paper(pk, document)
    return Leaf(found.product, found.document, number)


def _require(request: Request, paper: Paper) -> None:
    if not rules.may_read(paper.document, paper.scope, by=request.user):
        raise PermissionDenied(
            _("This document is confidential. People with a role in the administration and the product owner open it.")
        )


def uploaded(document: Document) -> None:
    """Have it read as soon as it is kept. Should nobody hear it, the next sweep finds it waiting."""
    transaction.on_commit(lambda: read_file.delay(document.file_id), robust=True)


# --- one document


@door(Act.WORK, paper)
def document(request: Request, paper: Paper) -> HttpResponse:
    """What it is, what it looks like, what it says, and its versions; a confidential one only to those it is open to."""
    _require(request, paper)
    held, product = paper.document, paper.product
    text = FileText.objects.filter(pk=held.file_id).defer("vector").first()
    d = current(product)
    entries = EvidenceDocument.objects.filter(document=held, revision__product=product).select_related("revision")
    told = versions.of(held)
    return pages.show(
        request,
        product,
        "inhouse/papers/page.html",
        d=d,
        document=held,
        kind=kinds.KINDS.get(held.file.media_type),
        check=getattr(held.file, "last_check", None),
        text=text,
        said=text.text[:TEXT_SHOWN] if text else "",
        is_shortened=text is not None and (text.is_cut or len(text.text) > TEXT_SHOWN),
        seen=_seen(request, held.file, text),
        place=rules.places([held]).get(held.pk),
        entry=next((entry for entry in entries if entry.revision.is_open), None),
        versions=[(one, rules.may_read(one.document, product.scope, by=request.user)) for one in told],
        newest=told[0].document if told else held,
    )


def _seen(request: Request, stored: StoredFile, text: FileText | None) -> dict[str, Any] | None:
    """Which page is shown, of how many; None where there are no pictures. How many is known once the file was read."""
    if not preview.is_drawn(stored) or (text is not None and text.reason == FileText.Reason.LOCKED):
        return None
    count = min(text.pages, preview.PAGES) if text is not None and text.pages else None
    number = min(max(whole(request.GET.get("page", "")) or 1, 1), count or preview.PAGES)
    return {
        "number": number,
        "count": count,
        "before": number - 1 if number > 1 else None,
        "after": number + 1 if count is not None and number < count else None,
    }


@door(Act.WORK, leaf)
@transaction.non_atomic_requests
def picture(request: Request, leaf: Leaf) -> HttpResponseBase:
    """A page as an image of our own making. The browser keeps it, but asks each time whether it may show it."""
    _require(request, leaf)
    stored = leaf.document.file
    if not preview.is_drawn(stored) or not 1 <= leaf.number <= preview.PAGES:
        raise Http404
    tag = f'"{hashlib.sha256(f"{stored.sha256} {leaf.number} {preview.LONGEST}".encode()).hexdigest()}"'
    answer = get_conditional_response(request, etag=tag)
    if answer is None:
        try:
            answer = HttpResponse(preview.page(stored, leaf.number), content_type="image/png")
        except (preview.Unseen, storing.Damaged) as trouble:
            if isinstance(trouble, storing.Damaged):
                checking.note(stored, trouble.found)
            return HttpResponse(str(trouble), status=422, content_type="text/plain; charset=utf-8")
        answer["ETag"] = tag
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer["Cross-Origin-Resource-Policy"] = "same-origin"
    answer["Cache-Control"] = "private, no-cache"
    return answer


@door(Act.WORK, paper)
def file(request: Request, paper: Paper) -> HttpResponseBase:
    """Hand a document out; what is damaged is not, and is said so where it is looked after."""
    _require(request, paper)
    try:
        return files.answer(paper.document)
    except storing.Damaged as damage:
        checking.note(paper.document.file, damage.found)
        messages.error(request, str(damage), extra_tags="danger")
        return redirect("inhouse:document", paper.product.pk, paper.document.pk)


# --- all documents

_OFFICE = "application/vnd.openxmlformats-officedocument"
_OPEN = "application/vnd.oasis.opendocument"
KINDS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "pdf": (gettext_lazy("PDF"), ("application/pdf",)),
    "image": (pgettext_lazy("kind of file", "image"), (*preview.IMAGES, "application/dicom")),
    "words": (
        pgettext_lazy("kind of file", "text document or presentation"),
        (f"{_OFFICE}.wordprocessingml.document", f"{_OPEN}.text", f"{_OFFICE}.presentationml.presentation"),
    ),
    "sheet": (pgettext_lazy("kind of file", "workbook"), (f"{_OFFICE}.spreadsheetml.sheet", f"{_OPEN}.spreadsheet")),
    "plain": (
        pgettext_lazy("kind of file", "plain text or data"),
        ("text/plain", "application/json", "application/xml"),
    ),
    "model": (
        pgettext_lazy("kind of file", "model or archive"),
        ("model/stl", "model/3mf", "application/zip"),
    ),
}


class SearchForm(Form):
    """What the documents can be narrowed by; every field may be left out."""

    q = forms.CharField(label=gettext_lazy("Words in the document or its title"), required=False, max_length=200)
    product = forms.CharField(label=gettext_lazy("Product name or number"), required=False, max_length=200)
    kind = forms.ChoiceField(label=gettext_lazy("Kind of file"), required=False)
    earlier = forms.BooleanField(label=gettext_lazy("Also earlier versions"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", _("all")), *((key, label) for key, (label, _types) in KINDS.items())]
        self.fields["kind"].choices = choices  # type: ignore[attr-defined]
        self.fields["q"].widget.input_type = "search"


@door(Act.WORK)
def search(request: Request) -> HttpResponse:
    """Every document that is open to whoever asks, narrowed by what stands in the address; confidential ones to no one else."""
    asked = request.GET.copy()
    asked["q"] = asked.get("q", "").replace("\x00", "")
    asked["product"] = asked.get("product", "").replace("\x00", "")
    form = SearchForm(asked)
    found: QuerySet[Document] = Document.objects.none()
    q = ""
    if form.is_valid():
        wanted = form.cleaned_data
        q = wanted["q"]
        media_types = KINDS[wanted["kind"]][1] if wanted["kind"] else ()
        try:
            found = rules.find(
                q=q, product=wanted["product"], media_types=media_types, earlier=wanted["earlier"], by=request.user
            )
        except ValidationError as refusal:
            form.add_error(None, refusal)
    with searching.by_index():
        page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
        rows = rules.shown(list(page.object_list), q=q) if not form.errors else []
    query = request.GET.copy()
    query.pop("page", None)
    context = {
        "form": form,
        "page": page,
        "found": rows,
        "query": query.urlencode(),
        "narrowed": any(request.GET.get(name) for name in ("q", "product", "kind", "earlier")),
        "may_watch": access.may(request.user, Act.WATCH),
    }
    template = "inhouse/papers/_found.html" if request.htmx else "inhouse/papers/search.html"
    return render(request, template, context)


# --- whether they are whole


@door(Act.WATCH)
def watch(request: Request) -> HttpResponse:
    """All files: how many, when they were last compared with their hash, which are not what was stored, which are not read."""
    bad = list(checking.bad().order_by("since", "pk")[:LISTED])
    failed = list(
        FileText.objects.filter(state=FileText.State.FAILED)
        .select_related("file")
        .only("state", "reason", "attempts", "tried_at", "file__sha256", "file__size")
        .order_by("-tried_at", "pk")[:LISTED]
    )
    wanted = {check.stored_id for check in bad} | {text.pk for text in failed}
    held: dict[int, list[Document]] = {}
    for each in Document.objects.filter(file__in=[pk for pk in wanted if pk]).order_by("pk"):
        held.setdefault(each.file_id, []).append(each)
    at = rules.places([each for rows in held.values() for each in rows])

    def named(file_id: int | None) -> list[tuple[Document, Product | None, bool]]:
        return [
            (each, place.product, rules.may_read(each, place.product.scope, by=request.user))
            if (place := at.get(each.pk))
            else (each, None, False)
            for each in held.get(file_id or 0, [])
        ]

    stored, signed = StoredFile.objects.count(), SignedFile.objects.count()
    texts = rules.texts()
    return render(
        request,
        "inhouse/papers/watch.html",
        {
            "stored": stored,
            "signed": signed,
            "checked": FileCheck.objects.count(),
            "overdue": checking.overdue(),
            "period": checking.period().days,
            "newest": FileCheck.objects.order_by("-checked_at").values_list("checked_at", flat=True).first(),
            "bad": [(check, named(check.stored_id)) for check in bad],
            "bad_count": checking.bad().count(),
            "texts": texts,
            "unread": stored - sum(count for _label, count in texts),
            "failed": [(text, named(text.pk)) for text in failed],
        },
    )


urls = [
    path("documents/", search, name="documents-all"),
    path("products/<int:pk>/documents/<int:document>/", document, name="document"),
    path("products/<int:pk>/documents/<int:document>/file/", file, name="documents-file"),
    path("products/<int:pk>/documents/<int:document>/pages/<int:number>/", picture, name="documents-picture"),
    path("files/", watch, name="files"),
]
