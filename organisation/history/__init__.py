"""The history that the database writes: every insert, update and delete of a recorded table, with who and why.

- `@recorded()` above a model keeps every change of its rows; `@locked(…)` lets the database refuse changes.
- `acting(user, reason=…)` says who and why for whatever is written inside.
- A migration that changes a schema ends with `history.Triggers()`; `missing()` tells what the database would not keep.
- `of(Unit)` is the history of a model, `of(unit)` that of one object; `entries(…)` reads histories as sentences,
  `latest(…)` as many as a page shows of itself.

The triggers are made from the real columns, on PostgreSQL and SQLite; django-simple-history gives the tables and
managers, its own writing by signals is off.
"""

from organisation.database.acting import acting, who
from organisation.history.operations import Triggers, triggers_wanted
from organisation.history.reading import RETOLD, SHORT, Change, Entry, entries, latest
from organisation.history.records import Records, lets_erase, locked, of, recorded
from organisation.history.tables import Table
from organisation.history.triggers import Gap, append_only, install, missing, refuse_gaps, strange

__all__ = [
    "RETOLD",
    "SHORT",
    "Change",
    "Entry",
    "Gap",
    "Records",
    "Table",
    "Triggers",
    "acting",
    "append_only",
    "entries",
    "install",
    "latest",
    "lets_erase",
    "locked",
    "missing",
    "of",
    "recorded",
    "refuse_gaps",
    "strange",
    "triggers_wanted",
    "who",
]
