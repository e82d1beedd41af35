"""Machines of their own: a database, a store of files and a log of seals, on the engine of the suite, empty at first."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection as tests_connection


@dataclass
class Machine:
    """What is run on it runs in a process of its own, with nothing but its environment."""

    root: Path
    database: str
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def media(self) -> Path:
        return self.root / "media"

    @property
    def log(self) -> Path:
        return self.root / "seals.log"

    @property
    def environment(self) -> dict[str, str]:
        own = {"FEMFEM_ENV": "test", "FEMFEM_VAR": str(self.root), "DATABASE_URL": self.database}
        return os.environ | own | {"DJANGO_SETTINGS_MODULE": "config.settings"} | self.variables

    def manage(self, *words: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        return self._run("manage.py", *map(str, words), **variables)

    def python(self, script: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
        return self._run("-c", f"import django\ndjango.setup()\n{script}", *map(str, words))

    def _run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words],
            cwd=Path(settings.ROOT),
            env=self.environment | variables,
            capture_output=True,
            text=True,
            check=False,
        )

    def files(self) -> dict[str, bytes]:
        """What the store of files holds, by its place."""
        placed = self.media.glob("sha256/*/*/*")
        return {path.relative_to(self.media).as_posix(): path.read_bytes() for path in placed}

    def rows(self) -> dict[str, list[Any]]:
        """Every row of every table, in one order."""
        if self.database.startswith("sqlite"):
            path = self.database.removeprefix("sqlite:///")
            with closing(sqlite3.connect(path)) as connection:
                names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
                return _rows(connection.execute, names)
        with psycopg.connect(self.database) as server:
            return _rows(server.execute, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")


def _rows(execute: Any, names: str) -> dict[str, list[Any]]:
    return {
        name: sorted(map(repr, execute(f'SELECT * FROM "{name}"').fetchall()))
        for (name,) in sorted(execute(names).fetchall())
    }


@contextlib.contextmanager
def empty_machine(root: Path, **variables: str) -> Iterator[Machine]:
    """Its database is gone afterwards."""
    root.mkdir(parents=True)
    if tests_connection.vendor != "postgresql":
        yield Machine(root, f"sqlite:///{root}/femfem.sqlite3", variables)
        return
    server, name = os.environ["DATABASE_URL"], f"machine_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield Machine(root, f"{server.rpartition('/')[0]}/{name}", variables)
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
