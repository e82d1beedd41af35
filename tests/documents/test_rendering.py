"""A printed document can be read by people, by screen readers and by whoever opens the archive in thirty years."""

from __future__ import annotations

import io
import re
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pikepdf
import pypdf
import pytest
from fontTools.ttLib import woff2
from pytest_django import Settings

from documents import rendering
from documents.templatetags.printing import long_day, qr

TEMPLATE = "inhouse/declarations/declaration.html"
SIGNED = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)
SNAPSHOT: dict[str, Any] = {
    "number": "IH-2026-0042-D1",
    "version": 1,
    "replaces": "",
    "language": "en",
    "prepared_on": "2026-05-04",
    "institution": {
        "name": "Region Västanland",
        "organisation_number": "232100-0999",
        "address": "Box 100\n451 00 Västanstad",
        "place": "Västanstad",
        "contact": "devices@example.org",
    },
    "administration": "University hospital",
    "unit": "Clinical engineering",
    "device": {
        "name": "Drill guide",
        "product_number": "IH-2026-0042",
        "reference": "DG 2.1",
        "revision": 3,
        "type": "MDR (medical device)",
        "regulation": "MDR",
        "risk_class": "IIa",
        "class_rule": "6",
        "description": "Printed in resin, ≥ 99 % dense.\n\nThree sizes.",
        "intended_purpose": "To guide the drill.",
        "patient_group": "Adults.",
        "accessories": [{"name": "Sleeve", "maker": "Exempel AB", "model": "S-20", "version": "1"}],
    },
    "statement": {"regulation_number": "2017/745", "exceptions": []},
    "verified_on": "2026-03-02",
    "validated_on": "2026-04-17",
    "quality_system": "ISO 13485 at the workshop",
    "signed": {
        "place": "Västanstad",
        "name": "Karin Öberg",
        "title": "Head of clinical engineering",
        "level": "head of unit",
        "level_key": "head_of_unit",
        "unit": "Clinical engineering",
    },
    "cosigners": [],
    "diary_number": "",
    "address": "https://femfem.example.org/declarations/IH-2026-0042-D1/",
    "contact": "devices@example.org",
    "evidence": {"documents": [], "records": []},
    "translations": {},
}


def changed(**changes: Any) -> dict[str, Any]:
    """The snapshot with some values changed; two underscores lead into a part of it."""
    snapshot = deepcopy(SNAPSHOT)
    for name, value in changes.items():
        part, _, key = name.partition("__")
        if key:
            snapshot[part][key] = value
        else:
            snapshot[part] = value
    return snapshot


def printed(snapshot: dict[str, Any], created: datetime | None = SIGNED) -> bytes:
    return rendering.pdf(
        TEMPLATE,
        {"snapshot": snapshot},
        language=snapshot["language"],
        title="Declaration of the drill guide",
        author="Region Västanland",
        subject="IH-2026-0042",
        created=created,
    )


def pages(pdf: bytes) -> list[str]:
    return [re.sub(r"\s+", " ", page.extract_text()) for page in pypdf.PdfReader(io.BytesIO(pdf)).pages]


def text(snapshot: dict[str, Any]) -> str:
    return " ".join(pages(printed(snapshot)))


@pytest.fixture(scope="module")
def declaration() -> bytes:
    return printed(SNAPSHOT)


def test_the_declaration_says_what_it_must(declaration: bytes) -> None:
    said = " ".join(pages(declaration))
    for sentence in (
        "Declaration no. IH-2026-0042-D1 · version 1",
        "Region Västanland makes this device and uses it only within its own organisation.",
        "general safety and performance requirements in Annex I to Regulation (EU) 2017/745 that apply to it.",
        "The device was verified on 2 March 2026 and validated on 17 April 2026.",
        "It is made under the quality management system ISO 13485 at the workshop.",
        "IIa (rule 6)",
        "Printed in resin, ≥ 99 % dense.",
        "Sleeve Exempel AB S-20 1",
        "All applicable requirements fully met Yes",
        "the moment of that seal is the moment of signing.",
        "Place of signing Västanstad Prepared on 4 May 2026",
        "Karin Öberg",
        "4. Signature",
        "https://femfem.example.org/declarations/IH-2026-0042-D1/",
    ):
        assert sentence in said
    assert "Requirements not fully met" not in said
    assert "replaces" not in said


def test_requirements_not_met_are_listed_as_part_four_and_the_statement_refers_to_them() -> None:
    said = text(
        changed(statement__exceptions=[{"number": "23.1(h)", "what": "No UDI carrier.", "why": "It never leaves us."}])
    )
    assert "apart from the ones listed in part 4." in said
    assert "4. Requirements not fully met" in said
    assert "23.1(h) No UDI carrier. It never leaves us." in said
    assert "5. Signature" in said


def test_a_later_version_says_what_it_replaces_and_an_early_diary_number_is_shown() -> None:
    said = text(changed(version=2, replaces="IH-2026-0042-D0", diary_number="RS 2026-01234"))
    assert "version 2 · replaces IH-2026-0042-D0" in said
    assert "RS 2026-01234" in said


def test_every_page_has_its_number_and_the_declaration_s(declaration: bytes) -> None:
    said = pages(declaration)
    assert len(said) == 2
    for number, page in enumerate(said, start=1):
        assert f"Page {number} of 2" in page
        assert "Declaration no. IH-2026-0042-D1" in page


