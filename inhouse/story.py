"""The history of a product, of everything that belongs to it, told newest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from django.db.models import Model, QuerySet
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from inhouse import law
from inhouse.law.rules import SCOPES, editions
from inhouse.models import (
    AiPoint,
    AiStep,
    Answer,
    Appointment,
    Assessment,
    Candidate,
    CategoryFacts,
    Change,
    Classification,
    Conformity,
    DataSet,
    Declaration,
    Disposal,
    EvidenceDocument,
    EvidenceRecord,
    FollowUp,
    FollowUpAction,
    Ground,
    Hold,
    Keeping,
    Lookup,
    MarketFile,
    MarketSearch,
    OtherRoute,
    Readiness,
    SoftwareModule,
    SoftwarePlan,
    SoftwareTest,
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
    Hold,
    Keeping,
    Disposal,
)
OF_REVISION: tuple[type[Model], ...] = (
    Part,
    EvidenceDocument,
    EvidenceRecord,
    Conformity,
    UnmetRequirement,
    Declaration,
    Readiness,
    Classification,
    SoftwarePlan,
    SoftwareModule,
    SoftwareTest,
    DataSet,
    AiPoint,
    AiStep,
)
OF_ITEM: tuple[type[Model], ...] = (Placement, PatientUse)


def _history(model: type[Model]) -> Any:
    """The rows that django-simple-history keeps of a model."""
    return model.history  # type: ignore[attr-defined]


SUBJECTS: dict[str, tuple[type[Model], ...]] = {
    "assessment": (Assessment, Answer, CategoryFacts, OtherRoute),
    "market": (MarketSearch, Candidate, Lookup, Ground, MarketFile),
    "owner": (Appointment,),
    "design": (Revision, Part),
    "class": (Classification, Answer),
    "software": (SoftwarePlan, SoftwareModule, SoftwareTest, DataSet, AiPoint, AiStep),
    "documents": (EvidenceDocument,),
    "evidence": (EvidenceRecord,),
    "conformity": (Conformity, UnmetRequirement),
    "declaration": (Declaration, UnmetRequirement),
    "readiness": (Readiness, UnitUse),
    "items": (Item, Placement, PatientUse),
    "follow-up": (FollowUp, FollowUpAction),
    "change": (Change, Answer),
    "withdrawal": (Withdrawal, Suspension, Step),
    "retention": (Hold, Keeping, Disposal),
}
"""Which kinds of rows a page of the product is about."""

OWN = {
    "assessment": ("name", "summary", "unit"),
    "owner": ("owner", "unit"),
    "design": ("quality_system",),
}
"""Which fields of the product itself are written on a page or follow from it."""


def story(product: Product, *, of: str = "", limit: int | None = None, patients: bool = False) -> list[Entry]:
    """Who did what, when and why; of one page's subject, or of everything; uses with patients only when asked for.

    The number of queries depends on the kinds of rows, not on how many there are.
    """

    def ever(model: type[Model]) -> QuerySet[Any]:
        """The ids of all rows there ever were, also of those that are gone."""
        ids: QuerySet[Any] = _history(model).filter(product=product.pk).order_by().values("id").distinct()
        return ids

    kept: list[tuple[type[Model], dict[str, Any]]] = [(Product, {"id": product.pk})]
    kept += [(model, {"product": product.pk}) for model in OF_PRODUCT]
    kept += [(model, {"revision__in": ever(Revision)}) for model in OF_REVISION]
    kept += [(model, {"item__in": ever(Item)}) for model in OF_ITEM]
    kept += [
        *((model, {"search__in": ever(MarketSearch)}) for model in (Candidate, Lookup, Ground, MarketFile)),
        *((model, {"assessment__in": ever(Assessment)}) for model in (CategoryFacts, OtherRoute)),
        (
            Answer,
            {
                "classification__in": _history(Classification)
                .filter(revision__in=ever(Revision))
                .order_by()
                .values("id")
                .distinct()
            },
        ),
        (FollowUpAction, {"follow_up__in": ever(FollowUp)}),
        (Answer, {"assessment__in": ever(Assessment)}),
        (Answer, {"change__in": ever(Change)}),
    ]
    wanted = SUBJECTS.get(of)
    histories = [
        _history(model).filter(**key)
        for model, key in kept
        if (wanted is None or model in wanted) and (patients or not getattr(model, "history_private", False))
    ]
    told = entries(histories, limit=limit)
    if of in OWN:
        told = [*told, *_own(product, OWN[of])]
        told.sort(key=lambda entry: (entry.moment, entry.history_id), reverse=True)
    return told[:limit]


def _own(product: Product, names: tuple[str, ...]) -> Iterator[Entry]:
    """When some fields of the product changed; a product has few entries of its own."""
    fields = {str(capfirst(each.verbose_name)) for each in Product._meta.fields if each.name in names}
    for entry in entries([_history(Product).filter(id=product.pk, history_type="~")]):
        if changes := [change for change in entry.changes if change.field in fields]:
            yield replace(entry, changes=changes)


def asked(told: list[Entry]) -> list[Entry]:
    """Answers by the question that was asked, not by its place in the tree; in every history that is read."""
    ids = {entry.object_id for entry in told if entry.model is Answer}
    if not ids:
        return told
    rows = _history(Answer).filter(id__in=ids).order_by().values_list("id", "tree", "question").distinct()
    questions = {(tree.id, q.id): q.text for found in law.versions().values() for tree in found for q in tree.questions}
    for regulation in SCOPES:
        for rules in editions(regulation):
            for rule in rules.rules:
                name = _("Rule %(rule)s: %(title)s") % {"rule": rule.id, "title": rule.title}
                questions[rules.tree, rule.key] = name
                questions |= {(rules.tree, branch.id): f"{name}. {branch.text}" for branch in rule.asked}
    names = {key: questions[tree, question] for key, tree, question in rows if (tree, question) in questions}
    place = ("tree", "tree_version", "question")
    fields = {str(capfirst(each.verbose_name)) for each in Answer._meta.fields if each.name in place}
    return [
        replace(
            entry,
            name=names[entry.object_id],
            changes=[change for change in entry.changes if change.field not in fields],
        )
        if entry.model is Answer and entry.object_id in names
        else entry
        for entry in told
    ]
