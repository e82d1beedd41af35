"""Documents on paper: a template becomes a tagged PDF that can be archived (PDF/A-3a, marked as PDF/UA-1).

The same input gives the same bytes, as long as WeasyPrint and the fonts stay the same. Everything a document needs is
in our own static folder; nothing is fetched from anywhere else.
"""

from __future__ import annotations

import io
import mimetypes
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation
from django.utils._os import safe_join
from django.utils.translation import gettext as _
from fontTools.ttLib import woff2
from weasyprint import CSS, HTML
from weasyprint import Attachment as Embedded
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import FatalURLFetchingError, URLFetcher, URLFetcherResponse

_STATIC = "https://static.invalid/"  # stands for our static folder; no such host can exist

# PDF/UA-1 says what it is in the same XMP packet as PDF/A, with the schema that PDF/A wants for foreign properties
_PDF_UA = b"""<rdf:Description rdf:about="" xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/">
<pdfuaid:part>1</pdfuaid:part></rdf:Description>
<rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"
 xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">
<pdfaSchema:schema>PDF/UA identification schema</pdfaSchema:schema>
<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>
<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>
<pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource">
<pdfaProperty:name>part</pdfaProperty:name><pdfaProperty:valueType>Integer</pdfaProperty:valueType>
<pdfaProperty:category>internal</pdfaProperty:category>
<pdfaProperty:description>Part of the PDF/UA standard</pdfaProperty:description>
</rdf:li></rdf:Seq></pdfaSchema:property></rdf:li></rdf:Bag></pdfaExtension:schemas></rdf:Description>
"""


class Unrenderable(Exception):
    """A document asks for something that is not in our static folder."""


@dataclass(frozen=True)
class Attachment:
    """A file inside the PDF. `relationship` is the PDF's word for what it is to the document: Data, Source, Supplement."""

    name: str
    media_type: str
    content: bytes
    relationship: str
    description: str


def pdf(
    template: str,
    context: dict[str, Any],
    *,
    language: str,
    title: str,
    author: str,
    subject: str,
    created: datetime | None,
    attachments: Sequence[Attachment] = (),
) -> bytes:
    """The template, in that language, as PDF. It extends `documents/print.html`.

    Without `created` the document names no time, so that rendering it on another day gives the same bytes. Attachments
    must carry a time, so they are only taken with it.
    """
    if attachments and created is None:
        raise ValueError("Attachments carry the time of the document: give it.")
    about = {
        "language": language,
        "title": title,
        "author": author,
        "subject": subject,
        "created": created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if created else "",
    }
    with translation.override(language):
        html = render_to_string(template, {**context, "pdf": about})
        fonts = _fonts()
        try:
            document = HTML(string=html, base_url=_STATIC, url_fetcher=_OurStaticFiles()).render(
                stylesheets=[CSS(string=_page_numbers(), font_config=fonts)], font_config=fonts
            )
        except FatalURLFetchingError as trouble:
            raise Unrenderable(str(trouble.__cause__ or trouble)) from trouble
    document.metadata.generate_rdf_metadata = _with_pdf_ua(document.metadata.generate_rdf_metadata)
    made = created.astimezone(UTC) if created else None
    document.metadata.attachments = [
        Embedded(
            string=attachment.content, name=attachment.name, description=attachment.description,
            relationship=attachment.relationship, created=made, modified=made,
        )
        for attachment in sorted(attachments, key=lambda attachment: attachment.name)  # a PDF looks names up in order
    ]  # fmt: skip
    written: bytes = document.write_pdf(pdf_variant="pdf/a-3a", finisher=_finisher(attachments))
    return written


_kept = threading.local()  # Pango's fonts are not for several threads at once


def _fonts() -> FontConfiguration:
    """The fonts, loaded once: loaded anew for each document they would cost time, and memory that Pango never returns."""
    if not hasattr(_kept, "fonts"):
        _kept.fonts = FontConfiguration()
    return _kept.fonts


def _finisher(attachments: Sequence[Attachment]) -> Callable[[Any, Any], None]:
    """Lists each attachment once, where WeasyPrint 70 does it twice, and gives it the media type it has."""
    types = {attachment.name: attachment.media_type.replace("/", "#2f") for attachment in attachments}

    def finish(document: Any, pdf: Any) -> None:
        if "AF" in pdf.catalog:
            pdf.catalog["AF"][:] = dict.fromkeys(pdf.catalog["AF"])
        for entry in pdf.objects:
            if isinstance(entry, dict) and entry.get("Type") == "/Filespec":
                stream = pdf.objects[int(entry["EF"]["F"].split()[0])]
                stream.extra["Subtype"] = f"/{types[entry['UF'].string]}"

    return finish


def _page_numbers() -> str:
    """The foot of each page, in the language of the document."""
    sentence = _("Page %(page)s of %(pages)s").replace("\\", "").replace('"', "")
    numbered = sentence % {"page": '" counter(page) "', "pages": '" counter(pages) "'}
    return f'@page {{ @bottom-right {{ content: "{numbered}" }} }}'


def _with_pdf_ua(generate: Callable[..., bytes]) -> Callable[..., bytes]:
    def generated(*args: Any) -> bytes:
        packet = generate(*args)
        end = packet.rindex(b"</rdf:RDF>")
        return packet[:end] + _PDF_UA + packet[end:]

    return generated


class _OurStaticFiles(URLFetcher):  # type: ignore[misc]
    """Opens what lies in our static folder and what the document itself holds (data:), and stops at anything else."""

    def __init__(self) -> None:
        super().__init__(allowed_protocols=("data",), allow_redirects=False, fail_on_errors=True)

    def fetch(self, url: str, headers: dict[str, str] | None = None) -> Any:
        if url.startswith("data:"):
            return super().fetch(url, headers)
        if not url.startswith(_STATIC):
            raise ValueError(_("A document asked for %(address)s, which is not ours.") % {"address": url})
        path = Path(safe_join(settings.STATICFILES_DIRS[0], unquote(url.removeprefix(_STATIC))))
        if path.suffix == ".woff2":
            return URLFetcherResponse(url, _unpacked(path), {"Content-Type": "font/ttf"})
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return URLFetcherResponse(url, path.read_bytes(), {"Content-Type": kind})


@cache
def _unpacked(path: Path) -> bytes:
    """The font as it is inside its packing, which WeasyPrint would undo for every document: half the time of a PDF."""
    font = io.BytesIO()
    woff2.decompress(io.BytesIO(path.read_bytes()), font)
    return font.getvalue()
