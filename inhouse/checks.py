"""What must be right before the register starts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Critical, Tags, register
from django.core.exceptions import ImproperlyConfigured

from inhouse.register import signer


@register(Tags.security)
def register_key(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """The public register can be signed for."""
    try:
        signer()
    except ImproperlyConfigured as trouble:
        return [Critical(str(trouble), id="inhouse.C001")]
    return []
