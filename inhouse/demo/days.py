"""When things happen in the demo: days of work, and stories that go on from one to another."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from random import Random

from django.utils import timezone

from inhouse.demo.region import Cast
from inhouse.demo.stories import Day, day_of

Days = Iterator[date]
SEED = "Västmarken"
HOLIDAYS = {(1, 1), (1, 6), (5, 1), (6, 6), (12, 24), (12, 25), (12, 26), (12, 31)}


def workday(day: date, step: int = -1) -> date:
    """That day, or the nearest before (or after) it on which people work."""
    while day.weekday() > 4 or (day.month, day.day) in HOLIDAYS:
        day += timedelta(days=step)
    return day


class Story:
    """Something that happens in the course of years."""

    def __init__(self, key: str, cast: Cast, today: date) -> None:
        self.key, self.cast, self.today = key, cast, today
        self.rng = Random(f"{SEED} {key}")  # noqa: S311 (chance for a story, no secret)
        self.last: datetime | None = None
        self.life = self.lived()

    def lived(self) -> Days:
        raise NotImplementedError

    def day(self, day: Day) -> date:
        return day_of(day, self.today)

    def moment(self, wanted: date) -> datetime:
        """Office hours of that day; never before what already happened, and a few minutes after it on the same day."""
        last = timezone.localtime(self.last) if self.last else None
        day = workday(wanted)
        if last and day <= last.date():
            later = last + timedelta(minutes=self.rng.randint(4, 35))
            if later.hour < 17:
                return later
            day = workday(last.date() + timedelta(days=1), +1)
        since_seven = timedelta(seconds=self.rng.randint(40 * 60, 520 * 60))
        return timezone.make_aware(datetime.combine(day, time(7)) + since_seven)
