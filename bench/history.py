#!/usr/bin/env python3
"""What history costs: twin tables, one recorded and one not, written in turns in one run; and simple-history's own way.

    FEMFEM_ENV=test DATABASE_URL=postgres://… python bench/history.py

measures on that database and then on SQLite. Each figure is the median of the rounds' ratios.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("FEMFEM_ENV", "test")
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection, models, transaction  # noqa: E402
from simple_history import register  # noqa: E402
from simple_history.utils import bulk_create_with_history, bulk_update_with_history  # noqa: E402

from organisation import history  # noqa: E402

ROUNDS, SINGLE = 150, 20  # many short rounds in turns: whatever else the machine does meets both alike
BULK_ROUNDS, BULK = 10, 2000
USER = 7
TARGETS = {"postgresql": 1.3, "sqlite": 1.6}


class Device(models.Model):
    """As wide as a common row of the register."""

    number = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=200)
    purpose = models.TextField()
    stage = models.CharField(max_length=20, default="proposed")
    traits = models.JSONField(default=list)
    quantity = models.IntegerField(default=1)
    traced = models.BooleanField(default=False)
    proposed_on = models.DateField(null=True)
    changed_at = models.DateTimeField(null=True)
    unit = models.ForeignKey("organisation.Unit", models.DO_NOTHING, null=True, db_constraint=False, related_name="+")

    class Meta:
        abstract = True
        app_label = "organisation"

    def __str__(self) -> str:
        return self.number


class Plain(Device):
    """Not recorded."""


@history.recorded()
class Kept(Device):
    """Recorded by the database."""


class Signalled(Device):
    """Recorded by simple-history."""


register(Signalled, app="organisation")


def rows(model: Any, count: int, start: int) -> list[Any]:
    return [
        model(number=f"IH-{start + n}", name=f"Guide {n}", purpose="To hold the drill in place. " * 5, unit_id=n % 20,
              traits=["implantable", "sterile"], proposed_on="2026-01-02", changed_at="2026-01-02T10:00:00Z")
        for n in range(count)
    ]  # fmt: skip


def seconds(act: Callable[..., Any], *args: Any, **kwargs: Any) -> float:
    start = time.perf_counter()
    act(*args, **kwargs)
    return time.perf_counter() - start


def save_all(objects: list[Any], *, together: bool) -> None:
    if together:
        with transaction.atomic():
            for each in objects:
                each.save()
    else:
        for each in objects:
            with transaction.atomic():
                each.save()


def saves(model: Any, start: int) -> dict[str, float]:
    """Seconds of each kind of save(); the recorded table is written by someone, the plain one needs no name."""
    found = {}
    with history.acting(USER if model is Kept else None):
        for together in (True, False):
            objects = rows(model, SINGLE, start + SINGLE * together)
            how = "one transaction" if together else "one each"
            found[f"save(), new, {how}"] = seconds(save_all, objects, together=together)
            for each in objects:
                each.stage = "eligible"
            found[f"save(), changed, {how}"] = seconds(save_all, objects, together=together)
    return found


@contextmanager
def signals() -> Iterator[None]:
    settings.SIMPLE_HISTORY_ENABLED = True
    try:
        yield
    finally:
        settings.SIMPLE_HISTORY_ENABLED = False


def bulk_ours(start: int) -> dict[str, float]:
    objects = rows(Kept, BULK, start)
    with history.acting(USER, reason="bench"):
        found = {"bulk_create": seconds(Kept.objects.bulk_create, objects)}
        for each in objects:
            each.stage = "eligible"
        found["bulk_update"] = seconds(Kept.objects.bulk_update, objects, ["stage"], batch_size=500)
        ours = Kept.objects.filter(pk__in=[each.pk for each in objects])
        found["update()"] = seconds(ours.update, stage="in_use")
    return found


def bulk_theirs(start: int) -> dict[str, float]:
    """Its helper for `update()` is the same as for bulk_update: it has none of its own."""
    objects = rows(Signalled, BULK, start)
    with signals():
        found = {"bulk_create": seconds(bulk_create_with_history, objects, Signalled)}
        for each in objects:
            each.stage = "eligible"
        found["bulk_update"] = found["update()"] = seconds(
            bulk_update_with_history, objects, Signalled, ["stage"], batch_size=500
        )
    return found


def compare(ours: list[dict[str, float]], theirs: list[dict[str, float]], count: int) -> None:
    for name in ours[0]:
        ratio = statistics.median(a[name] / b[name] for a, b in zip(ours, theirs, strict=True))
        mine, other = (statistics.median(each[name] for each in found) / count * 1e6 for found in (ours, theirs))
        print(f"  {name:<32}{other:8.0f} µs {mine:8.0f} µs   × {ratio:.2f}")


def measure() -> None:
    for model in (Plain, Kept, Kept.history.model):  # type: ignore[attr-defined]
        make(model)
    history.install()
    for model in (Signalled, Signalled.history.model):  # type: ignore[attr-defined]
        make(model)
    plain, kept, theirs, ours = [], [], [], []
    pair = [(Plain, plain), (Kept, kept)]
    for turn in range(ROUNDS + 1):
        for model, found in pair if turn % 2 else reversed(pair):
            found.append(saves(model, turn * SINGLE * 2))
    for turn in range(BULK_ROUNDS + 1):
        ours.append(bulk_ours(1_000_000 + turn * BULK))
        theirs.append(bulk_theirs(1_000_000 + turn * BULK))
    print(f"{connection.vendor}: history (target for save() × {TARGETS[connection.vendor]}), per row")
    print(f"  {'':<32}{'without':>11} {'with':>11}")
    compare(kept[1:], plain[1:], SINGLE)  # the first round warms up
    print(f"  {'':<32}{'its helper':>11} {'ours':>11}")
    compare(ours[1:], theirs[1:], BULK)


def make(model: Any) -> None:
    with connection.schema_editor() as editor:
        editor.create_model(model)


def main() -> None:
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        measure()
    finally:
        connection.creation.destroy_test_db(connection.settings_dict["NAME"], verbosity=0)
    if connection.vendor != "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            environment = os.environ | {"DATABASE_URL": f"sqlite:///{folder}/bench.sqlite3"}
            subprocess.run([sys.executable, __file__], env=environment, check=True)


main()
