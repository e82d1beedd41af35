#!/usr/bin/env python3
"""Start Femfem to try it out: database, demo institution, then web and background work until Ctrl-C.

With `full`, as in production: on the PostgreSQL and Redis of DATABASE_URL and REDIS_URL, worker and beat apart. With YEARS
the demo institution is looked at so many years from now.
"""

from __future__ import annotations

import os
import socket
import sys
from datetime import timedelta
from pathlib import Path

from honcho import environ, manager
from prepare import ROOT, has_command, manage, prepare

FULL = sys.argv[1:] == ["full"]
PORT = int(os.environ.get("PORT") or 8000)
YEARS = float(os.environ.get("YEARS") or 0)


def taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def start() -> int:
    """Everything in the Procfile, until one of them ends or we are asked to; being asked is no failure."""
    manager.KILL_WAIT = 30  # seconds: a worker finishes the task in hand
    femfem = manager.Manager()
    processes = environ.parse_procfile((ROOT / ("Procfile.full" if FULL else "Procfile")).read_text()).processes
    for process in environ.expand_processes(processes, env=dict(os.environ)):
        femfem.add_process(process.name, process.cmd, env=process.env, cwd=ROOT)
    femfem.loop()
    return 0 if femfem.returncode in (130, 143) else femfem.returncode or 1


def main() -> None:
    if taken(PORT):
        sys.exit(f"Port {PORT} is taken. Another one: make run PORT={PORT + 1}")
    os.environ["FEMFEM_ENV"] = "demo"
    os.environ["PORT"] = str(PORT)
    os.environ["PUBLIC_URL"] = f"http://127.0.0.1:{PORT}"
    os.environ["PATH"] = f"{Path(sys.prefix) / 'bin'}:{os.environ['PATH']}"
    # Services of the surroundings are not meant for the demo, which keeps everything in var/
    for name in ("MEDIA_ROOT",) if FULL else ("DATABASE_URL", "REDIS_URL", "MEDIA_ROOT"):
        os.environ.pop(name, None)
    print("Preparing translations, static files, database and demo institution …", flush=True)
    prepare()
    manage("migrate", "--verbosity", "0")
    print()
    if has_command("demo"):
        manage("demo")
    if YEARS:
        clock = Path(os.environ.get("FEMFEM_VAR") or ROOT / "var") / "clock"
        clock.write_text(str(timedelta(days=365.25 * YEARS).total_seconds()))
        os.environ["FEMFEM_CLOCK"] = str(clock)
        manage(
            "shell", "--no-imports", "-c", "from inhouse.reminders import sweep; sweep.sweep()"
        )  # as on every day until then
    kept = "the data are thrown away then" if FULL else "the data stay in var/ (make reset)"
    print(f"\nFemfem is at http://127.0.0.1:{PORT} · Ctrl-C ends it · {kept}\n", flush=True)
    sys.exit(start())


if __name__ == "__main__":
    main()
