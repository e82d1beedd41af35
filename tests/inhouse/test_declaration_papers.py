"""The sealed declaration on paper: in every language and of every kind it is structurally what an archive keeps."""

from __future__ import annotations

import io
import json
import os
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from PIL import Image

from documents import sealing
from inhouse import declarations, snapshots
from tests import paper
from tests.documents.test_rendering import SNAPSHOT, changed

LANGUAGES = ("sv", "nb", "en")
GOLDEN = Path(__file__).parent / "golden"
ALIKE = 12
"""Greys, of 255, that a square may be apart from the golden picture. A word is seen (18 and more), a letter or two are not (9).

The pictures rest on Poppler: another rasteriser altogether (Cairo) is 39 and more apart, and a later Poppler may be, too.
"""
UNMET = [
    {"number": "10.4.1", "what": "The resin holds a photo-initiator above the limit.", "why": "It is cured out."},
    {"number": "23.2(h)", "what": "No UDI carrier.", "why": "The device never leaves the institution."},
]
NAMES = (
    "Žofie Škvorecká", "Łukasz Wiśniewski", "Ελένη Παπαδοπούλου", "Юлія Ґалаґан", "Nguyễn Thị Ánh Tuyết", "Şükrü Ağaoğlu",
    "ليلى الحداد", "Þórður Ægisson", "Áile Ŋuorŧŧa",
)  # fmt: skip
LONG = "\n\n".join(
    f"{number}. Resin ≥ 99 % dense, ±0,1 mm, ≤ 37 °C → rinsed 5× in 2-propanol; μ ≈ 0.3. " * 6 for number in range(25)
)
KINDS: dict[str, dict[str, Any]] = {
    "all met": {},
    "not fully met": {"statement__exceptions": UNMET},
    "in vitro": {
        "device__regulation": "IVDR",
        "device__type": "IVDR (in vitro diagnostic medical device)",
        "device__risk_class": "C",
        "statement__regulation_number": "2017/746",
        "laboratory": {
            "name": "University hospital, Clinical chemistry",
            "standard": "EN ISO 15189:2022",
            "accreditation": "1240",
            "scope": "Clinical chemistry",
            "accredited_until": "2028-01-31",
        },
    },
    "very long": {
        "device__name": "Guide for drilling along a planned path " * 5,
        "device__description": LONG,
        "device__intended_purpose": "x" * 900,
        "statement__exceptions": [{"number": "1", "what": LONG[:1500], "why": LONG}],
    },
    "names in other letters": {
        "signed__name": NAMES[0],
        "institution__name": "Région d’Öresund – Æøå Ñandú",
        "device__description": ", ".join(NAMES),
        "cosigners": [
            {
                "role": "Consultant",
                "name": name,
                "title": f"Chief of {name}",
                "level": "",
                "level_key": "",
                "unit": name,
            }
            for name in NAMES[1:]
        ],
    },
    "200 requirements": {
        "statement__exceptions": [
            {"number": f"{number}", "what": f"Requirement {number} is not met.", "why": f"Because of reason {number}."}
            for number in range(1, 201)
        ]
    },
}


def content(kind: str, language: str) -> dict[str, Any]:
    return changed(**KINDS[kind], language=language)


@cache
def papers(kind: str, language: str) -> tuple[bytes, bytes]:
    """As it is rendered, and as it is sealed."""
    told = content(kind, language)
    plain = declarations.render(told)
    return plain, sealing.seal(
        plain, signer=told["signed"]["name"], title=told["signed"]["title"], reason=told["number"], place="Västanstad"
    )


every = pytest.mark.parametrize("language", LANGUAGES)
kinds = pytest.mark.parametrize("kind", KINDS)


@every
@kinds
def test_every_declaration_is_structurally_right_before_and_after_it_is_sealed(kind: str, language: str) -> None:
    told = content(kind, language)
    attached = {
        "snapshot.json": snapshots.canonical(told),
        "evidence.json": snapshots.canonical(snapshots.manifest(told)),
    }
    for pdf in papers(kind, language):
        assert paper.faults(pdf, language=language, attached=attached) == []
        assert "No syntax or stream encoding errors found" in paper.ran("qpdf", "--check", "{}", pdf=pdf)


