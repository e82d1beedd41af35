"""PDFs sealed with certificates of a made-up authority, as an institution's would be."""

from __future__ import annotations

import datetime
import io
from functools import cache
from typing import Any

from asn1crypto import keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko_certvalidator.registry import SimpleCertificateStore
from weasyprint import HTML, Attachment

DAY = datetime.timedelta(days=1)


@cache
def _key(name: str, kind: str) -> Any:
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


@cache
def _certificate(
    name: str,
    kind: str = "ec",
    *,
    by: str = "",
    authority: bool = False,
    since: datetime.timedelta = -DAY,
    until: datetime.timedelta = 365 * DAY,
) -> x509.Certificate:
    """A certificate of that name; without `by` it issues itself. It is valid from then to then, counted from now."""
    now = datetime.datetime.now(datetime.UTC)
    issuer_kind = kind if not by else "ec"
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, by or name)]))
        .public_key(_key(name, kind).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + since)
        .not_valid_after(now + until)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not authority,
                content_commitment=not authority,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=authority,
                crl_sign=authority,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .sign(_key(by or name, issuer_kind), hashes.SHA256())
    )


def chain(*, passphrase: str, until: datetime.timedelta = 365 * DAY) -> tuple[bytes, bytes]:
    """A PKCS#12 with a key, its certificate and the authority that issued it; and as PEM the root that certified that one.

    `until`: how long the authority between lasts.
    """
    root = _certificate("Root of no one", authority=True, since=-900 * DAY)
    between = _certificate("Between", by="Root of no one", authority=True, since=-900 * DAY, until=until)
    certificate = _certificate("Region Västanland", by="Between", since=-900 * DAY)
    keystore = pkcs12.serialize_key_and_certificates(
        b"seal",
        _key("Region Västanland", "ec"),
        certificate,
        [between],
        serialization.BestAvailableEncryption(passphrase.encode()),
    )
    return keystore, root.public_bytes(serialization.Encoding.PEM)


def _asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))


def seal(
    pdf: bytes, *, name: str = "Region Västanland", kind: str = "ec", pss: bool = False, field: str = "Seal1"
) -> bytes:
    """The PDF with one more seal, added at its end (PAdES-B-B, the whole chain of certificates in it)."""
    root = _certificate("Test CA of no one", authority=True)
    certificate = _certificate(name, kind, by="Test CA of no one")
    store = SimpleCertificateStore()  # type: ignore[no-untyped-call]
    store.register(_asn1(root))
    private = _key(name, kind).private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    signer = signers.SimpleSigner(
        signing_cert=_asn1(certificate),
        signing_key=keys.PrivateKeyInfo.load(private),
        cert_registry=store,
        prefer_pss=pss,
    )
    signed = signers.sign_pdf(
        IncrementalPdfFileWriter(io.BytesIO(pdf)),
        signers.PdfSignatureMetadata(
            field_name=field, md_algorithm="sha256", subfilter=fields.SigSeedSubFilter.PADES, name=name
        ),
        signer=signer,
    )
    return bytes(signed.getvalue())


@cache
def plain(number: str = "IH-2026-0042-D1") -> bytes:
    """A printed declaration with its content attached, as WeasyPrint writes it for the archive."""
    day = datetime.datetime(2026, 5, 4, tzinfo=datetime.UTC)
    content = Attachment(
        string=f'{{"number": "{number}"}}', name="declaration.json", created=day, modified=day, relationship="Source"
    )
    page = f"<html lang=sv><title>Declaration {number}: Adapter</title><h1>{number}</h1>" + "<p>Declared, åäö.</p>" * 90
    return bytes(HTML(string=page).write_pdf(pdf_variant="pdf/a-3a", attachments=[content]))


@cache
def once() -> bytes:
    return seal(plain())


@cache
def twice() -> bytes:
    return seal(once(), name="Ola Berg", kind="rsa", field="Seal2")
