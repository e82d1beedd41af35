"""The database as one file and back, as it was in one moment: by PostgreSQL's own programs, by SQLite's own copy."""

# The statements are made of names found in the database itself, and the programs are PostgreSQL's.
# ruff: noqa: S603, S608

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from django.db import connection, transaction
from django.db.migrations.loader import MigrationLoader

from documents.backup.manifest import Facts, Impossible

Ask = Callable[[str], list[Any]]
LEFT_OUT = (" COMMENT - EXTENSION ", " SCHEMA - public ")
"""What an empty database has already, and who is not its owner may not make again."""


def dump(to: Path) -> Facts:
    """Write the database into a new file, and say what it held. Writers are not stopped. Raises Impossible."""
    return _dump_postgresql(to) if connection.vendor == "postgresql" else _dump_sqlite(to)


def restore(source: Path) -> None:
    """Fill the empty database, all of it or, when that breaks off, nothing. Raises Impossible."""
    if connection.vendor == "postgresql":
        _restore_postgresql(source)
    else:
        _restore_sqlite(source)


def facts() -> Facts:
    """What the database holds now."""
    return _facts(connection.vendor, _ask)


def migrations() -> list[str]:
    """Those that this program has."""
    return sorted(f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations)


def tables() -> list[str]:
    """The tables there are; none in an empty database."""
    return _tables(connection.vendor, _ask)


# --- what it holds


def _facts(engine: str, ask: Ask) -> Facts:
    run = {f"{app}.{name}" for app, name in ask("SELECT app, name FROM django_migrations")}
    return Facts(
        engine=engine,
        server=_server(engine, ask),
        migrations=[name for name in migrations() if name in run],  # not those of apps that are long gone
        tables={name: ask(f'SELECT count(*) FROM "{name}"')[0][0] for name in _tables(engine, ask)},
        files=[(digest, size) for digest, size in ask("SELECT sha256, size FROM documents_storedfile ORDER BY 1")],
        seal=ask("SELECT coalesce(max(number), 0) FROM documents_historyseal")[0][0],
    )


def _server(engine: str, ask: Ask) -> str:
    return str(ask("SHOW server_version" if engine == "postgresql" else "SELECT sqlite_version()")[0][0])


def _tables(engine: str, ask: Ask) -> list[str]:
    if engine == "postgresql":
        found = ask("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
    else:
        found = ask("SELECT name FROM sqlite_master WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_'")
    return sorted(name for (name,) in found)


def _ask(query: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


# --- PostgreSQL


def _dump_postgresql(to: Path) -> Facts:
    """pg_dump and the counts beside it look at one and the same snapshot."""
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        snapshot = _ask("SELECT pg_export_snapshot()")[0][0]
        _run("pg_dump", "--format=custom", f"--snapshot={snapshot}", f"--file={to}")
        return _facts("postgresql", _ask)


def _restore_postgresql(source: Path) -> None:
    listed = subprocess.run(
        [_program("pg_restore"), "--list", str(source)], capture_output=True, text=True, check=False
    )
    if listed.returncode:
        raise Impossible(f"pg_restore cannot read {source}: {listed.stderr.strip()}")
    with NamedTemporaryFile("w", encoding="utf-8") as wanted:
        wanted.writelines(
            line for line in listed.stdout.splitlines(keepends=True) if not any(each in line for each in LEFT_OUT)
        )
        wanted.flush()
        whole = ["--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges"]
        _run("pg_restore", *whole, f"--use-list={wanted.name}", into=source)
    connection.close()


def _run(program: str, *words: str, into: Path | None = None) -> None:
    """One of PostgreSQL's programs on our database. The password goes by the environment, where `ps` does not show it."""
    settings = connection.settings_dict
    [_psql, *where], environment = connection.client.settings_to_cmd_args_env(settings, [])
    *where, name = where
    command = [_program(program), "--no-password", *words, *where, f"--dbname={name}", *([str(into)] if into else [])]
    done = subprocess.run(
        command, env=os.environ | (environment or {}), capture_output=True, text=True, errors="replace", check=False
    )
    if done.returncode:
        raise Impossible(f"{program} broke off: {done.stderr.strip() or done.returncode}")


def _program(name: str) -> str:
    found = shutil.which(name)
    if not found:
        raise Impossible(
            f"The program {name} is missing. Debian's package postgresql-client has it; it must be at least as new as"
            " the server."
        )
    return found


# --- SQLite


def _dump_sqlite(to: Path) -> Facts:
    connection.ensure_connection()
    copy = sqlite3.connect(to)
    try:
        connection.connection.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log of writes beside it
        return _facts("sqlite", lambda query: copy.execute(query).fetchall())
    except sqlite3.Error as trouble:
        raise Impossible(f"SQLite broke off: {trouble}") from trouble
    finally:
        copy.close()


def _restore_sqlite(source: Path) -> None:
    connection.ensure_connection()
    held = sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
    try:
        held.backup(connection.connection)
    except sqlite3.Error as trouble:
        raise Impossible(f"SQLite broke off: {trouble}") from trouble
    finally:
        held.close()
    connection.close()
