"""Who is away, and who stands in."""

from __future__ import annotations

from datetime import date

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from organisation.history import recorded
from organisation.models.people import User


class AbsenceQuerySet(models.QuerySet["Absence"]):
    def on(self, day: date) -> AbsenceQuerySet:
        return self.filter(since__lte=day, until__gte=day)


@recorded()
class Absence(models.Model):
    """Days on which what is sent to a person goes to another. It gives the stand-in no right to act."""

    person = models.ForeignKey(User, models.PROTECT, related_name="absences", verbose_name=_("person"))
    stand_in = models.ForeignKey(User, models.PROTECT, related_name="stands_in", verbose_name=_("stand-in"))
    since = models.DateField(_("from"))
    until = models.DateField(_("until"))

    objects = AbsenceQuerySet.as_manager()

    class Meta:
        verbose_name = _("absence")
        verbose_name_plural = _("absences")
        ordering = ["since", "pk"]
        indexes = [models.Index(fields=["person", "until"])]
        constraints = [
            models.CheckConstraint(
                name="absence_days_in_order",
                condition=Q(until__gte=F("since")),
                violation_error_message=_("The last day cannot come before the first."),
            ),
            models.CheckConstraint(
                name="absence_by_another",
                condition=~Q(stand_in=F("person")),
                violation_error_message=_("Someone else stands in."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person}: {self.stand_in}"
