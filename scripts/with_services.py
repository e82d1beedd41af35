#!/usr/bin/env python3
"""Run a command with the services it needs, and end them afterwards.

usage: scripts/with_services.py [--sqlite] [--postgres] [--redis] [--chromium] command …

Without options: PostgreSQL and Redis. A service named in the environment (TEST_DATABASE_URL, TEST_REDIS_URL,
CHROMIUM) is used; otherwise a private one is started from the programs on this machine, on a free port, in a folder
that is thrown away. The command finds DATABASE_URL, REDIS_URL, CHROMIUM, FEMFEM_ENV=test and FEMFEM_VAR.
"""

from __future__ import annotations

import argparse
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import debian

ROOT = Path(__file__).resolve().parent.parent
VENV = Path(sys.prefix) if sys.prefix != sys.base_prefix else ROOT / ".venv"
PATIENCE = 60  # seconds for a service to come up
POSTGRES_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "100",
}


def servant() -> dict[str, Any]:
    """Servers do not run as root: who they run as, as arguments for subprocess."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise SystemExit("PostgreSQL refuses to run as root, and this machine has no user “postgres” or “nobody”.")


def folder(parent: Path, name: str) -> Path:
    """A new folder that belongs to whoever runs the servers."""
    made = parent / name
    made.mkdir(mode=0o700)
    if who := servant():
        os.chown(made, who["user"], who["group"])
    return made


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def server(name: str, command: list[str], *, ready: Callable[[], bool], home: Path) -> Iterator[None]:
    """A server process in a session of its own, so that Ctrl-C reaches only the command; yields when it is ready."""
    log = home / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=home, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True, **servant()
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{name} did not start:\n{log.read_text(errors='replace')}")
            time.sleep(0.05)
        yield
    finally:
        process.send_signal(signal.SIGINT)  # PostgreSQL: end without waiting for clients
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def postgres(work: Path) -> Iterator[str]:
    """A private PostgreSQL; yields its DATABASE_URL."""
    programs = debian.postgres_bin()
    assert programs, "PostgreSQL's programs were looked for before"
    home, port, password = folder(work, "postgres"), free_port(), secrets.token_hex(16)
    (home / "password").write_text(password)
    (home / "password").chmod(0o644)  # in a folder that only the server's user can enter
    made = subprocess.run(
        [str(programs / "initdb"), "--pgdata", "data", "--username", "femfem", "--pwfile", "password", "--no-sync"]
        + ["--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8"]
        + ["--locale-provider", "icu", "--icu-locale", "und"],
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
        **servant(),
    )
    if made.returncode:
        raise SystemExit(f"initdb failed:\n{made.stdout}{made.stderr}")
    options = [f"--{name}={value}" for name, value in POSTGRES_SETTINGS.items()]
    command = [str(programs / "postgres"), "-D", "data", "-p", str(port), *options]
    ask = [str(programs / "pg_isready"), "--quiet", "--host", "127.0.0.1", "--port", str(port)]
    with server("PostgreSQL", command, ready=lambda: subprocess.run(ask, check=False).returncode == 0, home=home):
        yield f"postgres://femfem:{password}@127.0.0.1:{port}/postgres"


@contextmanager
def redis(work: Path) -> Iterator[str]:
    """A private Redis that keeps nothing; yields its REDIS_URL."""
    home, port = folder(work, "redis"), free_port()
    command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    with server("Redis", command, ready=lambda: answers(port), home=home):
        yield f"redis://127.0.0.1:{port}/0"


def run(command: list[str], environment: dict[str, str]) -> int:
    """Run the command; SIGTERM is handed on, Ctrl-C reaches it by itself, and we stay to tidy up."""
    process = subprocess.Popen(command, env=environment)
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    code = process.wait()
    return code if code >= 0 else 128 - code


def main() -> int:
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].splitlines()[0])
    for name in ("sqlite", "postgres", "redis", "chromium"):
        parser.add_argument(f"--{name}", action="store_true")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    asked = parser.parse_args()
    if not asked.command:
        parser.error("which command?")
    if not (asked.sqlite or asked.postgres or asked.redis or asked.chromium):
        asked.postgres = asked.redis = True

    given = {"postgres": os.environ.get("TEST_DATABASE_URL"), "redis": os.environ.get("TEST_REDIS_URL")}
    wanted = [name for name in ("postgres", "redis", "chromium") if getattr(asked, name) and not given.get(name)]
    debian.provide(["papers", *wanted])

    environment = os.environ | {"FEMFEM_ENV": "test", "PATH": f"{VENV / 'bin'}:{os.environ['PATH']}"}
    environment.pop("DATABASE_URL", None)
    environment.pop("REDIS_URL", None)
    work = Path(tempfile.mkdtemp(prefix="femfem-"))
    work.chmod(0o711)  # the servers' user must get through to its own folder
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, work, ignore_errors=True)
        (work / "var" / "static").mkdir(parents=True)  # WhiteNoise complains of a folder that is not there
        environment["FEMFEM_VAR"] = str(work / "var")
        if asked.sqlite:
            environment["DATABASE_URL"] = f"sqlite:///{work}/var/femfem.sqlite3"
        if asked.postgres:
            environment["DATABASE_URL"] = given["postgres"] or stack.enter_context(postgres(work))
        if asked.redis:
            environment["REDIS_URL"] = given["redis"] or stack.enter_context(redis(work))
        if asked.chromium:
            environment["CHROMIUM"] = debian.chromium() or ""
        return run(asked.command, environment)


if __name__ == "__main__":
    sys.exit(main())
