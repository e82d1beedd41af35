"""What addresses are made of, beyond what Django knows."""

from __future__ import annotations

from django.urls import register_converter
from django.urls.converters import StringConverter


class DeclarationNumber(StringConverter):
    """As the register writes it, `IH-2026-0042-D1`: anything else is no address of ours and asks no database."""

    regex = "[A-Z0-9-]+"


class Secret(StringConverter):
    """What stands in the address of a calendar: 32 random bytes, in the letters of an address."""

    regex = "[A-Za-z0-9_-]{43}"


register_converter(DeclarationNumber, "declaration")
register_converter(Secret, "secret")
