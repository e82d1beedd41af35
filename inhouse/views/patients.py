"""Patients: found by their number, shown from an item, noted, and forgotten. A number is in no address and no log."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from inhouse import tracing
from inhouse.dossier import current
from inhouse.forms import UNITS, UnitField
from inhouse.views import pages
from inhouse.views.items import item
from organisation import access, clock
from organisation.access import Act
from organisation.alphabet import by
from organisation.doors import Request, View, door
from organisation.forms import Form
from organisation.models import Institution, Unit, User
from products import identity, patients
from products.models import Item, Patient, PatientIdentity, PatientLookUp, PatientUse, Product

Kind = PatientIdentity.Kind
PER_PAGE = 50


def hush(view: View) -> View:
    """Kept by no cache and in no report of an error."""
    return never_cache(sensitive_post_parameters()(view))


# --- fetching


def use(pk: int) -> PatientUse:
    """A patient's use of an item, or 404."""
    found = get_object_or_404(PatientUse.objects.select_related("unit", "patient"), pk=pk)
    found.item = item(found.item_id)
    return found


def patient(pk: UUID) -> tracing.Traced:
    """A patient and where the number serves, or 404."""
    return tracing.traced(get_object_or_404(Patient.objects.select_related("erased_by"), pk=pk))


# --- forms


