"""What must stand around the device, and which units make and use it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inhouse import intervals, lifecycle
from inhouse import readiness as rules
from inhouse.dossier import current
from inhouse.forms import UnitField
from inhouse.models import Readiness
from inhouse.views import pages
from organisation import alphabet, clock
from organisation.access import Act
from organisation.doors import Request, door
from organisation.forms import EditForm, Form
from products.models import Product, Revision, UnitUse

CLOSED = (Revision.Stage.CLOSED, Revision.Stage.ABANDONED)


class ReadinessForm(EditForm[Readiness]):
    asked_for = ("training_plan", "maintenance_plan")  # if needed

    class Meta:
        model = Readiness
        fields = (
            "managing_organisation", "managing_contact", "resources", "support_contact", "training_needed", "training_plan",
            "maintenance_needed", "maintenance_plan", "marking", "marking_text", "follow_up_months",
        )  # fmt: skip
        widgets = dict.fromkeys(("training_needed", "maintenance_needed", "marking"), forms.RadioSelect)

    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The fields under their headings."""
        groups: list[tuple[str, tuple[str, ...]]] = [
            (_("Who manages it"), ("managing_organisation", "managing_contact", "resources")),
            (_("Training and support"), ("support_contact", "training_needed", "training_plan")),
            (_("Maintenance"), ("maintenance_needed", "maintenance_plan")),
            (_("Marking"), ("marking", "marking_text")),
            (_("Clinical follow-up"), ("follow_up_months",)),
        ]
        return [(title, [self[name] for name in names]) for title, names in groups]


@door(Act.WORK, pages.product, post=Act.KEEP)
def readiness(request: Request, product: Product) -> HttpResponse:
    """Read the readiness of a revision; as long as the revision lives, whoever keeps the records writes it."""
    if request.method == "POST":
        lifecycle.lock(product)
    d = current(product)
    revision = pages.revision_shown(request, d)
    ready = d.readiness(revision)
    form = ReadinessForm(
        request.POST or None,
        instance=Readiness.objects.filter(revision=revision).first() or Readiness(revision=revision),
        initial={} if ready else {"follow_up_months": intervals.months(revision.risk_class)},
    )
    if (
        request.method == "POST"
        and form.is_valid()
        and pages.attempt(form, lambda: rules.prepare(revision, form.values, by=request.user))
    ):
        messages.success(request, _("Saved and confirmed for revision %(number)s.") % {"number": revision.number})
        return redirect(request.get_full_path())
    return pages.show(
        request, product, "inhouse/readiness/page.html", d=d, revision=revision, ready=ready, form=form,
        is_open=not product.is_ended and revision.stage not in CLOSED,
    )  # fmt: skip


class UnitForm(Form):
    unit = UnitField(label=gettext_lazy("Unit"), empty_label=gettext_lazy("Choose a unit"))
    part = forms.ChoiceField(
        label=gettext_lazy("Makes or uses"), choices=UnitUse.Part.choices, widget=forms.RadioSelect
    )
    since = forms.DateField(label=gettext_lazy("From"))


class EndForm(Form):
    until = forms.DateField(
        label=gettext_lazy("Until"), help_text=gettext_lazy("On that day the unit no longer makes or uses the product.")
    )


def use(pk: int) -> UnitUse:
    """A unit's making or using of a product, or 404."""
    return get_object_or_404(
        UnitUse.objects.select_related(
            "unit", "product__unit__administration", "product__owner", "product__quality_system", "product__proposed_by"
        ),
        pk=pk,
    )


@door(Act.WORK, pages.product, post=Act.KEEP)
def units(request: Request, product: Product) -> HttpResponse:
    """The units that make and use the product, now and before; list another one."""
    form = UnitForm(request.POST or None, initial={"since": clock.today(), "part": UnitUse.Part.USES})
    if (
        request.method == "POST"
        and form.is_valid()
        and pages.attempt(form, lambda: rules.list_unit(product, **form.cleaned_data, by=request.user))
    ):
        messages.success(request, _("%(unit)s is listed.") % {"unit": form.cleaned_data["unit"]})
        return redirect("inhouse:units", product.pk)
    d = current(product)
    parts: list[dict[str, Any]] = [
        {
            "label": part.label,
            "rows": sorted(
                (use for use in d.unit_uses if use.part == part),
                key=lambda use: (not use.held_on(d.on), alphabet.key(use.unit), use.since),
            ),
        }
        for part in UnitUse.Part
    ]
    return pages.show(
        request, product, "inhouse/readiness/units.html", d=d, form=form, parts=parts, may_list=rules.may_list(product),
        subjects=pages.subjects(d, "readiness"),
    )  # fmt: skip


@door(Act.WORK, use, post=Act.KEEP)
def end(request: Request, use: UnitUse) -> HttpResponse:
    """The day from which a unit no longer makes or uses the product."""
    product = use.product
    form = EndForm(request.POST or None, initial={"until": clock.today()})
    if (
        request.method == "POST"
        and form.is_valid()
        and pages.attempt(form, lambda: rules.end_unit(use, **form.cleaned_data, by=request.user))
    ):
        messages.success(request, _("The day is recorded."))
        return redirect("inhouse:units", product.pk)
    d = current(product)
    return pages.show(
        request, product, "inhouse/readiness/end.html", d=d, form=form, use=use, subjects=pages.subjects(d, "readiness")
    )  # fmt: skip


urls = [
    path("products/<int:pk>/readiness/", readiness, name="readiness"),
    path("products/<int:pk>/units/", units, name="units"),
    path("unit-uses/<int:pk>/end/", end, name="units-end"),
]
