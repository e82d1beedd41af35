"""Sends what is in the outbox: claim with a lease, send, then mark.

Nothing is sent inside a transaction. A worker that dies leaves its claim to run out, and another sends again: that the
server may have taken the first one is counted (`uncertain`). What is claimed together for the first time stays one mail
with one Message-ID, so that a program that shows only one of two with the same does not hide what is new.
"""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import Error, transaction
from django.db.models import F, Q
from django.utils.translation import ngettext

from inhouse.models import NextReminder, Reminder
from inhouse.models.deadlines import ReminderQuerySet
from inhouse.reminders import texts
from inhouse.reminders.audience import Audience
from organisation import access, clock
from organisation.access import Act
from organisation.mail import NotSent, Post, Unknown
from organisation.models import User

logger = logging.getLogger(__name__)
MINUTE = timedelta(seconds=settings.MINUTE)
LEASE = 10 * MINUTE
FIRST_PAUSE, LONGEST_PAUSE = MINUTE, 240 * MINUTE
LATE = timedelta(hours=2)
MOST = 40  # attempts, about five days, before it is given up and shown to the operator
CLAIMED = 50  # at once


@dataclass
class Tally:
    """What one run did, in reminders."""

    sent: int = 0
    dropped: int = 0
    again: int = 0
    failed: int = 0
    uncertain: int = 0


def relay(*, limit: int | None = None) -> Tally:
    """Send everything that is due to be sent, or `limit` mails. Several may run at once.

    It ends early, and lets go of what it has not tried, when the server is not there, or in good time before a lease
    of its own runs out. The next one comes in a minute.
    """
    tally, until, count = Tally(), clock.now() + LEASE / 2, 0
    with Post() as post:
        while limit is None or count < limit:
            mails = claim(1 if limit is not None else CLAIMED, tally)
            if mails is None:
                break
            audience = Audience(clock.today())
            for number, mail in enumerate(mails, 1):
                if not send(mail, post, tally, audience) or clock.now() > until:
                    _let_go(mails[number:])
                    return tally
                count += 1
    return tally


@dataclass
class Mail:
    """The reminders that go out together, claimed."""

    key: uuid.UUID
    claim: uuid.UUID
    reminders: list[Reminder]


def message_id(key: uuid.UUID) -> str:
    """Opaque, and always the same for a mail."""
    digest = hashlib.sha256(f"{settings.PUBLIC_URL}:{key}".encode()).hexdigest()[:40]
    return f"<{digest}@{urlsplit(settings.PUBLIC_URL).hostname}>"


@transaction.atomic
def claim(most: int, tally: Tally) -> list[Mail] | None:
    """Take reminders that wait, for the length of a lease, and with one of a mail the others of that mail.

    None: nothing waits. An empty list: another worker was quicker.
    """
    now = clock.now()
    free = Reminder.objects.unsent().filter(Q(leased_until=None) | Q(leased_until__lt=now), not_before__lte=now)
    first = list(free.order_by("not_before", "pk")[:most])
    if not first:
        return None
    new = [row for row in first if row.mail is None]
    wanted = Q(mail__in={row.mail for row in first if row.mail}) | Q(mail=None, pk__in=[row.pk for row in new])
    for recipient, not_before in {digest for row in new if (digest := _digest(row))}:
        wanted |= Q(mail=None, channel=Reminder.Channel.DIGEST, recipient=recipient, not_before=not_before)
    groups: dict[object, list[Reminder]] = defaultdict(list)
    # locked in one order, and whole mails at once: two workers neither share one nor wait for each other in a circle
    for row in free.filter(wanted).select_for_update(of=("self",)).order_by("pk"):
        groups[row.mail or _digest(row) or row.pk].append(row)
    mails = [Mail(group[0].mail or uuid.uuid4(), uuid.uuid4(), group) for group in groups.values()]
    for mail in mails:
        tally.uncertain += _take(mail, now + LEASE)
    return mails


def _digest(row: Reminder) -> tuple[int, datetime] | None:
    """Which digest a reminder goes into when it is first sent; None for one that goes alone."""
    return (row.recipient_id, row.not_before) if row.channel == Reminder.Channel.DIGEST else None


def _take(mail: Mail, until: object) -> int:
    """Mark a mail's rows as claimed; says how many of them were claimed before by someone who never came back."""
    keys = [row.pk for row in mail.reminders]
    lost = Reminder.objects.filter(pk__in=keys, claim__isnull=False).update(uncertain=F("uncertain") + 1)
    Reminder.objects.filter(pk__in=keys).update(
        mail=mail.key, claim=mail.claim, leased_until=until, attempts=F("attempts") + 1
    )
    return lost


def _let_go(mails: list[Mail]) -> None:
    """Give back what was claimed and not tried."""
    untried = Reminder.objects.unsent().filter(claim__in=[mail.claim for mail in mails])
    untried.update(claim=None, leased_until=None, attempts=F("attempts") - 1)


