"""Placeholder."""

from __future__ import annotations

from django.http import HttpResponse

from organisation.access import Act
from organisation.doors import Request, door


@door(Act.WORK)
def account(request: Request) -> HttpResponse:
    return HttpResponse("")
