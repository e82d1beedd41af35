#!/usr/bin/env python3
"""What the pages of a product with very many items cost, beside a bare page in the same frame.

    FEMFEM_ENV=test DATABASE_URL=… python bench/pages.py

One product in use has 10 items, another one MANY (10 000, or what the environment says), each placed at a ward. The
bare page asks for nothing but the institution and who reads. Each figure is the median of the rounds' ratios.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from datetime import timedelta
from pathlib import Path

import django

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("FEMFEM_ENV", "test")
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
django.setup()

from django.db import connection  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.shortcuts import render  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext, setup_test_environment  # noqa: E402
from django.urls import include, path, reverse  # noqa: E402

from config import urls as addresses  # noqa: E402
from organisation import clock  # noqa: E402
from organisation.access import Act  # noqa: E402
from organisation.doors import door  # noqa: E402
from products.models import Item, Placement, Product  # noqa: E402
from tests import factories, stations  # noqa: E402

ROUNDS, FEW, MANY = 15, 10, int(os.environ.get("MANY", "10000"))


@door(Act.WORK)
def bare(request: HttpRequest) -> HttpResponse:
    return render(request, "base.html")


urlpatterns = [path("bare/", bare), path("", include(addresses))]


def filled(count: int) -> Product:
    """A product in use with so many items at the ward of the tests' hospital."""
    product = stations.in_use(f"Guide × {count}")
    first, ward, by = product.items.get(), factories.ward(), stations.engineer(product)
    since = clock.today() - timedelta(days=1)
    made = Item.objects.bulk_create(
        [
            Item(product=product, revision_id=first.revision_id, identifier=f"SN-{count}-{n}", label_code=f"{count}-{n}",
                 made_on=since, made_by=by, released_on=since, released_by=by, made_to="The drawings", checks="Pulled")
            for n in range(count - 1)
        ],
        batch_size=500,
    )  # fmt: skip
    Placement.objects.bulk_create(
        [Placement(item=item, unit=ward, since=since, placed_by=by) for item in made], batch_size=500
    )
    return product


def seconds(client: Client, address: str) -> float:
    start = time.perf_counter()
    answer = client.get(address)
    assert answer.status_code == 200, (address, answer.status_code)
    return time.perf_counter() - start


def measure() -> None:
    few, many = filled(FEW), filled(MANY)
    client = Client()
    client.force_login(stations.engineer(many))
    wanted = {"bare page": "/bare/"}
    for product, count in ((few, FEW), (many, MANY)):
        for name in ("product", "assessment", "items"):
            wanted[f"{name}, {count} items"] = reverse(f"inhouse:{name}", args=[product.pk])
        wanted[f"one of {count} items"] = reverse("inhouse:item", args=[product.items.first().pk])
    wanted["all items"] = reverse("inhouse:items-all")
    asked = {}
    for name, address in wanted.items():  # warms up, too
        with CaptureQueriesContext(connection) as queries:
            seconds(client, address)
        asked[name] = len(queries)
    found: dict[str, list[float]] = {name: [] for name in wanted}
    for _turn in range(ROUNDS):
        for name, address in wanted.items():
            found[name].append(seconds(client, address))
    print(f"{connection.vendor}: pages, beside a bare one in the same frame")
    for name, times in found.items():
        ratio = statistics.median(a / b for a, b in zip(times, found["bare page"], strict=True))
        print(f"  {name:<28}{asked[name]:4} queries {statistics.median(times) * 1000:8.0f} ms   × {ratio:.1f}")


def main() -> None:
    setup_test_environment()
    from django.conf import settings

    settings.ROOT_URLCONF = __name__
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        measure()
    finally:
        connection.creation.destroy_test_db(connection.settings_dict["NAME"], verbosity=0)


main()
