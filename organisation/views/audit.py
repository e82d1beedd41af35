"""The history of everything, newest first, for those who audit."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.apps import apps
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _

from organisation import access, alarms, history
from organisation.access import Act
from organisation.alphabet import by
from organisation.doors import Request, door
from organisation.forms import EARLIEST, LATEST, Form, whole
from organisation.models import User

PER_PAGE = 50


class FilterForm(Form):
    person = forms.ModelChoiceField(
        User.objects.order_by(by("name")), label=_("Who"), required=False, empty_label=_("all")
    )
    day = forms.DateField(label=_("Day"), required=False)
    outside = forms.BooleanField(label=_("Only what was written outside the register"), required=False)

    def narrow(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        wanted = self.cleaned_data
        if wanted["person"]:
            rows = rows.filter(history_user_id=wanted["person"].pk)
        if wanted["day"]:
            first = timezone.make_aware(datetime.combine(wanted["day"], time.min))
            rows = rows.filter(history_date__gte=first, history_date__lt=first + timedelta(days=1))
        if wanted["outside"]:
            rows = rows.filter(Q(history_change_reason=None) | Q(history_change_reason=""), history_user_id=None)
        return rows


def recorded() -> list[type[Any]]:
    """Every model whose rows are recorded, in one order, but for what is about patients: that has a log of its own."""
    return [
        model
        for model in apps.get_models()
        if hasattr(model._meta, "simple_history_manager_attribute") and not getattr(model, "history_private", False)
    ]


@door(Act.AUDIT)
def audit(request: Request) -> HttpResponse:
    """A page begins where the last one ended: at a moment, after so many entries of that moment."""
    form = FilterForm(request.GET)
    until, after = _moment(request.GET.get("until", "")), whole(request.GET.get("after", ""))
    skip = after if until and after and after < 100_000 else 0
    histories = []
    for model in recorded():
        rows = history.of(model).all()
        rows = form.narrow(rows) if form.is_valid() else rows
        histories.append(rows.filter(history_date__lte=until) if until else rows)
    told = history.entries(histories, limit=skip + PER_PAGE + 1)[skip:]
    shown, more = told[:PER_PAGE], len(told) > PER_PAGE
    return render(
        request,
        "organisation/audit/page.html",
        {
            "alarms": alarms.sounding(),
            "form": form,
            "shown": shown,
            "older": _older(request, shown, until, skip) if more else "",
            "later": until is not None,
            "may_read_look_ups": access.may(request.user, Act.READ_LOOK_UPS),
        },
    )


def _moment(text: str) -> datetime | None:
    """The moment in the address; nonsense is none."""
    try:
        moment = parse_datetime(text)
    except ValueError:
        return None
    if moment is None or timezone.is_naive(moment) or not EARLIEST < moment.date() < LATEST:
        return None
    return moment


def _older(request: Request, shown: list[history.Entry], until: datetime | None, skip: int) -> str:
    """The address of the page with what is older."""
    last = shown[-1].moment
    same = sum(entry.moment == last for entry in shown)
    query = {name: request.GET[name] for name in ("person", "day", "outside") if request.GET.get(name)}
    return urlencode(query | {"until": last.isoformat(), "after": same + (skip if until == last else 0)})
