"""The text of a file, by its kind. Everything is measured while it is read: what a file says of its own size counts for nothing."""

from __future__ import annotations

import codecs
import re
import time
import zipfile
from dataclasses import dataclass, field
from typing import IO, Any
from xml.parsers import expat

from documents import confined, preview
from documents.kinds import BROKEN
from documents.models import FileText

Reason = FileText.Reason

TEXT = 1_000_000  # characters that are kept, some four hundred pages
READ = 64 << 20  # bytes, unfolded, of all parts together
PARTS = 2000  # of an office file; each costs memory to list
SECONDS = 60  # for one file

_OFFICE = "application/vnd.openxmlformats-officedocument"
_OPEN = "application/vnd.oasis.opendocument"
_NO_TEXT = re.compile("[\x00-\x08\x0e-\x1b\x7f\ud800-\udfff\ue000-\uf8ff]")
PLAIN = ("text/plain", "application/json", "application/xml")


class Unreadable(Exception):
    """No text can be had from this file; `reason` says why."""

    def __init__(self, reason: FileText.Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass
class Text:
    """What was read so far. No more than `TEXT` is kept; what lies beyond is still counted."""

    pages: int | None = None
    is_cut: bool = False
    _pieces: list[str] = field(default_factory=list)
    _length: int = 0

    def add(self, piece: str) -> None:
        room = TEXT - self._length
        self.is_cut = self.is_cut or len(piece) > room
        if room > 0 and piece:
            self._pieces.append(piece[:room])
            self._length += len(self._pieces[-1])

    def __str__(self) -> str:
        """Without signs that no text has: the database refuses the null, and the last are ours, to mark what is found."""
        text = _NO_TEXT.sub("", "".join(self._pieces))
        return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in text.splitlines())).strip()


def extract(file: IO[bytes], media_type: str) -> Text:
    """The text of an opened file; empty where its kind holds none. Raises Unreadable."""
    if media_type == "application/pdf":
        return _of_pdf(file)
    if media_type in preview.IMAGES:
        return _of_image(file)
    if media_type in PLAIN:
        return _of_text(file)
    if media_type in OFFICE:
        return _of_office(file, OFFICE[media_type])
    return Text()


# --- PDF, images, text


def _of_pdf(file: IO[bytes]) -> Text:
    """Page by page; a page without text counts as well, so a scan has pages and no words."""
    text, decoder = Text(pages=0), codecs.getincrementaldecoder("utf-8")("replace")
    command = ["pdftotext", "-q", "-enc", "UTF-8", confined.ITS_FILE, "-"]
    try:
        for piece in confined.output(command, file, seconds=SECONDS, most=READ):
            said = decoder.decode(piece)
            text.pages = (text.pages or 0) + said.count("\f")
            text.add(said)
    except confined.Failed:
        raise Unreadable(Reason.LOCKED) from None
    except (confined.TooLong, confined.TooMuch):
        text.is_cut = True
    if text.is_cut and not str(text):
        raise Unreadable(Reason.TIME)
    return text


def _of_image(file: IO[bytes]) -> Text:
    try:
        return Text(pages=preview.frames(file))
    except (confined.Failed, confined.TooMuch, ValueError):
        raise Unreadable(Reason.LOCKED) from None
    except confined.TooLong:
        raise Unreadable(Reason.TIME) from None


def _of_text(file: IO[bytes]) -> Text:
    text = Text()
    text.add(file.read(4 * TEXT + 4).decode("utf-8-sig", "replace"))
    text.is_cut = text.is_cut or bool(file.read(1))
    return text


# --- office files: an archive of XML


@dataclass(frozen=True)
class Grammar:
    """Which parts hold text, in which elements, and what ends a line or a cell. Names are without their namespace."""

    parts: str
    holds: frozenset[str]
    breaks: frozenset[str]
    tabs: frozenset[str] = frozenset()


_WORDS = Grammar(
    r"word/(document|header\d*|footer\d*|footnotes|endnotes|comments)\.xml",
    frozenset({"t"}), frozenset({"p", "br", "cr"}), frozenset({"tab", "tc"}),
)  # fmt: skip
_SLIDES = Grammar(r"ppt/(slides|notesSlides)/[^/]+\.xml", frozenset({"t"}), frozenset({"p", "br"}), frozenset({"tc"}))
_ODF = Grammar(
    r"content\.xml|styles\.xml", frozenset({"p", "h"}), frozenset({"p", "h", "line-break", "table-row"}),
    frozenset({"tab", "table-cell"}),
)  # fmt: skip
_SHEETS = Grammar(r"xl/(sharedStrings|worksheets/[^/]+|comments[^/]*)\.xml", frozenset({"t", "v"}), frozenset({"row"}))
OFFICE = {
    f"{_OFFICE}.wordprocessingml.document": _WORDS,
    f"{_OFFICE}.presentationml.presentation": _SLIDES,
    f"{_OFFICE}.spreadsheetml.sheet": _SHEETS,
    f"{_OPEN}.text": _ODF,
    f"{_OPEN}.spreadsheet": _ODF,
}


