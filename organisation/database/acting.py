"""Who is acting, why and when: a context variable, handed to the database before it writes.

The triggers that write the history need to know it. It is told once per transaction, before the first write, and told
anew when it has changed. Nothing outlives the transaction: a later write by anyone else is never taken for theirs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper

from organisation import clock

_actor: ContextVar[tuple[Any, str]] = ContextVar("actor", default=(None, ""))


@contextmanager
def acting(user: Any, *, reason: str = "") -> Iterator[None]:
    """Whatever is written inside was done by this user (or by the one with this key), for this reason. The inner wins.

    Nothing is asked of the database here: a lazy `request.user` is looked up when something is first written. None with
    a reason is the register itself (a sweep); None without one is someone unknown.
    """
    token = _actor.set((user, str(reason)))
    try:
        yield
    finally:
        _actor.reset(token)


def who() -> Any:
    """Who is acting: to say something more of what they do (`acting(who(), reason=…)`)."""
    return _actor.get()[0]


class Told(NamedTuple):
    user_id: int | None
    reason: str
    moment: datetime | None  # None: the database looks at its own clock


NOBODY = Told(None, "", None)
WRITES = frozenset({"INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE", "WITH", "COPY", "CALL", "DO", "EXECUTE"})
CONTROL = frozenset({"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE", "PRAGMA"})
FIRST_WORD = re.compile(r"(?:\s|\(|--[^\n]*\n|/\*.*?\*/)*(\w*)", re.DOTALL)


class HandsOver(BaseDatabaseWrapper):
    """A database connection that tells the database who is acting. The two engines say how."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.told: Told | None = NOBODY  # what the open transaction knows; None when that is uncertain
        self.looking_up = False
        self.execute_wrappers.append(self._hand_over)

    def _tell(self, actor: Told) -> None:
        raise NotImplementedError

    def _forget(self) -> None:
        """Called just before COMMIT."""

    def _settle(self, cursor: Any) -> None:
        """Called between a single write and its COMMIT."""

    def _hand_over(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        word = self._first_word(sql)
        if word in CONTROL or self.looking_up:
            return self._control(word, execute, sql, params, many, context)
        if word not in WRITES and self.told == NOBODY:
            return execute(sql, params, many, context)  # reading needs no name; most requests only read
        actor = self._actor()
        if actor == self.told:
            return execute(sql, params, many, context)
        if not self.get_autocommit():
            self.validate_no_broken_transaction()
            self._tell(actor)
            self.told = actor
            return execute(sql, params, many, context)
        if word not in WRITES:
            return execute(sql, params, many, context)
        return self._alone(actor, execute, sql, params, many, context)

    def _first_word(self, sql: Any) -> str:
        text = sql if isinstance(sql, str) else sql.as_string(self.connection)  # psycopg composes statements
        found = FIRST_WORD.match(text)
        return found[1].upper() if found else ""

    def _actor(self) -> Told:
        user, reason = _actor.get()
        self.looking_up = True  # a lazy user is read through this very connection
        try:
            return Told(getattr(user, "pk", user), reason, clock.moment())
        finally:
            self.looking_up = False

    def _control(self, word: str, execute: Callable[..., Any], *rest: Any) -> Any:
        """A savepoint that is rolled back takes what was told inside it along; a COMMIT may be written by hand."""
        if word in ("COMMIT", "END"):
            self._forget()
        result = execute(*rest)
        if word in ("COMMIT", "END", "ROLLBACK", "ABORT"):
            self.told = None
        return result

    def _alone(self, actor: Told, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        """A write outside any transaction gets one of its own, so that telling and writing cannot be torn apart."""
        self.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
        try:
            self._tell(actor)
            self.told = actor
            result = execute(sql, params, many, context)
            self._settle(context["cursor"].cursor)
            self.commit()
        except BaseException:
            self.rollback()
            raise
        finally:
            self.set_autocommit(True)
        return result

    def connect(self) -> None:
        self.told = NOBODY
        super().connect()

    def _commit(self) -> None:
        if self.told != NOBODY:
            self._forget()
            self.told = None  # should the COMMIT fail
        super()._commit()  # type: ignore[misc]
        self.told = NOBODY

    def _rollback(self) -> None:
        super()._rollback()  # type: ignore[misc]
        self.told = NOBODY
