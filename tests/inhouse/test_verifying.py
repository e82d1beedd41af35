"""Anyone drops a PDF and is told, in plain words, whether it is a published declaration and how it stands today."""

from __future__ import annotations

import io
import tempfile
import zlib
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from inhouse import declarations, verifying
from inhouse.models import Declaration
from inhouse.offline import verify_declaration
from tests import factories, sealing, stations

pytestmark = pytest.mark.django_db


def drop(client: Client, content: bytes, name: str = "file.pdf") -> Any:
    return client.post(reverse("inhouse:public-verify"), {"pdf": SimpleUploadedFile(name, content, "application/pdf")})


@pytest.fixture
def declaration() -> Declaration:
    """One whose stored PDF carries a seal, published."""
    product = stations.documented()
    stations.sign(product, printed=True)
    stations.registered(product)
    return stations.declaration(product)


def content(declaration: Declaration) -> bytes:
    return bytes(declaration.file.content)


def test_the_published_file_is_genuine_and_in_force(client: Client, declaration: Declaration) -> None:
    page = drop(client, content(declaration))
    assert page.status_code == 200
    for said in (
        f"Genuine and in force: declaration {declaration.number}",
        "Intact: sealed by ",
        "Signed by Ola Berg, Head of unit, as the seal states.",
        "Entry 0: published on",
        f'href="/register/{declaration.number}.proof.json"',
        declaration.file.sha256,
        "None: nobody outside the institution certified when the file existed.",
    ):
        assert said in page.text


def test_a_seal_whose_certificate_an_authority_between_issued_is_intact_and_ours(
    client: Client, settings: Settings, tmp_path: Path
) -> None:
    key, root = sealing.chain(passphrase="secret")
    for setting, content_of in (("SEAL_KEYSTORE", key), ("SEAL_TRUST", root)):
        (tmp_path / setting).write_bytes(content_of)
        setattr(settings, setting, str(tmp_path / setting))
    settings.SEAL_PASSPHRASE = "secret"
    product = stations.documented()
    declaration = stations.sign(product, printed=True)
    stations.registered(product)
    page = drop(client, content(declaration)).text
    assert f"Genuine and in force: declaration {declaration.number}" in page
    assert "Intact: sealed by Region Västanland" in page
    proof = client.get(f"/register/{declaration.number}.proof.json").text
    [seal] = verify_declaration.verify(content(declaration), proof).seals
    assert (seal.subject, seal.issuer) == ("CN=Region Västanland", "CN=Between")


def test_a_genuine_file_that_was_withdrawn_says_so_first(client: Client, declaration: Declaration) -> None:
    declarations.withdraw(declaration, reason="A slip in it", by=stations.owner_of(declaration.revision.product))
    page = drop(client, content(declaration)).text
    assert f"Genuine, but withdrawn: declaration {declaration.number}" in page
    assert "A slip in it" in page
    assert "Entry 1: withdrawn on" in page
    assert "in force" not in page.split("<main", 1)[1]


def test_a_genuine_file_that_was_replaced_leads_to_the_newer_one(client: Client) -> None:
    product = stations.second_in_force()
    first, second = Declaration.objects.order_by("version")
    for item in product.items.all():
        stations.scrapped(item)
    page = drop(client, content(first)).text
    assert f"Genuine, but replaced: declaration {first.number}" in page
    assert f'href="{second.get_absolute_url()}"' in page


