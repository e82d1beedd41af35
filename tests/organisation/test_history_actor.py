"""Who is taken to have written what: never someone else, not even for a moment."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Barrier
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError, connection, transaction
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils.functional import SimpleLazyObject

from organisation import clock
from organisation.history import acting, of
from organisation.middleware import ActingUser
from organisation.models import Administration, Institution, Unit, User

COMMITS = pytest.mark.django_db(transaction=True)
IN_ONE = pytest.mark.django_db

ELIN, OLE = 501, 502


@pytest.fixture
def unit() -> Unit:
    institution = Institution.objects.create(
        pk=1, name="Region Ö", organisation_number="232100-0000", country="SE", language="sv"
    )
    administration = Administration.objects.create(institution=institution, name="North hospital")
    return Unit.objects.create(administration=administration, name="Dialysis", site="start")


def to(site: str) -> None:
    Unit.objects.update(site=site)


def written() -> dict[str, tuple[int | None, str | None]]:
    """Who and why, by the site that was written."""
    rows = of(Unit).order_by("history_id")
    return {row.site: (row.history_user_id, row.history_change_reason) for row in rows if row.site != "start"}


@contextmanager
def outside() -> Iterator[Any]:
    """A connection that is not ours, as an operator's shell has it."""
    if connection.vendor == "postgresql":
        names = ("host", "port", "user", "password", "dbname")
        given = {key: value for key, value in connection.get_connection_params().items() if key in names}
        with psycopg.connect(**given, autocommit=True) as shell:
            yield shell
    else:
        with contextlib.closing(
            sqlite3.connect(connection.settings_dict["NAME"], uri=True, isolation_level=None)
        ) as file:
            yield file


class Doubt(Exception):
    pass


def undo(site: str) -> None:
    """Written, then taken back."""
    with contextlib.suppress(Doubt), transaction.atomic():
        to(site)
        raise Doubt


# Within one transaction


@IN_ONE
def test_the_inner_one_wins_and_the_outer_one_goes_on_after_it(unit: Unit) -> None:
    to("nobody")
    with acting(ELIN, reason="by day"):
        to("elin")
        with acting(OLE, reason="by night"):
            to("ole")
        to("elin again")
        with acting(None, reason="the sweep"):
            to("register")
    to("nobody again")
    assert written() == {
        "nobody": (None, None),
        "elin": (ELIN, "by day"),
        "ole": (OLE, "by night"),
        "elin again": (ELIN, "by day"),
        "register": (None, "the sweep"),
        "nobody again": (None, None),
    }


@IN_ONE
def test_a_savepoint_that_is_rolled_back_takes_the_name_told_in_it_along(unit: Unit) -> None:
    with acting(ELIN):
        undo("undone")
        to("first told inside")
        with acting(OLE):
            undo("undone")
        to("told over inside")
        with acting(OLE):
            with transaction.atomic():
                to("kept inside")
            to("kept after")
    assert written() == {
        "first told inside": (ELIN, None),
        "told over inside": (ELIN, None),
        "kept inside": (OLE, None),
        "kept after": (OLE, None),
    }


@IN_ONE
def test_a_name_is_told_once_and_reading_needs_none(unit: Unit, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int | None] = []
    tell: Any = connection._tell  # type: ignore[attr-defined]

    def note(actor: Any) -> None:
        told.append(actor.user_id)
        tell(actor)

    monkeypatch.setattr(connection, "_tell", note)
    with transaction.atomic(), acting(ELIN):
        list(Unit.objects.all())
        assert told == []
        to("one")
        to("two")
        list(Unit.objects.all())
        with transaction.atomic():
            to("three")
    assert told == [ELIN]


@IN_ONE
def test_a_user_is_as_good_as_a_key(unit: Unit) -> None:
    user = User.objects.create(email="elin@example.org", name="Elin", unit=unit)
    with acting(user):
        to("elin")
    with acting(AnonymousUser()):
        to("anyone")
    assert written() == {"elin": (user.pk, None), "anyone": (None, None)}


