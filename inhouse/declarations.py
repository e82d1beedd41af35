"""The declaration: shown, signed, entered in the diary, published, withdrawn.

It is rendered from a snapshot, never from live rows. What is signed is the snapshot that was read: its digest comes back
with the signature, and another content than the one read is refused. After signing the database takes only dated additions.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from documents import rendering
from documents.models import SignedFile
from inhouse import lifecycle, register
from inhouse.dossier import Dossier, current
from inhouse.models import Declaration, EvidenceRecord, Leaf
from inhouse.obstacles import Refused
from organisation import access, clock
from organisation.access import Act
from organisation.history import acting
from organisation.models import User
from products import traceability
from products.models import Revision

TEMPLATE = "inhouse/declarations/declaration.html"
Snapshot = dict[str, Any]
NUMBERS = {Revision.Regulation.MDR: "2017/745", Revision.Regulation.IVDR: "2017/746"}
"""The regulations by the numbers that a declaration names them with."""


def snapshot(d: Dossier, revision: Revision, *, place: str, language: str) -> Snapshot:
    """What would be declared today, D1–D24 of the declaration's fields, as plain values (see the template's head)."""
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
            "signed": {
                "place": place,
                "date": clock.today().isoformat(),
                "name": owner.person.name if owner else "",
                "title": owner.person.title if owner else "",
                "level": str(owner.person.get_level_display()) if owner else "",
                "unit": str(owner.person.unit) if owner else "",
                "method": _("electronically in the register, with the password entered again"),
            },
            "diary_number": "",
            "address": settings.PUBLIC_URL + reverse("inhouse:public-declaration", args=[number]),
            "contact": d.institution.contact,
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


def digest(content: Snapshot) -> str:
    """SHA-256 of the snapshot's canonical form: what the signer's form carries back."""
    return hashlib.sha256(json.dumps(content, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def render(content: Snapshot, *, draft: bool = False) -> bytes:
    """The PDF of a snapshot; a draft says on every page that it is not signed."""
    with translation.override(content["language"]):
        title = _("Declaration %(number)s: %(name)s") % {
            "number": content["number"],
            "name": content["device"]["name"],
        }
    return rendering.pdf(
        TEMPLATE,
        {"snapshot": content, "draft": draft},
        language=content["language"],
        title=title,
        author=content["institution"]["name"],
        subject=content["device"]["product_number"],
        created=clock.now(),
    )


@transaction.atomic
def sign(revision: Revision, *, read: str, password: str, place: str, language: str, by: User) -> Declaration:
    """The owner signs what was read (`read` is its digest), proving who they are once more.

    Raises ValidationError for a wrong password or changed content, Refused with what is missing, PermissionDenied for
    anyone else. Of several who sign at once one succeeds; the others are told that it is signed.
    """
    product = lifecycle.lock(revision.product)
    access.require(by, Act.SIGN, product.scope)
    if not by.check_password(password):
        raise ValidationError({"password": _("That is not your password.")}, code="password")
    d = current(product)
    revision = next(r for r in d.revisions if r.pk == revision.pk)
    if d.declaration(revision) is not None:
        raise ValidationError(_("This revision already has a signed declaration."))
    if found := [o for o in lifecycle.obstacles(d, revision, Revision.Stage.DECLARED) if o.stops]:
        raise Refused(found)
    content = snapshot(d, revision, place=place, language=language)
    if digest(content) != read:
        raise ValidationError(
            _("The content changed after you read it. Read it again before you sign."), code="changed"
        )
    pdf = render(content)
    with acting(by):
        file = SignedFile.objects.create(
            name=f"{content['number']}.pdf",
            media_type="application/pdf",
            content=pdf,
            sha256=hashlib.sha256(pdf).hexdigest(),
            size=len(pdf),
            stored_at=clock.now(),
        )
        try:
            declaration = Declaration.objects.create(
                revision=revision,
                number=content["number"],
                version=content["version"],
                replaces=d.declarations[-1] if d.declarations else None,
                language=language,
                snapshot=content,
                file=file,
                place=place,
                signed_at=clock.now(),
                signed_on=clock.today(),
                signed_by=by,
            )
        except IntegrityError as clash:
            raise ValidationError(_("This revision already has a signed declaration.")) from clash
        lifecycle.move(revision, Revision.Stage.DECLARED, by=by)
    return declaration


def _locked(declaration: Declaration, act: Act, *, by: User) -> Declaration:
    product = lifecycle.lock(declaration.revision.product)
    access.require(by, act, product.scope)
    declaration = Declaration.objects.select_related("revision").get(pk=declaration.pk)
    declaration.revision.product = product
    return declaration


@transaction.atomic
def enter(declaration: Declaration, *, diary_number: str, diary_name: str, by: User) -> None:
    """Give the declaration its diary number, once (D19)."""
    declaration = _locked(declaration, Act.REGISTER, by=by)
    if declaration.diary_number:
        raise ValidationError(_("It is already in the diary as %(number)s.") % {"number": declaration.diary_number})
    if declaration.withdrawn_on:
        raise ValidationError(_("This declaration is withdrawn."))
    lifecycle.in_words(diary_number=diary_number)
    with acting(by):
        declaration.diary_number, declaration.diary_name = diary_number.strip(), diary_name
        declaration.diary_on, declaration.diary_by = clock.today(), by
        declaration.save(update_fields=["diary_number", "diary_name", "diary_on", "diary_by"])


@transaction.atomic
def publish(declaration: Declaration, *, by: User) -> None:
    """Show the declaration on the public page, from now on and for good (D26)."""
    declaration = _locked(declaration, Act.REGISTER, by=by)
    if declaration.published_on:
        raise ValidationError(_("It is already published."))
    if declaration.withdrawn_on:
        raise ValidationError(_("This declaration is withdrawn."))
    with acting(by):
        declaration.published_on, declaration.published_by = clock.today(), by
        declaration.save(update_fields=["published_on", "published_by"])
        register.append(declaration, Leaf.Kind.PUBLISHED)
        if declaration.replaced_on:  # before it was published: that was no entry then
            register.append(declaration, Leaf.Kind.REPLACED)


@transaction.atomic
def withdraw(declaration: Declaration, *, reason: str, by: User) -> None:
    """A fault was found before use: the declaration is withdrawn, stays readable, and the revision is open again.

    Its items were released to documentation that may change now, so they are released anew under the next declaration.
    """
    declaration = _locked(declaration, Act.END, by=by)
    if declaration.withdrawn_on:
        raise ValidationError(_("This declaration is withdrawn."))
    if declaration.revision.stage != Revision.Stage.DECLARED:
        raise ValidationError(
            _(
                "Patients may be meeting this revision. Pause or withdraw the product, or replace the declaration by that of a new revision."
            )
        )
    lifecycle.in_words(reason=reason)
    with acting(by, reason=reason):
        declaration.withdrawn_on, declaration.withdrawn_by, declaration.withdrawn_reason = clock.today(), by, reason
        declaration.save(update_fields=["withdrawn_on", "withdrawn_by", "withdrawn_reason"])
        if declaration.published_on:
            register.append(declaration, Leaf.Kind.WITHDRAWN)
        lifecycle.move(declaration.revision, Revision.Stage.OPEN, by=by, reason=reason)
    traceability.release_anew(declaration.revision, reason=reason, by=by)
