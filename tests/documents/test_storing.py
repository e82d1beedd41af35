"""Files come in once, are known by what they hold, and come out as they came in."""

from __future__ import annotations

import io
import os
import struct
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Thread

import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.db import IntegrityError, connection, transaction
from pytest_django import Settings

from documents import kinds, storing
from documents.kinds import kind_of
from documents.models import Document, SignedFile, StoredFile
from documents.tasks import sweep_uploads
from documents.views.files import answer
from organisation.models import Administration, Institution, Unit, User

PDF = b"%PDF-1.7\n1 0 obj <<>> endobj\ntrailer <<>>\n%%EOF\n"
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 30
OFFICE = "application/vnd.openxmlformats-officedocument"
DAY = 24 * 3600


@pytest.fixture(autouse=True)
def media(settings: Settings, tmp_path: Path) -> Path:
    """A file store of its own for each test."""
    settings.STORAGES = settings.STORAGES | {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(tmp_path)}}
    }
    return tmp_path


@pytest.fixture
def unit(db: None) -> Unit:
    institution = Institution.objects.create(
        id=1,
        name="Region Västanland",
        organisation_number="232100-0000",
        address="Box 1",
        place="Västanstad",
        country="SE",
        language="sv",
        contact="egentillverkning@example.org",
    )
    administration = Administration.objects.create(institution=institution, name="Sjukhuset")
    return Unit.objects.create(administration=administration, name="Medicinsk teknik")


@pytest.fixture
def engineer(unit: Unit) -> User:
    return User.objects.create(email="anna@example.org", name="Anna Ek", title="Ingenjör", unit=unit)


@pytest.fixture
def colleague(unit: Unit) -> User:
    return User.objects.create(email="bo@example.org", name="Bo Alm", title="Ingenjör", unit=unit)


