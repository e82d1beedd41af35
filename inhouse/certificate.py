"""The certificate of a disposal: what went, by which decision and whose hands, sealed by the institution and kept for good."""

from __future__ import annotations

import hashlib
from typing import Any

from django.apps import apps
from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _

from documents import rendering, sealing, timestamping
from documents.models import SignedFile
from documents.sealing import Unsealable
from inhouse.disposable import TABLE
from inhouse.dossier import Dossier
from inhouse.models import Disposal
from inhouse.snapshots import canonical
from organisation import clock
from organisation.models import User

TEMPLATE = "inhouse/retention/certificate.html"


def kind(label: str) -> str:
    """What the rows of a list are called, in the reader's language; of a kind that is no more, its old name."""
    try:
        return str(apps.get_model(label)._meta.verbose_name_plural)
    except LookupError:
        return label


def why(label: str) -> str:
    """Why that kind of row goes or stays, as it is decided today."""
    try:
        return str(TABLE[apps.get_model(label)].why)
    except LookupError:
        return ""


def told(listed: dict[str, Any]) -> dict[str, Any]:
    """A list as pages and paper show it: with the names of things, and why they go or stay."""

    def named(label: str, **more: Any) -> dict[str, Any]:
        return {"name": kind(label), "why": why(label), **more}

    stays: dict[str, list[str]] = {}
    for label in listed["stays"]:
        stays.setdefault(why(label), []).append(kind(label))
    return {
        **listed,
        "goes": [named(each["kind"], rows=each["rows"], history=each["history"]) for each in listed["goes"]],
        "emptied": [
            named(each["kind"], rows=each["rows"], history=each["history"], fields=_fields(each))
            for each in listed["emptied"]
        ],
        "stays": [{"names": names, "why": reason} for reason, names in stays.items()],
        "rows": sum(each["rows"] or 0 for each in listed["goes"]),
        "size": sum(each["size"] for each in listed["files"]),
    }


def _fields(each: dict[str, Any]) -> list[str]:
    """What a kind loses: its fields, and in the history always the reasons."""
    model = apps.get_model(each["kind"])
    fields = [str(model._meta.get_field(name).verbose_name) for name in each["fields"]]
    return [*fields, _("the reasons given for changes")]


def person(user: User) -> str:
    return f"{user.name}, {user.title}" if user.title else user.name


def make(d: Dossier, disposal: Disposal) -> SignedFile:
    """Render and seal the certificate, and keep it. Raises Unsealable."""
    confirmed, institution = disposal.confirmed_by, d.institution
    assert confirmed
    moment = clock.now()
    with translation.override(institution.language):
        title = _("Certificate of the disposal of records: %(product)s") % {"product": d.product}
        paper = rendering.pdf(
            TEMPLATE,
            {
                "d": d,
                "product": d.product,
                "institution": institution,
                "disposal": disposal,
                "listed": told(disposal.manifest),
                "proposed_by": person(disposal.proposed_by),
                "listed_by": person(disposal.previewed_by) if disposal.previewed_at != disposal.proposed_at else "",
                "confirmed_by": person(confirmed),
                "moment": moment,
            },
            language=institution.language,
            title=title,
            author=institution.name,
            subject=d.product.number,
            created=moment,
            attachments=[
                rendering.Attachment(
                    "manifest.json", "application/json", canonical(disposal.manifest), "Data",
                    _("What went and what stays, as data"),
                )
            ],
        )  # fmt: skip
        sealed = sealing.seal(
            paper, signer=confirmed.name, title=confirmed.title, reason=title, place=institution.place
        )
    kept = SignedFile.objects.create(
        name=f"{d.product.number}-disposal.pdf",
        media_type="application/pdf",
        content=sealed,
        sha256=hashlib.sha256(sealed).hexdigest(),
        size=len(sealed),
        stored_at=moment,
    )
    if settings.TSA_URL:
        timestamping.ask(kept)
    return kept


__all__ = ["Unsealable", "kind", "make", "told", "why"]
