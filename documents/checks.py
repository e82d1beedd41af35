"""What must be right before the register starts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Critical, Tags, register
from django.core.exceptions import ImproperlyConfigured

from documents import seals


@register(Tags.security)
def seals_key(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """The key that the history is sealed with can be used."""
    try:
        seals.verify_key()
    except ImproperlyConfigured as trouble:
        return [Critical(str(trouble), id="documents.C001")]
    return []
