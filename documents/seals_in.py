"""The seals in a PDF, read and judged: whose, when, whether anything was altered or added.

A PDF from anyone can be built to take all memory or never to end, so strangers' files are read by a process of its own
with limits (this file, run as a program). That is why nothing here knows of Django.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import resource
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from asn1crypto import cms, x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext

MEMORY = 1024 * 1024 * 1024  # bytes of address space for reading a stranger's file
SECONDS = 20  # of computing
SEALS = 20  # more than this in one file are not looked at
SIGNING = KeyUsageConstraints(key_usage={"digital_signature", "non_repudiation"}, match_all_key_usages=False)


@dataclass(frozen=True)
class Seal:
    """One seal in a file. `claimed_at` is what the file says; only a timestamp proves a time."""

    subject: str = ""
    issuer: str = ""
    serial: str = ""
    signer: str = ""
    reason: str = ""
    place: str = ""
    claimed_at: datetime | None = None
    intact: bool = False  # not one byte that it covers was changed
    trusted: bool = False  # the certificate is the institution's
    whole: bool = False  # it covers the whole file
    appended: str = ""  # what came after: nothing, further "seals", or other "changes"
    unread: str = ""  # why it could not be judged: "unreadable", "too_much", "too_large"

    @property
    def is_valid(self) -> bool:
        return self.intact and self.trusted and self.appended != "changes" and not self.unread


def read(pdf: bytes, *, trusted: Sequence[x509.Certificate], own: x509.Certificate | None) -> list[Seal]:
    """Every seal in the file, in the order they were put there. `own` is a certificate of the institution."""
    if not pdf.lstrip(b"\0\t\n\x0c\r ").startswith(b"%PDF-"):
        return []
    try:
        found = list(islice(PdfFileReader(io.BytesIO(pdf)).embedded_regular_signatures, SEALS))
    except MemoryError:
        raise
    except Exception:
        return [Seal(unread="unreadable")] if b"/ByteRange" in pdf else []
    return [_judge(signature, pdf, trusted, own) for signature in found]


def _judge(
    signature: EmbeddedPdfSignature, pdf: bytes, trusted: Sequence[x509.Certificate], own: x509.Certificate | None
) -> Seal:
    told = Seal()
    try:
        certificate, stated = signature.signer_cert, signature.sig_object
        claimed_at = signature.self_reported_timestamp
        if claimed_at and claimed_at.tzinfo is None:
            claimed_at = claimed_at.replace(tzinfo=UTC)
        told = Seal(
            subject=_clean(certificate.subject.native.get("common_name") or certificate.subject.human_friendly),
            issuer=_clean(certificate.issuer.native.get("common_name") or certificate.issuer.human_friendly),
            serial=f"{certificate.serial_number:x}",
            signer=_clean(stated.get("/Name", "")),
            reason=_clean(stated.get("/Reason", "")),
            place=_clean(stated.get("/Location", "")),
            claimed_at=claimed_at,
        )
        context = ValidationContext(
            trust_roots=list(trusted),
            moment=claimed_at or datetime.now(UTC),
            allow_fetching=False,
            revocation_mode="soft-fail",
        )
        status: Any = asyncio.run(async_validate_pdf_signature(signature, context, key_usage_settings=SIGNING))
        covers = status.coverage >= SignatureCoverageLevel.ENTIRE_REVISION
        whole = status.coverage == SignatureCoverageLevel.ENTIRE_FILE
        level = status.modification_level
        appended = "" if whole else "changes" if level is None or level > ModificationLevel.FORM_FILLING else "seals"
        ours = bool(status.trusted and _is_ours(certificate, trusted, own))
        exact = not ours or _is_exact(signature, pdf, status.validation_path)  # others may write theirs otherwise
        return replace(
            told,
            intact=bool(status.intact and status.valid and covers and exact),
            trusted=ours,
            whole=whole,
            appended=appended,
        )
    except MemoryError:
        raise
    except Exception:
        return replace(told, unread="unreadable")


def _is_exact(signature: EmbeddedPdfSignature, pdf: bytes, path: Any) -> bool:
    """Whether the signature's own bytes are what we would write, all of them.

    A signature cannot cover itself: in its frame bits could be turned, or words hidden in the room left over, and it would
    still be valid. So the frame is written anew from what is covered, and must come out the same.
    """
    start, before, after, _length = (int(number) for number in signature.byte_range)
    content = signature.pkcs7_content
    digits = content.hex().encode()
    if start or pdf[before:after] not in (b"<" + digits + b">", b"<" + digits.upper() + b">"):
        return False
    known = {certificate.sha256 for certificate in path.iter_certs(include_root=True)}
    if any(certificate.sha256 not in known for certificate in signature.other_embedded_certs):
        return False
    info, certificate = signature.signer_info, signature.signer_cert
    written: bytes = cms.ContentInfo(
        {
            "content_type": "signed_data",
            "content": {
                "version": "v1",
                "digest_algorithms": [info["digest_algorithm"]],
                "encap_content_info": {"content_type": "data"},
                "certificates": signature.signed_data["certificates"],
                "signer_infos": [
                    {
                        "version": "v1",
                        "sid": cms.SignerIdentifier(
                            "issuer_and_serial_number",
                            {"issuer": certificate.issuer, "serial_number": certificate.serial_number},
                        ),
                        "digest_algorithm": info["digest_algorithm"],
                        "signed_attrs": info["signed_attrs"],
                        "signature_algorithm": info["signature_algorithm"],
                        "signature": info["signature"],
                    }
                ],
            },
        }
    ).dump()
    return content.startswith(written) and not any(content[len(written) :])


def _is_ours(certificate: x509.Certificate, trusted: Sequence[x509.Certificate], own: x509.Certificate | None) -> bool:
    """An authority certifies many; ours is what names our organisation, or is itself among those trusted."""
    if any(certificate.sha256 == known.sha256 for known in trusted):
        return True
    return own is not None and _organisation(certificate) == _organisation(own)


def _organisation(certificate: x509.Certificate) -> tuple[Any, ...]:
    names: dict[str, Any] = certificate.subject.native
    if names.get("organization_name"):
        return names["organization_name"], names.get("organization_identifier")
    return (certificate.subject.dump(),)


def _clean(text: Any) -> str:
    """Text from a stranger: printable, and not without end."""
    return "".join(sign for sign in str(text)[:300] if sign.isprintable())


# --- in a process of its own


def asked(pdf: bytes, *, trusted: Sequence[x509.Certificate], own: x509.Certificate | None) -> bytes:
    """The question to put to this program."""
    known = [base64.b64encode(certificate.dump()).decode() for certificate in (*trusted, *([own] if own else []))]
    return json.dumps({"own": own is not None, "certificates": known}).encode() + b"\n" + pdf


def answered(said: bytes) -> list[Seal]:
    return [
        Seal(**row | {"claimed_at": datetime.fromisoformat(row["claimed_at"]) if row["claimed_at"] else None})
        for row in json.loads(said)
    ]


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    logging.disable()
    question = json.loads(sys.stdin.buffer.readline())
    known = [x509.Certificate.load(base64.b64decode(row)) for row in question["certificates"]]
    own = known.pop() if question["own"] else None
    try:
        seals = read(sys.stdin.buffer.read(), trusted=known, own=own)
    except MemoryError:
        seals = [Seal(unread="too_much")]
    json.dump(
        [asdict(seal) | {"claimed_at": seal.claimed_at.isoformat() if seal.claimed_at else None} for seal in seals],
        sys.stdout,
    )


if __name__ == "__main__":
    main()
