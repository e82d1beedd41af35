"""A complete production environment with throw-away secrets: for `check --deploy` and for tests of the deployment."""

from __future__ import annotations

import base64
import secrets
import tempfile


def throw_away() -> dict[str, str]:
    """Every variable that production asks for. What must answer (database, Redis) is for the caller to replace."""
    return {
        "FEMFEM_ENV": "production",
        "SECRET_KEY": secrets.token_urlsafe(64),
        "PATIENT_KEYS": f"1:{base64.b64encode(secrets.token_bytes(32)).decode()}",
        "PATIENT_INDEX_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "REGISTER_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "ALLOWED_HOSTS": "femfem.example",
        "PUBLIC_URL": "https://femfem.example",
        "DATABASE_URL": "postgres://nobody:nothing@127.0.0.1:1/nowhere",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "EMAIL_URL": "smtp+tls://nobody:nothing@mail.example:587",
        "MEDIA_ROOT": tempfile.gettempdir(),
    }
