"""The institution's key to seal with, from a PKCS#12 file, and the authorities that seals are checked against."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from asn1crypto import keys, pem
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12
from django.conf import settings
from django.utils.translation import gettext as _

from documents import certificates
from organisation import clock


class Unsealable(Exception):
    """Nothing can be sealed, and why, in words for whoever runs the register."""


@dataclass(frozen=True)
class Keystore:
    certificate: x509.Certificate
    key: keys.PrivateKeyInfo
    chain: tuple[asn1.Certificate, ...]

    @property
    def asn1(self) -> asn1.Certificate:
        return _asn1(self.certificate)


def keystore(at: datetime | None = None) -> Keystore:
    """The key that seals at that moment (now, if none is given). Raises Unsealable when there is none that can."""
    found, moment = held(), at or clock.now()
    _refuse_unfit(found.certificate, moment)
    for link in between(found):
        if not link.not_valid_before <= moment <= link.not_valid_after:
            raise Unsealable(
                _("The certificate of “%(name)s”, which vouches for ours, is valid only from %(since)s to %(until)s.")
                % {
                    "name": link.subject.native.get("common_name") or link.subject.human_friendly,
                    "since": link.not_valid_before.date().isoformat(),
                    "until": link.not_valid_after.date().isoformat(),
                }
            )
    return found


def held() -> Keystore:
    """The institution's key and certificate, also one that does not seal any more: what it sealed is still ours."""
    path = _ours(Path(settings.SEAL_KEYSTORE))
    try:
        facts = path.stat()
        return _read(path, settings.SEAL_PASSPHRASE, facts.st_mtime_ns, facts.st_size)
    except OSError as trouble:
        raise Unsealable(
            _("The file with the key to seal with cannot be read: %(file)s.") % {"file": path}
        ) from trouble


@lru_cache(maxsize=4)
def _read(path: Path, passphrase: str, changed: int, size: int) -> Keystore:
    """The file's content; it is read again when the file has changed."""
    packed = path.read_bytes()
    try:
        key, certificate, others = pkcs12.load_key_and_certificates(packed, passphrase.encode() or None)
    except ValueError as trouble:
        raise Unsealable(
            _("The file with the key to seal with cannot be opened: its passphrase is wrong, or it is no PKCS#12 file.")
        ) from trouble
    if key is None or certificate is None:
        raise Unsealable(_("The file with the key to seal with holds no key with its certificate."))
    plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return Keystore(certificate, keys.PrivateKeyInfo.load(plain), tuple(_asn1(other) for other in others))


def _refuse_unfit(certificate: x509.Certificate, at: datetime) -> None:
    since, until = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if at < since:
        raise Unsealable(
            _("The certificate to seal with is not valid before %(day)s.") % {"day": since.date().isoformat()}
        )
    if at > until:
        raise Unsealable(_("The certificate to seal with expired on %(day)s.") % {"day": until.date().isoformat()})
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not (usage.digital_signature or usage.content_commitment):
        raise Unsealable(_("The certificate to seal with is not one for signing."))


def between(ours: Keystore) -> list[asn1.Certificate]:
    """The certificates that lead from ours to one that is trusted. More in a file would be bytes that nothing covers."""
    found, known, here = [], {certificate.sha256 for certificate in trusted()}, ours.asn1
    for _link in ours.chain:  # at most, should two certify each other
        above = next((one for one in ours.chain if one.subject == here.issuer), None)
        if above is None or above.sha256 in known or above.self_issued:
            break
        found.append(above)
        here = above
    return found


def above(ours: Keystore) -> list[asn1.Certificate]:
    """What goes into a seal beside our certificate: those between, and the one trusted that they lead to.

    Where one is between, whoever has the file alone can see only by the root that nothing in it was changed: our own
    certificate is named in the seal by its hash, the one over it is not.
    """
    links = between(ours)
    root = next((root for root in trusted() if links and _issued(links[-1], root)), None)
    return [*links, root] if root else links


def _issued(lower: asn1.Certificate, upper: asn1.Certificate) -> bool:
    """Not only in its name: an authority that changed its key has two certificates of one name."""
    try:
        x509.load_der_x509_certificate(lower.dump()).verify_directly_issued_by(
            x509.load_der_x509_certificate(upper.dump())
        )
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError):
        return False
    return True


def trusted() -> list[asn1.Certificate]:
    """The authorities (or single certificates) that a seal is checked against."""
    return authorities(_ours(Path(settings.SEAL_TRUST)))


def authorities(path: Path) -> list[asn1.Certificate]:
    """The certificates of a PEM file. Raises Unsealable when it holds none."""
    try:
        found = [asn1.Certificate.load(der) for _kind, _headers, der in pem.unarmor(path.read_bytes(), multiple=True)]
    except (OSError, ValueError) as trouble:
        raise Unsealable(
            _("The file with trusted certificates cannot be read: %(file)s.") % {"file": path}
        ) from trouble
    if not found:
        raise Unsealable(_("The file with trusted certificates holds none: %(file)s.") % {"file": path})
    return found


def _ours(path: Path) -> Path:
    """Outside production the demo's own authority is made when it is first needed."""
    if path.parent == settings.DEMO_SEAL:
        certificates.provide(path.parent, passphrase=settings.SEAL_PASSPHRASE)
    return path


def _asn1(certificate: x509.Certificate) -> asn1.Certificate:
    return asn1.Certificate.load(certificate.public_bytes(Encoding.DER))
