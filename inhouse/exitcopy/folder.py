"""A folder that is written with its checksums. Until it is whole its name ends in `.part`."""

from __future__ import annotations

import csv
import hashlib
import io
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from documents import storing
from documents.models import StoredFile
from inhouse.lists import plain

PART = ".part"
SUMS = "SHA256SUMS"


class Folder:
    """Begun anew: what an interrupted run left there is gone."""

    def __init__(self, target: Path) -> None:
        self.target, self.at = target, part_of(target)
        shutil.rmtree(self.at, ignore_errors=True)
        self.at.mkdir(parents=True)
        self.sums: dict[str, str] = {}
        self.size = 0

    def write(self, name: str, content: str | bytes) -> None:
        content = content.encode() if isinstance(content, str) else content
        self._place(name).write_bytes(content)
        self._count(name, hashlib.sha256(content).hexdigest(), len(content))

    def table(self, name: str, heads: list[str], rows: Iterable[Iterable[Any]]) -> None:
        self.write(name, as_csv(heads, rows))

    def copy(self, name: str, stored: StoredFile) -> None:
        """Raises Damaged, and then it is not there."""
        storing.copy(stored, self._place(name))
        self._count(name, stored.sha256, stored.size)

    def finish(self) -> None:
        """Write the checksums and give the folder its name."""
        lines = "".join(f"{sha256}  {name}\n" for name, sha256 in sorted(self.sums.items()))
        (self.at / SUMS).write_text(lines, encoding="utf-8")
        shutil.rmtree(self.target, ignore_errors=True)
        self.at.rename(self.target)

    def _place(self, name: str) -> Path:
        path = self.at / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _count(self, name: str, sha256: str, size: int) -> None:
        self.sums[name] = sha256
        self.size += size


def part_of(target: Path) -> Path:
    return target.with_name(target.name + PART)


def as_csv(heads: list[str], rows: Iterable[Iterable[Any]]) -> str:
    """Semicolons and a byte order mark, as all our lists; nothing that a spreadsheet takes for a formula."""
    out = io.StringIO()
    out.write("\ufeff")
    writer = csv.writer(out, delimiter=";")
    writer.writerow(heads)
    for row in rows:
        writer.writerow([plain(cell if isinstance(cell, str) else _cell(cell)) for cell in row])
    return out.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
