"""Signed notes and checkpoints in the form that transparency logs share (c2sp.org/signed-note, c2sp.org/tlog-checkpoint).

A note is a text and, after a blank line, who signed it. A checkpoint is a note that says how large a log is and what its
root is. Anyone who kept one can later show that the log was rewritten.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.core.exceptions import ImproperlyConfigured
from django.views.decorators.debug import sensitive_variables

ED25519 = b"\x01"
NAME = re.compile(r"[^\s+\x00-\x1f\x7f]{1,200}")
_SIGNED_BY = re.compile(r"— (\S+) ([A-Za-z0-9+/]+={0,2})\n")


class Unsigned(Exception):
    """A note is not signed by the key that it should be signed by, or is no note at all."""


@dataclass(frozen=True)
class Key:
    """Who signs: a name without spaces and plus signs, and a public key."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        return hashlib.sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:4]

    def __str__(self) -> str:
        """As it is handed out: name, id and key."""
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(ED25519 + self.public).decode()}"

    @classmethod
    def read(cls, text: str) -> Key:
        """Raises ValueError for anything that `str` would not have written."""
        name, _plus, rest = text.partition("+")
        key = cls(name, base64.b64decode(rest.partition("+")[2], validate=True)[1:])
        if str(key) != text or len(key.public) != 32:
            raise ValueError("This is no key of a signed note.")
        return key


@dataclass(frozen=True)
class Checkpoint:
    """How far a log had come."""

    origin: str
    size: int
    root: bytes

    def __str__(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


class Signer:
    """A private key with its name. Raises ImproperlyConfigured, without repeating the key, when they cannot be used."""

    @sensitive_variables()
    def __init__(self, name: str, seed: str) -> None:
        if not NAME.fullmatch(name):
            raise ImproperlyConfigured("REGISTER_ORIGIN: a name without spaces and plus signs.")
        try:
            secret = base64.b64decode(seed, validate=True)
        except (binascii.Error, ValueError):
            secret = b""
        if len(secret) != 32:
            raise ImproperlyConfigured("REGISTER_KEY: an Ed25519 key is 32 bytes, written in base64.")
        self._private = Ed25519PrivateKey.from_private_bytes(secret)
        self.key = Key(name, self._private.public_key().public_bytes_raw())

    def sign(self, text: str) -> str:
        """The text, which ends with a new line, as a note."""
        signature = base64.b64encode(self.key.id + self._private.sign(text.encode())).decode()
        return f"{text}\n— {self.key.name} {signature}\n"


def opened(note: str, key: Key) -> str:
    """The text of a note that this key signed. Raises Unsigned."""
    text, blank, lines = note.rpartition("\n\n")
    signatures = _SIGNED_BY.findall(lines)
    if not blank or "".join(f"— {name} {signature}\n" for name, signature in signatures) != lines:
        raise Unsigned("This is no signed note.")
    for name, signature in signatures:
        signed = _decoded(signature)
        if (name, signed[:4]) == (key.name, key.id):
            try:
                Ed25519PublicKey.from_public_bytes(key.public).verify(signed[4:], f"{text}\n".encode())
            except InvalidSignature:
                break
            return f"{text}\n"
    raise Unsigned(f"This note is not signed by {key.name}.")


def _decoded(text: str) -> bytes:
    """Base64, written the one way that encodes it."""
    try:
        found = base64.b64decode(text, validate=True)
    except binascii.Error:
        found = b""
    if base64.b64encode(found).decode() != text:
        raise Unsigned("A signature of this note is damaged.")
    return found


def checkpoint(note: str, key: Key) -> Checkpoint:
    """What a checkpoint of this key says. Raises Unsigned. Further lines of it are left alone."""
    text = opened(note, key)
    origin, size, root, *_further = [*text.split("\n"), "", ""]
    try:
        found = Checkpoint(origin, int(size), base64.b64decode(root, validate=True))
    except ValueError as trouble:
        raise Unsigned("This note is no checkpoint.") from trouble
    if not origin or found.size < 0 or len(found.root) != 32 or not text.startswith(str(found)):
        raise Unsigned("This note is no checkpoint.")
    return found
