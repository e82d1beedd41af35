"""Administrations, their units and quality management systems; and what there is where a unit closes or a person leaves."""

from __future__ import annotations

from dataclasses import dataclass

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inhouse.views import pages
from organisation import clock, history, people, places
from organisation.access import INSTITUTION, Act, Scope
from organisation.alphabet import by
from organisation.doors import Request, door
from organisation.forms import EditForm, Form, ModelForm, attempt
from organisation.models import Administration, Assignment, QualitySystem, Unit, User
from products.models import Item, Product


@dataclass
class Place:
    """An administration, or a unit or quality system of it."""

    administration: Administration
    unit: Unit | None = None
    system: QualitySystem | None = None

    @property
    def scope(self) -> Scope:
        return Scope(self.administration.pk)

    @property
    def told(self) -> list[history.Entry]:
        """What happened here lately: to the unit or the quality system; else to the administration and all it has."""
        if about := self.unit or self.system:
            return history.latest(history.of(about).all())
        parts = [history.of(model).filter(administration=self.administration.pk) for model in (Unit, QualitySystem)]
        return history.latest(history.of(self.administration).all(), *parts)


def administration_of(pk: int) -> Place:
    return Place(get_object_or_404(Administration, pk=pk))


def unit_of(pk: int) -> Place:
    unit = get_object_or_404(Unit.objects.select_related("administration"), pk=pk)
    return Place(unit.administration, unit=unit)


def system_of(pk: int) -> Place:
    system = get_object_or_404(QualitySystem.objects.select_related("administration"), pk=pk)
    return Place(system.administration, system=system)


class NameForm(Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=200)


class AdministrationForm(EditForm[Administration]):
    class Meta:
        model = Administration
        fields = ("name", "active")


class UnitForm(ModelForm[Unit]):
    class Meta:
        model = Unit
        fields = ("name", "site")


class EditUnitForm(EditForm[Unit]):
    class Meta:
        model = Unit
        fields = ("name", "site")


SYSTEM = (
    "name", "scope", "certificate", "valid_until",
    "laboratory_standard", "accreditation", "accreditation_scope", "accredited_until",
)  # fmt: skip


class SystemForm(ModelForm[QualitySystem]):
    class Meta:
        model = QualitySystem
        fields = SYSTEM


class EditSystemForm(EditForm[QualitySystem]):
    class Meta:
        model = QualitySystem
        fields = SYSTEM


class ReasonForm(Form):
    reason = forms.CharField(label=gettext_lazy("Reason"), widget=forms.Textarea(attrs={"rows": 2}))


@door(Act.WORK)
def all_places(request: Request) -> HttpResponse:
    """Every administration with how much it holds."""
    open_units = Count("units", filter=Q(units__active=True), distinct=True)
    systems = Count("quality_systems", distinct=True)
    administrations = Administration.objects.annotate(unit_count=open_units, system_count=systems).order_by(by("name"))
    context = {
        "administrations": administrations,
        "may": pages.Permissions(request.user, INSTITUTION),
        "told": history.latest(history.of(Administration).all()),
    }
    return render(request, "inhouse/places/list.html", context)


@door(Act.SETTINGS)
def add_administration(request: Request) -> HttpResponse:
    form = NameForm(request.POST or None)
    made: list[Administration] = []
    if (
        request.method == "POST"
        and form.is_valid()
        and attempt(form, lambda: made.append(places.add_administration(by=request.user, **form.cleaned_data)))
    ):
        messages.success(request, _("Saved."))
        return redirect("inhouse:administration", made[0].pk)
    return render(request, "inhouse/places/form.html", {"form": form, "title": _("Add an administration")})


@door(Act.WORK, administration_of)
def administration(request: Request, place: Place) -> HttpResponse:
    """One administration: its units, its quality management systems, and who has which role here."""
    here = place.administration
    roles = (
        Assignment.objects.on(clock.today())
        .filter(administration=here, user__is_active=True)
        .select_related("user__unit")
    )
    context = {
        "administration": here,
        "units": here.units.annotate(staff_count=Count("staff", filter=Q(staff__is_active=True))).order_by(
            "-active", by("name")
        ),
        "systems": here.quality_systems.annotate(product_count=Count("products")).order_by(by("name")),
        "roles": roles.order_by("role", by("user__name")),
        "today": clock.today(),
        "may": pages.Permissions(request.user, place.scope),
        "told": place.told,
    }
    return render(request, "inhouse/places/administration.html", context)


@door(Act.SETTINGS, administration_of)
def edit_administration(request: Request, place: Place) -> HttpResponse:
    here = place.administration
    form = AdministrationForm(request.POST or None, instance=Administration.objects.get(pk=here.pk))
    if (
        request.method == "POST"
        and form.is_valid()
        and attempt(form, lambda: places.edit_administration(here, by=request.user, **form.values))
    ):
        messages.success(request, _("Saved."))
        return redirect("inhouse:administration", here.pk)
    return _form(request, place, form, _("Change the administration"))


@door(Act.SETTINGS, administration_of)
def add_unit(request: Request, place: Place) -> HttpResponse:
    form = UnitForm(request.POST or None)
    if (
        request.method == "POST"
        and form.is_valid()
        and attempt(form, lambda: places.add_unit(place.administration, by=request.user, **form.values))
    ):
        messages.success(request, _("Saved."))
        return redirect("inhouse:administration", place.administration.pk)
    return _form(request, place, form, _("Add a unit"))


