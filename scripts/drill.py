#!/usr/bin/env python3
"""The drill: the demo institution is saved, its machine is lost, and an empty one gets everything back from the two copies.

usage: scripts/with_services.py --postgres python scripts/drill.py
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
from prepare import ROOT
from production import throw_away

MACHINES_OWN = ("ALLOWED_HOSTS", "DATABASE_URL", "EMAIL_URL", "MEDIA_ROOT", "PUBLIC_URL", "REDIS_URL")


class Machine:
    """A folder, a database and variables; what runs on it knows nothing else."""

    def __init__(self, root: Path, database: str, variables: dict[str, str]) -> None:
        root.mkdir()
        own = {"FEMFEM_ENV": "demo", "FEMFEM_VAR": str(root), "DATABASE_URL": database}
        self.environment = {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", **variables, **own}

    def manage(self, *words: str | Path) -> str:
        """Run a command and print how long it took; the drill ends when it fails."""
        start = time.monotonic()
        done = subprocess.run(
            [sys.executable, "manage.py", *map(str, words)],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        print(f"{words[0]:<14}{time.monotonic() - start:6.1f} s", flush=True)
        if done.returncode:
            sys.exit(f"{done.stdout}{done.stderr}The drill has failed.")
        return done.stdout


def database(name: str) -> str:
    server = os.environ["DATABASE_URL"]
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return f"{server.rpartition('/')[0]}/{name}"


def unpacked(path: Path) -> dict[str, str]:
    """The variables of a file as the shell reads them."""
    return dict(word.partition("=")[::2] for word in shlex.split(path.read_text()))


def told(said: str) -> None:
    print("".join(f"    {line}\n" for line in said.splitlines()), end="", flush=True)


def main() -> None:
    keys = {name: value for name, value in throw_away().items() if name not in MACHINES_OWN}
    keys["KEYS_PASSPHRASE"] = "a passphrase for the drill"
    with tempfile.TemporaryDirectory(prefix="femfem-drill-") as work:
        here = Path(work)
        first = Machine(here / "first", database("drill_first"), keys)
        first.manage("migrate", "--verbosity", "0")
        first.manage("demo")
        told(first.manage("backup", here / "backups"))
        told(first.manage("backup", here / "backups"))
        first.manage("backup_keys", here / "keys.json")

        print("The machine is lost. What is left: a folder of backups, a file of keys, a passphrase.")
        blank = Machine(here / "blank", "sqlite:///:memory:", {"KEYS_PASSPHRASE": keys["KEYS_PASSPHRASE"]})
        blank.manage("restore_keys", here / "keys.json", here / "unpacked")
        second = Machine(here / "second", database("drill_second"), unpacked(here / "unpacked" / ".env"))
        told(second.manage("restore", here / "backups"))
        second.manage("migrate", "--check")
    print("The drill has succeeded.")


if __name__ == "__main__":
    main()
