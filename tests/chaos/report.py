"""docs/reliability.md, made of the notes that the runs leave."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent

PAGE = """\
# No reminder is lost, and none comes twice without being counted

<!-- Written by `make chaos`; what is said here is in tests/chaos/report.py. -->

Made on {day} by `make chaos` on {machine}.{fewer}

| | runs | reminders due | sent | no longer needed | given up, with the server's reason | taken twice or more | **lost** | **copies not counted, or told amiss** |
|---|---|---|---|---|---|---|---|---|
{totals}

*Due* is counted by a second ladder, written for this and sharing no code with the register's. A reminder is **lost** when one that was due was
neither taken by the mail server, nor given up with the server's refusal on record and an alarm for the operator. *No longer needed*:
its deadline was moved, ended or put off before it was sent. Each of the {copies} copies fell into the window that
no mail protocol closes, which the faults aim at: {unanswered} times the server had taken a message and gave no answer, {unnoted} times the sender
died, was frozen past its lease or lost the database between the answer and the note. Each was counted as uncertain on its reminder,
and came under the Message-ID of the first with nothing new in it. *Told amiss* is to someone whom it does not concern, of a
deadline that was over or put off, or with something new under an old Message-ID. The count is an upper bound: {uncertain} attempts were counted as uncertain.

## What a run is

**With real processes** (seeds {outside_seeds}). A run is a fault script on a running set of processes: PostgreSQL, Redis, an SMTP server
on a socket, two Celery workers (prefork) and beat, started as in production; the next seed goes on with the same set. Each run has an administration of
its own with two managers, a head, three to five certificates that end at some time, and readers who want their reminders one by one,
daily or weekly. The clock of all processes is set to two to four moments of a journey. At each the mail server is in some mood, up to
three faults strike at random times, what is dead is started as `restart: unless-stopped` would, and the sweep must come by itself. Then the next
moment follows, whatever is still in the outbox. At the end the mail server accepts, the next Monday comes, and the outbox must empty
itself. A minute of the schedule, of leases and of pauses lasts 0.15 seconds, the mail server is given one second for an answer.

**Inside one process** (seeds {inside_seeds}, on {inside_on}). The sweep and the relay themselves, on three to six deadlines of up to four people over two or three days, cut up to five
times at a statement that writes or at a send: before it, or after it and before anything else. What was not committed is rolled back, the clock goes on,
and the next "process" knows nothing of the one before. The mail server is a function, and a mail says only which deadline and when.

## Real processes: by journey

| journey | runs | due | sent | taken twice or more | uncertain | lost |
|---|---|---|---|---|---|---|
{journeys}

## Real processes: by fault

A run with several faults counts in each of their rows.

| fault | times | in runs | due in them | taken twice or more in them | lost in them |
|---|---|---|---|---|---|
{faults}

## Inside one process: by the place of the cut

| cut | times | in runs | due in them | taken twice or more in them | lost in them |
|---|---|---|---|---|---|
{cuts}

## What this does not say

- A mail that the server took may still be lost behind it, or be shown to nobody: the register hears nothing after `250`.
- PostgreSQL runs with `fsync=off` here, because a killed process is not a lost disk. That a committed row is there after a power cut is PostgreSQL's promise.
- One mail server at a time, without TLS and without signing in; one machine; no partition that lasts for hours of the real clock.
- Pauses and leases are the real ones divided by four hundred: what depends on their length in minutes is not measured, what depends on their order is.
- That the right people are told is a matter of tests/inhouse/test_reminders.py; here it is roles, absences, the heads of administration and how they want to be told.

## How to repeat it

    make chaos                                                                                       all of it, and this page
    scripts/with_services.py --postgres --redis python scripts/chaos.py outside --first 17 --runs 1  one seed of real processes
    scripts/with_services.py --sqlite python scripts/chaos.py inside --first 17 --runs 1             one seed inside one process

Inside one process a seed is repeated to the statement. With real processes it gives the same facts, journey, moods, faults and pauses;
what each fault meets depends on the machine. Both are in the suite, too: {ci}.

