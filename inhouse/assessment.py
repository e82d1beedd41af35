"""From a proposal to a decision: what it is, whether we may make it, and who said so."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from inhouse import classification, guide, law, lifecycle
from inhouse.design import Piece, put_fields, put_parts
from inhouse.models import Answer, Assessment, CategoryFacts, Change, Lookup, MarketSearch, OtherRoute, Step
from organisation import access, clock
from organisation.access import Act, Scope
from organisation.history import acting
from organisation.models import Institution, Unit, User
from products.models import Product, Revision
from products.patients import refuse_number

Answers = dict[str, tuple[str, str]]
"""By question: the value ("yes" or "no") and the reason."""

DOCUMENTED = (Product.Outcome.NOT_A_DEVICE, Product.Outcome.CUSTOM_MADE, Product.Outcome.INVESTIGATION)
"""Ends that another body of law takes over from: the answers must show them."""

NEED = ("patient_group", "special_need", "performance_level")
RESTS_ON = ("intended_purpose", "search", "classification")
"""What an assessment keeps of what it rests on when it is submitted."""
TRAITS = ("is_implantable", "is_sterile", "is_measuring", "is_radiating", "is_electrical")
"""Traits that are asked with the purpose; software, AI and in vitro use follow from the questions."""
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
    if assessment.is_submitted:
        raise ValidationError(_("The assessment is submitted: take it back to change an answer."))
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


class WouldRemove(ValidationError):
    """An answer that takes others off the way: said before it is done. Carries them in `removed`, as they are asked."""

    def __init__(self, removed: list[str]) -> None:
        self.removed = removed
        super().__init__(_("This answer removes others that would no longer apply."), code="removes")


@transaction.atomic
def reply(
    product: Product, tree: str, question: str, value: str, *, reason: str = "", by: User, confirmed: bool = False
) -> list[str]:
    """Answer one question of the way. Returns the questions whose answers no longer apply and were removed.

    Raises WouldRemove, unless `confirmed`, when there are any; ValidationError for a question that the answers so far
    do not lead to, a missing reason, or an answer that is guarded (CI-03).
    """
    assessment = _open(product, by=by)
    course = guide.read(assessment.product)
    asked = law.trees()[tree][question]
    if guide.position(guide.way(course, past_end=True), "assessment-question", f"{tree}.{question}") is None:
        raise ValidationError(_("The answers so far do not lead to this question."))
    if asked.choice(value) is None:
        raise ValidationError({"value": _("Choose an answer.")})
    if value in asked.reason and not reason.strip():
        raise ValidationError({"reason": _("Give the reason for your answer.")})
    _guarded(course, asked, value)
    now = {a.question: (a.value, a.reason) for a in course.given(tree)}
    removed, course = _leave(course, tree, now | {question: (value, reason)}, confirmed=confirmed, by=by)
    _follow(course, by=by)
    return removed


def _guarded(course: guide.Course, question: law.Question, value: str) -> None:
    """Refuse an answer that is open only where a fact holds, which does not (CI-03)."""
    guard = question.guard
    if guard and guard.answer == value and not course.holds(guard.only_if):
        raise ValidationError({"value": guard.text})


@transaction.atomic
def answer(product: Product, tree: str, answers: Answers, *, by: User) -> None:
    """Answer a whole tree at once. Only questions on the path are kept; what is no longer asked is removed."""
    assessment = _open(product, by=by)
    course = guide.read(assessment.product)
    for question, (value, _reason) in answers.items():
        _guarded(course, law.trees()[tree][question], value)
    _removed, course = _leave(course, tree, answers, confirmed=True, by=by)
    _follow(course, by=by)


@transaction.atomic
def choose_categories(product: Product, chosen: Iterable[str], *, by: User, confirmed: bool = False) -> list[str]:
    """Say which kinds of work it is; the others are answered no. Facts of a kind that is no longer chosen are removed."""
    assessment = _open(product, by=by)
    chosen = set(chosen)
    if not chosen:
        raise ValidationError(
            {
                "categories": _(
                    "Choose at least one. If none fits, this guideline does not cover the work: ask an adviser."
                )
            }
        )
    questions = law.trees()["scope_categories"].questions
    answers = {q.id: ("yes" if q.id in chosen else "no", "") for q in questions}
    return _leave(guide.read(assessment.product), "scope_categories", answers, confirmed=confirmed, by=by)[0]


@transaction.atomic
def note_facts(product: Product, category: str, fields: dict[str, Any], *, by: User) -> None:
    """Write what a kind of work asks to know (VGR-20…24)."""
    assessment = _open(product, by=by)
    if category not in guide.read(assessment.product).kinds:
        raise ValidationError(_("This kind of work is not chosen."))
    with acting(by):
        CategoryFacts.objects.update_or_create(assessment=assessment, category=category, defaults=fields)


@transaction.atomic
def combine(product: Product, pieces: Iterable[Piece], *, by: User) -> None:
    """Name the parts of a combination, with what each manufacturer says on it (VGR-22). They are parts of the design."""
    assessment = _open(product, by=by)
    pieces = list(pieces)
    if len(pieces) < 2:
        raise ValidationError(_("A combination has at least two parts."))
    for revision in assessment.product.revisions.filter(stage=Revision.Stage.OPEN):
        put_parts(revision, pieces, by=by)


@transaction.atomic
def note_route(product: Product, fields: dict[str, Any], *, by: User) -> None:
    """Write what another way than in-house demands: custom-made (Annex XIII), or a clinical investigation."""
    assessment = _open(product, by=by)
    refuse_number(fields.get("special_features") or "", field="special_features")
    with acting(by):
        OtherRoute.objects.update_or_create(assessment=assessment, defaults=fields)


def _leave(
    course: guide.Course, tree: str, answers: Answers, *, confirmed: bool, by: User
) -> tuple[list[str], guide.Course]:
    """Store the answers to a tree and take away what the way no longer leads to; or say first what that would be.

    Returns how what was removed is asked, and the course as it goes on.
    """
    assessment, before = course.assessment, _applying(course)
    with transaction.atomic():
        store(tree, answers, assessment=assessment, by=by)
        course = guide.read(course.product)
        after = _applying(course)
        gone = {what: said for what, said in before.items() if what not in after}
        if gone and not confirmed:
            raise WouldRemove(list(gone.values()))
        with acting(by):
            for tree_gone, question in gone:
                if tree_gone == FACTS:
                    CategoryFacts.objects.filter(assessment=assessment, category=question).delete()
                elif tree_gone == ROUTE:
                    OtherRoute.objects.filter(assessment=assessment).delete()
                elif tree_gone == STATEMENT:
                    Assessment.objects.filter(pk=assessment.pk).update(non_medical_statement="")
                else:
                    Answer.objects.filter(assessment=assessment, tree=tree_gone, question=question).delete()
    return list(gone.values()), course


FACTS, ROUTE, STATEMENT = "facts", "route", "statement"


def _applying(course: guide.Course) -> dict[tuple[str, str], str]:
    """Everything answered that the way leads to, also past its end, with how it is asked."""
    found: dict[tuple[str, str], str] = {}
    given = {(a.tree, a.question) for a in course.answers if a.assessment_id == course.assessment.pk}
    for stop in guide.way(course, past_end=True):
        if stop.name == "assessment-question":
            tree, question = stop.key.split(".")
            if (tree, question) in given:
                found[tree, question] = course.asked(tree)[question].text
        elif stop.name == "assessment-facts" and stop.key in course.noted:
            found[FACTS, stop.key] = law.trees()["scope_categories"][stop.key].text
        elif stop.name == "assessment-other-route" and course.other_route:
            found[ROUTE, ""] = str(OtherRoute._meta.verbose_name)
        elif stop.name == "assessment-statement" and stop.done:
            found[STATEMENT, ""] = str(Assessment._meta.get_field("non_medical_statement").verbose_name)
    return found


def _follow(course: guide.Course, *, by: User) -> None:
    """What the answers say of the design: the regulation, software, and in vitro diagnostics."""
    traits: dict[str, Any] = {"is_software": course.is_software}
    if course.qualification.regulation:
        traits["is_in_vitro"] = course.qualification.regulation == Revision.Regulation.IVDR
    for revision in course.product.revisions.filter(stage=Revision.Stage.OPEN):
        if any(getattr(revision, name) != value for name, value in traits.items()):
            put_fields(revision, traits, by=by)
        if course.qualification.outcomes.get(guide.QUALIFICATION) != "covered_with_device":
            classification.drive_nothing(revision, by=by)


def store(
    tree: str, answers: Answers, *, by: User, assessment: Assessment | None = None, change: Change | None = None
) -> None:
    """Write answers under the tree's present version; an answer that did not change keeps its person and day."""
    asked = law.trees()[tree]
    if asked.start:
        path, _outcome = asked.walk({question: value for question, (value, _reason) in answers.items()})
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


