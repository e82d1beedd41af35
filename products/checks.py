"""What must be right before the register starts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Critical, Tags, register
from django.core.exceptions import ImproperlyConfigured

from products import keys


@register(Tags.security)
def patient_keys(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Every key that patients' numbers are encrypted or found with can be used."""
    try:
        keys.verify()
    except ImproperlyConfigured as trouble:
        return [Critical(str(trouble), id="products.C001")]
    return []
