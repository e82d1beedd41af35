"""Seals: every few minutes the new rows of the history become Merkle roots, chained, signed, and noted outside.

What is sealed: every history, and every locked table that has none. A seal's body names, for each table, the rows, the
columns they were hashed by and the root over their leaf hashes; it carries the hash of the seal before. Its signature
needs a key, and its line in the log a file system, that whoever owns the database does not have.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import logging
import os
import struct
from collections.abc import Iterable, Iterator
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, connection, transaction
from django.db.models import Sum

from documents import merkle, rows
from documents.models import HistorySeal, SealedColumns, SealedRows
from documents.pending import Ready, ready
from organisation import clock

logger = logging.getLogger(__name__)

CHUNK = 16_384  # rows under one root: 512 kB of leaf hashes
MOST = 16 * CHUNK  # rows in one seal, give or take a chunk; what is more goes into the next
PATIENCE = 20.0  # seconds that open transactions are waited for


# --- sealing


def seal(*, patience: float = PATIENCE) -> HistorySeal | None:
    """Seal what no seal holds yet; None when there is nothing. Of two at once, one makes it and the other nothing.

    Not called inside a transaction: what is sealed must be committed, and so must the seal before it is noted.
    """
    last = HistorySeal.objects.first()
    parts = list(_parts(ready(patience=patience)))
    if not parts:
        return None
    made = _signed(last, parts)
    try:
        with transaction.atomic(durable=True):
            made.save(force_insert=True)
            SealedRows.objects.bulk_create(parts, batch_size=10)
    except IntegrityError:
        if not HistorySeal.objects.filter(number=made.number).exists():
            raise
        logger.info("Seal %s was made by someone else at the same moment.", made.number)
        return None
    note(made)
    return made


def seal_all() -> int:
    """Seal until nothing is left; says how many seals that took."""
    count = 0
    while seal():
        count += 1
    return count


def _parts(found: Iterable[Ready]) -> Iterator[SealedRows]:
    """The rows in chunks with their leaf hashes, as many as go into one seal."""
    taken = 0
    for each in found:
        columns = _columns(each.table.columns)
        for numbers, leaves in _chunks(each):
            yield SealedRows(
                table_name=each.table.bare,
                columns=columns,
                first=numbers[0],
                last=numbers[-1],
                rows=len(numbers),
                numbers=packed(numbers),
                leaves=b"".join(leaves),
                root=merkle.root(leaves).hex(),
            )
            taken += len(numbers)
            if taken >= MOST:
                return


def _chunks(found: Ready) -> Iterator[tuple[list[int], list[bytes]]]:
    numbers: list[int] = []
    leaves: list[bytes] = []
    for batch in rows.read(found.table, found.table.columns, after=found.after, upto=found.upto):
        numbers += [number for number, _data in batch]
        leaves += [merkle.leaf_hash(data) for _number, data in batch]
        if len(numbers) >= CHUNK:
            yield numbers, leaves
            numbers, leaves = [], []
    if numbers:
        yield numbers, leaves


def _columns(columns: tuple[str, ...]) -> SealedColumns:
    text = canonical(list(columns))
    found, _created = SealedColumns.objects.get_or_create(
        digest=columns_digest(connection.vendor, text), defaults={"engine": connection.vendor, "columns": text}
    )
    return found


def _signed(last: HistorySeal | None, parts: list[SealedRows]) -> HistorySeal:
    number = last.number + 1 if last else 1
    entries = [entry(part) for part in parts]
    body = canonical(
        {
            "number": number,
            "made_at": clock.now().isoformat(timespec="microseconds"),
            "previous": last.hash if last else "",
            "parts": entries,
            "root": root_of(entries),
            "total": total(last) + sum(part.rows for part in parts),
            "key": public_key(),
        }
    )
    for position, part in enumerate(parts):
        part.seal_id, part.position = number, position
    signature = _key().sign(body.encode()).hex()
    return HistorySeal(number=number, body=body, hash=sha256(body.encode()), signature=signature)


def total(last: HistorySeal | None) -> int:
    """How many rows are sealed up to this seal: it says so itself, unless it was made unreadable."""
    try:
        return int(last.said["total"]) if last else 0
    except (ValueError, KeyError, TypeError):
        return SealedRows.objects.aggregate(total=Sum("rows"))["total"] or 0


# --- the forms that are hashed


def canonical(value: Any) -> str:
    """JSON in one way only: keys in order, nothing between, ASCII. It holds no floats."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def columns_digest(engine: str, columns: str) -> str:
    return sha256(canonical([engine, columns]).encode())


