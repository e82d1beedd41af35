"""The risk class of a revision by the rules of Annex VIII: every rule is considered, and the highest class holds.

A walk (`Classification`) is made at the first answer, under the newest edition of the rules, and is finished with a
reason. What it rests on may change: it is then re-opened, and a new walk begins from the answers of the old one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from inhouse import lifecycle
from inhouse.law.rules import Branch, Edition, Rule, edition
from inhouse.models import Answer, Classification
from organisation import access, clock
from organisation.access import Act
from organisation.history import acting
from organisation.models import User
from products.models import Product, Revision

RESTS_ON = ("intended_purpose", "regulation", *Revision.TRAITS)
"""The fields of a revision that a class rests on."""
FOLLOWS_DEVICE = {"MDR": "3.3", "IVDR": "1.4"}
"""The implementing rule by which software takes the class of the device it drives."""
FOR_THE_REST = {"MDR": ("1", "13"), "IVDR": ("6",)}
"""The rules for what no other rule covers."""
QUALIFICATION = ("software_is_device", "sw2")
"""The question of the assessment that asks about driving a device."""


# --- computing: the same answers give the same class, whoever asks


@dataclass(frozen=True)
class Fit:
    """A rule that applies: the class it gives (none where it refers to the others), and the branches behind it."""

    rule: Rule
    risk_class: str
    counted: tuple[Branch, ...]
    cancelled: tuple[Branch, ...]


@dataclass(frozen=True)
class Result:
    """What the rules give: the class, the rule that decides, and every rule that applies."""

    risk_class: str
    deciding_rule: str
    fits: tuple[Fit, ...]


def result(rules: Edition, applies: Collection[str], branches: Collection[str]) -> Result:
    """The class by the rules that apply and the branches that fit.

    Of several rules that give the highest class the last one decides, which is the most special; one for all the rest
    never decides before another.
    """
    fits = tuple(_fit(rules, rule, branches) for rule in rules.rules if rule.id in applies)
    rest = FOR_THE_REST[rules.regulation]
    giving = [
        (_height(rules, fit.risk_class), fit.rule.id not in rest, n) for n, fit in enumerate(fits) if fit.risk_class
    ]
    if not giving:
        return Result("", "", fits)
    deciding = fits[max(giving)[-1]]
    return Result(deciding.risk_class, deciding.rule.id, fits)


def _fit(rules: Edition, rule: Rule, branches: Collection[str]) -> Fit:
    fitting = [branch for branch in rule.branches if branch.ground or branch.id in branches]
    gone = {name for branch in fitting for name in (branch.exception_to, *branch.replaces)}
    counted = tuple(branch for branch in fitting if branch.id not in gone)
    classes = [branch.risk_class for branch in counted if branch.risk_class]
    highest = max(classes, key=lambda each: _height(rules, each), default="")
    return Fit(rule, highest, counted, tuple(branch for branch in fitting if branch.id in gone))


def _height(rules: Edition, risk_class: str) -> int:
    return rules.classes.index(risk_class)


def with_driven(found: Result, rules: Edition, driven_class: str) -> Result:
    """The same for software that drives a device: the class of that device is the least it can have."""
    if driven_class not in rules.classes:
        return found
    if found.risk_class and _height(rules, found.risk_class) >= _height(rules, driven_class):
        return found
    return replace(found, risk_class=driven_class, deciding_rule=FOLLOWS_DEVICE[rules.regulation])


def ticks(rules: Edition, answers: Iterable[Answer]) -> tuple[set[str], set[str]]:
    """The rules that were said to apply and the branches that were said to fit."""
    yes = {answer.question for answer in answers if answer.is_yes}
    return (
        {rule.id for rule in rules.rules if rule.key in yes},
        {branch.id for rule in rules.rules for branch in rule.asked if branch.id in yes},
    )


def outcome(walk: Classification, answers: Iterable[Answer]) -> Result:
    """What a walk gives by its answers, under its own edition."""
    rules = edition(walk.regulation, walk.edition)
    return with_driven(result(rules, *ticks(rules, answers)), rules, walk.driven_class if walk.drives else "")


def missing(
    revision: Revision, walk: Classification | None, answers: Collection[Answer], *, may_drive: bool
) -> list[str]:
    """What stands between a walk and a class, as sentences; the reason left out."""
    return list(_missing(revision, walk, answers, may_drive))


def _missing(
    revision: Revision, walk: Classification | None, answers: Collection[Answer], may_drive: bool
) -> Iterator[str]:
    rules = edition(revision.regulation, walk.edition if walk else None)
    given = {answer.question for answer in answers}
    applies, _branches = ticks(rules, answers)
    if not revision.intended_purpose.strip():
        yield _("Write the intended purpose first: the class rests on it.")
    if may_drive and (walk is None or walk.drives is None):
        yield _("Say whether the software drives a device or influences its use.")
    if left := [rule.id for rule in rules.rules if rule.key not in given]:
        yield _("Say of these rules whether they apply: %(rules)s.") % {"rules": ", ".join(left)}
    open_rules = [r.id for r in rules.rules if r.id in applies and any(branch.id not in given for branch in r.asked)]
    if open_rules:
        yield _("Go through the cases of these rules: %(rules)s.") % {"rules": ", ".join(open_rules)}
    if walk and not left and not open_rules and not (walk.override_class or outcome(walk, answers).risk_class):
        yield _("By these answers no rule gives a class. At least one rule gives one: look through the groups again.")


# --- answering


@transaction.atomic
def answer_rules(
    revision: Revision,
    scope: str,
    applies: Mapping[str, bool],
    *,
    reasons: Mapping[str, str] | None = None,
    by: User,
) -> list[Rule]:
    """Say of the rules of a group whether they apply; yes and no are both kept.

    Returns the rules that no longer apply and whose cases were therefore removed.
    """
    revision = _opened(revision, by=by)
    walk = _standing(revision, by=by)
    rules = edition(revision.regulation, walk.edition if walk else None)
    group = {rule.id: rule for rule in rules.rules if rule.scope == scope}
    if not applies.keys() <= group.keys():
        raise ValidationError(_("The group has no such rule."))
    wanted = {group[rule].key: (yes, (reasons or {}).get(rule)) for rule, yes in applies.items()}
    gone = [group[rule] for rule, yes in applies.items() if not yes]
    removed = _write(revision, walk, rules, wanted, without=[b.id for rule in gone for b in rule.asked], by=by)
    return [rule for rule in gone if removed & {branch.id for branch in rule.asked}]


@transaction.atomic
def answer_rule(
    revision: Revision, rule: str, fits: Mapping[str, bool], *, reason: str | None = None, by: User
) -> None:
    """Say which cases of a rule that applies fit; `reason` is kept with the rule."""
    revision = _opened(revision, by=by)
    walk = _standing(revision, by=by)
    rules = edition(revision.regulation, walk.edition if walk else None)
    asked = next((each for each in rules.rules if each.id == rule), None)
    applies = walk is not None and asked is not None and walk.answers.filter(question=asked.key, value="yes").exists()
    if asked is None or not applies:
        raise ValidationError(_("Rule %(rule)s was not said to apply.") % {"rule": rule})
    if not fits.keys() <= {branch.id for branch in asked.asked}:
        raise ValidationError(_("Rule %(rule)s has no such case.") % {"rule": rule})
    wanted: dict[str, tuple[bool, str | None]] = {branch: (yes, None) for branch, yes in fits.items()}
    if reason is not None:
        wanted[asked.key] = (True, reason)
    _write(revision, walk, rules, wanted, by=by)


@transaction.atomic
def drive(revision: Revision, drives: bool, *, device: str = "", risk_class: str = "", by: User) -> None:
    """Say whether the software drives a device or influences its use; the class of that device is then the least.

    An accessory drives nothing by being one: it is classified in its own right.
    """
    revision = _opened(revision, by=by)
    walk = _standing(revision, by=by)
    if drives and not device.strip():
        raise ValidationError({"driven_device": _("Name the device that it drives or influences.")})
    if drives and risk_class not in Revision.RiskClass.of[revision.regulation]:
        raise ValidationError({"driven_class": _("Choose the class of that device.")})
    wanted = (drives, device.strip() if drives else "", risk_class if drives else "")
    if walk and (walk.drives, walk.driven_device, walk.driven_class) == wanted:
        return
    _changeable(walk)
    with acting(by):
        walk = walk or _begin(revision, by=by)
        walk.drives, walk.driven_device, walk.driven_class = wanted
        walk.save(update_fields=["drives", "driven_device", "driven_class"])


def drive_nothing(revision: Revision, *, by: User) -> None:
    """Forget a driven device: the answers say that the software is none that drives one. The class is then taken back."""
    walk = Classification.objects.filter(revision=revision, reopened_on=None).first()
    if walk is None or walk.drives is None:
        return
    if walk.is_finished and walk.drives:
        _reopen(revision, walk, reason=_("By the answers it no longer drives a device."), by=by)
    with acting(by):
        Classification.objects.filter(revision=revision, reopened_on=None).update(
            drives=None, driven_device="", driven_class=""
        )


# --- setting the class


@transaction.atomic
def finish(revision: Revision, *, reason: str, by: User) -> Classification:
    """Set the class that the answers give, with the reason. Refused while anything is missing, saying what."""
    revision = _opened(revision, by=by)
    lifecycle.in_words(reason=reason)
    walk = _standing(revision, by=by)
    _changeable(walk)
    answers = list(walk.answers.all()) if walk else []
    if found := missing(revision, walk, answers, may_drive=_may_drive(revision)):
        raise ValidationError(found)
    assert walk is not None
    given = outcome(walk, answers)
    walk.rules_class, walk.deciding_rule, walk.reason = given.risk_class, given.deciding_rule, reason
    walk.finished_on, walk.finished_by = clock.today(), by
    with acting(by, reason=reason):
        walk.save()
        _copy(walk, revision)
    return walk


@transaction.atomic
def override(revision: Revision, risk_class: str, *, reason: str, by: User) -> None:
    """An expert sets another class than the rules give, with the reason."""
    revision = _opened(revision, by=by, act=Act.OVERRULE)
    lifecycle.in_words(reason=reason)
    walk = _standing(revision, by=by)
    if walk is None:
        raise ValidationError(_("Go through the rules first: an expert sets another class beside what they give."))
    if risk_class not in Revision.RiskClass.of[revision.regulation]:
        raise ValidationError({"risk_class": _("Choose a class of the regulation that applies.")})
    if risk_class == outcome(walk, walk.answers.all()).risk_class:
        raise ValidationError({"risk_class": _("The rules already give this class.")})
    walk.override_class, walk.override_reason = risk_class, reason
    walk.override_on, walk.override_by = clock.today(), by
    with acting(by, reason=reason):
        walk.save()
        _copy(walk, revision)


@transaction.atomic
def undo_override(revision: Revision, *, reason: str = "", by: User) -> None:
    """Let the class that the rules give hold again."""
    revision = _opened(revision, by=by, act=Act.OVERRULE)
    walk = _standing(revision, by=by)
    if walk is None or not walk.override_class:
        raise ValidationError(_("No expert has set another class."))
    if walk.is_finished and not walk.rules_class:
        raise ValidationError(_("The rules give no class here. Re-open the classification instead."))
    walk.override_class = walk.override_reason = ""
    walk.override_on = walk.override_by = None
    with acting(by, reason=reason):
        walk.save()
        _copy(walk, revision)


@transaction.atomic
def reopen(revision: Revision, *, reason: str, by: User) -> None:
    """Take the class back, to answer anew. What was answered stays with the old walk and is where the new one begins."""
    revision = _opened(revision, by=by)
    lifecycle.in_words(reason=reason)
    walk = _standing(revision, by=by)
    if walk is None or not walk.is_finished:
        raise ValidationError(_("The class is not set yet: there is nothing to re-open."))
    _reopen(revision, walk, reason=reason, by=by)


def reconsider(revision: Revision, changed: Iterable[str], *, by: User) -> None:
    """Take the class back where it rests on what was changed. Called by whatever writes a revision, in its transaction.

    `changed` are names of fields of the revision, which is locked and already has their new values.
    """
    changed = set(changed)
    about = [name for name in RESTS_ON if name in changed]
    walk = Classification.objects.filter(revision=revision, reopened_on=None).first()
    if not about or walk is None or not (walk.is_finished or walk.regulation != revision.regulation):
        return
    _reopen(revision, walk, reason=_changed(about), by=by)


def carry_over(earlier: Revision, revision: Revision, *, by: User) -> None:
    """Begin the walk of a new revision from the answers of the one before; whoever finishes it confirms them.

    The class stays on the new revision until then, so that what follows from it goes on.
    """
    walk = Classification.objects.filter(revision=earlier, reopened_on=None).first()
    if walk is not None:
        _begin_from(walk, revision, by=by)


# --- what they share


def _opened(revision: Revision, *, by: User, act: Act | None = None) -> Revision:
    """The revision locked and ready to be classified, or the refusal."""
    product = lifecycle.lock(revision.product)
    proposed = product.stage == Product.Stage.PROPOSED
    access.require(by, act or (Act.ASSESS if proposed else Act.KEEP), product.scope)
    revision = Revision.objects.get(pk=revision.pk)
    revision.product = product
    if product.is_ended:
        raise ValidationError(_("The product has ended: it is “%(stage)s”.") % {"stage": product.get_stage_display()})
    if not revision.is_open:
        raise ValidationError(
            _("Revision %(number)s is signed: what is signed is not changed. Open a new revision.")
            % {"number": revision.number}
        )
    if proposed:
        assessment = product.assessments.latest("number")
        if assessment.is_submitted or assessment.is_decided:
            raise ValidationError(_("The assessment is submitted: take it back to change an answer."))
    return revision


def _standing(revision: Revision, *, by: User) -> Classification | None:
    """The walk that counts. One under a regulation that no longer applies is re-opened first."""
    walks = Classification.objects.filter(revision=revision, reopened_on=None)
    walk = walks.first()
    if walk and walk.regulation != revision.regulation:
        _reopen(revision, walk, reason=_changed(["regulation"]), by=by)
        walk = walks.first()
    return walk


def _changed(names: Iterable[str]) -> str:
    what = ", ".join(str(Revision._meta.get_field(name).verbose_name) for name in names)  # type: ignore[union-attr]
    return _("Changed: %(what)s.") % {"what": what}


def _changeable(walk: Classification | None) -> None:
    if walk and walk.is_finished:
        raise ValidationError(_("The class is set. Re-open the classification to change an answer."))


def _may_drive(revision: Revision) -> bool:
    """Whether the assessment says that it is covered with a device, so that driving one is asked about."""
    tree, question = QUALIFICATION
    latest = revision.product.assessments.latest("number")
    return Answer.objects.filter(assessment=latest, tree=tree, question=question, value="yes").exists()


def _begin(revision: Revision, *, by: User, rules: Edition | None = None) -> Classification:
    rules = rules or edition(revision.regulation)
    return Classification.objects.create(
        revision=revision,
        regulation=revision.regulation,
        edition=rules.number,
        started_on=clock.today(),
        started_by=by,
    )


def _write(
    revision: Revision,
    walk: Classification | None,
    rules: Edition,
    wanted: Mapping[str, tuple[bool, str | None]],
    *,
    without: Collection[str] = (),
    by: User,
) -> set[str]:
    """Store answers; one that did not change keeps its person and day. Returns which of `without` were removed."""
    before = {answer.question: answer for answer in walk.answers.all()} if walk else {}
    values = {
        question: ("yes" if yes else "no", before[question].reason if reason is None and question in before else reason or "")
        for question, (yes, reason) in wanted.items()
    }  # fmt: skip
    fresh = {
        question: (value, reason)
        for question, (value, reason) in values.items()
        if question not in before or (before[question].value, before[question].reason) != (value, reason)
    }
    removed = {question for question in without if question in before}
    if not fresh and not removed:
        return set()
    _changeable(walk)
    with acting(by):
        walk = walk or _begin(revision, rules=rules, by=by)
        new = []
        for question, (value, reason) in fresh.items():
            row = before.get(question) or Answer(
                classification=walk, tree=rules.tree, tree_version=rules.number, question=question
            )
            row.value, row.reason, row.answered_on, row.answered_by = value, reason, clock.today(), by
            if row.pk:
                row.save()
            else:
                new.append(row)
        Answer.objects.bulk_create(new)
        walk.answers.filter(question__in=removed).delete()
    return removed


def _copy(walk: Classification, revision: Revision) -> None:
    """Write the class that holds on the revision itself, where lists and declarations read it."""
    if not walk.is_finished:
        return
    expert = bool(walk.override_class)
    earlier = Classification.objects.filter(revision=revision, finished_on__isnull=False).exclude(pk=walk.pk).last()
    before = revision.risk_class or (earlier.risk_class if earlier else "")
    revision.risk_class = walk.risk_class
    revision.class_rule = "" if expert else walk.deciding_rule
    revision.class_reason = walk.override_reason if expert else walk.reason
    if before not in ("", revision.risk_class):
        revision.designed_on = clock.today()  # verification and validation are held against the class
    revision.save(update_fields=["risk_class", "class_rule", "class_reason", "designed_on"])


def _reopen(revision: Revision, walk: Classification, *, reason: str, by: User) -> None:
    walk.reopened_on, walk.reopened_reason = clock.today(), reason
    revision.risk_class = revision.class_rule = revision.class_reason = ""
    with acting(by, reason=reason):
        walk.save(update_fields=["reopened_on", "reopened_reason"])
        revision.save(update_fields=["risk_class", "class_rule", "class_reason"])
        _begin_from(walk, revision, by=by)


def _begin_from(earlier: Classification, revision: Revision, *, by: User) -> None:
    """A new walk with the answers of an earlier one, under the newest edition. Each keeps its person and day."""
    rules = edition(revision.regulation)
    known = {name for rule in rules.rules for name in (rule.key, *(branch.id for branch in rule.asked))}
    answers = [answer for answer in earlier.answers.all() if answer.question in known]
    if earlier.regulation != revision.regulation or not (answers or earlier.drives is not None):
        return
    walk = _begin(revision, rules=rules, by=by)
    walk.drives, walk.driven_device, walk.driven_class = earlier.drives, earlier.driven_device, earlier.driven_class
    walk.reason = earlier.reason
    walk.save(update_fields=["drives", "driven_device", "driven_class", "reason"])
    for answer in answers:
        answer.pk, answer._state.adding = None, True
        answer.classification, answer.tree_version = walk, rules.number
    Answer.objects.bulk_create(answers)
