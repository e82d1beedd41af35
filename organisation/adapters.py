"""What django-allauth asks of us. It keeps factors and runs the stages of a sign-in; pages and rules are ours."""

from __future__ import annotations

import logging
from typing import Any, cast

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.utils import perform_login
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.translation import gettext as _

from organisation import factors, lockout, oidc, sign_on
from organisation.models import User

logger = logging.getLogger(__name__)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Signing in, whichever way."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_login_stages(self) -> list[str]:
        return ["allauth.mfa.stages.AuthenticateStage"]

    def respond_user_inactive(self, request: HttpRequest, user: User) -> HttpResponse:
        messages.error(request, _("This account is closed. Ask an operator."))
        return redirect("organisation:login")

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """The pages say it."""

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """The history says it, and `organisation.notices` by mail."""

    def post_login(self, request: HttpRequest, user: User, **kwargs: Any) -> HttpResponse:
        """In, with the person's own language from then on; whoever has a first password chooses their own next."""
        response = cast(HttpResponse, super().post_login(request, user, **kwargs))
        lockout.clear(user)
        if not user.chose_password:
            response["Location"] = resolve_url("organisation:password")
        response.set_cookie(  # in place of whoever used this browser before; to switch is remembered with the person
            settings.LANGUAGE_COOKIE_NAME,
            user.language,
            samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
        )
        return response


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Second factors: secrets are encrypted at rest."""

    def encrypt(self, text: str) -> str:
        return factors.cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return factors.cipher().decrypt(encrypted_text.encode()).decode()

    def get_totp_issuer(self) -> str:
        return "Femfem"

    def send_notification_mail(self, *args: Any, **kwargs: Any) -> None:
        """The history says it, and `organisation.notices` by mail."""


class SignOnAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Single sign-on: nobody is added by it, and what went wrong is said on a page of ours."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return False

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: Any) -> Any:
        return sociallogin.user

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """We say who it is and let them in, to a second step if they have one, or refuse. allauth's own end is not used."""
        if not oidc.answers(sociallogin):
            self.on_authentication_error(request, sociallogin.provider, error="nonce")
        address = next(iter(sociallogin.email_addresses), None)
        try:
            account = sign_on.recognise(
                sociallogin.account.extra_data,
                email=address.email if address else "",
                verified=bool(address and address.verified),
            )
        except ValidationError as refusal:
            raise ImmediateHttpResponse(refused(request, refusal.messages, status=403)) from None
        after = sociallogin.get_redirect_url(request)
        raise ImmediateHttpResponse(perform_login(request, account.user, redirect_url=after))

    def on_authentication_error(self, request: HttpRequest, provider: Any, **kwargs: Any) -> None:
        logger.warning("Single sign-on failed: %s, %r", kwargs.get("error"), kwargs.get("exception"))
        raise ImmediateHttpResponse(
            refused(
                request,
                [_("%(name)s did not sign you in, or the answer came too late. Try again.") % {"name": sign_on.name()}],
                status=401,
            )
        )


def refused(request: HttpRequest, reasons: list[str], *, status: int) -> HttpResponse:
    """Why single sign-on did not let someone in."""
    return render(request, "organisation/session/refused.html", {"reasons": reasons}, status=status)