@IN_ONE
def test_a_refused_write_does_not_pass_the_name_on(unit: Unit) -> None:
    with pytest.raises(IntegrityError), transaction.atomic(), acting(ELIN):
        Unit.objects.create(administration=unit.administration, name=unit.name)
    to("nobody")
    assert written() == {"nobody": (None, None)}


@IN_ONE
def test_the_moment_is_told_with_the_name(unit: Unit) -> None:
    moment = datetime(2021, 3, 4, 5, 6, 7, 89, tzinfo=UTC)
    with acting(ELIN), clock.at(moment):
        to("then")
    then = of(Unit).latest()
    assert (then.history_date, then.history_user_id) == (moment, ELIN)


# From transaction to transaction, on one connection


@COMMITS
def test_nothing_leaks_into_the_next_transaction(unit: Unit) -> None:
    with acting(ELIN, reason="a"), transaction.atomic():
        to("elin")
    with transaction.atomic():
        to("nobody")
    with acting(ELIN):
        undo("undone")
    with transaction.atomic():
        to("nobody after")
    with acting(OLE), transaction.atomic():
        to("ole")
    assert written() == {
        "elin": (ELIN, "a"), "nobody": (None, None), "nobody after": (None, None), "ole": (OLE, None)
    }  # fmt: skip


@COMMITS
def test_a_write_without_a_transaction_knows_who(unit: Unit) -> None:
    with acting(ELIN, reason="alone"):
        to("updated")
        new = Unit.objects.create(administration=unit.administration, name="Second", site="created")
        many = Unit.objects.bulk_create(
            [Unit(administration=unit.administration, name=f"{n}", site="many") for n in "ab"]
        )
        assert Unit.objects.filter(pk__in=[new.pk, many[0].pk, many[1].pk]).count() == 3
        with connection.cursor() as cursor:
            cursor.execute("UPDATE organisation_unit SET site = 'returned' WHERE name <> 'a' RETURNING name")
            assert cursor.fetchone() is not None
            assert len(cursor.fetchmany(1)) == 1
            assert len(cursor.fetchall()) == 1
            cursor.execute("UPDATE organisation_unit SET site = 'looped' RETURNING site")
            assert list(cursor) == [("looped",)] * 4
            assert cursor.rowcount in (4, -1)
    assert connection.get_autocommit()
    to("nobody")
    assert written() == {
        "updated": (ELIN, "alone"), "created": (ELIN, "alone"), "many": (ELIN, "alone"),
        "returned": (ELIN, "alone"), "looped": (ELIN, "alone"), "nobody": (None, None),
    }  # fmt: skip


@COMMITS
def test_a_refused_write_without_a_transaction_leaves_the_connection_usable(unit: Unit) -> None:
    with acting(ELIN):
        with pytest.raises(IntegrityError):
            Unit.objects.create(administration=unit.administration, name=unit.name)
        to("elin")
    assert connection.get_autocommit()
    assert written() == {"elin": (ELIN, None)}


@COMMITS
def test_a_transaction_by_hand_knows_who(unit: Unit) -> None:
    transaction.set_autocommit(False)
    try:
        with acting(ELIN):
            to("elin")
            transaction.commit()
            to("undone")
            transaction.rollback()
        to("nobody")
        transaction.commit()
    finally:
        transaction.rollback()
        transaction.set_autocommit(True)
    assert written() == {"elin": (ELIN, None), "nobody": (None, None)}


@COMMITS
def test_what_is_written_from_outside_has_no_name(unit: Unit) -> None:
    with acting(ELIN):
        with transaction.atomic():
            to("ours")
        with outside() as other:
            other.execute("UPDATE organisation_unit SET site = 'theirs'")
        to("ours alone")
        with outside() as other:
            other.execute("UPDATE organisation_unit SET site = 'theirs again'")
            if connection.vendor == "sqlite":
                assert other.execute("SELECT count(*) FROM history_actor").fetchone() == (0,)
    theirs = of(Unit).get(site="theirs")
    assert written() == {
        "ours": (ELIN, None), "theirs": (None, None), "ours alone": (ELIN, None), "theirs again": (None, None)
    }  # fmt: skip
    assert abs(theirs.history_date - datetime.now(UTC)).total_seconds() < 60