{versions}
"""
CI = "1,000 seeds inside on SQLite, 100 of them on PostgreSQL, and 30 seeds of real processes at every `make test`"


def write(place: Path, notes: Path) -> int:
    """Write the page; 1 if something was lost."""
    runs = [json.loads(line) for line in notes.read_text().splitlines()]
    by = {what: [run for run in runs if run["what"] == what] for what in ("outside", "inside")}
    journeys: dict[str, list[Any]] = defaultdict(list)
    for run in by["outside"]:
        journeys[run["kind"]].append(run)
    page = PAGE.format(
        day=datetime.now(UTC).date().isoformat(),
        machine=f"{os.cpu_count()} processors",
        fewer="" if all(len(by[what]) >= count for what, count in FULL.items()) else FEWER,
        totals="\n".join(_total(name, by[what]) for what, name in NAMES.items()),
        copies=_number(_sum(runs, "copies")),
        unanswered=_number(_sum(runs, "unanswered")),
        unnoted=_number(_sum(runs, "unnoted")),
        uncertain=_number(_sum(runs, "uncertain")),
        outside_seeds=_seeds(by["outside"]),
        inside_seeds=_seeds(by["inside"]),
        inside_on="SQLite",
        journeys="\n".join(
            _row(
                name,
                len(some),
                *(_sum(some, each) for each in ("expected", "sent", "copies", "uncertain")),
                _lost(some),
            )
            for name, some in sorted(journeys.items())
        ),
        faults=_faults(by["outside"]),
        cuts=_faults(by["inside"]),
        ci=CI,
        versions=_versions(),
    )
    place.write_text(page)
    bad = [run for run in runs if run["lost"] or run["wrong"]]
    return 1 if bad else 0


FULL = {"outside": 300, "inside": 10_000}
FEWER = " The command makes 300 and 10,000 runs; this page is of fewer, as the table says."
NAMES = {"outside": "with real processes", "inside": "inside one process"}


def _total(name: str, runs: list[Any]) -> str:
    figures = [_sum(runs, each) for each in ("expected", "sent", "dropped", "given_up", "copies")]
    return _row(name, len(runs), *figures, f"**{_lost(runs)}**", f"**{sum(len(run['wrong']) for run in runs)}**")


def _faults(runs: list[Any]) -> str:
    times: Counter[str] = Counter()
    met: dict[str, list[Any]] = defaultdict(list)
    for run in runs:
        for fault, count in run["faults"].items():
            times[fault] += count
            met[fault].append(run)
    return "\n".join(
        _row(fault, times[fault], len(some), _sum(some, "expected"), _sum(some, "copies"), _lost(some))
        for fault, some in sorted(met.items())
    )


def _row(*cells: object) -> str:
    return "| " + " | ".join(_number(cell) if isinstance(cell, int) else str(cell) for cell in cells) + " |"


def _sum(runs: Iterable[Any], what: str) -> int:
    return sum(run[what] for run in runs)


def _lost(runs: list[Any]) -> int:
    return sum(len(run["lost"]) for run in runs)


def _number(value: int) -> str:
    return f"{value:,}"


def _seeds(runs: list[Any]) -> str:
    """“0 to 299”, or with its gaps named."""
    seeds = sorted({run["seed"] for run in runs})
    if not seeds:
        return "none"
    starts = [each for each in seeds if each - 1 not in seeds]
    ends = [each for each in seeds if each + 1 not in seeds]
    return ", ".join(f"{start} to {end}" for start, end in zip(starts, ends, strict=True))


def _versions() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in ("Django", "celery", "kombu", "redis", "psycopg"))
    found = []
    for command in (["redis-server", "--version"], [_postgres(), "--version"]):
        said = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
        found.append(next((word.removeprefix("v=") for word in said if word.removeprefix("v=")[:1].isdigit()), "?"))
    return f"Python {platform.python_version()}, {packages}; Redis {found[0]}, PostgreSQL {found[1]}."


def _postgres() -> str:
    import debian

    programs = debian.postgres_bin()
    return str(programs / "postgres") if programs else "postgres"
