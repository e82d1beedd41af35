"""Which deadlines a list is of: whose they are, what they are narrowed to, and how they lie in weeks and months."""

from __future__ import annotations

from calendar import Calendar, monthrange
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

from django.db import models
from django.db.models import Count, F, Q, Window
from django.db.models.functions import RowNumber, TruncMonth
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from inhouse import law
from inhouse.deadlines import kinds
from inhouse.intervals import add_months
from inhouse.law import Requirement
from inhouse.models import Deadline
from inhouse.models.deadlines import DeadlineQuerySet
from organisation import clock
from organisation.models import Absence, Assignment, Institution, Role, User
from products.models import Product, Revision

OF_A_DAY = 4  # deadlines of one day in the picture of a month; the others are counted


class Whose(models.TextChoices):
    MINE = "mine", gettext_lazy("Mine")
    PRODUCTS = "products", gettext_lazy("My products")
    ADMINISTRATION = "administration", gettext_lazy("My administration")
    ALL = "all", gettext_lazy("All")


class State(models.TextChoices):
    OPEN = "", gettext_lazy("all that are open")
    OVERDUE = "overdue", gettext_lazy("overdue")
    NEXT_30 = "30", gettext_lazy("due within 30 days")
    NEXT_90 = "90", gettext_lazy("due within 90 days")
    SNOOZED = "snoozed", gettext_lazy("snoozed")
    ENDED = "ended", gettext_lazy("ended")


def mine(user: User) -> Q:
    """For this person, for a role they hold there, or for someone they stand in for today."""
    people = _in_whose_place(user)
    found = Q(person__in=people)
    held = Assignment.objects.on(clock.today()).filter(user__in=people).order_by()
    for role, administration in held.values_list("role", "administration").distinct():
        there = Q(administration=administration) if administration else Q()
        found |= Q(person=None, role=role) & there
    return found


def _in_whose_place(user: User) -> set[int]:
    """The person, and those whose reminders they get today, also through someone who is away as well."""
    away = dict(Absence.objects.on(clock.today()).order_by("pk").values_list("person", "stand_in"))
    people = {user.pk}
    while others := {person for person, instead in away.items() if instead in people} - people:
        people |= others
    return people


def of(user: User, whose: str) -> DeadlineQuerySet:
    """The deadlines under one of the four headings, open and ended."""
    if whose == Whose.MINE:
        return Deadline.objects.filter(mine(user))
    if whose == Whose.PRODUCTS:
        return Deadline.objects.filter(product__owner=user)
    if whose == Whose.ADMINISTRATION:
        return Deadline.objects.filter(administration=user.unit.administration_id)
    return Deadline.objects.all()


def narrowed(
    found: DeadlineQuerySet, *, state: str = "", kind: str = "", q: str = "", day: date | None = None
) -> DeadlineQuerySet:
    """What is left of them; open ones by the day they are due, ended ones by the day they ended, newest first."""
    today = clock.today()
    found = found.filter(ended_on__isnull=False) if state == State.ENDED else found.open()
    if state == State.OVERDUE:
        found = found.filter(due_on__lt=today)
    elif state in (State.NEXT_30, State.NEXT_90):
        found = found.filter(due_on__range=(today, today + timedelta(days=int(state))))
    elif state == State.SNOOZED:
        found = found.filter(snoozed_until__gt=today)
    if kind:
        found = found.filter(kind=kind)
    if q:
        found = found.filter(Q(product__number__icontains=q) | Q(product__name__icontains=q))
    if day:
        found = found.filter(due_on=day)
    return found.order_by("-ended_on", "-pk") if state == State.ENDED else found


def of_product(product: Product, count: int) -> list[Deadline]:
    """Its next open ones."""
    return list(Deadline.objects.open().filter(product=product)[:count])


# --- one deadline as a list shows it


def regulations(products: Iterable[int | None]) -> dict[int, str]:
    """Under which regulation each of these products is made, by its newest revision."""
    rows = Revision.objects.filter(product__in=[pk for pk in products if pk]).order_by("product", "number")
    return dict(rows.values_list("product", "regulation"))


def requirements(deadline: Deadline, institution: Institution, regulation: str = "") -> list[Requirement]:
    """Those that ask for it, of the regulation its product is made under."""
    rows = kinds.KINDS[deadline.kind].rows(institution, clock.today())
    packs = law.packs()
    return [row for row in rows if not regulation or packs[row.pack].regulation in (regulation, law.BOTH)]


