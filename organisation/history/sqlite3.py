"""The triggers on SQLite: one per event and row, each with a WHEN clause of its own."""

# The statements are made of names found in the database itself.
# ruff: noqa: S608

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from organisation.database.sqlite3.base import TABLE as ACTOR_TABLE
from organisation.history.tables import Kept, Locked, Table, Trigger, listed

# The database's own clock counts milliseconds; Django reads and compares microseconds.
MOMENT = "coalesce((SELECT moment FROM history_actor), strftime('%Y-%m-%d %H:%M:%f000', 'now'))"
WHO = "(SELECT actor_id FROM history_actor)"
WHY = "(SELECT nullif(reason, '') FROM history_actor)"


def prepare(cursor: Any) -> None:
    cursor.execute(ACTOR_TABLE)


def tables(cursor: Any) -> dict[str, Table]:
    cursor.execute("""
        SELECT m.name, c.name, c.pk FROM sqlite_master m, pragma_table_info(m.name) c
        WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' ORDER BY m.name, c.cid""")
    columns: dict[str, list[str]] = {}
    keys: dict[str, str] = {}
    for table, column, key in cursor.fetchall():
        columns.setdefault(table, []).append(column)
        if key == 1:
            keys[table] = column
    unique = _unique(cursor)
    return {
        name: Table(f'"{name}"', name, tuple(found), keys.get(name, "rowid"), tuple(unique.get(name, ())))
        for name, found in columns.items()
    }


def _unique(cursor: Any) -> dict[str, list[tuple[tuple[str, ...], str]]]:
    """Unique indexes with their predicates. Those on expressions are left out, as only `_against_replace` asks."""
    cursor.execute("""
        SELECT m.name, i.name, s.sql, group_concat(coalesce(c.name, ''), char(10))
        FROM sqlite_master m, pragma_index_list(m.name) i, pragma_index_info(i.name) c
        LEFT JOIN sqlite_master s ON s.type = 'index' AND s.name = i.name
        WHERE m.type = 'table' AND i."unique" AND i.origin <> 'pk' GROUP BY 1, 2, 3 ORDER BY 1, 2""")
    found: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for table, _index, sql, names in cursor.fetchall():
        columns = tuple(names.split("\n"))
        predicate = re.search(r"\)\s+WHERE\s+(.*)$", sql or "", re.DOTALL)
        if all(columns):
            found.setdefault(table, []).append((columns, predicate[1] if predicate else ""))
    return found


def triggers(subjects: Iterable[Kept | Locked]) -> Iterator[Trigger]:
    guarded: set[str] = set()
    for subject in subjects:
        yield from _recording(subject) if isinstance(subject, Kept) else _locking(subject)
        if subject.table.bare not in guarded:
            guarded.add(subject.table.bare)
            yield from _against_replace(subject.table)


def _trigger(table: Table, kind: str, event: str, when: str, *statements: str) -> Trigger:
    name = f"history_{kind}_{table.bare}"
    condition = f" WHEN {when}" if when else ""
    body = "".join(f"\n    {statement};" for statement in statements)
    return Trigger(table.bare, name, f'CREATE TRIGGER "{name}" {event} ON {table.name}{condition} BEGIN{body}\nEND')


def _recording(kept: Kept) -> Iterator[Trigger]:
    def copy(row: str, kind: str) -> str:
        return (
            f"INSERT INTO {kept.history.name}"
            f" ({listed(kept.columns)}, history_date, history_type, history_user_id, history_change_reason)"
            f" VALUES ({listed(kept.columns, row)}, {MOMENT}, '{kind}', {WHO}, {WHY})"
        )

    table, key = kept.table, kept.table.key
    same_key = f'OLD."{key}" = NEW."{key}"'
    changed = " OR ".join(_differs(column) for column in kept.columns if column != key)
    yield _trigger(table, "insert", "AFTER INSERT", "", copy("NEW", "+"))
    yield _trigger(table, "update", "AFTER UPDATE", f"{same_key} AND ({changed or 'false'})", copy("NEW", "~"))
    yield _trigger(table, "rekey", f'AFTER UPDATE OF "{key}"', f"NOT {same_key}", copy("OLD", "-"), copy("NEW", "+"))
    yield _trigger(table, "delete", "AFTER DELETE", "", copy("OLD", "-"))


