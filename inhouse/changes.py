"""Changes: five questions, and a new revision when the answer to any of them is yes."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from inhouse import classification, conformity, law, lifecycle, software
from inhouse.assessment import Answers, store
from inhouse.models import Change, EvidenceDocument, Readiness
from organisation import access, clock
from organisation.access import Act
from organisation.history import acting
from organisation.models import User
from products.models import Part, Product, Revision

TREE = "change_triggers"


@transaction.atomic
def ask(product: Product, *, description: str, answers: Answers, by: User) -> Change:
    """Assess a wanted change of a product in use. Any yes makes it essential and opens the next revision."""
    product = lifecycle.lock(product)
    access.require(by, Act.KEEP, product.scope)
    if product.stage not in (Product.Stage.IN_USE, Product.Stage.SUSPENDED):
        raise ValidationError(_("Until the product is in use, change the open revision itself."))
    lifecycle.in_words(description=description)
    questions = law.trees()[TREE].questions
    if missing := [q.text for q in questions if q.id not in answers]:
        raise ValidationError(_("Answer every question: %(questions)s") % {"questions": " ".join(missing)})
    if bare := [q.text for q in questions if not answers[q.id][1].strip()]:
        raise ValidationError(_("Give the reason for each answer: %(questions)s") % {"questions": " ".join(bare)})
    essential = any(value == "yes" for value, _reason in answers.values())
    with acting(by, reason=description):
        revision = _open_next(product, by=by) if essential else None
        change = Change.objects.create(
            product=product,
            description=description,
            asked_on=clock.today(),
            asked_by=by,
            is_essential=essential,
            revision=revision,
        )
        store(TREE, answers, change=change, by=by)
    return change


def _open_next(product: Product, *, by: User) -> Revision:
    """A new revision that carries everything over; what must hold anew is left to be confirmed."""
    if product.revisions.filter(stage__in=Revision.Stage.coming).exists():
        raise ValidationError(_("Another revision of this product is already open. Finish or abandon it first."))
    last = product.revisions.get(stage=Revision.Stage.IN_FORCE)
    number = product.revisions.latest("number").number + 1
    revision = Revision.objects.get(pk=last.pk)
    revision.pk, revision._state.adding = None, True
    revision.number, revision.stage = number, Revision.Stage.OPEN
    revision.opened_on = revision.designed_on = clock.today()
    revision.save()
    for part in last.parts.all():
        Part.objects.create(
            revision=revision,
            name=part.name,
            maker=part.maker,
            model=part.model,
            edition=part.edition,
            is_ce_marked=part.is_ce_marked,
            statement=part.statement,
        )
    entries: dict[int, EvidenceDocument] = {}
    for entry in last.evidence_documents.select_related("document"):
        entries[entry.pk] = EvidenceDocument.objects.create(
            revision=revision,
            group=entry.group,
            document=entry.document.latest,
            added_on=clock.today(),
            confirmed_on=None,
        )
    conformity.carry_over(last, revision, entries)
    classification.carry_over(last, revision, by=by)
    ready = Readiness.objects.filter(revision=last).first()
    if ready:
        ready.pk, ready._state.adding = None, True
        ready.revision, ready.confirmed_on = revision, None
        ready.save()
    software.carry_over(last, revision)
    return revision


@transaction.atomic
def abandon(revision: Revision, *, reason: str, by: User) -> None:
    """Give up an open revision; the one in force goes on."""
    access.require(by, Act.END, lifecycle.lock(revision.product).scope)
    lifecycle.in_words(reason=reason)
    lifecycle.move(revision, Revision.Stage.ABANDONED, by=by, reason=reason)
