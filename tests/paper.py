"""Looks into the structure of a PDF for what PDF/A-3a and PDF/UA-1 ask of it.

This is a structural check of what we rely on, not a validation: no validator of either standard is to be had here.
"""

from __future__ import annotations

import io
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pikepdf
import zxingcpp
from PIL import Image, ImageChops

FONTS = {"Inter", "Noto-Sans-Arabic"}
STANDARD = {
    "Document", "Part", "Art", "Sect", "Div", "BlockQuote", "Caption", "Index", "NonStruct", "P", "H1", "H2", "H3",
    "L", "LI", "Lbl", "LBody", "Table", "TR", "TH", "TD", "THead", "TBody", "TFoot", "Span", "Link", "Figure",
}  # fmt: skip
RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
SHOWS = {"Tj", "TJ", "'", '"'}


def faults(pdf: bytes, *, language: str, attached: dict[str, bytes]) -> list[str]:
    """Everything that is not as it must be; nothing means that it is structurally right."""
    with pikepdf.open(io.BytesIO(pdf)) as file:
        return [*_document(file, language), *_attachments(file, attached), *_fonts(file), *_pages(file), *_tags(file)]


def _document(file: pikepdf.Pdf, language: str) -> Iterator[str]:
    root: Any = file.Root
    if file.is_encrypted or "/ID" not in file.trailer:
        yield "encrypted, or without an identifier"
    if str(root.get("/Lang")) != language:
        yield "another language"
    if not root.get("/MarkInfo", {}).get("/Marked") or "/StructTreeRoot" not in root:
        yield "not tagged"
    if not root.get("/ViewerPreferences", {}).get("/DisplayDocTitle") or not str(file.docinfo.get("/Title", "")):
        yield "the title is not shown"
    intents = list(root.get("/OutputIntents", []))
    if [str(intent.S) for intent in intents] != ["/GTS_PDFA1"] or int(intents[0].DestOutputProfile.N) != 3:
        yield "no colour profile of its own"
    packet = root.Metadata.read_bytes()
    [only] = ElementTree.fromstring(packet).iter(f"{RDF}RDF")
    said = ElementTree.tostring(only).decode()
    for needed in (r'pdfaid|part="3"|part>3<', r'conformance="A"|conformance>A<', r"ua/ns/id/", r"extension/"):
        if not re.search(needed, said):
            yield f"the metadata do not say {needed}"
    if packet.count(b"<?xpacket begin") > 1 or packet.count(b"pdfuaid:part>1<") != 1:
        yield "more than one packet of metadata, or not PDF/UA-1"
    if "/OpenAction" in root or "/AA" in root or "/JavaScript" in root.get("/Names", {}):
        yield "does something when it is opened"
    for thing in file.objects:
        if isinstance(thing, pikepdf.Dictionary) and (
            "/JS" in thing or str(thing.get("/S")) in ("/JavaScript", "/Launch", "/SubmitForm", "/ImportData")
        ):
            yield "holds a script"


def _attachments(file: pikepdf.Pdf, attached: dict[str, bytes]) -> Iterator[str]:
    root: Any = file.Root
    names = root.get("/Names", {}).get("/EmbeddedFiles", {}).get("/Names", [])
    held = dict(zip(map(str, list(names)[::2]), list(names)[1::2], strict=True))
    if list(held) != sorted(attached):
        yield f"attached are {list(held)}"
    associated = [entry.objgen for entry in root.get("/AF", [])]
    if sorted(associated) != sorted(entry.objgen for entry in held.values()):
        yield "attachments are not associated once each"
    for name, entry in held.items():
        stream = entry.EF.F
        if stream.read_bytes() != attached.get(name):
            yield f"{name} holds something else"
        if str(entry.get("/AFRelationship")) not in ("/Data", "/Source", "/Supplement", "/Alternative"):
            yield f"{name} has no relationship"
        if str(stream.Subtype) != "/application/json" or "/ModDate" not in stream.Params or not str(entry.Desc):
            yield f"{name} is not described"


