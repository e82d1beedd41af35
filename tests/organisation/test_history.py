"""What the database records, and what it refuses."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, connection, transaction

from organisation import clock, history
from organisation.history import acting, locked, of
from organisation.history.tables import Locked
from organisation.history.triggers import engine_of, kept_models, protected_tables
from organisation.models import Administration, Institution, Unit, User

pytestmark = pytest.mark.django_db

UNITS = "organisation_unit"
HISTORY = "organisation_historicalunit"


@pytest.fixture
def administration(db: None) -> Administration:
    institution = Institution.objects.create(
        pk=1,
        name="Region Ö",
        organisation_number="232100-0000",
        country="SE",
        language="sv",
        house_rules=["vgr", {"a": 1}],
    )
    return Administration.objects.create(institution=institution, name="North hospital")


@pytest.fixture
def unit(administration: Administration) -> Unit:
    unit = Unit.objects.create(administration=administration, name="Dialysis")
    connection.check_constraints()  # PostgreSQL changes no table while a check of a foreign key is still to come
    return unit


def sql(statement: str, *params: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, params or None)


def kept() -> list[tuple[str, str, str]]:
    rows = of(Unit).order_by("history_id")
    return list(rows.values_list("history_type", "name", "site"))


# Recorded


def save(unit: Unit) -> None:
    unit.site = "House 2"
    unit.save()


def bulk_update(unit: Unit) -> None:
    unit.site = "House 2"
    Unit.objects.bulk_update([unit], ["site"])


def upsert(unit: Unit) -> None:
    again = Unit(pk=unit.pk, administration=unit.administration, name=unit.name, site="House 2")
    Unit.objects.bulk_create([again], update_conflicts=True, unique_fields=["id"], update_fields=["site"])


@pytest.mark.parametrize(
    "change",
    [
        save,
        bulk_update,
        upsert,
        lambda unit: Unit.objects.filter(pk=unit.pk).update(site="House 2"),
        lambda unit: sql(f"UPDATE {UNITS} SET site = 'House 2' WHERE id = {unit.pk}"),
    ],
    ids=["save", "bulk_update", "upsert", "update", "plain SQL"],
)
def test_every_way_to_change_a_row_is_recorded(unit: Unit, change: Callable[[Unit], Any]) -> None:
    change(unit)
    assert kept() == [("+", "Dialysis", ""), ("~", "Dialysis", "House 2")]


@pytest.mark.parametrize(
    "remove",
    [
        lambda unit: unit.delete(),
        lambda unit: Unit.objects.filter(pk=unit.pk).delete(),
        lambda unit: sql(f"DELETE FROM {UNITS} WHERE id = {unit.pk}"),
    ],
    ids=["delete", "queryset", "plain SQL"],
)
def test_every_way_to_remove_a_row_is_recorded(unit: Unit, remove: Callable[[Unit], Any]) -> None:
    remove(unit)
    assert kept() == [("+", "Dialysis", ""), ("-", "Dialysis", "")]


def test_many_rows_added_at_once_are_recorded_in_their_order(administration: Administration) -> None:
    Unit.objects.bulk_create([Unit(administration=administration, name=f"Ward {n}") for n in range(3)])
    sql(
        f"INSERT INTO {UNITS} (administration_id, name, site, active) VALUES (%s, 'Ward 3', '', %s)",
        administration.pk,
        True,
    )
    assert kept() == [("+", f"Ward {n}", "") for n in range(4)]


def test_a_new_key_is_the_end_of_one_row_and_the_start_of_another(unit: Unit) -> None:
    sql(f"UPDATE {UNITS} SET id = id + 1000 WHERE id = {unit.pk}")
    assert list(of(Unit).order_by("history_id").values_list("history_type", "id")) == [
        ("+", unit.pk), ("-", unit.pk), ("+", unit.pk + 1000),
    ]  # fmt: skip


def test_an_update_that_changes_nothing_is_no_history(unit: Unit) -> None:
    unit.save()
    Unit.objects.update(name="Dialysis")
    assert kept() == [("+", "Dialysis", "")]


def test_password_and_last_sign_in_are_neither_kept_nor_a_change(unit: Unit) -> None:
    user = User.objects.create_user("elin@example.org", "a good password 7", name="Elin", title="Engineer", unit=unit)
    User.objects.filter(pk=user.pk).update(last_login=clock.now(), password="another")
    assert of(User).count() == 1
    assert not {"password", "last_login"} & {each.name for each in of(User).model._meta.fields}


def test_every_kind_of_value_is_kept_as_it_was(administration: Administration) -> None:
    institution = Institution.objects.get()
    then = of(Institution).get()
    for each in Institution._meta.concrete_fields:
        assert getattr(then, each.attname) == getattr(institution, each.attname)
    assert of(Administration).get().active is True


def test_the_real_clock_is_read_back_as_a_moment_in_utc(unit: Unit) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    Unit.objects.update(site="House 2")
    assert before <= of(Unit).latest().history_date <= datetime.now(UTC)


def test_the_set_moment_is_the_moment_of_the_history(unit: Unit) -> None:
    for moment in (datetime(2019, 5, 4, 10, tzinfo=UTC), datetime(2019, 5, 4, 10, 0, 0, 123456, tzinfo=UTC)):
        with clock.at(moment):
            Unit.objects.update(site=str(moment))
            assert of(Unit).latest().history_date == moment
            assert [each.site for each in of(Unit).as_of(moment)] == [str(moment)]
    Unit.objects.update(site="today")
    assert of(Unit).latest().history_date > moment


def test_of_two_changes_at_one_moment_the_later_holds(administration: Administration) -> None:
    moment = datetime(2024, 2, 29, tzinfo=UTC)
    with clock.at(moment):
        unit = Unit.objects.create(administration=administration, name="Dialysis", site="House 1")
        Unit.objects.update(site="House 2")
    assert [each.site for each in of(Unit).as_of(moment)] == ["House 2"]
    assert of(unit).as_of(moment).site == "House 2"


def test_a_reason_may_be_long(unit: Unit) -> None:
    reason = "Because " * 100
    with acting(None, reason=reason):
        Unit.objects.update(site="House 2")
    assert of(Unit).latest().history_change_reason == reason


# Refused

REFUSED = {
    "postgresql": [
        f"UPDATE {HISTORY} SET name = 'Forged'",
        f"UPDATE {HISTORY} SET name = name",
        f"DELETE FROM {HISTORY}",
        f"TRUNCATE {HISTORY}",
        f"TRUNCATE {UNITS} CASCADE",
        f"INSERT INTO {HISTORY} (history_id, history_date, history_type) SELECT history_id, now(), '~' FROM {HISTORY}"
        " ON CONFLICT (history_id) DO UPDATE SET name = 'Forged'",
        f"SET LOCAL session_replication_role = replica; DELETE FROM {HISTORY}",
    ],
    "sqlite": [
        f"UPDATE {HISTORY} SET name = 'Forged'",
        f"UPDATE {HISTORY} SET name = name",
        f"DELETE FROM {HISTORY}",
        f"REPLACE INTO {HISTORY} (history_id, history_date, history_type) SELECT history_id, 'now', '~' FROM {HISTORY}",
        f"INSERT INTO {HISTORY} (history_id, history_date, history_type) SELECT history_id, 'now', '~' FROM {HISTORY}"
        " WHERE true ON CONFLICT (history_id) DO UPDATE SET name = 'Forged'",
        f"UPDATE OR REPLACE {HISTORY} SET history_id = 1",
    ],
}


@pytest.mark.parametrize("statement", REFUSED[connection.vendor])
def test_history_is_only_added_to(unit: Unit, statement: str) -> None:
    Unit.objects.update(site="House 2")
    connection.check_constraints()
    before = list(of(Unit).values())
    with pytest.raises(IntegrityError, match="is refused"), transaction.atomic():
        sql(statement)
    assert list(of(Unit).values()) == before
    assert Unit.objects.count() == 1


def test_the_orm_is_refused_as_well(unit: Unit) -> None:
    with pytest.raises(IntegrityError, match="only added to"), transaction.atomic():
        of(Unit).all().delete()
    with pytest.raises(IntegrityError, match="only added to"), transaction.atomic():
        of(Unit).update(name="Forged")
    assert kept() == [("+", "Dialysis", "")]


def test_a_row_that_replaces_another_is_recorded_with_the_one_it_replaces(unit: Unit) -> None:
    values = f"(administration_id, name, site, active) VALUES ({unit.administration_id}, 'Dialysis', 'New', true)"
    if connection.vendor == "sqlite":
        sql(f"INSERT OR REPLACE INTO {UNITS} {values}")
        assert kept()[1:] == [("-", "Dialysis", ""), ("+", "Dialysis", "New")]
    else:
        sql(f"INSERT INTO {UNITS} {values} ON CONFLICT (administration_id, name) DO UPDATE SET site = 'New'")
        assert kept()[1:] == [("~", "Dialysis", "New")]


# Locks


@pytest.fixture
def papers(db: None) -> Callable[..., None]:
    """A table with two rows, one signed, to put a lock on."""
    sql(
        "CREATE TABLE papers (id integer PRIMARY KEY, title text NOT NULL, diary text NOT NULL, note text, signed timestamp)"
    )
    sql("INSERT INTO papers (id, title, diary, signed) VALUES (1, 'Signed', '', '2026-01-01'), (2, 'Draft', '', NULL)")

    def lock(**how: Any) -> None:
        engine = engine_of(connection)
        with connection.cursor() as cursor:
            for trigger in engine.triggers([Locked(engine.tables(cursor)["papers"], "lock", **how)]):
                engine.make(cursor, trigger)

    return lock


def refused(statement: str) -> bool:
    try:
        with transaction.atomic():
            sql(statement)
    except IntegrityError as refusal:
        assert '"papers" is refused: the row is locked' in str(refusal)  # noqa: PT017
        return True
    return False


def test_a_locked_row_stays_as_it_is(papers: Callable[..., None]) -> None:
    papers()
    assert refused("UPDATE papers SET title = title")
    assert refused("DELETE FROM papers WHERE id = 2")
    assert not refused("INSERT INTO papers (id, title, diary) VALUES (3, 'Third', '')")


def test_named_columns_of_a_locked_row_may_change_and_some_only_once(papers: Callable[..., None]) -> None:
    papers(free=("note",), once=("diary",))
    assert not refused("UPDATE papers SET title = title, note = 'one'")
    assert not refused("UPDATE papers SET note = 'two', diary = '2026/17' WHERE id = 1")
    assert not refused("UPDATE papers SET note = NULL, diary = '2026/17' WHERE id = 1")
    assert refused("UPDATE papers SET diary = '2026/18' WHERE id = 1")
    assert refused("UPDATE papers SET diary = '' WHERE id = 1")
    assert refused("UPDATE papers SET note = 'three', title = 'Other' WHERE id = 2")
    assert refused("UPDATE papers SET id = 7 WHERE id = 2")
    assert refused("DELETE FROM papers WHERE id = 2")


def test_a_row_is_locked_from_when_the_named_column_is_filled(papers: Callable[..., None]) -> None:
    papers(free=("note",), when="signed")
    assert refused("UPDATE papers SET title = 'Other' WHERE id = 1")
    assert refused("UPDATE papers SET signed = NULL WHERE id = 1")
    assert refused("DELETE FROM papers WHERE id = 1")
    assert not refused("UPDATE papers SET title = 'Other', signed = '2026-02-02' WHERE id = 2")
    assert refused("UPDATE papers SET title = 'Third' WHERE id = 2")


def test_the_refusal_names_what_may_change(papers: Callable[..., None]) -> None:
    papers(free=("note",), once=("diary",))
    with pytest.raises(IntegrityError, match=r"only these may change: note, diary \(once\)"), transaction.atomic():
        sql("DELETE FROM papers")


def test_a_lock_cannot_be_declared_on_a_misspelt_field() -> None:
    with pytest.raises(FieldDoesNotExist):
        locked(except_for=("nmae",))(Unit)
    assert "history_lock" not in vars(Unit)


# Whether the triggers are there


def break_trigger(name: str) -> None:
    sql(f'DROP TRIGGER "{name}"' + (f" ON {UNITS}" if connection.vendor == "postgresql" else ""))


def trigger_name() -> str:
    return "history_insert" if connection.vendor == "postgresql" else f"history_insert_{UNITS}"


def test_all_triggers_are_there() -> None:
    assert history.missing() == []
    assert {UNITS, HISTORY, "organisation_user"} <= protected_tables()


def test_a_trigger_that_is_gone_is_named_and_made_again(unit: Unit, capsys: pytest.CaptureFixture[str]) -> None:
    break_trigger(trigger_name())
    assert [str(gap) for gap in history.missing()] == [f"{UNITS}: trigger {trigger_name()} is absent"]
    with pytest.raises(ImproperlyConfigured, match=rf"{UNITS}[\s\S]*manage\.py migrate"):
        history.refuse_gaps()
    call_command("check", tags=["database"], databases=["default"])
    assert f"{UNITS}: trigger {trigger_name()} is absent" in capsys.readouterr().err
    history.install()
    assert history.missing() == []
    history.refuse_gaps()


def test_a_worker_exits_when_a_trigger_is_gone(db: None) -> None:
    from config.celery import refuse_to_work_unrecorded

    refuse_to_work_unrecorded()
    break_trigger(trigger_name())
    with pytest.raises(SystemExit, match=UNITS):
        refuse_to_work_unrecorded()


def test_the_web_does_not_start_on_a_database_that_would_keep_no_history(tmp_path: Path) -> None:
    environment = os.environ | {"FEMFEM_ENV": "test", "DATABASE_URL": f"sqlite:///{tmp_path}/empty.sqlite3"}
    started = subprocess.run(
        [sys.executable, "-c", "import config.wsgi"],
        cwd=settings.ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert started.returncode == 1
    assert UNITS in started.stderr
    assert started.stderr.endswith("Run: manage.py migrate\n")


def test_a_trigger_that_does_something_else_is_outdated(unit: Unit) -> None:
    if connection.vendor == "postgresql":
        sql(f"ALTER TABLE {UNITS} DISABLE TRIGGER history_update")
        problem = "disabled"
    else:
        break_trigger(f"history_update_{UNITS}")
        sql(f"CREATE TRIGGER history_update_{UNITS} AFTER UPDATE ON {UNITS} BEGIN SELECT 1; END")
        problem = "outdated"
    assert [gap.problem for gap in history.missing()] == [problem]
    history.install()
    assert history.missing() == []
    Unit.objects.update(site="House 2")
    assert kept()[-1] == ("~", "Dialysis", "House 2")


def test_a_new_column_makes_the_triggers_outdated_until_they_are_made_again(unit: Unit) -> None:
    for table in (UNITS, HISTORY):
        sql(f"ALTER TABLE {table} ADD COLUMN phone text")
    assert {gap.problem for gap in history.missing()} == {"outdated"}
    history.install()
    assert history.missing() == []
    sql(f"UPDATE {UNITS} SET phone = '112'")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT phone FROM {HISTORY} ORDER BY history_id")
        assert cursor.fetchall() == [(None,), ("112",)]


def test_installing_again_changes_nothing(django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(4):
        history.install()


def test_a_failing_write_leaves_no_history(unit: Unit) -> None:
    with pytest.raises(DatabaseError), transaction.atomic():
        Unit.objects.create(administration=unit.administration, name=unit.name)
    assert kept() == [("+", "Dialysis", "")]


def implicit(model: Any) -> list[Any]:
    return [each for each in model._meta.local_many_to_many if each.remote_field.through._meta.auto_created]


def test_no_recorded_model_has_a_hidden_table_of_its_own_between_two_others() -> None:
    """An implicit many-to-many table could not be recorded."""
    assert [each for model, _history in kept_models() for each in implicit(model)] == []
