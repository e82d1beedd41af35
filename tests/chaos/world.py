"""Real processes: Redis, a mail server, two workers and beat on a real PostgreSQL; and the ways to hurt them.

Each is started as in production, except that a minute of the schedule lasts a fraction of a second (`FEMFEM_MINUTE`) and all
read one clock that can be set (`FEMFEM_CLOCK`).
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.utils import timezone

from tests.chaos.sink import Mood, Sink

MINUTE = 0.15  # seconds
LEASE = 10 * MINUTE
PATIENCE = 90  # seconds of the real clock for anything that must happen by itself


class World:
    def __init__(self, work: Path) -> None:
        self.work = work
        self.clock = work / "clock"
        self.set_clock(timezone.now())
        self.sink = Sink()
        self.sink.kill = self.kill_workers
        self.redis_port = _free_port()
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.orphans: list[int] = []

    # --- starting and ending

    def __enter__(self) -> World:
        self.sink.start()
        settings.CLOCK_SHIFT = str(self.clock)  # this process lives by it, too
        self.heal()
        return self

    def __exit__(self, *trouble: object) -> None:
        settings.CLOCK_SHIFT = ""
        for process in self.running.values():
            _kill_group(process)
        self.sink.stop()

    def heal(self) -> None:
        """Start whatever is not running, as `restart: unless-stopped` does."""
        for name, command in self.commands().items():
            process = self.running.get(name)
            if process is None or process.poll() is not None:
                if process is not None:
                    _kill_group(process)  # in production the container ends with its first process
                with (self.work / f"{name}.log").open("ab") as log:
                    self.running[name] = subprocess.Popen(
                        command, cwd=settings.ROOT, env=self.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                        start_new_session=True,
                    )  # fmt: skip

    def commands(self) -> dict[str, list[str]]:
        celery = [sys.executable, "-m", "celery", "--app", "config"]
        worker = [*celery, "worker", "--concurrency", "1", "--loglevel", "WARNING", "--hostname"]
        keeps_nothing = ["--save", "", "--appendonly", "no", "--dir", str(self.work)]
        return {
            "redis": ["redis-server", "--bind", "127.0.0.1", "--port", str(self.redis_port), *keeps_nothing],
            "first": [*worker, "first@chaos"],
            "second": [*worker, "second@chaos"],
            "beat": [*celery, "beat", "--pidfile=", "--loglevel", "WARNING"],
        }

    def environment(self) -> dict[str, str]:
        its = connection.settings_dict
        return os.environ | {
            "FEMFEM_ENV": "test",
            "FEMFEM_VAR": str(self.work),
            "DATABASE_URL": f"postgres://{its['USER']}:{its['PASSWORD']}@{its['HOST']}:{its['PORT']}/{its['NAME']}"
            "?conn_max_age=60",
            "REDIS_URL": f"redis://127.0.0.1:{self.redis_port}/0",
            "EMAIL_URL": f"smtp://127.0.0.1:{self.sink.port}",
            "EMAIL_TIMEOUT": "1",
            "FEMFEM_CLOCK": str(self.clock),
            "FEMFEM_MINUTE": str(MINUTE),
        }

    def set_clock(self, moment: datetime) -> None:
        """Every process sees it at its next look; there is no moment at which the file is half written."""
        new = self.clock.with_suffix(".new")
        new.write_text(str((moment - timezone.now()).total_seconds()))
        new.replace(self.clock)

    def until(self, reached: Callable[[], bool], what: str) -> None:
        """Wait for what must happen by itself; whatever ends meanwhile is started again."""
        end = time.monotonic() + PATIENCE
        while not reached():
            if time.monotonic() > end:
                raise TimeoutError(what)
            self.heal()
            time.sleep(0.05)

    # --- hurting: each may fail to find anything to hurt

    def kill_workers(self) -> None:
        for name in ("first", "second"):
            _kill_group(self.running[name])

    def kill_one_worker(self, dice: random.Random) -> None:
        """The process that runs the pool; its child is left to find out."""
        _signal([self.running[dice.choice(("first", "second"))].pid], signal.SIGKILL)

    def kill_both_workers(self, dice: random.Random) -> None:
        self.kill_workers()

    def kill_task(self, dice: random.Random) -> None:
        """The children that run the tasks, sweep or relay, whatever they are doing."""
        for name in ("first", "second"):
            _signal(_children(self.running[name].pid), signal.SIGKILL)

    def kill_beat(self, dice: random.Random) -> None:
        _kill_group(self.running["beat"])

    def restart_redis(self, dice: random.Random) -> None:
        _kill_group(self.running["redis"])
        time.sleep(dice.uniform(0.1, 0.8))
        self.heal()

    def flush_redis(self, dice: random.Random) -> None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.redis_port), 2) as redis:
            redis.sendall(b"FLUSHALL\r\n")
            redis.recv(100)

    def cut_database(self, dice: random.Random) -> None:
        """All connections but the one this is said on, up to three times."""
        for _each in range(dice.randint(1, 3)):
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            time.sleep(dice.uniform(0, 0.3))

    def freeze_task(self, dice: random.Random) -> None:
        """A machine that sleeps: a task stands still until its lease has run out, then goes on."""
        children = _children(self.running[dice.choice(("first", "second"))].pid)
        _signal(children, signal.SIGSTOP)
        time.sleep(LEASE + 0.3)
        _signal(children, signal.SIGCONT)

    FAULTS: tuple[tuple[str, Callable[[World, random.Random], None]], ...] = (
        ("worker killed", kill_one_worker),
        ("both workers killed", kill_both_workers),
        ("task killed", kill_task),
        ("beat killed", kill_beat),
        ("Redis killed and started", restart_redis),
        ("Redis flushed", flush_redis),
        ("database connections cut", cut_database),
        ("task frozen past its lease", freeze_task),
    )
    MOODS = tuple(mood for mood in Mood if mood != Mood.ACCEPT)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _children(pid: int) -> list[int]:
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _signal(pids: list[int], what: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, what)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
