"""Proving once more that it is you, for exactly these bytes: before a signature, and before changing how you sign in.

A proof is made for a digest and taken once, within five minutes. A failed one counts towards the lock-out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from allauth.mfa.models import Authenticator
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from organisation import clock, factors, lockout, passkeys, sign_on
from organisation.models import Proof, User

Method = Proof.Method
CHANGE = hashlib.sha256(b"change how I sign in").hexdigest()
"""What is proved for before an app or a passkey is set up or removed: no document, only that it is you."""


def methods(user: User, digest: str) -> list[Proof.Method]:
    """How this person can prove it. Whoever has no password here proves it where they sign in, and nowhere else.

    A password alone is enough to set up the first second factor, and a recovery code to replace a lost one; never to sign.
    """
    if not user.has_usable_password():
        return [Method.SIGN_ON] if sign_on.configured() and sign_on.tied(user) else []
    found = []
    if factors.has(user, Authenticator.Type.TOTP) or (
        digest == CHANGE and factors.has(user, Authenticator.Type.RECOVERY_CODES)
    ):
        found.append(Method.CODE)
    if factors.has(user, Authenticator.Type.WEBAUTHN):
        found.append(Method.PASSKEY)
    return found or ([Method.PASSWORD] if digest == CHANGE else [])


def _open(user: User, digest: str, method: Proof.Method) -> User:
    """The person as they are now, if this way is open to them."""
    user = User.objects.get(pk=user.pk)
    if not user.is_active or method not in methods(user, digest):
        raise ValidationError(_("You cannot prove it this way."))
    return user


def prove_by_code(user: User, digest: str, *, password: str, code: str) -> Proof:
    """By the password and a code of the authenticator app."""
    user = _open(user, digest, Method.CODE)
    with lockout.tries(user.email):
        if not (user.check_password(password) and factors.right_code(user, code, recovery=digest == CHANGE)):
            raise ValidationError(_("Password and code do not fit, or the code has been used. Wait for the next code."))
        return _made(user, digest, Method.CODE)


def prove_by_password(user: User, digest: str, *, password: str) -> Proof:
    """By the password alone, where there is nothing else yet."""
    user = _open(user, digest, Method.PASSWORD)
    with lockout.tries(user.email):
        if not user.check_password(password):
            raise ValidationError(_("That is not your password."))
        return _made(user, digest, Method.PASSWORD)


def prove_by_passkey(user: User, digest: str, *, asked: Mapping[str, Any], answer: Any) -> Proof:
    """By a passkey. `asked` is what waited in the session: the state of the question, and the digest it was asked for."""
    user = _open(user, digest, Method.PASSKEY)
    with lockout.tries(user.email):
        if asked.get("digest") != digest:
            raise ValidationError(_("This answer belongs to another request. Begin again."))
        passkeys.check(user, asked.get("state"), answer)
        return _made(user, digest, Method.PASSKEY)


def prove_by_sign_on(user: User, digest: str, *, claims: Mapping[str, Any], nonce: str, asked_at: datetime) -> Proof:
    """By a sign-in at single sign-on that was made after `asked_at`. The claims are those of a checked id token."""
    user = _open(user, digest, Method.SIGN_ON)
    with lockout.tries(user.email):
        sign_on.fresh(user, claims, nonce=nonce, asked_at=asked_at)
        return _made(user, digest, Method.SIGN_ON)


def _made(user: User, digest: str, method: Proof.Method) -> Proof:
    lockout.clear(user)
    return Proof.objects.create(user=user, digest=digest, method=method)


def waiting(user: User, digest: str) -> bool:
    """Whether there is a proof that could be taken now."""
    newest = Proof.objects.filter(user=user, digest=digest).order_by("pk").last()
    return newest is not None and newest.used_at is None and not newest.stale_at(clock.now())


@transaction.atomic
def take(user: User, digest: str) -> Proof:
    """Use the newest proof of this person for these bytes, once, or say why there is none."""
    proof = Proof.objects.select_for_update().filter(user=user, digest=digest).order_by("pk").last()
    now = clock.now()
    if proof is None:
        others = Proof.objects.filter(user=user, used_at=None, made_at__gte=now - Proof.LASTS).exclude(digest=CHANGE)
        if others.exists():
            raise ValidationError(
                _("The content is not the one you proved it for. Read it again and prove once more that it is you."),
                code="other",
            )
        raise ValidationError(_("Prove first that it is you."), code="none")
    if proof.used_at is not None:
        raise ValidationError(_("This proof has been used. Prove once more that it is you."), code="used")
    if proof.stale_at(now):
        raise ValidationError(
            _("It is more than five minutes since you proved that it is you. Prove it once more."), code="expired"
        )
    proof.used_at = now
    proof.save(update_fields=["used_at"])
    return proof