@dataclass(frozen=True)
class Line:
    deadline: Deadline
    today: date

    @property
    def title(self) -> str:
        return self.deadline.title

    @property
    def whose(self) -> str:
        return whose(self.deadline)

    @property
    def left(self) -> str:
        return left(self.deadline, self.today)

    @property
    def state(self) -> str:
        """danger when its day has passed, warning within two weeks, else neutral."""
        if self.deadline.ended_on:
            return "neutral"
        return urgency(self.deadline.due_on, self.today)

    @property
    def waits(self) -> bool:
        """Whether someone let it wait, and it still does."""
        until = self.deadline.snoozed_until
        return bool(until and until > self.today and not self.deadline.ended_on)

    @property
    def group(self) -> str:
        """Under which heading it stands."""
        due, monday = self.deadline.due_on, self.today - timedelta(days=self.today.weekday())
        if self.deadline.ended_on:
            return _("Ended")
        if due < self.today:
            return _("Overdue")
        if due < monday + timedelta(days=7):
            return _("This week")
        if (due.year, due.month) == (self.today.year, self.today.month):
            return _("This month")
        return _("Later")


def urgency(due_on: date, today: date) -> str:
    left = (due_on - today).days
    return "danger" if left < 0 else "warning" if left <= 14 else "neutral"


def left(deadline: Deadline, today: date) -> str:
    """How long is left, or how long it has been overdue."""
    days = deadline.days_left(today)
    if days == 0:
        return _("today")
    if days > 0:
        return ngettext("in %(count)s day", "in %(count)s days", days) % {"count": days}
    return ngettext("%(count)s day overdue", "%(count)s days overdue", -days) % {"count": -days}


def whose(deadline: Deadline) -> str:
    """Who is to do it: a person, or those who hold a role somewhere."""
    if deadline.person:
        return str(deadline.person)
    place = deadline.administration or _("whole institution")
    return f"{Role(deadline.role).label}, {place}"


# --- months


@dataclass
class Day:
    """A day in the picture of a month; `count` also has those that are not shown."""

    day: date
    count: int = 0
    lines: list[Line] = field(default_factory=list)

    @property
    def more(self) -> int:
        return self.count - len(self.lines)


def month_of(found: DeadlineQuerySet, first: date) -> list[tuple[int, list[Day | None]]]:
    """The weeks of a month, each with its number and seven days; None for days of another month."""
    today = clock.today()
    last = first.replace(day=monthrange(first.year, first.month)[1])
    within = found.filter(due_on__range=(first, last)).order_by()
    counts = dict(within.values_list("due_on").annotate(count=Count("pk")))
    place = Window(RowNumber(), partition_by=F("due_on"), order_by=F("pk").asc())
    lines = defaultdict(list)
    for deadline in within.with_all().annotate(place=place).filter(place__lte=OF_A_DAY).order_by("due_on", "pk"):
        lines[deadline.due_on].append(Line(deadline, today))
    weeks = []
    for week in Calendar().monthdatescalendar(first.year, first.month):
        days = [Day(day, counts.get(day, 0), lines[day]) if day.month == first.month else None for day in week]
        weeks.append((week[0].isocalendar().week, days))
    return weeks


@dataclass
class Month:
    """How many are due in a month; of them `late` are overdue. Bars are in thousandths of the longest."""

    first: date
    count: int = 0
    late: int = 0
    longest: int = 1

    @property
    def bar(self) -> int:
        return self.count * 1000 // self.longest

    @property
    def late_bar(self) -> int:
        return self.late * 1000 // self.longest


def months_of(found: DeadlineQuerySet, first: date) -> tuple[list[Month], dict[str, int]]:
    """Twelve months from that one on, and how many are due before and after them."""
    end = add_months(first, 12)
    within = found.filter(due_on__gte=first, due_on__lt=end).order_by().annotate(month=TruncMonth("due_on"))
    late = Count("pk", filter=Q(due_on__lt=clock.today(), ended_on=None))
    rows = within.values("month").annotate(count=Count("pk"), late=late)
    counted = {row["month"]: (row["count"], row["late"]) for row in rows}
    longest = max((count for count, _late in counted.values()), default=1)
    months = [
        Month(month, *counted.get(month, (0, 0)), longest) for month in (add_months(first, each) for each in range(12))
    ]
    beyond = found.order_by().aggregate(
        before=Count("pk", filter=Q(due_on__lt=first)),
        late_before=Count("pk", filter=Q(due_on__lt=min(first, clock.today()), ended_on=None)),
        after=Count("pk", filter=Q(due_on__gte=end)),
    )
    return months, beyond
