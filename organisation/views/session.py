"""Signing in and out, and the language of the pages."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.views import LoginView, LogoutView
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST
from django.views.i18n import set_language

from organisation.access import Act
from organisation.doors import door

sign_in = door(Act.READ_PUBLIC)(
    LoginView.as_view(template_name="organisation/session/sign_in.html", redirect_authenticated_user=True)
)
sign_out = door(Act.READ_PUBLIC)(LogoutView.as_view())


@door(Act.READ_PUBLIC)
@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Switch the language of the pages and, for someone signed in, remember it."""
    chosen = request.POST.get("language", "")
    response = set_language(request)
    if request.user.is_authenticated and chosen in dict(settings.LANGUAGES):
        request.user.language = chosen
        request.user.save(update_fields=["language"])
    return response


@door(Act.READ_PUBLIC)
def healthy(request: HttpRequest) -> HttpResponse:
    """For the machine that watches: answers when the database does."""
    connection.ensure_connection()
    return HttpResponse("ok", content_type="text/plain")
