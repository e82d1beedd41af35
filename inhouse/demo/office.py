"""What head office does in the demo."""

from __future__ import annotations

from datetime import date, timedelta

from inhouse import lists
from inhouse.demo import region
from inhouse.demo.days import Days, Story, workday
from inhouse.demo.region import Cast
from organisation import clock
from organisation.history import acting
from organisation.models import Institution


class Office(Story):
    """What head office settles."""

    def __init__(self, cast: Cast, today: date) -> None:
        super().__init__("kontoret", cast, today)

    def lived(self) -> Days:
        yield date(2023, 1, 9)
        reason = "Regiondirektörens beslut: diarienummer och publicering ska vara klara före användning."
        with acting(self.cast("per"), reason=reason):
            institution = Institution.objects.get()
            institution.diary_gate = Institution.DiaryGate.BLOCK
            institution.save(update_fields=["diary_gate"])


class HandOuts(Story):
    """The lists that authorities asked for."""

    def __init__(self, cast: Cast, today: date) -> None:
        super().__init__("utlämnanden", cast, today)

    def lived(self) -> Days:
        for row in region.told()["hand_outs"]:
            day = self.day(row["day"])
            yield day
            lists.hand_out(
                self.cast.administrations[row["administration"]],
                on=workday(clock.today() - timedelta(days=1)),
                form=row["form"],
                requested_by=row["asked"],
                requested_on=workday(clock.today() - timedelta(days=6)),
                by=self.cast("birgitta"),
            )
