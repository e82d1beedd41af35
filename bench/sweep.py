#!/usr/bin/env python3
"""What a sweep costs: 10,000 due among 1,000,000 open deadlines, against one SQL statement that selects and inserts the
same reminders.

    FEMFEM_ENV=test DATABASE_URL=postgres://… python bench/sweep.py [deadlines [due]]

In one run and in turns; each is rolled back, so that the next finds the same. The sweep also moves every deadline to its
next step, which the plain statement does not. Target: × 2, at most 60 queries and one for each 500 due, and memory that
does not grow with either number.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import django

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("FEMFEM_ENV", "test")
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
django.setup()

from django.db import connection, transaction  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from inhouse.models import Reminder  # noqa: E402
from inhouse.reminders import sweep  # noqa: E402
from organisation import clock  # noqa: E402
from tests import stations  # noqa: E402

DEADLINES = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
DUE = int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
PRODUCTS, ROUNDS, TARGET = 20, 5, 2


def fill() -> None:
    """Deadlines of all steps of the ladder; which are due lies anywhere among those that are not."""
    products = [stations.in_use(f"Adapter {n}") for n in range(PRODUCTS)]
    every = DEADLINES // DUE
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE inhouse_deadline DISABLE TRIGGER USER")  # their history is not what is measured
        cursor.execute(
            f"""
            INSERT INTO inhouse_deadline
                (kind, subject, about, product_id, administration_id, person_id, role, opened_on, due_on,
                 snooze_reason, "end", evidence)
            SELECT 'action', 'n' || n, '', (%s::bigint[])[1 + n %% {PRODUCTS}], %s, (%s::bigint[])[1 + n %% {PRODUCTS}],
                   '', %s, d, '', '', ''
            FROM (SELECT n, CASE WHEN n %% {every} = 0
                                 THEN %s::date + (ARRAY[60, 30, 7, 0, -7, -30])[1 + (n / {every}) %% 6]
                                 ELSE %s::date + 61 + (n %% 3000)::int END AS d
                  FROM generate_series(1, {DEADLINES}) AS n) AS numbers
            """,
            [
                [p.pk for p in products], products[0].unit.administration_id, [p.owner_id for p in products],
                *[clock.today()] * 3,
            ],
        )  # fmt: skip
        cursor.execute("ALTER TABLE inhouse_deadline ENABLE TRIGGER USER")
        cursor.execute(
            "INSERT INTO inhouse_nextreminder SELECT id, CASE WHEN due_on <= %s THEN %s ELSE due_on - 60 END"
            " FROM inhouse_deadline WHERE kind = 'action' AND subject LIKE 'n%%'",
            [clock.today() + timedelta(days=60), clock.today()],
        )
        cursor.execute("VACUUM ANALYZE inhouse_deadline, inhouse_nextreminder")


PLAIN = """
    INSERT INTO inhouse_reminder
        (deadline_id, due_on, step, recipient_id, stands_in_for_id, channel, made_at, not_before, claim, leased_until,
         attempts, uncertain, sent_at, answer, failed_at, dropped_at, subject, text)
    SELECT n.deadline_id, r.due_on, r.step, r.recipient_id, NULL, r.channel, now(), now(), NULL, NULL, 0, 0, NULL, '', NULL, NULL,
           '', ''
    FROM inhouse_nextreminder n JOIN same r ON r.deadline_id = n.deadline_id
    WHERE n.day <= %s
"""


def undone(act: Callable[[], Any]) -> float:
    """Seconds of an act that is rolled back; deferred foreign keys are checked as at its commit."""
    with transaction.atomic():
        start = time.perf_counter()
        act()
        connection.check_constraints()
        taken = time.perf_counter() - start
        transaction.set_rollback(True)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM inhouse_nextreminder, inhouse_reminder")
    return taken


def plain() -> None:
    with connection.cursor() as cursor:
        cursor.execute(PLAIN, [clock.today()])


def memory(due: int) -> float:
    """The most that a sweep holds in Python, in MB, when only so many are due."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE inhouse_nextreminder SET day = %s WHERE day <= %s AND deadline_id %% %s <> 0",
                [date(2090, 1, 1), clock.today(), DUE // due],
            )
        tracemalloc.start()
        sweep.sweep()
        most = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
        transaction.set_rollback(True)
    return most


def measure() -> None:
    fill()
    with transaction.atomic(), CaptureQueriesContext(connection) as asked:
        done = sweep.sweep()
        made = Reminder.objects.count()
        transaction.set_rollback(True)
    with transaction.atomic():
        sweep.sweep()
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE TABLE same AS SELECT deadline_id, due_on, step, recipient_id, channel FROM inhouse_reminder"
            )
            cursor.execute("DELETE FROM inhouse_reminder")
            cursor.execute("CREATE INDEX ON same (deadline_id)")
    _again()
    ours, theirs = [], []
    for _round in range(ROUNDS):
        theirs.append(undone(plain))
        ours.append(undone(sweep.sweep))
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    print(f"{DEADLINES:,} open deadlines, {done.count:,} due, {made:,} reminders, median of {ROUNDS} rounds")
    print(f"  one statement that selects and inserts   {statistics.median(theirs) * 1000:7.0f} ms")
    print(f"  sweep                                    {statistics.median(ours) * 1000:7.0f} ms")
    print(f"  sweep ÷ one statement                    × {ratio:.2f}   (target × {TARGET})")
    print(f"  queries                                  {len(asked) - 1:7}      (at most {60 + done.count // 500})")
    print(f"  most memory, a tenth due / all due       {memory(DUE // 10):7.2f} / {memory(DUE):.2f} MB")


def _again() -> None:
    """Due as before the sweep that told which reminders there are."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE inhouse_nextreminder SET day = %s WHERE deadline_id IN (SELECT deadline_id FROM same)",
            [clock.today()],
        )
        cursor.execute("VACUUM ANALYZE inhouse_nextreminder")
        cursor.execute("VACUUM inhouse_reminder")
        cursor.execute("ANALYZE same")


def main() -> None:
    if connection.vendor != "postgresql":
        raise SystemExit("The sweep is measured on PostgreSQL.")
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        measure()
    finally:
        connection.creation.destroy_test_db(connection.settings_dict["NAME"], verbosity=0)


main()
