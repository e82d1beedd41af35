"""Absences: one's own on the account, those of others for managers of the administration and operators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from organisation import absences as rules
from organisation import access, clock, history
from organisation.access import Act, Scope
from organisation.alphabet import by
from organisation.doors import Request, door
from organisation.forms import Form, attempt
from organisation.models import Absence, Administration, User

PER_PAGE = 50


class PersonField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """Active staff by name, with title and unit."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(User.objects.none(), empty_label=gettext_lazy("Choose a person"), **kwargs)

    def label_from_instance(self, person: User) -> str:
        return " · ".join(filter(None, [person.name, person.title, str(person.unit)]))


def _staff() -> QuerySet[User]:
    return User.objects.filter(is_active=True).select_related("unit").order_by(by("name"), "pk")


class AbsenceForm(Form):
    since = forms.DateField(label=gettext_lazy("First day away"))
    until = forms.DateField(label=gettext_lazy("Last day away"))
    stand_in = PersonField(
        label=gettext_lazy("Who stands in"),
        help_text=gettext_lazy("If they are away on the same days, it goes on to whoever stands in for them."),
    )

    def __init__(self, *args: Any, person: User | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = _staff().exclude(pk=person.pk) if person else _staff()
        self.fields["stand_in"].queryset = others  # type: ignore[attr-defined]


class SomeonesForm(AbsenceForm):
    person = PersonField(label=gettext_lazy("Who is away"))
    field_order = ("person", "since", "until", "stand_in")

    def __init__(self, *args: Any, at: Administration, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["person"].queryset = _staff().filter(unit__administration=at)  # type: ignore[attr-defined]


class EndForm(Form):
    until = forms.DateField(
        label=gettext_lazy("Last day away"), help_text=gettext_lazy("The day before today ends it at once.")
    )


# --- fetching


@dataclass(frozen=True)
class Someone:
    """A person, as their administration sees them."""

    person: User

    @property
    def scope(self) -> Scope:
        return Scope(self.person.unit.administration_id)


@dataclass(frozen=True)
class Noted(Someone):
    absence: Absence


@dataclass(frozen=True)
class Place:
    administration: Administration

    @property
    def scope(self) -> Scope:
        return Scope(self.administration.pk)


def someone(pk: int) -> Someone:
    return Someone(get_object_or_404(User.objects.select_related("unit__administration"), pk=pk))


def noted(pk: int) -> Noted:
    rows = Absence.objects.select_related("person__unit__administration", "stand_in__unit")
    absence = get_object_or_404(rows, pk=pk)
    return Noted(absence.person, absence)


def place(pk: int) -> Place:
    return Place(get_object_or_404(Administration, pk=pk))


def _back(request: Request, someone: Someone) -> tuple[str, str]:
    """Where they came from: address and name."""
    if someone.person.pk == request.user.pk:
        return reverse("organisation:account"), _("Your account")
    if access.may(request.user, Act.USERS):
        return reverse("organisation:person", args=[someone.person.pk]), str(someone.person)
    here = someone.person.unit.administration
    return reverse("organisation:absences-at", args=[here.pk]), _("Away: %(place)s") % {"place": here}


def told_of(person: User) -> list[history.Entry]:
    return history.latest(history.of(Absence).filter(person=person.pk))


# --- pages


@door(Act.WORK)
def add_own(request: Request) -> HttpResponse:
    """Say that one is away."""
    return _add(request, Someone(request.user))


@door(Act.ABSENCES, someone)
def add(request: Request, someone: Someone) -> HttpResponse:
    """Say that someone else is away."""
    return _add(request, someone)


def _add(request: Request, someone: Someone) -> HttpResponse:
    person = someone.person
    form = AbsenceForm(request.POST or None, person=person)
    address, name = _back(request, someone)
    if (
        request.method == "POST"
        and form.is_valid()
        and attempt(form, lambda: rules.add(person, by=request.user, **form.cleaned_data))
    ):
        messages.success(request, _("The absence is noted."))
        return redirect(address)
    context = {
        "form": form,
        "person": person,
        "own": person.pk == request.user.pk,
        "back": address,
        "back_name": name,
        "told": told_of(person),
    }
    return render(request, "organisation/absences/add.html", context)


@door(Act.WORK, noted)
def absence(request: Request, noted: Noted) -> HttpResponse:
    """Change one that is to come, or say when one that has begun ends."""
    rules.require(request.user, noted.person)
    row, today = noted.absence, clock.today()
    begun = row.since < today
    address, name = _back(request, noted)
    sent = request.POST if request.method == "POST" else None
    form: Form
    change: Callable[..., None]
    if sent is not None and sent.get("act") == "remove":
        form, change, said = Form(sent), rules.remove, _("The absence is removed.")
    elif begun:
        form, change, said = EndForm(sent, initial={"until": row.until}), rules.end, _("Saved.")
    else:
        form = AbsenceForm(
            sent,
            person=noted.person,
            initial={"since": row.since, "until": row.until, "stand_in": row.stand_in_id},
        )
        change, said = rules.edit, _("Saved.")
    if (
        sent is not None
        and form.is_valid()
        and attempt(form, lambda: change(row, by=request.user, **form.cleaned_data))
    ):
        messages.success(request, said)
        return redirect(address)
    context = {
        "form": form,
        "absence": row,
        "person": noted.person,
        "own": noted.person.pk == request.user.pk,
        "begun": begun,
        "over": row.until < today,
        "back": address,
        "back_name": name,
        "told": told_of(noted.person),
    }
    return render(request, "organisation/absences/absence.html", context)


@door(Act.ABSENCES, place)
def at(request: Request, place: Place) -> HttpResponse:
    """Who of an administration is away now or soon; a manager notes it."""
    here = place.administration
    form = SomeonesForm(request.POST or None, at=here)
    if (
        request.method == "POST"
        and form.is_valid()
        and attempt(form, lambda: rules.add(by=request.user, **form.cleaned_data))
    ):
        messages.success(request, _("The absence is noted."))
        return redirect("organisation:absences-at", here.pk)
    rows = rules.coming(Absence.objects.filter(person__unit__administration=here))
    context = {
        "administration": here,
        "form": form,
        "page": Paginator(rows, PER_PAGE).get_page(request.GET.get("page")),
        "today": clock.today(),
        "told": history.latest(
            history.of(Absence).filter(person__in=User.objects.filter(unit__administration=here).values("pk"))
        ),
    }
    return render(request, "organisation/absences/at.html", context)
