"""The seals of the history and the full checks of it, for those who audit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from documents import auditing, findings, tasks
from documents.models import HistoryCheck, HistorySeal
from documents.pending import COUNTED
from organisation.access import Act
from organisation.doors import Request, door

PER_PAGE = 25
TOLD = 100  # findings on the page; the command prints more


@door(Act.AUDIT)
def seals(request: Request) -> HttpResponse:
    page = Paginator(HistorySeal.objects.all(), PER_PAGE).get_page(request.GET.get("page"))
    state = auditing.state()
    check = state.last
    return render(
        request,
        "documents/seals/page.html",
        {
            "page": page,
            "seals": [{"seal": seal, "kept": list(_kept(seal))} for seal in page],
            "alarms": state.alarms,
            "waiting": sum(each.rows for each in state.pending),
            "more_wait": any(each.rows == COUNTED for each in state.pending),
            "running": state.running,
            "newest": state.newest,
            "check": check,
            "found": findings.told(check.findings[:TOLD]) if check else [],
            "more": check.found - min(len(check.findings), TOLD) if check else 0,
            "anomalies": list(_anomalies(check, state.before)),
        },
    )


def _kept(seal: HistorySeal) -> Iterator[dict[str, Any]]:
    """What a seal holds, by what people call it. A body that was made unreadable tells nothing; the check names it."""
    names = {model._meta.db_table: model for model in apps.get_models()}
    for part in seal.parts_said:
        model = names.get(part["table"])
        kind = getattr(model, "instance_type", model)
        yield {**part, "name": capfirst(str(kind._meta.verbose_name_plural)) if kind else part["table"]}


def _anomalies(check: HistoryCheck | None, before: HistoryCheck | None) -> Iterator[dict[str, Any]]:
    """Changes without a person, by kind, and how many of them the check before did not know."""
    earlier = before.outside if before else {}
    for label, count in check.outside.items() if check else ():
        name = capfirst(str(apps.get_model(label)._meta.verbose_name_plural))
        yield {"name": name, "count": count, "new": max(0, count - earlier.get(label, 0)) if before else 0}


@door(Act.AUDIT)
@require_POST
def check(request: Request) -> HttpResponse:
    """Ask for a full check; it runs in the background, and the page tells how far it is."""
    try:
        begun = auditing.begin(request.user)
    except ValidationError as refusal:
        messages.warning(request, " ".join(refusal.messages))
    else:
        tasks.run_check.delay_on_commit(begun.pk)
        messages.info(request, _("The check has begun. It goes on in the background; you need not stay on this page."))
    return redirect("documents:seals")


urls = [
    path("audit/seals/", seals, name="seals"),
    path("audit/seals/check/", check, name="check"),
]