@transaction.atomic
def write(product: Product, fields: dict[str, Any], *, by: User, design: dict[str, Any] | None = None) -> None:
    """Fill in texts of the assessment: the need, the non-medical statement, or the weighing with its day and person.

    `design` is what is asked with the need and kept with the design: the intended purpose and the traits.
    """
    assessment = _open(product, by=by)
    today = clock.today()
    for name, text in (
        ("advised_on", _("The advice cannot lie in the future.")),
        ("need_on", _("The need cannot be described in the future.")),
    ):
        if (fields.get(name) or today) > today:
            raise ValidationError({name: text})
    described = fields.get("need_on")
    if described and Lookup.objects.filter(search__assessment=assessment, looked_on__lt=described).exists():
        raise ValidationError(
            {"need_on": _("The market was already searched before that day: the need is described first.")}
        )
    for name, value in fields.items():
        setattr(assessment, name, value)
    if fields.keys() & set(WEIGHING):
        assessment.weighed_on, assessment.weighed_by = today, by
    if fields.keys() & set(NEED) and assessment.need_on is None and all(getattr(assessment, name) for name in NEED):
        assessment.need_on = today
    with acting(by):
        assessment.save()
    for revision in assessment.product.revisions.filter(stage=Revision.Stage.OPEN) if design else ():
        put_fields(revision, design or {}, by=by)


