"""Programs that open files others made: outside our process, with little memory and time, knowing nothing of us."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from threading import Timer
from typing import IO

MEMORY = 1 << 30  # bytes of addresses; a page of a drawing takes a tenth
WRITTEN = 1 << 20  # bytes, should it ever open a file to write
LIMITS = ("prlimit", f"--as={MEMORY}", f"--fsize={WRITTEN}", "--nofile=64", "--core=0")
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}  # none of ours, where secrets are
ITS_FILE = "/dev/stdin"  # what it opens: the file that was checked, and no name of ours


class Failed(Exception):
    """The program did not open the file."""


class TooLong(Exception):
    """The program was ended before it was done."""


class TooMuch(Exception):
    """The program said more than anyone wants to hear."""


def output(command: list[str], file: IO[bytes], *, seconds: int, most: int) -> Iterator[bytes]:
    """What the program says, in pieces of at most 64 kB; it is ended when nobody listens any more."""
    with subprocess.Popen(  # noqa: S603  (fixed words and numbers; the file comes as an open handle)
        [*LIMITS, f"--cpu={seconds}", *command],
        stdin=file,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=ENVIRONMENT,
        cwd="/",
        start_new_session=True,
    ) as process:
        said, late = 0, Timer(seconds + 1, process.kill)
        late.start()
        try:
            assert process.stdout is not None
            while piece := process.stdout.read(1 << 16):
                said += len(piece)
                if said > most:
                    raise TooMuch
                yield piece
            code = process.wait()
        finally:
            late.cancel()
            process.kill()
    if code < 0:  # a signal: ours, or the limit's
        raise TooLong
    if code:
        raise Failed(f"{command[0]} ended with {code}")
