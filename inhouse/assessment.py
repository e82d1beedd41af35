"""From a proposal to a decision: what it is, whether we may make it, and who said so."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from inhouse import law, lifecycle
from inhouse.models import Answer, Assessment, Change, Step
from organisation import access, clock
from organisation.access import Act, Scope
from organisation.history import acting
from organisation.models import Institution, Unit, User
from products.models import Product, Revision

Answers = dict[str, tuple[str, str]]
"""By question: the value ("yes" or "no") and the reason."""

NEED = ("patient_group", "special_need", "performance_level")
WEIGHING = (
    "benefit",
    "risk",
    "cost",
    "weighing",
    "support_needed",
    "support_reason",
    "adviser",
    "advised_on",
    "advice",
)


@transaction.atomic
def propose(*, name: str, summary: str, unit: Unit, by: User) -> Product:
    """Enter an idea: a product with the next number of the year, its first revision and an assessment to fill in."""
    access.require(by, Act.PROPOSE, Scope(unit.administration_id))
    today = clock.today()
    with acting(by):
        product = Product(
            name=name, summary=summary, unit=unit, proposed_by=by, proposed_on=today, number=_next_number(today.year)
        )
        product.save()
        Revision.objects.create(product=product, number=1, opened_on=today)
        Step.objects.create(product=product, to_stage=Product.Stage.PROPOSED, on=today, by=by)
        Assessment.objects.create(product=product, number=1, started_on=today, started_by=by)
    return product


def _next_number(year: int) -> str:
    """IH-2026-0042: the year and a running number that is never used again."""
    # The institution's one row is the queue for numbers: two proposals at once wait for each other.
    Institution.objects.select_for_update().get()
    last = Product.objects.filter(number__startswith=f"IH-{year}-").aggregate(Max("number"))["number__max"]
    return f"IH-{year}-{int(last.rsplit('-', 1)[1]) + 1 if last else 1:04d}"


def _open(product: Product, *, by: User) -> Assessment:
    """The assessment that can still be changed, with the product locked."""
    product = lifecycle.lock(product)
    access.require(by, Act.ASSESS, product.scope)
    assessment = product.assessments.latest("number")
    if product.stage != Product.Stage.PROPOSED or assessment.is_decided:
        raise ValidationError(_("The assessment is decided and can no longer be changed."))
    assessment.product = product
    return assessment


@transaction.atomic
def describe(product: Product, *, name: str, summary: str, unit: Unit, by: User) -> None:
    """Word a proposal anew, or move it to the unit that would make it, as long as nobody has decided.

    Another administration has quality systems of its own: the one that was named is named no more.
    """
    product = _open(product, by=by).product
    if unit.administration_id != product.unit.administration_id:
        product.quality_system = None
    product.name, product.summary, product.unit = name, summary, unit
    with acting(by):
        product.save(update_fields=["name", "summary", "unit", "quality_system"])


@transaction.atomic
def answer(product: Product, tree: str, answers: Answers, *, by: User) -> None:
    """Store the answers to a tree. Only questions on the path are kept; what an earlier answer no longer asks is removed."""
    assessment = _open(product, by=by)
    outcome = store(tree, answers, assessment=assessment, by=by)
    if tree == "md_or_ivd":
        regulation = Revision.Regulation.IVDR if outcome == "ivdr" else Revision.Regulation.MDR
        with acting(by):
            product.revisions.filter(stage=Revision.Stage.OPEN).update(regulation=regulation)


def store(
    tree: str, answers: Answers, *, by: User, assessment: Assessment | None = None, change: Change | None = None
) -> str:
    """Write answers under the tree's present version; an answer that did not change keeps its person and day.

    Returns where they lead; of a plain set, or while one on the path is missing, nothing.
    """
    asked, outcome = law.trees()[tree], ""
    if asked.start:
        path, outcome = asked.walk({question: value for question, (value, _reason) in answers.items()})
        answers = {question: answers[question] for question in path if question in answers}
    rows = Answer.objects.filter(assessment=assessment, change=change, tree=tree)
    with acting(by):
        rows.exclude(question__in=answers).delete()
        before = {row.question: row for row in rows}
        for question, (value, reason) in answers.items():
            row = before.get(question)
            if row and (row.value, row.reason, row.tree_version) == (value, reason, asked.version):
                continue
            row = row or Answer(assessment=assessment, change=change, tree=tree, question=question)
            row.tree_version, row.value, row.reason = asked.version, value, reason
            row.answered_on, row.answered_by = clock.today(), by
            row.save()
    return outcome


@transaction.atomic
def write(product: Product, fields: dict[str, Any], *, by: User) -> None:
    """Fill in texts of the assessment: the need, the non-medical statement, or the weighing with its day and person."""
    assessment = _open(product, by=by)
    if (fields.get("advised_on") or clock.today()) > clock.today():
        raise ValidationError({"advised_on": _("The advice cannot lie in the future.")})
    for name, value in fields.items():
        setattr(assessment, name, value)
    if fields.keys() & set(WEIGHING):
        assessment.weighed_on, assessment.weighed_by = clock.today(), by
    with acting(by):
        assessment.save()


@transaction.atomic
def decide(product: Product, *, make: bool, reason: str, by: User, end: str = "") -> None:
    """A manager decides: it may be made (G1 and G2), or it is not made, with how it ends (`end`, an Outcome)."""
    product_now = lifecycle.lock(product)
    access.require(by, Act.DECIDE, product_now.scope)
    assessment = product_now.assessments.latest("number")
    if product_now.stage != Product.Stage.PROPOSED:
        raise ValidationError(_("This proposal is already decided."))
    lifecycle.in_words(reason=reason)
    if not make and not end:
        raise ValidationError({"end": _("Say how the proposal ends.")})
    if not make and end == Product.Outcome.NOT_A_DEVICE and not assessment.non_medical_statement:
        raise ValidationError(_("Describe in your own words the intended use that is not medical."))
    assessment.decision = Assessment.Decision.MANUFACTURE if make else Assessment.Decision.REJECT
    assessment.decision_reason, assessment.decided_on, assessment.decided_by = reason, clock.today(), by
    with acting(by, reason=reason):
        assessment.save()
    if make:
        lifecycle.move(product, Product.Stage.ELIGIBLE, by=by, reason=reason)
        _carry_over(product, assessment, by=by)
    else:
        lifecycle.move(product, Product.Stage.REJECTED, by=by, reason=reason, outcome=end)


def _carry_over(product: Product, assessment: Assessment, *, by: User) -> None:
    """The first revision begins with the patient group that was assessed; nobody writes it twice."""
    with acting(by):
        for revision in product.revisions.filter(stage=Revision.Stage.OPEN, patient_group=""):
            revision.patient_group = assessment.patient_group
            revision.save(update_fields=["patient_group"])


@transaction.atomic
def again(product: Product, *, reason: str, by: User) -> None:
    """Propose a rejected product again: a new assessment that starts from the texts of the last."""
    locked = lifecycle.lock(product)
    access.require(by, Act.PROPOSE, locked.scope)
    lifecycle.in_words(reason=reason)
    last = locked.assessments.latest("number")
    lifecycle.move(product, Product.Stage.PROPOSED, by=by, reason=reason)
    with acting(by, reason=reason):
        Assessment.objects.create(
            product=product,
            number=last.number + 1,
            started_on=clock.today(),
            started_by=by,
            **{name: getattr(last, name) for name in (*NEED, "non_medical_statement")},
        )
