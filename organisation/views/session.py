"""Signing in and out, and the language of the pages."""

from __future__ import annotations

import json
import logging
from typing import Any

from allauth.account.internal.decorators import login_stage_required
from allauth.account.models import Login
from allauth.account.utils import perform_login
from allauth.mfa.stages import AuthenticateStage
from allauth.mfa.webauthn.internal.flows import perform_passwordless_login
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView
from django.core.exceptions import ValidationError
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.template.response import TemplateResponse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django.views.i18n import set_language

from organisation import factors, lockout, oidc, passkeys, people, sign_on
from organisation.access import Act
from organisation.adapters import refused
from organisation.doors import door
from organisation.forms import Form, dress
from organisation.models import User

logger = logging.getLogger(__name__)


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

    def clean(self) -> dict[str, Any]:
        if self.errors:
            return self.cleaned_data
        with lockout.tries(self.cleaned_data["username"]):
            return super().clean()


class SignIn(LoginView):
    """The password; a second factor, if there is one, follows on a page of its own."""

    template_name = "organisation/session/sign_in.html"
    authentication_form = SignInForm
    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        user = form.get_user()
        return perform_login(self.request, user, redirect_url=self.get_success_url())  # type: ignore[no-any-return]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        single = sign_on.name() if sign_on.configured() else ""
        wanted = {"next": self.get_redirect_url()}
        return super().get_context_data(**kwargs, sign_on=single, passkey_hidden=wanted)


sign_in = door(Act.READ_PUBLIC)(SignIn.as_view())


class CodeForm(Form):
    """A code of the authenticator app, or a recovery code. In the demo it says which."""

    code = forms.CharField(
        label=_("Code"),
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].help_text = code_help(user)


def code_help(user: User) -> str:
    told = gettext("Six digits from your authenticator app.")
    if settings.ENV == "demo" and (code := factors.demo_code(user)):
        told = gettext("In the demo, the code is %(code)s.") % {"code": code}
    return told


PASSKEY = "asked_for_passkey"


def sent_passkey(request: HttpRequest) -> Any:
    """The browser's answer; nonsense is none."""
    try:
        return json.loads(request.POST.get("credential", ""))
    except ValueError:
        return None


def _code(request: Any) -> HttpResponse:
    """The second factor of someone whose password was right."""
    stage = request._login_stage
    user: User = stage.login.user
    form = CodeForm(request.POST if "code" in request.POST else None, user=user)
    if request.method == "POST":
        asked = request.session.pop(PASSKEY, None)
        try:
            with lockout.tries(user.email):
                if form.is_valid():
                    if not factors.right_code(user, form.cleaned_data["code"], recovery=True):
                        raise ValidationError(
                            gettext("That code is not right, or it has been used. Wait for the next.")
                        )
                elif not form.is_bound:
                    passkeys.check(user, asked, sent_passkey(request))
        except ValidationError as refusal:
            form.add_error("code", refusal) if form.is_bound else messages.error(request, refusal.messages[0])
        else:
            if not form.is_bound or form.is_valid():
                return stage.exit()  # type: ignore[no-any-return]
    options: Any = None
    if factors.has(user, factors.Type.WEBAUTHN):
        options, request.session[PASSKEY] = passkeys.to_ask(user)
    coded = factors.has(user, factors.Type.TOTP, factors.Type.RECOVERY_CODES)
    return render(request, "organisation/session/code.html", {"form": form if coded else None, "options": options})


code = door(Act.READ_PUBLIC)(
    login_stage_required(stage=AuthenticateStage.key, redirect_urlname="organisation:login")(_code)
)


@door(Act.READ_PUBLIC)
@never_cache
def passkey(request: HttpRequest) -> HttpResponse:
    """Signing in with a passkey alone: what to ask the browser (GET), and its answer."""
    if request.method != "POST":
        options, request.session[PASSKEY] = passkeys.to_ask()
        return JsonResponse(options)
    asked, answer = request.session.pop(PASSKEY, None), sent_passkey(request)
    try:
        user = passkeys.whose(answer)
        authenticator = passkeys.check(user, asked, answer)
    except ValidationError as refusal:
        messages.error(request, refusal.messages[0])
        return redirect("organisation:login")
    login = Login(user=user, redirect_url=_safe(request, request.POST.get("next", "")))
    return perform_passwordless_login(request, authenticator, login)  # type: ignore[no-any-return]


def _safe(request: HttpRequest, address: str) -> str | None:
    """The page that was wanted, if it is one of ours."""
    ours = url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure())
    return address if ours else None


@door(Act.READ_PUBLIC)
@require_safe
@never_cache
def single_sign_on(request: HttpRequest) -> HttpResponse:
    """Off to the institution's server. A link, as browsers do not follow a sent form to another site."""
    if not sign_on.configured():
        return redirect("organisation:login")
    wanted = _safe(request, request.GET.get("next", ""))
    try:
        return redirect(oidc.address_to_sign_in(request, after=wanted))
    except oidc.TROUBLE as trouble:
        logger.warning("Single sign-on does not answer: %r", trouble)
        said = gettext("%(name)s does not answer. Try again later, or use another way.") % {"name": sign_on.name()}
        return refused(request, [said], status=502)


@door(Act.READ_PUBLIC)
@require_safe
@never_cache
def sign_on_answer(request: HttpRequest) -> HttpResponseBase:
    """Back from there."""
    if not sign_on.configured():
        return redirect("organisation:login")
    try:
        return OAuth2CallbackView.adapter_view(oidc.Client(request))(request)  # type: ignore[no-any-return]
    except oidc.TROUBLE as trouble:
        logger.warning("Single sign-on answered nonsense: %r", trouble)
        said = gettext("The answer of %(name)s cannot be read. Try again.") % {"name": sign_on.name()}
        return refused(request, [said], status=502)


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
