#!/usr/bin/env python3
"""What seals cost: sealing and the full check of 1,000,000 rows, against reading and hashing the same rows plainly.

    FEMFEM_ENV=test DATABASE_URL=postgres://… python bench/seals.py [rows]

measures on that database and then on SQLite, in one run and in turns. The check is measured against two plain ways: with
the database's own text of each row (the least that any check must do), and with `SELECT *` as programs read it. Target for
the first: × 3.
"""

from __future__ import annotations

import hashlib
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("FEMFEM_ENV", "test")
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
django.setup()

from django.apps import apps  # noqa: E402
from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402

from documents import pending, rows, seals, verifying  # noqa: E402
from documents.models import SealedRows  # noqa: E402

ROWS = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
ROUNDS, TARGET = 3, 3
TABLE = "products_historicalitem"


def fill() -> None:
    """Rows as wide as those of items, the most numerous of a register but for patients' uses."""
    table = next(each for each in pending.tables() if each.bare == TABLE)
    model = next(each for each in apps.get_models() if each._meta.db_table == TABLE)
    with connection.cursor() as cursor:
        values = []
        for column in table.columns:
            field: Any = next(each for each in model._meta.concrete_fields if each.column == column)
            kind = field.get_internal_type()
            if column == "history_type":
                values.append("'~'")
            elif kind == "DateTimeField":
                values.append("'2026-01-02 10:00:00.123456'")
            elif kind == "DateField":
                values.append("'2026-01-02'")
            elif kind == "BooleanField":
                values.append("true")
            elif "Integer" in kind or kind == "ForeignKey":
                values.append("n % 5000")
            elif kind == "JSONField":
                values.append("""'["sterile", "implantable"]'""")
            else:
                values.append(f"substr('SN-' || n || ' as it was made', 1, {min(field.max_length or 60, 60)})")
        listed = ", ".join(f'"{column}"' for column in table.columns)
        numbers = (
            f"generate_series(1, {ROWS}) AS n"
            if connection.vendor == "postgresql"
            else f"(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {ROWS}) SELECT n FROM c)"
        )
        cursor.execute(f"INSERT INTO {TABLE} ({listed}) SELECT {', '.join(values)} FROM {numbers}")
        if connection.vendor == "postgresql":
            cursor.execute(f"VACUUM ANALYZE {TABLE}")


def seconds(act: Callable[[], Any]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def same_text() -> None:
    """Each row as it is hashed, in the order of its key, with one cursor and nothing beside."""
    table = next(each for each in pending.tables() if each.bare == TABLE)
    connection.ensure_connection()
    if connection.vendor == "sqlite":
        listed = ", ".join(f'+"{column}"' for column in table.columns)
        for row in connection.connection.execute(f"SELECT +history_id, {listed} FROM {TABLE} ORDER BY history_id"):
            hashlib.sha256(ascii(row[1:]).encode()).digest()
        return
    listed = ", ".join(f'"{column}"' for column in table.columns)
    with connection.connection.transaction(), connection.connection.cursor(name="plain", binary=True) as cursor:
        cursor.itersize = rows.BATCH
        cursor.execute(f"SELECT history_id, convert_to(ROW({listed})::text, 'UTF8') FROM {TABLE} ORDER BY history_id")
        for _number, data in cursor:
            hashlib.sha256(data).digest()


def as_programs_read() -> None:
    with connection.chunked_cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.itersize = rows.BATCH
        cursor.execute(f"SELECT * FROM {TABLE} ORDER BY history_id")
        for row in cursor:
            hashlib.sha256(repr(row).encode()).digest()


def check() -> None:
    found = list(verifying.verify())
    assert not found, found[:3]


def measure() -> None:
    settings.SEALS_LOG = Path(tempfile.mkdtemp()) / "seals.log"
    fill()
    sealing = seconds(seals.seal_all)
    least, plain, checked = [], [], []
    for _round in range(ROUNDS):
        least.append(seconds(same_text))
        plain.append(seconds(as_programs_read))
        checked.append(seconds(check))
    size = sum(len(part.leaves) + len(part.numbers) for part in SealedRows.objects.iterator(chunk_size=5))
    to_least = statistics.median(a / b for a, b in zip(checked, least, strict=True))
    to_plain = statistics.median(a / b for a, b in zip(checked, plain, strict=True))
    print(f"{connection.vendor}: {ROWS:,} rows of {TABLE}, median of {ROUNDS} rounds")
    print(f"  the same text read and hashed   {statistics.median(least):6.1f} s")
    print(f"  SELECT * read and hashed        {statistics.median(plain):6.1f} s")
    print(f"  full check                      {statistics.median(checked):6.1f} s")
    print(f"  full check ÷ the same text        × {to_least:.2f}   (target × {TARGET})")
    print(f"  full check ÷ SELECT *             × {to_plain:.2f}")
    print(f"  sealing                         {sealing:6.1f} s, {sealing / ROWS * 1e6:.1f} µs a row")
    print(f"  kept by the seals               {size / ROWS:6.1f} bytes a row")
    print(f"  most memory of the process      {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:6.0f} MB")


def main() -> None:
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        measure()
    finally:
        connection.creation.destroy_test_db(connection.settings_dict["NAME"], verbosity=0)
    if connection.vendor != "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            environment = os.environ | {"DATABASE_URL": f"sqlite:///{folder}/bench.sqlite3"}
            subprocess.run([sys.executable, __file__, *sys.argv[1:]], env=environment, check=True)


main()
