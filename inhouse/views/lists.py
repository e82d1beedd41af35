"""The list of units that make and use in-house devices, for any day; shown to staff, handed out by a registrar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import path
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inhouse import lists as rules
from inhouse.models import HandOut
from inhouse.views import pages
from organisation import alphabet, clock
from organisation.access import Act, Scope
from organisation.alphabet import by
from organisation.doors import Request, door
from organisation.forms import Form, attempt
from organisation.models import Administration

MEDIA_TYPES = {
    HandOut.Form.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    HandOut.Form.CSV: "text/csv; charset=utf-8",
}


@dataclass
class Place:
    administration: Administration

    @property
    def scope(self) -> Scope:
        return Scope(self.administration.pk)


def place(pk: int) -> Place:
    return Place(get_object_or_404(Administration, pk=pk))


class DayForm(Form):
    on = forms.DateField(label=gettext_lazy("As of"))
    by = forms.ChoiceField(
        label=gettext_lazy("Grouped by"),
        choices=[("unit", gettext_lazy("unit")), ("product", gettext_lazy("product"))],
        required=False,
    )

    def clean_on(self) -> date:
        on: date = self.cleaned_data["on"]
        if on > clock.today():
            raise ValidationError(_("What will be true on a day to come is not known. Choose today or earlier."))
        return on


class HandOutForm(Form):
    requested_by = forms.CharField(
        label=gettext_lazy("Requested by"),
        max_length=200,
        help_text=gettext_lazy("The authority or person that asked, with reference."),
    )
    requested_on = forms.DateField(label=gettext_lazy("Requested on"))
    form = forms.ChoiceField(
        label=gettext_lazy("Form"), choices=HandOut.Form.choices, widget=forms.RadioSelect, initial=HandOut.Form.XLSX
    )


@door(Act.WORK)
def lists(request: Request) -> HttpResponse:
    """Which administration."""
    on = clock.today()
    held = Q(units__product_uses__since__lte=on) & (
        Q(units__product_uses__until=None) | Q(units__product_uses__until__gt=on)
    )
    administrations = Administration.objects.annotate(
        unit_count=Count("units", filter=held, distinct=True),
        product_count=Count("units__product_uses__product", filter=held, distinct=True),
    ).order_by(by("name"))
    return render(request, "inhouse/lists/lists.html", {"administrations": administrations})


@door(Act.WORK, place, post=Act.REGISTER)
def units(request: Request, place: Place) -> HttpResponse:
    """The list of one administration on a day; sending the form hands it out as a file and records to whom."""
    asked = {"on": clock.today().isoformat(), "by": "unit"} | {
        name: request.GET[name] for name in ("on", "by") if request.GET.get(name)
    }
    days = DayForm(asked)
    on = days.cleaned_data["on"] if days.is_valid() else clock.today()
    form = HandOutForm(request.POST or None, initial={"requested_on": clock.today()})
    if request.method == "POST" and days.is_valid() and form.is_valid():
        made: list[Any] = []
        if attempt(
            form, lambda: made.extend(rules.hand_out(place.administration, on=on, by=request.user, **form.cleaned_data))
        ):
            record, content = made
            return _download(record, content)
    lines = rules.lines(place.administration, on=on)
    by_product = days.is_valid() and days.cleaned_data["by"] == "product"
    if by_product:
        lines.sort(key=lambda line: (line.number, alphabet.key(line.unit)))
    grouped = groupby(lines, key=lambda line: line.name if by_product else line.unit)
    may = pages.Permissions(request.user, place.scope)
    return render(
        request,
        "inhouse/lists/units.html",
        {
            "administration": place.administration,
            "title": rules.title(place.administration, on=on),
            "on": on,
            "days": days,
            "sections": [(name, list(rows)) for name, rows in grouped],
            "by_product": by_product,
            "form": form,
            "may": may,
            "hand_outs": HandOut.objects.filter(administration=place.administration).select_related("handed_out_by")
            if may["register"] or may["audit"]
            else [],
        },
    )


def _download(record: HandOut, content: bytes) -> HttpResponse:
    """The file under a name that says what it holds."""
    name = f"{slugify(_('units-in-house-devices'))}_{slugify(record.administration.name)}_{record.for_day:%Y-%m-%d}.{record.form}"
    response = HttpResponse(content, content_type=MEDIA_TYPES[HandOut.Form(record.form)])
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response


urls = [
    path("lists/", lists, name="lists"),
    path("lists/<int:pk>/", units, name="list"),
]
