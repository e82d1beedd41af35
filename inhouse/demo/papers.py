"""The files that the stories hand in: small, real, and the same each time."""

from __future__ import annotations

import json
import textwrap
from dataclasses import dataclass
from random import Random

from django.core.files.base import ContentFile

from inhouse.demo.stories import Device, Kind
from inhouse.models import EvidenceDocument

Group = EvidenceDocument.Group
GROUPS = (
    Group.PURPOSE,
    Group.DESIGN,
    Group.FACILITY,
    Group.PROCESS,
    Group.RISK,
    Group.PERFORMANCE,
    Group.CLINICAL,
    Group.USER_INFORMATION,
)
OPEN = (Group.PURPOSE, Group.USER_INFORMATION)
"""What anyone on staff may read."""

TITLES = {
    Group.PURPOSE: "Avsett ändamål och patientgrupp",
    Group.DESIGN: "Konstruktionsunderlag",
    Group.FACILITY: "Tillverkningslokal och utrustning",
    Group.PROCESS: "Tillverkningsprocess",
    Group.RISK: "Riskhanteringsfil",
    Group.PERFORMANCE: "Prestandadata",
    Group.CLINICAL: "Klinisk utvärdering",
    Group.USER_INFORMATION: "Bruksanvisning",
}


@dataclass(frozen=True)
class Paper:
    title: str
    upload: ContentFile[bytes]


def paper(device: Device, kind: Kind, group: str, *, edition: str, rng: Random) -> Paper:
    """The document of one group, for one edition of the device's design."""
    title = f"{TITLES[Group(group)]}, {device.reference}"
    if group == Group.PERFORMANCE:
        content, ending = _measurements(device, rng), "csv"
    elif group == Group.DESIGN and kind.file == "stl":
        content, ending = _model(rng), "stl"
    elif group == Group.DESIGN and kind.file == "json":
        content, ending = _configuration(device, edition), "json"
    else:
        content, ending = pdf(f"{device.name}: {TITLES[Group(group)]}", _said(device, kind, group), edition), "pdf"
    return Paper(title, ContentFile(content, name=f"{device.key}-{group}-{edition}.{ending}"))


def _said(device: Device, kind: Kind, group: str) -> list[str]:
    """What stands in the document, one paragraph each."""
    said: dict[str, list[str]] = {
        Group.PURPOSE: [device.purpose, f"Patientgrupp: {device.group}", f"Särskilt behov: {device.special}"],
        Group.DESIGN: [device.description, f"Prestandakrav: {device.level}", f"Klassning: {device.class_why}"],
        Group.FACILITY: [kind.facility],
        Group.PROCESS: [kind.process, f"Omfattning: {device.scale}"],
        Group.RISK: [
            f"Identifierade risker och åtgärder: {device.risk}",
            f"Samlad bedömning: {device.conclusion}",
            "Riskhanteringen följer SS-EN ISO 14971 och ses över vid varje uppföljning.",
        ],
        Group.CLINICAL: [
            f"Förväntad nytta: {device.benefit}",
            f"Jämförelse med marknaden: {device.why}",
            f"Slutsats: {device.conclusion}",
        ],
        Group.USER_INFORMATION: [
            f"Avsett ändamål: {device.purpose}",
            f"Beskrivning: {device.description}",
            f"Varningar: {device.risk}",
            "Produkten är egentillverkad enligt artikel 5.5 och får bara användas inom Region Västmarken.",
            "Vid avvikelse: ta produkten ur bruk, skriv avvikelserapport och kontakta Medicinsk teknik.",
        ],
    }
    return said[group]


def _measurements(device: Device, rng: Random) -> bytes:
    lines = ["mätpunkt;krav;utfall;bedömning", f"# {device.reference}: {device.level}"]
    for point in range(1, 25):
        lines.append(f"{point};1,00;{rng.uniform(0.4, 0.95):.2f};godkänd".replace(".", ","))
    return "\n".join(lines).encode() + b"\n"


def _configuration(device: Device, edition: str) -> bytes:
    content = {
        "produkt": device.name,
        "beteckning": device.reference,
        "utgåva": edition,
        "komponenter": [{"namn": part[0], "tillverkare": part[1], "version": part[3]} for part in device.parts],
        "prestandakrav": device.level,
    }
    return json.dumps(content, ensure_ascii=False, indent=2).encode()


def _model(rng: Random) -> bytes:
    """A box of four-sided walls: enough for a viewer to show something."""
    x, y, z = (rng.uniform(20, 90) for _side in range(3))
    corners = [(a, b, c) for a in (0.0, x) for b in (0.0, y) for c in (0.0, z)]
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    lines = ["solid demo"]
    for a, b, c, d in faces:
        for triangle in ((a, b, c), (a, c, d)):
            lines += ["facet normal 0 0 0", " outer loop"]
            lines += ["  vertex {:.3f} {:.3f} {:.3f}".format(*corners[corner]) for corner in triangle]
            lines += [" endloop", "endfacet"]
    return "\n".join([*lines, "endsolid demo", ""]).encode()


# --- a PDF of plain paragraphs, on one page or more


def pdf(title: str, paragraphs: list[str], edition: str) -> bytes:
    """Paragraphs in Helvetica, which every reader has: these files are read, never archived."""
    lines = [f"Region Västmarken · utgåva {edition}", ""]
    for paragraph in paragraphs:
        lines += [*textwrap.wrap(paragraph, 88), ""]
    pages = [lines[start : start + 46] for start in range(0, len(lines), 46)]
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /Lang (sv) >>",
        b"<< /Type /Pages /Count %d /Kids [%s] >>"
        % (len(pages), b" ".join(b"%d 0 R" % (5 + 2 * number) for number in range(len(pages)))),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Title %s >>" % _string(title),
    ]
    for number, page in enumerate(pages):
        shown = _page(title if number == 0 else "", page)
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R"
            b" /Resources << /Font << /F1 3 0 R >> >> >>" % (6 + 2 * number)
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(shown), shown))
    written, places = bytearray(b"%PDF-1.4\n"), []
    for number, content in enumerate(objects, start=1):
        places.append(len(written))
        written += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = len(written)
    written += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    written += b"".join(b"%010d 00000 n \n" % place for place in places)
    written += b"trailer\n<< /Size %d /Root 1 0 R /Info 4 0 R >>\n" % (len(objects) + 1)
    written += b"startxref\n%d\n%%%%EOF\n" % table
    return bytes(written)


def _page(title: str, lines: list[str]) -> bytes:
    said = b"BT /F1 15 Tf 60 780 Td %s Tj ET\n" % _string(title)
    said += b"BT /F1 10.5 Tf 15 TL 60 750 Td\n"
    said += b"".join(b"%s Tj T*\n" % _string(line) for line in lines)
    return said + b"ET"


def _string(text: str) -> bytes:
    escaped = text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
    return b"(" + escaped.encode("cp1252", "replace") + b")"
