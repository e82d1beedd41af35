"""One's deadlines in one's own calendar program: the private address, and what it answers."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from inhouse.deadlines import calendars as rules
from inhouse.views import addresses  # noqa: F401 (the converter of the addresses below)
from organisation.access import Act
from organisation.doors import Request, door


@door(Act.WORK)
@never_cache
def calendar(request: Request) -> HttpResponse:
    """Whether one has an address; making one, whose secret is shown this once, and taking it away."""
    address = ""
    if request.method == "POST" and request.POST.get("do") == "take-away":
        rules.take_away(by=request.user)
        messages.success(request, _("The address is taken away: it leads nowhere any more."))
        return redirect("inhouse:calendar")
    if request.method == "POST" and request.POST.get("do") == "make":
        secret = rules.make(by=request.user)
        address = settings.PUBLIC_URL + reverse("inhouse:calendar-file", args=[secret])
    return render(
        request, "inhouse/deadlines/calendar.html", {"kept": rules.of(request.user), "address": address}
    )  # fmt: skip


@door(Act.READ_CALENDAR)
@require_safe
def file(request: HttpRequest, secret: str) -> HttpResponse:
    """The deadlines of whoever this address was made for, for a calendar program."""
    person = rules.reader(secret)
    if person is None:
        raise Http404
    response = HttpResponse(rules.calendar(person), content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = 'inline; filename="femfem.ics"'
    response["Cache-Control"] = "private, no-store"
    response["X-Robots-Tag"] = "noindex"
    return response


urls = [
    path("deadlines/calendar/", calendar, name="calendar"),
    path("calendar/<secret:secret>.ics", file, name="calendar-file"),
]
