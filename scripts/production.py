"""A complete production environment with throw-away secrets: for `check --deploy` and for tests of the deployment."""

from __future__ import annotations

import atexit
import base64
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from documents import certificates


def throw_away() -> dict[str, str]:
    """Every variable that production asks for. What must answer (database, Redis) is for the caller to replace.

    The files of the seal are there until the program ends.
    """
    made, passphrase = Path(tempfile.mkdtemp(prefix="femfem-seal-")), secrets.token_urlsafe(16)
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    certificates.provide(made / "seal", passphrase=passphrase)
    return {
        "FEMFEM_ENV": "production",
        "SECRET_KEY": secrets.token_urlsafe(64),
        "PATIENT_KEYS": f"1:{base64.b64encode(secrets.token_bytes(32)).decode()}",
        "PATIENT_INDEX_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "SEAL_KEYSTORE": str(made / "seal" / certificates.KEYSTORE),
        "SEAL_PASSPHRASE": passphrase,
        "SEAL_TRUST": str(made / "seal" / certificates.TRUST),
        "SECOND_FACTOR_KEYS": base64.b64encode(secrets.token_bytes(32)).decode(),
        "SEALS_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "REGISTER_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "ALLOWED_HOSTS": "femfem.example",
        "PUBLIC_URL": "https://femfem.example",
        "DATABASE_URL": "postgres://nobody:nothing@127.0.0.1:1/nowhere",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "EMAIL_URL": "smtp+tls://nobody:nothing@mail.example:587",
        "MEDIA_ROOT": tempfile.gettempdir(),
    }