class NumberForm(Form):
    """Who a patient is: the kind of number and the number."""

    kind = forms.ChoiceField(label=gettext_lazy("Kind of number"), choices=Kind.choices)
    number = forms.CharField(label=gettext_lazy("Number"), max_length=60)
    issuer = forms.CharField(
        label=gettext_lazy("Issued by"), max_length=100, required=False,
        help_text=gettext_lazy("Only for a reserve number or an identifier from another country: the region, authority or country that issued it."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        institution = Institution.objects.get()
        home = Kind.NO_FNR if institution.country == Institution.Country.NORWAY else Kind.SE_PERSONNUMMER
        self.fields["kind"].initial = home
        self.fields["number"].widget.attrs.update({"spellcheck": "false", "autocapitalize": "off"})
        if settings.SYNTHETIC_PATIENTS:
            self.fields["number"].help_text = _(
                "This installation is for trying out and takes only the authorities’ test numbers, for example %(number)s. Never write a real one."
            ) % {"number": "010180 98452" if home == Kind.NO_FNR else "19900602-2397"}

    @sensitive_variables()
    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        if "kind" in cleaned and "number" in cleaned:
            try:
                cleaned["identifier"] = identity.parse(
                    cleaned["kind"], cleaned["number"], issuer=cleaned.get("issuer", "")
                )
            except ValidationError as refusal:
                code = getattr(refusal, "code", "")
                self.add_error({"issuer": "issuer", "kind": "kind", "other kind": "kind"}.get(code, "number"), refusal)
        return cleaned


class PurposeForm(Form):
    purpose = forms.CharField(
        label=gettext_lazy("Why do you need to know?"), max_length=500, widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("A few words that others can judge, for example “recall of lot 7”. It is kept with your name and shown to the product owner. Do not write the patient’s number here."),
    )  # fmt: skip


class FindForm(NumberForm, PurposeForm):
    field_order = ("kind", "number", "issuer", "purpose")


class ReferenceForm(Form):
    reference = forms.UUIDField(
        label=gettext_lazy("Patient reference"),
        help_text=gettext_lazy("It stands beside the use on the page of the item, and on the page of the patient."),
    )


class NoteForm(NumberForm):
    used_on = forms.DateField(label=gettext_lazy("Used on"))
    unit = UnitField(
        label=gettext_lazy("Unit"),
        help_text=gettext_lazy("Where the patient met the item: a unit where it was on that day."),
    )
    earlier = forms.BooleanField(
        label=gettext_lazy("The patient met it before use was paused or ended that day"), required=False
    )

    def __init__(self, *args: Any, item: Item, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stays = list(item.placements.order_by("until", "-since"))
        now = next((stay.unit_id for stay in stays if stay.until is None), None)
        unit = self.fields["unit"]
        assert isinstance(unit, UnitField)
        there = Unit.objects.select_related("administration").filter(pk__in={stay.unit_id for stay in stays})
        unit.queryset = there.order_by(*UNITS)
        unit.initial = now or (stays[-1].unit_id if stays else None)
        self.fields["used_on"].initial = clock.today()
        if item.product.stage == Product.Stage.IN_USE:
            del self.fields["earlier"]


class DecisionForm(Form):
    decision = forms.CharField(
        label=gettext_lazy("Decision"), max_length=200, help_text=gettext_lazy("Its reference and day, as in the diary. Do not write the patient’s number here.")
    )  # fmt: skip


class LooksForm(Form):
    """Narrows the log of looks."""

    person = forms.ModelChoiceField(
        User.objects.order_by(by("name")), label=gettext_lazy("Who"), required=False, empty_label=gettext_lazy("all")
    )
    nobody = forms.BooleanField(label=gettext_lazy("Only those that found nobody"), required=False)

    def narrow(self, looks: QuerySet[PatientLookUp]) -> QuerySet[PatientLookUp]:
        if self.cleaned_data["person"]:
            looks = looks.filter(by=self.cleaned_data["person"])
        return looks.filter(found=False) if self.cleaned_data["nobody"] else looks


# --- looking for a patient


@hush
@door(Act.WORK)
@sensitive_variables("form")
def search(request: Request) -> HttpResponse:
    """Find a patient by exact number, for a stated purpose. For registrars: the way to erase one by its reference."""
    erases = access.somewhere(request.user, Act.ERASE_PATIENTS)
    asked = request.method == "POST"
    by_reference = asked and "reference" in request.POST
    form = FindForm(request.POST if asked and not by_reference else None)
    reference = ReferenceForm(request.POST if by_reference else None, auto_id="id_reference_%s")
    if by_reference and reference.is_valid():
        if Patient.objects.filter(pk=reference.cleaned_data["reference"]).exists():
            return redirect("inhouse:patient-erase", reference.cleaned_data["reference"])
        reference.add_error("reference", _("No patient has this reference."))
    nobody = False
    if form.is_valid():
        found: list[Patient | None] = []
        values = form.cleaned_data
        if pages.attempt(
            form, lambda: found.append(tracing.find(values["identifier"], purpose=values["purpose"], by=request.user))
        ):
            if found[0]:
                return redirect("inhouse:patient", found[0].pk)
            nobody = True
    context = {
        "form": form, "reference": reference, "nobody": nobody, "erases": erases,
        "looks": tracing.may_look(request.user), "open_for": tracing.OPEN_FOR.seconds // 60,
        "reads": access.may(request.user, Act.READ_LOOK_UPS),
    }  # fmt: skip
    return render(request, "inhouse/patients/search.html", context)


@hush
@door(Act.WORK)
def show(request: Request, pk: UUID) -> HttpResponse:
    """What a patient met, for whoever looked the patient up a moment ago; others say why first."""
    traced = patient(pk)
    if not tracing.may_look(request.user):
        return redirect("inhouse:patients")
    form = PurposeForm(request.POST or None)
    if form.is_valid() and pages.attempt(
        form, lambda: tracing.reopen(traced.patient, **form.cleaned_data, by=request.user)
    ):
        return redirect("inhouse:patient", traced.patient.pk)
    is_open = tracing.is_open(traced.patient, by=request.user)
    context = {
        "patient": traced.patient, "form": form, "is_open": is_open, "open_for": tracing.OPEN_FOR.seconds // 60,
        "met": tracing.met(traced.patient, by=request.user) if is_open else None,
    }  # fmt: skip
    return render(request, "inhouse/patients/patient.html", context)


# --- from an item


@hush
@door(Act.PATIENTS, item)
@sensitive_variables("form")
def note(request: Request, item: Item) -> HttpResponse:
    """Note that a patient met the item."""
    form = NoteForm(request.POST or None, item=item)
    if request.method == "POST" and form.is_valid():
        said = {
            name: value
            for name, value in form.cleaned_data.items()
            if name in ("identifier", "used_on", "unit", "earlier")
        }
        if pages.attempt(form, lambda: tracing.note_use(item, **said, by=request.user)):
            messages.success(request, _("The use is noted."))
            return redirect("inhouse:item", item.pk)
    return _about(request, item, "inhouse/patients/note.html", form=form, stopped=tracing.obstacles(item))


@hush
@door(Act.PATIENTS, use)
@sensitive_variables("number")
def reveal(request: Request, use: PatientUse) -> HttpResponse:
    """Show the number of the patient behind a use, once, for a stated purpose."""
    form = PurposeForm(request.POST or None)
    number: list[str] = []
    if request.method == "POST" and form.is_valid():
        pages.attempt(form, lambda: number.append(tracing.reveal(use, **form.cleaned_data, by=request.user)))
    return _about(
        request, use.item, "inhouse/patients/reveal.html", form=form, use=use, number=number[0] if number else ""
    )


@hush
@door(Act.READ_LOOK_UPS, pages.kept)
def look_ups(request: Request, product: Product) -> HttpResponse:
    """Who looked at patients from this product's items, or at patients who met one, when and why."""
    d = current(product)
    page = Paginator(patients.look_ups(product), PER_PAGE).get_page(request.GET.get("page"))
    return pages.show(
        request, product, "inhouse/patients/look_ups.html", d=d, page=page, subjects=pages.subjects(d, "items")
    )


@hush
@door(Act.READ_LOOK_UPS)
def all_look_ups(request: Request) -> HttpResponse:
    """Who looked for patients in the whole institution, when and why, also when nobody was found."""
    form = LooksForm(request.GET)
    looks = patients.all_look_ups()
    page = Paginator(form.narrow(looks) if form.is_valid() else looks, PER_PAGE).get_page(request.GET.get("page"))
    query = request.GET.copy()
    query.pop("page", None)
    context = {"form": form, "page": page, "query": query.urlencode()}
    return render(request, "inhouse/patients/all_look_ups.html", context)


def _about(request: Request, item: Item, template: str, **context: Any) -> HttpResponse:
    d = current(item.product)
    return pages.show(
        request, item.product, template, d=d, item=item, revision=item.revision, subjects=pages.subjects(d, "items"), **context
    )  # fmt: skip


# --- forgetting


@hush
@door(Act.ERASE_PATIENTS, patient)
def erase(request: Request, traced: tracing.Traced) -> HttpResponse:
    """Erase the number of a patient by a decision: said once, then confirmed."""
    held = traced.patient
    form = DecisionForm(request.POST or None)
    told = ""
    if request.method == "POST" and form.is_valid():
        told = form.cleaned_data["decision"]
        if "confirmed" in request.POST:
            if pages.attempt(form, lambda: tracing.erase(held, **form.cleaned_data, by=request.user)):
                messages.success(request, _("The number is erased."))
                return redirect("inhouse:patient-erase", held.pk)
            told = ""
    context = {"patient": held, "form": form, "told": told, "uses": held.uses.count()}
    return render(request, "inhouse/patients/erase.html", context)


urls = [
    path("patients/", search, name="patients"),
    path("patients/look-ups/", all_look_ups, name="look-ups-all"),
    path("patients/<uuid:pk>/", show, name="patient"),
    path("patients/<uuid:pk>/erase/", erase, name="patient-erase"),
    path("items/<int:pk>/patient/", note, name="patient-note"),
    path("patient-uses/<int:pk>/reveal/", reveal, name="patient-reveal"),
    path("products/<int:pk>/look-ups/", look_ups, name="look-ups"),
]
