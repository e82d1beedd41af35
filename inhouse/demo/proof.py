"""Whether the demo shows what it promises. Looked at before anything is kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.apps import apps
from django.db.models import Exists, OuterRef

from inhouse import law
from inhouse.models import Answer, Declaration
from organisation.models import Administration, Role, Unit, User
from products.models import Product, Revision

NOT_YET = {Product.Stage.DISPOSED}
"""The register does not dispose of records yet."""


def faults(*, now: datetime) -> Iterator[str]:
    """What is wrong with the demo; nothing, when it holds."""
    yield from _absent("Products in the stage", Product.Stage.values, Product.objects.values_list("stage", flat=True))
    yield from _absent("Outcomes", Product.Outcome.values, Product.objects.values_list("outcome", flat=True))
    yield from _absent(
        "Revisions in the stage", Revision.Stage.values, Revision.objects.values_list("stage", flat=True)
    )
    yield from _absent("Roles", Role.values, User.objects.values_list("assignments__role", flat=True))
    yield from _absent(
        "Scope categories",
        [question.id for question in law.trees()["scope_categories"].questions],
        Answer.objects.filter(tree="scope_categories", value="yes").values_list("question", flat=True),
    )
    counted = Administration.objects.count(), Unit.objects.count(), User.objects.count()
    if counted != (4, 20, 14):
        yield f"Administrations, units and people are {counted}."
    yield from _undeclared()
    yield from _history(now)


def _absent(what: str, wanted: list[str], found: object) -> Iterator[str]:
    missing = set(wanted) - set(found) - NOT_YET  # type: ignore[call-overload]
    if missing:
        yield f"{what} do not occur: {', '.join(sorted(missing))}."


def _undeclared() -> Iterator[str]:
    """No product in use without a signed declaration that stands, for each revision whose items may be in use."""
    used = Product.objects.filter(stage__in=(Product.Stage.IN_USE, Product.Stage.SUSPENDED))
    standing = Declaration.objects.standing().filter(revision=OuterRef("pk"))
    covering = Revision.objects.covering().filter(product__in=used)
    for revision in covering.filter(~Exists(standing)).select_related("product"):
        yield f"{revision} is in use without a standing declaration."
    for product in used.filter(~Exists(covering.filter(product=OuterRef("pk"), stage=Revision.Stage.IN_FORCE))):
        yield f"{product} is in use without a revision in force."


def _history(now: datetime) -> Iterator[str]:
    """Everything has someone who did it, or a reason, and lies in the past."""
    for model in apps.get_models():
        if not model.__name__.startswith("Historical"):
            continue
        rows = model._default_manager
        if rows.filter(history_date__gt=now).exists():
            yield f"{model.__name__} has rows of days to come."
        if rows.filter(history_user_id=None, history_change_reason__isnull=True).exists():
            yield f"{model.__name__} has rows that nobody wrote."
