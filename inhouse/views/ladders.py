"""When reminders are sent: the ladder of each kind of deadline, as head office chooses it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from inhouse.deadlines.kinds import KINDS, Kind
from inhouse.models import Ladder
from inhouse.reminders import ladders as rules
from inhouse.reminders.ladders import USUAL, Steps
from organisation import history
from organisation.access import INSTITUTION, Act, Scope
from organisation.doors import Request, door
from organisation.forms import Form, attempt

FROM = (365, 180, 90, 60, 30, 14, 7, 0, -7, -14, -21, -28, -56)
"""From which day on someone may be told, in days before the due day."""


# --- in words


def day(step: int) -> str:
    """A step of a ladder, in words."""
    if step == 0:
        return _("the day itself")
    if step > 0:
        return ngettext("%(count)s day before", "%(count)s days before", step) % {"count": step}
    return ngettext("%(count)s day after", "%(count)s days after", -step) % {"count": -step}


def reached(steps: Steps, since: int) -> int:
    """The first step of a ladder at which someone is told who is told from that day on."""
    overdue = -(-max(-since, 1) // steps.weekly) * -steps.weekly
    return max((each for each in steps.days if each <= since), default=overdue)


def told(steps: Steps) -> str:
    """What a ladder means, in one sentence."""
    before = [str(each) for each in steps.days if each]
    words = {
        "days": ", ".join(before),
        "weekly": steps.weekly,
        "owner": day(reached(steps, steps.owner_from)),
        "head": day(reached(steps, steps.head_from)),
    }
    if before:
        return (
            ngettext(
                "%(days)s days before and on the day, then every day until it is done. The product owner is told from %(owner)s, the head of administration from %(head)s.",
                "%(days)s days before and on the day, then every %(weekly)s days until it is done. The product owner is told from %(owner)s, the head of administration from %(head)s.",
                steps.weekly,
            )
            % words
        )
    return (
        ngettext(
            "On the day, then every day until it is done. The product owner is told from %(owner)s, the head of administration from %(head)s.",
            "On the day, then every %(weekly)s days until it is done. The product owner is told from %(owner)s, the head of administration from %(head)s.",
            steps.weekly,
        )
        % words
    )


# --- pages


@dataclass(frozen=True)
class One:
    """A kind of deadline with its ladder."""

    kind: Kind
    steps: Steps
    scope: Scope = INSTITUTION

    @property
    def own(self) -> bool:
        return self.steps != USUAL

    @property
    def sentence(self) -> str:
        return told(self.steps)


def one(kind: str) -> One:
    if kind not in KINDS:
        raise Http404
    return One(KINDS[kind], rules.by_kind()[kind])


class LadderForm(Form):
    days = forms.CharField(
        label=gettext_lazy("Days before"),
        required=False,
        max_length=100,
        help_text=gettext_lazy("Whole days with commas between them, as 60, 30, 7. The day itself is always one."),
    )
    weekly = forms.IntegerField(
        label=gettext_lazy("Days between reminders when it is overdue"), min_value=1, max_value=31
    )
    owner_from = forms.TypedChoiceField(label=gettext_lazy("The product owner is told from"), coerce=int)
    head_from = forms.TypedChoiceField(label=gettext_lazy("The head of administration is told from"), coerce=int)

    def __init__(self, *args: Any, steps: Steps, **kwargs: Any) -> None:
        since = {"owner_from": steps.owner_from, "head_from": steps.head_from}
        initial = {
            "days": ", ".join(str(each) for each in steps.days if each),
            "weekly": steps.weekly,
            **since,
        }
        super().__init__(*args, initial=initial, **kwargs)
        for name, chosen in since.items():
            known = sorted({*FROM, chosen}, reverse=True)
            self.fields[name].choices = [(each, day(each)) for each in known]  # type: ignore[attr-defined]

    def clean_days(self) -> list[int]:
        parts = [part.strip() for part in self.cleaned_data["days"].split(",") if part.strip()]
        if not all(part.isdecimal() and len(part) < 4 for part in parts):
            raise ValidationError(_("Write whole days with commas between them, as 60, 30, 7."))
        return [*(int(part) for part in parts), 0]


@door(Act.SETTINGS)
def ladders(request: Request) -> HttpResponse:
    """The ladder of every kind of deadline."""
    steps = rules.by_kind()
    context = {
        "kinds": [One(kind, steps[key]) for key, kind in KINDS.items()],
        "usual": told(USUAL),
        "told": history.latest(history.of(Ladder).all()),
    }
    return render(request, "inhouse/ladders/list.html", context)


@door(Act.SETTINGS, one)
def ladder(request: Request, one: One) -> HttpResponse:
    """Give a kind a ladder of its own, or take it back to the usual one."""
    key = one.kind.key
    if request.method == "POST" and request.POST.get("act") == "usual":
        rules.forget(key, by=request.user)
        messages.success(request, _("%(kind)s: the usual ladder again.") % {"kind": one.kind.label})
        return redirect("inhouse:ladders")
    form = LadderForm(request.POST or None, steps=one.steps)
    if (
        request.method == "POST"
        and form.is_valid()
        and attempt(form, lambda: rules.choose(key, by=request.user, **form.cleaned_data))
    ):
        messages.success(request, _("Saved. Open deadlines go by it from now on."))
        return redirect("inhouse:ladders")
    context = {
        "one": one,
        "form": form,
        "usual": told(USUAL),
        "told": history.latest(history.of(Ladder).filter(kind=key)),
    }
    return render(request, "inhouse/ladders/ladder.html", context)


urls = [
    path("institution/ladders/", ladders, name="ladders"),
    path("institution/ladders/<slug:kind>/", ladder, name="ladder"),
]