@door(Act.SETTINGS, unit_of)
def edit_unit(request: Request, place: Place) -> HttpResponse:
    unit = place.unit
    assert unit is not None
    form = EditUnitForm(request.POST or None, instance=Unit.objects.get(pk=unit.pk))
    if (
        request.method == "POST"
        and form.is_valid()
        and attempt(form, lambda: places.edit_unit(unit, by=request.user, **form.values))
    ):
        messages.success(request, _("Saved."))
        return redirect("inhouse:administration", place.administration.pk)
    return _form(request, place, form, _("Change the unit"))


@door(Act.SETTINGS, unit_of)
def close_unit(request: Request, place: Place) -> HttpResponse:
    """Before a unit is closed: what is still there."""
    unit = place.unit
    assert unit is not None
    form = ReasonForm(request.POST or None)
    here = Q(placements__unit=unit, placements__since__lte=clock.today()) & (
        Q(placements__until=None) | Q(placements__until__gt=clock.today())
    )
    items = Item.objects.filter(here, fate="").select_related("product").order_by(by("identifier"), "pk").distinct()

    def close() -> None:
        places.close_unit(unit, by=request.user, **form.cleaned_data)
        if items.exists():  # asked while the unit is locked; `organisation` knows no items
            raise ValidationError(
                _("The items must leave first: move them, take them back or say what became of them.")
            )

    if request.method == "POST" and form.is_valid() and attempt(form, close):
        messages.success(request, _("The unit is closed."))
        return redirect("inhouse:administration", place.administration.pk)
    context = {
        "form": form,
        "unit": unit,
        "administration": place.administration,
        "staff": User.objects.filter(unit=unit, is_active=True).order_by(by("name")),
        "items": items,
        "made": Product.objects.living().filter(unit=unit),
        "listed": unit.product_uses.on(clock.today()).select_related("product"),
        "told": place.told,
    }
    return render(request, "inhouse/places/close.html", context)


@door(Act.SETTINGS, unit_of)
def reopen_unit(request: Request, place: Place) -> HttpResponse:
    unit = place.unit
    assert unit is not None
    form = ReasonForm(request.POST or None)
    if (
        request.method == "POST"
        and form.is_valid()
        and attempt(form, lambda: places.reopen_unit(unit, by=request.user, **form.cleaned_data))
    ):
        messages.success(request, _("The unit is open again."))
        return redirect("inhouse:administration", place.administration.pk)
    return _form(request, place, form, _("Open the unit again"))


@door(Act.QUALITY, administration_of)
def add_system(request: Request, place: Place) -> HttpResponse:
    form = SystemForm(request.POST or None)
    if (
        request.method == "POST"
        and form.is_valid()
        and attempt(form, lambda: places.add_system(place.administration, form.values, by=request.user))
    ):
        messages.success(request, _("Saved."))
        return redirect("inhouse:administration", place.administration.pk)
    return _form(request, place, form, _("Add a quality management system"))


@door(Act.QUALITY, system_of)
def edit_system(request: Request, place: Place) -> HttpResponse:
    system = place.system
    assert system is not None
    form = EditSystemForm(request.POST or None, instance=QualitySystem.objects.get(pk=system.pk))
    if (
        request.method == "POST"
        and form.is_valid()
        and attempt(form, lambda: places.edit_system(system, form.values, by=request.user))
    ):
        messages.success(request, _("Saved."))
        return redirect("inhouse:administration", place.administration.pk)
    return _form(request, place, form, _("Change the quality management system"))


@door(Act.WORK, pages.product)
def laboratory(request: Request, product: Product) -> HttpResponse:
    """Where the laboratory of a product is described: with its quality system, for whoever keeps those."""
    if product.quality_system_id and pages.Permissions(request.user, product.scope)["quality"]:
        return redirect("inhouse:quality-system", product.quality_system_id)
    return redirect("inhouse:administration", product.unit.administration_id)


def _form(request: Request, place: Place, form: forms.BaseForm, title: str) -> HttpResponse:
    context = {
        "form": form,
        "title": title,
        "administration": place.administration,
        "unit": place.unit,
        "system": place.system,
        "told": place.told,
    }
    return render(request, "inhouse/places/form.html", context)


@door(Act.USERS)
def deactivate(request: Request, pk: int) -> HttpResponse:
    """Before someone's account is closed: the products that they own."""
    person = get_object_or_404(User.objects.select_related("unit"), pk=pk)
    form = ReasonForm(request.POST or None)
    if (
        request.method == "POST"
        and form.is_valid()
        and attempt(form, lambda: people.deactivate(person, by=request.user, **form.cleaned_data))
    ):
        messages.success(request, _("%(person)s is deactivated.") % {"person": person})
        return redirect("organisation:person", pk)
    owned = Product.objects.living().filter(owner=person)
    told = history.latest(history.of(person).all(), history.of(Assignment).filter(user=pk))
    context = {"person": person, "form": form, "owned": owned, "told": told}
    return render(request, "inhouse/places/deactivate.html", context)


urls = [
    path("administrations/", all_places, name="places"),
    path("administrations/add/", add_administration, name="administration-add"),
    path("administrations/<int:pk>/", administration, name="administration"),
    path("administrations/<int:pk>/edit/", edit_administration, name="administration-edit"),
    path("administrations/<int:pk>/units/add/", add_unit, name="unit-add"),
    path("administrations/<int:pk>/quality-systems/add/", add_system, name="quality-system-add"),
    path("units/<int:pk>/", edit_unit, name="unit"),
    path("units/<int:pk>/close/", close_unit, name="unit-close"),
    path("units/<int:pk>/reopen/", reopen_unit, name="unit-reopen"),
    path("quality-systems/<int:pk>/", edit_system, name="quality-system"),
    path("products/<int:pk>/laboratory/", laboratory, name="laboratory"),
    path("people/<int:pk>/deactivate/", deactivate, name="person-deactivate"),
]
