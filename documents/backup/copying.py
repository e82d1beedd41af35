"""Copies of stored files: each is compared with its hash while it is copied, and in place only when it is whole."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import IO

CHUNK = 1024 * 1024  # bytes


class NotWhole(Exception):
    """What should be copied is missing or damaged; the text says which."""


def copy(source: Path, target: Path, *, digest: str, by_way_of: Path) -> None:
    """Copy the file of this hash; raises NotWhole, and then nothing is in place.

    `by_way_of` is a folder on the target's file system that may hold what is unfinished. Trouble with writing (a full
    disk) is raised as it comes.
    """
    made = by_way_of / digest
    made.unlink(missing_ok=True)  # of a copy that was killed
    try:
        try:
            opened = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            raise NotWhole("missing") from None
        except OSError as trouble:
            raise NotWhole(f"damaged: {trouble.strerror}") from trouble
        with os.fdopen(opened, "rb") as held, made.open("wb") as file:
            found = hashlib.sha256()
            while chunk := _chunk(held):
                found.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        if found.hexdigest() != digest:
            raise NotWhole("damaged: its content was changed")
        target.parent.mkdir(parents=True, exist_ok=True)
        made.chmod(0o440)
        made.replace(target)
    finally:
        made.unlink(missing_ok=True)


def _chunk(held: IO[bytes]) -> bytes:
    """The next piece; trouble with reading is damage, trouble with writing is not."""
    try:
        return held.read(CHUNK)
    except OSError as trouble:
        raise NotWhole(f"damaged: {trouble.strerror}") from trouble


def is_there(path: Path, size: int) -> bool:
    """Whether a copy stands there, by its size; its content was compared when it was put there."""
    try:
        facts = path.lstat()
    except FileNotFoundError:
        return False
    return path.is_file() and not path.is_symlink() and facts.st_size == size