def entry(part: SealedRows) -> dict[str, Any]:
    """What a seal's body says of these rows. The row numbers count by the hash of their packed form."""
    return {
        "table": part.table_name,
        "columns": part.columns.digest,
        "first": part.first,
        "last": part.last,
        "rows": part.rows,
        "numbers": sha256(bytes(part.numbers)),
        "root": part.root,
    }


def root_of(entries: Iterable[dict[str, Any]]) -> str:
    """The root of a seal: over what it says of each part."""
    return merkle.root([merkle.leaf_hash(canonical(each).encode()) for each in entries]).hex()


def packed(numbers: list[int]) -> bytes:
    """Rising numbers as runs: the first and the last of each, eight bytes big-endian."""
    starts = [numbers[0], *(after for before, after in pairwise(numbers) if after != before + 1)]
    ends = [*(before for before, after in pairwise(numbers) if after != before + 1), numbers[-1]]
    return struct.pack(f">{len(starts) * 2}q", *chain.from_iterable(zip(starts, ends, strict=True)))


def unpacked(data: bytes) -> list[range]:
    """The runs again."""
    whole = len(data) // 16
    return [range(first, last + 1) for first, last in struct.iter_unpack(">qq", data[: whole * 16])]


# --- the key


def public_key() -> str:
    return _key().public_key().public_bytes_raw().hex()


def is_signed(seal: HistorySeal) -> bool:
    """Whether the signature is that of its body by a key of ours: the one in use, or a former one."""
    try:
        key = seal.said["key"]
        if key not in (public_key(), *settings.SEALS_FORMER_KEYS):
            return False
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(bytes.fromhex(seal.signature), seal.body.encode())
    except (ValueError, TypeError, KeyError, InvalidSignature):
        return False
    return True


def verify_key() -> None:
    """Raise ImproperlyConfigured unless the key can be used."""
    _key()


def _key() -> Ed25519PrivateKey:
    try:
        return Ed25519PrivateKey.from_private_bytes(base64.b64decode(settings.SEALS_KEY, validate=True))
    except (ValueError, binascii.Error):
        raise ImproperlyConfigured("SEALS_KEY must be the base64 of 32 random bytes.") from None


# --- the log outside the database: one line a seal, its number and hash, only ever added to


def note(made: HistorySeal) -> None:
    """Write the seal's line, after those of earlier seals that a crash kept from it."""
    noted = _last_noted()
    missing = HistorySeal.objects.filter(number__gt=noted, number__lt=made.number).order_by("number")
    lines = "".join(f"{each.number}\t{each.hash}\t{each.made_at}\n" for each in (*missing, made))
    path = Path(settings.SEALS_LOG)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as log:
        log.write(lines.encode())
        log.flush()
        os.fsync(log.fileno())
    logger.info("Seal %s of the history: %s", made.number, made.hash)


def noted() -> Iterator[tuple[int, str]]:
    """Number and hash of every line of the log; a line that is none of ours is passed over."""
    try:
        with Path(settings.SEALS_LOG).open(encoding="ascii", errors="replace") as log:
            for line in log:
                number, _tab, rest = line.partition("\t")
                if number.isdecimal():
                    yield int(number), rest.partition("\t")[0]
    except FileNotFoundError:
        return


def _last_noted() -> int:
    try:
        with Path(settings.SEALS_LOG).open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 1000))  # a line has some 110 characters
            end = log.read().decode("ascii", "replace")
    except FileNotFoundError:
        return 0
    numbers = [line.partition("\t")[0] for line in end.splitlines()]
    return max((int(number) for number in numbers[-1:] if number.isdecimal()), default=0)
