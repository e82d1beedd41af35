"""A folder as one ZIP that is written while it is read: it needs no room on disk and little in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from zipfile import ZIP64_LIMIT, ZIP_STORED, ZipFile, ZipInfo

CHUNK = 1024 * 1024  # bytes


class _Outlet:
    """What a ZipFile writes to; it cannot be wound back, so the ZipFile does without."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def write(self, content: bytes) -> int:
        self.parts.append(bytes(content))
        return len(content)

    def flush(self) -> None:
        pass

    def taken(self) -> bytes:
        content, self.parts = b"".join(self.parts), []
        return content


def zipped(folder: Path, name: str) -> Iterator[bytes]:
    """The bytes of a ZIP with that folder in it, under that name; stored as it is, since most of it is packed already."""
    out = _Outlet()
    with ZipFile(out, "w", ZIP_STORED) as archive:  # type: ignore[call-overload]
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = ZipInfo.from_file(path, f"{name}/{path.relative_to(folder).as_posix()}", strict_timestamps=False)
            large = entry.file_size > ZIP64_LIMIT * 0.95
            with path.open("rb") as file, archive.open(entry, "w", force_zip64=large) as into:
                while chunk := file.read(CHUNK):
                    into.write(chunk)
                    yield out.taken()
    yield out.taken()
