"""The reminders that were sent to oneself, as they stood in the mail."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path

from inhouse.models import Reminder
from organisation.access import Act
from organisation.doors import Request, door

PER_PAGE = 25


@door(Act.WORK)
def reminders(request: Request) -> HttpResponse:
    """Newest first."""
    sent = Reminder.objects.filter(recipient=request.user, sent_at__isnull=False)
    found = sent.select_related("deadline", "stands_in_for")
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "inhouse/reminders/page.html", {"page": page})


urls = [path("reminders/", reminders, name="reminders")]
