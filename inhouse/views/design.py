"""What the device is: purpose, traits, parts. Its class has a page of its own."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inhouse import design as rules
from inhouse import gates, lifecycle
from inhouse.dossier import current
from inhouse.views import pages
from organisation import history
from organisation.access import Act
from organisation.alphabet import by
from organisation.doors import Request, door
from organisation.forms import EditForm, Form, RowsForm
from organisation.models import QualitySystem
from products.models import Part, Product, Revision

MOVED = "moved"
"""In the address after a change that brought the device under the other regulation: the page says what follows."""


class DesignForm(EditForm[Revision]):
    asked_for = (
        "reference", "intended_purpose", "patient_group", "description", "patient_tracing", "tracing_reason",
    )  # fmt: skip
    """May be left for another day, but the declaration waits for them."""

    class Meta:
        model = Revision
        fields = (
            "reference", "intended_purpose", "patient_group", "description", *Revision.TRAITS, "patient_tracing", "tracing_reason",
        )  # fmt: skip
        widgets = {"patient_tracing": forms.RadioSelect}

    def groups(self, system: SystemForm) -> list[tuple[str, list[forms.BoundField]]]:
        """The fields under their headings, the quality system among them."""
        return [
            (
                _("What it is"),
                [self[name] for name in ("reference", "intended_purpose", "patient_group", "description")],
            ),
            (_("Traits"), [self[name] for name in Revision.TRAITS]),
            (_("Quality system"), [system["quality_system"]]),
            (_("Tracing"), [self[name] for name in ("patient_tracing", "tracing_reason")]),
        ]


class SystemForm(EditForm[Product]):
    """The quality system that the product, not only this revision, is made under."""

    asked_for = ("quality_system",)
    quality_system = forms.ModelChoiceField(
        QualitySystem.objects.none(), label=gettext_lazy("Quality management system"), required=False,
        help_text=gettext_lazy("The system the product is made under (MDR 5(5)(b), IVDR 5(5)(b)). A manager adds systems on the page of the administration."),
    )  # fmt: skip

    class Meta:
        model = Product
        fields = ("quality_system",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        system = self.fields["quality_system"]
        assert isinstance(system, forms.ModelChoiceField)
        here = QualitySystem.objects.filter(administration=self.instance.unit.administration_id)
        system.queryset = here.order_by(by("name"))


class PartForm(Form):
    name = forms.CharField(label=gettext_lazy("Part or accessory"), max_length=200)
    maker = forms.CharField(label=gettext_lazy("Manufacturer"), max_length=200, required=False)
    model = forms.CharField(label=gettext_lazy("Model"), max_length=100, required=False)
    edition = forms.CharField(label=gettext_lazy("Version"), max_length=50, required=False)
    is_ce_marked = forms.BooleanField(label=gettext_lazy("CE-marked device"), required=False)


class PartForms(RowsForm):
    line = PartForm


@door(Act.WORK, pages.product, post=Act.KEEP)
def design(request: Request, product: Product) -> HttpResponse:
    """Read the design of a revision; while it is open, whoever keeps the records writes it."""
    if request.method == "POST":
        lifecycle.lock(product)
    d = current(product)
    revision = pages.revision_shown(request, d)
    fresh = Revision.objects.select_related("product__unit").get(pk=revision.pk)
    data = request.POST if request.method == "POST" else None
    form = DesignForm(data, instance=fresh)
    system = SystemForm(data, instance=fresh.product, prefix="system")
    parts = PartForms(data, kept=history.of(Part).filter(revision=revision.pk), prefix="parts")
    asked: list[forms.BaseForm] = [form, system, parts]

    def save() -> None:
        named = system.cleaned_data["quality_system"]
        rules.describe(revision, form.values, quality_system=named, by=request.user)
        rules.compose(revision, parts.wanted, by=request.user)  # type: ignore[arg-type]

    readable = [each.is_valid() for each in asked]  # every form is looked at, so that all errors are shown
    if request.method == "POST" and all(readable) and pages.attempt(form, save):
        messages.success(request, _("Saved."))
        there = redirect("inhouse:design", product.pk)
        if Revision.objects.values_list("regulation", flat=True).get(pk=revision.pk) != revision.regulation:
            there["Location"] += f"?{MOVED}=1"
        return there
    now, other = revision.regulation, rules.under(in_vitro=not revision.is_in_vitro)
    return pages.show(
        request, product, "inhouse/design/page.html", d=d, revision=revision, form=form, system=system, pieces=parts,
        headings=form.groups(system), errors=asked, refused=any(each.errors for each in asked), parts=d.parts_of(revision),
        would=gates.moved(d, now, other), moved=gates.moved(d, other, now) if MOVED in request.GET else None,
    )  # fmt: skip


urls = [path("products/<int:pk>/design/", design, name="design")]
