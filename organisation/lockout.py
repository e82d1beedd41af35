"""Who has tried too often waits. Counted by address in the database, which all processes share.

Passwords, codes and proofs count; signing in by passkey or single sign-on goes on, since there nothing can be guessed here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from organisation import access, clock
from organisation.access import Act
from organisation.history import acting
from organisation.models import Lockout, User

MOST = 5  # failures in a row
PAUSE = timedelta(minutes=15)
FORGOTTEN = timedelta(days=1)


class Locked(Exception):
    """There were too many failed attempts. Nothing was looked at."""

    def __init__(self, until: datetime) -> None:
        super().__init__(until)
        self.until = until


@contextmanager
def tries(address: str) -> Iterator[None]:
    """What is tried inside counts when it is refused (ValidationError). Raises Locked instead where too much was tried.

    Attempts under one address wait for each other, so that many at once are not more than one after the other. The
    failure must be kept: whoever calls this does not roll back what was refused, so not within `forms.attempt`.
    """
    refusal = None
    with transaction.atomic():
        key = _key(address)
        Lockout.objects.get_or_create(key=key)
        row = Lockout.objects.select_for_update().get(key=key)
        if row.until and row.until > clock.now():
            raise Locked(row.until)
        try:
            yield
        except ValidationError as wrong:
            refusal = wrong
            _count(row, address)
    if refusal:
        raise refusal


def _key(address: str) -> str:
    return salted_hmac("organisation.lockout", address.strip().casefold(), algorithm="sha256").hexdigest()


def _count(row: Lockout, address: str) -> None:
    now = clock.now()
    if row.last_at < now - FORGOTTEN:
        row.failures = 0
    row.failures, row.last_at = row.failures + 1, now
    if row.failures >= MOST:
        row.failures, row.until = 0, now + PAUSE
        with acting(None, reason=_("%(count)s failed attempts in a row") % {"count": MOST}):
            for user in User.objects.select_for_update(of=("self",)).filter(email__iexact=address.strip()):
                user.locked_until = row.until
                user.save(update_fields=["locked_until"])
    row.save()


def clear(user: User) -> None:
    """They came in, or proved that it is them: what failed before does not count."""
    Lockout.objects.filter(key=_key(user.email), failures__gt=0).update(failures=0)


@transaction.atomic
def unlock(user: User, *, reason: str, by: User) -> None:
    """An operator lets someone try again at once."""
    access.require(by, Act.USERS)
    user = User.objects.select_for_update(of=("self",)).get(pk=user.pk)
    if user.locked_until is None or user.locked_until <= clock.now():
        raise ValidationError(_("%(person)s is not locked out.") % {"person": user})
    Lockout.objects.filter(key=_key(user.email)).delete()
    user.locked_until = None
    with acting(by, reason=reason):
        user.save(update_fields=["locked_until"])


def forget() -> None:
    """Old failures are nobody's business any more."""
    Lockout.objects.filter(last_at__lt=clock.now() - FORGOTTEN).delete()
