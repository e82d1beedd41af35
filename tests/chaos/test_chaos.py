"""No reminder is lost and none is sent twice without being counted, whatever dies. `make chaos` runs ten times as many."""

from __future__ import annotations

import os
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.db import connection

from inhouse.reminders.ladders import USUAL
from tests.chaos import inside, outside
from tests.chaos.model import Verdict, step_of

PARTS = 4  # for as many processes of the suite
INSIDE = int(os.environ.get("CHAOS_INSIDE") or 1000)
OUTSIDE = int(os.environ.get("CHAOS_OUTSIDE") or 30)

pytestmark = [pytest.mark.chaos, pytest.mark.django_db(transaction=True)]


def bad(verdicts: list[Verdict]) -> list[str]:
    return [f"seed {each.seed}: {each.lost} {each.wrong}" for each in verdicts if not each.good]


@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_is_lost_when_a_process_dies_at_any_write_or_send(part: int) -> None:
    """A thousand seeds on SQLite, and the first hundred of them on PostgreSQL."""
    runs = INSIDE if connection.vendor == "sqlite" else INSIDE // 10
    house = inside.House.build()
    verdicts = [inside.run(seed, house) for seed in range(part, runs, PARTS)]
    assert not bad(verdicts)
    assert sum(each.expected for each in verdicts) > runs / PARTS  # it was about something
    struck = inside.coverage(verdicts)
    assert struck.total() > runs / PARTS
    if runs < INSIDE:
        return  # too few for every place
    last, sent = "after update round", "after a send that was taken"  # from the first write of a sweep to its last
    assert {"before insert round", "after update nextreminder", last, "before update reminder", sent} <= set(struck)


@pytest.mark.postgres
@pytest.mark.worker
def test_nothing_is_lost_when_real_processes_are_killed_frozen_and_cut_off(tmp_path: Path) -> None:
    with outside.prepare(tmp_path) as world:
        verdicts = [outside.run(world, seed) for seed in range(OUTSIDE)]
    assert not bad(verdicts)
    assert sum(each.expected for each in verdicts) > OUTSIDE


def test_the_ladder_of_the_judge_is_that_of_the_register() -> None:
    """Written twice, on purpose: on every day from half a year before to a year after they agree."""
    due = date(2026, 3, 29)
    days = [due + timedelta(days=each) for each in range(-180, 365)]
    assert [step_of(due, day) for day in days] == [USUAL.step(due, day) for day in days]
