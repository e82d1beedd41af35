"""The text of files: of each kind that holds some, and of those that are made to trouble whoever reads them."""

from __future__ import annotations

import resource
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from documents import confined, extracting
from documents.extracting import Reason, Unreadable, extract
from documents.kinds import kind_of
from tests import factories, uploads

PDF = factories.pdf("Första raden\nAndra raden").read()
READ = [
    (PDF, "Region Västmarken · utgåva 1\n\nFörsta raden\n\nAndra raden"),
    (uploads.docx("Risk för kläm", "Åtgärd", footer1="Sida ett"), "Risk för kläm\nÅtgärd\n\nSida ett"),
    (uploads.xlsx(("Mått", "Krav"), ("Längd", "120")), "Mått\tKrav\nLängd\t120"),
    (uploads.pptx(*(f"Bild {number}" for number in range(1, 12))), "\n".join(f"Bild {n}" for n in range(1, 12))),
    (
        uploads.odf("text", "<text:h>Rubrik</text:h><text:p>Ett<text:tab/>två <text:span>tre</text:span></text:p>"),
        "Rubrik\nEtt\ttvå tre",
    ),
    (
        uploads.odf(
            "spreadsheet",
            "<table:table-row><table:table-cell><text:p>A</text:p></table:table-cell>"
            "<table:table-cell><text:p>B</text:p></table:table-cell></table:table-row>",
        ),
        "A\n\tB",
    ),
    ("mätpunkt;krav\r\n1;2,5\r\n".encode("utf-8-sig"), "mätpunkt;krav\n1;2,5"),
    (b'{"a": [1, 2]}', '{"a": [1, 2]}'),
    (b'<?xml version="1.0"?><report>Ja</report>', '<?xml version="1.0"?><report>Ja</report>'),
]


def opened(tmp_path: Path, content: bytes) -> Any:
    file = tmp_path / "file"
    file.write_bytes(content)
    return file.open("rb")


def said(tmp_path: Path, content: bytes) -> extracting.Text:
    with opened(tmp_path, content) as file:
        return extract(file, kind_of(tmp_path / "file").media_type)


def refused(tmp_path: Path, content: bytes) -> str:
    with pytest.raises(Unreadable) as trouble:
        said(tmp_path, content)
    return trouble.value.reason


@pytest.mark.parametrize(("content", "text"), READ)
def test_what_stands_in_a_file_is_read(tmp_path: Path, content: bytes, text: str) -> None:
    read = str(said(tmp_path, content))
    assert [line.strip() for line in read.splitlines() if line.strip()] == [
        line.strip() for line in text.splitlines() if line.strip()
    ]


def test_pages_are_counted_and_a_scan_has_pages_without_words(tmp_path: Path) -> None:
    long = said(tmp_path, factories.pdf("\n".join("Rad" for _each in range(60))).read())
    assert long.pages == 3
    scan = said(tmp_path, uploads.pdf_of(2))
    assert (scan.pages, str(scan)) == (2, "")
    assert said(tmp_path, uploads.image("TIFF", frames=3)).pages == 3
    assert said(tmp_path, uploads.image("JPEG")).pages == 1


def test_kinds_without_words_give_none(tmp_path: Path) -> None:
    for content in (uploads.packed({"kod.py": "print()"}, first="a.txt"), b"solid x\nendsolid x\n"):
        assert str(said(tmp_path, content)) == ""


def test_only_so_much_of_a_text_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extracting, "TEXT", 10)
    for content in (b"abcdefghijklmnop " * 9, uploads.docx("abcdefghijklmnop"), PDF):
        text = said(tmp_path, content)
        assert (len(str(text)) <= 10, text.is_cut) == (True, True)
    assert said(tmp_path, PDF).pages == 1


def test_signs_that_no_text_has_are_left_out() -> None:
    text = extracting.Text()
    text.add("a\x00b\ue000c\ud800d\x85\n\n\n\n\ne")
    assert str(text) == "abcd\n\ne"


# --- made to trouble the reader


@pytest.fixture
def measured() -> Iterator[None]:
    """The test must stay below so many seconds and megabytes."""
    begun, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    assert time.monotonic() - begun < 30
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150_000  # kB


@pytest.mark.usefixtures("measured")
def test_an_archive_that_unfolds_without_end_is_given_up(tmp_path: Path) -> None:
    content = uploads.bomb(size=1 << 30)
    assert len(content) < 2 << 20
    assert refused(tmp_path, content) == Reason.UNFOLDS


@pytest.mark.usefixtures("measured")
def test_an_archive_that_lies_about_its_size_is_measured_all_the_same(tmp_path: Path) -> None:
    content = uploads.bomb(size=100 << 20)
    with zipfile.ZipFile(opened(tmp_path, content)) as archive:
        true = archive.getinfo("word/document.xml").file_size
    assert true > extracting.READ
    lying = content.replace(true.to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    assert refused(tmp_path, lying) in (Reason.UNFOLDS, Reason.BROKEN)


@pytest.mark.usefixtures("measured")
def test_entities_are_never_unfolded(tmp_path: Path) -> None:
    assert refused(tmp_path, uploads.entities()) == Reason.BROKEN


def test_a_document_that_points_outside_reads_nothing_from_there(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    outside = f'<!DOCTYPE w [<!ENTITY x SYSTEM "file://{tmp_path}/secret">]><w:t {uploads.WORDS}>&x;</w:t>'
    assert refused(tmp_path, uploads.packed({"word/document.xml": outside})) == Reason.BROKEN


@pytest.mark.parametrize(
    "content",
    [
        uploads.packed({"word/document.xml": "<w:document"}),
        uploads.packed({"word/document.xml": "<a>" * 5000}),
        uploads.packed({"word/document.xml": b"\xff\xfe\x00\x01"}),
    ],
)
def test_what_is_broken_inside_is_said_to_be(tmp_path: Path, content: bytes) -> None:
    assert refused(tmp_path, content) == Reason.BROKEN


def test_a_broken_pdf_is_said_to_be_locked_or_damaged(tmp_path: Path) -> None:
    assert refused(tmp_path, b"%PDF-1.7\nnothing\n%%EOF\n") == Reason.LOCKED


@pytest.mark.usefixtures("measured")
def test_ten_thousand_pages_are_counted_within_the_time_and_a_lie_about_them_is_not_believed(tmp_path: Path) -> None:
    assert said(tmp_path, uploads.pdf_of(10_000)).pages == 10_000
    assert refused(tmp_path, uploads.pdf_of(1, claimed=10_000)) == Reason.LOCKED


def test_a_program_that_does_not_end_is_ended(tmp_path: Path) -> None:
    begun = time.monotonic()
    with opened(tmp_path, b"x") as file, pytest.raises(confined.TooLong):
        list(confined.output(["sh", "-c", "while :; do :; done"], file, seconds=1, most=100))
    with opened(tmp_path, b"x") as file, pytest.raises(confined.TooMuch):
        list(confined.output(["yes"], file, seconds=5, most=1000))
    assert time.monotonic() - begun < 10


def test_a_program_knows_nothing_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "something secret")
    with opened(tmp_path, b"x") as file:
        told = b"".join(confined.output(["env"], file, seconds=5, most=10_000)).decode()
    assert sorted(line.partition("=")[0] for line in told.split()) == ["HOME", "LC_ALL", "PATH"]


def test_a_program_gets_no_more_memory_than_it_is_given(tmp_path: Path) -> None:
    much = "x = bytearray(2 << 30)"
    with opened(tmp_path, b"x") as file, pytest.raises(confined.Failed):
        list(confined.output(["python3", "-c", much], file, seconds=10, most=100))
