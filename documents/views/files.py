"""Handing a document out. No address of its own: whoever links to it guards it."""

from __future__ import annotations

from django.http import FileResponse

from documents import storing
from documents.models import Document


def answer(document: Document) -> FileResponse:
    """The document as a download that no browser opens, guesses at or runs; its hash is checked first."""
    response = FileResponse(
        storing.open_checked(document.file),
        as_attachment=True,
        filename=document.filename,
        content_type=document.file.media_type,
    )
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox"
    response["Cache-Control"] = "private, no-store"
    return response
