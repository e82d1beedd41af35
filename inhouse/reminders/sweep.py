"""The morning sweep: what has reached a step of its ladder gets its reminders. It may run twice, late, or after a crash.

The database does the work, a few statements for any number of deadlines: it notes what is due in a table of this
transaction, inserts the reminders, and lets each deadline that has one wait for its next step. All of it is one
transaction: either it is done, or the next sweep does it.
"""

# What is put into the statements are numbers of ladders and names of our own; values are always parameters.
# ruff: noqa: S608

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from inhouse.deadlines.kinds import KINDS
from inhouse.models import Deadline, NextReminder, Round
from inhouse.reminders import ladders
from inhouse.reminders.audience import Audience, Recipient
from inhouse.reminders.ladders import Steps
from organisation import clock
from organisation.models import Institution

NAMED = 20  # deadlines without anyone that are listed by name


def sweep() -> Round:
    """Make the reminders of every deadline that has reached a step; says how many deadlines those were."""
    today = clock.today()
    with transaction.atomic(), connection.cursor() as cursor:
        Institution.objects.select_for_update(no_key=True).first()  # one sweep at a time
        this = Round.objects.create(kind=Round.Kind.SWEEP, started_at=clock.now())
        if NextReminder.objects.filter(day__lte=today).exists():
            this.count = _note_what_is_due(cursor, _ladders(), today)
            this.found = _tell(cursor, Audience(today))
            _advance(cursor)
            for table in TABLES:
                cursor.execute(f"DROP TABLE {table}")
        this.ended_at = clock.now()
        this.save(update_fields=["count", "found", "ended_at"])
    return this


def _ladders() -> dict[Steps, list[str]]:
    """The ladders that there are, and the kinds that go by each."""
    chosen, found = ladders.by_kind(), defaultdict(list)
    for key in KINDS:
        found[chosen[key]].append(key)
    return found


TABLES = ("sweep_held", "sweep_due", "sweep_told")
HELD = "CREATE TEMPORARY TABLE sweep_held (id bigint)"
DUE = """CREATE TEMPORARY TABLE sweep_due (id bigint, due_on date, step int, next_day date, person_id bigint,
    owner_id bigint, role varchar(20), administration_id bigint, owner_told bool, head_told bool)"""
TOLD = """CREATE TEMPORARY TABLE sweep_told (via varchar(6), person_id bigint, role varchar(20), administration_id bigint,
    recipient_id bigint, stands_in_for_id bigint, channel varchar(6), not_before {moment})"""


def _note_what_is_due(cursor: Any, ladder: dict[Steps, list[str]], today: date) -> int:
    """Each deadline that has reached a step, with that step and the day of the next; says how many.

    They are held before they are read: whoever changes one afterwards sets its next day after this sweep. What someone is
    changing just now is left to the next one, so that neither waits for the other.
    """
    postgresql = connection.vendor == "postgresql"
    cursor.execute(HELD)
    free = "FOR NO KEY UPDATE SKIP LOCKED" if postgresql else ""
    cursor.execute(
        f"INSERT INTO sweep_held SELECT deadline_id FROM inhouse_nextreminder WHERE day <= %s {free}", [today]
    )
    cursor.execute(DUE)
    cursor.execute(TOLD.format(moment="timestamptz" if postgresql else "text"))
    count = 0
    for steps, kinds in ladder.items():
        (step, ahead), (next_day, then) = _reached(steps, today), _next(steps, today)
        cursor.execute(
            f"""
            INSERT INTO sweep_due
            SELECT id, due_on, step, next_day, person_id, owner_id, role, administration_id, step <= %s, step <= %s
            FROM (
                SELECT d.id, d.due_on, {step} AS step, {next_day} AS next_day, d.person_id, p.owner_id, d.role,
                    d.administration_id
                FROM sweep_held h JOIN inhouse_deadline d ON d.id = h.id
                    LEFT JOIN products_product p ON p.id = d.product_id
                WHERE d.ended_on IS NULL AND d.kind IN ({_places(kinds)})
            ) AS reached WHERE step IS NOT NULL
            """,
            [steps.owner_from, steps.head_from, *ahead, *then, *kinds],
        )
        count += cursor.rowcount
    return count


def _reached(steps: Steps, today: date) -> tuple[str, list[Any]]:
    """The step a deadline has reached, as SQL: `Steps.step`."""
    rising = sorted(each for each in steps.days if each)
    ahead = "".join(f" WHEN d.due_on <= %s THEN {each}" for each in rising)
    sql = f"CASE WHEN d.due_on <= %s THEN -({_overdue('d.due_on')} / {steps.weekly}) * {steps.weekly}{ahead} END"
    return sql, [today, today, *(today + timedelta(days=each) for each in rising)]


def _next(steps: Steps, today: date) -> tuple[str, list[Any]]:
    """The day of the step after that, as SQL."""
    rising = sorted(steps.days)
    pairs = list(pairwise(rising))
    ahead = "".join(f" WHEN d.due_on <= %s THEN {_before('d.due_on', below)}" for below, _step in pairs)
    later = _later(f"{steps.weekly} - {_overdue('d.due_on')} %% {steps.weekly}")
    return f"CASE WHEN d.due_on <= %s THEN {later}{ahead} END", [
        today, today, today, *(today + timedelta(days=step) for _below, step in pairs)
    ]  # fmt: skip


