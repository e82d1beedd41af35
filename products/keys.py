"""The keys that patients' numbers are encrypted and found with. They live in the environment, never in the database."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from functools import lru_cache
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from products.identity import Identifier

_NONCE = 12  # bytes, fresh for every encryption; the same key may do so 2³² times


class Unreadable(Exception):
    """An encrypted number cannot be read: its key is missing, or it was altered or moved to another patient."""


@sensitive_variables()
def encrypt(identifier: Identifier, patient_id: UUID) -> tuple[int, bytes]:
    """The newest key's id and the encrypted number, bound to this patient and kind."""
    key_id, key = next(iter(_keys(settings.PATIENT_KEYS).items()))
    nonce = os.urandom(_NONCE)
    sealed = AESGCM(key).encrypt(nonce, identifier.value.encode(), _bound_to(patient_id, identifier.kind))
    return key_id, bytes([key_id]) + nonce + sealed


@sensitive_variables()
def decrypt(ciphertext: bytes | memoryview, patient_id: UUID, kind: str) -> str:
    """The number, with whichever key it was encrypted. Raises Unreadable."""
    data = bytes(ciphertext)
    key = _keys(settings.PATIENT_KEYS).get(data[0]) if data else None
    if key is None:
        raise Unreadable(_("The key that this number was encrypted with is not among the keys of this installation."))
    try:
        plain = AESGCM(key).decrypt(data[1 : 1 + _NONCE], data[1 + _NONCE :], _bound_to(patient_id, kind))
    except (InvalidTag, ValueError):
        raise Unreadable(
            _("The encrypted number cannot be read: it was altered, or its key has another content.")
        ) from None
    return plain.decode()


@sensitive_variables()
def index(identifier: Identifier) -> str:
    """The keyed hash that finds a number again. Kind and issuer count too: 17 in Skåne is not 17 in Oslo."""
    said = "\0".join((identifier.kind.value, identifier.issuer.casefold(), identifier.value))
    return hmac.new(_index_key(settings.PATIENT_INDEX_KEY), said.encode(), hashlib.sha256).hexdigest()


def newest() -> int:
    """The id of the key that encrypts."""
    return next(iter(_keys(settings.PATIENT_KEYS)))


def verify() -> None:
    """Raise ImproperlyConfigured, without repeating any key, unless all keys can be used."""
    keys = _keys(settings.PATIENT_KEYS)
    if _index_key(settings.PATIENT_INDEX_KEY) in keys.values():
        raise ImproperlyConfigured("PATIENT_INDEX_KEY must differ from every key in PATIENT_KEYS.")


def _bound_to(patient_id: UUID, kind: str) -> bytes:
    return patient_id.bytes + str(kind).encode()


@lru_cache(maxsize=4)
@sensitive_variables()
def _keys(setting: str) -> dict[int, bytes]:
    keys: dict[int, bytes] = {}
    for entry in setting.split(","):
        name, _colon, encoded = entry.strip().partition(":")
        if not (name.isascii() and name.isdigit() and int(name) < 256):
            raise ImproperlyConfigured("PATIENT_KEYS: each key is “id:base64”, with an id between 0 and 255.")
        if int(name) in keys:
            raise ImproperlyConfigured("PATIENT_KEYS: an id stands there twice.")
        keys[int(name)] = _thirty_two_bytes("PATIENT_KEYS", encoded)
    return keys


@lru_cache(maxsize=4)
@sensitive_variables()
def _index_key(setting: str) -> bytes:
    return _thirty_two_bytes("PATIENT_INDEX_KEY", setting)


@sensitive_variables()
def _thirty_two_bytes(name: str, encoded: str) -> bytes:
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != 32:
        raise ImproperlyConfigured(f"{name}: a key is 32 bytes, written in base64.")
    return key
