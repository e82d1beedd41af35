"""What becomes of each kind of row when a product's records are disposed of. The one place where that is decided.

Every model that hangs together with a product is named here, or a test fails: rows go, lose some columns, or stay, each
with the reason. Whatever goes or is emptied loses its content in the history too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from django.db import models
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext_lazy as _

from documents import erasure
from documents.models import (
    Document,
    ErasedRow,
    Erasure,
    FileCheck,
    FileText,
    SignedFile,
    StoredFile,
    Timestamp,
    TimestampRequest,
)
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
    Deadline,
    Declaration,
    Disposal,
    EvidenceDocument,
    EvidenceRecord,
    ExitCopy,
    FollowUp,
    FollowUpAction,
    Frozen,
    Ground,
    Hold,
    Keeping,
    Leaf,
    Lookup,
    MarketDevice,
    MarketFile,
    MarketSearch,
    NextReminder,
    OtherRoute,
    Readiness,
    Reminder,
    Signature,
    SoftwareModule,
    SoftwarePlan,
    SoftwareTest,
    Step,
    Suspension,
    Translation,
    UnmetRequirement,
    Withdrawal,
)
from organisation.history import of
from products.models import (
    Item,
    Part,
    Patient,
    PatientIdentity,
    PatientLookUp,
    PatientUse,
    Placement,
    Product,
    Revision,
    UnitUse,
)

Model: TypeAlias = type[models.Model]


@dataclass(frozen=True)
class Goes:
    """Its rows are deleted. `links` lead to the product; `also` names what hangs on a person and goes from the history.

    What is not `counted` comes and goes by itself: it is always listed, and is no reason to read the list anew.
    """

    why: Any
    links: tuple[str, ...] = ("revision",)
    also: tuple[str, ...] = ()
    counted: bool = True


@dataclass(frozen=True)
class Emptied:
    """Its rows stay without these fields, and in the history without the reasons people gave. No field: only without those."""

    fields: tuple[str, ...]
    why: Any
    links: tuple[str, ...] = ("product",)


@dataclass(frozen=True)
class Found:
    """It goes where `reach` finds that nothing else needs it: files, their texts, who a patient is."""

    why: Any
    counted: bool = True


@dataclass(frozen=True)
class Stays:
    why: Any


Fate: TypeAlias = Goes | Emptied | Found | Stays

ASSESSMENT = _("what was assessed and why, in words")
SEARCH = _("what the market search found, in words")
EVIDENCE = _("what was examined and documented")
SOFTWARE = _("how software and AI were described")
USE = _("what was learnt in use")
LIFE = _("that there was a product, and its steps")
SIGNED = _("declarations stay, with all they say and who signed (RET-05, VGR-74)")
ANSWERS_FOR = _("who answered for the product")
KEPT = _("why it was kept, and that it was disposed of")

TABLE: dict[Model, Fate] = {
    # the product and its life
    Product: Emptied(("summary",), LIFE, links=()),
    Revision: Emptied(
        ("intended_purpose", "patient_group", "description", "class_reason", "tracing_reason"),
        _("what was declared of a revision stands in its declarations"),
    ),
    Step: Emptied(("reason",), LIFE),
    Withdrawal: Stays(_("the years are counted from it")),
    Suspension: Goes(USE, ("product",)),
    Appointment: Stays(ANSWERS_FOR),
    # the assessment
    Assessment: Goes(ASSESSMENT, ("product",)),
    Answer: Goes(ASSESSMENT, ("assessment", "change", "classification")),
    CategoryFacts: Goes(ASSESSMENT, ("assessment",)),
    OtherRoute: Goes(ASSESSMENT, ("assessment",)),
    Classification: Goes(ASSESSMENT),
    Change: Goes(ASSESSMENT, ("product",)),
    # the market
    MarketSearch: Goes(SEARCH, ("product",)),
    Candidate: Goes(SEARCH, ("search",)),
    Lookup: Goes(SEARCH, ("search",)),
    Ground: Goes(SEARCH, ("search",)),
    MarketFile: Goes(SEARCH, ("search",)),
    MarketDevice: Stays(_("known to the whole institution, judged for other products too")),
    # the evidence
    EvidenceDocument: Goes(EVIDENCE),
    EvidenceRecord: Goes(EVIDENCE),
    Conformity: Goes(EVIDENCE),
    UnmetRequirement: Goes(EVIDENCE),
    Part: Goes(EVIDENCE),
    Readiness: Goes(EVIDENCE),
    SoftwarePlan: Goes(SOFTWARE),
    SoftwareModule: Goes(SOFTWARE),
    SoftwareTest: Goes(SOFTWARE),
    DataSet: Goes(SOFTWARE),
    AiPoint: Goes(SOFTWARE),
    AiStep: Goes(SOFTWARE),
    Document: Found(_("documents of this product that no other one uses")),
    StoredFile: Found(_("files that no other document uses; their names, sizes and hashes stand in this list")),
    FileText: Found(_("the texts of those files, by which they are found"), counted=False),
    FileCheck: Found(_("whether those files were whole"), counted=False),
    # what was declared
    Declaration: Stays(SIGNED),
    Frozen: Stays(_("what was laid before those who sign, with their signatures, also where it was given up")),
    Signature: Stays(SIGNED),
    Translation: Stays(SIGNED),
    SignedFile: Stays(SIGNED),
    Timestamp: Stays(SIGNED),
    TimestampRequest: Stays(SIGNED),
    Leaf: Stays(_("the public register is only added to")),
    # items and use
    Item: Emptied(
        ("made_to", "checks", "deviations", "fate_note"), _("which items there were, and what became of them")
    ),
    Placement: Emptied((), _("where items were"), ("item",)),
    UnitUse: Emptied((), _("which units made and used it")),
    FollowUp: Goes(USE, ("product",)),
    FollowUpAction: Goes(USE, ("follow_up",)),
    Deadline: Goes(_("what fell due, and what was said of it"), ("product",), counted=False),
    NextReminder: Found(_("when the next reminder of it was due"), counted=False),
    Reminder: Found(_("who was reminded of it, in words"), counted=False),
    PatientUse: Goes(_("which patients met it"), ("item",), also=("patient",)),
    Patient: Stays(_("an id that means nothing")),
    PatientIdentity: Found(_("who patients are that met no item of another product")),
    PatientLookUp: Stays(_("who looked at patients, when and why")),
    # the keeping itself
    ExitCopy: Stays(_("that copies were made and taken; the copies themselves are deleted")),
    Hold: Stays(KEPT),
    Keeping: Stays(KEPT),
    Disposal: Stays(KEPT),
    Erasure: Stays(KEPT),
    ErasedRow: Stays(_("the hashes of what went")),
}

DOCUMENTED: tuple[Model, ...] = (EvidenceDocument, EvidenceRecord, MarketFile)
"""What documents hang on."""


# --- what that is for one product


@dataclass
class Reach:
    """The rows of one product that are concerned, by their keys; `ever` also holds those that are gone already."""

    product: Product
    going: dict[Model, list[Any]] = field(default_factory=dict)
    emptied: dict[Model, list[Any]] = field(default_factory=dict)
    ever: dict[Model, Any] = field(default_factory=dict)
    files: list[StoredFile] = field(default_factory=list)
    names: dict[int, list[str]] = field(default_factory=dict)
    kept_files: list[StoredFile] = field(default_factory=list)
    patients: list[Patient] = field(default_factory=list)
    shared_patients: int = 0

    def history(self, model: Model) -> QuerySet[Any]:
        """All that the history holds of these rows now."""
        rows: QuerySet[Any] = of(model).filter(**{f"{model._meta.pk.attname}__in": self.ever[model]})
        return rows.order_by("history_id")

    def parts(self) -> list[erasure.Part]:
        """The rows of the histories as they are now, and the columns they lose."""
        return [
            erasure.Part(model, list(self.history(model).values_list("history_id", flat=True)), lost(model))
            for model in self.ever
        ]


def lost(model: Model) -> tuple[str, ...]:
    """The columns that the history of a model loses."""
    fate = TABLE[model]
    if isinstance(fate, Emptied):
        return tuple(field.column for field in of(model).model.tracked_fields if field.name in fate.fields)
    return erasure.content(model, also=fate.also if isinstance(fate, Goes) else ())


def is_counted(model: Model) -> bool:
    return getattr(TABLE[model], "counted", True)


def reach(product: Product) -> Reach:
    """Everything of the product that goes or is emptied: also in the history of rows that are gone already."""
    found = Reach(product)
    for model, fate in TABLE.items():
        if isinstance(fate, Goes | Emptied):
            found.ever[model] = ever(model, product)
            rows = list(
                model._default_manager.filter(pk__in=found.ever[model]).order_by("pk").values_list("pk", flat=True)
            )
            (found.going if isinstance(fate, Goes) else found.emptied)[model] = rows
    _documents(found)
    _patients(found)
    next_ones = NextReminder.objects.filter(deadline__in=found.going[Deadline])
    found.going[NextReminder] = list(next_ones.order_by("pk").values_list("pk", flat=True))
    told = Reminder.objects.filter(deadline__in=found.going[Deadline])
    found.going[Reminder] = list(told.order_by("pk").values_list("pk", flat=True))
    return found


def ever(model: Model, product: Product) -> Any:
    """The keys of all rows that ever hung on the product, by the links of the table."""
    if model is Product:
        return [product.pk]
    fate = TABLE[model]
    assert isinstance(fate, Goes | Emptied)
    by_link = Q()
    for link in fate.links:
        to: Any = model._meta.get_field(link)
        by_link |= Q(**{f"{to.attname}__in": ever(to.related_model, product)})
    return of(model).filter(by_link).order_by().values(model._meta.pk.attname).distinct()


def _documents(found: Reach) -> None:
    """Documents that only this product has or had, in all their versions; and files that no other document uses."""
    own: set[int] = set()
    for model in DOCUMENTED:
        own |= set(found.history(model).filter(document_id__isnull=False).values_list("document_id", flat=True))
    own = _versions(own)
    elsewhere: set[int] = set()
    for model in DOCUMENTED:
        others = model._default_manager.filter(document__in=own).exclude(pk__in=found.going[model])
        elsewhere |= set(others.values_list("document_id", flat=True))
    going = Document.objects.filter(pk__in=own - _versions(elsewhere)).order_by("pk")
    found.going[Document] = [document.pk for document in going]
    found.ever[Document] = found.going[Document]
    for document in going:
        found.names.setdefault(document.file_id, []).append(document.filename)
    files = StoredFile.objects.filter(pk__in=found.names).order_by("sha256")
    used = set(
        Document.objects.filter(file__in=files).exclude(pk__in=found.going[Document]).values_list("file_id", flat=True)
    )
    found.files = [file for file in files if file.pk not in used]
    found.kept_files = [file for file in files if file.pk in used]
    keys = [file.pk for file in found.files]
    found.going[StoredFile] = keys
    found.going[FileText] = list(FileText.objects.filter(pk__in=keys).values_list("pk", flat=True))
    found.going[FileCheck] = list(FileCheck.objects.filter(stored__in=keys).values_list("pk", flat=True))


def _versions(documents: Collection[int]) -> set[int]:
    """These documents with every version before and after them."""
    found, new = set(documents), set(documents)
    while new:
        rows = Document.objects.filter(Q(pk__in=new) | Q(replaces__in=new)).values_list("pk", "replaces")
        new = {key for pair in rows for key in pair if key is not None} - found
        found |= new
    return found


def known_patients(product: Product) -> QuerySet[Any]:
    """Patients who met an item of the product and whose identity is known; `elsewhere` says of each if it met others."""
    others = PatientUse.objects.filter(patient=OuterRef("pk")).exclude(item__product=product)
    met = PatientUse.objects.filter(item__product=product).values("patient")
    known = Patient.objects.filter(pk__in=met, identity__isnull=False)
    return known.annotate(elsewhere=Exists(others)).order_by("created_at", "pk")


def _patients(found: Reach) -> None:
    """Whose identity serves no other product."""
    known = known_patients(found.product)
    found.patients = list(known.filter(elsewhere=False))
    found.shared_patients = known.filter(elsewhere=True).count()
    found.going[PatientIdentity] = list(
        PatientIdentity.objects.filter(patient__in=found.patients).values_list("pk", flat=True)
    )


# --- which models hang together with a product


def connected() -> Iterator[Model]:
    """Every model of ours that a chain of foreign keys leads to or from, organisation and histories left out."""
    seen: list[Model] = [Product]
    for model in seen:
        yield model
        for each in model._meta.get_fields(include_hidden=True):
            other = each.related_model
            if (
                isinstance(other, type)
                and other._meta.app_label in ("documents", "products", "inhouse")
                and not other.__name__.startswith("Historical")
                and other not in seen
            ):
                seen.append(other)