def _tell(cursor: Any, audience: Audience) -> list[int]:
    """Insert the reminders; says which deadlines (keys) nobody is told of."""
    _note(cursor, "person", _persons(cursor, audience))
    cursor.execute("SELECT DISTINCT role, administration_id FROM sweep_due WHERE person_id IS NULL")
    _note(cursor, "role", (((None, r, a), audience.holding(r, a)) for r, a in cursor.fetchall()))
    cursor.execute("SELECT DISTINCT administration_id FROM sweep_due WHERE head_told")
    _note(cursor, "head", (((None, "", a), audience.head(a)) for (a,) in cursor.fetchall()))
    same = "t.administration_id IS NOT DISTINCT FROM d.administration_id"
    if connection.vendor == "sqlite":
        same = "t.administration_id IS d.administration_id"
    _insert(cursor, "t.via = 'person' AND t.person_id = d.person_id")
    _insert(cursor, f"t.via = 'role' AND d.person_id IS NULL AND t.role = d.role AND {same}")
    _insert(cursor, "t.via = 'person' AND d.owner_told AND t.person_id = d.owner_id")
    _insert(cursor, f"t.via = 'head' AND d.head_told AND {same}")
    return _nobody(cursor, audience)


Key = tuple[int | None, str, int | None]


def _persons(cursor: Any, audience: Audience) -> Iterator[tuple[Key, list[Recipient]]]:
    cursor.execute(
        "SELECT person_id FROM sweep_due WHERE person_id IS NOT NULL"
        " UNION SELECT owner_id FROM sweep_due WHERE owner_told AND owner_id IS NOT NULL"
    )
    for (person,) in cursor.fetchall():
        yield (person, "", None), audience.person(person)


def _note(cursor: Any, via: str, told: Iterable[tuple[Key, list[Recipient]]]) -> None:
    """Who is told, by the key under which deadlines find them."""
    rows = [
        (via, *key, each.person, each.stands_in_for, each.channel, connection.ops.adapt_datetimefield_value(each.not_before))
        for key, recipients in told
        for each in recipients
    ]  # fmt: skip
    if rows:
        cursor.executemany(f"INSERT INTO sweep_told VALUES ({_places(rows[0])})", rows)


def _insert(cursor: Any, by: str) -> None:
    """One statement: the reminders of all deadlines that reach their recipients in this way.

    One that is there stays as it is, unless it was dropped: its deadline was moved and has come back, or is woken.
    """
    cursor.execute(
        f"""
        INSERT INTO inhouse_reminder
            (deadline_id, due_on, step, recipient_id, stands_in_for_id, channel, made_at, not_before,
             attempts, uncertain, answer, subject, text)
        SELECT d.id, d.due_on, d.step, t.recipient_id, t.stands_in_for_id, t.channel, %s, t.not_before, 0, 0, '', '', ''
        FROM sweep_due d JOIN sweep_told t ON {by} WHERE true
        ON CONFLICT (deadline_id, due_on, step, recipient_id) DO UPDATE SET dropped_at = NULL, attempts = 0,
            channel = excluded.channel, not_before = excluded.not_before, stands_in_for_id = excluded.stands_in_for_id
        WHERE inhouse_reminder.dropped_at IS NOT NULL
        """,
        [connection.ops.adapt_datetimefield_value(clock.now())],
    )


HAS = """EXISTS (
    SELECT 1 FROM inhouse_reminder r JOIN organisation_user u ON u.id = r.recipient_id AND u.is_active
    WHERE r.deadline_id = d.id AND r.due_on = d.due_on AND r.step = d.step AND r.dropped_at IS NULL
)"""
"""Somebody who is there is or was told of the step."""


def _nobody(cursor: Any, audience: Audience) -> list[int]:
    """Those whose people have all left are for whoever is above; those who have nobody there either are told, and stay due."""
    cursor.execute(f"SELECT id, owner_id, administration_id FROM sweep_due d WHERE NOT {HAS}")
    if not (left := cursor.fetchall()):
        return []
    above = {(owner, administration): audience.above(owner, administration) for _id, owner, administration in left}
    cursor.execute("DELETE FROM sweep_told")
    _note(cursor, "above", (((pk, "", None), above[owner, place]) for pk, owner, place in left))
    _insert(cursor, "t.via = 'above' AND t.person_id = d.id")
    cursor.execute(f"DELETE FROM sweep_due AS d WHERE NOT {HAS}")
    return [pk for pk, owner, place in left if not above[owner, place]]


def _advance(cursor: Any) -> None:
    """Let every deadline whose step now has its reminder wait for its next one."""
    cursor.execute(
        "UPDATE inhouse_nextreminder SET day = d.next_day FROM sweep_due d WHERE inhouse_nextreminder.deadline_id = d.id"
    )


# --- days counted by the database


def _overdue(column: str) -> str:
    """Days from a column until a day that is given."""
    if connection.vendor == "postgresql":
        return f"(%s::date - {column})"
    return f"CAST(julianday(%s) - julianday({column}) AS integer)"


def _before(column: str, days: int) -> str:
    return f"{column} - {days}" if connection.vendor == "postgresql" else f"date({column}, '-{days} days')"


def _later(days: str) -> str:
    """So many days after a day that is given."""
    if connection.vendor == "postgresql":
        return f"%s::date + ({days})"
    return f"date(%s, ({days}) || ' days')"


def _places(values: Iterable[Any]) -> str:
    return ", ".join("%s" for _each in values)


def alarms() -> list[str]:
    """Deadlines that nobody is told of."""
    last = Round.objects.filter(kind=Round.Kind.SWEEP).exclude(ended_at=None).order_by("-pk").first()
    if last is None or not last.found:
        return []
    rows = Deadline.objects.open().filter(pk__in=last.found)
    named = ", ".join(str(each) for each in rows.select_related("product")[:NAMED])
    if (more := rows.count() - NAMED) > 0:
        named = ngettext("%(deadlines)s and %(count)s more", "%(deadlines)s and %(count)s more", more) % {
            "deadlines": named,
            "count": more,
        }
    return [_("Nobody can be told of: %(deadlines)s.") % {"deadlines": named}] if named else []
