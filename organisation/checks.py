"""What must be right before anyone signs in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Critical, Tags, register
from django.core.exceptions import ImproperlyConfigured

from organisation import factors, sign_on


@register(Tags.security)
def second_factors(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """The keys that secrets of second factors are encrypted with can be used."""
    try:
        factors.cipher()
    except ImproperlyConfigured as trouble:
        return [Critical(str(trouble), id="organisation.C001")]
    return []


@register(Tags.security)
def single_sign_on(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """In production it is encrypted on the way."""
    if settings.PRODUCTION and sign_on.configured() and not settings.OIDC_ISSUER.startswith("https://"):
        return [Critical("OIDC_ISSUER must begin with https:// in production.", id="organisation.C002")]
    return []
