"""The keys, apart from the data: every secret and the key to seal with, in one file under a passphrase.

Whoever has a backup without this file has neither patients' numbers nor anyone's second factor, and cannot seal or sign.
The file says in itself how it is opened: scrypt makes the key from the passphrase, AES-256-GCM encrypts, and the head is bound to
what is encrypted.
"""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from django.conf import settings
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from documents.backup.manifest import Impossible, folder_around, version

FORMAT = "femfem-keys/1"
SCRYPT = {"n": 2**17, "r": 8, "p": 1}  # 128 MB and about half a second
SHORTEST = 16  # signs of a passphrase
SECRETS = (
    "SECRET_KEY",
    "SECOND_FACTOR_KEYS",
    "PATIENT_KEYS",
    "PATIENT_INDEX_KEY",
    "SEAL_PASSPHRASE",
    "SEALS_KEY",
    "SEALS_FORMER_KEYS",
    "REGISTER_KEY",
    "REGISTER_ORIGIN",
    "PUBLIC_URL",
    "OIDC_ISSUER",
    "OIDC_CLIENT_ID",
    "OIDC_CLIENT_SECRET",
)
"""Settings whose values are kept as they hold, wherever they come from."""
BESIDE = (
    "ALLOWED_HOSTS", "BACKUP_ALARM_DAYS", "DEFAULT_FROM_EMAIL", "EMAIL_TIMEOUT", "EMAIL_URL", "FILES_VERIFIED_WITHIN",
    "OIDC_EMAIL_IS_VERIFIED", "OIDC_NAME", "TIME_ZONE", "TSA_URL", "UPLOAD_LIMIT",
)  # fmt: skip
"""Variables that are kept as they stand in the environment: a machine like this one does not start without them."""
FILES = {"SEAL_KEYSTORE": "seal.p12", "SEAL_TRUST": "trust.pem", "TSA_TRUST": "tsa-trust.pem"}
"""Settings that name a file, and what the file is called when it is unpacked."""


@sensitive_variables()
def pack(to: Path, passphrase: str) -> list[str]:
    """Write the file, for its owner alone; says what is in it. Raises Impossible."""
    _refuse_short(passphrase)
    if around := folder_around(to):
        raise Impossible(f"{around} holds backups of the data. The keys must lie apart from them.")
    values, files = _values(), _files()
    head = {
        "format": FORMAT,
        "made_at": timezone.now().isoformat(timespec="seconds"),
        "version": version(),
        "key": {"scrypt": SCRYPT, "salt": _text(os.urandom(16))},
        "encrypted": {"aes-256-gcm": {"nonce": _text(os.urandom(12)), "bound_to": "the head as compact JSON, names in order"}},
    }  # fmt: skip
    content = {"values": values, "files": {name: _text(data) for name, data in files.items()}}
    sealed = _cipher(head, passphrase).encrypt(_nonce(head), json.dumps(content).encode(), _bound(head))
    _write(to, json.dumps({**head, "content": _text(sealed)}, indent=1).encode())
    return [*values, *files]


@sensitive_variables()
def unpack(source: Path, to: Path, passphrase: str) -> list[Path]:
    """Write `.env` and `seal/` into the folder, as docker-compose.yml wants them beside it. Raises Impossible."""
    values, files = _opened(source, passphrase)
    to = to.absolute()
    targets = {to / "seal" / FILES[name]: data for name, data in files.items()}
    values |= {name: str(to / "seal" / FILES[name]) for name in files}
    if there := [path for path in (to / ".env", *targets) if path.exists()]:
        raise Impossible(f"{there[0]} is there already; nothing was written.")
    try:
        (to / "seal").mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as trouble:
        raise Impossible(f"{to / 'seal'}: {trouble.strerror}.") from trouble
    lines = "".join(f"{name}={_quoted(value)}\n" for name, value in sorted(values.items()))
    for path, data in ({to / ".env": lines.encode()} | targets).items():
        _write(path, data)
    return [to / ".env", *targets]


@sensitive_variables()
def _values() -> dict[str, str]:
    held = {name: getattr(settings, name) for name in SECRETS}
    values = {name: ",".join(value) if isinstance(value, list) else str(value) for name, value in held.items()}
    beside = {name: os.environ[name] for name in BESIDE if name in os.environ}
    return {name: value for name, value in (values | beside).items() if value}


@sensitive_variables()
def _files() -> dict[str, bytes]:
    found = {}
    for name in FILES:
        path = Path(getattr(settings, name))
        if not getattr(settings, name) or (
            settings.DEMO_SEAL and path.parent == settings.DEMO_SEAL and not path.exists()
        ):
            continue  # no authority of time is set, or the demo has not made its own key yet
        try:
            found[name] = path.read_bytes()
        except OSError as trouble:
            raise Impossible(f"{name}: {path}: {trouble.strerror}.") from trouble
    return found


# --- the file


@sensitive_variables()
def _opened(source: Path, passphrase: str) -> tuple[dict[str, str], dict[str, bytes]]:
    try:
        head: dict[str, Any] = json.loads(source.read_bytes())
        if head["format"] != FORMAT or head["key"]["scrypt"] != SCRYPT:
            raise Impossible(f"{source} is not of the form {FORMAT}.")
        sealed = base64.b64decode(head.pop("content"), validate=True)
        content = json.loads(_cipher(head, passphrase).decrypt(_nonce(head), sealed, _bound(head)))
    except OSError as trouble:
        raise Impossible(f"{source}: {trouble.strerror}.") from trouble
    except InvalidTag:
        raise Impossible(f"{source} cannot be opened: the passphrase is another one, or the file is damaged.") from None
    except (ValueError, KeyError, TypeError):
        raise Impossible(f"{source} is no file of keys, or is damaged.") from None
    return content["values"], {name: base64.b64decode(data) for name, data in content["files"].items()}


@sensitive_variables()
def _cipher(head: dict[str, Any], passphrase: str) -> AESGCM:
    salt = base64.b64decode(head["key"]["salt"])
    return AESGCM(Scrypt(salt=salt, length=32, **SCRYPT).derive(passphrase.encode()))


def _nonce(head: dict[str, Any]) -> bytes:
    return base64.b64decode(head["encrypted"]["aes-256-gcm"]["nonce"])


def _bound(head: dict[str, Any]) -> bytes:
    return json.dumps(head, sort_keys=True, separators=(",", ":")).encode()


def _refuse_short(passphrase: str) -> None:
    if len(passphrase) < SHORTEST:
        raise Impossible(f"KEYS_PASSPHRASE must hold a passphrase of at least {SHORTEST} signs.")


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


@sensitive_variables()
def _write(path: Path, data: bytes) -> None:
    """A new file for its owner alone; one that is there is not written over, and half of one is not left."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as trouble:
        raise Impossible(f"{path}: {trouble.strerror}.") from trouble
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as trouble:
        path.unlink(missing_ok=True)
        raise Impossible(f"{path}: {trouble.strerror}.") from trouble


def _quoted(value: str) -> str:
    """As a shell, systemd and docker compose read it alike."""
    if "'" not in value:
        return f"'{value}'"
    for sign in '\\"$`':
        value = value.replace(sign, f"\\{sign}")
    return f'"{value}"'
