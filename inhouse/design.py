"""What the device is: purpose, description, traits, parts. Open to change until it is declared."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NotRequired, TypedDict

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from inhouse import classification, guide, lifecycle
from organisation import access, clock
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
    statement: NotRequired[str]


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

    Another design than the one examined needs to be examined anew: the day it really changed is noted. The class is
    not among the fields: it is set by its rules, and taken back here when what it rests on changes.
    """
    revision = opened(revision, by=by)
    if fields.keys() & {"risk_class", "class_rule", "class_reason"}:
        raise ValidationError(_("The risk class is set by its rules, on a page of its own."))
    if quality_system and quality_system.administration_id != revision.product.unit.administration_id:
        raise ValidationError(
            {"quality_system": _("%(system)s belongs to another administration.") % {"system": quality_system}}
        )
    was = revision.regulation
    put_fields(revision, fields, by=by)
    if revision.regulation != was:
        _refuse_other_than_answered(revision)
    if quality_system is not None and quality_system.pk != revision.product.quality_system_id:
        with acting(by):
            Product.objects.filter(pk=revision.product_id).update(quality_system=quality_system)


def put_fields(revision: Revision, fields: dict[str, Any], *, by: User) -> None:
    """Write fields of a revision that is locked, and what follows from them.

    Whatever examines specimens in vitro is under IVDR and all else under MDR: the trait and the regulation move
    together, and under another regulation Annex I is answered anew. The day of the design is that of its last change, and
    the class is taken back when it rests on one.
    """
    fields = _regulated(fields)
    changed = [name for name, value in fields.items() if _words(getattr(revision, name)) != _words(value)]
    was = revision.regulation
    if set(changed) & {*Revision.EXAMINED}:
        revision.designed_on = clock.today()
    for name, value in fields.items():
        setattr(revision, name, value)
    revision.full_clean()
    with acting(by):
        revision.save()
        if revision.regulation != was:  # another annex, with other numbers
            revision.conformities.all().delete()
            revision.unmet_requirements.all().delete()
        classification.reconsider(revision, changed, by=by)


def _regulated(fields: dict[str, Any]) -> dict[str, Any]:
    """The fields with the regulation that the trait brings, or the trait that the regulation says."""
    if "is_in_vitro" in fields:
        return fields | {"regulation": under(in_vitro=fields["is_in_vitro"])}
    if "regulation" in fields:
        return fields | {"is_in_vitro": fields["regulation"] == Revision.Regulation.IVDR}
    return fields


def under(*, in_vitro: bool) -> Revision.Regulation:
    """The regulation that a device is under."""
    return Revision.Regulation.IVDR if in_vitro else Revision.Regulation.MDR


def _refuse_other_than_answered(revision: Revision) -> None:
    """Until someone has decided, the answers of the assessment say which regulation applies, and are changed there."""
    product = revision.product
    if product.stage != Product.Stage.PROPOSED:
        return
    answered = guide.read(product).qualification.regulation
    if answered and answered != revision.regulation:
        raise ValidationError(
            {
                "is_in_vitro": _(
                    "By the answers of the assessment %(regulation)s applies. Until it is decided, change the answer there."
                )
                % {"regulation": answered}
            }
        )


def _words(value: Any) -> Any:
    """A text without its line breaks, which a browser sends in another form than it got them."""
    return value.split() if isinstance(value, str) else value


@transaction.atomic
def compose(revision: Revision, pieces: Iterable[Piece], *, by: User) -> None:
    """Replace the list of parts and accessories; a part that stays keeps its row."""
    put_parts(opened(revision, by=by), pieces, by=by)


def put_parts(revision: Revision, pieces: Iterable[Piece], *, by: User) -> None:
    """Make these the parts of a revision that is locked; what is said of combining a part stays unless it is said anew."""
    parts = list(revision.parts.all())
    statements = {(part.name, part.maker, part.model): part.statement for part in parts}
    names = ("name", "maker", "model", "edition", "is_ce_marked", "statement")
    wanted: list[dict[str, Any]] = []
    for piece in pieces:
        kept = statements.get((piece["name"], piece["maker"], piece["model"]), "")
        wanted.append({"statement": kept, **piece})
    gone = False
    with acting(by):
        for part in parts:
            as_is = {name: getattr(part, name) for name in names}
            if as_is in wanted:
                wanted.remove(as_is)
            else:
                part.delete()
                gone = True
        for fields in wanted:
            Part.objects.create(revision=revision, **fields)
        if gone or wanted:
            revision.designed_on = clock.today()
            revision.save(update_fields=["designed_on"])