def _locking(lock: Locked) -> Iterator[Trigger]:
    held = changed = ""
    if lock.when:
        held = _filled(lock.when)
    if lock.free or lock.once or lock.when:
        fixed = [_differs(column) for column in lock.fixed]
        once = [f"({_filled(column)} AND {_differs(column)})" for column in lock.once]
        changed = f"({held or 'true'}) AND ({' OR '.join([*fixed, *once])})"
    if lock.erasures:
        changed = f"NOT ({_erased(lock)})"
    yield _refusal(lock.table, f"{lock.name}_update", "BEFORE UPDATE", changed, lock.refusal)
    yield _refusal(lock.table, f"{lock.name}_delete", "BEFORE DELETE", held, lock.refusal)


def _erased(lock: Locked) -> str:
    """Whether the row is listed as erased, and nothing but empties its columns."""
    found = lock.erasures
    assert found
    listed = f"""SELECT 1 FROM {found.table.name} WHERE "{found.of}" = '{lock.table.bare}' AND "{found.row}" = OLD."{lock.table.key}\""""
    kept = [f'OLD."{column}" IS NEW."{column}"' for column in lock.spared]
    emptied = [f'(NEW."{column}" IS NULL OR OLD."{column}" IS NEW."{column}")' for column in lock.erasable]
    return " AND ".join([f"EXISTS ({listed})", *kept, *emptied])


def _against_replace(table: Table) -> Iterator[Trigger]:
    """A REPLACE removes rows, and only a connection with recursive triggers (ours) fires DELETE triggers for them.

    So on any other connection a row that would take another's place is refused.
    """
    outside = "NOT (SELECT recursive_triggers FROM pragma_recursive_triggers)"
    reason = "without PRAGMA recursive_triggers=ON the row it clashes with could vanish unseen"
    yield _refusal(table, "outside_insert", "BEFORE INSERT", f"({_taken(table)}) AND {outside}", reason)
    other = f'"{table.key}" IS NOT OLD."{table.key}"'
    watched = {table.key: None} | {column: None for columns, _predicate in table.unique for column in columns}
    of = "" if any(predicate for _columns, predicate in table.unique) else f" OF {listed(watched)}"
    yield _refusal(table, "outside_update", f"BEFORE UPDATE{of}", f"({_taken(table, other)}) AND {outside}", reason)


def _taken(table: Table, other: str = "") -> str:
    """Whether a row already has the key, or what another unique index holds, of the new one."""
    conditions = []
    new = ", ".join(f'NEW."{column}" AS "{column}"' for column in table.columns)
    for columns, predicate in (((table.key,), ""), *table.unique):
        same = [f'"{column}" = NEW."{column}"' for column in columns]
        where = [*same, *([f"({predicate})"] if predicate else []), *([other] if other else [])]
        found = f"EXISTS (SELECT 1 FROM {table.name} WHERE {' AND '.join(where)})"
        if predicate:
            found = f"({found} AND EXISTS (SELECT 1 FROM (SELECT {new}) WHERE {predicate}))"
        conditions.append(found)
    return " OR ".join(conditions)


def _differs(column: str) -> str:
    return f'OLD."{column}" IS NOT NEW."{column}"'


def _filled(column: str) -> str:
    return f"""coalesce(OLD."{column}", '') <> ''"""


def _refusal(table: Table, kind: str, event: str, when: str, reason: str) -> Trigger:
    statement = event.split()[1]
    return _trigger(
        table, kind, event, when, f"SELECT RAISE(ABORT, '{statement} on \"{table.bare}\" is refused: {reason}.')"
    )


def present(cursor: Any) -> dict[tuple[str, str], Trigger]:
    cursor.execute("""
        SELECT tbl_name, name, sql FROM sqlite_master
        WHERE type = 'trigger' AND name LIKE 'history$_%' ESCAPE '$'""")
    return {(table, name): Trigger(table, name, sql) for table, name, sql in cursor.fetchall()}


def watching(cursor: Any) -> list[tuple[str, str]]:
    """Table and name of every trigger, whoever made it."""
    cursor.execute("SELECT tbl_name, name FROM sqlite_master WHERE type = 'trigger' ORDER BY 1, 2")
    found: list[tuple[str, str]] = cursor.fetchall()
    return found


def make(cursor: Any, trigger: Trigger) -> None:
    cursor.execute(trigger.body)


def drop(cursor: Any, trigger: Trigger) -> None:
    cursor.execute(f'DROP TRIGGER "{trigger.name}"')
