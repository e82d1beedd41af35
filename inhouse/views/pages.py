"""What the pages of a product share: fetching it, its frame, and asking a rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inhouse import story
from inhouse.dossier import Dossier, current
from inhouse.law.checks import software
from organisation import access
from organisation.access import Act, Scope
from organisation.doors import Request
from organisation.forms import Form, whole
from organisation.forms import attempt as attempt
from organisation.models import User
from products.models import Product, Revision


def product(pk: int) -> Product:
    """The product with what its head shows, or 404: also when its records were disposed of, and the page is of those."""
    found = kept(pk)
    if found.stage == Product.Stage.DISPOSED:
        raise Http404(_("The records of this product have been disposed of."))
    return found


def kept(pk: int) -> Product:
    """The product, for a page about what stays when its records are disposed of."""
    return get_object_or_404(
        Product.objects.select_related("unit__administration__institution", "owner", "quality_system", "proposed_by"),
        pk=pk,
    )


class Permissions:
    """What this person may do there, for templates: `may.keep`."""

    def __init__(self, user: User, scope: Scope) -> None:
        self.user, self.scope = user, scope

    def __getitem__(self, act: str) -> bool:
        return access.may(self.user, Act(act), self.scope)


class GraveForm(Form):
    """For what is not undone: sent only with a tick that its meaning was read. `meaning` is that sentence."""

    read = forms.BooleanField(error_messages={"required": gettext_lazy("Read what this means, then tick the box.")})

    def __init__(self, *args: Any, meaning: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["read"].label = meaning
        self.order_fields([name for name in self.fields if name != "read"])


def show(
    request: Request, product: Product, template: str, *, d: Dossier | None = None, status: int = 200, **context: Any
) -> HttpResponse:
    """A page about a product, in the frame that all of them share."""
    d = d or current(product)
    here = request.resolver_match.url_name if request.resolver_match else ""
    return render(
        request,
        template,
        {
            "product": product,
            "d": d,
            "revision": context.pop("revision", d.working),
            "may": Permissions(request.user, product.scope),
            "subjects": subjects(d, here or ""),
            "institution": d.institution,
            **context,
        },
        status=status,
    )


BELOW = {
    "decision": "assessment", "appointment": "owner", "document": "documents", "units": "readiness", "unit": "readiness",
    "disposal": "retention", "item": "items", "suspension": "withdrawal", "abandon": "withdrawal", "action": "follow-up",
}  # fmt: skip
"""Pages without an entry of their own, by the first word of their address's name, and the entry they belong to."""


STAYING = ("product", "owner", "declaration", "items", "withdrawal", "retention", "history")
"""The pages of a product whose records were disposed of."""


def subjects(d: Dossier, here: str) -> list[dict[str, Any]]:
    """The pages of a product that exist for its stage, in the order of its life."""
    stage = d.product.stage
    made = stage not in (Product.Stage.PROPOSED, Product.Stage.REJECTED)
    used = stage in Product.Stage.used
    left = stage in (Product.Stage.WITHDRAWN, Product.Stage.DISPOSED)
    wanted = [
        ("product", _("Overview"), True),
        ("assessment", _("Assessment"), True),
        ("market", _("Market search"), made),
        ("owner", _("Product owner"), made),
        ("design", _("Description"), made),
        ("class", _("Risk class"), made),
        ("software", _("Software and AI"), software.of(d) is not None),
        ("documents", _("Documents"), made),
        ("evidence", _("Verification and validation"), made),
        ("conformity", _("Annex I"), made),
        ("declaration", _("Declaration"), made),
        ("readiness", _("Readiness for use"), made),
        ("items", _("Items"), made),
        ("follow-up", _("Follow-up"), used),
        ("change", _("Changes"), used),
        ("withdrawal", _("Out of use") if stage == Product.Stage.WITHDRAWN else _("Pause or end use"), used),
        ("retention", _("Retention"), left),
        ("history", _("History"), True),
    ]
    if stage == Product.Stage.DISPOSED:
        wanted = [each for each in wanted if each[0] in STAYING]
    subject = BELOW.get(here.split("-", 1)[0], here)
    return [
        {
            "name": name,
            "label": label,
            "address": reverse(f"inhouse:{name}", args=[d.product.pk]),
            "here": subject == name or here.startswith(f"{name}-"),
            "told": name in story.SUBJECTS,
        }
        for name, label, exists in wanted
        if exists
    ]


def complain(request: Request, form: forms.BaseForm) -> None:
    """Say what a form refused on the page the person goes back to: for steps that are one button."""
    for errors in form.errors.values():
        for error in errors:
            messages.error(request, str(error), extra_tags="danger")


def confirm(request: Request, product: Product, rule: Callable[..., int], told: Callable[[int], str]) -> None:
    """One button: what was carried over still holds for the coming revision. `rule` says how many, `told` says it."""
    form, revision, count = Form(request.POST), current(product).coming, 0

    def ask() -> None:
        nonlocal count
        if revision is None:
            raise ValidationError(_("No revision is open."))
        count = rule(revision, by=request.user)

    if form.is_valid() and attempt(form, ask):
        messages.success(request, told(count) % {"count": count})
    else:
        complain(request, form)


def revision_shown(request: Request, d: Dossier) -> Revision:
    """The revision a page is about: the one asked for by `?revision=`, else the one being worked on."""
    asked = whole(request.GET.get("revision", ""))
    found = d.revision(asked) if asked is not None else None
    revision = found or d.working
    assert revision is not None
    return revision
