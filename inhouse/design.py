"""What the device is: purpose, description, traits, parts. Open to change until it is declared."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypedDict

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from inhouse import classification, lifecycle
from inhouse.models import UnmetRequirement
from organisation import access
from organisation.access import Act
from organisation.history import acting
from organisation.models import QualitySystem, User
from products.models import Part, Product, Revision


class Piece(TypedDict):
    """A part or accessory."""

    name: str
    maker: str
    model: str
    edition: str
    is_ce_marked: bool


class Unmet(TypedDict):
    """A requirement of Annex I that is not fully met."""

    number: str
    what: str
    why: str


def opened(revision: Revision, *, by: User) -> Revision:
    """The revision locked and ready to change, or the refusal."""
    product = lifecycle.lock(revision.product)
    access.require(by, Act.KEEP, product.scope)
    revision = Revision.objects.get(pk=revision.pk)
    revision.product = product
    if product.is_ended:
        raise ValidationError(_("The product has ended: it is “%(stage)s”.") % {"stage": product.get_stage_display()})
    if not revision.is_open:
        raise ValidationError(
            _("Revision %(number)s is signed: what is signed is not changed. Open a new revision.")
            % {"number": revision.number}
        )
    return revision


@transaction.atomic
def describe(
    revision: Revision, fields: dict[str, Any], *, quality_system: QualitySystem | None = None, by: User
) -> None:
    """Write the design's fields and name the quality system of the product.

    The class is not among them: it is set by its rules, and taken back here when what it rests on changes.
    """
    revision = opened(revision, by=by)
    if fields.keys() & {"risk_class", "class_rule", "class_reason"}:
        raise ValidationError(_("The risk class is set by its rules, on a page of its own."))
    changed = [name for name, value in fields.items() if getattr(revision, name) != value]
    for name, value in fields.items():
        setattr(revision, name, value)
    revision.full_clean()
    with acting(by):
        revision.save()
        classification.reconsider(revision, changed, by=by)
        if quality_system is not None and quality_system.pk != revision.product.quality_system_id:
            Product.objects.filter(pk=revision.product_id).update(quality_system=quality_system)


@transaction.atomic
def compose(revision: Revision, pieces: Iterable[Piece], *, by: User) -> None:
    """Replace the list of parts and accessories; a part that stays keeps its row."""
    revision = opened(revision, by=by)
    wanted = [dict(piece) for piece in pieces]
    with acting(by):
        for part in revision.parts.all():
            as_is = {
                "name": part.name,
                "maker": part.maker,
                "model": part.model,
                "edition": part.edition,
                "is_ce_marked": part.is_ce_marked,
            }
            if as_is in wanted:
                wanted.remove(as_is)
            else:
                part.delete()
        for piece in wanted:
            Part.objects.create(revision=revision, **piece)


@transaction.atomic
def admit(revision: Revision, unmet: Iterable[Unmet], *, by: User) -> None:
    """Replace the list of requirements that are not fully met (declaration D13, D14)."""
    revision = opened(revision, by=by)
    wanted = {row["number"]: row for row in unmet}
    with acting(by):
        revision.unmet_requirements.exclude(number__in=wanted).delete()
        for number, row in wanted.items():
            UnmetRequirement.objects.update_or_create(
                revision=revision, number=number, defaults={"what": row["what"], "why": row["why"]}
            )