@COMMITS
def test_a_row_from_outside_cannot_take_the_place_of_another_unseen(unit: Unit) -> None:
    values = f"(administration_id, name, site, active) VALUES ({unit.administration_id}, 'Dialysis', 'x', true)"
    replacing = {
        "sqlite": [
            f"INSERT OR REPLACE INTO organisation_unit {values}",
            "REPLACE INTO organisation_unit SELECT id, name, 'x', active, administration_id FROM organisation_unit",
            "UPDATE OR REPLACE organisation_unit SET name = 'Dialysis'",
            "REPLACE INTO organisation_historicalunit SELECT * FROM organisation_historicalunit",
        ],
        "postgresql": [f"INSERT INTO organisation_unit {values}"],
    }
    Unit.objects.create(administration=unit.administration, name="Second", site="start")
    with outside() as other:
        for statement in replacing[connection.vendor]:
            with pytest.raises((sqlite3.IntegrityError, psycopg.IntegrityError)):
                other.execute(statement)
        other.execute(f"INSERT INTO organisation_unit {values.replace('Dialysis', 'Third')}")
    assert Unit.objects.count() == 3
    assert written() == {"x": (None, None)}


@COMMITS
@pytest.mark.postgres
def test_two_at_the_same_time_are_not_mistaken_for_each_other(unit: Unit) -> None:
    second = Unit.objects.create(administration=unit.administration, name="Second", site="start")
    together = Barrier(2, timeout=20)

    def work(user_id: int, pk: int) -> None:
        try:
            for turn in range(20):
                with acting(user_id, reason=f"by {user_id}"), transaction.atomic():
                    together.wait()
                    Unit.objects.filter(pk=pk).update(site=f"{user_id}-{turn}")
                    together.wait()
                    Unit.objects.filter(pk=pk).update(site=f"{user_id}-{turn}-again")
                Unit.objects.filter(pk=pk).update(site=f"nobody-{user_id}-{turn}")
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, (ELIN, OLE), (unit.pk, second.pk)))
    found = written()
    assert len(found) == 2 * 20 * 3
    for site, (user_id, reason) in found.items():
        expected = None if site.startswith("nobody") else int(site.split("-")[0])
        assert (user_id, reason) == (expected, expected and f"by {expected}")


# Requests


def request_by(user: Any) -> Any:
    request = RequestFactory().get("/")
    request.user = user
    return request


@IN_ONE
def test_a_page_that_writes_nothing_does_not_look_up_its_user(django_assert_num_queries: Any) -> None:
    def nobody_asked() -> User:
        raise AssertionError("the user was looked up")

    def view(request: Any) -> HttpResponse:
        return HttpResponse(str(Unit.objects.count()))

    with django_assert_num_queries(1):
        ActingUser(view)(request_by(SimpleLazyObject(nobody_asked)))


@COMMITS
def test_the_user_of_a_request_is_looked_up_when_something_is_written(unit: Unit) -> None:
    user = User.objects.create(email="elin@example.org", name="Elin", unit=unit)

    def view(request: Any) -> HttpResponse:
        to("alone")
        with transaction.atomic():
            to("together")
        return HttpResponse()

    ActingUser(view)(request_by(SimpleLazyObject(lambda: User.objects.get(pk=user.pk))))
    to("after")
    assert written() == {"alone": (user.pk, None), "together": (user.pk, None), "after": (None, None)}


@COMMITS
def test_a_request_that_fails_leaves_no_name_behind(unit: Unit) -> None:
    def view(request: Any) -> HttpResponse:
        with transaction.atomic():
            to("undone")
            raise Doubt

    with pytest.raises(Doubt):
        ActingUser(view)(request_by(User(pk=ELIN)))
    to("after")
    assert written() == {"after": (None, None)}
