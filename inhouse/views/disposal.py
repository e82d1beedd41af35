"""The disposal of a product's records: proposed, read, confirmed by someone else, carried out by a worker, certified."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from inhouse import certificate, retention
from inhouse import disposal as rules
from inhouse.dossier import current
from inhouse.models import Disposal
from inhouse.tasks import dispose
from inhouse.views import pages
from organisation import clock
from organisation.access import Act
from organisation.doors import Request, door
from organisation.forms import Form
from products.models import Product

PEOPLE = ("proposed_by", "previewed_by", "confirmed_by", "cancelled_by")


class ProposalForm(Form):
    reference = forms.CharField(
        label=gettext_lazy("Reference of the decision"), max_length=100, help_text=gettext_lazy("As in the diary.")
    )
    decided_on = forms.DateField(label=gettext_lazy("Decided on"))
    decided_by = forms.CharField(
        label=gettext_lazy("Who decided"), max_length=200,
        help_text=gettext_lazy("The authority, board or person that may decide on disposal."),
    )  # fmt: skip
    reason = forms.CharField(label=gettext_lazy("Reason"), widget=forms.Textarea)


class ConfirmForm(pages.GraveForm):
    sha256 = forms.CharField(widget=forms.HiddenInput)


class ReasonForm(Form):
    reason = forms.CharField(label=gettext_lazy("Reason"), widget=forms.Textarea)


def _latest(product: Product) -> Disposal | None:
    found = Disposal.objects.filter(product=product).exclude(end=Disposal.End.CANCELLED).select_related(*PEOPLE).last()
    if found:
        found.product = product
    return found


@door(Act.RETAIN, pages.product)
def propose(request: Request, product: Product) -> HttpResponse:
    """Enter the decision; what goes and what stays is listed on the next page."""
    form = ProposalForm(request.POST or None, initial={"decided_on": clock.today()})
    if (
        request.method == "POST"
        and form.is_valid()
        and pages.attempt(form, lambda: rules.propose(product, **form.cleaned_data, by=request.user))
    ):
        messages.success(request, _("Proposed. Read what goes and what stays; a second person confirms it."))
        return redirect("inhouse:disposal", product.pk)
    d = current(product)
    return pages.show(
        request, product, "inhouse/retention/propose.html", d=d, form=form, obstacles=retention.obstacles(d)
    )


@door(Act.DISPOSE, pages.kept)
def show(request: Request, product: Product) -> HttpResponse:
    """What goes and what stays; for the second person the confirmation; while it is carried out how far it is."""
    found = _latest(product)
    if found is None:
        return redirect("inhouse:retention", product.pk)
    second = found.is_open and not found.is_confirmed and rules.is_second(found, request.user)
    form = ConfirmForm(
        request.POST or None,
        meaning=_(
            "I have read what goes: the records of %(product)s are lost for good, in the register and in its history."
        )
        % {"product": product},
        initial={"sha256": found.sha256},
    )
    if request.method == "POST" and form.is_valid():
        sha256 = form.cleaned_data["sha256"]
        if pages.attempt(form, lambda: rules.confirm(found, sha256=sha256, by=request.user)):
            transaction.on_commit(lambda: dispose.delay(found.pk), robust=True)
            messages.success(request, _("Confirmed. It is being carried out now."))
            return redirect("inhouse:disposal", product.pk)
    changed = found.is_open and not found.is_confirmed and not rules.is_current(found)
    return pages.show(
        request, product, "inhouse/retention/disposal.html", disposal=found, listed=certificate.told(found.manifest),
        form=form, second=second, changed=changed,
    )  # fmt: skip


@require_POST
def _renew(request: Request, product: Product) -> HttpResponse:
    found = _latest(product)
    if found is not None:
        form = Form(request.POST)
        if form.is_valid() and pages.attempt(form, lambda: rules.renew(found, by=request.user)):
            messages.success(request, _("Listed anew. A second person reads and confirms it."))
        else:
            pages.complain(request, form)
    return redirect("inhouse:disposal", product.pk)


renew = door(Act.RETAIN, pages.product)(_renew)


@door(Act.DISPOSE, pages.kept)
def cancel(request: Request, product: Product) -> HttpResponse:
    """Give the disposal up, with the reason."""
    found = _latest(product)
    if found is None:
        return redirect("inhouse:retention", product.pk)
    form = ReasonForm(request.POST or None)
    if (
        request.method == "POST"
        and form.is_valid()
        and pages.attempt(form, lambda: rules.cancel(found, **form.cleaned_data, by=request.user))
    ):
        messages.success(request, _("Cancelled. Everything is kept as before."))
        return redirect("inhouse:retention", product.pk)
    return pages.show(request, product, "inhouse/retention/cancel.html", form=form, disposal=found)


@door(Act.READ_CONFIDENTIAL, pages.kept)
def paper(request: Request, product: Product) -> HttpResponse:
    """The certificate, byte for byte as it was sealed. It names files, also of documents that were confidential."""
    found = Disposal.objects.filter(product=product, certificate__isnull=False).select_related("certificate").first()
    if found is None or found.certificate is None:
        return redirect("inhouse:retention", product.pk)
    name = found.certificate.name
    headers = {"Content-Disposition": f'inline; filename="{name}"'}
    return HttpResponse(bytes(found.certificate.content), content_type="application/pdf", headers=headers)


urls = [
    path("products/<int:pk>/retention/propose/", propose, name="disposal-propose"),
    path("products/<int:pk>/retention/disposal/", show, name="disposal"),
    path("products/<int:pk>/retention/disposal/renew/", renew, name="disposal-renew"),
    path("products/<int:pk>/retention/disposal/cancel/", cancel, name="disposal-cancel"),
    path("products/<int:pk>/retention/certificate.pdf", paper, name="disposal-certificate"),
]
