"""Passkeys: what the browser is asked, and whether its answer is right. Always with user verification.

What was asked (`state`) waits in the session of whoever was asked; an answer to anything else is refused.
"""

from __future__ import annotations

from typing import Any, cast

from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal import auth
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from fido2.webauthn import ResidentKeyRequirement, UserVerificationRequirement

from organisation import clock
from organisation.models import User

State = dict[str, Any]
NONSENSE = (ValueError, TypeError, KeyError, AttributeError, ValidationError)  # what is said to an answer that is none


def to_register(user: User) -> tuple[State, State]:
    """What a browser is asked to make a passkey for this person, and the state."""
    options, state = auth.get_server().register_begin(
        user=auth.build_user_payload(user),
        credentials=auth.get_credentials(user),
        resident_key_requirement=ResidentKeyRequirement.REQUIRED,
        user_verification=UserVerificationRequirement.REQUIRED,
        extensions=auth.EXTENSIONS,
    )
    return dict(options), cast(State, state)


def registered(state: State | None, answer: Any) -> State:
    """The answer, when it is a passkey made for what was asked."""
    try:
        auth.get_server().register_complete(state, answer)
    except NONSENSE:
        raise _refused() from None
    return cast(State, answer)


def to_ask(user: User | None = None) -> tuple[State, State]:
    """What a browser is asked to show one of this person's passkeys, or any passkey of this place, and the state."""
    options, state = auth.get_server().authenticate_begin(
        credentials=auth.get_credentials(user) if user else [],
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return dict(options), cast(State, state)


def whose(answer: Any) -> User:
    """Who says to be there. Not yet checked."""
    try:
        return cast(User, auth.extract_user_from_response(answer))
    except NONSENSE:
        raise _refused() from None


def check(user: User, state: State | None, answer: Any) -> Authenticator:
    """The passkey of this person that gave the answer, or a refusal."""
    try:
        shown = auth.get_server().authenticate_complete(state, auth.get_credentials(user), answer)
        passkey: Authenticator | None = auth.get_authenticator_by_credential_id(user, shown.credential_id)
        verified = auth.parse_authentication_response(answer).response.authenticator_data.is_user_verified()
    except NONSENSE:
        raise _refused() from None
    if passkey is None or not verified:
        raise _refused()
    passkey.last_used_at = clock.now()
    passkey.save(update_fields=["last_used_at"])
    return passkey


def _refused() -> ValidationError:
    return ValidationError(_("The passkey was not accepted. Try again, or use another way."))
