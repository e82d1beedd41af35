"""Signing in and out, and the language of the pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from django.views.i18n import set_language

from organisation import people
from organisation.access import Act
from organisation.doors import door
from organisation.forms import dress


class SignInForm(AuthenticationForm):
    error_messages = {
        "invalid_login": _(
            "E-mail address and password do not fit together, or the account is closed. Try again, or ask an operator for a new first password."
        ),
        "inactive": _("This account is closed. Ask an operator."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        dress(self)
        self.fields["username"].widget.attrs["autocomplete"] = "username"
        self.fields["password"].widget = forms.PasswordInput(
            attrs={"autocomplete": "current-password", "class": "ds-input"}
        )


class SignIn(LoginView):
    """Signing in, with the person's own language from then on; whoever has a first password chooses their own next."""

    template_name = "organisation/session/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_valid(form)
        user: Any = self.request.user
        if not user.chose_password:
            response["Location"] = resolve_url("organisation:password")
        response.set_cookie(  # in place of whoever used this browser before; to switch is remembered with the person
            settings.LANGUAGE_COOKIE_NAME,
            user.language,
            samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
        )
        return response


sign_in = door(Act.READ_PUBLIC)(SignIn.as_view())


class SignOut(LogoutView):
    """Signing out; the next person at this screen has a language of their own."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> TemplateResponse:
        response = super().post(request, *args, **kwargs)
        response.delete_cookie(settings.LANGUAGE_COOKIE_NAME)
        return response  # type: ignore[return-value]


sign_out = door(Act.READ_PUBLIC)(SignOut.as_view())


@door(Act.READ_PUBLIC)
@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Switch the language of the pages and, for someone signed in, remember it."""
    chosen = request.POST.get("language", "")
    response = set_language(request)
    if request.user.is_authenticated and chosen in dict(settings.LANGUAGES):
        people.choose_language(request.user, chosen)
    return response


@door(Act.READ_PUBLIC)
def healthy(request: HttpRequest) -> HttpResponse:
    """For the machine that watches: answers when the database does."""
    connection.ensure_connection()
    return HttpResponse("ok", content_type="text/plain")
