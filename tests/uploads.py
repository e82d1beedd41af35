"""Files as people hand them in, and as those make them who mean harm."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator

from PIL import Image

WORDS = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
SHEET = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
SLIDE = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
ODF = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"'
)


def packed(parts: dict[str, str | bytes], *, first: str = "[Content_Types].xml", says: str = "<Types/>") -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(first, says, zipfile.ZIP_STORED)
        for name, content in parts.items():
            archive.writestr(name, content)
    return held.getvalue()


def docx(*paragraphs: str, **more: str) -> bytes:
    said = "".join(f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>" for text in paragraphs)
    other = {f"word/{name}.xml": f"<w:ftr {WORDS}><w:p><w:t>{text}</w:t></w:p></w:ftr>" for name, text in more.items()}
    return packed({"word/document.xml": f"<w:document {WORDS}><w:body>{said}</w:body></w:document>", **other})


def xlsx(*rows: tuple[str, ...]) -> bytes:
    """Words are shared strings, figures stand in their cells."""
    strings = [cell for row in rows for cell in row if not cell.isdigit()]
    cells = [
        "".join(
            f"<c><v>{cell}</v></c>" if cell.isdigit() else f'<c t="s"><v>{strings.index(cell)}</v></c>' for cell in row
        )
        for row in rows
    ]
    return packed(
        {
            "xl/workbook.xml": "<workbook/>",
            "xl/sharedStrings.xml": f"<sst {SHEET}>{''.join(f'<si><t>{text}</t></si>' for text in strings)}</sst>",
            "xl/worksheets/sheet1.xml": f"<worksheet {SHEET}>{''.join(f'<row>{row}</row>' for row in cells)}</worksheet>",
        }
    )


def pptx(*slides: str) -> bytes:
    parts: dict[str, str | bytes] = {"ppt/presentation.xml": "<p/>"}
    for number, text in enumerate(slides, start=1):
        parts[f"ppt/slides/slide{number}.xml"] = f"<p {SLIDE}><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p>"
    return packed(parts)


def odf(kind: str, content: str) -> bytes:
    whole = f"<office:document-content {ODF}>{content}</office:document-content>"
    return packed(
        {"content.xml": whole}, first="mimetype", says=f"application/vnd.oasis.opendocument.{kind}"
    )  # as its name says, in the clear


def bomb(part: str = "word/document.xml", *, size: int) -> bytes:
    """A document of a few kilobytes that unfolds to this many bytes."""

    def unfolded() -> Iterator[bytes]:
        yield f"<w:document {WORDS}><w:body><w:p><w:t>".encode()
        for _each in range(size >> 20):
            yield b" " * (1 << 20)
        yield b"</w:t></w:p></w:body></w:document>"

    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        with archive.open(part, "w", force_zip64=True) as opened:
            for piece in unfolded():
                opened.write(piece)
    return held.getvalue()


def entities() -> bytes:
    """Ten entities, each ten of the one before: a thousand million laughs."""
    names = "abcdefghij"
    made = "".join(
        f'<!ENTITY {name} "{f"&{names[number - 1]};" * 10 if number else "ha"}">' for number, name in enumerate(names)
    )
    return packed({"word/document.xml": f"<!DOCTYPE w [{made}]><w:p {WORDS}><w:t>&j;</w:t></w:p>"})


def image(kind: str = "PNG", *, size: tuple[int, int] = (40, 30), frames: int = 1, mode: str = "RGB") -> bytes:
    held = io.BytesIO()
    pictures = [Image.new(mode, size) for _each in range(frames)]
    more = {"save_all": True, "append_images": pictures[1:]} if frames > 1 else {}
    pictures[0].save(held, kind, **more)
    return held.getvalue()


def pdf(*objects: bytes) -> bytes:
    """A PDF of these objects, numbered from 1; the first is its catalogue."""
    written, places = bytearray(b"%PDF-1.7\n"), []
    for number, content in enumerate(objects, start=1):
        places.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = len(written)
    written += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    written += b"".join(b"%010d 00000 n \n" % place for place in places)
    written += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table)
    return bytes(written)


def pdf_with_script() -> bytes:
    """It wants to run a script when it is opened."""
    return pdf(
        b"<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /JavaScript /JS (app.alert\\(1\\)) >> >>",
        b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /AA << /O << /S /Launch /F (calc.exe) >> >> >>",
    )


def pdf_of(pages: int, *, claimed: int | None = None) -> bytes:
    """A PDF of empty pages, which may say that it has more."""
    kids = b" ".join(b"%d 0 R" % (3 + number) for number in range(pages))
    return pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count %d /Kids [%s] >>" % (claimed or pages, kids),
        *[b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] >>"] * pages,
    )