def send(mail: Mail, post: Post, tally: Tally, audience: Audience) -> bool:
    """Send one mail and note what came of it; whether the server is there for the next one."""
    mine = Reminder.objects.unsent().filter(claim=mail.claim)
    mine.update(leased_until=clock.now() + LEASE)  # those before it may have taken long
    rows = list(mine.select_related("deadline__product__unit", "deadline__person", "recipient", "stands_in_for"))
    over = [row for row in rows if _is_over(row)]
    another = [row for row in rows if row not in over and _is_for_another(row, audience)]
    if dropped := [*over, *another]:
        _drop(mine, dropped, another, tally)
        rows = [row for row in rows if row not in dropped]
    if not rows:
        return True
    try:
        message, shown = compose(rows, mail.key)
        answer = post.send(message)
    except NotSent as refused:
        _again(mail, str(refused), tally, final=refused.final)
        return not refused.gone
    except Unknown as lost:
        _again(mail, str(lost), tally, uncertain=1)
        return False
    except Error:
        raise  # the database's own
    except Exception as fault:  # of this mail, which must not hold up the others
        logger.exception("A reminder could not be written")
        _again(mail, f"{type(fault).__name__}: {fault}"[:500], tally)
        return True
    _mark(rows, shown, answer)
    tally.sent += len(rows)
    return True


def _is_over(row: Reminder) -> bool:
    """It is not told any more, or not now: a sweep takes it up again when that changes."""
    deadline = row.deadline
    snoozed = deadline.snoozed_until is not None and deadline.snoozed_until > clock.today()
    return deadline.ended_on is not None or deadline.due_on != row.due_on or snoozed


def _is_for_another(row: Reminder, audience: Audience) -> bool:
    """Since it was made, its recipient has left or gone away, or whom they stand in for is back."""
    return audience.stand_in(row.stands_in_for_id or row.recipient_id) != row.recipient_id


@transaction.atomic
def _drop(mine: ReminderQuerySet, dropped: list[Reminder], another: list[Reminder], tally: Tally) -> None:
    """Send them no more; what is for another is looked at by the next sweep, which tells them."""
    rows = mine.filter(pk__in=[row.pk for row in dropped])
    tally.dropped += rows.update(dropped_at=clock.now(), mail=None, claim=None, leased_until=None)
    theirs = NextReminder.objects.filter(deadline__in=[row.deadline_id for row in another])
    theirs.update(day=clock.today())


def _mark(rows: list[Reminder], shown: dict[int, tuple[str, str]], answer: str) -> None:
    """They were taken, whatever another worker may have noted since this one's lease ran out."""
    now = clock.now()
    for row in rows:
        row.sent_at, row.answer, row.claim, row.leased_until = now, answer, None, None
        row.failed_at, row.dropped_at = None, None
        row.subject, row.text = shown[row.pk]
    fields = ["sent_at", "answer", "claim", "leased_until", "failed_at", "dropped_at", "subject", "text"]
    Reminder.objects.bulk_update(rows, fields, batch_size=200)


def compose(rows: list[Reminder], key: uuid.UUID) -> tuple[EmailMultiAlternatives, dict[int, tuple[str, str]]]:
    """The mail, and of each reminder in it the words it says: (subject, text)."""
    told = texts.mail(rows)
    message = EmailMultiAlternatives(
        subject=told.subject,
        body=told.text,
        from_email=settings.DEFAULT_FROM_EMAIL,
        to=[rows[0].recipient.email],
        headers={"Message-ID": message_id(key), "Auto-Submitted": "auto-generated"},
    )
    message.attach_alternative(told.html, "text/html")
    return message, told.of


def _again(mail: Mail, reason: str, tally: Tally, *, final: bool = False, uncertain: int = 0) -> None:
    """Let it wait longer each time; give it up after the last attempt or when the server refuses it for good."""
    now = clock.now()
    mine = Reminder.objects.unsent().filter(claim=mail.claim)
    tries = max(mine.values_list("attempts", flat=True), default=0)
    common = {"answer": reason, "claim": None, "uncertain": F("uncertain") + uncertain}
    tally.uncertain += uncertain and mine.count()
    if final or tries >= MOST:
        tally.failed += mine.update(failed_at=now, leased_until=None, **common)
        return
    pause = min(FIRST_PAUSE * 2 ** min(tries - 1, 10), LONGEST_PAUSE)
    tally.again += mine.update(leased_until=now + pause, **common)


# --- for operators


def retry(reminders: Collection[Reminder], *, by: User) -> int:
    """Send again what was given up, or at once what waits for its next attempt, in the same mails; says how many."""
    access.require(by, Act.OPERATE)
    asked = Q(pk__in=[r.pk for r in reminders]) | Q(mail__in=[r.mail for r in reminders if r.mail])
    rows = Reminder.objects.filter(asked, sent_at=None, dropped_at=None, claim=None)
    return rows.update(failed_at=None, attempts=0, leased_until=None)


def alarms() -> Iterator[str]:
    """What was given up, and what should have gone long ago."""
    if count := Reminder.objects.exclude(failed_at=None).count():
        yield ngettext(
            "%(count)s reminder could not be sent and was given up.",
            "%(count)s reminders could not be sent and were given up.",
            count,
        ) % {"count": count}
    now = clock.now()
    waiting = Reminder.objects.unsent().filter(not_before__lt=now - LATE, made_at__lt=now - LATE)
    if count := waiting.count():
        yield ngettext(
            "%(count)s reminder has waited for more than two hours to be sent.",
            "%(count)s reminders have waited for more than two hours to be sent.",
            count,
        ) % {"count": count}


__all__ = ["Mail", "Tally", "alarms", "claim", "compose", "message_id", "relay", "retry", "send"]
