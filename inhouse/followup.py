"""Reviews of the experience from clinical use, and the actions they lead to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TypedDict

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from inhouse import lifecycle, suspension
from inhouse.dossier import Dossier, current
from inhouse.intervals import FIRST_FOLLOW_UP, add_months, months
from inhouse.models import FollowUp, FollowUpAction
from organisation import access, clock
from organisation.access import Act
from organisation.history import acting
from organisation.models import User
from products import identity
from products.models import Product


class Wanted(TypedDict):
    """An action that a review asks for."""

    text: str
    responsible: User
    due_on: date


def interval(d: Dossier) -> int:
    """Months between reviews: what the readiness says, and never more than the class allows."""
    revision = d.in_force or d.working
    ready = d.readiness(revision) if revision else None
    return min(ready.follow_up_months, longest(d)) if ready else longest(d)


def longest(d: Dossier) -> int:
    """The most months between reviews, by class."""
    revision = d.in_force or d.working
    return months(revision.risk_class if revision else "")


def due_on(d: Dossier) -> date | None:
    """When the next review is due; None before use and after withdrawal."""
    if d.product.stage not in (Product.Stage.IN_USE, Product.Stage.SUSPENDED):
        return None
    if d.follow_ups:
        return d.follow_ups[-1].next_due_on
    started = d.reached(Product.Stage.IN_USE)
    return add_months(started, min(FIRST_FOLLOW_UP, interval(d))) if started else None


@transaction.atomic
def record(
    product: Product,
    *,
    done_on: date,
    sources: str,
    findings: str,
    conclusion: str,
    next_due_on: date,
    actions: Sequence[Wanted],
    by: User,
) -> FollowUp:
    """Record a review; one that says stop pauses use at once, with its findings as the cause.

    Raises ValidationError for days out of order, or actions concluded but not named.
    """
    product = lifecycle.lock(product)
    access.require(by, Act.KEEP, product.scope)
    if product.stage not in Product.Stage.used:
        raise ValidationError(_("There is no use to follow up before the product is in use."))
    if done_on > clock.today():
        raise ValidationError({"done_on": _("The review cannot lie in the future.")})
    _refuse_too_late(longest(current(product)), done_on, next_due_on)
    if conclusion == FollowUp.Conclusion.ACT and not actions:
        raise ValidationError(_("Name at least one action, with who does it and by when."))
    identity.refuse_in(sources=sources, findings=findings)
    if any(identity.occurs_in(wanted["text"]) for wanted in actions):
        raise ValidationError(_("Do not write a patient's number in an action: it is read in mails."))
    with acting(by):
        review = FollowUp(
            product=product,
            done_on=done_on,
            sources=sources,
            findings=findings,
            conclusion=conclusion,
            next_due_on=next_due_on,
            done_by=by,
        )
        review.full_clean()
        review.save()
        for wanted in actions:
            FollowUpAction.objects.create(follow_up=review, **wanted)
    if conclusion == FollowUp.Conclusion.STOP and product.stage == Product.Stage.IN_USE:
        suspension.suspend(product, cause=findings, by=by)
    return review


def _refuse_too_late(months: int, done_on: date, next_due_on: date) -> None:
    last = add_months(done_on, months)
    if next_due_on > last:
        raise ValidationError(
            {
                "next_due_on": _(
                    "In the class of this device at most %(months)s months lie between follow-ups: the next one is due by %(day)s."
                )
                % {"months": months, "day": date_format(last)}
            }
        )


@transaction.atomic
def finish(action: FollowUpAction, *, note: str, by: User) -> None:
    """Mark an action as done, with what was done."""
    access.require(by, Act.KEEP, lifecycle.lock(action.follow_up.product).scope)
    action = FollowUpAction.objects.get(pk=action.pk)
    if action.done_on:
        raise ValidationError(_("This action is already done."))
    lifecycle.in_words(note=note)
    identity.refuse_in(note=note)
    action.done_on, action.done_note = clock.today(), note
    with acting(by):
        action.save()
