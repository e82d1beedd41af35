"""Everything the register holds on a product, gathered once: what the page, the matrix, the gates and the as-of view read.

Two times, never mixed. `on` is a day: what was true that day. `known` is a moment: what the register knew then, read
from the history. The number of queries is the same for one product and for many. Items and their placements, of which
there can be very many, are read when they are first asked for, and then for all the products gathered together.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from functools import cache, cached_property
from typing import Any, TypeAlias, TypeVar

from django.db import models
from django.utils import timezone

from documents.models import Document
from inhouse import disposable
from inhouse.law.annex_one import annex_one
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
    MarketDevice,
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
from organisation import clock, history
from organisation.models import Institution, QualitySystem, Unit, User
from products.models import Item, Part, Placement, Product, Revision, UnitUse

Row = TypeVar("Row", bound=models.Model)
Stock: TypeAlias = dict[int, tuple[list[Item], list[Placement]]]
ATTACHED = (User, Unit, Document, QualitySystem, MarketDevice)
LONG: dict[type[models.Model], tuple[str, ...]] = {
    Declaration: ("snapshot",),
    Disposal: ("manifest",),
    Item: ("made_to", "checks", "deviations", "fate_note"),
}
"""Columns that a dossier does not need and that would weigh it down."""
SOFTWARE: tuple[tuple[str, type[models.Model]], ...] = (
    ("software_plans", SoftwarePlan),
    ("software_modules", SoftwareModule),
    ("software_tests", SoftwareTest),
    ("data_sets", DataSet),
    ("ai_points", AiPoint),
    ("ai_steps", AiStep),
)
"""Read only where a revision is software."""


@dataclass
class Dossier:
    """One product with all its facts, as plain lists in the order they came."""

    product: Product
    institution: Institution
    on: date
    known: datetime | None = None
    steps: list[Step] = field(default_factory=list)
    assessments: list[Assessment] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    searches: list[MarketSearch] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)
    lookups: list[Lookup] = field(default_factory=list)
    grounds: list[Ground] = field(default_factory=list)
    market_files: list[MarketFile] = field(default_factory=list)
    category_facts: list[CategoryFacts] = field(default_factory=list)
    other_routes: list[OtherRoute] = field(default_factory=list)
    classifications: list[Classification] = field(default_factory=list)
    software_plans: list[SoftwarePlan] = field(default_factory=list)
    software_modules: list[SoftwareModule] = field(default_factory=list)
    software_tests: list[SoftwareTest] = field(default_factory=list)
    data_sets: list[DataSet] = field(default_factory=list)
    ai_points: list[AiPoint] = field(default_factory=list)
    ai_steps: list[AiStep] = field(default_factory=list)
    appointments: list[Appointment] = field(default_factory=list)
    revisions: list[Revision] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    documents: list[EvidenceDocument] = field(default_factory=list)
    records: list[EvidenceRecord] = field(default_factory=list)
    conformities: list[Conformity] = field(default_factory=list)
    unmet: list[UnmetRequirement] = field(default_factory=list)
    declarations: list[Declaration] = field(default_factory=list)
    readinesses: list[Readiness] = field(default_factory=list)
    unit_uses: list[UnitUse] = field(default_factory=list)
    suspensions: list[Suspension] = field(default_factory=list)
    follow_ups: list[FollowUp] = field(default_factory=list)
    actions: list[FollowUpAction] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    withdrawals: list[Withdrawal] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    keepings: list[Keeping] = field(default_factory=list)
    disposals: list[Disposal] = field(default_factory=list)
    stock: Callable[[], Stock] = field(default=dict, repr=False, compare=False)

    # The assessment
    @property
    def assessment(self) -> Assessment | None:
        return self.assessments[-1] if self.assessments else None

    def answered(self, tree: str) -> dict[str, Answer]:
        """The answers of the latest assessment to one tree, by question."""
        latest = self.assessment
        return {a.question: a for a in self.answers if latest and a.assessment_id == latest.pk and a.tree == tree}

    def answers_of(self, assessment: Assessment) -> list[Answer]:
        return [a for a in self.answers if a.assessment_id == assessment.pk]

    def class_answers(self, classification: Classification) -> dict[str, Answer]:
        """The answers of one walk through the rules, by question."""
        return {a.question: a for a in self.answers if a.classification_id == classification.pk}

    @property
    def categories(self) -> list[str]:
        """The kinds of work that were ticked in the latest assessment."""
        return [question for question, answer in self.answered("scope_categories").items() if answer.is_yes]

    def facts_of(self, category: str, assessment: Assessment | None = None) -> CategoryFacts | None:
        about = assessment or self.assessment
        return next(
            (f for f in self.category_facts if about and f.assessment_id == about.pk and f.category == category), None
        )

    def classification(self, revision: Revision) -> Classification | None:
        """The walk through the rules that counts for a revision: the latest."""
        return next((c for c in reversed(self.classifications) if c.revision_id == revision.pk), None)

    def change_answers(self, change: Change) -> list[Answer]:
        return [a for a in self.answers if a.change_id == change.pk]

    @property
    def search(self) -> MarketSearch | None:
        """The one concluded last, also when an earlier one has a later day: a correction counts."""
        return next((s for s in reversed(self.searches) if s.is_concluded), None)

    @property
    def search_draft(self) -> MarketSearch | None:
        """The search that is under way."""
        return next((s for s in reversed(self.searches) if not s.is_concluded), None)

    def considered(self, search: MarketSearch) -> list[Candidate]:
        return [c for c in self.candidates if c.search_id == search.pk]

    def looked(self, search: MarketSearch) -> list[Lookup]:
        return [x for x in self.lookups if x.search_id == search.pk]

    def grounds_of(self, search: MarketSearch) -> list[Ground]:
        return [g for g in self.grounds if g.search_id == search.pk]

    def files_of(self, search: MarketSearch) -> list[MarketFile]:
        return [f for f in self.market_files if f.search_id == search.pk]

    # The owner
    @property
    def ownership(self) -> Appointment | None:
        """The appointment of whoever owns the product on the day."""
        return next((a for a in reversed(self.appointments) if a.owns_on(self.on)), None)

    @property
    def asked(self) -> Appointment | None:
        """The appointment that waits for an answer."""
        return next((a for a in reversed(self.appointments) if a.is_waiting), None)

    # The revisions
    @property
    def coming(self) -> Revision | None:
        return next((r for r in reversed(self.revisions) if r.stage in Revision.Stage.coming), None)

    @property
    def in_force(self) -> Revision | None:
        return next((r for r in reversed(self.revisions) if r.stage == Revision.Stage.IN_FORCE), None)

    @property
    def working(self) -> Revision | None:
        """The revision that pages are about: the one being worked on, else the one in force, else the last that was used."""
        ended = [r for r in self.revisions if r.stage != Revision.Stage.ABANDONED] or self.revisions
        return self.coming or self.in_force or (ended[-1] if ended else None)

    def settled(self) -> Dossier:
        """The same without a revision that is still being made, when another one is in force."""
        if self.in_force is None or self.coming is None:
            return self
        return replace(self, revisions=[r for r in self.revisions if r.stage not in Revision.Stage.coming])

    def revision(self, number: int) -> Revision | None:
        return next((r for r in self.revisions if r.number == number), None)

    def parts_of(self, revision: Revision) -> list[Part]:
        return [p for p in self.parts if p.revision_id == revision.pk]

    def documents_of(self, revision: Revision, group: str = "") -> list[EvidenceDocument]:
        return [d for d in self.documents if d.revision_id == revision.pk and (not group or d.group == group)]

    def records_of(self, revision: Revision, kind: str = "") -> list[EvidenceRecord]:
        return [r for r in self.records if r.revision_id == revision.pk and (not kind or r.kind == kind)]

    def approved(self, revision: Revision, kind: str) -> EvidenceRecord | None:
        """The latest record of that kind, if it was approved and is of the design as it is.

        A later failure outweighs an earlier pass, and a change of the design every earlier record.
        """
        latest = self._passed(revision, kind)
        return latest if latest and latest.done_on >= self.designed(revision) else None

    def outdated(self, revision: Revision, kind: str) -> EvidenceRecord | None:
        """The latest record of that kind, if it was approved and the design was changed since."""
        latest = self._passed(revision, kind)
        return latest if latest and latest.done_on < self.designed(revision) else None

    def _passed(self, revision: Revision, kind: str) -> EvidenceRecord | None:
        of_kind = self.records_of(revision, kind)
        return of_kind[-1] if of_kind and of_kind[-1].is_approved else None

    def designed(self, revision: Revision) -> date:
        """The day of the design as it is; the history of older days knows only when the revision was opened."""
        return revision.designed_on or revision.opened_on

    def unmet_of(self, revision: Revision) -> list[UnmetRequirement]:
        """What is not fully met, in the order of the annex."""
        found = [u for u in self.unmet if u.revision_id == revision.pk]
        return sorted(found, key=lambda u: annex_one(revision.regulation).place(u.number)) if found else []

    def conformities_of(self, revision: Revision) -> list[Conformity]:
        return [c for c in self.conformities if c.revision_id == revision.pk]

    def numbers_answered(self, revision: Revision) -> set[str]:
        """The numbers of Annex I that have an answer of their own, whichever it is."""
        return {c.number for c in self.conformities_of(revision)} | {u.number for u in self.unmet_of(revision)}

    def declaration(self, revision: Revision) -> Declaration | None:
        """The declaration that stands for a revision on the day."""
        return next(
            (d for d in reversed(self.declarations) if d.revision_id == revision.pk and d.stands_on(self.on)), None
        )

    def readiness(self, revision: Revision) -> Readiness | None:
        return next((r for r in self.readinesses if r.revision_id == revision.pk), None)

    # Where it is
    @cached_property
    def items(self) -> list[Item]:
        return self.stock().get(self.product.pk, ([], []))[0]

    @cached_property
    def placements(self) -> list[Placement]:
        return self.stock().get(self.product.pk, ([], []))[1]

    @property
    def living(self) -> list[Item]:
        """Items without a fate on the day."""
        return [i for i in self.items if i.lives_on(self.on)]

    @property
    def placed(self) -> list[Placement]:
        """Placements that hold on the day."""
        return [p for p in self.placements if p.held_on(self.on)]

    @property
    def units(self) -> list[UnitUse]:
        return [u for u in self.unit_uses if u.held_on(self.on)]

    # The use
    @property
    def open_suspension(self) -> Suspension | None:
        return next((s for s in reversed(self.suspensions) if s.closed_on is None or s.closed_on > self.on), None)

    @property
    def withdrawal(self) -> Withdrawal | None:
        return self.withdrawals[-1] if self.withdrawals else None

    @property
    def holding(self) -> list[Hold]:
        """Legal holds that stand on the day."""
        return [h for h in self.holds if h.stands_on(self.on)]

    @property
    def keeping(self) -> Keeping | None:
        """The time of keeping that was chosen last."""
        return self.keepings[-1] if self.keepings else None

    @property
    def disposal(self) -> Disposal | None:
        """The disposal that is proposed or done."""
        return next((x for x in reversed(self.disposals) if x.end != Disposal.End.CANCELLED), None)

    def reached(self, stage: str) -> date | None:
        """The first day the product was in that stage."""
        return next((s.on for s in self.steps if s.revision_id is None and s.to_stage == stage), None)

    def since(self) -> date | None:
        """The day the present stage began."""
        return next((s.on for s in reversed(self.steps) if s.revision_id is None), None)


BELOW: tuple[tuple[str, str, str, type[models.Model]], ...] = (
    ("products", "product", "steps", Step),
    ("products", "product", "assessments", Assessment),
    ("products", "product", "searches", MarketSearch),
    ("products", "product", "appointments", Appointment),
    ("products", "product", "revisions", Revision),
    ("products", "product", "unit_uses", UnitUse),
    ("products", "product", "suspensions", Suspension),
    ("products", "product", "follow_ups", FollowUp),
    ("products", "product", "changes", Change),
    ("products", "product", "withdrawals", Withdrawal),
    ("products", "product", "holds", Hold),
    ("products", "product", "keepings", Keeping),
    ("products", "product", "disposals", Disposal),
    ("searches", "search", "candidates", Candidate),
    ("searches", "search", "lookups", Lookup),
    ("searches", "search", "grounds", Ground),
    ("searches", "search", "market_files", MarketFile),
    ("assessments", "assessment", "category_facts", CategoryFacts),
    ("assessments", "assessment", "other_routes", OtherRoute),
    ("revisions", "revision", "parts", Part),
    ("revisions", "revision", "documents", EvidenceDocument),
    ("revisions", "revision", "records", EvidenceRecord),
    ("revisions", "revision", "conformities", Conformity),
    ("revisions", "revision", "unmet", UnmetRequirement),
    ("revisions", "revision", "declarations", Declaration),
    ("revisions", "revision", "readinesses", Readiness),
    ("revisions", "revision", "classifications", Classification),
    ("follow_ups", "follow_up", "actions", FollowUpAction),
    *(("software", "revision", into, model) for into, model in SOFTWARE),
    ("assessments", "assessment", "answers", Answer),
    ("changes", "change", "answers", Answer),
    ("classifications", "classification", "answers", Answer),
)
"""What lies in the folder: rows of what, by which link, into which list. A parent is read before what hangs on it."""


def dossier(product: Product, *, on: date | None = None, known: datetime | None = None) -> Dossier | None:
    """The dossier of one product; None when it did not exist then, or was not known."""
    return next(iter(gather([product], on=on, known=known)), None)


def current(product: Product) -> Dossier:
    """The dossier of a product as it is now."""
    found = dossier(product)
    assert found is not None
    return found


def gather(products: Sequence[Product], *, on: date | None = None, known: datetime | None = None) -> list[Dossier]:
    """The dossiers of several products, with one query per kind of row."""
    institution = _institution(on, known)
    day = on or (clock.today() if known is None else timezone.localdate(known))
    ids = [product.pk for product in products]
    gone = {product.pk for product in products if product.stage == Product.Stage.DISPOSED}
    if known is not None:
        products = sorted(_read(Product, known, pk=ids), key=lambda product: ids.index(product.pk))
    folders = {
        product.pk: Dossier(copy.copy(product), institution, day, known)
        for product in products
        if product.proposed_on <= day
    }
    ids = list(folders)

    def lay(into: str, rows: Iterable[Any], home: dict[int, int], column: str) -> list[Any]:
        """Put each row in its product's folder; rows of a later day stay out."""
        kept = []
        for row in rows:
            if hasattr(row, "held_on") and on is not None and not row.held_on(day):
                continue
            getattr(folders[home[getattr(row, column)]], into).append(row)
            kept.append(row)
        return kept

    everything: list[Any] = [folder.product for folder in folders.values()]
    homes: dict[str, dict[int, int]] = {"products": {pk: pk for pk in ids}}
    for parent, link, into, model in BELOW:
        home = homes[parent]
        if gone and isinstance(
            disposable.TABLE[model], disposable.Goes
        ):  # of its rows only that there were any is left
            home = {pk: product for pk, product in home.items() if product not in gone}
        kept = lay(into, _read(model, known, **{link: list(home)}), home, f"{link}_id")
        everything += kept
        homes[into] = {row.pk: home[getattr(row, f"{link}_id")] for row in kept}
        if into == "revisions":
            homes["software"] = {row.pk: row.product_id for row in kept if row.is_software}

    _attach(everything)
    stock = _stock(ids, known, on)
    for folder in folders.values():
        folder.stock = stock
        for revision in folder.revisions:
            revision.product = folder.product
        if on is not None:
            _set_back(folder)
    return [folders[pk] for pk in ids]


