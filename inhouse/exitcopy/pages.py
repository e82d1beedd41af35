"""The pages of a copy: plain HTML that any browser opens from a folder, with no script and one style sheet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from inhouse import matrix
from inhouse.dossier import Dossier
from inhouse.exitcopy import tables
from inhouse.exitcopy.files import Filed, Sealed
from inhouse.exitcopy.tables import Said, Table
from inhouse.models import Answer
from organisation.history import Entry
from organisation.models import Institution
from products.models import Product

STYLE = "style.css"
NARROW = 6  # columns that still stand side by side; what has more is told row by row
ELSEWHERE = {"product", "documents", "patient_uses"}
"""What has a place of its own on the page."""


@dataclass(frozen=True)
class Shown:
    """A table for people: rows of (label, text), and whether they stand side by side under heads."""

    title: str
    rows: list[tuple[str, list[tuple[str, str]]]]
    heads: list[str]


@dataclass(frozen=True)
class Section:
    title: str
    key: str
    tables: list[Shown]
    said: list[tuple[str, list[Said]]]


def style() -> bytes:
    return bytes((settings.ROOT / "static" / "print" / "exit-copy.css").read_bytes())


def _sections() -> list[tuple[str, str, tuple[str, ...]]]:
    return [
        (_("Assessment"), "assessment", ("assessments", "category_facts", "other_routes")),
        (_("Market search"), "market", ("searches", "lookups", "candidates", "grounds", "market_files")),
        (_("Product owner"), "owner", ("appointments",)),
        (_("Description and risk class"), "design", ("revisions", "parts", "classifications")),
        (
            _("Software and AI"), "software",
            ("software_plans", "software_modules", "software_tests", "data_sets", "ai_points", "ai_steps"),
        ),
        (_("Evidence"), "evidence", ("evidence_documents", "evidence_records", "conformities", "unmet")),
        (
            _("Declarations"), "declaration",
            ("declarations", "frozen", "signatures", "translations", "register_entries"),
        ),
        (_("Readiness for use"), "readiness", ("readinesses", "unit_uses")),
        (_("Items and where they are"), "items", ("items", "placements")),
        (_("Follow-up and changes"), "follow-up", ("follow_ups", "actions", "changes")),
        (_("Pauses, end and steps"), "life", ("suspensions", "withdrawals", "holds", "keepings", "disposals", "steps")),
    ]  # fmt: skip


def sections(found: dict[str, Table]) -> list[Section]:
    """The tables in the order of a life; one that this page does not know comes at the end."""
    wanted = _sections()
    known = {name for _title, _key, names in wanted for name in names} | ELSEWHERE | {"answers"}
    if rest := tuple(name for name in found if name not in known):
        wanted.append((_("More"), "more", rest))
    told = []
    for title, key, names in wanted:
        own = [shown(found[name]) for name in names if name in found and found[name].rows]
        parents = {found[name].model._meta.model_name for name in names if name in found}
        answers = _answers(found["answers"].rows, parents)
        if own or answers:
            told.append(Section(title, key, own, answers))
    return told


def _answers(answers: Iterable[Answer], parents: set[str | None]) -> list[tuple[str, list[Said]]]:
    """The answers by what they belong to."""
    grouped: dict[str, list[Answer]] = {}
    for answer in answers:
        for name in ("assessment", "change", "classification"):
            if getattr(answer, f"{name}_id") and name in parents:
                grouped.setdefault(tables.named(getattr(answer, name)), []).append(answer)
    return [(title, list(tables.said(rows))) for title, rows in grouped.items()]


def shown(table: Table) -> Shown:
    """What is filled in anywhere; side by side where it is little."""
    told = [[(column, tables.words(row, column)) for column in _told(table)] for row in table.rows]
    used = [column for column in _told(table) if any(dict(row)[column] for row in told)]
    rows = [[(tables.label(column), dict(row)[column]) for column in used] for row in told]
    side = len(used) <= NARROW
    return Shown(
        table.title,
        [
            (tables.named(of), cells if side else [cell for cell in cells if cell[1]])
            for of, cells in zip(table.rows, rows, strict=True)
        ],
        [tables.label(column) for column in used] if side else [],
    )


def _told(table: Table) -> list[tables.Column]:
    hidden = {"snapshot", "data", "above", "proof", "market_device", "facts_kept"}
    return [
        column
        for column in table.columns
        if not column.primary_key and column.related_model is not Product and column.name not in hidden
    ]


def product(
    d: Dossier, found: dict[str, Table], filed: list[Filed], sealed: list[Sealed], *, at: datetime, damaged: list[Any]
) -> str:
    uses = found["patient_uses"].rows
    return render_to_string(
        "inhouse/exitcopy/product.html",
        {
            "d": d,
            "product": d.product,
            "institution": d.institution,
            "language": translation.get_language(),
            "at": at,
            "facts": shown(found["product"]).rows[0][1],
            "matrix": matrix.matrix(d),
            "sections": sections(found),
            "filed": filed,
            "sealed": sealed,
            "damaged": damaged,
            "tables": [table for table in found.values() if table.rows],
            "uses": len(uses),
            "patients": len({use.patient_id for use in uses}),
        },
    )


def history(d: Dossier, told: list[Entry], *, at: datetime) -> str:
    context = {
        "product": d.product, "institution": d.institution, "told": told, "at": at,
        "language": translation.get_language(),
    }  # fmt: skip
    return render_to_string("inhouse/exitcopy/history.html", context)


def index(institution: Institution, rows: list[dict[str, Any]], *, at: datetime) -> str:
    damaged = [(row, each) for row in rows for each in row["damaged"]]
    context = {
        "institution": institution, "rows": rows, "at": at, "damaged": damaged,
        "confidential": sum(row["confidential"] for row in rows), "language": translation.get_language(),
    }  # fmt: skip
    return render_to_string("inhouse/exitcopy/index.html", context)


def readme(institution: Institution, *, at: datetime) -> str:
    """In every language we have, the institution's own first."""
    told = []
    for code in sorted(dict(settings.LANGUAGES), key=lambda code: code != institution.language):
        with translation.override(code):
            told.append(render_to_string("inhouse/exitcopy/readme.txt", {"institution": institution, "at": at}))
    return ("\n" + "-" * 72 + "\n\n").join(told)
