#!/usr/bin/env python3
"""Hurt the register in every way we know, and write down whether a reminder was lost: docs/reliability.md.

    make chaos                                                  all of it, and the report
    scripts/with_services.py --sqlite python scripts/chaos.py inside --first 17 --runs 1
    scripts/with_services.py --postgres --redis python scripts/chaos.py outside --first 17 --runs 1

`inside` cuts one process at its writes and sends; `outside` kills real ones. A run follows from its number (the seed).
Every run adds a line to the notes; `report` makes the page of them.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")


def ready() -> None:
    """Django, on an empty database that is made ready."""
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def inside(seeds: range) -> Iterator[Any]:
    from tests.chaos import inside

    house = inside.House.build()
    for seed in seeds:
        yield inside.run(seed, house)


def outside(seeds: range) -> Iterator[Any]:
    from tests.chaos import outside

    with tempfile.TemporaryDirectory(prefix="femfem-chaos-") as work, outside.prepare(Path(work)) as world:
        for seed in seeds:
            yield outside.run(world, seed)


def work(asked: argparse.Namespace) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the processes of a world end with it
    ready()
    bad, began = 0, time.monotonic()
    with asked.notes.open("a") as notes:
        for verdict in {"inside": inside, "outside": outside}[asked.what](range(asked.first, asked.first + asked.runs)):
            spent, began = time.monotonic() - began, time.monotonic()
            line = {"what": asked.what, "seconds": round(spent, 2), **verdict.as_dict()}
            notes.write(json.dumps(line) + "\n")
            notes.flush()
            bad += not verdict.good
            if asked.what == "outside" or not verdict.good:
                print(verdict.seed, verdict.kind, f"{spent:.1f} s", *verdict.lost, *verdict.wrong, flush=True)
    return 1 if bad else 0


def share(asked: argparse.Namespace) -> int:
    """`inside` on every processor."""
    parts = []
    jobs = min(os.cpu_count() or 1, asked.runs)
    for job in range(jobs):
        first, end = (asked.first + asked.runs * each // jobs for each in (job, job + 1))
        command = [sys.executable, __file__, "inside", "--jobs", "1", "--first", str(first), "--runs", str(end - first)]
        parts.append(subprocess.Popen([*command, "--notes", str(asked.notes)]))
    return max(part.wait() for part in parts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("what", choices=["inside", "outside", "report"])
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=0)
    parser.add_argument("--notes", type=Path, default=ROOT / "var" / "chaos.jsonl")
    asked = parser.parse_args()
    asked.notes.parent.mkdir(parents=True, exist_ok=True)
    if asked.what == "report":
        from tests.chaos import report

        return report.write(ROOT / "docs" / "reliability.md", asked.notes)
    if asked.what == "inside" and not asked.jobs and asked.runs > 1:
        return share(asked)
    if os.environ["DATABASE_URL"].startswith("sqlite"):
        os.environ["DATABASE_URL"] = "sqlite://:memory:"  # of its own, and quick
    return work(asked)


if __name__ == "__main__":
    sys.exit(main())
