"""For the pages of passkeys."""

from __future__ import annotations

import json
from typing import Any

from django import template

register = template.Library()


@register.filter
def as_json(value: Any) -> str:
    """A value for an attribute that a script reads."""
    return json.dumps(value)
