"""Taking files in and handing them out: every file is known by its hash, and by what it holds, not by its name."""

from __future__ import annotations

import codecs
import hashlib
import json
import os
import re
import time
import unicodedata
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Any, NoReturn
from xml.parsers import expat  # only to see that it is well formed; a document type, where entities live, is refused

import filetype
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from documents.models import Document, StoredFile
from organisation import clock
from organisation.history import acting
from organisation.models import User


class Damaged(Exception):
    """A stored file is missing, or is not what was stored."""


@dataclass(frozen=True)
class Kind:
    """A kind of file that can be kept, and how the names of such files may end."""

    media_type: str
    label: Any
    endings: tuple[str, ...]


_OFFICE = "application/vnd.openxmlformats-officedocument"
_OPEN = "application/vnd.oasis.opendocument"
KINDS = {
    kind.media_type: kind
    for kind in (
        Kind("application/pdf", gettext_lazy("PDF"), ("pdf",)),
        Kind("image/png", gettext_lazy("PNG image"), ("png",)),
        Kind("image/jpeg", gettext_lazy("JPEG image"), ("jpg", "jpeg")),
        Kind("image/tiff", gettext_lazy("TIFF image"), ("tif", "tiff")),
        Kind("application/dicom", gettext_lazy("DICOM image"), ("dcm", "dicom")),
        Kind(f"{_OFFICE}.wordprocessingml.document", gettext_lazy("Word document"), ("docx",)),
        Kind(f"{_OFFICE}.spreadsheetml.sheet", gettext_lazy("Excel workbook"), ("xlsx",)),
        Kind(f"{_OFFICE}.presentationml.presentation", gettext_lazy("PowerPoint presentation"), ("pptx",)),
        Kind(f"{_OPEN}.text", gettext_lazy("OpenDocument text"), ("odt",)),
        Kind(f"{_OPEN}.spreadsheet", gettext_lazy("OpenDocument spreadsheet"), ("ods",)),
        Kind("model/stl", gettext_lazy("STL model"), ("stl",)),
        Kind("model/3mf", gettext_lazy("3MF model"), ("3mf",)),
        Kind("application/zip", gettext_lazy("ZIP archive"), ("zip",)),
        Kind("application/json", gettext_lazy("JSON"), ("json", "txt")),
        Kind("application/xml", gettext_lazy("XML"), ("xml", "txt")),
        Kind("text/plain", gettext_lazy("plain text (TXT, CSV, Markdown)"), ("txt", "csv", "md", "log")),
    )
}

# What is refused, by the name people know it by
_REFUSED = {
    "html": gettext_lazy("a web page (HTML)"),
    "svg": gettext_lazy("a drawing that can hold scripts (SVG)"),
    "program": gettext_lazy("a program"),
    "macros": gettext_lazy("an office file with macros"),
    "not utf-8": gettext_lazy("text that is not saved as UTF-8"),
    "control": gettext_lazy("no text and no format that is known here"),
    "cut": gettext_lazy("the beginning of a PDF that breaks off"),
    "broken zip": gettext_lazy("an archive that cannot be opened"),
    "doctype": gettext_lazy("XML with a document type of its own"),
    "broken xml": gettext_lazy("XML that is not well formed"),
    "other": pgettext_lazy("what a file holds", "a format that is not accepted"),
}

_HEAD = 8192  # bytes, enough for every signature looked for
_JSON_PARSED_UP_TO = 5 * 1024 * 1024  # bytes; above, only the brackets at both ends are looked at
_WEB_PAGE = re.compile(
    r"(<!--.*?-->\s*)*<(!doctype html|html|head|body|script|iframe|meta|title|a |p>|div|table)", re.DOTALL
)
_PROGRAMS = tuple(f"application/{name}" for name in ("x-msdownload", "x-executable", "wasm", "x-deb", "x-rpm"))


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
    try:
        opened: IO[bytes] = default_storage.open(stored.path)
    except OSError as trouble:
        raise Damaged(_("The stored file %(hash)s is missing.") % {"hash": stored.sha256}) from trouble
    digest = hashlib.file_digest(opened, "sha256").hexdigest()  # type: ignore[arg-type]
    if digest != stored.sha256:
        opened.close()
        raise Damaged(_("The stored file %(hash)s was altered outside this register.") % {"hash": stored.sha256})
    opened.seek(0)
    return opened


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


# --- what a file holds