def _of_office(file: IO[bytes], grammar: Grammar) -> Text:
    text, left, until = Text(), READ, time.monotonic() + SECONDS
    strings: list[str] = []
    try:
        with zipfile.ZipFile(file) as archive:
            if len(archive.infolist()) > PARTS:
                raise Unreadable(Reason.UNFOLDS)
            wanted = [part for part in archive.infolist() if re.fullmatch(grammar.parts, part.filename)]
            for part in sorted(wanted, key=lambda part: _order(part.filename)):
                shared = strings if part.filename == _SHARED else None
                reader = Sheet(text, strings, shared) if grammar is _SHEETS else Reader(text, grammar)
                with archive.open(part) as opened:
                    left = reader.read(opened, left=left, until=until)
    except (*BROKEN, expat.ExpatError):
        raise Unreadable(Reason.BROKEN) from None
    return text


_SHARED = "xl/sharedStrings.xml"


def _order(name: str) -> tuple[bool, str, int, str]:
    """What the cells refer to and the running text first; the second slide before the tenth."""
    return name not in (_SHARED, "word/document.xml", "content.xml"), re.split(r"\d", name)[0], len(name), name


class Reader:
    """Reads one part into the text. No document type, where entities are made, and nothing from outside."""

    DEPTH = 500  # elements in elements

    def __init__(self, text: Text, grammar: Grammar) -> None:
        self.text, self.grammar = text, grammar
        self.held = [False]  # for each open element, whether its words count
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._open
        self.parser.EndElementHandler = self._close
        self.parser.CharacterDataHandler = self.say
        self.parser.StartDoctypeDeclHandler = self._refuse

    def read(self, opened: IO[bytes], *, left: int, until: float) -> int:
        """Read it to the end; says how many bytes of the allowance are left."""
        while piece := opened.read(1 << 16):
            left -= len(piece)
            if left < 0:
                raise Unreadable(Reason.UNFOLDS)
            if time.monotonic() > until:
                raise Unreadable(Reason.TIME)
            self.parser.Parse(piece, False)
        self.parser.Parse(b"", True)
        return left

    def _open(self, name: str, attributes: dict[str, str]) -> None:
        if len(self.held) > self.DEPTH:
            self._refuse()
        name = name.rpartition(" ")[2]
        self.held.append(name in self.grammar.holds or (self.held[-1] and self.grammar is _ODF))
        self.begin(name, attributes)

    def _close(self, name: str) -> None:
        self.held.pop()
        self.end(name.rpartition(" ")[2])

    def _refuse(self, *args: Any) -> None:
        raise Unreadable(Reason.BROKEN)

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        """An element of interest opens."""

    def end(self, name: str) -> None:
        if name in self.grammar.breaks:
            self.text.add("\n")
        elif name in self.grammar.tabs:
            self.text.add("\t")
        elif name == "s" and self.grammar is _ODF:
            self.text.add(" ")

    def say(self, words: str) -> None:
        if self.held[-1]:
            self.text.add(words)


class Sheet(Reader):
    """A sheet as rows of cells. What most cells say is kept once for the whole workbook, and told by its number."""

    def __init__(self, text: Text, strings: list[str], shared: list[str] | None) -> None:
        super().__init__(text, _SHEETS)
        self.strings, self.shared = strings, shared
        self.kept = 0
        self.words: list[str] = []
        self.by_number = False

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        if name in ("c", "si", "comment"):
            self.words, self.by_number = [], attributes.get("t") == "s"

    def say(self, words: str) -> None:
        if self.held[-1]:
            self.words.append(words)

    def end(self, name: str) -> None:
        said = "".join(self.words)
        if name == "si" and self.shared is not None:
            room = READ // 16 - self.kept
            self.shared.append(said[: max(0, room)])
            self.kept += len(said)
        elif name == "c":
            self.text.add(f"{self._string(said) if self.by_number else said}\t")
        elif name == "comment":
            self.text.add(f"{said}\n")
        super().end(name)

    def _string(self, number: str) -> str:
        at = int(number) if number.isascii() and number.isdigit() and len(number) < 10 else -1
        return self.strings[at] if 0 <= at < len(self.strings) else ""
