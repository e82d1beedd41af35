"""The history of a product, of everything that belongs to it, told newest first."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet

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

OF_PRODUCT = (Step, Assessment, MarketSearch, Appointment, Revision, Item, UnitUse, Suspension, FollowUp, Change, Withdrawal)
OF_REVISION = (Part, EvidenceDocument, EvidenceRecord, UnmetRequirement, Declaration, Readiness)
OF_ITEM = (Placement, PatientUse)


def story(product: Product, *, limit: int | None = None) -> list[Entry]:
    """Who did what, when and why. The number of queries depends on the kinds of rows, not on how many there are."""
    histories: list[QuerySet[Any]] = [Product.history.filter(id=product.pk)]  # type: ignore[attr-defined]
    histories += [model.history.filter(product=product.pk) for model in OF_PRODUCT]  # type: ignore[attr-defined]

    def ever(model: Any) -> QuerySet[Any]:
        """The ids of all rows there ever were, also of those that are gone."""
        ids: QuerySet[Any] = model.history.filter(product=product.pk).order_by().values("id").distinct()
        return ids

    histories += [model.history.filter(revision__in=ever(Revision)) for model in OF_REVISION]  # type: ignore[attr-defined]
    histories += [model.history.filter(item__in=ever(Item)) for model in OF_ITEM]  # type: ignore[attr-defined]
    histories.append(Candidate.history.filter(search__in=ever(MarketSearch)))  # type: ignore[attr-defined]
    histories.append(FollowUpAction.history.filter(follow_up__in=ever(FollowUp)))  # type: ignore[attr-defined]
    histories.append(Answer.history.filter(assessment__in=ever(Assessment)))  # type: ignore[attr-defined]
    histories.append(Answer.history.filter(change__in=ever(Change)))  # type: ignore[attr-defined]
    return entries(histories, limit=limit)


def latest(d: Dossier) -> list[Entry]:
    """The last few entries, for the side of the page."""
    return story(d.product, limit=5)
