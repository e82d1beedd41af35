"""What a person says of a deadline: that it is done, with what shows it, or that it can wait, with the reason."""

from __future__ import annotations

from datetime import date

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from inhouse import lifecycle
from inhouse.deadlines.following import follow, follow_house, remind
from inhouse.deadlines.kinds import KINDS
from inhouse.models import Deadline, NextReminder
from inhouse.reminders import ladders
from organisation import access, clock
from organisation.access import Act
from organisation.history import acting
from organisation.models import Institution, User
from products import identity


def may(deadline: Deadline, user: User) -> bool:
    """Whether this person may mark it or let it wait: it is theirs, or the table allows it there."""
    return deadline.person_id == user.pk or access.may(user, Act.SETTLE, deadline.scope)


def _locked(deadline: Deadline, by: User) -> Deadline:
    """Locked in the order in which the facts are followed: what it hangs on first."""
    if deadline.product:
        lifecycle.lock(deadline.product)
    else:
        Institution.objects.select_for_update(no_key=True).get()
    held = Deadline.objects.select_for_update(of=("self",), no_key=True)
    deadline = held.select_related("product__unit").get(pk=deadline.pk)
    if not may(deadline, by):
        access.require(by, Act.SETTLE, deadline.scope)
    if deadline.ended_on:
        raise ValidationError(_("This deadline has ended."), code="ended")
    return deadline


@transaction.atomic
def done(deadline: Deadline, *, evidence: str, by: User) -> None:
    """Mark as done what the register cannot see by itself; the next one of its kind follows at once.

    Raises ValidationError for a kind whose facts are in the register: it ends when they are entered.
    """
    deadline = _locked(deadline, by)
    if not KINDS[deadline.kind].by_hand:
        raise ValidationError(_("This one ends by itself when what it asks for is entered."), code="facts")
    lifecycle.in_words(evidence=evidence)
    identity.refuse_in(evidence=evidence)
    deadline.ended_on, deadline.end, deadline.ended_by = clock.today(), Deadline.End.DONE, by
    deadline.evidence = evidence.strip()
    with acting(by, reason=evidence):
        deadline.save()
    NextReminder.objects.filter(deadline=deadline).delete()
    if deadline.product:
        follow([deadline.product])
    else:
        follow_house()


@transaction.atomic
def snooze(deadline: Deadline, *, until: date, reason: str, by: User) -> None:
    """No reminders before that day, which is not later than the one it is due on."""
    deadline = _locked(deadline, by)
    lifecycle.in_words(reason=reason)
    identity.refuse_in(reason=reason)
    if until <= clock.today():
        raise ValidationError({"until": _("Choose a day that is still to come.")})
    if until > deadline.due_on:
        raise ValidationError(
            {
                "until": _("It cannot wait longer than to the day it is due: %(day)s.")
                % {"day": date_format(deadline.due_on)}
            }
        )
    deadline.snoozed_until, deadline.snoozed_by, deadline.snooze_reason = until, by, reason.strip()
    with acting(by, reason=reason):
        deadline.save()
    deadline.remind_on(until)


@transaction.atomic
def wake(deadline: Deadline, *, by: User) -> None:
    """Take a snooze back: reminders come as if it had not been."""
    deadline = _locked(deadline, by)
    deadline.snoozed_until, deadline.snoozed_by, deadline.snooze_reason = None, None, ""
    with acting(by):
        deadline.save()
    remind(deadline, ladders.by_kind()[deadline.kind])
