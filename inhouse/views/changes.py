"""Changes: the questions, and the revision that comes of them."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inhouse import changes as rules
from inhouse import gates, law, lifecycle
from inhouse.dossier import Dossier, current
from inhouse.forms import TreeForm
from inhouse.models import Change
from inhouse.views import pages
from organisation.access import Act
from organisation.doors import Request, door
from organisation.forms import Form
from products.models import Product, Revision

GATES = [gate for gates_of in lifecycle.REVISION_GATES.values() for gate in gates_of]
"""All that a revision passes before it is in force."""


class ChangeForm(Form):
    description = forms.CharField(label=gettext_lazy("What changes, and why?"), widget=forms.Textarea)


class ReasonForm(Form):
    reason = forms.CharField(label=gettext_lazy("Reason"), widget=forms.Textarea)


def revision_of(pk: int) -> Revision:
    return get_object_or_404(Revision.objects.select_related("product__unit__administration", "product__owner"), pk=pk)


@door(Act.WORK, pages.product, post=Act.KEEP)
def change(request: Request, product: Product) -> HttpResponse:
    """Every change with its answers, the revision under way, and the questions for a new one."""
    d = current(product)
    form = ChangeForm(request.POST or None)
    tree = TreeForm(rules.TREE, data=request.POST or None, reason_required=True)
    if request.method == "POST" and all([form.is_valid(), tree.is_valid()]):
        description = form.cleaned_data["description"]
        made: list[Change] = []
        if pages.attempt(
            form,
            lambda: made.append(rules.ask(product, description=description, answers=tree.answers(), by=request.user)),
        ):
            if made[0].revision:
                messages.success(
                    request,
                    _("The change is essential: revision %(number)s is open for work.")
                    % {"number": made[0].revision.number},
                )
                return redirect("inhouse:product", product.pk)
            messages.success(request, _("The change is recorded. No answer asks for a new revision."))
            return redirect("inhouse:change", product.pk)
    questions = {question.id: question.text for question in law.trees()[rules.TREE].questions}
    told = [
        (each, [(questions.get(a.question, a.question), a) for a in d.change_answers(each)])
        for each in reversed(d.changes)
    ]
    coming = d.coming if d.in_force else None
    return pages.show(
        request, product, "inhouse/changes/page.html", d=d, form=form, tree=tree, told=told, coming=coming,
        obstacles=lifecycle.obstacles(d, coming, Revision.Stage.IN_FORCE) if coming and coming.stage == Revision.Stage.DECLARED else [],
        tasks=_tasks(d) if coming and coming.is_open else [],
        can_change=coming is None and product.stage in (Product.Stage.IN_USE, Product.Stage.SUSPENDED),
    )  # fmt: skip


def _tasks(d: Dossier) -> list[tuple[str, str, bool]]:
    """What is done for an open revision: the page, its words, and whether something is left there."""
    left = {obstacle.mend for obstacle in gates.standing(d, *GATES)} | {"declaration"}
    wanted = [
        ("design", _("Describe what is new")),
        ("documents", _("Confirm the documents, and add what is missing")),
        ("evidence", _("Verify and validate it")),
        ("readiness", _("Confirm the readiness for use")),
        ("declaration", _("Sign the declaration")),
    ]
    return [(name, words, name in left) for name, words in wanted]


def _into_force(request: Request, revision: Revision) -> HttpResponse:
    """Bring a declared revision into force beside the one it follows."""
    form = Form(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if pages.attempt(form, lambda: lifecycle.move(revision, Revision.Stage.IN_FORCE, by=request.user)):
            messages.success(
                request,
                _(
                    "Revision %(number)s is in force. Items of the earlier revision stay covered by its declaration until the last is replaced."
                )
                % {"number": revision.number},
            )
            return redirect("inhouse:product", revision.product_id)
        pages.complain(request, form)
    return redirect("inhouse:change", revision.product_id)


into_force = door(Act.SIGN, revision_of)(_into_force)


@door(Act.END, revision_of)
def abandon(request: Request, revision: Revision) -> HttpResponse:
    """Give up an open revision; the one in force goes on."""
    form = ReasonForm(request.POST or None)
    if (
        request.method == "POST"
        and form.is_valid()
        and pages.attempt(form, lambda: rules.abandon(revision, **form.cleaned_data, by=request.user))
    ):
        messages.success(request, _("The revision is abandoned."))
        return redirect("inhouse:change", revision.product_id)
    return pages.show(request, revision.product, "inhouse/changes/abandon.html", form=form, revision=revision)


urls = [
    path("products/<int:pk>/changes/", change, name="change"),
    path("revisions/<int:pk>/into-force/", into_force, name="change-into-force"),
    path("revisions/<int:pk>/abandon/", abandon, name="change-abandon"),
]
