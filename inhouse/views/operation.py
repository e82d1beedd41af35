"""How the background work goes: sweeps, reminders and their sending, for those who watch over it."""

from __future__ import annotations

from functools import partial

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Max
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST
from kombu.exceptions import OperationalError

from documents.models import FileCheck, HistorySeal
from inhouse import tasks
from inhouse.models import Round
from inhouse.reminders import comparing, watching
from inhouse.reminders.watching import Show
from organisation import access, alarms, background, clock
from organisation.access import Act
from organisation.doors import Request, door
from organisation.forms import whole

PER_PAGE = 25
NAMED = 50  # differences on the page; the log has all
WORK = {"sweep": tasks.sweep_deadlines, "send": tasks.send_reminders}


@door(Act.WATCH)
def operation(request: Request) -> HttpResponse:
    """Everything about how it goes, and the reminders behind one of the numbers."""
    state = watching.state()
    asked = request.GET.get("show", "")
    show = Show(asked) if asked in Show else state.worst
    found = watching.rows(show).select_related("deadline__product", "recipient", "stands_in_for")
    compared = comparing.last(Round.Kind.COMPARISON)
    context = {
        "alarms": alarms.sounding(),
        "swept": comparing.last(Round.Kind.SWEEP),
        "late": comparing.late(),
        "compared": compared,
        "differences": compared.found[:NAMED] if compared else [],
        "state": state,
        "counts": [(each, count) for each, count in state.counts.items()],
        "show": show,
        "page": Paginator(found, PER_PAGE).get_page(request.GET.get("page")),
        "query": f"show={show.value}",
        "queue": background.waiting(),
        "ticked": background.ticked(),
        "files_checked": FileCheck.objects.aggregate(newest=Max("checked_at"))["newest"],
        "seal": HistorySeal.objects.first(),
        "now": clock.now(),
        "may_operate": access.may(request.user, Act.OPERATE),
        "may_audit": access.may(request.user, Act.AUDIT),
    }
    return render(request, "inhouse/operation/page.html", context)


@door(Act.OPERATE)
def again(request: Request) -> HttpResponse:
    """Send again what was given up, all of it or one reminder, once it is said what that means."""
    which = whole(request.GET.get("reminder", ""))
    if request.method == "POST":
        if count := watching.send_again(which, by=request.user):
            transaction.on_commit(partial(_begin, "send"), robust=True)  # the next minute does it too
            told = ngettext("%(count)s reminder is sent again.", "%(count)s reminders are sent again.", count)
            messages.success(request, told % {"count": count})
        else:
            messages.warning(request, _("Nothing is left to send again: it was sent, or is no longer needed."))
        return redirect("inhouse:operation")
    rows = watching.again(which)
    context = {
        "count": rows.count(),
        "reminder": rows.select_related("deadline__product", "recipient").first() if which is not None else None,
    }
    return render(request, "inhouse/operation/again.html", context)


@door(Act.OPERATE)
@require_POST
def now(request: Request) -> HttpResponse:
    """Do now what the clock does otherwise."""
    work = request.POST.get("work", "")
    if work not in WORK:
        messages.error(request, _("Choose what is to be done."), extra_tags="danger")
    elif _begin(work):
        messages.success(request, _("It is asked for. Load this page again in a moment to see what came of it."))
    else:
        messages.error(
            request,
            _("The queue does not answer, so nothing was asked for. Is the broker running?"),
            extra_tags="danger",
        )
    return redirect("inhouse:operation")


def _begin(work: str) -> bool:
    """Ask for it, unless the broker is away: asking it directly would keep the page waiting."""
    if background.waiting() is None:
        return False
    try:
        WORK[work].apply_async(retry=False)
    except OperationalError:
        return False
    return True


urls = [
    path("operation/", operation, name="operation"),
    path("operation/again/", again, name="operation-again"),
    path("operation/now/", now, name="operation-now"),
]
