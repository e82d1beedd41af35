"""An empty database of its own on the engine of the suite, to be taken through migrations."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from django.db import connection as tests_connection
from django.db import connections

ALIAS = "upgraded"


@contextlib.contextmanager
def empty_database(tmp_path: Path, django_db_blocker: Any) -> Iterator[Any]:
    """Its connection; the database is gone afterwards."""
    settings = {**tests_connection.settings_dict}
    with django_db_blocker.unblock(), contextlib.ExitStack() as after:
        if tests_connection.vendor == "postgresql":
            settings["NAME"] = f"femfem_{uuid.uuid4().hex}"
            names = ("host", "port", "user", "password")
            parameters = tests_connection.get_connection_params() | {"dbname": "postgres"}
            given = {key: value for key, value in parameters.items() if key in (*names, "dbname")}
            server = after.enter_context(psycopg.connect(**given, autocommit=True))
            server.execute(f'CREATE DATABASE "{settings["NAME"]}"')
            after.callback(server.execute, f'DROP DATABASE "{settings["NAME"]}"')
        else:
            settings["NAME"] = str(tmp_path / "upgraded.sqlite3")
        connections.settings[ALIAS] = settings
        after.callback(connections.settings.pop, ALIAS)
        after.callback(connections.__delitem__, ALIAS)
        after.callback(connections[ALIAS].close)
        connections[ALIAS].prepare_database()
        yield connections[ALIAS]
