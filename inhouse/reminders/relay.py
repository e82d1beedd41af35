"""Sends what is in the outbox: claim with a lease, send, then mark.

Nothing is sent inside a transaction. A worker that dies leaves its claim to run out, and another sends again: that the
server may have taken the first one is counted (`uncertain`). The Message-ID comes from the reminder itself, so that the
same one sent twice can be told by the reader's program, too.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import connection, transaction
from django.db.models import F, Q
from django.utils.translation import ngettext

from inhouse.models import Reminder
from inhouse.reminders import texts
from organisation import access, clock
from organisation.access import Act
from organisation.mail import NotSent, Post, Unknown
from organisation.models import User

LEASE = timedelta(minutes=10)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(hours=4)
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
    """Send everything that is due to be sent, or `limit` mails. Several may run at once."""
    tally = Tally()
    with Post() as post:
        count = 0
        while limit is None or count < limit:
            mails = claim(1 if limit is not None else CLAIMED, tally)
            if not mails:
                break
            for mail in mails:
                send(mail, post, tally)
                count += 1
    return tally


@dataclass
class Mail:
    """The reminders that go out together, claimed."""

    claim: uuid.UUID
    reminders: list[Reminder]

    @property
    def key(self) -> str:
        """Made of nothing but what the mail is of: the same again after a crash."""
        first = self.reminders[0]
        if first.channel == Reminder.Channel.DIGEST:
            return f"digest-{first.recipient_id}-{first.not_before:%Y%m%dT%H%M}"
        return f"{first.deadline_id}-{first.due_on:%Y%m%d}-{first.step}-{first.recipient_id}-{first.channel}"


def message_id(key: str) -> str:
    """Opaque, and always the same for a key."""
    digest = hashlib.sha256(f"{settings.PUBLIC_URL}:{key}".encode()).hexdigest()[:40]
    return f"<{digest}@{urlsplit(settings.PUBLIC_URL).hostname}>"


@transaction.atomic
def claim(most: int, tally: Tally) -> list[Mail]:
    """Take reminders that wait, each for the length of a lease, and with one of a digest the others of that digest."""
    now = clock.now()
    free = Reminder.objects.unsent().filter(Q(leased_until=None) | Q(leased_until__lt=now), not_before__lte=now)
    skip = connection.features.has_select_for_update_skip_locked
    rows = list(free.select_for_update(skip_locked=skip, of=("self",)).order_by("not_before", "pk")[:most])
    digests = {(row.recipient_id, row.not_before) for row in rows if row.channel == Reminder.Channel.DIGEST}
    groups = [[row] for row in rows if row.channel == Reminder.Channel.MAIL]
    for recipient, not_before in sorted(digests):
        of_it = free.filter(channel=Reminder.Channel.DIGEST, recipient=recipient, not_before=not_before)
        groups.append(list(of_it.select_for_update(of=("self",)).order_by("due_on", "pk")))
    mails = [Mail(uuid.uuid4(), group) for group in groups if group]
    for mail in mails:
        tally.uncertain += _take(mail, now + LEASE)
    return mails


def _take(mail: Mail, until: object) -> int:
    """Mark a mail's rows as claimed; says how many of them were claimed before by someone who never came back."""
    keys = [row.pk for row in mail.reminders]
    lost = Reminder.objects.filter(pk__in=keys, claim__isnull=False).update(uncertain=F("uncertain") + 1)
    Reminder.objects.filter(pk__in=keys).update(claim=mail.claim, leased_until=until, attempts=F("attempts") + 1)
    return lost


def send(mail: Mail, post: Post, tally: Tally) -> None:
    """Send one mail and note what came of it."""
    mine = Reminder.objects.unsent().filter(claim=mail.claim)
    mine.update(leased_until=clock.now() + LEASE)  # those before it may have taken long
    rows = list(mine.select_related("deadline__product__unit", "deadline__person", "recipient", "stands_in_for"))
    over = [row.pk for row in rows if row.deadline.ended_on or row.deadline.due_on != row.due_on]
    if over:
        now = clock.now()
        tally.dropped += mine.filter(pk__in=over).update(dropped_at=now, claim=None, leased_until=None)
        rows = [row for row in rows if row.pk not in over]
    if not rows:
        return
    message, shown = compose(rows, mail.key)
    try:
        answer = post.send(message)
    except NotSent as refused:
        _again(mail, str(refused), tally, final=refused.final)
    except Unknown as lost:
        tally.uncertain += mine.update(uncertain=F("uncertain") + 1)
        _again(mail, str(lost), tally)
    else:
        _mark(mine, rows, shown, answer)
        tally.sent += len(rows)


def _mark(mine: object, rows: list[Reminder], shown: dict[int, tuple[str, str]], answer: str) -> None:
    now = clock.now()
    for row in rows:
        row.sent_at, row.answer, row.claim, row.leased_until = now, answer, None, None
        row.subject, row.text = shown[row.pk]
    fields = ["sent_at", "answer", "claim", "leased_until", "subject", "text"]
    Reminder.objects.bulk_update(rows, fields, batch_size=200)


def compose(rows: list[Reminder], key: str) -> tuple[EmailMultiAlternatives, dict[int, tuple[str, str]]]:
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


def _again(mail: Mail, reason: str, tally: Tally, *, final: bool = False) -> None:
    """Let it wait longer each time; give it up after the last attempt or when the server refuses it for good."""
    now = clock.now()
    mine = Reminder.objects.unsent().filter(claim=mail.claim)
    tries = max(mine.values_list("attempts", flat=True), default=0)
    common = {"answer": reason, "claim": None}
    if final or tries >= MOST:
        tally.failed += mine.update(failed_at=now, leased_until=None, **common)
        return
    pause = min(FIRST_PAUSE * 2 ** min(tries - 1, 10), LONGEST_PAUSE)
    tally.again += mine.update(leased_until=now + pause, **common)


# --- for operators


def retry(reminders: object, *, by: User) -> int:
    """Send again what was given up, or at once what waits for its next attempt; says how many."""
    access.require(by, Act.OPERATE)
    rows = Reminder.objects.filter(pk__in=[r.pk for r in reminders], sent_at=None, dropped_at=None, claim=None)  # type: ignore[attr-defined]
    return rows.update(failed_at=None, attempts=0, leased_until=None)


def alarms() -> Iterator[str]:
    """What was given up."""
    if count := Reminder.objects.exclude(failed_at=None).count():
        yield ngettext(
            "%(count)s reminder could not be sent and was given up.",
            "%(count)s reminders could not be sent and were given up.",
            count,
        ) % {"count": count}


__all__ = ["Mail", "Tally", "alarms", "claim", "compose", "message_id", "relay", "retry", "send"]
