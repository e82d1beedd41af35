"""How often things are looked at again, by risk class (our proposal, after CMD-21)."""

from __future__ import annotations

import calendar
from datetime import date

MONTHS = {"III": 12, "IIb": 12, "IIa": 24, "I": 36}
FIRST_FOLLOW_UP = 3  # months after use starts: early enough to see what design work cannot show


def months(risk_class: str) -> int:
    """Months between reviews for a class; the shortest where none is set."""
    return MONTHS.get(risk_class, 12)


def add_months(day: date, count: int) -> date:
    """The same day so many months later, or the last of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 + count, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
