"""A filled database goes through every migration, and nothing of its history is lost or goes unrecorded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import connection as tests_connection
from django.db import migrations, models
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from organisation import history
from organisation.history.triggers import kept_models
from tests.upgrading import ALIAS, empty_database


@pytest.fixture
def connection(tmp_path: Path, django_db_blocker: Any) -> Iterator[Any]:
    with empty_database(tmp_path, django_db_blocker) as found:
        yield found


def fill(state: Any) -> None:
    """A little of everything in `organisation`, by models as they were at its first migration."""

    def make(model: str, **values: Any) -> Any:
        return state.get_model("organisation", model).objects.using(ALIAS).create(**values)

    region = make("Institution", id=1, name="Region Ö", country="SE", language="sv", house_rules=["vgr"])
    north = make("Administration", institution=region, name="North hospital")
    units = [make("Unit", administration=north, name=f"Ward {n}", site="House 1") for n in range(3)]
    elin = make("User", email="elin@example.org", name="Elin", unit=units[0])
    make("Assignment", user=elin, role="engineer", administration=north, since="2020-01-01")
    unit = state.get_model("organisation", "Unit").objects.using(ALIAS)
    unit.filter(pk=units[0].pk).update(site="House 2")
    unit.filter(pk=units[2].pk).delete()


def rows(connection: Any) -> dict[str, list[dict[str, Any]]]:
    """All history, by table."""
    found = {}
    with connection.cursor() as cursor:
        for table in sorted(connection.introspection.table_names(cursor)):
            if "_historical" in table:
                cursor.execute(f'SELECT * FROM "{table}" ORDER BY history_id')
                columns = [each[0] for each in cursor.description]
                found[table] = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    return found


def assert_kept(before: dict[str, list[dict[str, Any]]], now: dict[str, list[dict[str, Any]]]) -> None:
    """Every row is still there, first, with the values it had. A column may have come; none has gone."""
    for table, old in before.items():
        assert [{name: row[name] for name in was} for was, row in zip(old, now[table], strict=False)] == old


def test_a_filled_database_goes_through_every_migration(connection: Any) -> None:
    executor = MigrationExecutor(connection)
    plan = [(step.app_label, step.name) for step, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())]
    first = plan.index(("organisation", "0001_initial")) + 1
    executor.migrate(plan[:first])
    fill(executor.loader.project_state(plan[:first]).apps)
    kept = rows(connection)
    assert {row["history_type"] for row in kept["organisation_historicalunit"]} == {"+", "~", "-"}
    assert history.missing(connection) == []
    for step in plan[first:]:
        executor.loader.build_graph()
        executor.migrate([step])
        now = rows(connection)
        assert_kept(kept, now)
        assert history.missing(connection) == [], step
        kept = now
    with connection.cursor() as cursor:
        cursor.execute("UPDATE organisation_unit SET site = 'House 3'")
    assert [row["site"] for row in rows(connection)["organisation_historicalunit"]][-2:] == ["House 3", "House 3"]


class Both(migrations.RunPython):
    """Write a row in the middle of a migration."""

    def __init__(self, site: str) -> None:
        def write(state: Any, schema_editor: Any) -> None:
            state.get_model("organisation", "Unit").objects.using(ALIAS).update(site=site)

        super().__init__(write)


def of_both(operation: type, *, name: str, **how: Any) -> list[Any]:
    """The operation on a recorded model and on its history, as `makemigrations` writes it."""
    return [operation(model_name=model, name=name, **how) for model in ("historicalunit", "unit")]


def test_columns_come_change_and_are_renamed_under_the_triggers(connection: Any) -> None:
    """What SQLite does by rebuilding tables, one of which the triggers of the other name."""
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes("organisation"))
    state = executor.loader.project_state(executor.loader.graph.leaf_nodes("organisation"))
    fill(state.apps)
    kept = rows(connection)
    renamed = [
        migrations.RenameField("unit", "phone", "telephone"), migrations.RenameField("historicalunit", "phone", "telephone")
    ]  # fmt: skip
    steps = [
        of_both(migrations.AddField, name="phone", field=models.CharField(max_length=20, null=True)),
        [history.Triggers(), Both("after adding"), history.Triggers()],
        of_both(migrations.AlterField, name="phone", field=models.CharField(max_length=40, null=True, db_index=True)),
        [history.Triggers(), Both("after altering")],
        of_both(migrations.AlterField, name="site", field=models.TextField(null=True)),
        renamed,
        [history.Triggers(), Both("after renaming")],
        [
            migrations.AddConstraint(
                "unit", models.UniqueConstraint("telephone", condition=models.Q(active=True), name="one_line")
            ),
            migrations.RemoveConstraint("unit", "unit_name_within_administration"),
            migrations.RemoveField("historicalunit", "name"),
            migrations.RemoveField("unit", "name"),
        ],
        [history.Triggers(), Both("after removing")],
    ]
    for number, operations in enumerate(steps):
        step = type("Step", (migrations.Migration,), {"operations": operations})(f"step_{number}", "organisation")
        with connection.schema_editor(atomic=True) as schema_editor:
            state = step.apply(state, schema_editor)
    now = rows(connection)
    assert_kept(
        {
            "organisation_historicalunit": [
                {name: value for name, value in row.items() if name != "name"}
                for row in kept["organisation_historicalunit"]
            ]
        },
        now,
    )
    sites = [row["site"] for row in now["organisation_historicalunit"]][len(kept["organisation_historicalunit"]) :]
    changes = ("adding", "altering", "renaming", "removing")
    assert sites == [f"after {change}" for change in changes for _unit in range(2)]
    assert "telephone" in now["organisation_historicalunit"][-1]


OURS = {model._meta.app_label for model, _history in kept_models()}
OWN = [key for key in MigrationLoader(None).disk_migrations if key[0] in OURS]


@pytest.mark.parametrize("key", sorted(OWN), ids="/".join)
def test_a_migration_ends_with_its_triggers(key: tuple[str, str]) -> None:
    """… and has them before it writes rows: SQLite has dropped the old ones by then."""
    migration = MigrationLoader(None).disk_migrations[key]
    assert not history.triggers_wanted(migration.operations), (
        "add `history.Triggers()` at the end, and before RunPython"
    )


def test_the_four_apps_are_recorded() -> None:
    assert {"organisation", "documents", "products", "inhouse"} == OURS


ADD = migrations.AddField("unit", "phone", models.TextField(null=True))
WRITE = migrations.RunPython(migrations.RunPython.noop)
NAME = migrations.AlterModelOptions("unit", {"verbose_name": "ward"})


@pytest.mark.parametrize(
    ("operations", "wanted"),
    [
        ([ADD], True),
        ([ADD, history.Triggers()], False),
        ([history.Triggers(), ADD], True),
        ([ADD, WRITE, history.Triggers()], True),
        ([ADD, history.Triggers(), WRITE], False),
        ([NAME, WRITE], False),
        ([], False),
    ],
)
def test_when_triggers_are_wanted(operations: list[Any], wanted: bool) -> None:
    assert history.triggers_wanted(operations) is wanted


@pytest.mark.django_db
def test_no_recorded_table_is_without_its_history() -> None:
    tables = set(tests_connection.introspection.table_names())
    for pair in kept_models():
        assert {model._meta.db_table for model in pair} <= tables
    assert apps.get_model("organisation", "User") in [model for model, _history in kept_models()]
