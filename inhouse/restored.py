"""What must hold on a machine that was restored: every file, the whole history, the public register, and that the keys fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from documents import auditing, checking
from inhouse import register
from inhouse.models import Leaf
from organisation import factors
from products import patients

Say = Callable[[str], object]


def differences(*, say: Say = lambda text: None) -> Iterator[str]:
    """Everything that is not as it must be, in words for whoever restores. Looks at all of it, whatever it finds."""
    yield from _files(say)
    yield from _history(say)
    found = list(register.faults())
    say(f"Register: {Leaf.objects.count()} entries computed anew, {len(found)} findings.")
    yield from found
    yield from _keys(say)


def _files(say: Say) -> Iterator[str]:
    count, bad = 0, []
    for file, check in checking.everything():
        count += 1
        if check.is_bad:
            bad.append(f"file {checking.name(file)}: {check.get_found_display()}")
    say(f"Files: {count} compared with their hash, {len(bad)} damaged or missing.")
    yield from bad


def _history(say: Say) -> Iterator[str]:
    auditing.break_off("It was under way when the backup was made.")
    check = auditing.begin()
    found = auditing.run(check)
    say(f"History: {check.rows} rows checked against their seals, {check.found} findings.")
    for finding in found:
        yield f"history: {finding.sentence}"
    if check.found > len(found):
        yield f"history: … and {check.found - len(found)} more"


def _keys(say: Say) -> Iterator[str]:
    """History and register have told of theirs."""
    numbers, apps = patients.unreadable(), factors.unreadable()
    say(f"Keys: {numbers} patients’ numbers and {apps} authenticator apps cannot be read with those of this machine.")
    if numbers:
        yield f"{numbers} patients’ numbers cannot be read: PATIENT_KEYS or PATIENT_INDEX_KEY are not those of the backup"
    if apps:
        yield f"{apps} authenticator apps cannot be read: SECOND_FACTOR_KEYS are not those of the backup"
