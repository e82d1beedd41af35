"""The institution: the legal entity, the house rules it follows, and its authorities."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inhouse import law
from organisation import clock, history, places
from organisation.access import Act
from organisation.doors import Request, door
from organisation.forms import EditForm, Form, ModelForm, attempt
from organisation.models import Authority, Institution, Role

CO_SIGN = (Role.MANAGER, Role.ADVISER, Role.ENGINEER)
"""Roles that a co-signer can hold."""


class InstitutionForm(EditForm[Institution]):
    house_rules = forms.MultipleChoiceField(
        label=gettext_lazy("House rules"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy(
            "What the institution has chosen to follow beside the law. A change counts from now on, for every product."
        ),
    )

    co_signers = forms.MultipleChoiceField(
        label=gettext_lazy("Who signs beside the product owner"),
        required=False,
        choices=[(role.value, role.label) for role in CO_SIGN],
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy(
            "Roles of those who sign each declaration too. Who they are is chosen when it is prepared."
        ),
    )

    class Meta:
        model = Institution
        fields = (
            "name", "organisation_number", "address", "place", "country", "language", "contact", "house_rules", "diary_gate",
            "diary_format", "validation_gate", "co_signers",
        )  # fmt: skip
        widgets = {"diary_gate": forms.RadioSelect, "validation_gate": forms.RadioSelect}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["house_rules"].choices = [(pack.id, pack.title) for pack in law.house_rules()]  # type: ignore[attr-defined]


class AuthorityForm(ModelForm[Authority]):
    class Meta:
        model = Authority
        fields = ("task", "name", "short_name", "valid_from")


class EndForm(Form):
    valid_until = forms.DateField(label=gettext_lazy("Last day"))


@door(Act.SETTINGS)
def institution(request: Request) -> HttpResponse:
    """Everything about the legal entity, and which authority has which task."""
    row = Institution.objects.select_for_update() if request.method == "POST" else Institution.objects
    form = InstitutionForm(request.POST or None, instance=row.get())
    if (
        request.method == "POST"
        and form.is_valid()
        and attempt(form, lambda: places.edit_institution(form.values, by=request.user))
    ):
        messages.success(request, _("Saved."))
        return redirect("inhouse:institution")
    told = history.latest(history.of(Institution).all(), history.of(Authority).all())
    context = {"form": form, "authorities": Authority.objects.all(), "today": clock.today(), "told": told}
    return render(request, "inhouse/institution/page.html", context)


@door(Act.SETTINGS)
def add_authority(request: Request) -> HttpResponse:
    form = AuthorityForm(request.POST or None, initial={"valid_from": clock.today()})
    if (
        request.method == "POST"
        and form.is_valid()
        and attempt(form, lambda: places.add_authority(form.values, by=request.user))
    ):
        messages.success(request, _("Saved."))
        return redirect("inhouse:institution")
    told = history.latest(history.of(Authority).all())
    return render(request, "inhouse/institution/authority.html", {"form": form, "told": told})


@door(Act.SETTINGS)
def end_authority(request: Request, pk: int) -> HttpResponse:
    """Say until when an authority has its task: the one that takes over is added beside it."""
    authority = get_object_or_404(Authority, pk=pk)
    form = EndForm(request.POST or None)
    if (
        request.method == "POST"
        and form.is_valid()
        and attempt(form, lambda: places.end_authority(authority, by=request.user, **form.cleaned_data))
    ):
        messages.success(request, _("Saved."))
        return redirect("inhouse:institution")
    context = {"form": form, "authority": authority, "told": history.latest(history.of(authority).all())}
    return render(request, "inhouse/institution/authority_end.html", context)


urls = [
    path("institution/", institution, name="institution"),
    path("institution/authorities/add/", add_authority, name="authority-add"),
    path("institution/authorities/<int:pk>/end/", end_authority, name="authority-end"),
]
