"""What people should have been told, counted without the code that tells them; and the verdict on what they were.

The ladder is written down here a second time, day by day, on purpose.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from email import message_from_bytes, policy
from itertools import chain
from typing import Any, NamedTuple

from django.utils import translation
from django.utils.formats import date_format

from inhouse.models import Reminder
from inhouse.reminders import relay


class Told(NamedTuple):
    """One step of one deadline with its due day, for one person."""

    deadline: int
    due: date
    step: int
    person: int


def step_of(due: date, day: date) -> int | None:
    """The last milestone of the ladder that has passed on that day."""
    passed = None
    for step in chain((60, 30, 7), range(0, -4000, -7)):
        if day < due - timedelta(days=step):
            break
        passed = step
    return passed


@dataclass
class Expected:
    """`must` was due on a day on which a sweep came to its end; `may` is everything on days that were lived at all."""

    must: set[Told] = field(default_factory=set)
    may: set[Told] = field(default_factory=set)

    def on(
        self, day: date, deadline: int, due: date, people: Iterable[int], heads: Iterable[int], *, swept: bool
    ) -> None:
        """A deadline was open that day, for these people; the heads are told a week after the due day."""
        step = step_of(due, day)
        if step is None:
            return
        told = {Told(deadline, due, step, person) for person in (*people, *(heads if step <= -7 else ()))}
        self.may |= told
        if swept:
            self.must |= told

    def excuse(self, deadline: int, due: date | None = None) -> None:
        """It was moved, ended or put off: what was not sent by then need not be."""
        self.must -= {each for each in self.must if each.deadline == deadline and due in (None, each.due)}


@dataclass
class Taken:
    """A message that the server took. `answered`: it said so, and the client was still there."""

    message_id: str
    to: str
    lines: list[tuple[int, str]]  # of each deadline in it: key and the line that says when
    answered: bool = True
    at: float = 0.0


BLOCK = re.compile(r"^(?P<when>(?:was due|due) .*)$(?:\n.+)*?\n\S+/deadlines/(?P<key>\d+)/$", re.MULTILINE)


def read(content: bytes, **more: Any) -> Taken:
    message = message_from_bytes(content, policy=policy.default)
    body: Any = message.get_body(("plain",))
    return opened(str(message["Message-ID"]), str(message["To"]), body.get_content(), **more)


def opened(message_id: str, to: str, text: str, **more: Any) -> Taken:
    lines = [(int(found["key"]), found["when"]) for found in BLOCK.finditer(text.replace("\r\n", "\n"))]
    return Taken(message_id, to, lines, **more)


@dataclass
class Verdict:
    """One run."""

    seed: int
    kind: str = ""
    faults: Counter[str] = field(default_factory=Counter)
    expected: int = 0
    sent: int = 0
    dropped: int = 0
    given_up: int = 0
    uncertain: int = 0
    copies: int = 0  # beyond the first
    unanswered: int = 0  # of those: the server had given no answer to the one before
    unnoted: int = 0  # of those: the sender died, or lost the database or its lease, before it noted the answer
    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not (self.lost or self.wrong)

    def as_dict(self) -> dict[str, Any]:
        return vars(self) | {"faults": dict(self.faults)}


def judge(verdict: Verdict, expected: Expected, taken: list[Taken], rows: list[Reminder], revived: set[int]) -> Verdict:
    """Hold what was taken and what is recorded against what was expected. `revived`: deadlines that were put off."""
    by_id: dict[str, list[Taken]] = defaultdict(list)
    for each in taken:
        by_id[each.message_id].append(each)
        if news := {key for key, _when in each.lines} - {key for key, _when in by_id[each.message_id][0].lines}:
            verdict.wrong.append(f"{news} came under a Message-ID that was used before: programs may hide it")
    told: dict[Told, Reminder] = {}
    known = {relay.message_id(row.mail) for row in rows if row.mail}
    for row in rows:
        key = Told(row.deadline_id, row.due_on, row.step, row.recipient_id)
        told[key] = row
        copies = [each for each in by_id[relay.message_id(row.mail)] if _says(each, row)] if row.mail else []
        _judge_row(verdict, key, row, copies, expected)
        verdict.wrong += [f"{key} went to {each.to}" for each in copies if each.to != row.recipient.email]
    for key in sorted(expected.must):
        verdict.expected += 1
        if key not in told:
            verdict.lost.append(f"{key}: no reminder was made")
        elif not (told[key].sent_at or (told[key].failed_at and told[key].answer[:1] == "5")):
            verdict.lost.append(f"{key}: {told[key].state} {told[key].answer}")
    may = {(each.deadline, each.person) for each in expected.may}
    people = {row.recipient.email: row.recipient_id for row in rows}
    for mail in taken:
        for deadline, _when in mail.lines:
            if (deadline, people.get(mail.to)) not in may:
                verdict.wrong.append(f"deadline {deadline} was told to {mail.to}")
        if mail.message_id not in known and not {key for key, _when in mail.lines} & revived:
            verdict.wrong.append(f"a mail that was taken is in no record: {mail}")
    return verdict


def _judge_row(verdict: Verdict, key: Told, row: Reminder, copies: list[Taken], expected: Expected) -> None:
    verdict.sent += row.sent_at is not None
    verdict.dropped += row.dropped_at is not None
    verdict.given_up += row.failed_at is not None
    verdict.uncertain += row.uncertain
    verdict.copies += max(0, len(copies) - 1)
    for each in copies[:-1]:
        verdict.unanswered += not each.answered
        verdict.unnoted += each.answered
    if row.state not in ("sent", "dropped", "failed"):
        verdict.lost.append(f"{key}: still {row.state}")
    if row.sent_at and not copies:
        verdict.lost.append(f"{key}: is marked as sent, and no server took it")
    if len(copies) - 1 > row.uncertain:
        verdict.wrong.append(f"{key}: taken {len(copies)} times, {row.uncertain} counted as uncertain")
    if row.failed_at and not row.answer:
        verdict.wrong.append(f"{key}: given up without a reason")
    if row.dropped_at and key in expected.must:
        verdict.lost.append(f"{key}: dropped although it was due")
    if key not in expected.may:
        verdict.wrong.append(f"{key}: nobody should be told of that")


def _says(mail: Taken, row: Reminder) -> bool:
    with translation.override("en"):
        day = date_format(row.due_on)
    return any(key == row.deadline_id and day in when for key, when in mail.lines)