def _institution(on: date | None, known: datetime | None) -> Institution:
    """The institution as the register knew it; on a day, with the rules it had chosen by the end of that day.

    Before it was entered: as it was entered.
    """
    if on is None and known is None:
        return Institution.objects.get()
    entries = list(history.of(Institution).order_by("history_id"))
    then: Institution = _entry(entries, known).instance if known is not None else Institution.objects.get()
    if on is not None:
        end = timezone.make_aware(datetime.combine(on, time.max))
        rules = _entry(entries, min(end, known) if known is not None else end)
        then.house_rules, then.diary_gate = rules.house_rules, rules.diary_gate
    return then


def _entry(entries: list[Any], moment: datetime) -> Any:
    """The last row of a history by that moment, or the first."""
    return next((entry for entry in reversed(entries) if entry.history_date <= moment), entries[0])


def _stock(products: list[int], known: datetime | None, on: date | None) -> Callable[[], Stock]:
    """Reads the items and placements of all these products, when first called."""

    @cache
    def read() -> Stock:
        found: Stock = {pk: ([], []) for pk in products}
        home = {}
        for item in _read(Item, known, product=products):
            home[item.pk] = item.product_id
            if on is None or item.held_on(on):
                found[item.product_id][0].append(item)
        placements = (
            _read(Placement, known, item__product=products)
            if known is None
            else _read(Placement, known, item=list(home))
        )
        for placement in placements:
            if placement.item_id in home and (on is None or placement.held_on(on)):  # not of one made this moment
                found[home[placement.item_id]][1].append(placement)
        _attach(placements, Unit)
        return found

    return read


