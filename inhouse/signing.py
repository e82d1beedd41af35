"""Signing a declaration: frozen, read, and sealed by each of those who sign, who prove who they are for these very bytes.

What is frozen is the finished PDF. Each signature is the institution's seal in the name of who signs, set on the bytes
that this person proved their identity for; the last one makes the declaration. All of a signature is one transaction:
it is there with its seal, or it is not there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import translation
from django.utils.timezone import localdate
from django.utils.translation import gettext as _

from documents import sealing, timestamping
from documents.models import SignedFile
from inhouse import declarations, lifecycle
from inhouse.dossier import Dossier, current
from inhouse.models import Declaration, Frozen, Signature, Translation
from inhouse.obstacles import Refused
from inhouse.snapshots import Snapshot, free_texts, snapshot
from organisation import access, clock, proofs
from organisation.access import Act
from organisation.history import acting
from organisation.models import Assignment, Role, User
from products.models import Product, Revision

Texts = Mapping[str, Mapping[str, str]]
"""Free texts in other languages: language → path → text."""


@dataclass(frozen=True)
class Wording:
    """What the owner chooses about the paper itself, beside what the register knows."""

    language: str
    place: str
    co_signers: tuple[tuple[str, User], ...] = ()
    translations: Texts | None = None


# --- who signs beside the owner


def wanted(d: Dossier) -> list[Role]:
    """The roles whose holders sign beside the owner, as the institution has chosen."""
    return [Role(role) for role in d.institution.co_signers if role in Role.values]


def who_may(role: Role, product: Product, owner: User | None) -> QuerySet[User]:
    """Those who can sign in that role: they hold it there today, and are not the owner."""
    held = Assignment.objects.on(clock.today()).filter(
        Q(administration=None) | Q(administration=product.unit.administration_id), role=role
    )
    able = User.objects.filter(pk__in=held.values("user"), is_active=True)
    return able.exclude(pk=owner.pk) if owner else able


def _complete(d: Dossier, wording: Wording) -> None:
    """Raise unless each wanted role has its own person, and each translation all of its texts."""
    owner = d.ownership.person if d.ownership else None
    given = dict(wording.co_signers)
    for role in wanted(d):
        person = given.get(role)
        if person is None or not who_may(role, d.product, owner).filter(pk=person.pk).exists():
            raise ValidationError(_("Choose who signs as %(role)s.") % {"role": role.label}, code="co_signer")
    if len({person.pk for person in given.values()}) < len(given):
        raise ValidationError(_("Nobody signs in two parts."), code="co_signer")


def content(d: Dossier, revision: Revision, wording: Wording) -> Snapshot:
    """What would be declared, in that wording: the same words whatever language whoever looks reads."""
    with translation.override(wording.language):
        beside = [(str(Role(role).label), person) for role, person in wording.co_signers]
    return snapshot(
        d,
        revision,
        place=wording.place,
        language=wording.language,
        cosigners=beside,
        translations=wording.translations,
    )


def untranslated(content: Snapshot, translations: Texts) -> dict[str, list[str]]:
    """The paths that lack a text, by language, where others are translated: a translation is whole or not offered."""
    paths = free_texts(content)
    return {
        language: missing
        for language, texts in translations.items()
        if (missing := [path for path in paths if not texts.get(path, "").strip()])
    }


# --- freezing


def awaiting(d: Dossier) -> Revision | None:
    """The revision that waits for a declaration."""
    return d.coming if d.coming and d.coming.stage == Revision.Stage.OPEN else None


@transaction.atomic
def freeze(revision: Revision, wording: Wording, *, by: User) -> Frozen:
    """Make the exact PDF that will be read and signed. One that was frozen before and is not signed by all is given up.

    Raises Refused with what stands in the way, ValidationError for a wording that is not complete.
    """
    product = lifecycle.lock(revision.product)
    access.require(by, Act.SIGN, product.scope)
    lifecycle.in_words(place=wording.place)
    d, revision = _ready(product, revision)
    _complete(d, wording)
    told = content(d, revision, wording)
    if missing := untranslated(told, wording.translations or {}):
        raise ValidationError(
            _("Translate every text, or none: %(languages)s.") % {"languages": ", ".join(missing)}, code="translations"
        )
    paper = declarations.render(told)
    with acting(by):
        for earlier in Frozen.objects.open().filter(revision=revision):
            _end(earlier, Frozen.End.DROPPED, at=clock.now())
        frozen = Frozen.objects.create(
            revision=revision,
            number=told["number"],
            language=wording.language,
            place=wording.place,
            snapshot=told,
            content=paper,
            sha256=hashlib.sha256(paper).hexdigest(),
            frozen_at=clock.now(),
            frozen_by=by,
        )
        for part, person in ((Signature.OWNER, by), *wording.co_signers):
            Signature.objects.create(frozen=frozen, part=part, person=person)
    return frozen


def _ready(product: Product, revision: Revision) -> tuple[Dossier, Revision]:
    """The dossier and the revision in it, if it can be signed today."""
    d = current(product)
    revision = next(r for r in d.revisions if r.pk == revision.pk)
    if d.declaration(revision) is not None:
        raise ValidationError(_("This revision already has a signed declaration."))
    if found := [o for o in lifecycle.obstacles(d, revision, Revision.Stage.DECLARED) if o.stops]:
        raise Refused(found)
    return d, revision


def _end(frozen: Frozen, how: Frozen.End, *, at: datetime) -> None:
    frozen.ended_at, frozen.end = at, how
    frozen.save(update_fields=["ended_at", "end"])


@transaction.atomic
def drop(frozen: Frozen, *, by: User) -> None:
    """Give up what was frozen: nothing of it was declared. Signatures that were set stay in the record."""
    product, frozen = _locked(frozen)
    access.require(by, Act.SIGN, product.scope)
    with acting(by):
        _end(frozen, Frozen.End.DROPPED, at=clock.now())


def _locked(frozen: Frozen) -> tuple[Product, Frozen]:
    product = lifecycle.lock(frozen.revision.product)
    frozen = Frozen.objects.select_related("revision").get(pk=frozen.pk)
    frozen.revision.product = product
    if frozen.ended_at:
        raise ValidationError(_("This was signed or given up in the meantime."), code="ended")
    return product, frozen


def wording_of(frozen: Frozen) -> Wording:
    """The wording that was chosen when it was frozen."""
    beside = [s for s in frozen.signatures.select_related("person__unit") if s.part != Signature.OWNER]
    return Wording(
        language=frozen.language,
        place=frozen.place,
        co_signers=tuple((signature.part, signature.person) for signature in beside),
        translations=frozen.snapshot.get("translations") or None,
    )


def is_current(d: Dossier, frozen: Frozen) -> bool:
    """Whether the register would still declare what was frozen; the day it was prepared on may be an earlier one."""
    revision = awaiting(d)
    if revision is None or revision.pk != frozen.revision_id:
        return False
    now = content(d, revision, wording_of(frozen))
    return bool(now | {"prepared_on": ""} == frozen.snapshot | {"prepared_on": ""})


# --- signing


def part_of(frozen: Frozen, person: User) -> Signature | None:
    """The place where this person signs, signed already or not."""
    return frozen.signatures.filter(person=person).first()


@transaction.atomic
def sign(frozen: Frozen, *, by: User) -> Declaration | None:
    """Seal what is frozen in this person's name; with the last signature it is declared, and that declaration returned.

    Whoever signs has proved their identity for these bytes within the last minutes; the proof is used up. Raises
    PermissionDenied for anyone who is not to sign, Refused with what stands in the way, and ValidationError: signed
    already, changed since it was frozen, no proof, or no seal.
    """
    product, frozen = _locked(frozen)
    place = part_of(frozen, by)
    if place is None or (place.part == Signature.OWNER and not access.may(by, Act.SIGN, product.scope)):
        raise PermissionDenied(_("Only those named in the declaration sign it."))
    if place.signed_at:
        raise ValidationError(_("You have signed already."), code="signed")
    d, revision = _ready(product, frozen.revision)
    if not is_current(d, frozen):
        raise ValidationError(
            _("What is declared changed after it was frozen. It is prepared and read anew before anyone signs."),
            code="changed",
        )
    if place.part != Signature.OWNER and not who_may(Role(place.part), product, None).filter(pk=by.pk).exists():
        raise PermissionDenied(_("You no longer hold the role in which you were to sign."))
    at = clock.now()  # one moment for all that this signature is: the seal, the row, and what is declared
    proof = proofs.take(by, frozen.sha256)
    sealed = _sealed(bytes(frozen.content), frozen, at=at, signer=by.name, title=by.title)
    with acting(by):
        place.proof, place.signed_at = proof, at
        place.save(update_fields=["proof", "signed_at"])
        frozen.content, frozen.sha256 = sealed, hashlib.sha256(sealed).hexdigest()
        frozen.save(update_fields=["content", "sha256"])
        if frozen.signatures.filter(signed_at=None).exists():
            return None
        return _declared(d, revision, frozen, at=at)


def _sealed(paper: bytes, frozen: Frozen, *, at: datetime, signer: str = "", title: str = "") -> bytes:
    """With the institution's seal, in the name of whoever proved who they are for these bytes, or in nobody's."""
    with translation.override(frozen.language):
        reason = _("Declaration %(number)s") % {"number": frozen.number}
    try:
        return sealing.seal(
            paper,
            signer=signer,
            title=title,
            reason=reason,
            place=frozen.place,
            at=at,
        )
    except sealing.Unsealable as trouble:
        raise ValidationError(
            _("It could not be sealed, so nothing is signed: %(trouble)s") % {"trouble": trouble}, code="seal"
        ) from trouble


def _declared(d: Dossier, revision: Revision, frozen: Frozen, *, at: datetime) -> Declaration:
    """The declaration, with its sealed bytes and those of its translations, and the revision's step."""
    owner = frozen.signatures.select_related("person").get(part=Signature.OWNER).person
    told = frozen.snapshot
    _end(frozen, Frozen.End.SIGNED, at=at)
    try:
        declaration = Declaration.objects.create(
            revision=revision,
            number=frozen.number,
            version=told["version"],
            replaces=d.declarations[-1] if d.declarations else None,
            language=frozen.language,
            snapshot=told,
            file=_stored(f"{frozen.number}.pdf", bytes(frozen.content), at=at),
            frozen=frozen,
            place=frozen.place,
            signed_at=at,
            signed_on=localdate(at),
            signed_by=owner,
        )
    except IntegrityError as clash:
        raise ValidationError(_("This revision already has a signed declaration.")) from clash
    if settings.TSA_URL:
        timestamping.ask(declaration.file)
    for language in told.get("translations") or {}:
        # in nobody's name: nobody proved who they are for these bytes
        paper = _sealed(declarations.render(told, language=language), frozen, at=at)
        file = _stored(f"{frozen.number}-{language}.pdf", paper, at=at)
        Translation.objects.create(declaration=declaration, language=language, file=file)
    lifecycle.move(revision, Revision.Stage.DECLARED, by=owner)
    return declaration


def _stored(name: str, content: bytes, *, at: datetime) -> SignedFile:
    return SignedFile.objects.create(
        name=name,
        media_type="application/pdf",
        content=content,
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
        stored_at=at,
    )


def unsigned(frozen: Frozen) -> Sequence[Signature]:
    """Who has not signed yet."""
    return list(frozen.signatures.filter(signed_at=None).select_related("person"))


def suggested(d: Dossier, content: Snapshot) -> dict[str, dict[str, str]]:
    """Translations that still fit: of the last time this product was frozen, where the original text is the same."""
    last: Any = Frozen.objects.filter(revision__product=d.product).order_by("pk").last()
    if last is None:
        return {}
    then, now = free_texts(last.snapshot), free_texts(content)
    return {
        language: {path: text for path, text in texts.items() if path in now and then.get(path) == now[path]}
        for language, texts in (last.snapshot.get("translations") or {}).items()
        if last.snapshot["language"] == content["language"]
    }