def test_an_altered_file_is_called_altered_and_leads_to_the_true_one(client: Client, declaration: Declaration) -> None:
    pdf = content(declaration)
    middle = len(pdf) // 2
    for altered in (
        pdf[:middle] + bytes([pdf[middle] ^ 1]) + pdf[middle + 1 :],
        pdf + b"\n",
        sealing.plain(declaration.number),
        pdf[: len(pdf) // 3],
    ):
        page = drop(
            client, altered, "scan.pdf" if declaration.number.encode() in altered else f"{declaration.number}.pdf"
        ).text
        assert f"Altered: this is not declaration {declaration.number} as it was published" in page
        assert f'href="{declaration.get_absolute_url()}"' in page
        assert "Genuine" not in page


@pytest.mark.parametrize("kept", ["as it is", "in sixteen bits", "packed"])
def test_the_number_is_found_wherever_it_stands(declaration: Declaration, kept: str) -> None:
    held = {
        "as it is": declaration.number.encode(),
        "in sixteen bits": declaration.number.encode("utf-16-be"),
        "packed": b"stream\n" + zlib.compress(b"-" * 100 + declaration.number.encode()) + b"\nendstream",
    }
    verdict = verifying.judge(b"%PDF-1.7\n" + held[kept] + b"\n%%EOF")
    assert (verdict.outcome, verdict.declaration) == ("altered", declaration)


def test_a_file_that_is_not_published_is_not_in_the_register_even_if_it_is_stored(client: Client) -> None:
    product = stations.declared()
    signed = stations.declaration(product)
    for pdf in (content(signed), factories.pdf().read()):
        page = drop(client, pdf, f"{signed.number}.pdf").text
        assert "Not in this register" in page
        assert signed.number not in page.split("<main", 1)[1].replace(f"{signed.number}.pdf", "")


def test_an_encrypted_file_is_told_as_such(client: Client, declaration: Declaration) -> None:
    locked = io.BytesIO()
    with pikepdf.open(io.BytesIO(sealing.plain())) as pdf:
        pdf.save(locked, encryption=pikepdf.Encryption(owner="x", user="x"))
    page = drop(client, locked.getvalue()).text
    assert "Not in this register" in page
    assert "The file is encrypted." in page


@pytest.mark.parametrize(
    ("pdf", "said"),
    [
        (b"", "The file is empty."),
        (b"PK\x03\x04" + b"\0" * 500, "This is not a PDF."),
        ("Förklaring".encode(), "This is not a PDF."),
        (b"%PDF-" + b"\0" * verifying.LIMIT, "The file is larger than 20.0"),
    ],
    ids=["empty", "archive", "words", "huge"],
)
def test_what_cannot_be_a_declaration_is_refused_in_words(client: Client, pdf: bytes, said: str) -> None:
    page = drop(client, pdf)
    assert page.status_code == 422
    assert said in page.text


def test_nothing_chosen_is_asked_for(client: Client) -> None:
    page = client.post(reverse("inhouse:public-verify"), {})
    assert (page.status_code, "Choose the PDF first." in page.text) == (422, True)


@pytest.mark.parametrize(
    "noise",
    [b"%PDF-", b"%PDF-1.7 /ByteRange [0 1 2 3]", b"%PDF-1.7\nstream\n\x78\x9c\x00", b"%PDF-" + bytes(range(256)) * 50],
)
def test_rubbish_that_begins_like_a_pdf_gets_an_answer(client: Client, noise: bytes) -> None:
    assert "Not in this register" in drop(client, noise).text


def test_what_is_dropped_is_kept_nowhere(
    client: Client, declaration: Declaration, media: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def kept() -> tuple[Any, ...]:
        rows = [model._base_manager.count() for model in apps.get_models()]
        return rows, sorted(media.rglob("*")), sorted(Path(tempfile.gettempdir()).glob("*.upload*"))

    before = kept()
    for pdf in (content(declaration), sealing.plain(declaration.number), b"no PDF"):
        drop(client, pdf, "name of the file.pdf")
    assert kept() == before
    assert declaration.number not in caplog.text
    assert "name of the file" not in caplog.text


def test_it_is_asked_without_signing_in_and_without_a_cookie() -> None:
    stranger = Client(enforce_csrf_checks=True)
    answer = drop(stranger, sealing.plain())
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "max-age=0, no-cache, no-store, must-revalidate, private"


def test_the_program_is_handed_out_as_it_is(client: Client) -> None:
    answer = client.get(reverse("inhouse:public-verifier"))
    assert answer["Content-Disposition"] == 'attachment; filename="verify_declaration.py"'
    compile(answer.content, "verify_declaration.py", "exec")
    page = client.get(reverse("inhouse:public-verify")).text
    assert f'href="{reverse("inhouse:public-verifier")}"' in page
