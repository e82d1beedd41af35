"""What must be right before the register starts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Critical, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from documents import seals

EXPIRES_SOON = 60  # days


@register(Tags.security)
def seal(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """The institution's key can seal, whom to trust can be read, and the certificate does not run out unnoticed."""
    if not settings.PRODUCTION:
        return []
    from documents import keystore  # heavy, and not needed to start the demo

    found: list[CheckMessage] = []
    try:
        held = keystore.keystore()
        chain = [held.asn1, *keystore.between(held)]
        left = (min(certificate.not_valid_after for certificate in chain) - timezone.now()).days
        if left < EXPIRES_SOON:
            about = f"The certificate to seal with, or one that vouches for it, expires in {left} days."
            found.append(checks.Warning(about, id="documents.W001"))
        if settings.TSA_URL:
            keystore.authorities(Path(settings.TSA_TRUST))
    except keystore.Unsealable as trouble:
        found.append(Critical(str(trouble), id="documents.C001"))
    return found


@register(Tags.security)
def seals_key(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """The key that the history is sealed with can be used."""
    try:
        seals.verify_key()
    except ImproperlyConfigured as trouble:
        return [Critical(str(trouble), id="documents.C002")]
    return []