def _read(model: type[Row], known: datetime | None, **key: Sequence[int]) -> list[Row]:
    """Rows whose key is among the values; from the history where a moment is given, ordered by its id and not its clock."""
    [(name, values)] = key.items()
    if not values:
        return []
    if known is None:
        rows = model._default_manager.filter(**{f"{name}__in": values})
        if model in LONG:
            rows = rows.defer(*LONG[model])
        return list(rows)
    latest: dict[int, Any] = {}
    column = "id" if name == "pk" else f"{name}_id"
    for entry in model.history.filter(**{f"{column}__in": values}, history_date__lte=known).order_by("history_id"):  # type: ignore[attr-defined]
        latest[entry.id] = entry
    instances = [entry.instance for entry in latest.values() if entry.history_type != "-"]
    fate = disposable.TABLE.get(model)
    if isinstance(fate, disposable.Emptied):
        for instance in instances:
            vars(instance).update({name: "" for name in fate.fields if getattr(instance, name) is None})
    columns = _order(model)
    return sorted(instances, key=lambda row: [getattr(row, column) for column in columns])


def _order(model: type[models.Model]) -> list[str]:
    """The columns that rows of the model come in order of, live or from the history."""
    names = [str(name).removeprefix("-") for name in model._meta.ordering or ["pk"]]
    keys = {field.name: field.attname for field in model._meta.concrete_fields}
    return [keys.get(name, name) for name in names]


