"""What is said when a request cannot be answered. 403, 404 and the form's own protection have a template alone."""

from __future__ import annotations

import errno
import sys

from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import translation

TOO_MUCH = (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """What came in was too much, or makes no sense."""
    if isinstance(exception, TOO_MUCH):
        return render(request, "413.html", status=413)
    return render(request, "400.html", status=400)


def failed(request: HttpRequest) -> HttpResponse:
    """Something broke. This page stands on nothing that may be broken: no database, no session, no collected files."""
    full = no_room(sys.exc_info()[1])
    with translation.override(translation.get_language_from_request(request)):
        page = render_to_string("500.html", {"language": translation.get_language(), "full": full})
    return HttpResponse(page, status=507 if full else 500)


def no_room(trouble: BaseException | None) -> bool:
    """Whether a disk was full, as the system or the database says it: that a person can be told, and what to do."""
    while trouble is not None:
        if isinstance(trouble, OSError) and trouble.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return True
        if getattr(trouble, "sqlite_errorname", "") == "SQLITE_FULL" or getattr(trouble, "sqlstate", "") == "53100":
            return True
        trouble = trouble.__cause__ or trouble.__context__
    return False