@every
@kinds
def test_every_page_is_drawn_within_its_margins(kind: str, language: str) -> None:
    plain, sealed = papers(kind, language)
    assert paper.strayed(sealed) == []
    for picture in paper.pictures(sealed):
        assert paper.margins_are_clear(picture)
        assert 0.001 < paper.ink(picture) < 0.2
    before, after = ([picture.tobytes() for picture in paper.pictures(pdf)] for pdf in (plain, sealed))
    assert before == after  # the seal draws nothing


@every
def test_the_code_leads_to_the_address_that_is_printed_beside_it(language: str) -> None:
    told = content("all met", language)
    assert told["address"].startswith("https://")
    assert paper.scanned(papers("all met", language)[1]) == [told["address"]]


@kinds
def test_every_kind_looks_as_it_did(kind: str) -> None:
    """Its first four pages, as the pictures beside this file. When it is to look otherwise: `make golden`, and look at what it changed."""
    golden, drawn = GOLDEN / f"{kind.replace(' ', '-')}.png", paper.strip(paper.pictures(papers(kind, "en")[0])[:4])
    if os.environ.get("GOLDEN") == "new":
        drawn.save(golden, optimize=True)
    assert paper.difference(drawn, Image.open(golden)) <= ALIKE


def test_a_word_more_or_less_is_seen_in_the_pictures() -> None:
    def drawn(**changes: Any) -> Any:
        return paper.strip(paper.pictures(declarations.render(changed(language="en", **changes))))

    before = drawn()
    assert paper.difference(before, drawn()) == 0
    for changes in ({"signed__place": ""}, {"verified_on": "2026-04-02"}, {"device__reference": "B2"}):
        assert paper.difference(before, drawn(**changes)) > ALIKE


@every
@kinds
def test_the_seal_is_valid_to_us_and_to_others(kind: str, language: str) -> None:
    plain, sealed = papers(kind, language)
    assert sealed.startswith(plain)
    said = paper.ran("pdfsig", "{}", pdf=sealed)
    assert said.count("Signature Validation: Signature is Valid.") == 1
    assert "ETSI.CAdES.detached" in said
    assert "Total document signed" in said


@every
def test_a_screen_reader_is_told_headings_tables_and_lists(language: str) -> None:
    _, sealed = papers("not fully met", language)
    told = paper.told(sealed)
    assert [tag for tag, _ in told if tag == "H1"] == ["H1"]
    assert [words[:2] for tag, words in told if tag == "H2"] == ["1.", "2.", "3.", "4.", "5.", "6."]
    assert ("TH", "10.4.1") in told
    assert ("P", "No UDI carrier.") in told
    assert ("P", "It is cured out.") in told
    assert len([tag for tag, _ in told if tag == "L"]) == 1
    assert any("evidence.json" in words for tag, words in told if tag == "LBody")
    assert len([tag for tag, _ in told if tag == "Figure"]) == 1


def test_the_check_sees_what_is_wrong() -> None:
    """A check that cannot fail shows nothing: each of these is one thing made wrong."""
    told = content("all met", "en")
    attached = {
        "snapshot.json": snapshots.canonical(told),
        "evidence.json": snapshots.canonical(snapshots.manifest(told)),
    }

    def found(spoil: Any) -> list[str]:
        with pikepdf.open(io.BytesIO(papers("all met", "en")[0])) as file:
            spoil(file)
            out = io.BytesIO()
            file.save(out)
        return paper.faults(out.getvalue(), language="en", attached=attached)

    def font(file: pikepdf.Pdf) -> Any:
        return next(iter(file.pages[0].obj.Resources.Font.values()))

    assert found(lambda file: None) == []
    assert found(lambda file: file.Root.AF.append(file.Root.AF[0])) == ["attachments are not associated once each"]
    assert found(lambda file: file.Root.__setitem__("/Lang", pikepdf.String("de"))) == ["another language"]
    assert found(lambda file: file.Root.__delitem__("/OutputIntents")) == ["no colour profile of its own"]
    assert found(lambda file: file.Root.MarkInfo.__setitem__("/Marked", False)) == ["not tagged"]
    assert found(lambda file: file.Root.__delitem__("/ViewerPreferences")) == ["the title is not shown"]
    assert any("cannot be read as text" in fault for fault in found(lambda file: font(file).__delitem__("/ToUnicode")))
    script = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=pikepdf.String("app.alert(1)"))
    assert found(lambda file: file.Root.__setitem__("/OpenAction", file.make_indirect(script))) == [
        "does something when it is opened", "holds a script",
    ]  # fmt: skip
    loose = b"BT /F 9 Tf (loose) Tj ET"
    assert found(lambda file: file.pages[0].contents_add(loose)) == ["page 1: 1 pieces of text are not marked"]


