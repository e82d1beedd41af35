"""The institution's electronic seal on a PDF (PAdES-B-B), put there and checked.

Sealing adds to the end of a file, so what was there stays byte for byte and a second seal leaves the first one valid.
The signature is printed on the page by whoever renders it; the field itself has no face, which would break the tags.
"""

from __future__ import annotations

import io
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import InvisSigSettings, SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, SimpleSigner
from pyhanko.sign.signers.constants import ESIC_EXTENSION_1
from pyhanko_certvalidator.registry import SimpleCertificateStore

from documents import seals_in
from documents.keystore import Keystore, Unsealable, above, held, keystore, trusted
from documents.seals_in import Seal
from documents.timestamping import Stamp, Untimed, check_timestamp, timestamp
from organisation import clock

__all__ = ["Seal", "Stamp", "Unsealable", "Untimed", "check", "check_timestamp", "seal", "timestamp"]

PATIENCE = 40  # seconds for the process that reads a stranger's file, start and all


def seal(pdf: bytes, *, signer: str, title: str = "", reason: str, place: str, at: datetime | None = None) -> bytes:
    """The same file with the institution's seal added, for what `signer` (with that title) signed, or nobody did.

    `at`: the moment that the seal states, now if none is given. Raises Unsealable, with the reason in words. What is
    returned was read back and found valid.
    """
    moment = at or clock.now()
    ours = keystore(moment)
    try:
        sealed = _sealed(pdf, ours, moment, signer=", ".join(filter(None, [signer, title])), reason=reason, place=place)
    except Unsealable:
        raise
    except Exception as trouble:
        raise Unsealable(_("The file could not be sealed: %(trouble)s") % {"trouble": trouble}) from trouble
    last = seals_in.read(sealed, trusted=trusted(), own=ours.asn1)[-1:]
    if not last or not last[0].intact or not last[0].whole:
        raise Unsealable(
            _("The seal was put on the file but does not hold: key and certificate do not belong together.")
        )
    if not last[0].trusted:
        raise Unsealable(_("The certificate to seal with does not come from an authority that is trusted here."))
    return sealed


def _sealed(pdf: bytes, ours: Keystore, moment: datetime, *, signer: str, reason: str, place: str) -> bytes:
    store = SimpleCertificateStore()  # type: ignore[no-untyped-call]
    store.register_multiple(above(ours))
    writer = _Writer(io.BytesIO(pdf))
    name = f"Seal{1 + len(list(writer.prev.embedded_regular_signatures))}"
    field = SigFieldSpec(
        name,
        on_page=0,
        readable_field_name=_("Electronic seal"),
        invis_sig_settings=InvisSigSettings(set_print_flag=True, set_hidden_flag=False, box_out_of_bounds=True),
    )
    stated = PdfSignatureMetadata(
        field_name=name,
        subfilter=SigSeedSubFilter.PADES,
        md_algorithm="sha256",
        name=signer,
        reason=reason,
        location=place,
    )
    key = SimpleSigner(signing_cert=ours.asn1, signing_key=ours.key, cert_registry=store)
    out = io.BytesIO()
    _Sealer(stated, key, new_field_spec=field, moment=moment).sign_pdf(writer, output=out)
    return out.getvalue()


class _Writer(IncrementalPdfFileWriter):
    """Adds the seal and leaves what the document says of itself alone, which PDF/A and PDF/UA rest on."""

    def _update_meta(self) -> None:
        pass


class _Sealer(PdfSigner):
    def __init__(self, *args: Any, moment: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.moment = moment

    def init_signing_session(self, *args: Any, **kwargs: Any) -> Any:
        session = super().init_signing_session(*args, **kwargs)
        session.system_time = self.moment
        return session

    def register_extensions(self, pdf_out: Any, *, md_algorithm: str) -> None:
        """PAdES alone: pyHanko would call the file PDF 2.0 for the curve of its key, and PDF/A-3 is 1.7."""
        pdf_out.register_extension(ESIC_EXTENSION_1)


def check(pdf: bytes) -> list[Seal]:
    """Every seal in a file from anyone. Never raises: what cannot be judged says so (`unread`); no seal is no list.

    A process of its own reads the file, with a limit to its memory and time.
    """
    if len(pdf) > settings.UPLOAD_LIMIT:
        return [Seal(unread="too_large")]
    try:
        roots = trusted()
    except Unsealable:
        roots = []
    try:
        own = held().asn1
    except Unsealable:
        own = None
    try:
        done = subprocess.run(  # noqa: S603 (our own program; the file goes in as its input)
            [sys.executable, "-I", str(Path(seals_in.__file__))],
            input=seals_in.asked(pdf, trusted=roots, own=own),
            capture_output=True,
            timeout=PATIENCE,
            check=True,
        )
        return seals_in.answered(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError):
        return [Seal(unread="too_much")]