def test_very_long_texts_lose_nothing() -> None:
    why = " ".join(f"({number})" for number in range(3000))
    description = "\n\n".join(f"Paragraph {number} about the device." for number in range(200))
    said = text(
        changed(
            device__description=description,
            device__name="Name " * 38,
            statement__exceptions=[{"number": "1", "what": "x" * 400, "why": why}],
        )
    )
    assert "Paragraph 0 about" in said
    assert "Paragraph 199 about" in said
    assert [number for number in range(3000) if f"({number})" not in said] == []
    assert "x" * 400 in said.replace(" ", "")


def test_text_from_people_is_never_markup() -> None:
    said = text(changed(device__name='<img src="file:///etc/passwd"><b>guide</b>', device__reference='" & <x>'))
    assert '<img src="file:///etc/passwd"><b>guide</b>' in said
    assert '" & <x>' in said


def test_days_and_page_numbers_follow_the_language() -> None:
    assert "4 maj 2026" in text(changed(language="sv"))
    assert "4. mai 2026" in text(changed(language="nb"))


def test_the_same_snapshot_gives_the_same_bytes(declaration: bytes) -> None:
    assert printed(SNAPSHOT) == declaration
    assert printed(SNAPSHOT, created=None) == printed(SNAPSHOT, created=None)


def test_each_font_is_unpacked_once_and_not_for_every_document(
    declaration: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpacked: list[Any] = []
    monkeypatch.setattr(woff2, "decompress", lambda *files: unpacked.append(files))
    assert printed(SNAPSHOT) == declaration
    assert unpacked == []


def test_the_metadata_say_what_it_is(declaration: bytes) -> None:
    with pikepdf.open(io.BytesIO(declaration)) as file:
        assert str(file.docinfo["/Title"]) == "Declaration of the drill guide"
        assert str(file.docinfo["/Author"]) == "Region Västanland"
        assert str(file.docinfo["/Subject"]) == "IH-2026-0042"
        assert str(file.docinfo["/CreationDate"]) == "D:20260504093000Z"
        assert str(file.Root.Lang) == "en"
        assert bool(file.Root.ViewerPreferences.DisplayDocTitle)
        packet = file.Root.Metadata.read_bytes().decode()
        assert packet.count("<rdf:RDF") == 1
        assert 'part="3"' in packet
        assert 'conformance="A"' in packet
        assert "<pdfuaid:part>1</pdfuaid:part>" in packet
        with file.open_metadata() as metadata:
            assert metadata.pdfa_status == "3A"


def test_it_is_tagged_for_screen_readers(declaration: bytes) -> None:
    with pikepdf.open(io.BytesIO(declaration)) as file:
        assert bool(file.Root.MarkInfo.Marked)
        tags, alternatives = [], []
        waiting = [file.Root.StructTreeRoot.K]
        while waiting:
            node = waiting.pop(0)
            if isinstance(node, pikepdf.Array):
                waiting.extend(list(node))
            elif isinstance(node, pikepdf.Dictionary) and "/S" in node:
                tags.append(str(node.S))
                if "/Alt" in node:
                    alternatives.append(str(node.Alt))
                if "/K" in node:
                    waiting.append(node.K)
    assert tags.count("/H1") == 1
    assert tags.count("/H2") == 5
    assert {"/P", "/Table", "/TH", "/TD", "/Figure", "/Link"} <= set(tags)
    assert alternatives == ["QR code with the address https://femfem.example.org/declarations/IH-2026-0042-D1/"]


def test_all_fonts_are_inside_and_are_ours(declaration: bytes) -> None:
    names = set()
    with pikepdf.open(io.BytesIO(declaration)) as file:
        for page in file.pages:
            for font in page.obj.Resources.Font.values():
                described = (
                    font.DescendantFonts[0].FontDescriptor if "/DescendantFonts" in font else font.FontDescriptor
                )
                assert {"/FontFile", "/FontFile2", "/FontFile3"} & set(described.keys())
                names.add(str(font.BaseFont).partition("+")[2])
        assert "/OutputIntents" in file.Root
        assert not file.is_encrypted
        assert "/JavaScript" not in file.Root.get("/Names", {})
    assert names == {"Inter", "Inter-Semi-Bold", "Inter-Bold"}


# Nothing comes from elsewhere


@pytest.mark.parametrize(
    "address",
    [
        "https://example.org/logo.png",
        "file:///etc/passwd",
        "ftp://example.org/x",
        "https://static.invalid/../config/settings.py",
        "https://static.invalid/%2e%2e/manage.py",
        "https://static.invalid//etc/passwd",
        "https://static.invalid/print/absent.css",
    ],
)
def test_nothing_is_fetched_but_our_own_static_files(tmp_path: Path, settings: Settings, address: str) -> None:
    (tmp_path / "x.html").write_text(f'<html lang="en"><body><img src="{address}" alt="x"></body></html>')
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [str(tmp_path)], "APP_DIRS": False}]
    with pytest.raises(rendering.Unrenderable):
        rendering.pdf("x.html", {}, language="en", title="", author="", subject="", created=None)


def test_a_day_is_written_out_and_none_is_nothing() -> None:
    assert long_day("2026-05-04") == "4 May 2026"
    assert long_day(datetime(2026, 5, 4, tzinfo=UTC).date()) == "4 May 2026"
    assert long_day("") == ""


def test_a_qr_code_is_an_image_inside_the_document() -> None:
    assert qr("https://femfem.example.org/").startswith("data:image/svg+xml")
