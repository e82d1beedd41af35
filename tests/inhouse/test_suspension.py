"""Stop at once, and go on when the cause is closed."""

from __future__ import annotations

from datetime import date

import pytest

from inhouse import followup, suspension
from inhouse.dossier import dossier
from inhouse.models import Suspension
from inhouse.obstacles import Refused
from organisation import clock
from organisation.models import User
from products import traceability
from tests import factories, stations
from tests.refusals import denied, refused

pytestmark = pytest.mark.django_db


def test_the_owner_an_engineer_or_a_manager_here_stops_use_at_once(
    owner: User, engineer: User, manager: User, nurse: User, outsider: User
) -> None:
    product = stations.in_use()
    for person in (nurse, outsider):
        with denied():
            suspension.suspend(product, cause="It came loose", by=person)
    for person in (owner, engineer, manager):
        suspension.suspend(product, cause="It came loose", by=person)
        assert product.stage == "suspended"
        suspension.resume(product, measures="Glued", by=owner)
        assert stations.fresh(product).stage == "in_use"
    assert [s.by for s in Suspension.objects.all()] == [owner, engineer, manager]


def test_a_pause_has_a_cause_and_its_end_says_what_was_done(owner: User) -> None:
    product = stations.in_use()
    with refused("cannot be left empty"):
        suspension.suspend(product, cause=" ", by=owner)
    suspension.suspend(stations.fresh(product), cause="It came loose", by=owner)
    with refused("cannot be left empty"):
        suspension.resume(product, measures="", by=owner)


def test_only_what_is_in_use_is_paused_and_only_what_is_paused_goes_on(owner: User) -> None:
    product = stations.ready()
    with refused("does not follow"):
        suspension.suspend(product, cause="It came loose", by=owner)
    with refused("Use is not paused"):
        suspension.resume(product, measures="Glued", by=owner)
    paused = stations.suspended("Another")
    with refused("does not follow"):
        suspension.suspend(paused, cause="Once more", by=owner)


def test_only_the_owner_lets_use_go_on(manager: User, engineer: User, owner: User) -> None:
    product = stations.suspended()
    for person in (manager, engineer):
        with denied():
            suspension.resume(product, measures="Glued", by=person)
    with stations.on_day(clock.today()):
        suspension.resume(product, measures="Glued", by=owner)
    row = Suspension.objects.get()
    assert (row.closed_on, row.closed_by, row.measures) == (clock.today(), owner, "Glued")


def test_use_does_not_go_on_while_something_else_is_overdue(owner: User) -> None:
    with stations.on_day("2026-01-01"):
        product = stations.suspended()
    with stations.on_day("2026-05-01"):
        with refused("clinical follow-up was due on 1 April 2026", Refused):
            suspension.resume(product, measures="Glued", by=owner)
        followup.record(
            product,
            done_on=clock.today(),
            sources="Wards",
            findings="Nothing",
            conclusion="continue",
            next_due_on=date(2027, 5, 1),
            actions=[],
            by=owner,
        )
        suspension.resume(product, measures="Glued", by=owner)
    assert stations.fresh(product).stage == "in_use"


def test_nothing_is_made_or_placed_while_use_is_paused(owner: User, engineer: User) -> None:
    product = stations.in_use()
    loose = stations.released(product, "002")
    suspension.suspend(product, cause="It came loose", by=owner)
    with refused("quarantined"):
        traceability.place(loose, unit=factories.ward(), since=clock.today(), by=engineer)
    with refused("in development or in use"):
        stations.made(stations.fresh(product), "003", revision=stations.in_force(product))


def test_a_pause_is_seen_on_the_days_it_lasted(owner: User) -> None:
    with stations.on_day("2026-03-01"):
        product = stations.in_use()
    with stations.on_day("2026-03-03"):
        suspension.suspend(product, cause="It came loose", by=owner)
    with stations.on_day("2026-03-05"):
        suspension.resume(product, measures="Glued", by=owner)
    seen = [dossier(product, on=date(2026, 3, day)) for day in (2, 3, 4, 5)]
    assert [d and d.product.stage for d in seen] == ["in_use", "suspended", "suspended", "in_use"]
    assert [bool(d and d.open_suspension) for d in seen] == [False, True, True, False]
