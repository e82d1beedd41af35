"""The institution's seal: put on by its key alone, and read back by anyone without harm."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pikepdf
import pytest
from cryptography.hazmat.primitives.serialization import NoEncryption, pkcs12
from django.core.checks import run_checks
from prepare import ROOT
from pyhanko.pdf_utils.generic import pdf_string
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pytest_django import Settings

from documents import certificates, keystore, rendering, sealing, seals_in
from tests import paper, stations
from tests import sealing as made_up
from tests.documents.test_rendering import SNAPSHOT

NOW = datetime.now(UTC)
YEAR = timedelta(days=365)


@pytest.fixture(scope="module")
def plain() -> bytes:
    return rendering.pdf(
        "inhouse/declarations/declaration.html", {"snapshot": SNAPSHOT},
        language="en", title="Declaration", author="Region Västanland", subject="IH-2026-0042", created=None,
    )  # fmt: skip


def put(pdf: bytes, *, signer: str = "Karin Öberg") -> bytes:
    return sealing.seal(pdf, signer=signer, title="Head of unit", reason="IH-2026-0042-D1", place="Västanstad")


@pytest.fixture(scope="module")
def sealed(plain: bytes) -> bytes:
    return put(plain)


def keys(
    settings: Settings, folder: Path, organisation: str = "Region Västanland", *, trust: bool = True,
    since: datetime = NOW - YEAR, until: datetime = NOW + YEAR, signs: bool = True,
) -> None:  # fmt: skip
    """The institution has this key from now on, and trusts its authority."""
    key, authority = certificates.issue(organisation, passphrase="secret", since=since, until=until, signs=signs)
    (folder / "key.p12").write_bytes(key)
    settings.SEAL_KEYSTORE, settings.SEAL_PASSPHRASE = str(folder / "key.p12"), "secret"
    if trust:
        (folder / "trust.pem").write_bytes(authority)
        settings.SEAL_TRUST = str(folder / "trust.pem")


def issued_through(settings: Settings, folder: Path, *, until: timedelta = YEAR) -> None:
    """Another authority stands between the institution's certificate and the root, which alone is trusted."""
    key, root = made_up.chain(passphrase="secret", until=until)
    (folder / "key.p12").write_bytes(key)
    (folder / "root.pem").write_bytes(root)
    settings.SEAL_KEYSTORE, settings.SEAL_PASSPHRASE = str(folder / "key.p12"), "secret"
    settings.SEAL_TRUST = str(folder / "root.pem")


# --- sealing


def test_a_seal_is_added_to_the_file_and_says_who_signed_what_where(plain: bytes, sealed: bytes) -> None:
    assert sealed.startswith(plain)
    [seal] = sealing.check(sealed)
    assert seal.is_valid
    assert (seal.intact, seal.trusted, seal.whole, seal.appended, seal.unread) == (True, True, True, "", "")
    assert (seal.signer, seal.reason, seal.place) == ("Karin Öberg, Head of unit", "IH-2026-0042-D1", "Västanstad")
    assert seal.subject == "Demonstration institution, seal"
    assert seal.issuer == "Demonstration institution, authority"
    assert seal.claimed_at
    assert abs(seal.claimed_at - datetime.now(UTC)) < timedelta(minutes=10)


def test_the_moment_of_signing_is_the_seal_s(plain: bytes) -> None:
    with stations.on_day("2027-05-04"):
        [seal] = sealing.check(put(plain))
    assert seal.claimed_at == stations.moment("2027-05-04")


def test_two_seals_are_both_valid_to_us_and_to_others(sealed: bytes) -> None:
    both = put(sealed, signer="Zoë Łukasiewicz")
    assert both.startswith(sealed)
    first, second = sealing.check(both)
    assert first.is_valid
    assert second.is_valid
    assert (first.whole, first.appended) == (False, "seals")
    assert (second.whole, second.appended) == (True, "")
    assert paper.ran("pdfsig", "{}", pdf=both).count("Signature Validation: Signature is Valid.") == 2
    assert paper.faults(both, language="en", attached={}) == []


def test_what_the_document_says_of_itself_stays_as_it_was(plain: bytes, sealed: bytes) -> None:
    with pikepdf.open(io.BytesIO(plain)) as before, pikepdf.open(io.BytesIO(sealed)) as after:
        assert after.Root.Metadata.read_bytes() == before.Root.Metadata.read_bytes()
        assert dict(after.docinfo) == dict(before.docinfo)
        assert "/Version" not in after.Root
        assert after.pdf_version == "1.7"


# --- checking


def read_here(pdf: bytes) -> list[sealing.Seal]:
    """As `check` does, in this process: quicker, for files of our own making."""
    return seals_in.read(pdf, trusted=keystore.trusted(), own=keystore.keystore().asn1)


