"""What a declaration says, as plain values: taken once from the facts, then printed, signed and kept as it is.

A printed declaration rests on its snapshot alone, so everything that is on the paper or attached to it is in here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import translation

from inhouse.dossier import Dossier
from inhouse.models import EvidenceDocument, EvidenceRecord
from organisation import clock
from organisation.models import User
from products.models import Revision

Snapshot = dict[str, Any]
NUMBERS = {Revision.Regulation.MDR: "2017/745", Revision.Regulation.IVDR: "2017/746"}
"""The regulations by the numbers that a declaration names them with."""


def snapshot(
    d: Dossier,
    revision: Revision,
    *,
    place: str,
    language: str,
    cosigners: Sequence[tuple[str, User]] = (),
    translations: Mapping[str, Mapping[str, str]] | None = None,
) -> Snapshot:
    """What would be declared today, D1–D24 of the declaration's fields, as plain values (see the template's head).

    `cosigners` are those who sign with the owner, each with what they sign as; `translations` holds, for each further
    language, the free texts by their paths (see `free_texts`).
    """
    product, owner = d.product, d.ownership
    previous = d.declarations[-1] if d.declarations else None
    number = f"{product.number}-D{len(d.declarations) + 1}"
    verified = d.approved(revision, EvidenceRecord.Kind.VERIFICATION)
    validated = d.approved(revision, EvidenceRecord.Kind.VALIDATION)
    with translation.override(language):
        return {
            "number": number,
            "version": len(d.declarations) + 1,
            "replaces": previous.number if previous else "",
            "language": language,
            "prepared_on": clock.today().isoformat(),
            "institution": {
                "name": d.institution.name,
                "organisation_number": d.institution.organisation_number,
                "address": d.institution.address,
                "place": d.institution.place,
                "contact": d.institution.contact,
            },
            "administration": str(product.unit.administration),
            "unit": str(product.unit),
            "device": {
                "name": product.name,
                "product_number": product.number,
                "reference": revision.reference,
                "revision": revision.number,
                "type": str(revision.get_regulation_display()),
                "regulation": revision.regulation,
                "risk_class": revision.risk_class,
                "class_rule": revision.class_rule,
                "description": revision.description,
                "intended_purpose": revision.intended_purpose,
                "patient_group": revision.patient_group,
                "accessories": [
                    {"name": part.name, "maker": part.maker, "model": part.model, "version": part.edition}
                    for part in d.parts_of(revision)
                ],
            },
            "statement": {
                "regulation_number": NUMBERS[Revision.Regulation(revision.regulation)],
                "exceptions": [
                    {"number": row.number, "what": row.what, "why": row.why} for row in d.unmet_of(revision)
                ],
            },
            "verified_on": verified.done_on.isoformat() if verified else "",
            "validated_on": validated.done_on.isoformat() if validated else "",
            "quality_system": str(product.quality_system or ""),
            "laboratory": _laboratory(d, revision),
            "signed": {"place": place, **_signatory(owner.person if owner else None)},
            "cosigners": [{"role": role, **_signatory(person)} for role, person in cosigners],
            "diary_number": "",
            "address": settings.PUBLIC_URL + reverse("inhouse:public-declaration", args=[number]),
            "contact": d.institution.contact,
            "evidence": {
                "documents": [_document(row) for row in d.documents_of(revision)],
                "records": [_record(row) for row in d.records_of(revision)],
            },
            "translations": {language: dict(texts) for language, texts in (translations or {}).items()},
        }


def _signatory(person: User | None) -> dict[str, str]:
    return {
        "name": person.name if person else "",
        "title": person.title if person else "",
        "level": str(person.get_level_display()) if person else "",
        "level_key": person.level if person else "",
        "unit": str(person.unit) if person else "",
    }


def _laboratory(d: Dossier, revision: Revision) -> dict[str, str] | None:
    """The laboratory of an in vitro device and how it stands with EN ISO 15189 (D25); None for other devices."""
    if revision.regulation != Revision.Regulation.IVDR:
        return None
    system = d.product.quality_system
    return {
        "name": f"{d.product.unit.administration}, {d.product.unit}",
        "standard": system.laboratory_standard if system else "",
        "accreditation": system.accreditation if system else "",
        "scope": system.accreditation_scope if system else "",
        "accredited_until": system.accredited_until.isoformat() if system and system.accredited_until else "",
    }


# --- the evidence it rests on


def _document(row: EvidenceDocument) -> dict[str, Any]:
    """A document by its hash. The declaration is public, so of a confidential one nothing else but its group."""
    document = row.document
    known = {"group": row.group, "sha256": document.file.sha256, "confidential": document.confidential}
    if document.confidential:
        return known
    return known | {
        "title": document.title,
        "version": document.version,
        "file": document.filename,
        "size": document.file.size,
    }


def _record(row: EvidenceRecord) -> dict[str, str]:
    """A verification or validation: what came out and when. What was done, and by whom, stands in the register.

    Its hash is that of the canonical form of what stands there, so that a later change of it can be shown.
    """
    told = {name: getattr(row, name) for name in ("kind", "what", "method", "result", "outcome", "done_by")}
    return {
        "kind": row.kind,
        "outcome": row.outcome,
        "done_on": row.done_on.isoformat(),
        "report": row.document.file.sha256 if row.document else "",
        "sha256": hashlib.sha256(canonical(told | {"done_on": row.done_on.isoformat()})).hexdigest(),
    }


def manifest(content: Snapshot) -> dict[str, Any]:
    """The evidence of a declaration, by hashes, with what it belongs to."""
    device = content["device"]
    return {
        "declaration": content["number"],
        "product": device["product_number"],
        "revision": device["revision"],
        **content.get("evidence", {"documents": [], "records": []}),
    }


# --- as bytes


def canonical(content: Any) -> bytes:
    """The one form of these values as bytes: JSON in UTF-8, keys in order, no spaces."""
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


# --- in another language


def free_texts(content: Snapshot) -> dict[str, str]:
    """What a translation needs from a person: each text that somebody wrote, by its path."""
    return {path: part[name] for path, part, name in _texts(content) if part[name]}


def _texts(content: Snapshot) -> Iterator[tuple[str, dict[str, Any], str]]:
    """The path of each free text, and where in the snapshot it is."""
    for name in ("description", "intended_purpose", "patient_group"):
        yield f"device.{name}", content["device"], name
    for index, row in enumerate(content["statement"]["exceptions"]):
        for name in ("what", "why"):
            yield f"exceptions.{index}.{name}", row, name
    yield "quality_system", content, "quality_system"
    if content.get("laboratory"):
        yield "laboratory.scope", content["laboratory"], "scope"
    yield "signed.title", content["signed"], "title"
    for index, row in enumerate(content.get("cosigners", ())):
        for name in ("role", "title"):
            yield f"cosigners.{index}.{name}", row, name


def languages(content: Snapshot) -> list[str]:
    """Those it is told in, the leading one first."""
    return [content["language"], *content.get("translations", {})]


def in_language(content: Snapshot, language: str) -> Snapshot:
    """The same snapshot worded in another language; a free text that nobody translated stays as it is."""
    if language == content["language"]:
        return content
    worded = deepcopy(content)
    given = content.get("translations", {}).get(language, {})
    for path, part, name in _texts(worded):
        part[name] = given.get(path) or part[name]
    with translation.override(language):
        worded["device"]["type"] = str(Revision.Regulation(worded["device"]["regulation"]).label)
        for person in (worded["signed"], *worded.get("cosigners", ())):
            if person.get("level_key"):
                person["level"] = str(User.Level(person["level_key"]).label)
    worded["language"] = language
    return worded
