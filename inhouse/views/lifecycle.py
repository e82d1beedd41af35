"""The steps of a life: into development, into use, pause, resume, out of use, abandon."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.formats import localize
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from inhouse import lifecycle, retention, suspension, withdrawal
from inhouse.dossier import current
from inhouse.views import pages
from organisation.access import Act
from organisation.doors import Request, door
from organisation.forms import Form
from products.models import Product

SENT = (
    Product.Stage.DEVELOPMENT,
    Product.Stage.IN_USE,
)  # steps that need no words; the others have a page of their own


class StepForm(Form):
    to = forms.ChoiceField(choices=[(stage, stage) for stage in SENT])


class CauseForm(Form):
    cause = forms.CharField(label=gettext_lazy("Why must use pause?"), widget=forms.Textarea)


class MeasuresForm(Form):
    measures = forms.CharField(label=gettext_lazy("How was the cause closed?"), widget=forms.Textarea)


class ReasonForm(Form):
    reason = forms.CharField(label=gettext_lazy("Reason"), widget=forms.Textarea)


class WithdrawForm(pages.GraveForm):
    reason = forms.CharField(label=gettext_lazy("Reason"), widget=forms.Textarea)


@require_POST
def _step(request: Request, product: Product) -> HttpResponse:
    form = StepForm(request.POST)
    if form.is_valid():
        to = Product.Stage(form.cleaned_data["to"])
        if pages.attempt(form, lambda: lifecycle.move(product, to, by=request.user)):
            messages.success(request, _("The product is now “%(stage)s”.") % {"stage": to.label})
            return redirect("inhouse:product", product.pk)
    pages.complain(request, form)
    return redirect("inhouse:product", product.pk)


step = door(Act.KEEP, pages.product)(_step)


@door(Act.WORK, pages.product, post=Act.SUSPEND)
def pause(request: Request, product: Product) -> HttpResponse:
    """Stop use at once, or close the cause and go on; and every pause there has been."""
    paused = product.stage == Product.Stage.SUSPENDED
    form = (MeasuresForm if paused else CauseForm)(request.POST or None)
    if request.method == "POST" and form.is_valid():
        rule = suspension.resume if paused else suspension.suspend
        if pages.attempt(form, lambda: rule(product, **form.cleaned_data, by=request.user)):
            told = (
                _("Use goes on.")
                if paused
                else _("Use is paused. Nothing is placed and no patient use is noted until it is resumed.")
            )
            messages.success(request, told)
            return redirect("inhouse:product", product.pk)
        product.refresh_from_db(fields=["stage"])
    d = current(product)
    return pages.show(
        request, product, "inhouse/lifecycle/pause.html", d=d, form=form, paused=paused, can_pause=product.stage == Product.Stage.IN_USE,
        obstacles=[o for o in lifecycle.watch(d) if o.mend != "suspension"] if paused else [],
    )  # fmt: skip


@door(Act.WORK, pages.kept, post=Act.END)
def withdraw(request: Request, product: Product) -> HttpResponse:
    """Take the product out of use; then what is left to do with its items, and how long the file is kept."""
    form = WithdrawForm(request.POST or None, meaning=_meaning(product))
    if (
        request.method == "POST"
        and form.is_valid()
        and pages.attempt(
            form, lambda: withdrawal.withdraw(product, reason=form.cleaned_data["reason"], by=request.user)
        )
    ):
        messages.success(request, _("Out of use. Now say what becomes of each item."))
        return redirect("inhouse:withdrawal", product.pk)
    product.refresh_from_db(fields=["stage"])
    d = current(product)
    return pages.show(
        request, product, "inhouse/lifecycle/withdrawal.html", d=d, form=form, pause=CauseForm(), floor=retention.floor(d), years=retention.years(d),
        can_withdraw=product.stage in (Product.Stage.IN_USE, Product.Stage.SUSPENDED), left=d.living,
    )  # fmt: skip


def _meaning(product: Product) -> str:
    """What it means to take this product out of use, with its name and how many items it concerns."""
    count = product.items.living().count()
    words = {"product": product, "count": localize(count)}
    if not count:
        return _("I have read what this means: %(product)s is out of use for good from today. It has no items.") % words
    return (
        ngettext(
            "I have read what this means: %(product)s is out of use for good from today, with its %(count)s item.",
            "I have read what this means: %(product)s is out of use for good from today, with all its %(count)s items.",
            count,
        )
        % words
    )


@door(Act.END, pages.product)
def abandon(request: Request, product: Product) -> HttpResponse:
    """Give up a product that was never in use."""
    form = ReasonForm(request.POST or None)
    if (
        request.method == "POST"
        and form.is_valid()
        and pages.attempt(form, lambda: withdrawal.abandon(product, **form.cleaned_data, by=request.user))
    ):
        messages.success(request, _("Abandoned. The record stays."))
        return redirect("inhouse:product", product.pk)
    return pages.show(request, product, "inhouse/lifecycle/abandon.html", form=form)


urls = [
    path("products/<int:pk>/step/", step, name="step"),
    path("products/<int:pk>/pause/", pause, name="suspension"),
    path("products/<int:pk>/withdrawal/", withdraw, name="withdrawal"),
    path("products/<int:pk>/abandon/", abandon, name="abandon"),
]
