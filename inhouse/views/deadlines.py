"""What falls due: as a list, a month or twelve months, narrowed by what stands in the address; and one deadline."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import groupby
from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inhouse.deadlines import acts, kinds, lists
from inhouse.deadlines.lists import Line, State, Whose
from inhouse.intervals import add_months
from inhouse.models import Deadline, Reminder
from inhouse.models.deadlines import DeadlineQuerySet
from inhouse.views import ladders
from organisation import access, clock, history
from organisation.access import Act
from organisation.doors import Request, door
from organisation.forms import EARLIEST, LATEST, Form, attempt
from organisation.models import Institution

PER_PAGE = 50
VIEWS = [
    ("list", gettext_lazy("As a list")),
    ("month", gettext_lazy("Month")),
    ("year", gettext_lazy("Twelve months")),
]


class FilterForm(Form):
    """What the deadlines are narrowed by; every field may be left out."""

    q = forms.CharField(label=gettext_lazy("Product name or number"), required=False)
    kind = forms.ChoiceField(label=gettext_lazy("Kind"), required=False)
    state = forms.ChoiceField(label=gettext_lazy("State"), choices=State.choices, required=False)
    day = forms.DateField(required=False)
    whose = forms.ChoiceField(choices=Whose.choices, required=False)
    view = forms.ChoiceField(choices=VIEWS, required=False)
    month = forms.DateField(input_formats=["%Y-%m"], required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"].choices = [("", _("all")), *kinds.choices()]  # type: ignore[attr-defined]

    def chosen(self) -> dict[str, Any]:
        """What can be read of the address; nonsense in it counts for nothing."""
        self.is_valid()
        found = {name: self.cleaned_data.get(name) for name in self.fields}
        first = found["month"] or clock.today()
        if not EARLIEST <= first < date(LATEST.year - 1, 1, 1):
            first = clock.today()
        found |= {"month": first.replace(day=1), "whose": found["whose"] or Whose.MINE, "view": found["view"] or "list"}
        return found


class Addresses:
    """Links to this page, with what is chosen now and something else."""

    def __init__(self, request: Request) -> None:
        self.query = request.GET.copy()
        self.query.pop("page", None)

    def but(self, **changes: str) -> str:
        query = self.query.copy()
        for name, value in changes.items():
            query.pop(name, None)
            if value:
                query[name] = value
        return f"?{query.urlencode()}"


@door(Act.WORK)
def deadlines(request: Request) -> HttpResponse:
    """The deadlines under one heading, as the view that was chosen shows them."""
    form = FilterForm(request.GET)
    chosen, to = form.chosen(), Addresses(request)
    found = lists.narrowed(
        lists.of(request.user, chosen["whose"]), **{name: chosen[name] for name in ("state", "kind", "q", "day")}
    )
    context = {
        "form": form,
        "fields": [form[name] for name in ("q", "kind", "state")],
        "kept": [(name, request.GET[name]) for name in ("whose", "view", "month") if request.GET.get(name)],
        "chosen": chosen,
        "heading": Whose(chosen["whose"]).label,
        "state": State(chosen["state"] or "").label,
        "kind": kinds.KINDS[chosen["kind"]].label if chosen["kind"] else "",
        "narrowed": any(chosen[name] for name in ("q", "kind", "state", "day")),
        "headings": [(label, to.but(whose=key, day=""), key == chosen["whose"]) for key, label in Whose.choices],
        "views": [(label, to.but(view=key, day=""), key == chosen["view"]) for key, label in VIEWS],
        "unnarrowed": to.but(q="", kind="", state="", day=""),
        "today": clock.today(),
        "query": to.query.urlencode(),
        **SHOWN[chosen["view"]](request, found, chosen, to),
    }
    return render(request, f"inhouse/deadlines/{chosen['view']}.html", context)


def _list(request: Request, found: DeadlineQuerySet, chosen: dict[str, Any], to: Addresses) -> dict[str, Any]:
    page = Paginator(found.with_all(), PER_PAGE).get_page(request.GET.get("page"))
    lines = [Line(deadline, clock.today()) for deadline in page]
    return {"page": page, "sections": [(name, list(rows)) for name, rows in groupby(lines, lambda line: line.group)]}


def _month(request: Request, found: DeadlineQuerySet, chosen: dict[str, Any], to: Addresses) -> dict[str, Any]:
    first = chosen["month"]
    weeks = [
        (number, [day and (day, to.but(view="list", day=day.day.isoformat(), month="")) for day in days])
        for number, days in lists.month_of(found, first)
    ]
    monday = date(2024, 1, 1)
    return {
        "first": first,
        "weeks": weeks,
        "weekdays": [monday + timedelta(days=each) for each in range(7)],
        "count": sum(day[0].count for _number, days in weeks for day in days if day),
        **_beside(to, first, 1),
    }


def _year(request: Request, found: DeadlineQuerySet, chosen: dict[str, Any], to: Addresses) -> dict[str, Any]:
    first = chosen["month"]
    months, beyond = lists.months_of(found, first)
    return {
        "first": first,
        "last": add_months(first, 11),
        "months": [(month, to.but(view="month", month=f"{month.first:%Y-%m}")) for month in months],
        **beyond,
        "count": sum(month.count for month in months),
        **_beside(to, first, 12),
    }


SHOWN = {"list": _list, "month": _month, "year": _year}


def _beside(to: Addresses, first: date, step: int) -> dict[str, Any]:
    """Where the months before and after these are, and today's."""
    return {
        "previous": to.but(month=f"{add_months(first, -step):%Y-%m}"),
        "next": to.but(month=f"{add_months(first, step):%Y-%m}"),
        "now": to.but(month="") if first != clock.today().replace(day=1) else "",
    }


