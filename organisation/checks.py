"""What must be right before anyone signs in."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
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


@register(Tags.security)
def public_address(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """In production it leads others here: it stands in every declaration, in its code to scan, and in every mail."""
    if settings.PRODUCTION and _leads_nowhere(urlsplit(settings.PUBLIC_URL).hostname or ""):
        told = (
            f"PUBLIC_URL is {settings.PUBLIC_URL}: only this machine can open it, and declarations are signed with it."
        )
        return [checks.Warning(told, id="organisation.W001")]
    return []


def _leads_nowhere(host: str) -> bool:
    """Whether a host is the machine itself, or none."""
    try:
        address = ip_address(host)
    except ValueError:
        return not host or host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified
