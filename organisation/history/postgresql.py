"""The triggers on PostgreSQL: each calls a function that carries its statements.

Measured: for inserts and deletes one trigger per statement over a transition table is the cheaper, a single row
included; for updates, where old and new rows would have to be joined, it is one per row.
"""

# The statements are made of names found in the database itself.
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.db.backends.utils import truncate_name

from organisation.history.tables import Kept, Locked, Table, Trigger, listed

WHO = """DECLARE
    femfem_who bigint := nullif(current_setting('femfem.actor', true), '');
    femfem_why text := nullif(current_setting('femfem.reason', true), '');
    femfem_moment timestamptz := coalesce(nullif(current_setting('femfem.moment', true), '')::timestamptz, clock_timestamp());
"""
ON_INSERT = "AFTER INSERT ON {table} REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT"
ON_UPDATE = "AFTER UPDATE ON {table} FOR EACH ROW"
ON_DELETE = "AFTER DELETE ON {table} REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT"
ON_CHANGE = "BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW"
ON_TRUNCATE = "BEFORE TRUNCATE ON {table} FOR EACH STATEMENT"


def prepare(cursor: Any) -> None:
    """Nothing has to be there first."""


def tables(cursor: Any) -> dict[str, Table]:
    cursor.execute("""
        SELECT n.nspname, c.relname, array_agg(a.attname::text ORDER BY a.attnum), min(k.attname::text)
        FROM pg_class c
        JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
        LEFT JOIN pg_attribute k ON k.attrelid = c.oid AND k.attnum = i.indkey[0]
        WHERE c.relkind IN ('r', 'p') AND n.nspname = current_schema()
        GROUP BY 1, 2""")
    return {
        name: Table(f'"{schema}"."{name}"', name, tuple(columns), key)
        for schema, name, columns, key in cursor.fetchall()
    }


def triggers(subjects: Iterable[Kept | Locked]) -> Iterator[Trigger]:
    for subject in subjects:
        yield from _recording(subject) if isinstance(subject, Kept) else _locking(subject)


def _recording(kept: Kept) -> Iterator[Trigger]:
    def copy(source: str, kind: str, rows: str = "") -> str:
        return (
            f"INSERT INTO {kept.history.name}\n"
            f"        ({listed(kept.columns)}, history_date, history_type, history_user_id, history_change_reason)\n"
            f"        SELECT {listed(kept.columns, source)}, femfem_moment, '{kind}', femfem_who, femfem_why{rows};"
        )

    old, new = (f"ROW({listed(kept.columns, row)})" for row in ("OLD", "NEW"))
    key = kept.table.key
    changed = f"""{WHO}BEGIN
    IF OLD."{key}" <> NEW."{key}" THEN
        {copy("OLD", "-")}
        {copy("NEW", "+")}
    ELSIF {old} IS DISTINCT FROM {new} THEN
        {copy("NEW", "~")}
    END IF;
    RETURN NULL;
END"""
    added = f"{WHO}BEGIN\n    {copy('rows', '+', ' FROM new_rows AS rows')}\n    RETURN NULL;\nEND"
    removed = f"{WHO}BEGIN\n    {copy('rows', '-', ' FROM old_rows AS rows')}\n    RETURN NULL;\nEND"
    table = kept.table
    yield Trigger(table.bare, "history_insert", added, ON_INSERT.format(table=table.name))
    yield Trigger(table.bare, "history_update", changed, ON_UPDATE.format(table=table.name))
    yield Trigger(table.bare, "history_delete", removed, ON_DELETE.format(table=table.name))
    refused = _refuse("what is recorded is not emptied")
    yield Trigger(table.bare, "history_truncate", f"BEGIN\n    {refused}\nEND", ON_TRUNCATE.format(table=table.name))


def _locking(lock: Locked) -> Iterator[Trigger]:
    refusal = _refuse(lock.refusal)
    if lock.erasures:
        body = f"BEGIN\n    IF TG_OP = 'UPDATE' THEN\n        IF {_erased(lock)} THEN\n            RETURN NEW;\n        END IF;\n    END IF;\n    {refusal}\nEND"
    elif not (lock.free or lock.once or lock.when):
        body = f"BEGIN\n    {refusal}\nEND"
    else:
        fixed = [f'OLD."{column}" IS DISTINCT FROM NEW."{column}"' for column in lock.fixed]
        once = [f'{_filled(column)} AND OLD."{column}" IS DISTINCT FROM NEW."{column}"' for column in lock.once]
        changed = "\n        OR ".join([*fixed, *(f"({each})" for each in once)])
        held = _filled(lock.when) if lock.when else "true"
        body = f"""BEGIN
    IF {held} THEN
        IF TG_OP = 'DELETE' THEN
            {refusal}
        ELSIF {changed} THEN
            {refusal}
        END IF;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    RETURN NEW;
END"""
    table, truncated = lock.table, f"BEGIN\n    {refusal}\nEND"
    name = "history_append_only" if lock.name == "history" else "history_lock"
    yield Trigger(table.bare, name, body, ON_CHANGE.format(table=table.name))
    yield Trigger(table.bare, f"{name}_truncate", truncated, ON_TRUNCATE.format(table=table.name))


def _erased(lock: Locked) -> str:
    """Whether the row is listed as erased, and nothing but empties its columns."""
    found = lock.erasures
    assert found
    listed = f"""SELECT 1 FROM {found.table.name} WHERE "{found.of}" = '{lock.table.bare}' AND "{found.row}" = OLD."{lock.table.key}\""""
    kept = [f'OLD."{column}" IS NOT DISTINCT FROM NEW."{column}"' for column in lock.spared]
    emptied = [
        f'(NEW."{column}" IS NULL OR OLD."{column}" IS NOT DISTINCT FROM NEW."{column}")' for column in lock.erasable
    ]
    return "\n            AND ".join([f"EXISTS ({listed})", *kept, *emptied])


def _filled(column: str) -> str:
    return f"""coalesce(OLD."{column}"::text, '') <> ''"""


def _refuse(reason: str) -> str:
    message = f"""'% on "%" is refused: {reason}.'"""
    return f"RAISE EXCEPTION {message}, TG_OP, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';"


def present(cursor: Any) -> dict[tuple[str, str], Trigger]:
    cursor.execute("""
        SELECT c.relname, t.tgname, p.prosrc, t.tgenabled::text,
               coalesce(obj_description(t.oid, 'pg_trigger'), '')
        FROM pg_trigger t
        JOIN pg_class c ON c.oid = t.tgrelid
        JOIN pg_proc p ON p.oid = t.tgfoid
        WHERE NOT t.tgisinternal AND left(t.tgname, 8) = 'history_'
            AND c.relnamespace = current_schema()::regnamespace""")
    return {
        (table, name): Trigger(table, name, body, events, enabled == "A")
        for table, name, body, enabled, events in cursor.fetchall()
    }


def watching(cursor: Any) -> list[tuple[str, str]]:
    """Table and name of every trigger and rewrite rule, whoever made it; the database's own for foreign keys apart."""
    cursor.execute("""
        SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE NOT t.tgisinternal AND c.relnamespace = current_schema()::regnamespace
        UNION SELECT tablename, rulename FROM pg_rules WHERE schemaname = current_schema() ORDER BY 1, 2""")
    found: list[tuple[str, str]] = cursor.fetchall()
    return found


def make(cursor: Any, trigger: Trigger) -> None:
    """ALWAYS: also in a session that calls itself a replica. What it reacts to is kept as its comment, to compare."""
    function = truncate_name(f"{trigger.name}_{trigger.table}", 63)
    body = f"LANGUAGE plpgsql AS $body${trigger.body}$body$"
    cursor.execute(f'CREATE OR REPLACE FUNCTION "{function}"() RETURNS trigger {body}')
    cursor.execute(f'CREATE TRIGGER "{trigger.name}" {trigger.events} EXECUTE FUNCTION "{function}"()')
    cursor.execute(f'ALTER TABLE "{trigger.table}" ENABLE ALWAYS TRIGGER "{trigger.name}"')
    cursor.execute(f"""COMMENT ON TRIGGER "{trigger.name}" ON "{trigger.table}" IS '{trigger.events}'""")


def drop(cursor: Any, trigger: Trigger) -> None:
    cursor.execute(f'DROP TRIGGER "{trigger.name}" ON "{trigger.table}"')