@transaction.atomic
def submit(product: Product, *, by: User) -> None:
    """Hand the assessment over to whoever decides, once nothing on the way is left."""
    assessment = _open(product, by=by)
    course = guide.read(assessment.product)
    if unfinished := guide.unfinished(course):
        raise ValidationError(
            _("These parts of the way are not finished: %(parts)s.")
            % {"parts": ", ".join(str(guide.part(name).title) for name in unfinished)}
        )
    assessment.submitted_on, assessment.submitted_by = clock.today(), by
    assessment.intended_purpose = course.revision.intended_purpose
    assessment.search = MarketSearch.objects.filter(assessment=assessment, concluded_on__isnull=False).last()
    assessment.classification = course.classification
    with acting(by):
        assessment.save(update_fields=["submitted_on", "submitted_by", *RESTS_ON])


@transaction.atomic
def take_back(product: Product, *, reason: str, by: User) -> None:
    """Open a submitted assessment again, to change an answer before anyone decides."""
    product = lifecycle.lock(product)
    access.require(by, Act.ASSESS, product.scope)
    lifecycle.in_words(reason=reason)
    assessment = product.assessments.latest("number")
    if assessment.is_decided or not assessment.is_submitted:
        raise ValidationError(_("Only an assessment that waits for a decision is taken back."))
    assessment.submitted_on = assessment.submitted_by = assessment.search = assessment.classification = None
    assessment.intended_purpose = ""
    with acting(by, reason=reason):
        assessment.save(update_fields=["submitted_on", "submitted_by", *RESTS_ON])


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
    if not make and end in DOCUMENTED:
        outcome = guide.read(product_now).end()
        if not outcome or law.outcomes()[outcome].ends != end or not assessment.is_submitted:
            raise ValidationError(
                {"end": _("The answers do not lead there: go through the assessment to that end, and submit it.")}
            )
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
    """Propose a rejected product again: a new assessment that starts from what the last one says."""
    locked = lifecycle.lock(product)
    access.require(by, Act.PROPOSE, locked.scope)
    lifecycle.in_words(reason=reason)
    last = locked.assessments.latest("number")
    lifecycle.move(product, Product.Stage.PROPOSED, by=by, reason=reason)
    with acting(by, reason=reason):
        new = Assessment.objects.create(
            product=product,
            number=last.number + 1,
            started_on=clock.today(),
            started_by=by,
            **{name: getattr(last, name) for name in (*NEED, "need_on", "non_medical_statement")},
        )
        rows: list[Any] = [*last.answers.all(), *last.category_facts.all(), *OtherRoute.objects.filter(assessment=last)]
        for row in rows:
            row.pk, row._state.adding, row.assessment = None, True, new
            row.save()
