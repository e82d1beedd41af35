"""The history of a product, of everything that belongs to it, told newest first."""

from __future__ import annotations

from typing import Any

from django.db.models import Model, QuerySet

from inhouse.dossier import Dossier
from inhouse.models import (
    Answer,
    Appointment,
    Assessment,
    Candidate,
    Change,
    Declaration,
    EvidenceDocument,
    EvidenceRecord,
    FollowUp,
    FollowUpAction,
    MarketSearch,
    Readiness,
    Step,
    Suspension,
    UnmetRequirement,
    Withdrawal,
)
from organisation.history import Entry, entries
from products.models import Item, Part, PatientUse, Placement, Product, Revision, UnitUse

OF_PRODUCT: tuple[type[Model], ...] = (
    Step,
    Assessment,
    MarketSearch,
    Appointment,
    Revision,
    Item,
    UnitUse,
    Suspension,
    FollowUp,
    Change,
    Withdrawal,
)
OF_REVISION: tuple[type[Model], ...] = (
    Part,
    EvidenceDocument,
    EvidenceRecord,
    UnmetRequirement,
    Declaration,
    Readiness,
)
OF_ITEM: tuple[type[Model], ...] = (Placement, PatientUse)


def _history(model: type[Model]) -> Any:
    """The rows that django-simple-history keeps of a model."""
    return model.history  # type: ignore[attr-defined]


def story(product: Product, *, limit: int | None = None) -> list[Entry]:
    """Who did what, when and why. The number of queries depends on the kinds of rows, not on how many there are."""
    histories: list[QuerySet[Any]] = [_history(Product).filter(id=product.pk)]
    histories += [_history(model).filter(product=product.pk) for model in OF_PRODUCT]

    def ever(model: Any) -> QuerySet[Any]:
        """The ids of all rows there ever were, also of those that are gone."""
        ids: QuerySet[Any] = _history(model).filter(product=product.pk).order_by().values("id").distinct()
        return ids

    histories += [_history(model).filter(revision__in=ever(Revision)) for model in OF_REVISION]
    histories += [_history(model).filter(item__in=ever(Item)) for model in OF_ITEM]
    histories.append(_history(Candidate).filter(search__in=ever(MarketSearch)))
    histories.append(_history(FollowUpAction).filter(follow_up__in=ever(FollowUp)))
    histories.append(_history(Answer).filter(assessment__in=ever(Assessment)))
    histories.append(_history(Answer).filter(change__in=ever(Change)))
    return entries(histories, limit=limit)


def latest(d: Dossier) -> list[Entry]:
    """The last few entries, for the side of the page."""
    return story(d.product, limit=5)
