"""The versions of a document: which followed which, and what was said anew of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from documents.models import Document

SAID = ("title", "version", "reference", "language", "valid_from", "confidential", "note", "filename")

CHAIN = """
WITH RECURSIVE chain (id, replaces_id) AS (
    SELECT id, replaces_id FROM documents_document WHERE id = %s
    UNION
    SELECT one.id, one.replaces_id FROM documents_document one
    JOIN chain ON one.replaces_id = chain.id OR one.id = chain.replaces_id
)
SELECT id FROM chain
"""


@dataclass
class Version:
    """One version, with what is said otherwise of it than of the one before: (what, before, now)."""

    document: Document
    changes: list[tuple[str, str, str]]
    same_file: bool = False


def of(document: Document) -> list[Version]:
    """Every version of the document, newest first."""
    with connection.cursor() as cursor:
        cursor.execute(CHAIN, [document.pk])
        keys = [key for (key,) in cursor.fetchall()]
    rows = Document.objects.select_related("file__last_check", "uploaded_by").in_bulk(keys)
    followers = {row.replaces_id: row for row in rows.values()}
    told: list[Version] = []
    before, row = None, followers.get(None)
    while row is not None:
        told.append(Version(row, _changes(before, row), before is not None and before.file_id == row.file_id))
        before, row = row, followers.get(row.pk)
    return told[::-1]


def _changes(before: Document | None, now: Document) -> list[tuple[str, str, str]]:
    if before is None:
        return []
    return [
        (str(Document._meta.get_field(name).verbose_name), _shown(before, name), _shown(now, name))  # type: ignore[union-attr]
        for name in SAID
        if getattr(before, name) != getattr(now, name)
    ]


def _shown(document: Document, name: str) -> str:
    value: Any = getattr(document, name)
    if name == "language":
        return document.get_language_display()
    if name == "confidential":
        return _("yes") if value else _("no")
    if name == "valid_from":
        return date_format(value) if value else ""
    return str(value)
