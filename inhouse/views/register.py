"""The register as a log, for anyone: its entries, its newest checkpoint, the proof of each declaration, the program that checks them."""

from __future__ import annotations

import json
from pathlib import Path

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path

from inhouse import register as rules
from inhouse.models import Declaration, Leaf
from inhouse.offline import verify_declaration
from inhouse.views import addresses  # noqa: F401 (the converter of the addresses below)
from organisation.access import Act
from organisation.doors import door

PER_PAGE = 50


@door(Act.READ_PUBLIC)
def log(request: HttpRequest) -> HttpResponse:
    """Every entry, newest first, with how far the log has come and the key that signs for it."""
    entries = Leaf.objects.select_related("declaration").order_by("-index").defer("declaration__snapshot")
    page = Paginator(entries, PER_PAGE).get_page(request.GET.get("page"))
    return render(
        request, "inhouse/public/log.html", {"page": page, "checkpoint": rules.latest(), "keys": rules.keys()}
    )


@door(Act.READ_PUBLIC)
def checkpoint(request: HttpRequest) -> HttpResponse:
    """The newest signed checkpoint, as other programs read it."""
    found = rules.latest()
    if found is None:
        raise Http404
    response = HttpResponse(found.note, content_type="text/plain; charset=utf-8")
    response["Cache-Control"] = "no-cache"
    return response


@door(Act.READ_PUBLIC)
def proof(request: HttpRequest, number: str) -> HttpResponse:
    """What proves, without this register, that a declaration stands in it."""
    found = get_object_or_404(Declaration.objects.published().only("number", "file_id"), number=number)
    content = rules.proof(found)
    if content is None:
        raise Http404
    text = json.dumps(content, ensure_ascii=False, indent=2) + "\n"
    return _download(text.encode(), f"{number}.proof.json", "application/json")


@door(Act.READ_PUBLIC)
def verifier(request: HttpRequest) -> HttpResponse:
    """The program that checks a declaration without us, as it is written here."""
    program = Path(verify_declaration.__file__)
    return _download(program.read_bytes(), program.name, "text/x-python; charset=utf-8")


def _download(content: bytes, name: str, media_type: str) -> HttpResponse:
    response = HttpResponse(content, content_type=media_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "no-cache"  # a proof grows as the declaration is replaced or withdrawn
    return response


urls = [
    path("register/log/", log, name="public-log"),
    path("register/checkpoint", checkpoint, name="public-checkpoint"),
    path("register/<declaration:number>.proof.json", proof, name="public-proof"),
    path("register/verify_declaration.py", verifier, name="public-verifier"),
]