def archive(**entries: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as file:
        for name, content in entries.items():
            file.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return held.getvalue()


def office(part: str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as file:
        file.writestr("[Content_Types].xml", "<Types/>")
        file.writestr(part, "<x/>")
    return held.getvalue()


def open_document(kind: str) -> bytes:
    return archive(mimetype=f"application/vnd.oasis.opendocument.{kind}".encode(), content_dot_xml=b"<x/>")


def damaged(method: int) -> bytes:
    """An archive whose entry that says what it is was squeezed, and cannot be unfolded any more."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as file:
        file.writestr("mimetype", "application/vnd.oasis.opendocument.text")
    content = bytearray(held.getvalue())
    start = 30 + len("mimetype")
    content[start : start + 30] = b"\xff" * 30
    return bytes(content)


STL = b"made by us".ljust(80) + struct.pack("<I", 1) + bytes(50)
DICOM = bytes(128) + b"DICM" + bytes(20)

ACCEPTED = [
    ("ritning.pdf", PDF, "application/pdf"),
    ("BILD.PNG", PNG, "image/png"),
    ("foto.jpeg", b"\xff\xd8\xff\xe0" + bytes(30), "image/jpeg"),
    ("skan.tif", b"II*\x00" + bytes(30), "image/tiff"),
    ("serie.dcm", DICOM, "application/dicom"),
    ("plan.docx", office("word/document.xml"), f"{OFFICE}.wordprocessingml.document"),
    ("mått.xlsx", office("xl/workbook.xml"), f"{OFFICE}.spreadsheetml.sheet"),
    ("kurs.pptx", office("ppt/presentation.xml"), f"{OFFICE}.presentationml.presentation"),
    ("guide.3mf", office("3D/3dmodel.model"), "model/3mf"),
    ("plan.odt", open_document("text"), "application/vnd.oasis.opendocument.text"),
    ("mått.ods", open_document("spreadsheet"), "application/vnd.oasis.opendocument.spreadsheet"),
    ("kod.zip", archive(main_dot_py=b"print()"), "application/zip"),
    ("guide.stl", STL, "model/stl"),
    ("guide.stl", b"solid guide\nfacet normal 0 0 1\nendsolid guide\n", "model/stl"),
    ("anteckning.txt", "BMI över 30\n".encode(), "text/plain"),
    ("LÄSMIG.md", b"# Rubrik\n\nText.\n", "text/plain"),
    ("data.csv", "namn;värde\nå;1\n".encode("utf-8-sig"), "text/plain"),
    ("data.json", b'{"a": [1, 2]}\n', "application/json"),
    ("data.xml", b'<?xml version="1.0"?>\n<report><a/></report>', "application/xml"),
]

REFUSED = [
    ("sida.html", b"<!DOCTYPE html><html><body>hej</body></html>", "web page"),
    ("ritning.pdf", b"<html><script>alert(1)</script></html>", "web page"),
    ("ritning.pdf", b"<!-- %PDF-1.7 -->\n<html></html>", "web page"),
    ("sida.xml", b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"/>', "web page"),
    ("bild.svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
    ("bild.xml", b'<?xml version="1.0"?><s:svg xmlns:s="http://www.w3.org/2000/svg"/>', "SVG"),
    ("program.exe", b"MZ\x90\x00" + bytes(200), "a program"),
    ("program.pdf", b"\x7fELF\x02\x01\x01" + bytes(200), "a program"),
    ("skript.txt", b"#!/bin/sh\nrm -rf /\n", "a program"),
    ("program.zip", archive(**{"META-INF__MANIFEST_dot_MF": b"x"}), "a program"),
    ("makro.docx", archive(word__document_dot_xml=b"x", word__vbaProject_dot_bin=b"x"), "macros"),
    ("ritning.pdf", b"%PDF-1.7\n1 0 obj", "breaks off"),
    ("arkiv.zip", b"PK\x03\x04" + bytes(40), "cannot be opened"),
    ("skadad.odt", damaged(zipfile.ZIP_DEFLATED), "cannot be opened"),
    ("skadad.odt", damaged(zipfile.ZIP_LZMA), "cannot be opened"),
    ("skadad.odt", damaged(zipfile.ZIP_BZIP2), "cannot be opened"),
    ("sida.txt", b"<!-- a --> <!-- b -->\n<html><body>", "web page"),
    ("bok.zip", archive(mimetype=b"application/epub+zip"), "epub"),
    ("bild.gif", b"GIF89a" + bytes(40), "image/gif"),
    ("text.txt", "blåbär".encode("latin-1"), "UTF-8"),
    ("text.txt", b"abc\x00\x01\x02", "no text and no format"),
    ("bomb.xml", b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "document type"),
    ("bruten.xml", b'<?xml version="1.0"?><a>', "not well formed"),
    ("bild.png", PDF, "does not fit"),
    ("ritning.pdf", PNG, "does not fit"),
    ("ritning", PDF, "does not fit"),
    ("ritning.pdf.exe", PDF, "does not fit"),
    ("data.json", b"{not json}", "does not fit"),
]


def upload(name: str = "ritning.pdf", content: bytes = PDF) -> ContentFile[bytes]:
    return ContentFile(content, name=name)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(("name", "content", "media_type"), ACCEPTED)
def test_a_file_is_kept_as_what_it_holds(
    engineer: User, media: Path, name: str, content: bytes, media_type: str
) -> None:
    stored = storing.keep(upload(name, content), by=engineer)
    assert (stored.media_type, stored.size) == (media_type, len(content))
    assert (media / stored.path).read_bytes() == content
    assert files(media) == [stored.path]


@pytest.mark.parametrize(("name", "content", "reason"), REFUSED)
def test_what_is_not_accepted_is_refused_by_name_and_leaves_nothing(
    engineer: User, media: Path, name: str, content: bytes, reason: str
) -> None:
    with pytest.raises(ValidationError, match=reason):
        storing.keep(upload(name, content), by=engineer)
    assert files(media) == []
    assert not StoredFile.objects.exists()


def test_an_empty_file_is_refused(engineer: User, media: Path) -> None:
    with pytest.raises(ValidationError, match="empty"):
        storing.keep(upload(content=b""), by=engineer)
    assert files(media) == []


def test_a_file_above_the_limit_is_refused_before_it_is_all_read(
    engineer: User, media: Path, settings: Settings
) -> None:
    settings.UPLOAD_LIMIT = 100
    with pytest.raises(ValidationError, match="larger than 100"):
        storing.keep(upload(content=PDF * 10), by=engineer)
    assert files(media) == []


def test_the_same_content_twice_is_one_stored_file(engineer: User, colleague: User, media: Path) -> None:
    first = storing.keep(upload("a.pdf"), by=engineer)
    assert storing.keep(upload("b.pdf"), by=colleague) == first
    assert files(media) == [first.path]


def test_uploading_again_mends_a_damaged_copy(engineer: User, media: Path) -> None:
    stored = storing.keep(upload(), by=engineer)
    (media / stored.path).unlink()
    storing.keep(upload(), by=engineer)
    assert storing.open_checked(stored).read() == PDF


def test_an_upload_that_breaks_off_leaves_nothing(engineer: User, media: Path) -> None:
    class Broken(ContentFile):  # type: ignore[type-arg]
        def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
            yield PDF[:10]
            raise OSError("connection lost")

    with pytest.raises(OSError, match="connection lost"):
        storing.keep(Broken(PDF, name="ritning.pdf"), by=engineer)
    assert files(media) == []
    assert not StoredFile.objects.exists()


def test_a_crash_before_the_row_is_written_can_be_run_again(
    engineer: User, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(storing, "acting", None)  # whatever comes after the file is in place
        with pytest.raises(TypeError):
            storing.keep(upload(), by=engineer)
    assert len(files(media)) == 1
    assert files(media) == [storing.keep(upload(), by=engineer).path]


def test_a_file_changed_on_disk_is_not_handed_out(engineer: User, media: Path) -> None:
    stored = storing.keep(upload(), by=engineer)
    path = media / stored.path
    path.chmod(0o600)
    path.write_bytes(PDF.replace(b"1.7", b"1.6"))
    with pytest.raises(storing.Damaged, match="altered"):
        storing.open_checked(stored)
    path.unlink()
    with pytest.raises(storing.Damaged, match="missing"):
        storing.open_checked(stored)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd.txt", "passwd.txt"),
        (r"C:\Users\anna\plan.pdf", "plan.pdf"),
        ("rit\u202efdp.exe", "ritfdp.exe"),
        ("  a  b\t.pdf", "a b.pdf"),
        ('a<b>"c|?*.pdf', "a_b__c___.pdf"),
        ("...pdf", "file.pdf"),
        ("Mätprotokoll åäö.pdf", "Mätprotokoll åäö.pdf"),
        ("x" * 300 + ".pdf", "x" * 146 + ".pdf"),
        ("a\r\nSet-Cookie: b.pdf", "aSet-Cookie_ b.pdf"),
    ],
)
def test_file_names_are_made_harmless(name: str, safe: str) -> None:
    assert storing.safe_name(name) == safe
    assert len(safe) <= 150


# Documents and their versions


def test_a_new_version_replaces_the_old_one_and_both_stay(engineer: User) -> None:
    first = storing.add(upload(), by=engineer, title="Ritning", version="1", language="sv")
    second = storing.replace(first, upload(content=PDF + b"\n"), by=engineer, version="2")
    first.refresh_from_db()
    assert (first.is_replaced, second.is_replaced) == (True, False)
    assert first.latest == second.latest == second
    assert (second.title, second.language, second.version) == ("Ritning", "sv", "2")
    assert list(Document.objects.newest()) == [second]


def test_of_two_people_replacing_the_same_version_the_second_is_refused(engineer: User, colleague: User) -> None:
    first = storing.add(upload(), by=engineer, title="Ritning")
    storing.replace(first, upload(content=PDF + b"1"), by=colleague)
    with pytest.raises(ValidationError, match="Bo Alm"):
        storing.replace(first, upload(content=PDF + b"2"), by=engineer)
    assert Document.objects.count() == 2
    assert StoredFile.objects.count() == 2


def test_the_database_refuses_a_second_successor(engineer: User) -> None:
    first = storing.add(upload(), by=engineer, title="Ritning")
    second = storing.replace(first, upload(), by=engineer)
    second.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        second.save()


def test_a_document_without_a_title_is_refused_before_anything_is_stored(engineer: User, media: Path) -> None:
    with pytest.raises(ValidationError) as refusal:
        storing.add(upload(), by=engineer, title="")
    assert list(refusal.value.message_dict) == ["title"]
    assert files(media) == []


def test_a_document_is_answered_as_a_download_that_nothing_opens(engineer: User) -> None:
    document = storing.add(upload("Mätprotokoll åäö.pdf"), by=engineer, title="Protokoll")
    response = answer(document)
    assert b"".join(response) == PDF
    assert response["Content-Disposition"] == (
        "attachment; filename*=utf-8''M%C3%A4tprotokoll%20%C3%A5%C3%A4%C3%B6.pdf"
    )
    assert response["Content-Type"] == "application/pdf"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "sandbox"


# Clearing up


def age(path: Path, days: float) -> Path:
    then = time.time() - days * DAY
    os.utime(path, (then, then))
    return path


def test_the_sweep_removes_old_remains_and_nothing_else(engineer: User, media: Path) -> None:
    kept = storing.keep(upload(), by=engineer)
    age(media / kept.path, 3)
    orphan = media / StoredFile(sha256="ab" * 32).path
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"x")
    young = media / StoredFile(sha256="cd" * 32).path
    young.parent.mkdir(parents=True)
    young.write_bytes(b"x")
    age(orphan, 2)
    (storing.incoming() / "running").write_bytes(b"x")
    left = storing.incoming() / "left"
    left.write_bytes(b"x")
    age(left, 2)
    sweep_uploads()
    expected = sorted([kept.path, StoredFile(sha256="cd" * 32).path, "incoming/running"])
    assert files(media) == expected
    assert storing.sweep() == 0
    assert files(media) == expected


def test_a_sweep_that_broke_off_is_settled_by_the_next(engineer: User, media: Path) -> None:
    stored = storing.keep(upload(), by=engineer)
    (media / stored.path).rename(age(media / stored.path, 2).parent / "x")
    (media / stored.path).parent.joinpath("x").rename(storing.incoming() / f"{stored.sha256}.aside")
    assert storing.sweep() == 0
    assert storing.open_checked(stored).read() == PDF


# What was signed


def signed() -> SignedFile:
    return SignedFile.objects.create(
        name="a.pdf", media_type="application/pdf", content=PDF, sha256="ab" * 32, size=len(PDF)
    )


@pytest.mark.django_db
@pytest.mark.parametrize("change", [{"content": b"%PDF-2.0"}, {"name": "b.pdf"}, {"sha256": "cd" * 32}])
def test_the_database_refuses_to_change_what_was_signed(change: dict[str, object]) -> None:
    file = signed()
    with pytest.raises(IntegrityError), transaction.atomic():
        SignedFile.objects.filter(pk=file.pk).update(**change)
    file.refresh_from_db()
    assert (bytes(file.content), file.name) == (PDF, "a.pdf")


@pytest.mark.django_db
def test_the_database_refuses_to_delete_what_was_signed() -> None:
    file = signed()
    with pytest.raises(IntegrityError), transaction.atomic():
        file.delete()
    assert SignedFile.objects.count() == 1


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_many_replacing_the_same_version_at_once_one_succeeds(engineer: User) -> None:
    first = storing.add(upload(), by=engineer, title="Ritning")
    together, outcomes = Barrier(4), []

    def replace(number: int) -> None:
        together.wait()
        try:
            storing.replace(first, upload(content=PDF + bytes([65 + number])), by=engineer)
            outcomes.append("done")
        except ValidationError as refusal:
            outcomes.append(str(refusal.code))
        finally:
            connection.close()

    threads = [Thread(target=replace, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["done", "replaced", "replaced", "replaced"]
    assert Document.objects.count() == 2


# --- files made to trouble the reader


def test_a_file_of_comments_is_looked_through_at_once(tmp_path: Path) -> None:
    file = tmp_path / "text.txt"
    file.write_bytes(b"<!---->" * 1100 + b"<")
    begin = time.monotonic()
    assert kind_of(file).media_type == "text/plain"
    assert time.monotonic() - begin < 1


def test_an_archive_is_not_listed_when_it_holds_more_files_than_anyone_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "many.zip"
    file.write_bytes(archive(**{f"n{number}": b"" for number in range(11)}))
    assert kind_of(file).media_type == "application/zip"
    monkeypatch.setattr(kinds, "_ENTRIES", 10)
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with pytest.raises(ValidationError, match="an archive with too many files in it"):
        kind_of(file)
