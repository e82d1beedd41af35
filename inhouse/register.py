"""The public register as a log that cannot be rewritten unseen: entries are appended, signed for, and proved.

A leaf keeps the subtrees it completes, so appending and proving each read some log₂ n rows in one query.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.views.decorators.debug import sensitive_variables

from documents import merkle, notes
from documents.merkle import Subtree
from documents.models import SignedFile
from inhouse.models import Checkpoint, Declaration, Leaf
from organisation import clock
from organisation.models import Institution

FORMAT = "femfem-proof/1"
ABOUT = (
    "This file proves that a declaration stands in the public register of a health institution, as entries of an"
    " append-only log (RFC 6962) under a signed checkpoint (C2SP tlog-checkpoint). Keep it beside the PDF and check both with:"
    " python3 verify_declaration.py %(number)s.pdf %(number)s.proof.json"
)


def append(declaration: Declaration, kind: Leaf.Kind) -> Leaf:
    """Enter what happened to a published declaration, in the transaction in which it happens, and sign how far the log came."""
    # The institution's one row is the queue: two entries at once wait for each other, so no index is skipped or forked.
    Institution.objects.select_for_update().get()
    last = Leaf.objects.last()
    index = last.index + 1 if last else 0
    data = entry(
        kind,
        number=declaration.number,
        sha256=SignedFile.objects.values_list("sha256", flat=True).get(pk=declaration.file_id),
        organisation_number=declaration.snapshot["institution"]["organisation_number"],
        on=clock.today().isoformat(),
        translations=_translations(declaration),
    )
    edge = _read(merkle.right_edge(index))
    completed = merkle.grow([edge[part] for part in merkle.right_edge(index)], index, merkle.leaf_hash(data.encode()))
    leaf = Leaf.objects.create(
        index=index, kind=kind, declaration=declaration, data=data,
        hash=completed[0].hex(), above=b"".join(completed[1:]).hex(), at=clock.now(),
    )  # fmt: skip
    for level, hash_ in enumerate(completed):
        edge[Subtree(level, index >> level)] = hash_
    _sign(index + 1, merkle.folded([edge[part] for part in merkle.right_edge(index + 1)]))
    return leaf


def _translations(declaration: Declaration) -> dict[str, str]:
    """The hash of each sealed translation, by its language."""
    return dict(declaration.translations.order_by("language").values_list("language", "file__sha256"))


def entry(
    what: str,
    *,
    number: str,
    sha256: str,
    organisation_number: str,
    on: str,
    translations: Mapping[str, str] | None = None,
) -> str:
    """What is hashed: JSON with its names in order and no spaces, in UTF-8."""
    said: dict[str, Any] = {
        "what": str(what),
        "declaration": number,
        "sha256": sha256,
        "date": on,
        "organisation_number": organisation_number,
        **({"translations": dict(translations)} if translations else {}),
    }
    return json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _sign(size: int, root: bytes) -> None:
    by = signer()
    note = by.sign(str(notes.Checkpoint(settings.REGISTER_ORIGIN, size, root)))
    Checkpoint.objects.create(size=size, root=root.hex(), note=note, key=str(by.key), at=clock.now())


def signer() -> notes.Signer:
    """What signs the log, from the settings. Raises ImproperlyConfigured."""
    return _signer(settings.REGISTER_ORIGIN, settings.REGISTER_KEY)


@lru_cache(maxsize=4)
@sensitive_variables()
def _signer(origin: str, seed: str) -> notes.Signer:
    return notes.Signer(origin, seed)


def latest() -> Checkpoint | None:
    """The newest checkpoint; None before anything was published."""
    return Checkpoint.objects.last()


def keys() -> list[tuple[str, int]]:
    """The keys that signed for the log, each with the size from which on it did, newest first."""
    since = Checkpoint.objects.order_by().values_list("key").annotate(models.Min("size"))
    return sorted(since, key=lambda each: -each[1])


def proof(declaration: Declaration) -> dict[str, Any] | None:
    """What anyone needs to check, without this register, that the declaration stands in it: the content of its .proof.json."""
    checkpoint = latest()
    leaves = list(Leaf.objects.filter(declaration=declaration))
    if checkpoint is None or not leaves:
        return None
    paths = {leaf.index: merkle.inclusion_path(leaf.index, checkpoint.size) for leaf in leaves}
    read = _read(part for path in paths.values() for parts in path for part in parts)
    return {
        "about": ABOUT % {"number": declaration.number},
        "format": FORMAT,
        "declaration": declaration.number,
        "sha256": SignedFile.objects.values_list("sha256", flat=True).get(pk=declaration.file_id),
        "translations": _translations(declaration),
        "entries": [
            {
                "index": leaf.index,
                "data": leaf.data,
                "proof": [merkle.folded([read[part] for part in parts]).hex() for parts in paths[leaf.index]],
            }
            for leaf in leaves
        ],
        "checkpoint": checkpoint.note,
        "key": checkpoint.key,
        "address": settings.PUBLIC_URL + declaration.get_absolute_url(),
        "register": settings.PUBLIC_URL + reverse("inhouse:public-log"),
    }


def faults() -> Iterator[str]:
    """Whatever of the whole log does not hold together: each entry computed anew, and every checkpoint against it."""
    signed = {checkpoint.size: checkpoint for checkpoint in Checkpoint.objects.all()}
    files = dict(Declaration.objects.values_list("number", "file__sha256"))
    edge: list[bytes] = []
    size = 0
    for leaf in Leaf.objects.order_by("index").iterator():
        if leaf.index != size:
            yield f"register: entry {size} is missing"
            return
        completed = merkle.grow(edge, leaf.index, merkle.leaf_hash(leaf.data.encode()))
        if (leaf.hash, leaf.above) != (completed[0].hex(), b"".join(completed[1:]).hex()):
            yield f"register: entry {leaf.index} was changed"
        said = json.loads(leaf.data)
        if files.get(said["declaration"]) != said["sha256"]:
            yield f"register: entry {leaf.index} names another file than {said['declaration']} has"
        edge = [*edge[: len(edge) - len(completed) + 1], completed[-1]]
        size += 1
        root = merkle.folded(edge)
        if (checkpoint := signed.pop(size, None)) and (fault := _fault(checkpoint, root)):
            yield fault
    for beyond in sorted(signed):
        yield f"register: a checkpoint speaks of {beyond} entries, there are {size}"
    newest = latest()
    if size and (newest is None or newest.size != size):
        yield f"register: no checkpoint speaks of all {size} entries"
    elif newest and newest.key != str(signer().key):
        yield "register: the newest checkpoint is not signed with REGISTER_KEY under REGISTER_ORIGIN of this machine"


def _fault(checkpoint: Checkpoint, root: bytes) -> str:
    try:
        said = notes.checkpoint(checkpoint.note, notes.Key.read(checkpoint.key))
    except (notes.Unsigned, ValueError) as trouble:
        return f"register: the checkpoint of {checkpoint.size} entries: {trouble}"
    if (said.size, said.root, said.root.hex()) != (checkpoint.size, root, checkpoint.root):
        return f"register: the checkpoint of {checkpoint.size} entries is not that of the entries there are"
    return ""


def _read(parts: Iterable[Subtree]) -> dict[Subtree, bytes]:
    """The hashes of perfect subtrees, each from the leaf that completed it."""
    wanted = list(parts)
    found = {leaf.index: leaf for leaf in Leaf.objects.filter(index__in={part.last for part in wanted})}
    return {part: found[part.last].subtree(part.level) for part in wanted}
