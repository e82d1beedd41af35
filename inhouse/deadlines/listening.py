"""Deadlines follow as soon as facts have changed. What is missed here, because a process died, the nightly comparison finds."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models.signals import post_delete, post_save

from inhouse import lifecycle
from inhouse.deadlines.following import follow, follow_house
from organisation.models import Administration, Institution, QualitySystem, User
from products.models import Product


def product_changed(products: list[int], **signal: Any) -> None:
    follow(products)
    if Product.objects.filter(pk__in=products, stage=Product.Stage.IN_USE).exists():
        follow_house()  # the first one in use is told to the authority


def house_changed(**signal: Any) -> None:
    transaction.on_commit(follow_house, robust=True)


def person_changed(instance: User, created: bool, **signal: Any) -> None:
    """They may have left, come back or moved: their products look for an owner, or ask whether they still fit."""
    if not created:
        owned = Product.objects.filter(owner=instance).values_list("pk", flat=True)
        transaction.on_commit(lambda: follow(owned), robust=True)


def listen() -> None:
    lifecycle.changed.connect(product_changed, dispatch_uid="deadlines")
    post_save.connect(person_changed, User, dispatch_uid="deadlines")
    for model in (Institution, QualitySystem, Administration):
        post_save.connect(house_changed, model, dispatch_uid="deadlines")
        post_delete.connect(house_changed, model, dispatch_uid="deadlines")
