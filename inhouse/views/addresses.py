"""What addresses are made of, beyond what Django knows."""

from __future__ import annotations

from django.urls import register_converter
from django.urls.converters import StringConverter


class DeclarationNumber(StringConverter):
    """As the register writes it, `IH-2026-0042-D1`: anything else is no address of ours and asks no database."""

    regex = "[A-Z0-9-]+"


register_converter(DeclarationNumber, "declaration")
