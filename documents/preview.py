"""What a document looks like. A browser is never handed an uploaded file to show: only pixels or text made from it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO

from django.utils.translation import gettext as _

from documents import confined, storing
from documents.confined import Failed, TooLong, TooMuch
from documents.models import StoredFile

IMAGES = ("image/png", "image/jpeg", "image/tiff")
DRAWN = ("application/pdf", *IMAGES)
LONGEST = 1754  # pixels, an A4 page at 150 to the inch
PAGES = 5000  # the last one that is ever drawn
SECONDS = 10
MOST = 20 << 20  # bytes of one page
DRAWING = [sys.executable, "-I", str(Path(__file__).parent / "drawing.py")]


class Unseen(Exception):
    """There is no picture of this page."""


def is_drawn(stored: StoredFile) -> bool:
    """Whether there are pictures of it: of PDFs and images."""
    return stored.media_type in DRAWN


def page(stored: StoredFile, number: int) -> bytes:
    """A page as PNG. Raises Unseen when it cannot be drawn, Damaged when the file is not what was stored."""
    if not is_drawn(stored) or not 1 <= number <= PAGES:
        raise Unseen(_("There is no picture of this page."))
    with storing.open_checked(stored) as file:
        try:
            drawn = b"".join(confined.output(_command(stored, number), file, seconds=SECONDS, most=MOST))
        except (Failed, TooLong, TooMuch) as trouble:
            raise Unseen(_("There is no picture of this page.")) from trouble
    if not drawn.startswith(b"\x89PNG\r\n\x1a\n"):
        raise Unseen(_("There is no picture of this page."))
    return drawn


def _command(stored: StoredFile, number: int) -> list[str]:
    if stored.media_type in IMAGES:
        return [*DRAWING, str(number), str(LONGEST)]
    return [
        "pdftoppm", "-q", "-png", "-singlefile", "-f", str(number), "-l", str(number),
        "-scale-to", str(LONGEST), confined.ITS_FILE,
    ]  # fmt: skip


def frames(file: IO[bytes]) -> int:
    """How many pictures an image holds."""
    return int(b"".join(confined.output([*DRAWING, "count"], file, seconds=SECONDS, most=100)))
