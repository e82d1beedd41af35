"""Copies of the register that open without it: ordered, downloaded and deleted; of everything, and of one product."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from inhouse import exitcopy as rules
from inhouse.exitcopy.zipped import zipped
from inhouse.models import ExitCopy
from inhouse.tasks import make_exit_copy
from inhouse.views import pages
from organisation.access import Act
from organisation.doors import Request, door
from products.models import Product

PER_PAGE = 25


def _copies() -> QuerySet[ExitCopy]:
    return ExitCopy.objects.select_related("product__unit__administration", "ordered_by", "taken_by", "deleted_by")


def whole(pk: int) -> ExitCopy:
    """A copy of everything, or 404."""
    return get_object_or_404(_copies().filter(product=None), pk=pk)


def one(pk: int, copy: int) -> ExitCopy:
    """A copy of that product, or 404."""
    return get_object_or_404(_copies().filter(product=pk), pk=copy)


@door(Act.EXPORT)
def copies(request: Request) -> HttpResponse:
    """Every copy there is or was, and how much room they take; sending the form orders one."""
    if request.method == "POST":
        _asked(request, lambda: rules.order(by=request.user))
        return redirect("inhouse:exit-copies")
    page = Paginator(_copies(), PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "copies": page.object_list,
        "busy": any(copy.state in ("waiting", "running") for copy in page),
        "waiting": ExitCopy.objects.waiting().whole().exists(),
        "kept": rules.kept(),
    }
    return render(request, "inhouse/exitcopy/page.html", context)


@door(Act.READ_CONFIDENTIAL, pages.product)
def of_product(request: Request, product: Product) -> HttpResponse:
    """The copies of one product; sending the form orders one."""
    if request.method == "POST":
        _asked(request, lambda: rules.order(product, by=request.user))
        return redirect("inhouse:exit-copy-of", product.pk)
    made = list(_copies().filter(product=product)[:PER_PAGE])
    busy = any(copy.state in ("waiting", "running") for copy in made)
    return pages.show(request, product, "inhouse/exitcopy/of_product.html", copies=made, busy=busy, waiting=busy)


def _asked(request: Request, order: Callable[[], ExitCopy]) -> None:
    try:
        with transaction.atomic():
            copy = order()
    except ValidationError as refusal:
        messages.warning(request, " ".join(refusal.messages))
        return
    make_exit_copy.delay_on_commit(copy.pk)
    messages.info(request, _("The copy is being made. It goes on in the background; you need not stay on this page."))


def _back(copy: ExitCopy) -> HttpResponse:
    return redirect("inhouse:exit-copy-of", copy.product_id) if copy.product_id else redirect("inhouse:exit-copies")


def _download(request: Request, copy: ExitCopy) -> HttpResponseBase:
    """The copy as one ZIP, written while it is sent."""
    try:
        folder = rules.take(copy, by=request.user)
    except ValidationError as refusal:
        messages.error(request, " ".join(refusal.messages), extra_tags="danger")
        return _back(copy)
    response = StreamingHttpResponse(zipped(folder, copy.name), content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{copy.name}.zip"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response


@require_POST
def _again(request: Request, copy: ExitCopy) -> HttpResponse:
    """Go on with one that failed."""

    def reopened() -> ExitCopy:
        rules.again(copy, by=request.user)
        return copy

    _asked(request, reopened)
    return _back(copy)


def _delete(request: Request, copy: ExitCopy) -> HttpResponse:
    """Say what deleting means; then delete."""
    form = pages.GraveForm(
        request.POST if request.method == "POST" else None,
        meaning=_("I have read that the files are deleted and cannot be brought back."),
    )
    if (
        request.method == "POST"
        and form.is_valid()
        and pages.attempt(form, lambda: rules.delete(copy, by=request.user))
    ):
        messages.success(request, _("The copy is deleted."))
        return _back(copy)
    context: dict[str, Any] = {"copy": copy, "form": form}
    if copy.product:
        return pages.show(request, copy.product, "inhouse/exitcopy/delete_of_product.html", **context)
    return render(request, "inhouse/exitcopy/delete.html", context)


download, again, delete = (door(Act.EXPORT, whole)(view) for view in (_download, _again, _delete))
download_one, again_one, delete_one = (door(Act.READ_CONFIDENTIAL, one)(view) for view in (_download, _again, _delete))

urls = [
    path("exit-copy/", copies, name="exit-copies"),
    path("exit-copy/<int:pk>/download.zip", download, name="exit-copies-download"),
    path("exit-copy/<int:pk>/again/", again, name="exit-copies-again"),
    path("exit-copy/<int:pk>/delete/", delete, name="exit-copies-delete"),
    path("products/<int:pk>/exit-copy/", of_product, name="exit-copy-of"),
    path("products/<int:pk>/exit-copy/<int:copy>/download.zip", download_one, name="exit-copy-of-download"),
    path("products/<int:pk>/exit-copy/<int:copy>/again/", again_one, name="exit-copy-of-again"),
    path("products/<int:pk>/exit-copy/<int:copy>/delete/", delete_one, name="exit-copy-of-delete"),
]
