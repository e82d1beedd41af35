"""Which triggers there must be, made from the real columns, and which there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from django.apps import apps
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connection as default_connection
from django.db import connections, models

from organisation.history import postgresql, sqlite3
from organisation.history.records import Lock, of
from organisation.history.tables import Erasures, Kept, Locked, Table, Trigger


@dataclass(frozen=True)
class Gap:
    """Something the database would not record or refuse as it must."""

    table: str
    trigger: str
    problem: str

    def __str__(self) -> str:
        return f"{self.table}: trigger {self.trigger} is {self.problem}"


class Engine(Protocol):
    """What PostgreSQL and SQLite each do their own way."""

    def tables(self, cursor: Any) -> dict[str, Table]: ...
    def triggers(self, subjects: Iterable[Kept | Locked]) -> Iterator[Trigger]: ...
    def present(self, cursor: Any) -> dict[tuple[str, str], Trigger]: ...
    def make(self, cursor: Any, trigger: Trigger) -> None: ...
    def drop(self, cursor: Any, trigger: Trigger) -> None: ...
    def prepare(self, cursor: Any) -> None: ...
    def watching(self, cursor: Any) -> list[tuple[str, str]]: ...


def install(connection: Any = default_connection) -> None:
    """Make every trigger that is absent, disabled or outdated, and drop those no longer wanted.

    A second time it changes nothing.
    """
    engine = engine_of(connection)
    with connection.cursor() as cursor:
        engine.prepare(cursor)
        wanted = _wanted(engine, cursor)
        present = engine.present(cursor)
        for key, trigger in present.items():
            if wanted.get(key) != trigger:
                engine.drop(cursor, trigger)
        for key, trigger in wanted.items():
            if present.get(key) != trigger:
                engine.make(cursor, trigger)


def missing(connection: Any = default_connection) -> list[Gap]:
    """Each trigger that is absent, disabled or outdated. A table that is not there yet needs none."""
    engine = engine_of(connection)
    with connection.cursor() as cursor:
        wanted = _wanted(engine, cursor)
        present = engine.present(cursor)
    return [
        Gap(trigger.table, trigger.name, _problem(trigger, present.get(key)))
        for key, trigger in wanted.items()
        if present.get(key) != trigger
    ]


def strange(connection: Any = default_connection) -> list[Gap]:
    """Each trigger or rule on a protected table that is none of ours: it could keep rows from being recorded."""
    engine = engine_of(connection)
    with connection.cursor() as cursor:
        wanted = _wanted(engine, cursor)
        found = engine.watching(cursor)
    protected = protected_tables()
    return [Gap(table, name, "unknown") for table, name in found if table in protected and (table, name) not in wanted]


def refuse_gaps(connection: Any = default_connection) -> None:
    """For the start of web and worker: refuse to run on a database that would not write the history."""
    with connection.temporary_connection() as cursor:  # the processes forked from this one open their own
        found = [str(gap) for gap in missing(connection)]
        absent = protected_tables() - set(connection.introspection.table_names(cursor))
    if absent:
        found.append(f"not there yet: {', '.join(sorted(absent))}")
    if found:
        listed = "\n".join(f"  {each}" for each in found)
        raise ImproperlyConfigured(f"The database would not keep the history:\n{listed}\nRun: manage.py migrate")


def check(app_configs: Any, databases: Iterable[str] | None, **kwargs: Any) -> list[checks.CheckMessage]:
    """The same as a system check: a warning, as an error would stop the `migrate` that mends it."""
    return [
        checks.Warning(f"{alias}: {gap}.", hint="Run: manage.py migrate", id="history.W001")
        for alias in databases or []
        for gap in missing(connections[alias])
    ]


def kept_models() -> list[tuple[type[models.Model], type[models.Model]]]:
    """Every recorded model with the model of its history."""
    return [
        (model, of(model).model)
        for model in apps.get_models(include_auto_created=True)
        if hasattr(model._meta, "simple_history_manager_attribute") and not model._meta.proxy
    ]


def append_only(connection: Any = default_connection) -> list[Table]:
    """Every table whose rows only come and stay, in one order, with the columns that never change.

    These are the histories, and locked tables that have none. A row is known by the number the database gave it.
    """
    with connection.cursor() as cursor:
        tables = engine_of(connection).tables(cursor)
    counted = {model._meta.db_table: model for model in apps.get_models() if _is_counted(model)}
    recorded = {model._meta.db_table for model, _history in kept_models()}
    found = {}
    for subject in _subjects(tables):
        if isinstance(subject, Locked) and not subject.when and subject.table.bare not in recorded:
            table = subject.table
            columns = tuple(column for column in subject.fixed if column != table.key)
            if table.bare in counted:
                found[table.bare] = replace(table, columns=columns)
    return [found[name] for name in sorted(found)]


def _is_counted(model: type[models.Model]) -> bool:
    return isinstance(model._meta.pk, models.AutoField | models.BigAutoField)


def protected_tables() -> set[str]:
    """Every table that has triggers: recorded ones, their histories, locked ones."""
    pairs = {model._meta.db_table for pair in kept_models() for model in pair}
    return pairs | {model._meta.db_table for model, _lock in _locked_models()}


def engine_of(connection: Any) -> Engine:
    engines: Mapping[str, Engine] = {"postgresql": postgresql, "sqlite": sqlite3}
    return engines[connection.vendor]


def _locked_models() -> list[tuple[type[models.Model], Lock]]:
    return [(model, vars(model)["history_lock"]) for model in apps.get_models() if "history_lock" in vars(model)]


def _wanted(engine: Engine, cursor: Any) -> dict[tuple[str, str], Trigger]:
    tables = engine.tables(cursor)
    return {(trigger.table, trigger.name): trigger for trigger in engine.triggers(_subjects(tables))}


def _subjects(tables: Mapping[str, Table]) -> Iterator[Kept | Locked]:
    erasures = _erasures(tables)
    for model, history in kept_models():
        base, copy = tables.get(model._meta.db_table), tables.get(history._meta.db_table)
        if base and copy:
            columns = tuple(column for column in base.columns if column in copy.columns)
            yield Kept(base, copy, columns)
        if copy:
            spared = (*WRITTEN, *_columns(model, [model._meta.pk.name], copy)) if erasures else ()
            yield Locked(copy, "history", erasures=erasures, spared=spared)
    for model, lock in _locked_models():
        table = tables.get(model._meta.db_table)
        if table:
            free, once = _columns(model, lock.except_for, table), _columns(model, lock.once, table)
            when = _columns(model, (lock.when,) if lock.when else (), table)
            if lock.when and not when:
                continue  # the column is still to come, in a later migration
            yield Locked(table, "lock", free, once, when[0] if when else "")


WRITTEN = ("history_id", "history_date", "history_type", "history_user_id")
"""What no erasure takes from a history: that it was written, when and by whom."""


def _erasures(tables: Mapping[str, Table]) -> Erasures | None:
    for model in apps.get_models():
        table = tables.get(model._meta.db_table)
        if "history_erasures" in vars(model) and table:  # the table may be still to come, in a later migration
            of, row = _columns(model, model.history_erasures, table)  # type: ignore[attr-defined]
            return Erasures(table, of, row)
    return None


def _columns(model: type[models.Model], names: Iterable[str], table: Table) -> tuple[str, ...]:
    columns = (model._meta.get_field(name).column for name in names)  # type: ignore[union-attr]
    return tuple(column for column in columns if column in table.columns)


def _problem(wanted: Trigger, found: Trigger | None) -> str:
    if found is None:
        return "absent"
    return "outdated" if found.enabled else "disabled"
