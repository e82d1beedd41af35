"""Who is away, and who gets what is sent to them: noted by themselves, or by a manager or an operator.

It gives the stand-in no right to act: roles do that. Days are whole, both ends included, in the institution's time zone.
What has been is not rewritten: what was sent on those days went where it went.
"""

from __future__ import annotations

from datetime import date, timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from organisation import access, clock
from organisation.access import Act, Scope
from organisation.history import acting
from organisation.models import Absence, User


def require(by: User, person: User) -> None:
    """One's own absences, or those of the people whom a manager or an operator answers for."""
    if by.pk != person.pk:
        access.require(by, Act.ABSENCES, Scope(person.unit.administration_id))


def coming(absences: QuerySet[Absence]) -> QuerySet[Absence]:
    """Those that are not over."""
    return absences.filter(until__gte=clock.today()).select_related("person", "stand_in")


@transaction.atomic
def add(person: User, *, stand_in: User, since: date, until: date, by: User) -> Absence:
    """Note that someone is away from one day until another, and who stands in."""
    require(by, person)
    _lock(person)
    absence = Absence(person=person, stand_in=stand_in, since=since, until=until)
    _save(absence, by=by)
    return absence


@transaction.atomic
def edit(absence: Absence, *, stand_in: User, since: date, until: date, by: User) -> None:
    """Change one that has not begun."""
    absence = _locked(absence, by)
    if absence.since < clock.today():
        raise ValidationError(_("This absence has begun: only its last day can be changed."))
    absence.stand_in, absence.since, absence.until = stand_in, since, until
    _save(absence, by=by)


@transaction.atomic
def end(absence: Absence, *, until: date, by: User) -> None:
    """Give one that has begun another last day, sooner or later. Yesterday ends it at once."""
    absence = _locked(absence, by)
    today = clock.today()
    if absence.until < today:
        raise ValidationError(_("This absence is over."))
    if until < today - timedelta(days=1):
        raise ValidationError({"until": _("An absence is not ended backwards. The day before today ends it at once.")})
    absence.until = until
    _save(absence, by=by, begun=True)


@transaction.atomic
def remove(absence: Absence, *, by: User) -> None:
    """It never was: only before its first day is over."""
    absence = _locked(absence, by)
    if absence.since < clock.today():
        raise ValidationError(_("This absence has begun. Give it a last day instead."))
    with acting(by):
        absence.delete()


def _lock(person: User) -> None:
    """One change to the absences of a person at a time."""
    User.objects.select_for_update(of=("self",)).get(pk=person.pk)


def _locked(absence: Absence, by: User) -> Absence:
    require(by, absence.person)
    _lock(absence.person)
    return Absence.objects.select_related("person", "stand_in").get(pk=absence.pk)


def _save(absence: Absence, *, by: User, begun: bool = False) -> None:
    if not begun and absence.since < clock.today():
        raise ValidationError({"since": _("An absence is not noted backwards: what was sent then went to the person.")})
    if not absence.person.is_active:
        raise ValidationError(_("%(person)s is deactivated.") % {"person": absence.person})
    if not begun and not absence.stand_in.is_active:
        raise ValidationError({"stand_in": _("%(person)s is deactivated.") % {"person": absence.stand_in}})
    absence.full_clean()
    same = Absence.objects.filter(person=absence.person, since__lte=absence.until, until__gte=absence.since)
    if other := same.exclude(pk=absence.pk).first():
        raise ValidationError(
            _("%(person)s is noted as away from %(since)s until %(until)s already. Change that absence instead.")
            % {"person": absence.person, "since": date_format(other.since), "until": date_format(other.until)}
        )
    with acting(by):
        absence.save()