def _fonts(file: pikepdf.Pdf) -> Iterator[str]:
    for font in _fonts_of(file):
        inner = font.DescendantFonts[0] if "/DescendantFonts" in font else font
        name = str(inner.BaseFont).lstrip("/").partition("+")[2]
        if not {"/FontFile", "/FontFile2", "/FontFile3"} & set(inner.FontDescriptor.keys()):
            yield f"{name} is not embedded"
        if "/ToUnicode" not in font:
            yield f"{name} cannot be read as text"
        if re.sub(r"-(Semi-Bold|Bold|Italic|Light|Medium).*", "", name) not in FONTS:
            yield f"{name} is not one of our fonts"


def _fonts_of(file: pikepdf.Pdf) -> list[Any]:
    return [
        thing
        for thing in file.objects
        if (isinstance(thing, pikepdf.Dictionary) and str(thing.get("/Type")) == "/Font" and "/ToUnicode" in thing)
        or (isinstance(thing, pikepdf.Dictionary) and "/DescendantFonts" in thing)
    ]  # fmt: skip


def _pages(file: pikepdf.Pdf) -> Iterator[str]:
    tree = {int(key): value for key, value in _numbers(file.Root.StructTreeRoot.ParentTree)}
    for index, page in enumerate(file.pages, start=1):
        marked, outside, missing = _content(page)
        if outside:
            yield f"page {index}: {outside} pieces of text are not marked"
        if missing:
            yield f"page {index}: {missing} letters have no shape in the font"
        if marked and sorted(marked) != list(range(len(tree[int(page.StructParents)]))):
            yield f"page {index}: the tags do not fit the content"
        for note in page.get("/Annots", []):
            if int(note.get("/F", 0)) & 0b110 != 0b100:
                yield f"page {index}: something that is not printed"
            if str(note.Subtype) == "/Link" and ("/StructParent" not in note or str(page.get("/Tabs")) != "/S"):
                yield f"page {index}: a link without a tag"
            if str(note.Subtype) == "/Widget" and (any(float(edge) > 0 for edge in note.Rect) or "/TU" not in note):
                yield f"page {index}: a field on the page, or without a name"


def _numbers(node: Any) -> Iterator[tuple[Any, Any]]:
    pairs = list(node.get("/Nums", []))
    yield from zip(pairs[::2], pairs[1::2], strict=True)
    for child in node.get("/Kids", []):
        yield from _numbers(child)


def _content(page: pikepdf.Page) -> tuple[list[int], int, int]:
    """The numbers of the marked pieces, how much text is not marked, and how many letters the font has no shape for."""
    marked, outside, missing, depth = [], 0, 0, 0
    steps: Any = pikepdf.parse_content_stream(page)
    for operands, operator in steps:
        name = str(operator)
        if name in ("BDC", "BMC"):
            depth += 1
            if len(operands) > 1 and isinstance(operands[1], pikepdf.Dictionary) and "/MCID" in operands[1]:
                marked.append(int(operands[1].MCID))
        elif name == "EMC":
            depth -= 1
        elif name in SHOWS:
            outside += depth == 0
            parts = operands[0] if name == "TJ" else operands[-1:]
            for part in parts:
                if isinstance(part, pikepdf.String):
                    codes = bytes(part)
                    missing += sum(codes[at : at + 2] == b"\0\0" for at in range(0, len(codes), 2))
    return marked, outside, missing


def _tags(file: pikepdf.Pdf) -> Iterator[str]:
    level = 0
    for tag, node, parent in _nodes(file.Root.StructTreeRoot):
        if tag not in STANDARD:
            yield f"{tag} is not a standard tag"
        if re.fullmatch(r"H\d", tag):
            if int(tag[1]) > level + 1:
                yield f"{tag} after H{level}"
            level = int(tag[1])
        if tag == "Figure" and not str(node.get("/Alt", "")):
            yield "a figure without words"
        inside = {"LI": {"L"}, "TR": {"Table", "THead", "TBody"}, "TH": {"TR"}, "TD": {"TR"}}.get(tag)
        if inside and parent not in inside:
            yield f"{tag} inside {parent}"
        if tag == "TD" and "/Headers" not in str(node.get("/A", {}).keys() if "/A" in node else ""):
            yield "a cell without a head"


