"""How much a page asks of the database."""

from __future__ import annotations

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from organisation.database.acting import NOBODY


def cost(client: Client, address: str) -> int:
    """How many queries it takes to answer in a transaction of its own; the marks of that transaction are none."""
    connection.told = NOBODY  # type: ignore[attr-defined]  # as it is when a transaction begins; a test's goes on from what its fixtures wrote
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    connection.told = None  # type: ignore[attr-defined]
    return sum("SAVEPOINT" not in query["sql"] for query in captured.captured_queries)
