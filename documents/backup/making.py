"""Making a backup: first the log of seals, then the database in one moment, then the files it names."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.core.files.storage import default_storage
from django.utils import timezone

from documents.backup import database, last
from documents.backup.copying import NotWhole, copy, is_there
from documents.backup.manifest import (
    DATABASE,
    LIST,
    LOG,
    MARK,
    Facts,
    Impossible,
    Manifest,
    flush,
    part,
    private,
    stored,
    version,
    whole,
)
from documents.models import StoredFile

UNFINISHED = "unfinished-"

Say = Callable[[str], object]


def make(folder: Path, *, say: Say = lambda text: None) -> tuple[Path, Manifest]:
    """One more backup in the folder. Raises Impossible, and then nothing of it is left.

    A file that is damaged where it is kept does not keep the rest from being saved: the manifest names it. After it the
    files that no backup in the folder names any more are deleted, so that old backups are put away by deleting theirs.
    """
    folder = folder.absolute()
    _refuse_place(folder)
    try:
        with private(), _alone(folder):
            made = _make(folder, say)
            _afterwards(folder, made, say)
            return made
    except OSError as trouble:
        raise Impossible(f"{trouble.filename or folder}: {trouble.strerror or trouble}.") from trouble


def _afterwards(folder: Path, made: tuple[Path, Manifest], say: Say) -> None:
    """The backup is whole now, whatever comes of this."""
    try:
        last.note(*made)
        _sweep(folder, say)
    except OSError as trouble:
        say(f"Tidying up broke off: {trouble.filename or folder}: {trouble.strerror or trouble}.")


def _make(folder: Path, say: Say) -> tuple[Path, Manifest]:
    moment = timezone.now()  # the real clock: the set one is only for those who live in the past
    name = f"{moment:%Y-%m-%dT%H%M%S.%f}"[:-3] + "Z"
    work = folder / f"{UNFINISHED}{name}"
    try:
        work.mkdir()
        _copy_log(work / LOG)
        facts = database.dump(work / DATABASE)
        say(f"Database: {sum(facts.tables.values())} rows in {len(facts.tables)} tables.")
        copied, damaged = _copy_files(folder, work, facts.files)
        say(f"Files: {len(facts.files)}, of which {copied} were copied now.")
        manifest = _described(work, moment.isoformat(timespec="seconds"), facts, damaged)
        manifest.write(work)
        for path in (*work.iterdir(), work):
            flush(path)
        os.sync()  # the folders that new files were put into
        whole_now = work.rename(folder / name)
        flush(folder)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    return whole_now, manifest


def _copy_log(to: Path) -> None:
    """The log goes first: a seal is noted after it is in the database, so no line is ahead of the database's copy."""
    log = Path(settings.SEALS_LOG)
    if log.exists():
        shutil.copyfile(log, to)


def _copy_files(folder: Path, work: Path, files: list[tuple[str, int]]) -> tuple[int, list[str]]:
    """Copy what the folder does not have yet: how many, and the hashes of those that are not whole."""
    copied, damaged = 0, []
    for digest, size in files:
        target = stored(folder, digest)
        if is_there(target, size):
            continue
        source = Path(default_storage.path(StoredFile(sha256=digest).path))
        try:
            copy(source, target, digest=digest, by_way_of=work)
        except NotWhole:
            damaged.append(digest)
        else:
            copied += 1
    return copied, damaged


def _described(work: Path, moment: str, facts: Facts, damaged: list[str]) -> Manifest:
    (work / LIST).write_text("".join(f"{digest} {size}\n" for digest, size in facts.files), encoding="ascii")
    return Manifest(
        made_at=moment,
        version=version(),
        engine=facts.engine,
        server=facts.server,
        migrations=facts.migrations,
        tables=facts.tables,
        seal=facts.seal,
        files=len(facts.files),
        bytes=sum(size for _digest, size in facts.files),
        damaged=damaged,
        parts={name: part(work / name) for name in (DATABASE, LIST, LOG) if (work / name).exists()},
    )


# --- the folder


def _refuse_place(folder: Path) -> None:
    media = Path(default_storage.path("")).resolve()
    if folder.resolve() == media or media in folder.resolve().parents or folder.resolve() in media.parents:
        raise Impossible(f"{folder} and the store of files ({media}) must lie apart.")
    if folder.exists() and not folder.is_dir():
        raise Impossible(f"{folder} is no folder.")
    if folder.is_dir() and not (folder / MARK).exists() and any(folder.iterdir()):
        raise Impossible(f"{folder} holds other things. Backups want a folder of their own.")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One backup at a time; what an earlier one that was killed has left is cleared away."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / MARK).open("a") as mark:
        try:
            fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Impossible(f"A backup into {folder} is running already.") from None
        for left in folder.glob(f"{UNFINISHED}*"):
            shutil.rmtree(left, ignore_errors=True)
        yield


def _sweep(folder: Path, say: Say) -> None:
    """Delete the files that no backup in the folder names. If one cannot be read, nothing is deleted."""
    named = set()
    try:
        for backup in whole(folder):
            named |= {digest for digest, _size in Manifest.read(backup).listed(backup)}
    except (Impossible, OSError, ValueError) as trouble:
        say(f"Nothing old was deleted: {trouble}")
        return
    gone = 0
    for path in folder.glob("files/sha256/??/??/*"):
        if path.name not in named:
            path.unlink()
            gone += 1
    if gone:
        say(f"Deleted: {gone} files that no backup here names any more.")
