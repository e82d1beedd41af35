"""The tools of the project: set-up, services, what CI runs."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import debian
import pytest
import run
from honcho.environ import parse_procfile
from prepare import ROOT

WITH_SERVICES = [sys.executable, str(ROOT / "scripts" / "with_services.py")]


def committed() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name]


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_every_line_of_the_procfile_names_a_program_that_is_there() -> None:
    processes = parse_procfile((ROOT / "Procfile").read_text()).processes
    assert list(processes) == ["web", "work"]
    for line in processes.values():
        exec_, program, *_ = shlex.split(line)
        assert exec_ == "exec"  # so that a signal reaches the program and not a shell
        assert shutil.which(program, path=Path(sys.executable).parent)


def test_ci_calls_check_and_test_and_fails_if_either_does(tmp_path: Path) -> None:
    make = tmp_path / "make"
    make.write_text('#!/bin/sh\necho "$@" >> "$CALLS"\n[ "$1" != "$BROKEN" ]\n')
    make.chmod(0o755)
    for broken, code in {"none": 0, "check": 1, "test": 1}.items():
        calls = tmp_path / broken
        environment = os.environ | {
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "CALLS": str(calls),
            "BROKEN": broken,
        }
        done = subprocess.run(["bash", ".ci/run"], cwd=ROOT, env=environment, check=False)
        assert (done.returncode, calls.read_text().split()) == (code, ["check", "test"])


def test_the_targets_people_are_told_of_exist() -> None:
    for name in ("README.md", "CONTRIBUTING.md", "Makefile"):
        told = re.findall(r"^(?:#?\s+|.*`)make ([a-z-]+)", (ROOT / name).read_text(), re.MULTILINE)
        assert told, name
        assert set(told) <= targets(), name


def test_the_three_runs_leave_nothing_out_between_them() -> None:
    """What a run deselects is taken by another: every mark is left out by one run and named or let in by a later one."""
    marks = re.findall(r'pytest .*?-m "?([a-z ]+)"? \$\(ARGS\)', (ROOT / "Makefile").read_text())
    assert marks == ["not postgres and not worker and not browser", "not browser", "browser"]


def test_no_test_is_skipped_or_expected_to_fail() -> None:
    for path in committed():
        if path.parts[len(ROOT.parts)] == "tests" and path.suffix == ".py" and path != Path(__file__):
            assert not re.search(r"mark\.(skip|skipif|xfail)|pytest\.(skip|xfail|importorskip)", path.read_text()), path


def test_no_committed_file_names_a_place_on_someones_machine() -> None:
    places = re.compile(rb"(?<![\w.])/(?:work|home/\w+|Users|opt|mnt)/[\w.-]+")
    for path in committed():
        if path.is_file() and path != Path(__file__):
            assert not places.search(path.read_bytes()), path


@pytest.mark.worker
def test_services_are_started_handed_over_and_ended() -> None:
    script = "import os, sys; print(os.environ['REDIS_URL'], os.environ['FEMFEM_VAR']); sys.exit(7)"
    environment = {name: value for name, value in os.environ.items() if name != "TEST_REDIS_URL"}
    done = subprocess.run(
        [*WITH_SERVICES, "--redis", sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 7, done.stderr
    address, var = done.stdout.split()
    port = int(address.rpartition(":")[2].partition("/")[0])
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
    assert not Path(var).parent.exists()


@pytest.mark.worker
def test_services_end_when_the_run_is_cut_short(tmp_path: Path) -> None:
    said = tmp_path / "said"
    script = f"echo $REDIS_URL > {said}.tmp && mv {said}.tmp {said} && exec sleep 60"
    environment = {name: value for name, value in os.environ.items() if name != "TEST_REDIS_URL"}
    process = subprocess.Popen([*WITH_SERVICES, "--redis", "sh", "-c", script], env=environment)
    deadline = time.monotonic() + 20
    while not said.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 128 + signal.SIGTERM
    port = int(said.read_text().strip().rpartition(":")[2].partition("/")[0])
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_service_that_is_named_is_used_and_not_started() -> None:
    script = "import os; print(os.environ['REDIS_URL'], os.environ['DATABASE_URL'])"
    named = {"TEST_REDIS_URL": "redis://redis.example/3", "TEST_DATABASE_URL": "postgres://database.example/femfem"}
    done = subprocess.run(
        [*WITH_SERVICES, sys.executable, "-c", script],
        env=os.environ | named,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == list(named.values())


def test_who_may_not_install_is_told_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(debian, "privilege", lambda: None)
    monkeypatch.setitem(debian.NEEDS, "redis", debian.Need("Redis", "redis-server", lambda: False))
    with pytest.raises(SystemExit, match="sudo apt-get install --yes --no-install-recommends redis-server"):
        debian.provide(["redis"])


def test_a_port_that_is_taken_is_noticed() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
        server.listen()
        assert run.taken(port)
    assert not run.taken(port)
