"""What a reminder says, in its reader's language: the same words in the mail and on the page."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from inhouse.deadlines import lists
from inhouse.models import Deadline, Reminder
from organisation import clock
from organisation.models import Institution


@dataclass
class Line:
    """One deadline as it is told to one reader."""

    title: str
    where: str
    when: str
    why: str
    instead_of: str
    address: str
    overdue: bool


@dataclass
class Told:
    """A mail: subject, plain text, HTML, and (subject, text) of each reminder by its key."""

    subject: str
    text: str
    html: str
    of: dict[int, tuple[str, str]] = field(default_factory=dict)


def when(deadline: Deadline) -> str:
    """How long is left, in words, on the day it is read."""
    left = deadline.days_left(clock.today())
    day = {"day": date_format(deadline.due_on), "count": abs(left)}
    if left == 0:
        return _("due today, %(day)s") % day
    if left > 0:
        return ngettext("due on %(day)s, in %(count)s day", "due on %(day)s, in %(count)s days", left) % day
    return ngettext("was due on %(day)s, %(count)s day ago", "was due on %(day)s, %(count)s days ago", -left) % day


def line(reminder: Reminder, institution: Institution, regulation: str) -> Line:
    deadline = reminder.deadline
    rows = lists.requirements(deadline, institution, regulation)
    product = deadline.product
    return Line(
        title=deadline.title,
        where=f"{product.number} {product.name}" if product else str(deadline.administration or institution),
        when=when(deadline),
        why="; ".join(f"{row.title} ({row.source})" for row in rows[:1]),
        instead_of=str(reminder.stands_in_for or ""),
        address=settings.PUBLIC_URL + deadline.get_absolute_url(),
        overdue=deadline.days_left(clock.today()) < 0,
    )


def mail(reminders: list[Reminder]) -> Told:
    """One mail of these reminders, which have one recipient: a line for each deadline, what is overdue first."""
    institution = Institution.objects.get()
    with translation.override(reminders[0].recipient.language):
        ordered = sorted(reminders, key=lambda r: (r.deadline.due_on, r.pk))
        under = lists.regulations({r.deadline.product_id for r in ordered})
        lines = {r.deadline_id: line(r, institution, under.get(r.deadline.product_id or 0, "")) for r in ordered}
        subjects = {key: f"{each.where}: {each.title}, {each.when}" for key, each in lines.items()}
        late = sum(each.overdue for each in lines.values())
        subject = subjects[ordered[0].deadline_id] if len(lines) == 1 else _subject(len(lines), late)
        shared = {"institution": institution, "settings_address": settings.PUBLIC_URL + "/account/"}
        context = {"lines": list(lines.values()), **shared}
        of: dict[int, tuple[str, str]] = {
            r.pk: (
                subjects[r.deadline_id][:250],
                str(render_to_string("inhouse/reminders/mail.txt", {"lines": [lines[r.deadline_id]], **shared})),
            )
            for r in ordered
        }
        return Told(
            subject=" ".join(subject.split())[:250],
            text=render_to_string("inhouse/reminders/mail.txt", context),
            html=render_to_string("inhouse/reminders/mail.html", {"subject": subject, **context}),
            of=of,
        )


def _subject(count: int, late: int) -> str:
    told = ngettext("%(count)s deadline", "%(count)s deadlines", count) % {"count": count}
    return _("%(deadlines)s, %(late)s overdue") % {"deadlines": told, "late": late} if late else told


__all__ = ["Line", "Told", "line", "mail", "when"]
