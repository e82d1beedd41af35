"""What the device is: purpose, traits, parts. Its class has a page of its own."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.forms import formset_factory
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inhouse import design as rules
from inhouse import lifecycle
from inhouse.dossier import current
from inhouse.views import pages
from organisation.access import Act
from organisation.alphabet import by
from organisation.doors import Request, door
from organisation.forms import EditForm, Form
from organisation.models import QualitySystem
from products.models import Product, Revision


class DesignForm(EditForm[Revision]):
    asked_for = (
        "reference", "intended_purpose", "patient_group", "description", "quality_system", "patient_tracing", "tracing_reason",
    )  # fmt: skip
    """May be left for another day, but the declaration waits for them."""

    quality_system = forms.ModelChoiceField(
        QualitySystem.objects.none(), label=gettext_lazy("Quality management system"), required=False,
        help_text=gettext_lazy("The system the product is made under (MDR 5(5)(b)). A manager adds systems on the page of the administration."),
    )  # fmt: skip

    class Meta:
        model = Revision
        fields = (
            "reference", "intended_purpose", "patient_group", "description", *Revision.TRAITS, "patient_tracing", "tracing_reason",
        )  # fmt: skip
        widgets = {"patient_tracing": forms.RadioSelect}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        product = self.instance.product
        system = self.fields["quality_system"]
        assert isinstance(system, forms.ModelChoiceField)
        here = QualitySystem.objects.filter(administration=product.unit.administration_id)
        system.queryset = here.order_by(by("name"))
        system.initial = product.quality_system_id

    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The fields under their headings."""
        return [
            (
                _("What it is"),
                [self[name] for name in ("reference", "intended_purpose", "patient_group", "description")],
            ),
            (_("Traits"), [self[name] for name in Revision.TRAITS]),
            (_("Quality system"), [self["quality_system"]]),
            (_("Tracing"), [self[name] for name in ("patient_tracing", "tracing_reason")]),
        ]


class PartForm(Form):
    name = forms.CharField(label=gettext_lazy("Part or accessory"), max_length=200)
    maker = forms.CharField(label=gettext_lazy("Manufacturer"), max_length=200, required=False)
    model = forms.CharField(label=gettext_lazy("Model"), max_length=100, required=False)
    edition = forms.CharField(label=gettext_lazy("Version"), max_length=50, required=False)
    is_ce_marked = forms.BooleanField(label=gettext_lazy("CE-marked device"), required=False)


PartForms = formset_factory(PartForm, extra=2, can_delete=True, max_num=200)


@door(Act.WORK, pages.product, post=Act.KEEP)
def design(request: Request, product: Product) -> HttpResponse:
    """Read the design of a revision; while it is open, whoever keeps the records writes it."""
    if request.method == "POST":
        lifecycle.lock(product)
    d = current(product)
    revision = pages.revision_shown(request, d)
    parts = [
        {"name": p.name, "maker": p.maker, "model": p.model, "edition": p.edition, "is_ce_marked": p.is_ce_marked}
        for p in d.parts_of(revision)
    ]
    form = DesignForm(
        request.POST or None, instance=Revision.objects.select_related("product__unit").get(pk=revision.pk)
    )
    pieces = PartForms(request.POST or None, initial=parts, prefix="parts")
    if request.method == "POST" and pieces.is_valid() and form.is_valid():
        wanted = [
            {key: value for key, value in row.items() if key != "DELETE"}
            for row in pieces.cleaned_data
            if row.get("name") and not row.get("DELETE")
        ]

        def save() -> None:
            rules.describe(revision, form.values, quality_system=form.cleaned_data["quality_system"], by=request.user)
            rules.compose(revision, wanted, by=request.user)  # type: ignore[arg-type]

        if pages.attempt(form, save):
            messages.success(request, _("Saved."))
            return redirect("inhouse:design", product.pk)
    return pages.show(
        request,
        product,
        "inhouse/design/page.html",
        d=d,
        revision=revision,
        form=form,
        pieces=pieces,
        parts=d.parts_of(revision),
    )


urls = [path("products/<int:pk>/design/", design, name="design")]