def _attach(rows: Sequence[Any], *kinds: type[models.Model]) -> None:
    """Give every row its people, units and documents, or only those kinds: one query per kind, however many rows."""
    columns: dict[type[models.Model], list[Any]] = {}
    wanted: dict[type[models.Model], list[tuple[Any, str, int]]] = defaultdict(list)
    for row in rows:
        if type(row) not in columns:
            columns[type(row)] = [c for c in row._meta.concrete_fields if c.related_model in (kinds or ATTACHED)]
        for column in columns[type(row)]:
            value = getattr(row, column.attname)
            if value is not None and not column.is_cached(row):
                wanted[column.related_model].append((row, column.name, value))
    for model, uses in wanted.items():
        objects: models.QuerySet[Any] = model._default_manager.all()
        if model is Unit:
            objects = objects.select_related("administration")
        if model is Document:
            objects = objects.select_related("file", "uploaded_by")
        if model is User:
            objects = objects.select_related("unit")
        found = objects.in_bulk({value for *_rest, value in uses})
        for row, name, value in uses:
            setattr(row, name, found[value])


def _set_back(folder: Dossier) -> None:
    """Put product and revisions into the stage they had on the folder's day."""
    folder.product.stage = next(
        (s.to_stage for s in reversed(folder.steps) if s.revision_id is None), Product.Stage.PROPOSED
    )
    for revision in folder.revisions:
        revision.stage = next(
            (s.to_stage for s in reversed(folder.steps) if s.revision_id == revision.pk), Revision.Stage.OPEN
        )
    owner = folder.ownership
    folder.product.owner = owner.person if owner else None


__all__ = ["Dossier", "current", "dossier", "gather"]
