"""What the register holds on one product as tables: plain values for machines, words for people.

Whatever list the dossier has becomes a table of that name, so what is added to the dossier is in the copy too.
Who a patient is is in none of them: a use with a patient names an id that means nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import date, datetime
from functools import cache
from typing import Any, TypeAlias, get_args, get_origin, get_type_hints

from django.db import models
from django.utils import timezone
from django.utils.formats import date_format, localize
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from documents.models import Document
from inhouse import law, papers
from inhouse.dossier import Dossier
from inhouse.law.rules import SCOPES, edition
from inhouse.law.software import software
from inhouse.models import (
    AiPoint,
    AiStep,
    Answer,
    Assessment,
    CategoryFacts,
    Change,
    Declaration,
    FollowUp,
    Frozen,
    Leaf,
    MarketSearch,
    Signature,
    SoftwareTest,
    Step,
    Suspension,
    Translation,
)
from organisation.models import QualitySystem, Unit, User
from products.models import Item, PatientUse, Placement, Product, Revision

Column: TypeAlias = "models.Field[Any, Any]"
WHOLE = (Declaration, Item)
"""What a dossier reads only in part, and a copy wholly."""

NAMED = (User, Unit, QualitySystem, Document, Product, Revision)
"""What is named beside its key, as those who read the file later cannot ask who number 7 was."""
OF_A_DAY = (MarketSearch, FollowUp, Change, Suspension)
DAYS = ("searched_on", "started_on", "done_on", "asked_on", "since")
BYTES = ("sha256", "size", "media_type")
"""What is said of the file of a document."""


@dataclass(frozen=True)
class Table:
    """The rows of one kind. `name` is what its CSV and its part of the JSON are called, and never changes."""

    name: str
    model: type[models.Model]
    rows: list[Any]

    @property
    def title(self) -> str:
        return str(capfirst(self.model._meta.verbose_name_plural))

    @property
    def columns(self) -> list[Column]:
        return columns(self.model)


def columns(model: type[models.Model]) -> list[Column]:
    """What is copied of a row: all but bytes, which lie beside as files."""
    return [each for each in model._meta.concrete_fields if not isinstance(each, models.BinaryField)]


def of(d: Dossier) -> dict[str, Table]:
    """Every table of a product, by name, each row tied to what it belongs to."""
    found = {"product": Table("product", Product, [d.product])}
    for each in fields(d):
        rows = getattr(d, each.name)
        if isinstance(rows, list):
            name = {"documents": "evidence_documents", "records": "evidence_records"}.get(each.name, each.name)
            found[name] = Table(name, _model(each.name, rows), _wholly(rows))
    ids = [row.pk for row in d.declarations]
    revisions = [row.pk for row in d.revisions]
    frozen = list(Frozen.objects.filter(revision__in=revisions).defer("content"))
    for name, rows in {
        "items": _wholly(d.items),
        "placements": d.placements,
        "patient_uses": list(PatientUse.objects.filter(item__product=d.product)),
        "frozen": frozen,
        "signatures": list(Signature.objects.filter(frozen__in=[row.pk for row in frozen])),
        "translations": list(Translation.objects.filter(declaration__in=ids)),
        "register_entries": list(Leaf.objects.filter(declaration__in=ids)),
        "documents": documents(d),
    }.items():
        found[name] = Table(name, EXTRA[name], list(rows))
    _tie(d, found.values())
    return found


EXTRA: dict[str, type[models.Model]] = {
    "items": Item,
    "placements": Placement,
    "patient_uses": PatientUse,
    "frozen": Frozen,
    "signatures": Signature,
    "translations": Translation,
    "register_entries": Leaf,
    "documents": Document,
}


def documents(d: Dossier) -> list[Document]:
    """Every document that is or was among those of the product, the reports, and all versions of each."""
    keys = set(papers.of(d.product).values_list("pk", flat=True))
    keys |= {row.document_id for row in d.records if row.document_id}
    new = keys
    while new:
        around = Document.objects.filter(models.Q(pk__in=new) | models.Q(replaces__in=new))
        before = Document.objects.filter(successor__in=new)
        found = {*around.values_list("pk", flat=True), *before.values_list("pk", flat=True)}
        new, keys = found - keys, keys | found
    return list(Document.objects.filter(pk__in=keys).select_related("file", "uploaded_by").order_by("title", "pk"))


def _model(name: str, rows: list[Any]) -> type[models.Model]:
    """The model of a list of the dossier: by its rows, or where there are none by what it is declared to hold."""
    return type(rows[0]) if rows else _declared()[name]


@cache
def _declared() -> dict[str, type[models.Model]]:
    hints = get_type_hints(Dossier)
    return {name: get_args(hint)[0] for name, hint in hints.items() if get_origin(hint) is list}


def _wholly(rows: list[Any]) -> list[Any]:
    """The same rows with every column."""
    if not rows or type(rows[0]) not in WHOLE:
        return rows
    whole = type(rows[0])._default_manager.in_bulk([row.pk for row in rows])
    return [whole[row.pk] for row in rows]


def _tie(d: Dossier, tables: Iterable[Table]) -> None:
    """Give every row what it belongs to, so that naming it asks the database nothing: a query for each kind outside."""
    held = {(table.model, row.pk): row for table in tables for row in table.rows}
    held[Product, d.product.pk] = d.product
    wanted: dict[type[models.Model], set[Any]] = {}
    links = []
    for table in tables:
        for column in table.columns:
            kind = column.related_model
            if kind is None:
                continue
            for row in table.rows:
                key = getattr(row, column.attname)
                if key is None:
                    continue
                links.append((row, column.name, (kind, key)))
                if (kind, key) not in held:
                    wanted.setdefault(kind, set()).add(key)
    for model, keys in wanted.items():
        heavy = [e.name for e in model._meta.concrete_fields if isinstance(e, models.BinaryField | models.JSONField)]
        rows = model._default_manager.defer(*heavy)
        if model is Unit:
            rows = rows.select_related("administration")
        held |= {(model, key): row for key, row in rows.in_bulk(keys).items()}
    for row, name, place in links:
        if place in held:
            setattr(row, name, held[place])


# --- for machines


def plain(table: Table, row: Any) -> dict[str, Any]:
    """A row under the names of its columns; what it points to by its key, and by what that is called."""
    said: dict[str, Any] = {}
    for column in table.columns:
        value = getattr(row, column.attname)
        said[column.attname] = _plain(value)
        if column.is_relation and column.related_model in NAMED:
            said[column.name] = "" if value is None else str(getattr(row, column.name))
    if isinstance(row, Document):
        said |= {name: getattr(row.file, name) for name in BYTES}
    return said


def heads(table: Table) -> list[str]:
    """The names of a table's columns, also where it has no row."""
    found = []
    for column in table.columns:
        found.append(column.attname)
        if column.is_relation and column.related_model in NAMED:
            found.append(column.name)
    return [*found, *BYTES] if table.model is Document else found


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(timezone.get_default_timezone()).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if value is None or isinstance(value, bool | int | float | str | dict | list):
        return value
    return str(value)


