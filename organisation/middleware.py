"""Deny by default, and say to the history who is acting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from organisation import clock
from organisation.history import acting
from organisation.lockout import Locked

Answer = Callable[[HttpRequest], HttpResponse]


class DenyByDefault:
    """Every view must be behind `doors.door`; one that is not answers 403."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        if not hasattr(view, "act"):
            raise PermissionDenied(_("This page is not open to anyone."))


class LockedOut:
    """Whoever has tried too often is told to wait, on whichever page it was."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, Locked):
            return None
        response = render(request, "429.html", {"until": exception.until}, status=429)
        response["Retry-After"] = str(max(1, int((exception.until - clock.now()).total_seconds())))
        return response


class ActingUser:
    """What a request writes was done by whoever is signed in."""

    def __init__(self, get_response: Answer) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with acting(request.user):  # lazy: looked up when something is written, if not before
            return self.get_response(request)