def _nodes(node: Any, parent: str = "") -> Iterator[tuple[str, Any, str]]:
    kids = node.get("/K", [])
    for kid in kids if isinstance(kids, pikepdf.Array) else [kids]:
        if isinstance(kid, pikepdf.Dictionary) and "/S" in kid:
            tag = str(kid.S).lstrip("/")
            yield tag, kid, parent
            yield from _nodes(kid, tag)


# --- with the programs that other people use


def ran(*command: str, pdf: bytes) -> str:
    """What a program says of a PDF; `{}` stands for its file."""
    with tempfile.NamedTemporaryFile(suffix=".pdf") as file:
        file.write(pdf)
        file.flush()
        words = [word.replace("{}", file.name) for word in command]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
    return done.stdout


def told(pdf: bytes) -> list[tuple[str, str]]:
    """What a screen reader would be told: each heading, paragraph, list item and cell, with its words."""
    said: list[tuple[str, str]] = []
    for line in ran("pdfinfo", "-struct-text", "{}", pdf=pdf).splitlines():
        word = line.strip()
        if word.startswith('"'):
            if said:
                tag, before = said[-1]
                said[-1] = (tag, " ".join(filter(None, [before, word.strip('"').strip()])))
        elif found := re.match(r"(H\d|P|LBody|LI|TH|TD|Table|L|Figure|Caption)\b", word):
            said.append((found[1], ""))
    return said


def strayed(pdf: bytes) -> list[str]:
    """Words that lie outside the area of the page that is meant for them (points)."""
    pages = ran("pdftotext", "-bbox", "{}", "-", pdf=pdf)
    left = []
    for page in re.findall(r"<page.*?</page>", pages, re.DOTALL):
        for x, y, right, bottom, word in re.findall(
            r'<word xMin="(.+?)" yMin="(.+?)" xMax="(.+?)" yMax="(.+?)">(.*?)</word>', page
        ):
            if float(x) < 55 or float(right) > 595 - 55 or float(y) < 30 or float(bottom) > 842 - 30:
                left.append(word)
    return left


def scanned(pdf: bytes) -> list[str]:
    """What a reader of codes finds on the pages, as a telephone would."""
    return [found.text for page in pictures(pdf, dpi=150) for found in zxingcpp.read_barcodes(page)]


def pictures(pdf: bytes, *, dpi: int = 36) -> list[Image.Image]:
    """Each page as a picture in greys, a small one unless asked for more."""
    with tempfile.TemporaryDirectory() as folder:
        ran("pdftoppm", "-r", str(dpi), "-gray", "-png", "{}", f"{folder}/page", pdf=pdf)
        return [Image.open(io.BytesIO(path.read_bytes())).convert("L") for path in sorted(Path(folder).glob("*.png"))]


def margins_are_clear(page: Image.Image) -> bool:
    """Nothing is drawn within fifteen millimetres of the left and right edge, and ten of the others."""
    width, height = page.size
    side, end = round(width * 15 / 210), round(height * 8 / 297)
    edges = [
        (0, 0, side, height), (width - side, 0, width, height), (0, 0, width, end), (0, height - end, width, height),
    ]  # fmt: skip
    return all(page.crop(edge).getextrema()[0] > 250 for edge in edges)  # type: ignore[operator]


def strip(pages: list[Image.Image]) -> Image.Image:
    """All pages beside each other, as one picture."""
    whole = Image.new("L", (sum(page.width for page in pages), max(page.height for page in pages)), 255)
    left = 0
    for page in pages:
        whole.paste(page, (left, 0))
        left += page.width
    return whole


def difference(one: Image.Image, other: Image.Image) -> int:
    """How far apart, of 255, the greys of two pictures are in the square of six pixels (4 mm) where they are least alike.

    What a smoothing of edges changes is mostly lost in a square; a word is not.
    """
    if one.size != other.size:
        return 255
    squares = [picture.reduce(6) for picture in (one, other)]
    [(_least, most)] = [ImageChops.difference(*squares).getextrema()]
    return int(most)  # type: ignore[arg-type]


def ink(page: Image.Image) -> float:
    """How much of the page is dark."""
    histogram = page.histogram()
    return sum(histogram[:128]) / sum(histogram)
