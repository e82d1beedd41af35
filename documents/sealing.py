"""The seals in a PDF, read and judged: whose, when, whether anything was altered."""

from __future__ import annotations

import asyncio
import io
from dataclasses import dataclass
from datetime import datetime

from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.validation import async_validate_pdf_signature
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator import ValidationContext


@dataclass(frozen=True)
class Seal:
    """One seal in a file. `claimed_at` is what the file says; only a timestamp proves a time."""

    subject: str = ""
    issuer: str = ""
    signer: str = ""
    claimed_at: datetime | None = None
    intact: bool = False  # not one byte that it covers was changed
    trusted: bool = False  # the certificate is the institution's
    whole: bool = False  # it covers the whole file
    appended: str = ""  # what came after: nothing, further "seals", or other "changes"
    unread: str = ""  # why it could not be judged

    @property
    def is_valid(self) -> bool:
        return self.intact and self.trusted and self.appended != "changes" and not self.unread


def check(pdf: bytes) -> list[Seal]:
    """Every seal in a file from anyone. Never raises: what cannot be judged says so (`unread`); no seal is no list."""
    if b"/ByteRange" not in pdf:
        return []
    try:
        seals = []
        for signature in PdfFileReader(io.BytesIO(pdf)).embedded_regular_signatures:
            context = ValidationContext(trust_roots=[], allow_fetching=False)
            status = asyncio.run(async_validate_pdf_signature(signature, context))
            whole = status.coverage == SignatureCoverageLevel.ENTIRE_FILE
            level = status.modification_level
            certificate = signature.signer_cert
            seals.append(
                Seal(
                    subject=str(certificate.subject.native.get("common_name", "")),
                    issuer=str(certificate.issuer.native.get("common_name", "")),
                    claimed_at=signature.self_reported_timestamp,
                    intact=bool(status.intact and status.valid),
                    whole=whole,
                    appended=""
                    if whole
                    else "changes"
                    if level is None or level > ModificationLevel.FORM_FILLING
                    else "seals",
                )
            )
    except Exception:
        return [Seal(unread="unreadable")]
    return seals
