"""What a backup says of itself, and where its parts lie."""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from django.conf import settings

FORMAT = "femfem-backup/1"
MANIFEST, DATABASE, LIST, LOG = "manifest.json", "database", "files.txt", "seals.log"
MARK = ".femfem-backups"
"""The file that a folder of backups is known by; whoever makes a backup locks it."""


class Impossible(Exception):
    """It cannot be done, and why, in words for whoever runs the register. What was begun is gone."""


@dataclass(frozen=True)
class Part:
    """One file of a backup."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Facts:
    """What the database held in the one moment that the backup is of."""

    engine: str
    server: str
    migrations: list[str]
    tables: dict[str, int]
    seal: int  # number of the last seal of the history, 0 before the first
    files: list[tuple[str, int]] = field(default_factory=list, repr=False)  # hash and size of each stored file


@dataclass(frozen=True)
class Manifest:
    made_at: str
    version: str
    engine: str
    server: str
    migrations: list[str]
    tables: dict[str, int]
    seal: int
    files: int
    bytes: int
    damaged: list[str]  # hashes of files that were damaged or missing where they are kept, and are not in the backup
    parts: dict[str, Part]
    format: str = FORMAT

    def write(self, to: Path) -> None:
        (to / MANIFEST).write_text(json.dumps(asdict(self), indent=1, sort_keys=True) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, backup: Path) -> Manifest:
        """Raises Impossible when there is none, or it is damaged."""
        try:
            said = json.loads((backup / MANIFEST).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise Impossible(f"{backup} is no whole backup: it has no {MANIFEST}.") from None
        except (OSError, ValueError) as trouble:
            raise Impossible(f"{backup / MANIFEST} cannot be read: {trouble}.") from trouble
        if not isinstance(said, dict) or said.get("format") != FORMAT:
            raise Impossible(f"{backup / MANIFEST} is not of the form {FORMAT}.")
        try:
            return cls(**{**said, "parts": {name: Part(**part) for name, part in said["parts"].items()}})
        except (TypeError, KeyError, AttributeError) as trouble:
            raise Impossible(f"{backup / MANIFEST} is damaged: {trouble}.") from trouble

    def faults(self, backup: Path) -> Iterator[str]:
        """What of the backup's own parts is not as it was made."""
        for name, part in self.parts.items():
            path = backup / name
            if not path.is_file():
                yield f"{path} is missing"
            elif path.stat().st_size != part.size or sha256(path) != part.sha256:
                yield f"{path} is damaged: its SHA-256 is not the one in {MANIFEST}"

    def listed(self, backup: Path) -> list[tuple[str, int]]:
        """Hash and size of each file."""
        lines = (backup / LIST).read_text(encoding="ascii").splitlines()
        return [(digest, int(size)) for digest, _space, size in (line.partition(" ") for line in lines)]


def part(path: Path) -> Part:
    return Part(path.stat().st_size, sha256(path))


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def version() -> str:
    with (Path(settings.ROOT) / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


# --- a folder of backups


def whole(folder: Path) -> list[Path]:
    """The backups in a folder, the newest last."""
    return sorted(path.parent for path in folder.glob(f"[0-9]*/{MANIFEST}"))


def stored(folder: Path, digest: str) -> Path:
    """Where the backups keep a file: the place it has below the store's root."""
    return folder / "files" / "sha256" / digest[:2] / digest[2:4] / digest


def folder_around(path: Path) -> Path | None:
    """The folder of backups that a path lies in, if it lies in one."""
    return next((parent for parent in path.resolve().parents if (parent / MARK).exists()), None)


# --- on disk


@contextmanager
def private() -> Iterator[None]:
    """What is written inside is for its owner alone."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


def flush(path: Path) -> None:
    """See to it that a file or a folder is on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
