"""What a file holds, found by looking into it and not at its name, and which kinds are kept here."""

from __future__ import annotations

import codecs
import json
import lzma
import re
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from xml.parsers import expat  # only to see that it is well formed; a document type, where entities live, is refused

import filetype
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy


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
    "full zip": gettext_lazy("an archive with too many files in it"),
    "doctype": gettext_lazy("XML with a document type of its own"),
    "broken xml": gettext_lazy("XML that is not well formed"),
    "other": pgettext_lazy("what a file holds", "a format that is not accepted"),
}

_HEAD = 8192  # bytes, enough for every signature looked for
_JSON_PARSED_UP_TO = 5 * 1024 * 1024  # bytes; above, only the brackets at both ends are looked at
_ENTRIES = 20_000  # in an archive; more are no document, and each costs memory to list
_WEB_PAGE = re.compile(r"<(!doctype html|html|head|body|script|iframe|meta|title|a |p>|div|table)")
_PROGRAMS = tuple(f"application/{name}" for name in ("x-msdownload", "x-executable", "wasm", "x-deb", "x-rpm"))


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


BROKEN = (
    zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, ValueError, EOFError, struct.error,
    zlib.error, lzma.LZMAError,
)  # fmt: skip
"""What reading a damaged archive raises."""


def _in_archive(path: Path) -> str:
    try:
        if _entries(path) > _ENTRIES:
            return _refuse("full zip")
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            declared = archive.read("mimetype").decode("ascii", "replace").strip() if _says_type(archive) else ""
    except BROKEN:
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


def _entries(path: Path) -> int:
    """How many files an archive lists, without listing them: what it says of itself need not be true."""
    mark, count, left = b"PK\x01\x02", 0, b""
    with path.open("rb") as file:
        while part := file.read(1 << 20):
            window = left + part
            count += window.count(mark)
            left = window[1 - len(mark) :]
    return count


def _says_type(archive: zipfile.ZipFile) -> bool:
    """OpenDocument and its kin hold their media type in a small entry of this name."""
    return "mimetype" in archive.namelist() and archive.getinfo("mimetype").file_size <= 100


def _in_text(path: Path, head: bytes, tail: bytes) -> str:
    if head.startswith(b"#!"):
        return _refuse("program")
    begin = head.decode("utf-8", "ignore").lstrip("\ufeff \t\r\n").lower()
    if _WEB_PAGE.match(_without_comments(begin)):
        return _refuse("html")
    if begin.startswith("<?xml") or re.match(r"<[a-z_][\w:.-]*[\s/>]", begin):
        return _in_xml(path)
    end = tail.rstrip()
    if begin[:1] in ("{", "[") and end[-1:] in (b"}", b"]") and _is_json(path):
        return "application/json"
    if begin.startswith("solid") and b"endsolid" in tail:
        return "model/stl"
    return "text/plain"


def _without_comments(text: str) -> str:
    """The text after the comments it begins with."""
    at = 0
    while text.startswith("<!--", at) and (end := text.find("-->", at + 4)) >= 0:
        at = end + 3
        while at < len(text) and text[at].isspace():
            at += 1
    return text[at:]


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
