"""Days counted by the database, on PostgreSQL and SQLite: for the statements that advance many deadlines at once."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.db.models import DateField, F, Func, IntegerField, Value


class DaysBefore(Func):
    """The day so many days before a date column."""

    output_field = DateField()

    def __init__(self, column: str, days: int) -> None:
        super().__init__(F(column), Value(days))

    def as_sql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return super().as_sql(compiler, connection, template="(%(expressions)s)", arg_joiner=" - ", **extra)

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return super().as_sql(
            compiler, connection, template="date(%(expressions)s || ' days')", arg_joiner=", -", **extra
        )


class Overdue(Func):
    """Days from a date column until a day; whole and not negative for what is overdue."""

    output_field = IntegerField()

    def __init__(self, column: str, day: date) -> None:
        super().__init__(Value(day, DateField()), F(column))

    def as_sql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return super().as_sql(compiler, connection, template="(%(expressions)s)", arg_joiner=" - ", **extra)

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        template = "CAST(julianday(%(expressions)s) AS INTEGER)"
        return super().as_sql(compiler, connection, template=template, arg_joiner=") - julianday(", **extra)


class Later(Func):
    """A day so many days later, where the number is itself an expression."""

    output_field = DateField()

    def __init__(self, day: date, days: Any) -> None:
        super().__init__(Value(day, DateField()), days)

    def as_sql(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        return super().as_sql(compiler, connection, template="(%(expressions)s)", arg_joiner=" + ", **extra)

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        template = "date(%(expressions)s || ' days')"
        return super().as_sql(compiler, connection, template=template, arg_joiner=", ", **extra)