def kind_of(path: Path) -> Kind:
    """What a file holds, by looking into it. Raises ValidationError for what is not kept here."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
        file.seek(max(0, path.stat().st_size - 2048))
        tail = file.read()
    return KINDS[_media_type(path, head, tail)]


def _media_type(path: Path, head: bytes, tail: bytes) -> str:
    if head.startswith(b"%PDF-"):
        return "application/pdf" if b"%%EOF" in tail else _refuse("cut")
    if head.startswith(b"PK\x03\x04"):
        return _in_archive(path)
    if len(head) >= 84 and path.stat().st_size == 84 + 50 * int.from_bytes(head[80:84], "little"):
        return "model/stl"
    unreadable = _unreadable(path)
    if not unreadable:
        return _in_text(path, head, tail)
    guessed = filetype.guess_mime(head)
    if guessed in ("image/png", "image/jpeg", "image/tiff", "application/dicom"):
        return str(guessed)
    if guessed in _PROGRAMS or head.startswith((b"MZ", b"\x7fELF", b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe")):
        return _refuse("program")
    return _refuse("other", media_type=guessed) if guessed else _refuse(unreadable)


def _in_archive(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            declared = archive.read("mimetype").decode("ascii", "replace").strip() if _says_type(archive) else ""
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, ValueError):
        return _refuse("broken zip")
    if any(name.endswith("vbaProject.bin") or name.startswith("Basic/") for name in names):
        return _refuse("macros")
    if "META-INF/MANIFEST.MF" in names or "AndroidManifest.xml" in names:
        return _refuse("program")
    if declared:
        return declared if declared in KINDS else _refuse("other", media_type=declared)
    if "[Content_Types].xml" in names:
        for part, media_type in (
            ("word/document.xml", f"{_OFFICE}.wordprocessingml.document"),
            ("xl/workbook.xml", f"{_OFFICE}.spreadsheetml.sheet"),
            ("ppt/presentation.xml", f"{_OFFICE}.presentationml.presentation"),
            ("3D/3dmodel.model", "model/3mf"),
        ):
            if part in names:
                return media_type
    return "application/zip"


def _says_type(archive: zipfile.ZipFile) -> bool:
    """OpenDocument and its kin hold their media type in a small entry of this name."""
    return "mimetype" in archive.namelist() and archive.getinfo("mimetype").file_size <= 100


def _in_text(path: Path, head: bytes, tail: bytes) -> str:
    if head.startswith(b"#!"):
        return _refuse("program")
    begin = head.decode("utf-8", "ignore").lstrip("\ufeff \t\r\n").lower()
    if _WEB_PAGE.match(begin):
        return _refuse("html")
    if begin.startswith("<?xml") or re.match(r"<[a-z_][\w:.-]*[\s/>]", begin):
        return _in_xml(path)
    end = tail.rstrip()
    if begin[:1] in ("{", "[") and end[-1:] in (b"}", b"]") and _is_json(path):
        return "application/json"
    if begin.startswith("solid") and b"endsolid" in tail:
        return "model/stl"
    return "text/plain"


def _unreadable(path: Path) -> str:
    """Why it is no text: not UTF-8 from end to end, or control signs beyond line ends, tabs and page breaks."""
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    with path.open("rb") as file:
        while True:
            part = file.read(1 << 20)
            try:
                text = decoder.decode(part, final=not part)
            except UnicodeDecodeError as trouble:
                return "control" if b"\x00" in trouble.object else "not utf-8"
            if re.search(r"[\x00-\x08\x0b\x0e-\x1f\x7f]", text):
                return "control"
            if not part:
                return ""


def _in_xml(path: Path) -> str:
    roots: list[str] = []

    def element(name: str, attributes: dict[str, str]) -> None:
        if not roots:
            roots.append(name.rsplit(" ", 1)[-1].lower())

    def doctype(*args: Any) -> None:
        _refuse("doctype")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = element
    parser.StartDoctypeDeclHandler = doctype
    try:
        with path.open("rb") as file:
            parser.ParseFile(file)
    except expat.ExpatError:
        return _refuse("broken xml")
    return _refuse(roots[0]) if roots[0] in ("html", "svg") else "application/xml"


def _is_json(path: Path) -> bool:
    if path.stat().st_size > _JSON_PARSED_UP_TO:
        return True
    try:
        json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(found: str, *, media_type: str = "") -> NoReturn:
    raise ValidationError(
        _("The file holds %(found)s. Accepted are: %(accepted)s.")
        % {
            "found": f"{_REFUSED[found]} ({media_type})" if media_type else _REFUSED[found],
            "accepted": ", ".join(str(kind.label) for kind in KINDS.values()),
        },
        code="content",
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


def _settle(aside: Path, before: float) -> int:
    if aside.stat().st_mtime < before and not _known(aside.stem):
        aside.unlink()
        return 1
    aside.replace(default_storage.path(StoredFile(sha256=aside.stem).path))
    return 0


def _known(sha256: str) -> bool:
    return StoredFile.objects.filter(sha256=sha256).exists()
