#!/usr/bin/env python3
"""What entering in the register and proving an entry cost as it grows: beside signing alone, and how many rows are read.

    FEMFEM_ENV=test DATABASE_URL=… python bench/register.py

SIZES (0 to 100 000 entries, or what the environment says). Each figure is the median of ROUNDS; every entry is a
transaction of its own that is rolled back.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("FEMFEM_ENV", "test")
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
django.setup()

from django.db import connection, transaction  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from documents import merkle, notes  # noqa: E402
from documents.models import SignedFile  # noqa: E402
from inhouse import register  # noqa: E402
from inhouse.models import Checkpoint, Declaration, Leaf  # noqa: E402
from tests import stations  # noqa: E402

ROUNDS = 50
SIZES = [int(size) for size in os.environ.get("SIZES", "0,1000,10000,100000").split(",")]


def grow(edge: list[bytes], model: Declaration, start: int, end: int) -> list[bytes]:
    """The log up to that size, each entry about a declaration of its own, and the checkpoint over it."""
    for first in range(start, end, 2000):
        numbers = range(first, min(first + 2000, end))
        files = SignedFile.objects.bulk_create(
            [
                SignedFile(name="x.pdf", media_type="application/pdf", content=b"x", sha256="0" * 64, size=1)
                for _ in numbers
            ]
        )
        declarations = Declaration.objects.bulk_create(
            [
                Declaration(
                    revision_id=model.revision_id, number=f"X-{n}", version=2, language="sv", snapshot=model.snapshot,
                    file=files[n - first], place="Ö", signed_at=model.signed_at, signed_on=model.signed_on,
                    signed_by_id=model.signed_by_id, published_on=model.signed_on, published_by_id=model.signed_by_id,
                    replaced_on=model.signed_on,
                )
                for n in numbers
            ]
        )  # fmt: skip
        leaves = []
        for index, declaration in zip(numbers, declarations, strict=True):
            data = register.entry(
                "published", number=declaration.number, sha256="0" * 64, organisation_number="", on="2026-01-01"
            )
            completed = merkle.grow(edge, index, merkle.leaf_hash(data.encode()))
            edge = [*edge[: len(edge) - len(completed) + 1], completed[-1]]
            leaves.append(
                Leaf(
                    index=index, kind="published", declaration=declaration, data=data, hash=completed[0].hex(),
                    above=b"".join(completed[1:]).hex(),
                )
            )  # fmt: skip
        Leaf.objects.bulk_create(leaves)
    if end > start:
        root = merkle.folded(edge)
        note = register.signer().sign(str(notes.Checkpoint("bench", end, root)))
        Checkpoint.objects.create(size=end, root=root.hex(), note=note, key=str(register.signer().key))
    return edge


def timed(act: Callable[[], Any]) -> float:
    start = time.perf_counter()
    act()
    return (time.perf_counter() - start) * 1000


def entering(declaration: Declaration) -> float:
    with transaction.atomic():
        taken = timed(lambda: register.append(declaration, Leaf.Kind.WITHDRAWN))
        transaction.set_rollback(True)
    return taken


def measure() -> None:
    product = stations.declared()
    model, edge, grown = stations.declaration(product), list[bytes](), 0
    signing = statistics.median(timed(lambda: register.signer().sign("a\n1\nb\n")) for _ in range(ROUNDS))
    print(f"{connection.vendor}: signing alone {signing:.2f} ms")
    print(f"{'entries':>9}{'enter':>12}{'prove':>12}{'questions':>11}{'rows read':>11}{'whole root':>13}")
    for size in SIZES:
        edge, grown = grow(edge, model, grown, size), max(size, grown)
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE")
        rng = random.Random(size)
        enter = statistics.median(entering(model) for _ in range(ROUNDS))
        if not size:
            print(f"{size:>9}{enter:>9.2f} ms")
            continue
        some = [Leaf.objects.select_related("declaration").get(index=rng.randrange(size)) for _ in range(ROUNDS)]
        prove = statistics.median(timed(lambda leaf=leaf: register.proof(leaf.declaration)) for leaf in some)
        with CaptureQueriesContext(connection) as asked:
            register.proof(some[0].declaration)
        path = merkle.inclusion_path(some[0].index, size)
        rows = len({part.last for parts in path for part in parts})
        whole = timed(
            lambda: merkle.root(bytes.fromhex(each) for each in Leaf.objects.values_list("hash", flat=True).iterator())
        )
        print(f"{size:>9}{enter:>9.2f} ms{prove:>9.2f} ms{len(asked):>11}{rows:>11}{whole:>10.0f} ms")


def main() -> None:
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        measure()
    finally:
        connection.creation.destroy_test_db(connection.settings_dict["NAME"], verbosity=0)


main()
