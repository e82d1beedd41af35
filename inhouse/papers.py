"""Documents as the papers of a product: where each belongs, who may open it, and how it is found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _

from documents import reading, searching
from documents.models import Document, FileText
from inhouse.models import EvidenceDocument, MarketFile, MarketSearch
from organisation import access
from organisation.access import Act, Scope
from organisation.models import User
from products import identity
from products.models import Product

NAMED = ("title", "version", "reference", "note")


# --- where it belongs


@dataclass
class Paper:
    """A document as one that belongs, or belonged, to a product."""

    product: Product
    document: Document

    @property
    def scope(self) -> Scope:
        return self.product.scope


def of(product: Product) -> QuerySet[Document]:
    """The documents that were at any time among those of the product's revisions or searches."""
    searches = MarketSearch.history.filter(product=product).values("id")  # type: ignore[attr-defined]
    revisions = product.revisions.values("pk")
    evidence = EvidenceDocument.history.filter(revision_id__in=revisions)  # type: ignore[attr-defined]
    market = MarketFile.history.filter(search_id__in=searches)  # type: ignore[attr-defined]
    return Document.objects.filter(Q(pk__in=evidence.values("document_id")) | Q(pk__in=market.values("document_id")))


def _among(products: QuerySet[Product]) -> Q:
    """Whether a document belongs to one of the products today."""
    evidence = EvidenceDocument.objects.filter(revision__product__in=products)
    market = MarketFile.objects.filter(search__product__in=products)
    return Q(pk__in=evidence.values("document")) | Q(pk__in=market.values("document"))


@dataclass
class Place:
    """Where a document lies today: its product, and the groups of its revisions or the searches."""

    product: Product
    groups: dict[str, list[int]] = field(default_factory=dict)
    in_search: bool = False


def places(documents: Iterable[Document]) -> dict[int, Place]:
    """By document, where it lies."""
    keys = [document.pk for document in documents]
    found: dict[int, Place] = {}
    entries = EvidenceDocument.objects.filter(document__in=keys).select_related("revision__product__unit")
    for entry in entries.order_by("revision__number"):
        place = found.setdefault(entry.document_id, Place(entry.revision.product))
        place.groups.setdefault(str(entry.get_group_display()), []).append(entry.revision.number)
    for kept in MarketFile.objects.filter(document__in=keys).select_related("search__product__unit"):
        found.setdefault(kept.document_id, Place(kept.search.product)).in_search = True
    return found


# --- who may open it


def may_read(document: Document, scope: Scope, *, by: User) -> bool:
    """Whether this person may open a product's document: the open ones anyone on staff, the confidential ones by role."""
    return not document.confidential or access.may(by, Act.READ_CONFIDENTIAL, scope)


def open_to(user: User) -> QuerySet[Document]:
    """Every paper of any product that this person may open: what `may_read` says, asked of all at once."""
    papers = Document.objects.filter(_among(Product.objects.all()))
    reach = access.reach(user, Act.READ_CONFIDENTIAL)
    if reach is None:
        return papers
    own = Product.objects.filter(Q(owner=user) | Q(unit__administration__in=reach))
    return papers.filter(Q(confidential=False) | _among(own))


# --- finding it


@dataclass
class Found:
    """A document as a search shows it."""

    document: Document
    place: Place
    snippet: searching.Snippet


def find(
    *, q: str = "", product: str = "", media_types: Sequence[str] = (), earlier: bool = False, by: User
) -> QuerySet[Document]:
    """The papers that fit and are open to whoever asks, the likest first; without a question the latest first."""
    if identity.occurs_in(q):
        raise ValidationError(
            {"q": _("This looks like a patient’s number. Patients are found on their own page only.")}
        )
    papers = open_to(by)
    if not earlier:
        papers = papers.newest()  # type: ignore[attr-defined]
    if media_types:
        papers = papers.filter(file__media_type__in=media_types)
    if product:
        papers = papers.filter(
            _among(Product.objects.filter(Q(name__icontains=product) | Q(number__icontains=product)))
        )
    papers = searching.find(papers, q) if q else papers.order_by("-uploaded_at", "-pk")
    return papers.select_related("file__text", "uploaded_by").defer("file__text__text", "file__text__vector")


def shown(documents: Sequence[Document], *, q: str = "") -> list[Found]:
    """A page of what was found, with where each lies and the lines around what was looked for."""
    at, around = places(documents), searching.snippets(documents, q) if q else {}
    return [Found(document, at[document.pk], around.get(document.pk, [])) for document in documents]


def read(file_id: int) -> bool:
    """Read a file so that it is found, but for what may say who a patient is."""
    return reading.read(file_id, withhold=identity.occurs_in)


def refuse_numbers(filename: str, **said: Any) -> None:
    """What a document is called is found by everyone who may open it, and kept for good: it names no patient."""
    identity.refuse_in(**{name: str(said.get(name) or "") for name in NAMED})
    if identity.occurs_in(filename):
        raise ValidationError(
            {"file": _("The file's name looks like a patient's number. Give it another name and upload it again.")}
        )


def texts() -> list[tuple[str, int]]:
    """How many files are read, by what came of it."""
    counted = dict(FileText.objects.values_list("state").annotate(Count("pk")).order_by())
    return [(str(state.label), counted[state]) for state in FileText.State if state in counted]
