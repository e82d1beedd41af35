"""The declaration: rendered, entered in the diary, published, withdrawn. How it is signed stands in `inhouse.signing`.

It is rendered from a snapshot, never from live rows. After signing the database takes only dated additions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count
from django.utils import translation
from django.utils.translation import gettext as _

from documents import rendering
from inhouse import lifecycle, register
from inhouse.dossier import Dossier
from inhouse.models import Declaration, Leaf
from inhouse.snapshots import Snapshot, canonical, in_language, manifest, snapshot
from organisation import access, clock
from organisation.access import Act
from organisation.history import acting
from organisation.models import Institution, User
from products import traceability
from products.models import Revision

__all__ = ["TEMPLATE", "Snapshot", "enter", "phased_out", "publish", "render", "snapshot", "withdraw"]
TEMPLATE = "inhouse/declarations/declaration.html"


def render(content: Snapshot, *, draft: bool = False, language: str = "") -> bytes:
    """The PDF of a snapshot, always the same bytes; a draft says on every page that it is not signed.

    In another `language` than the snapshot's own it is a translation, and says in which language the signed text is.
    """
    told = in_language(content, language or content["language"])
    translated = "" if told is content else content["number"]
    with translation.override(told["language"]):
        title = _("Declaration %(number)s: %(name)s") % {
            "number": content["number"],
            "name": content["device"]["name"],
        }
        attached = [
            rendering.Attachment(
                "snapshot.json", "application/json", canonical(content), "Data",
                _("The content of the declaration as data"),
            ),
            rendering.Attachment(
                "evidence.json", "application/json", canonical(manifest(content)), "Supplement",
                _("The evidence it rests on, as SHA-256 hashes"),
            ),
        ]  # fmt: skip
    return rendering.pdf(
        TEMPLATE,
        {"snapshot": told, "draft": draft, "translation_of": translated, "original": content["language"]},
        language=told["language"],
        title=title,
        author=content["institution"]["name"],
        subject=content["device"]["product_number"],
        created=datetime.combine(date.fromisoformat(content["prepared_on"]), time(), UTC),
        attachments=attached,
    )


@dataclass(frozen=True)
class PhasedOut:
    """A declaration that still holds for so many items of its revision, and the newer one that then replaces it."""

    declaration: Declaration
    revision: Revision
    newer: Declaration
    left: int


def phased_out(d: Dossier) -> list[PhasedOut]:
    """Those that stand beside the one in force. Nobody replaces them: `lifecycle.settle` does, with their last item."""
    newer = d.declaration(d.in_force) if d.in_force else None
    living = d.product.items.living().order_by()
    left = dict(living.values_list("revision").annotate(Count("pk")))  # items can be very many: only counted
    ending = [revision for revision in d.revisions if revision.stage == Revision.Stage.PHASING_OUT]
    standing = [(d.declaration(revision), revision) for revision in ending]
    return [PhasedOut(old, revision, newer, left.get(revision.pk, 0)) for old, revision in standing if old and newer]


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
    form = Institution.objects.get().diary_format
    if form and not re.fullmatch(_mask(form), diary_number.strip()):
        raise ValidationError(
            {
                "diary_number": _("A diary number looks like this here: %(form)s. # is a digit, * anything.")
                % {"form": form}
            }
        )
    with acting(by):
        declaration.diary_number, declaration.diary_name = diary_number.strip(), diary_name
        declaration.diary_on, declaration.diary_by = clock.today(), by
        declaration.save(update_fields=["diary_number", "diary_name", "diary_on", "diary_by"])


def _mask(form: str) -> str:
    """The institution's form of a diary number as a pattern: # one digit, * anything but nothing."""
    return re.escape(form).replace(r"\#", "[0-9]").replace(r"\*", ".+")


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
    declaration = _locked(declaration, Act.RECALL, by=by)
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