# --- one deadline


class DoneForm(Form):
    evidence = forms.CharField(
        label=gettext_lazy("What shows that it is done"),
        widget=forms.Textarea,
        help_text=gettext_lazy("What was looked at and agreed, and where it is written. No patient is named here."),
    )


class SnoozeForm(Form):
    until = forms.DateField(label=gettext_lazy("Until"))
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("It stands in the history. No patient is named here."),
    )


def deadline_of(pk: int) -> Deadline:
    rows = Deadline.objects.with_all().select_related("snoozed_by", "ended_by", "product__unit__administration")
    return get_object_or_404(rows, pk=pk)


@door(Act.WORK, deadline_of)
def deadline(request: Request, deadline: Deadline) -> HttpResponse:
    """What it is, who asks for it, where it is mended, and what was sent; marking it as done, or letting it wait."""
    do = request.POST.get("do", "") if request.method == "POST" else ""
    done = DoneForm(request.POST if do == "done" else None, prefix="done")
    snooze = SnoozeForm(request.POST if do == "snooze" else None, prefix="snooze")
    snooze.fields["until"].widget.attrs["max"] = deadline.due_on.isoformat()
    if request.method == "POST" and (answer := _settle(request, deadline, do, done, snooze)):
        return answer
    today, kind = clock.today(), kinds.KINDS[deadline.kind]
    regulation = lists.regulations([deadline.product_id]).get(deadline.product_id or 0, "")
    context = {
        "deadline": deadline,
        "line": Line(deadline, today),
        "kind": kind,
        "requirements": lists.requirements(deadline, Institution.objects.get(), regulation),
        "mended": mended(deadline),
        "may": acts.may(deadline, request.user),
        "can_wait": deadline.due_on > today,
        "done": done,
        "snooze": snooze,
        "refused": [form for form in (done, snooze) if form.is_bound],
        "reminders": [(each, ladders.day(each.step)) for each in _sent(deadline)],
        "told": history.entries([history.of(deadline).all()]),
    }
    return render(request, "inhouse/deadlines/page.html", context)


def _settle(request: Request, deadline: Deadline, do: str, done: DoneForm, snooze: SnoozeForm) -> HttpResponse | None:
    """Do what was pressed and go back to the page; None when a form was refused."""
    if not acts.may(deadline, request.user):
        access.require(request.user, Act.SETTLE, deadline.scope)
    if do == "done":
        if not done.is_valid() or not attempt(done, lambda: acts.done(deadline, **done.cleaned_data, by=request.user)):
            return None
        messages.success(request, _("It is marked as done."))
    elif do == "snooze":
        if not snooze.is_valid() or not attempt(
            snooze, lambda: acts.snooze(deadline, **snooze.cleaned_data, by=request.user)
        ):
            return None
        messages.success(request, _("It waits. No reminders are sent before that day."))
    elif do == "wake":
        try:
            acts.wake(deadline, by=request.user)
        except forms.ValidationError as refusal:
            for said in refusal.messages:
                messages.error(request, said, extra_tags="danger")
        else:
            messages.success(request, _("It no longer waits: reminders are sent again."))
    return redirect(deadline)


def _sent(deadline: Deadline) -> list[Reminder]:
    return list(deadline.reminders.select_related("recipient", "stands_in_for"))


def mended(deadline: Deadline) -> str:
    """Where what it asks for is entered."""
    of = deadline.product_id or deadline.subject
    return reverse(f"inhouse:{kinds.KINDS[deadline.kind].page}", args=[of] if of else [])


urls = [
    path("deadlines/", deadlines, name="deadlines"),
    path("deadlines/<int:pk>/", deadline, name="deadline"),
]
