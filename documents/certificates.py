"""An authority of our own that certifies a key to seal with: for the demo and the tests, never for production.

Knows nothing of Django, so that whatever prepares an environment can make one.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12
from cryptography.x509.oid import NameOID

YEARS = timedelta(days=365)
KEYSTORE, TRUST = "seal.p12", "authority.pem"


def provide(folder: Path, *, passphrase: str) -> None:
    """See that the folder holds a keystore and the authority to trust. Of several who make them at once, the first wins.

    They are made beside it and moved there in one step, so that nobody ever reads a half.
    """
    if (folder / KEYSTORE).exists():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))  # for us alone (0700)
    try:
        now = datetime.now(UTC)
        keystore, trust = issue(
            "Demonstration institution", passphrase=passphrase, since=now - 20 * YEARS, until=now + 30 * YEARS
        )
        _write(made / KEYSTORE, keystore)
        _write(made / TRUST, trust)
        made.rename(folder)
    except OSError:
        if not (folder / KEYSTORE).exists():
            raise
    finally:
        shutil.rmtree(made, ignore_errors=True)


def issue(
    organisation: str, *, passphrase: str, since: datetime, until: datetime, signs: bool = True
) -> tuple[bytes, bytes]:
    """A PKCS#12 with key, certificate and authority, and the authority alone as PEM. `signs`: the key may sign."""
    authority_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority_name, name = _name(organisation, "authority"), _name(organisation, "seal")
    authority = (
        _certificate(authority_name, authority_name, authority_key, since, until)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    certificate = (
        _certificate(name, authority_name, key, since, until)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            _usage(digital_signature=True, content_commitment=True) if signs else _usage(key_encipherment=True),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    keystore = pkcs12.serialize_key_and_certificates(
        b"seal", key, certificate, [authority], BestAvailableEncryption(passphrase.encode())
    )
    return keystore, authority.public_bytes(Encoding.PEM)


def _name(organisation: str, what: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{organisation}, {what}"),
        ]
    )


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, since: datetime, until: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
    )


USES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip


def _usage(**uses: bool) -> x509.KeyUsage:
    return x509.KeyUsage(**(dict.fromkeys(USES, False) | uses))


def _write(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
