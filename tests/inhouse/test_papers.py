"""Documents are seen, found and handed out by those to whom they are open, and by nobody else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.base import ContentFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from documents import checking, searching, versions
from documents.models import Document, FileText
from inhouse import evidence, market, papers
from inhouse.models import EvidenceDocument, MarketFile
from organisation.models import User
from products.models import Product
from tests import factories, stations, uploads

pytestmark = pytest.mark.django_db
PATIENT = "Provad på 19900602-2397 i mars"
FACTS = {"title": "Drawing 14", "version": "2", "reference": "", "language": "sv", "valid_from": ""}


@pytest.fixture
def product(db: None) -> Product:
    return stations.in_development()


def added(
    product: Product, says: str = "Skruvarna dras med momentnyckel", *, name: str = "drawing.txt", **facts: Any
) -> Document:
    """A document of the open revision, read as the background work reads it."""
    entry = evidence.add_document(
        stations.coming(product), group="design", upload=ContentFile(says.encode(), name=name), by=stations.engineer(product),
        **({"title": "Drawing 14"} | facts),
    )  # fmt: skip
    papers.read(entry.document.file_id)
    return entry.document


def kept(product: Product, content: bytes, name: str, **facts: Any) -> Document:
    entry = evidence.add_document(
        stations.coming(product), group="design", upload=ContentFile(content, name=name), by=stations.engineer(product),
        **({"title": "Drawing 14"} | facts),
    )  # fmt: skip
    papers.read(entry.document.file_id)
    return entry.document


def page(name: str, *of: Any, **query: str) -> str:
    return reverse(f"inhouse:{name}", args=of, query=query)


def read(client: Client, address: str, *, by: User | None = None) -> str:
    if by:
        client.force_login(by)
    answer = client.get(address)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def found(by: User, **asked: Any) -> list[str]:
    return [document.title for document in papers.find(by=by, **asked)]


# --- what it looks like, and what it says


def test_a_document_is_seen_in_the_page_with_its_text_and_downloaded(
    client: Client, product: Product, engineer: User
) -> None:
    document = kept(product, factories.pdf("\n".join("En rad" for _each in range(60))).read(), "plan.pdf")
    told = read(client, page("document", product.pk, document.pk), by=engineer)
    assert f'src="{page("documents-picture", product.pk, document.pk, 1)}"' in told
    assert "Page 1 of 3" in told
    assert "En rad" in told
    assert "Page 3 of 3" in read(client, page("document", product.pk, document.pk, page="9"))
    picture = client.get(page("documents-picture", product.pk, document.pk, 2))
    assert (picture.status_code, picture["Content-Type"]) == (200, "image/png")
    assert picture["X-Content-Type-Options"] == "nosniff"
    assert picture["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert picture["Cache-Control"] == "private, no-cache"
    again = client.get(
        page("documents-picture", product.pk, document.pk, 2), headers={"If-None-Match": picture["ETag"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(page("documents-picture", product.pk, document.pk, 4)).status_code == 422
    assert client.get(page("documents-picture", product.pk, document.pk, 999_999)).status_code == 404


@pytest.mark.parametrize(
    ("content", "name", "told"),
    [
        (uploads.docx("Åtgärd mot kläm"), "plan.docx", "Åtgärd mot kläm"),
        (b"a;b\n<script>alert(1)</script>;2\n", "data.csv", "&lt;script&gt;alert(1)&lt;/script&gt;;2"),
        (b"solid x\nendsolid x\n", "part.stl", "has no preview"),
        (uploads.entities(), "bomb.docx", "There is no preview. Its parts are not as such a file has them."),
        (b"%PDF-1.7\nnothing\n%%EOF\n", "plan.pdf", "There is no preview. It cannot be opened"),
    ],
)
def test_without_pictures_there_is_text_or_the_reason_why_not(
    client: Client, product: Product, engineer: User, content: bytes, name: str, told: str
) -> None:
    document = kept(product, content, name)
    shown = read(client, page("document", product.pk, document.pk), by=engineer)
    assert told in shown
    assert "<script>alert" not in shown
    assert page("documents-picture", product.pk, document.pk, 1) not in shown


def test_no_uploaded_file_is_ever_shown_by_the_browser(client: Client, product: Product, engineer: User) -> None:
    """Whatever its kind, it leaves only as a download that nothing opens or runs, under a name that is only a name."""
    name = 'rapport "åäö" 報告\r\nX-Evil: 1;.pdf'
    document = kept(product, uploads.pdf_with_script(), name)
    client.force_login(engineer)
    answer = client.get(page("documents-file", product.pk, document.pk))
    assert b"".join(answer) == uploads.pdf_with_script()
    assert answer["Content-Disposition"].startswith("attachment; filename*=utf-8''rapport%20_%C3%A5%C3%A4%C3%B6_")
    assert "X-Evil" not in answer
    assert "\n" not in answer["Content-Disposition"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "sandbox"
    assert answer["Cache-Control"] == "private, no-store"
    shown = read(client, page("document", product.pk, document.pk))
    assert not re.search(r"<(iframe|embed|object)", shown)
    picture = client.get(page("documents-picture", product.pk, document.pk, 1)).content
    assert (picture[:4], b"JavaScript" in picture) == (b"\x89PNG", False)


def test_versions_tell_who_when_and_what_is_said_anew(
    client: Client, product: Product, engineer: User, owner: User
) -> None:
    first = added(product, "Ett", name="a.txt", version="1", language="sv", reference="R-1")
    entry = EvidenceDocument.objects.get(document=first)
    client.force_login(engineer)
    said = FACTS | {"title": "Drawing 14 B", "confidential": "on", "file": ContentFile(b"Tv\xc3\xa5", name="b.txt")}
    assert client.post(page("documents-replace", entry.pk), said).status_code == 302
    second = Document.objects.get(replaces=first)
    told = read(client, page("document", product.pk, second.pk))
    assert "Title: <del>Drawing 14</del> → <ins>Drawing 14 B</ins>" in told
    assert "Reference: <del>R-1</del> → <i>left out</i>" in told
    assert "File name: <del>a.txt</del> → <ins>b.txt</ins>" in told
    assert "Language:" not in told
    for one in (first, second):
        assert one.file.sha256 in told
        assert page("documents-file", product.pk, one.pk) in told
    assert told.index(second.file.sha256) < told.index(first.file.sha256)
    assert page("documents-replace", entry.pk) in told
    earlier = read(client, page("document", product.pk, first.pk))
    assert "This is an earlier version." in earlier
    assert page("documents-replace", entry.pk) not in earlier


def test_a_version_that_is_confidential_is_named_to_others_and_not_opened(
    client: Client, product: Product, nurse: User
) -> None:
    first = added(product, "Ett", version="1", confidential=True)
    entry = EvidenceDocument.objects.get(document=first)
    upload = ContentFile("Två".encode(), name="b.txt")
    entry = evidence.replace_document(
        entry, upload=upload, by=stations.engineer(product), confidential=False, version="2"
    )
    told = read(client, page("document", product.pk, entry.document_id), by=nurse)
    assert "Drawing 14 1" in told
    assert page("document", product.pk, first.pk) not in told
    assert page("documents-file", product.pk, first.pk) not in told


def test_the_chain_of_versions_is_read_with_the_same_questions_however_long(product: Product, engineer: User) -> None:
    document = added(product, "0")
    entry = EvidenceDocument.objects.get(document=document)
    counts = []
    for number in range(1, 5):
        upload = ContentFile(f"{number}".encode(), name="b.txt")
        entry = evidence.replace_document(entry, upload=upload, by=engineer)
        with CaptureQueriesContext(connection) as queries:
            assert [one.document.pk for one in versions.of(document)][-1] == document.pk
        counts.append(len(queries))
    assert counts == [2] * 4
    assert len(versions.of(entry.document)) == 5


# --- confidential ones


def test_whom_a_confidential_document_is_not_open_to_gets_nothing_of_it(
    client: Client, product: Product, nurse: User, outsider: User, operator: User
) -> None:
    document = added(product)
    for someone in (nurse, outsider, operator):
        client.force_login(someone)
        for address in (
            page("document", product.pk, document.pk),
            page("documents-picture", product.pk, document.pk, 1),
            page("documents-file", product.pk, document.pk),
        ):
            answer = client.get(address)
            assert (answer.status_code, b"momentnyckel" in answer.content) == (403, False)
        assert found(someone) == found(someone, q="momentnyckel") == found(someone, q="Drawing") == []
        told = read(client, page("documents-all", q="momentnyckel"))
        assert "Drawing 14" not in told
        assert "No document that you may open fits this." in told


def test_whom_it_is_open_to_finds_it_by_what_stands_in_it(
    client: Client, product: Product, engineer: User, owner: User, auditor: User, nurse: User
) -> None:
    added(product)
    added(product, "Skruvarna är av stål", title="Folder", confidential=False)
    for someone in (engineer, owner, auditor):
        assert found(someone, q="momentnyckel") == ["Drawing 14"]
        assert found(someone, q="skruvarna stål") == ["Folder"]
        assert sorted(found(someone, q="skruvarna")) == ["Drawing 14", "Folder"]
    assert found(nurse, q="skruvarna") == ["Folder"]
    told = read(client, page("documents-all", q="momentnyckel"), by=engineer)
    assert "<mark>momentnyckel</mark>" in told
    assert "1 document" in told


def test_what_may_say_who_a_patient_is_is_not_found_and_the_keeper_is_told(
    client: Client, product: Product, engineer: User
) -> None:
    document = kept(product, uploads.docx("Mätt av oss", PATIENT), "plan.docx")
    assert found(engineer, q="Provad") == []
    told = read(client, page("document", product.pk, document.pk), by=engineer)
    assert "a number in it looks like a patient’s" in told
    assert "2397" not in told
    assert "Provad" not in told
    assert found(engineer, q="Drawing") == ["Drawing 14"]
    assert "not searchable" in read(client, page("documents-all", q="Drawing"))


def test_a_patients_number_is_no_question(client: Client, engineer: User) -> None:
    told = read(client, page("documents-all", q="19900602-2397"), by=engineer)
    assert "Patients are found on their own page only." in told


@pytest.mark.parametrize("field", ["title", "reference", "version", "note", "file"])
def test_a_patients_number_is_no_name_for_a_document(product: Product, engineer: User, field: str) -> None:
    said = {"title": "Drawing"} | ({field: "900602-2397"} if field != "file" else {})
    upload = factories.pdf(name="900602-2397 gjutning.pdf" if field == "file" else "a.pdf")
    with pytest.raises(ValidationError) as refusal:
        evidence.add_document(stations.coming(product), group="design", upload=upload, by=engineer, **said)
    assert list(refusal.value.message_dict) == [field]
    assert not Document.objects.exists()


# --- finding


def test_documents_are_narrowed_by_product_kind_and_version(product: Product, engineer: User) -> None:
    old = added(product, "Ett", title="Old")
    entry = EvidenceDocument.objects.get(document=old)
    evidence.replace_document(entry, upload=ContentFile("Två".encode(), name="b.txt"), by=engineer, title="New")
    other = stations.in_development("Drill guide")
    kept(other, factories.pdf("Drill").read(), "a.pdf", title="Drill plan")
    assert found(engineer) == ["Drill plan", "New"]
    assert found(engineer, product=product.number) == ["New"]
    assert found(engineer, product="drill") == ["Drill plan"]
    assert found(engineer, media_types=["application/pdf"]) == ["Drill plan"]


def test_an_earlier_version_that_a_revision_still_holds_is_found_when_asked_for(engineer: User) -> None:
    product = stations.second_revision()
    entry = stations.coming(product).evidence_documents.first()
    assert entry is not None
    title = entry.document.title
    evidence.replace_document(entry, upload=factories.pdf("New"), by=engineer, title="Replaced")
    assert title not in found(engineer)
    assert title in found(engineer, earlier=True)


def test_files_of_a_market_search_are_documents_too(client: Client, product: Product, engineer: User) -> None:
    search = market.begin(product, by=engineer)
    file = market.attach(search, upload=factories.pdf("Katalog"), title="Catalogue", by=engineer)
    papers.read(file.document.file_id)
    assert found(engineer, q="katalog") == ["Catalogue"]
    assert page("document", product.pk, file.document_id) in read(
        client, page("market-conclusion", product.pk), by=engineer
    )
    told = read(client, page("document", product.pk, file.document_id))
    assert page("market", product.pk) in told
    market.detach(MarketFile.objects.get(), by=engineer)
    assert found(engineer) == []
    assert client.get(page("document", product.pk, file.document_id)).status_code == 200


def test_quotes_hold_words_together_and_a_minus_leaves_out(product: Product, engineer: User) -> None:
    added(product, "kort lång skruv", title="A")
    added(product, "lång kort mutter", title="B")
    assert found(engineer, q='"kort lång"') == ["A"]
    assert found(engineer, q="kort -mutter") == ["A"]
    assert sorted(found(engineer, q="kort")) == ["A", "B"]
    for odd in ("-", '"', "'; --", "&|!()", "%", "\\", "och", "<b>"):
        found(engineer, q=odd)


@pytest.mark.postgres
def test_words_are_found_by_their_stem_in_each_language_and_the_likest_comes_first(
    product: Product, engineer: User
) -> None:
    added(product, "Risken bedömdes. " + "Annat. " * 200, title="A")
    added(product, "Risker, risken och risk: alla risker bedömdes.", title="B")
    added(product, "Enheten ble kalibrert med kalibreringene.", title="C", language="nb")
    added(product, "The devices were calibrated.", title="D", language="en")
    assert found(engineer, q="risk") == ["B", "A"]
    assert found(engineer, q="kalibreringen") == ["C"]
    assert found(engineer, q="device") == ["D"]
    shown = papers.shown(list(papers.find(q="device", by=engineer)), q="device")
    assert ("devices", True) in shown[0].snippet


@pytest.mark.postgres
def test_words_are_looked_up_in_an_index_and_texts_are_not_read_through(product: Product, engineer: User) -> None:
    added(product)
    with searching.by_index():
        plan = papers.find(q="skruvar", by=engineer).explain()
    assert "file_text_words" in plan
    with connection.cursor() as cursor:
        cursor.execute("SHOW enable_seqscan")
        assert cursor.fetchone() == ("on",)


def test_a_page_of_documents_takes_the_same_questions_however_many(
    client: Client, product: Product, engineer: User
) -> None:
    client.force_login(engineer)
    counts = []
    for size in (1, 3):
        for number in range(size):
            added(product, f"Skruv {size} {number}", title=f"Drawing {number}")
        for address in (page("documents-all"), page("documents-all", q="skruv", product="catheter", kind="plain")):
            with CaptureQueriesContext(connection) as queries:
                client.get(address)
            counts.append(len(queries))
    assert counts[:2] == counts[2:]


def test_many_documents_come_in_pages_and_the_rest_of_the_page_is_not_sent_again(
    client: Client, product: Product, engineer: User
) -> None:
    for number in range(21):
        added(product, f"Skruv {number}", title=f"Drawing {number}")
    told = read(client, page("documents-all", q="skruv"), by=engineer)
    assert "21 documents" in told
    assert "?q=skruv&amp;page=2" in told
    answer = client.get(page("documents-all", q="skruv", page="2"), headers={"HX-Request": "true"})
    assert answer.content.decode().count("<li>") == 1
    assert "<html" not in answer.content.decode()


def test_before_there_are_documents_the_page_says_where_they_come_from(client: Client, engineer: User) -> None:
    assert "They are added to the revision of a product" in read(client, page("documents-all"), by=engineer)


# --- whether they are whole


def test_a_damaged_file_is_not_handed_out_and_everyone_concerned_is_told(
    client: Client, product: Product, engineer: User, auditor: User, operator: User, media: Path
) -> None:
    document = kept(product, factories.pdf("Plan").read(), "plan.pdf")
    assert "No file has been verified yet" in read(client, page("files"), by=auditor)
    checking.roll(seconds=10)
    assert "No file is known to be damaged or missing." in read(client, page("files"))
    (media / document.file.path).unlink()
    client.force_login(engineer)
    answer = client.get(page("documents-file", product.pk, document.pk))
    assert answer.status_code == 302
    told = read(client, answer["Location"])
    assert "This file is missing" in told
    assert "is missing." in told
    assert page("documents-picture", product.pk, document.pk, 1) not in told
    assert client.get(page("documents-picture", product.pk, document.pk, 1)).status_code == 422
    assert "damaged or missing" not in read(client, page("home"))
    for someone in (auditor, operator):
        assert "One file is damaged or missing." in read(client, page("home"), by=someone)
        told = read(client, page("files"))
        assert document.file.path in told
        assert "Drawing 14" in told
        assert (page("document", product.pk, document.pk) in told) == (someone == auditor)


def test_a_picture_finds_the_damage_too(client: Client, product: Product, engineer: User, media: Path) -> None:
    document = kept(product, factories.pdf("Plan").read(), "plan.pdf")
    (media / document.file.path).unlink()
    client.force_login(engineer)
    assert client.get(page("documents-picture", product.pk, document.pk, 1)).status_code == 422
    assert checking.bad().get().stored == document.file


def test_what_could_not_be_read_is_listed_with_the_reason(client: Client, product: Product, operator: User) -> None:
    kept(product, uploads.entities(), "bomb.docx")
    added(product)
    told = read(client, page("files"), by=operator)
    assert "Its parts are not as such a file has them." in told
    assert "Could not be read" in told
    assert FileText.objects.count() == 2


def test_who_keeps_neither_users_nor_watch_sees_no_files(client: Client, engineer: User, nurse: User) -> None:
    for someone in (engineer, nurse):
        client.force_login(someone)
        assert client.get(page("files")).status_code == 403
        assert page("files") not in read(client, page("home"))
