"""Single sign-on: who in the register someone is whom the institution's server has signed in.

The first time it goes by the e-mail address, if the server says that it is theirs; from then on by the server's own
number for them (issuer and subject) alone. An address can pass to somebody else one day, the subject cannot. Nobody is
added this way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from organisation import clock
from organisation.history import acting
from organisation.models import Credential, User

PROVIDER = "sign_on"
CLOCKS = timedelta(seconds=5)  # by which the server's clock may run ahead of ours


def configured() -> bool:
    return bool(settings.OIDC_ISSUER)


def name() -> str:
    """What people call it."""
    return settings.OIDC_NAME or _("single sign-on")


def uid(issuer: str, subject: str) -> str:
    """One value for issuer and subject: another server's number 17 is somebody else."""
    return hashlib.sha256(f"{issuer}\n{subject}".encode()).hexdigest()


def tied(user: User) -> SocialAccount | None:
    found: SocialAccount | None = SocialAccount.objects.filter(provider=PROVIDER, user_id=user.pk).first()
    return found


@transaction.atomic
def recognise(claims: Mapping[str, Any], *, email: str, verified: bool) -> SocialAccount:
    """The account of an active user of the register, or a refusal in words."""
    key = uid(claims["iss"], claims["sub"])
    known = SocialAccount.objects.select_related("user").filter(provider=PROVIDER, uid=key).first()
    if known is not None:
        if not known.user.is_active:
            raise ValidationError(_("This account is closed. Ask an operator."))
        return known
    if not email or not (verified or settings.OIDC_EMAIL_IS_VERIFIED):
        raise ValidationError(
            _("%(name)s gave no confirmed e-mail address, so nobody knows here who you are. Ask an operator.")
            % {"name": name()}
        )
    user = User.objects.select_for_update(of=("self",)).filter(email__iexact=email, is_active=True).first()
    if user is None:
        raise ValidationError(
            _("Nobody with the e-mail address %(email)s has an account here. Ask an operator.") % {"email": email}
        )
    if tied(user):
        raise ValidationError(
            _("Your account here is tied to another account at %(name)s. Ask an operator.") % {"name": name()}
        )
    return _tie(user, key, claims)


def _tie(user: User, key: str, claims: Mapping[str, Any]) -> SocialAccount:
    """From now on it goes by the subject. A first password that an operator knows is not needed any more."""
    with acting(user, reason=_("Signed in by single sign-on for the first time")):
        account = SocialAccount.objects.create(
            user=user, provider=PROVIDER, uid=key, extra_data={"iss": claims["iss"], "sub": claims["sub"]}
        )
        Credential.objects.create(user=user, kind=Credential.Kind.SIGN_ON, name=settings.OIDC_NAME, account=account)
        if not user.chose_password:
            user.set_unusable_password()
            user.chose_password = True
            user.save(update_fields=["password", "chose_password"])
    return account


def fresh(user: User, claims: Mapping[str, Any], *, nonce: str, asked_at: datetime) -> None:
    """Refuse unless these claims, their signature checked, say that this user signed in anew after being asked to."""
    if not constant_time_compare(str(claims.get("nonce", "")), nonce):
        raise ValidationError(_("This answer belongs to another request. Begin again."))
    account = tied(user)
    if account is None or account.uid != uid(str(claims["iss"]), str(claims["sub"])):
        raise ValidationError(_("Someone else signed in at %(name)s. Nothing is proved.") % {"name": name()})
    said = claims.get("auth_time")
    if not isinstance(said, int | float) or isinstance(said, bool):
        raise ValidationError(
            _("%(name)s does not say when you signed in, so it proves nothing here. Ask an operator.")
            % {"name": name()}
        )
    if said < int(asked_at.timestamp()):
        raise ValidationError(
            _("%(name)s let you through without signing in again. Begin again, and sign in there.") % {"name": name()}
        )
    if said > (clock.now() + CLOCKS).timestamp():
        raise ValidationError(_("The clock of %(name)s is wrong. Ask an operator.") % {"name": name()})
