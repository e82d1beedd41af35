"""Putting a backup into an empty machine. What comes out of it is then looked at as a whole: `inhouse.restored`."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connection

from documents import storing
from documents.backup import database
from documents.backup.copying import NotWhole, copy, is_there
from documents.backup.manifest import DATABASE, LOG, MANIFEST, Impossible, Manifest, flush, sha256, stored, whole
from documents.models import StoredFile

Say = Callable[[str], object]


def restore(folder: Path, *, say: Say = lambda text: None) -> list[str]:
    """Put the newest backup of the folder (or the one that the folder is) in place; says what differs from it.

    Raises Impossible before anything is written, when the backup is damaged or does not fit, or the machine is not
    empty. The database comes last and in one piece: whatever breaks off before can be begun again.
    """
    backup = _chosen(folder)
    manifest = Manifest.read(backup)
    say(f"Backup: {backup.name}, made at {manifest.made_at} by version {manifest.version} on {manifest.engine}.")
    refused = [*manifest.faults(backup), *_unfit(manifest)] or [*_not_empty(manifest, backup)]
    if refused:
        raise Impossible("Nothing was restored:\n" + "\n".join(f"  {each}" for each in refused))
    try:
        found = list(_files(manifest, backup))
        say(f"Files: {manifest.files} to put in place, {len(found)} of them damaged or missing.")
        found += _log(backup)
        database.restore(backup / DATABASE)
    except OSError as trouble:
        raise Impossible(f"{trouble.filename or backup}: {trouble.strerror or trouble}.") from trouble
    found += _differing(manifest)
    say(f"Database: {sum(manifest.tables.values())} rows in {len(manifest.tables)} tables.")
    return found


def _chosen(folder: Path) -> Path:
    folder = folder.absolute()
    if (folder / MANIFEST).exists():
        return folder
    if not (backups := whole(folder)):
        raise Impossible(f"There is no whole backup in {folder}.")
    return backups[-1]


# --- before anything is written


def _unfit(manifest: Manifest) -> Iterator[str]:
    """The program that made the backup restores it, so that each row means what it meant."""
    if manifest.engine != connection.vendor:
        yield f"the backup is of {manifest.engine}, DATABASE_URL names {connection.vendor}"
    if other := sorted(set(database.migrations()) ^ set(manifest.migrations)):
        yield (
            f"the backup was made by version {manifest.version}, whose migrations are others than those of this program"
            f" ({', '.join(other[:3])}{', …' if len(other) > 3 else ''}): restore it with that version, then upgrade"
        )


def _not_empty(manifest: Manifest, backup: Path) -> Iterator[str]:
    if found := database.tables():
        yield f"the database is not empty: it has {len(found)} tables, as {', '.join(found[:3])}"
    known = {digest for digest, _size in manifest.listed(backup)}
    root = Path(default_storage.path(""))
    strange = [
        path.relative_to(root)
        for path in (root.rglob("*") if root.exists() else ())
        if path.is_file() and path.name not in known and storing.incoming() not in path.parents
    ]
    if strange:
        yield f"the store of files ({root}) is not empty: it has {len(strange)} files that are not of this backup, as {strange[0]}"


# --- putting in place


def _files(manifest: Manifest, backup: Path) -> Iterator[str]:
    """Put every file in place; tells of those that are not whole."""
    damaged = set(manifest.damaged)
    for digest, size in manifest.listed(backup):
        source, path = stored(backup.parent, digest), StoredFile(sha256=digest).path
        target = Path(default_storage.path(path))
        if is_there(target, size) and sha256(target) == digest:
            continue
        try:
            copy(source, target, digest=digest, by_way_of=storing.incoming())
        except NotWhole as trouble:
            already = " (it was so when the backup was made)" if digest in damaged else ""
            yield f"{source}: {trouble}{already}"


def _log(backup: Path) -> Iterator[str]:
    """The log of seals. One that is there is what counts, as it may know more than the backup: it is never touched."""
    log, held = Path(settings.SEALS_LOG), backup / LOG
    if not held.exists():
        return
    if not log.exists():
        log.parent.mkdir(parents=True, exist_ok=True)
        made = log.with_name(f"{log.name}.restored")
        shutil.copyfile(held, made)
        flush(made)
        made.replace(log)
    elif not log.read_bytes().startswith(held.read_bytes()):
        yield f"{log} was there already and was kept; it does not go on from the backup’s own ({held})"


def _differing(manifest: Manifest) -> Iterator[str]:
    now = database.facts()
    for table in sorted(manifest.tables.keys() | now.tables.keys()):
        was, found = manifest.tables.get(table, 0), now.tables.get(table, 0)
        if was != found:
            yield f"table {table}: {found} rows, the backup has {was}"
    if manifest.migrations != now.migrations:
        yield "the migrations that were run are not those the backup names"
