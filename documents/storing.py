"""Taking files in and handing them out: every file is known by its hash, and by what it holds, not by its name."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from documents.kinds import Kind, kind_of
from documents.models import Document, FileCheck, StoredFile
from organisation import clock
from organisation.history import acting
from organisation.models import User

Found = FileCheck.Found
CHUNK = 1024 * 1024  # bytes that are copied at a time


class Damaged(Exception):
    """A stored file is missing, or is not what was stored; `found` says which."""

    def __init__(self, text: str, found: FileCheck.Found) -> None:
        super().__init__(text)
        self.found = found


# --- taking in


def keep(upload: File[Any], *, by: User) -> StoredFile:
    """Store the bytes, once, and return their row. Refuses what is empty, too large, or not what its name says.

    The file is in place, flushed to disk, before its row is written; a crash in between leaves a file without a row,
    which the sweep removes, and doing it again is safe.
    """
    with _incoming() as temporary:
        sha256, size = _copy(upload, temporary)
        temporary.flush()
        kind = kind_of(Path(temporary.name))
        _refuse_wrong_ending(upload.name or "", kind)
        os.fsync(temporary.fileno())
        _place(Path(temporary.name), StoredFile(sha256=sha256).path)
    with acting(by), transaction.atomic():
        stored, _created = StoredFile.objects.get_or_create(
            sha256=sha256, defaults={"size": size, "media_type": kind.media_type}
        )
    return stored


def add(
    upload: File[Any],
    *,
    by: User,
    title: str,
    reference: str = "",
    version: str = "",
    language: str = "",
    valid_from: date | None = None,
    confidential: bool = True,
    note: str = "",
) -> Document:
    """A new document in its first version."""
    with acting(by), transaction.atomic():
        return _written(
            upload, by=by, title=title, reference=reference, version=version, language=language,
            valid_from=valid_from, confidential=confidential, note=note,
        )  # fmt: skip


def replace(document: Document, upload: File[Any], *, by: User, **changes: Any) -> Document:
    """A new version in place of this one. What is not given is taken over, except version and date.

    Two people replacing the same version: the first one wins, the second is told so.
    """
    with acting(by), transaction.atomic():
        held = Document.objects.select_for_update().get(pk=document.pk)
        if held.is_replaced:
            newer = held.latest
            raise ValidationError(
                _("“%(title)s” has meanwhile been replaced by a newer version from %(person)s. Look at that one first.")
                % {"title": held.title, "person": newer.uploaded_by},
                code="replaced",
            )
        carried = {name: getattr(held, name) for name in ("title", "reference", "language", "confidential")}
        return _written(upload, by=by, replaces=held, **(carried | changes))


def _written(upload: File[Any], *, by: User, **fields: Any) -> Document:
    document = Document(filename=safe_name(upload.name or ""), uploaded_by=by, uploaded_at=clock.now(), **fields)
    document.clean_fields(exclude=["file", "uploaded_by"])
    document.file = keep(upload, by=by)
    document.save()
    return document


# --- handing out


def open_checked(stored: StoredFile) -> IO[bytes]:
    """The file, opened, after its hash was computed again. Raises Damaged when it is missing or altered."""
    opened = _opened(stored)
    try:
        if os.fstat(opened.fileno()).st_size != stored.size:
            raise _altered(stored, Found.SIZE)
        if hashlib.file_digest(opened, "sha256").hexdigest() != stored.sha256:  # type: ignore[arg-type]
            raise _altered(stored, Found.ALTERED)
        opened.seek(0)
    except OSError as trouble:
        opened.close()
        raise _unreadable(stored) from trouble
    except Damaged:
        opened.close()
        raise
    return opened


def copy(stored: StoredFile, to: Path) -> None:
    """Copy the bytes, computing their hash on the way. Raises Damaged, and then nothing is left there."""
    digest = hashlib.sha256()
    try:
        with _opened(stored) as held, to.open("wb") as target:
            while chunk := _chunk(stored, held):
                digest.update(chunk)
                target.write(chunk)
            size = target.tell()
        if size != stored.size:
            raise _altered(stored, Found.SIZE)
        if digest.hexdigest() != stored.sha256:
            raise _altered(stored, Found.ALTERED)
    except Damaged:
        to.unlink(missing_ok=True)
        raise


def _chunk(stored: StoredFile, held: IO[bytes]) -> bytes:
    """The next piece; trouble with reading is damage, trouble with writing is not."""
    try:
        return held.read(CHUNK)
    except OSError as trouble:
        raise _unreadable(stored) from trouble


def _opened(stored: StoredFile) -> IO[bytes]:
    """Only a plain file: no link is followed out of the store, and nothing is waited for that never answers."""
    try:
        handle = os.open(default_storage.path(stored.path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError) as trouble:
        raise Damaged(_("The stored file %(hash)s is missing.") % {"hash": stored.sha256}, Found.MISSING) from trouble
    except OSError as trouble:
        if trouble.errno == errno.ELOOP:
            raise _altered(stored, Found.REPLACED) from trouble
        raise _unreadable(stored) from trouble
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise _altered(stored, Found.REPLACED)
    return os.fdopen(handle, "rb")


def _altered(stored: StoredFile, found: FileCheck.Found) -> Damaged:
    return Damaged(_("The stored file %(hash)s was altered outside this register.") % {"hash": stored.sha256}, found)


def _unreadable(stored: StoredFile) -> Damaged:
    return Damaged(_("The stored file %(hash)s cannot be read.") % {"hash": stored.sha256}, Found.UNREADABLE)


# --- names


def safe_name(name: str) -> str:
    """The name a file came with, without folders, control and direction marks, and signs that file systems refuse."""
    name = unicodedata.normalize("NFC", name.replace("\\", "/").rsplit("/", 1)[-1])
    name = "".join(sign for sign in name if unicodedata.category(sign)[0] != "C")
    name = re.sub(r'[<>:"|?*]', "_", re.sub(r"\s+", " ", name)).strip().rstrip(" .")
    stem, dot, ending = name.rpartition(".")
    if not dot:
        stem, ending = name, ""
    stem = stem.strip(" .") or "file"
    return f"{stem[: 149 - len(ending)]}.{ending}" if ending else stem[:150]


def _refuse_wrong_ending(name: str, kind: Kind) -> None:
    ending = safe_name(name).rpartition(".")[2].lower()
    if ending not in kind.endings:
        raise ValidationError(
            _("The name “%(name)s” does not fit what the file holds: %(found)s. Such a name ends in %(endings)s.")
            % {"name": safe_name(name), "found": kind.label, "endings": ", ".join(f".{e}" for e in kind.endings)},
            code="ending",
        )


# --- on disk


def incoming() -> Path:
    """Where files lie while they are taken in; the same file system as the store, so that moving is one step."""
    folder = Path(default_storage.path("incoming"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def _incoming() -> Iterator[Any]:
    """A file that is gone afterwards unless it was moved to its place."""
    with NamedTemporaryFile(dir=incoming(), delete=False) as temporary:
        try:
            yield temporary
        finally:
            Path(temporary.name).unlink(missing_ok=True)


def _copy(upload: File[Any], to: IO[bytes]) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    for chunk in upload.chunks():
        size += len(chunk)
        if size > settings.UPLOAD_LIMIT:
            raise ValidationError(
                _("The file is larger than %(limit)s, the most that can be uploaded.")
                % {"limit": filesizeformat(settings.UPLOAD_LIMIT)},
                code="size",
            )
        digest.update(chunk)
        to.write(chunk)
    if not size:
        raise ValidationError(_("The file is empty."), code="empty")
    return digest.hexdigest(), size


def _place(temporary: Path, name: str) -> None:
    """Move it to its place in one step, also over an earlier copy: the same hash is the same bytes."""
    target = Path(default_storage.path(name))
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary.chmod(0o440)
    temporary.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


# --- clearing up

_ASIDE = ".aside"


def sweep(*, older_than: timedelta = timedelta(days=1)) -> int:
    """Remove what interrupted uploads left: unfinished files, and files in place that no row knows. Says how many.

    A file is first moved aside and looked at again, so that an upload of the same bytes in that moment loses nothing;
    what a sweep that broke off had moved aside is settled by the next. Ages are the disk's, not the set clock's.
    """
    before, gone = time.time() - older_than.total_seconds(), 0
    for left in incoming().iterdir():
        if left.suffix == _ASIDE:
            gone += _settle(left, before)
        elif left.stat().st_mtime < before:
            left.unlink(missing_ok=True)
            gone += 1
    for placed in incoming().parent.glob("sha256/??/??/*"):
        if placed.stat().st_mtime < before and not _known(placed.name):
            gone += _settle(placed.replace(incoming() / (placed.name + _ASIDE)), before)
    return gone


def discard(sha256: str, *, older_than: timedelta = timedelta(hours=1)) -> bool:
    """Delete the bytes of a file whose row is gone; says whether there is nothing more to do.

    What was placed moments ago may belong to an upload that is still to write its row: that is left to a later run.
    """
    placed, aside = Path(default_storage.path(StoredFile(sha256=sha256).path)), incoming() / (sha256 + _ASIDE)
    before = time.time() - older_than.total_seconds()
    try:
        if placed.exists() and not _known(sha256):
            if placed.stat().st_mtime >= before:
                return False
            placed.replace(aside)
        if aside.exists():
            _settle(aside, before)
    except FileNotFoundError:  # someone else was at it
        return discard(sha256, older_than=older_than)
    return True


def _settle(aside: Path, before: float) -> int:
    if aside.stat().st_mtime < before and not _known(aside.stem):
        aside.unlink()
        return 1
    aside.replace(default_storage.path(StoredFile(sha256=aside.stem).path))
    return 0


def _known(sha256: str) -> bool:
    return StoredFile.objects.filter(sha256=sha256).exists()
