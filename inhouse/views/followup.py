"""Clinical follow-up: reviews, and the actions they lead to."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.forms import formset_factory
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from inhouse import followup as rules
from inhouse import lifecycle
from inhouse.dossier import current
from inhouse.intervals import add_months
from inhouse.models import FollowUp, FollowUpAction
from inhouse.views import pages
from organisation import clock
from organisation.access import Act
from organisation.alphabet import by
from organisation.doors import Request, door
from organisation.forms import Form, ModelForm
from organisation.models import User
from products.models import Product


class FollowUpForm(ModelForm[FollowUp]):
    class Meta:
        model = FollowUp
        fields = ("done_on", "sources", "findings", "conclusion", "next_due_on")
        widgets = {"conclusion": forms.RadioSelect}
        help_texts = {
            "findings": gettext_lazy("No patient is named here."),
            "conclusion": gettext_lazy(
                "If its use must stop, it is paused as soon as you record this, with your findings as the cause: items are quarantined, and no patient meets them until the owner lets use go on."
            ),
        }


class ActionForm(Form):
    text = forms.CharField(
        label=gettext_lazy("Action"),
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("It is read in mails: no patient is named here."),
    )
    responsible = forms.ModelChoiceField(
        User.objects.filter(is_active=True).order_by(by("name"), "pk"), label=gettext_lazy("Responsible")
    )
    due_on = forms.DateField(label=gettext_lazy("Due on"))


ActionForms = formset_factory(ActionForm, extra=2, max_num=50)


class DoneForm(Form):
    note = forms.CharField(label=gettext_lazy("What was done"), widget=forms.Textarea(attrs={"rows": 2}))


def action_of(pk: int) -> FollowUpAction:
    return get_object_or_404(FollowUpAction.objects.select_related("follow_up__product__unit", "responsible"), pk=pk)


@door(Act.WORK, pages.product, post=Act.KEEP)
def follow_up(request: Request, product: Product) -> HttpResponse:
    """Every review with its actions; when the next is due; and a new one."""
    d = current(product)
    today = clock.today()
    form = FollowUpForm(
        request.POST or None, initial={"done_on": today, "next_due_on": add_months(today, rules.interval(d))}
    )
    actions = ActionForms(request.POST or None, prefix="actions")
    if request.method == "POST" and form.is_valid() and actions.is_valid():
        wanted: list[Any] = [row for row in actions.cleaned_data if row.get("text")]
        if pages.attempt(form, lambda: rules.record(product, **form.values, actions=wanted, by=request.user)):
            if product.stage == Product.Stage.IN_USE and form.values["conclusion"] == FollowUp.Conclusion.STOP:
                messages.warning(request, _("The follow-up is recorded, and use is paused."))
            else:
                messages.success(request, _("The follow-up is recorded."))
            return redirect("inhouse:follow-up", product.pk)
    reviews = [(review, [a for a in d.actions if a.follow_up_id == review.pk]) for review in reversed(d.follow_ups)]
    return pages.show(
        request, product, "inhouse/followup/page.html", d=d, form=form, actions=actions, reviews=reviews, due=rules.due_on(d),
        today=today, watch=[o for o in lifecycle.watch(d) if o.mend == "follow-up"], running=product.stage in lifecycle.WORKED_ON,
    )  # fmt: skip


@require_POST
def _finish(request: Request, action: FollowUpAction) -> HttpResponse:
    form = DoneForm(request.POST)
    if form.is_valid() and pages.attempt(form, lambda: rules.finish(action, **form.cleaned_data, by=request.user)):
        messages.success(request, _("The action is done."))
    else:
        pages.complain(request, form)
    return redirect("inhouse:follow-up", action.follow_up.product_id)


finish = door(Act.KEEP, action_of)(_finish)

urls = [
    path("products/<int:pk>/follow-up/", follow_up, name="follow-up"),
    path("actions/<int:pk>/done/", finish, name="action-done"),
]
