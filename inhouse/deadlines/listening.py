"""Deadlines follow as soon as facts have changed. What is missed here, because a process died, the nightly comparison finds."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.signals import post_delete, post_save

from inhouse import lifecycle
from inhouse.deadlines.following import follow, follow_house
from inhouse.models import Appointment, FollowUpAction, Step
from organisation import clock
from organisation.models import Administration, Institution, QualitySystem, User
from products.models import Product


def product_changed(products: list[int], **signal: Any) -> None:
    follow(products)
    first = Step.objects.filter(product__in=products, revision=None, to_stage=Product.Stage.IN_USE, on=clock.today())
    if first.exists():
        follow_house()  # the first one in use is told to the authority


def house_changed(**signal: Any) -> None:
    transaction.on_commit(follow_house, robust=True)


def person_changed(instance: User, created: bool, update_fields: Collection[str] | None, **signal: Any) -> None:
    """They may have left, come back or moved: what they own, were asked to own or have to do is looked at anew."""
    if created or (update_fields is not None and not {"is_active", "unit"} & set(update_fields)):
        return
    asked = Appointment.objects.filter(person=instance).values("product")
    doing = FollowUpAction.objects.filter(responsible=instance, done_on=None).values("follow_up__product")
    theirs = Product.objects.filter(Q(owner=instance) | Q(pk__in=asked) | Q(pk__in=doing)).values_list("pk", flat=True)
    transaction.on_commit(lambda: follow(theirs), robust=True)


def listen() -> None:
    lifecycle.changed.connect(product_changed, dispatch_uid="deadlines")
    post_save.connect(person_changed, User, dispatch_uid="deadlines")
    for model in (Institution, QualitySystem, Administration):
        post_save.connect(house_changed, model, dispatch_uid="deadlines")
        post_delete.connect(house_changed, model, dispatch_uid="deadlines")