def missed_in(sealed: bytes, *, step: int) -> list[int]:
    """The places of the file and of its seal where a bit can be turned and it is still valid."""
    start = sealed.index(b"/Contents <")
    end = start + len(sealed[start : sealed.index(b">", start)].rstrip(b"0"))
    return [
        place
        for place in (*range(100, len(sealed), len(sealed) // 60), *range(start, end, step))
        if any(seal.is_valid for seal in read_here(sealed[:place] + bytes([sealed[place] ^ 4]) + sealed[place + 1 :]))
    ]


def test_a_changed_file_is_not_intact(sealed: bytes) -> None:
    assert missed_in(sealed, step=29) == []


def test_nothing_can_be_hidden_in_the_gap_of_the_signature(sealed: bytes) -> None:
    start = sealed.index(b"/Contents <") + len(b"/Contents <")
    end = sealed.index(b">", start)
    for position, sign in ((end - 1, b"1"), (end - 200, b"f")):
        forged = sealed[:position] + sign + sealed[position + 1 :]
        [seal] = read_here(forged)
        assert not seal.intact
    letter = next(at for at in range(start, end) if sealed[at : at + 1].isalpha())
    forged = sealed[:letter] + sealed[letter : letter + 1].swapcase() + sealed[letter + 1 :]
    assert not read_here(forged)[0].intact


def test_what_was_added_after_the_seal_is_told(sealed: bytes) -> None:
    writer = IncrementalPdfFileWriter(io.BytesIO(sealed))
    writer.root["/Lang"] = pdf_string("nb")
    writer.update_root()  # type: ignore[no-untyped-call]
    out = io.BytesIO()
    writer.write(out)  # type: ignore[no-untyped-call]
    [seal] = sealing.check(out.getvalue())
    assert (seal.whole, seal.appended, seal.is_valid) == (False, "changes", False)
    [seal] = sealing.check(sealed + b"\n% more\n")
    assert not seal.whole


def test_a_seal_of_another_institution_is_not_ours(plain: bytes, settings: Settings, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    keys(settings, theirs, "Elsewhere")
    sealed = put(plain)
    keys(settings, tmp_path)
    [seal] = sealing.check(sealed)
    assert (seal.intact, seal.trusted, seal.is_valid) == (True, False, False)
    assert seal.subject == "Elsewhere, seal"
    settings.SEAL_TRUST = str(theirs / "trust.pem")  # the same authority certifies both
    [seal] = sealing.check(sealed)
    assert (seal.intact, seal.trusted) == (True, False)


def test_a_seal_holds_after_its_certificate_has_expired(plain: bytes, settings: Settings, tmp_path: Path) -> None:
    keys(settings, tmp_path, since=NOW - 3 * YEAR, until=NOW - YEAR)
    with stations.on_day((NOW - 2 * YEAR).date()):
        sealed = put(plain)
    [seal] = sealing.check(sealed)
    assert seal.intact
    old_trust = Path(settings.SEAL_TRUST).read_bytes()
    keys(settings, tmp_path)
    Path(settings.SEAL_TRUST).write_bytes(old_trust + Path(settings.SEAL_TRUST).read_bytes())
    [seal] = sealing.check(sealed)
    assert seal.is_valid


def test_a_seal_still_is_ours_when_its_certificate_has_expired_and_no_new_one_has_come(
    plain: bytes, settings: Settings, tmp_path: Path
) -> None:
    keys(settings, tmp_path, since=NOW - 3 * YEAR, until=NOW - YEAR)
    with stations.on_day((NOW - 2 * YEAR).date()):
        sealed = put(plain)
    [seal] = sealing.check(sealed)
    assert seal.is_valid


def test_an_authority_between_goes_along_in_the_seal_with_the_root_that_is_enough_to_trust(
    plain: bytes, settings: Settings, tmp_path: Path
) -> None:
    issued_through(settings, tmp_path)
    once = put(plain)
    sealed = put(once, signer="Zoë Łukasiewicz")
    assert sealed.count(b"/ByteRange") == 2
    assert [(seal.is_valid, seal.subject, seal.issuer) for seal in sealing.check(sealed)] == [
        (True, "Region Västanland", "Between")
    ] * 2
    assert missed_in(once, step=31) == []
    settings.PRODUCTION = True
    assert found() == []


def test_an_authority_between_that_expired_seals_nothing_more_and_is_told(
    plain: bytes, settings: Settings, tmp_path: Path
) -> None:
    issued_through(settings, tmp_path, until=-YEAR)
    with pytest.raises(sealing.Unsealable, match=r"“Between”, which vouches for ours, is valid only from .* to "):
        put(plain)
    with stations.on_day((NOW - 2 * YEAR).date()):
        sealed = put(plain)
    [seal] = sealing.check(sealed)
    assert seal.is_valid  # at its moment
    settings.PRODUCTION = True
    assert found() == ["documents.C001"]
    issued_through(settings, tmp_path, until=timedelta(days=20))
    assert found() == ["documents.W001"]


def test_without_the_authority_between_nothing_leads_to_the_root(
    plain: bytes, settings: Settings, tmp_path: Path
) -> None:
    issued_through(settings, tmp_path)
    held = pkcs12.load_pkcs12((tmp_path / "key.p12").read_bytes(), b"secret")
    assert held.cert
    alone = pkcs12.serialize_key_and_certificates(b"seal", held.key, held.cert.certificate, None, NoEncryption())  # type: ignore[arg-type]
    (tmp_path / "key.p12").write_bytes(alone)
    settings.SEAL_PASSPHRASE = ""
    with pytest.raises(sealing.Unsealable, match="not come from an authority that is trusted"):
        put(plain)


def test_no_rubbish_however_hostile_breaks_the_check(plain: bytes, sealed: bytes, settings: Settings) -> None:
    assert sealing.check(b"") == sealing.check(b"rubbish") == sealing.check(os.urandom(5000)) == []
    assert sealing.check(plain) == []
    for cut in (10, 500, len(plain), len(sealed) // 2, len(sealed) - 10):
        assert not any(seal.is_valid for seal in sealing.check(sealed[:cut]))
    loop = (
        b"%PDF-1.7\n1 0 obj<</Type/Catalog/AcroForm 1 0 R/Fields[1 0 R]/Kids[1 0 R]/T(x)/ByteRange[0 0 0 0]>>endobj\n"
    )
    table = b"xref\n0 2\n0000000000 65535 f \n0000000009 00000 n \ntrailer<</Size 2/Root 1 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF"
    assert not any(seal.is_valid for seal in sealing.check(loop + table % (len(loop), len(loop))))
    deep = b"%PDF-1.7\n1 0 obj" + b"[" * 200_000 + b"endobj\n/ByteRange" + table % (9, 9)
    assert not any(seal.is_valid for seal in sealing.check(deep))
    settings.UPLOAD_LIMIT = 1000
    assert [seal.unread for seal in sealing.check(sealed)] == ["too_large"]


def test_a_file_that_would_take_all_memory_takes_only_its_share() -> None:
    bomb = zlib.compress(bytes(1_500_000_000), 1)
    body = b"%PDF-1.7\n1 0 obj<</Type/XRef/Size 100000000/W[1 4 2]/Root 1 0 R/Filter/FlateDecode/Length "
    pdf = (
        body
        + str(len(bomb)).encode()
        + b"/ByteRange[0 0 0 0]>>stream\n"
        + bomb
        + b"\nendstream endobj\nstartxref\n9\n%%EOF"
    )
    assert not any(seal.is_valid for seal in sealing.check(pdf))


# --- the key


def test_without_a_fit_key_nothing_is_sealed_and_it_is_said_why(
    plain: bytes, settings: Settings, tmp_path: Path
) -> None:
    cases = {
        "not valid before": {"since": NOW + YEAR, "until": NOW + 2 * YEAR},
        "expired on": {"since": NOW - 2 * YEAR, "until": NOW - YEAR},
        "not one for signing": {"signs": False},
    }
    for why, facts in cases.items():
        keys(settings, tmp_path, **facts)  # type: ignore[arg-type]
        with pytest.raises(sealing.Unsealable, match=why):
            put(plain)
    keys(settings, tmp_path)
    settings.SEAL_PASSPHRASE = "wrong"
    with pytest.raises(sealing.Unsealable, match="passphrase is wrong"):
        put(plain)
    settings.SEAL_KEYSTORE = str(tmp_path / "absent.p12")
    with pytest.raises(sealing.Unsealable, match=r"cannot be read: .*absent\.p12"):
        put(plain)
    keys(settings, tmp_path, trust=False)
    settings.SEAL_TRUST = str(tmp_path / "absent.pem")
    with pytest.raises(sealing.Unsealable, match=r"cannot be read: .*absent\.pem"):
        put(plain)


def test_a_key_whose_authority_is_not_trusted_here_seals_nothing(
    plain: bytes, settings: Settings, tmp_path: Path
) -> None:
    keys(settings, tmp_path, "Elsewhere")
    keys(settings, tmp_path, trust=False)
    with pytest.raises(sealing.Unsealable, match="not come from an authority that is trusted"):
        put(plain)


def test_what_is_no_pdf_is_not_sealed() -> None:
    with pytest.raises(sealing.Unsealable, match="could not be sealed"):
        put(b"rubbish")


def test_the_demo_s_own_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "var" / "seal"
    program = "import sys, pathlib; from documents.certificates import provide; provide(pathlib.Path(sys.argv[1]), passphrase='secret')"
    makers = [subprocess.Popen([sys.executable, "-c", program, str(folder)], cwd=ROOT) for _ in range(4)]
    assert [maker.wait(60) for maker in makers] == [0, 0, 0, 0]
    made = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(made) == {"seal.p12", "authority.pem"}
    assert [path.name for path in folder.parent.iterdir()] == ["seal"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    certificates.provide(folder, passphrase="secret")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == made


def test_production_says_when_its_key_cannot_seal_or_soon_cannot(settings: Settings, tmp_path: Path) -> None:
    settings.PRODUCTION = True
    keys(settings, tmp_path)
    assert found() == []
    keys(settings, tmp_path, until=NOW + timedelta(days=20))
    assert found() == ["documents.W001"]
    settings.SEAL_PASSPHRASE = "wrong"
    assert found() == ["documents.C001"]


def found() -> list[str]:
    return [str(message.id) for message in run_checks(tags=["security"]) if str(message.id).startswith("documents.")]
