"""Reviews of the experience from clinical use, and the actions they lead to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TypedDict

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from inhouse import lifecycle, suspension
from inhouse.dossier import Dossier
from inhouse.intervals import FIRST_FOLLOW_UP, add_months, months
from inhouse.models import FollowUp, FollowUpAction
from organisation import access, clock
from organisation.access import Act
from organisation.history import acting
from organisation.models import User
from products.models import Product


class Wanted(TypedDict):
    """An action that a review asks for."""

    text: str
    responsible: User
    due_on: date


def interval(d: Dossier) -> int:
    """Months between reviews: what the readiness says, else by class."""
    revision = d.in_force or d.working
    ready = d.readiness(revision) if revision else None
    return ready.follow_up_months if ready else months(revision.risk_class if revision else "")


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
    if conclusion == FollowUp.Conclusion.ACT and not actions:
        raise ValidationError(_("Name at least one action, with who does it and by when."))
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


@transaction.atomic
def finish(action: FollowUpAction, *, note: str, by: User) -> None:
    """Mark an action as done, with what was done."""
    access.require(by, Act.KEEP, action.scope)
    action = FollowUpAction.objects.select_for_update().get(pk=action.pk)
    if action.done_on:
        raise ValidationError(_("This action is already done."))
    lifecycle.in_words(note=note)
    action.done_on, action.done_note = clock.today(), note
    with acting(by):
        action.save()
