"""What printed documents need beyond Django's own tags."""

from __future__ import annotations

from datetime import date

import segno
from django import template
from django.utils.formats import date_format
from django.utils.translation import get_language

register = template.Library()


@register.filter
def long_day(day: date | str) -> str:
    """A day written out, as law-bearing text wants it. Snapshots hold days as text (ISO 8601)."""
    if not day:
        return ""
    held = date.fromisoformat(day) if isinstance(day, str) else day
    return date_format(held, "j. F Y" if get_language() == "nb" else "j F Y")


@register.simple_tag
def qr(address: str) -> str:
    """The address as a QR code, an SVG in a data address. Level M: still read with a seventh of it covered."""
    return segno.make(address, error="m", micro=False).svg_data_uri(border=0, omitsize=True)