def test_names_in_other_letters_can_be_read_and_searched_for() -> None:
    _, sealed = papers("names in other letters", "en")
    said = " ".join(paper.ran("pdftotext", "{}", "-", pdf=sealed).split())
    for name in NAMES:
        assert name.split()[-1] in said


def test_the_same_snapshot_gives_the_same_bytes_and_another_gives_others() -> None:
    plain, _ = papers("all met", "sv")
    assert declarations.render(content("all met", "sv")) == plain
    assert declarations.render(changed(language="sv", unit="Workshop")) != plain


def test_what_is_attached_is_what_was_signed_and_what_it_rests_on() -> None:
    evidence = {
        "documents": [{"group": "risk", "sha256": "ab" * 32, "confidential": True}],
        "records": [{"kind": "verification", "outcome": "approved", "done_on": "2026-03-02", "report": "", "sha256": "cd" * 32}],
    }  # fmt: skip
    told = changed(evidence=evidence)
    attached = {
        "snapshot.json": snapshots.canonical(told),
        "evidence.json": json.dumps(
            {"declaration": "IH-2026-0042-D1", "product": "IH-2026-0042", "revision": 3, **evidence},
            sort_keys=True, separators=(",", ":"),
        ).encode(),
    }  # fmt: skip
    assert paper.faults(declarations.render(told), language="en", attached=attached) == []


# --- translations


def test_a_translation_says_what_it_is_and_uses_the_texts_that_were_translated() -> None:
    told = changed(
        language="sv",
        device__description="Skrivs ut i plast.",
        device__intended_purpose="Leder borren.",
        statement__exceptions=[{"number": "1", "what": "Ingen etikett.", "why": "För liten."}],
        translations={"en": {"device.description": "Printed in resin.", "exceptions.0.what": "No label."}},
    )
    before = deepcopy(told)
    pdf = declarations.render(told, language="en")
    said = " ".join(paper.ran("pdftotext", "{}", "-", pdf=pdf).split())
    assert "Translation of declaration IH-2026-0042-D1. The signed text is the one in Swedish." in said
    assert "This translation is not signed." in said
    for words in ("Printed in resin.", "No label.", "Leder borren.", "För liten.", "head of unit", "medical device"):
        assert words in said
    assert "Skrivs ut" not in said
    assert told == before
    assert paper.faults(
        pdf,
        language="en",
        attached={
            "snapshot.json": snapshots.canonical(told),
            "evidence.json": snapshots.canonical(snapshots.manifest(told)),
        },
    ) == []  # fmt: skip
    assert "Translation" not in paper.ran("pdftotext", "{}", "-", pdf=declarations.render(SNAPSHOT))


def test_every_text_that_someone_wrote_can_be_translated() -> None:
    told = changed(
        statement__exceptions=UNMET,
        cosigners=[{"role": "Adviser", "name": "A", "title": "Engineer", "level": "", "level_key": "", "unit": "B"}],
    )
    assert snapshots.free_texts(told) == {
        "device.description": SNAPSHOT["device"]["description"],
        "device.intended_purpose": "To guide the drill.",
        "device.patient_group": "Adults.",
        "exceptions.0.what": UNMET[0]["what"],
        "exceptions.0.why": UNMET[0]["why"],
        "exceptions.1.what": UNMET[1]["what"],
        "exceptions.1.why": UNMET[1]["why"],
        "quality_system": "ISO 13485 at the workshop",
        "signed.title": "Head of clinical engineering",
        "cosigners.0.role": "Adviser",
        "cosigners.0.title": "Engineer",
    }
