"""How a page is guarded: sign-in, the subject fetched or 404, the act asked of `access`."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django_htmx.middleware import HtmxDetails

from organisation import access
from organisation.models import User


class Request(HttpRequest):
    """A request by someone signed in."""

    user: User
    htmx: HtmxDetails


View = Callable[..., HttpResponseBase]


def door(
    act: access.Act,
    fetch: Callable[..., Any] | None = None,
    *,
    post: access.Act | None = None,
    first: bool = False,
) -> Callable[[View], View]:
    """Guard a view by an act; sending something (POST) may take another, `post`.

    `fetch` gets the address's arguments and returns the subject (or raises 404); the subject's `scope` says where the
    act takes place, and the view gets it in place of the arguments. Without `fetch` the act is institution-wide.
    Someone whose password was set by an operator comes through no door but the `first` one: to choose their own.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
            asked = post if post is not None and request.method == "POST" else act
            public = access.Tie.PUBLIC in access.TABLE[asked]
            if not public and not request.user.is_authenticated:
                return cast(HttpResponse, redirect_to_login(request.get_full_path()))
            if not public and not request.user.chose_password and not first:
                return redirect("organisation:password")
            if fetch is None:
                access.require(request.user, asked)
                return view(request, *args, **kwargs)
            subject = fetch(**kwargs)
            access.require(request.user, asked, subject.scope)
            return view(request, subject)

        guarded.act = act  # type: ignore[attr-defined]
        guarded.post_act = post or act  # type: ignore[attr-defined]
        guarded.fetch = fetch  # type: ignore[attr-defined]
        return guarded

    return decorate
