"""Second factors: codes of an authenticator app, passkeys, recovery codes. Kept with allauth, set up and removed here.

A code counts once. allauth remembers that in a cache, which several processes may not share; here it is in the row.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from allauth.mfa import app_settings
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import format_hotp_value, generate_totp_secret, hotp_value
from allauth.mfa.utils import decrypt, encrypt
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import transaction
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from organisation import access, clock
from organisation.access import Act
from organisation.history import acting
from organisation.models import Credential, User

Type = Authenticator.Type
STRONG = (Type.TOTP, Type.WEBAUTHN)
"""What counts as a second factor. Recovery codes only stand in for one that was lost."""


def cipher() -> MultiFernet:
    """What secrets are encrypted with at rest: the first key encrypts, all decrypt."""
    return _cipher(settings.SECOND_FACTOR_KEYS)


@lru_cache
def _cipher(keys: str) -> MultiFernet:
    try:
        return MultiFernet([Fernet(key.strip().translate(_URL_SAFE)) for key in keys.split(",")])
    except ValueError as trouble:
        raise ImproperlyConfigured(
            "SECOND_FACTOR_KEYS: each key is the base64 of 32 bytes; several are separated by commas."
        ) from trouble


_URL_SAFE = str.maketrans("+/", "-_")


def has(user: User, *types: str) -> bool:
    found: bool = Authenticator.objects.filter(user_id=user.pk, type__in=types or STRONG).exists()
    return found


def unreadable() -> int:
    """How many authenticator apps have a secret that no key of this installation opens."""
    return sum(not _is_readable(data["secret"]) for data in _secrets())


def _secrets() -> Iterator[dict[str, Any]]:
    yield from Authenticator.objects.filter(type=Type.TOTP).values_list("data", flat=True).iterator()


def _is_readable(sealed: str) -> bool:
    try:
        decrypt(sealed)
    except InvalidToken:
        return False
    return True


# Codes


def new_secret() -> str:
    """A secret for an app, encrypted: it waits in the session until the first code has come."""
    return str(encrypt(generate_totp_secret()))


def shown(user: User, sealed: str) -> tuple[str, str]:
    """The address an app reads from the QR code, and the secret for those who type it."""
    secret = decrypt(sealed)
    return get_adapter().build_totp_url(user, secret), secret


@transaction.atomic
def set_up_codes(user: User, sealed: str, *, code: str) -> list[str]:
    """The app and the register know the same secret, as its first code shows. Says the recovery codes, if they are new."""
    _own(user)
    if has(user, Type.TOTP):
        raise ValidationError(_("You have an authenticator app. Remove it before you set up another one."))
    authenticator = Authenticator(user=user, type=Type.TOTP, data={"secret": sealed})
    if not _takes(authenticator, code):
        raise ValidationError({"code": _("That code is not right. Is the clock of your phone right?")})
    _keep(user, authenticator, Credential.Kind.CODES)
    return _recovery(user)


def issue(user: User) -> None:
    """Codes without having seen the first one: for the demo and the tests."""
    _keep(user, Authenticator(user=user, type=Type.TOTP, data={"secret": new_secret()}), Credential.Kind.CODES)


@transaction.atomic
def right_code(user: User, code: str, *, recovery: bool) -> bool:
    """Whether this is a code of their app, or with `recovery` one of their recovery codes, that was not used before."""
    authenticator = _of(user, Type.TOTP)
    if authenticator and _takes(authenticator, code):
        _used(authenticator)
        return True
    spare = _of(user, Type.RECOVERY_CODES) if recovery else None
    return bool(spare and RecoveryCodes(spare).validate_code(code))


def _of(user: User, kind: str) -> Authenticator | None:
    found: Authenticator | None = Authenticator.objects.select_for_update().filter(user_id=user.pk, type=kind).first()
    return found


def _takes(authenticator: Authenticator, code: str) -> bool:
    """Whether the code is right about now; if so it is used up, once the row is saved."""
    used = authenticator.data.get("used", [])
    typed = "".join(code.split())
    for step in _steps():
        if step not in used and constant_time_compare(typed, _code(authenticator, step)):
            authenticator.data["used"] = [*used, step][-50:]
            return True
    return False


def _steps() -> list[int]:
    """The half minutes whose codes are taken now: this one first."""
    now, around = int(clock.now().timestamp()) // app_settings.TOTP_PERIOD, app_settings.TOTP_TOLERANCE
    return sorted(range(now - around, now + around + 1), key=lambda step: (abs(step - now), -step))


def _code(authenticator: Authenticator, step: int) -> str:
    return str(format_hotp_value(hotp_value(decrypt(authenticator.data["secret"]), step)))


def code_now(authenticator: Authenticator) -> str:
    """What the app shows."""
    return _code(authenticator, _steps()[0])


def _used(authenticator: Authenticator) -> None:
    authenticator.last_used_at = clock.now()
    authenticator.save(update_fields=["data", "last_used_at"])


def demo_code(user: User) -> str:
    """The next code that would be taken: shown in the demo, where nobody has the phones of its people."""
    if settings.ENV != "demo":
        raise ImproperlyConfigured("Codes are shown in the demo only.")
    authenticator = Authenticator.objects.filter(user_id=user.pk, type=Type.TOTP).first()
    if authenticator is None:
        return ""
    free = (step for step in _steps() if step not in authenticator.data.get("used", []))
    return next((_code(authenticator, step) for step in free), "")


# Passkeys


@transaction.atomic
def add_passkey(user: User, credential: dict[str, Any], *, name: str) -> list[str]:
    """Keep a passkey that was checked (`passkeys.registered`). Says the recovery codes, if they are new."""
    _own(user)
    authenticator = Authenticator(user=user, type=Type.WEBAUTHN, data={"name": name, "credential": credential})
    _keep(user, authenticator, Credential.Kind.PASSKEY, name=name)
    return _recovery(user)


def _own(user: User) -> None:
    if not user.has_usable_password():
        raise ValidationError(_("You sign in by single sign-on: your second factor is kept there."))


def _keep(user: User, authenticator: Authenticator, kind: str, *, name: str = "") -> None:
    authenticator.created_at = clock.now()
    authenticator.save()
    Credential.objects.create(user=user, kind=kind, name=name, authenticator=authenticator)


# Recovery codes


def _recovery(user: User) -> list[str]:
    return [] if has(user, Type.RECOVERY_CODES) else renew_recovery(user)


@transaction.atomic
def renew_recovery(user: User) -> list[str]:
    """New recovery codes; the old ones stop working. They are shown once."""
    if not has(user):
        raise ValidationError(_("Set up an authenticator app or a passkey first."))
    Authenticator.objects.filter(user_id=user.pk, type=Type.RECOVERY_CODES).delete()
    codes = RecoveryCodes.activate(user)
    Credential.objects.create(user=user, kind=Credential.Kind.RECOVERY, authenticator=codes.instance)
    return list(codes.generate_codes())


# Removing


@transaction.atomic
def remove(credential: Credential) -> None:
    """Remove one's own app or passkey. Recovery codes that stand in for nothing go with the last one."""
    user = credential.user
    if credential.kind not in (Credential.Kind.CODES, Credential.Kind.PASSKEY):
        raise ValidationError(_("This is not removed here."))
    Authenticator.objects.filter(pk=credential.authenticator_id).delete()
    if not has(user):
        Authenticator.objects.filter(user_id=user.pk).delete()


@transaction.atomic
def reset(user: User, *, reason: str, by: User) -> None:
    """Someone lost what they sign in with, or has another account at single sign-on: all of it goes, but the password."""
    access.require(by, Act.USERS)
    user = User.objects.select_for_update(of=("self",)).get(pk=user.pk)
    if user.pk == by.pk:
        raise ValidationError(_("Remove your own on the page of your account."))
    held = user.credentials.select_related("authenticator", "account")
    if not held:
        raise ValidationError(_("%(person)s signs in with nothing but a password.") % {"person": user})
    with acting(by, reason=reason):
        for credential in held:
            (credential.account or credential.authenticator).delete()  # type: ignore[union-attr]
