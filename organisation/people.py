"""Who is on staff, with what role: kept by operators. People are deactivated, never deleted."""

from __future__ import annotations

import secrets
from datetime import date, timedelta
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from organisation import access, clock
from organisation.access import Act
from organisation.history import acting
from organisation.models import Administration, Assignment, Role, User

SIGNS = "23456789abcdefghjkmnpqrstuvwxyz"  # no 0/o, 1/i/l: it is read from a slip of paper
EVERYWHERE = (Role.OPERATOR, Role.HEAD_OFFICE)  # roles that serve the whole institution


def _locked(user: User) -> User:
    return User.objects.select_for_update(of=("self",)).select_related("unit").get(pk=user.pk)


def _first_password() -> str:
    """Sixteen signs in groups of four."""
    return "-".join("".join(secrets.choice(SIGNS) for _sign in range(4)) for _group in range(4))


@transaction.atomic
def add(fields: dict[str, Any], *, by: User) -> tuple[User, str]:
    """Add someone with a first password, which is shown once and replaced at the first sign-in."""
    access.require(by, Act.USERS)
    password = _first_password()
    user = User(**fields, chose_password=False)
    user.email = User.objects.normalize_email(user.email).strip()
    if User.objects.filter(email__iexact=user.email).exists():
        raise ValidationError({"email": _("Someone with this e-mail address is already there.")})
    if not user.unit.active:
        raise ValidationError({"unit": _("This unit is closed.")})
    user.set_password(password)
    user.full_clean()
    with acting(by):
        user.save()
    return user, password


@transaction.atomic
def edit(user: User, fields: dict[str, Any], *, by: User) -> None:
    """Change name, title, position, unit or language."""
    access.require(by, Act.USERS)
    user = _locked(user)
    for name, value in fields.items():
        setattr(user, name, value)
    if "unit" in fields and not user.unit.active and user.is_active:
        raise ValidationError({"unit": _("This unit is closed.")})
    if User.objects.filter(email__iexact=user.email).exclude(pk=user.pk).exists():
        raise ValidationError({"email": _("Someone with this e-mail address is already there.")})
    user.full_clean()
    with acting(by):
        user.save(update_fields=list(fields))


@transaction.atomic
def renew_password(user: User, *, reason: str, by: User) -> str:
    """Give someone who cannot sign in a first password again. They choose their own before they can do anything."""
    access.require(by, Act.USERS)
    user = _locked(user)
    if user.pk == by.pk:
        raise ValidationError(_("Change your own password on the page of your account."))
    if not user.is_active:
        raise ValidationError(_("%(person)s is deactivated.") % {"person": user})
    password = _first_password()
    user.set_password(password)
    user.chose_password = False
    with acting(by, reason=reason):
        user.save(update_fields=["password", "chose_password"])
    return password


def own_password(user: User, password: str) -> None:
    """Refuse a password that is not theirs."""
    if not user.check_password(password):
        raise ValidationError(_("That is not your password."), code="password")


@transaction.atomic
def choose_password(user: User, *, old: str, new: str) -> None:
    """Everyone chooses their own; whoever set the first one does not know it."""
    user = _locked(user)
    own_password(user, old)
    if old == new:
        raise ValidationError({"new": _("Choose another password than the one you have.")})
    try:
        validate_password(new, user)
    except ValidationError as weak:
        raise ValidationError({"new": weak.error_list}) from weak
    user.set_password(new)
    user.chose_password = True
    with acting(user):
        user.save(update_fields=["password", "chose_password"])


def choose_language(user: User, language: str) -> None:
    """The language of the pages and of what is sent to them."""
    user.language = language
    with acting(user):
        user.save(update_fields=["language"])


def choose_reminders(user: User, reminded: str) -> None:
    """How reminders reach them: one by one, or gathered."""
    if reminded not in User.Reminded:
        raise ValidationError({"reminded": _("Choose one of the ways.")})
    user.reminded = reminded
    with acting(user):
        user.save(update_fields=["reminded"])


@transaction.atomic
def deactivate(user: User, *, reason: str, by: User) -> None:
    """Someone has left: they cannot sign in and their roles end. What they did stays."""
    access.require(by, Act.USERS)
    user = _locked(user)
    if user.pk == by.pk:
        raise ValidationError(_("Nobody deactivates themselves: another operator does it."))
    if not user.is_active:
        raise ValidationError(_("%(person)s is deactivated.") % {"person": user})
    today = clock.today()
    with acting(by, reason=reason):
        user.is_active = False
        user.save(update_fields=["is_active"])
        user.assignments.filter(since__gt=today).delete()  # never held
        for held in user.assignments.filter(Q(until=None) | Q(until__gt=today)):
            held.until = today
            held.save(update_fields=["until"])


@transaction.atomic
def reactivate(user: User, *, reason: str, by: User) -> str:
    """Someone is back: with a first password and without roles."""
    access.require(by, Act.USERS)
    user = _locked(user)
    if user.is_active:
        raise ValidationError(_("%(person)s is active.") % {"person": user})
    if not user.unit.active:
        raise ValidationError(_("The unit of %(person)s is closed. Give them another unit first.") % {"person": user})
    password = _first_password()
    user.is_active, user.chose_password = True, False
    user.set_password(password)
    with acting(by, reason=reason):
        user.save(update_fields=["is_active", "password", "chose_password"])
    return password


@transaction.atomic
def assign(
    user: User, *, role: str, administration: Administration | None, since: date, until: date | None = None, by: User
) -> Assignment:
    """Give someone a role within an administration, or in the whole institution."""
    access.require(by, Act.USERS)
    user = _locked(user)
    if user.pk == by.pk:
        raise ValidationError(_("Nobody gives themselves a role: another operator does it."))
    if not user.is_active:
        raise ValidationError(_("%(person)s is deactivated.") % {"person": user})
    if role in EVERYWHERE and administration is not None:
        raise ValidationError(
            {"administration": _("This role is held in the whole institution. Leave the field empty.")}
        )
    if since < clock.today():
        raise ValidationError({"since": _("A role is not given backwards: what was done then was done without it.")})
    same = user.assignments.filter(role=role, administration=administration).filter(Q(until=None) | Q(until__gte=since))
    if until is not None:
        same = same.filter(since__lte=until)
    if same.exists():
        raise ValidationError(_("%(person)s already has this role then.") % {"person": user})
    held = Assignment(user=user, role=role, administration=administration, since=since, until=until)
    held.full_clean()
    with acting(by):
        held.save()
    return held


@transaction.atomic
def end_role(held: Assignment, *, until: date, reason: str, by: User) -> None:
    """The role is held until that day, which is included. Yesterday ends it at once."""
    access.require(by, Act.USERS)
    user = _locked(held.user)
    if user.pk == by.pk:
        raise ValidationError(_("Nobody changes their own roles: another operator does it."))
    held = Assignment.objects.get(pk=held.pk)
    today = clock.today()
    with acting(by, reason=reason):
        if held.since > today:
            held.delete()  # never held
            return
        if held.until is not None and held.until < today:
            raise ValidationError(_("This role has ended."))
        if until < today - timedelta(days=1):
            raise ValidationError({"until": _("A role is not ended backwards. The day before today ends it at once.")})
        held.until = max(until, held.since)
        held.full_clean()
        held.save(update_fields=["until"])