# --- for people


def label(column: Column) -> str:
    return str(capfirst(str(column.verbose_name)))


def words(row: Any, column: Column) -> str:
    """A value as people say it; empty where there is none."""
    value = getattr(row, column.attname)
    if value is None or value == "":
        return ""
    if column.is_relation:
        return _called(getattr(row, column.name))
    if isinstance(row, Step) and column.name in ("from_stage", "to_stage"):
        stages: dict[Any, Any] = dict([*Revision.Stage.choices, *Product.Stage.choices])
        return str(stages.get(value, value))
    if coded := _coded(row, column.name, value):
        return coded
    if column.flatchoices:
        return str(dict(column.flatchoices).get(value, value))
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, datetime):
        return date_format(timezone.localtime(value), "DATETIME_FORMAT")
    if isinstance(value, date):
        return date_format(value)
    return str(localize(value)) if isinstance(value, int) else str(value)


def named(row: Any) -> str:
    """A row by its own name, with the day where several are called the same."""
    day = next((getattr(row, name) for name in DAYS if getattr(row, name, None)), None)
    return f"{row}, {date_format(day)}" if isinstance(row, OF_A_DAY) and day else str(row)


def _called(row: Any) -> str:
    """What a row belongs to, within one product."""
    if isinstance(row, Assessment | Revision):
        return str(row.number)
    return row.identifier if isinstance(row, Item) else named(row)


def _coded(row: Any, name: str, value: Any) -> str:
    """What is stored by an id of the law's own."""
    match row, name:
        case SoftwareTest(), "kind":
            entries = software().tests
        case AiPoint(), "point":
            entries = software().checklist
        case AiStep(), "step":
            entries = software().steps
        case CategoryFacts(), "category":
            question = law.trees()["scope_categories"].get(value)
            return question.text if question else ""
        case _:
            return ""
    return next((entry.title for entry in entries if entry.id == value), "")


@dataclass(frozen=True)
class Said:
    """An answer in words, as it was asked then."""

    question: str
    answer: str
    source: str
    row: Answer


def said(answers: Iterable[Answer]) -> Iterator[Said]:
    for answer in answers:
        text, value, source = _asked(answer)
        yield Said(text or f"{answer.tree} {answer.question}", value or answer.get_value_display(), source, answer)


def _asked(answer: Answer) -> tuple[str, str, str]:
    if answer.tree in law.versions():
        tree = law.tree(answer.tree, answer.tree_version)
        question = tree.get(answer.question)
        choice = question.choice(answer.value) if question else None
        source = _("%(source)s · questions, version %(version)s") % {"source": tree.source, "version": tree.version}
        return question.text if question else "", choice.text if choice else "", source
    for regulation in SCOPES:
        rules = edition(regulation, answer.tree_version)
        if rules.tree != answer.tree:
            continue
        source = _("%(source)s · rules, edition %(edition)s") % {"source": rules.source, "edition": rules.number}
        for rule in rules.rules:
            name = _("Rule %(rule)s: %(title)s") % {"rule": rule.id, "title": rule.title}
            if answer.question == rule.key:
                return name, "", source
            for branch in rule.asked:
                if branch.id == answer.question:
                    return f"{name}. {branch.text}", "", source
    return "", "", ""
