"""Software and artificial intelligence: the early questions, modules, tests, data sets, and the plan towards use.

What describes the design is written while the proposal or the revision is open. The checklist and the steps are
worked on as long as the product lives: they are voluntary, and never stand in the way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, TypedDict

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.translation import gettext as _

from inhouse import classification, design, lifecycle
from inhouse.law.software import Entry
from inhouse.law.software import software as law
from inhouse.models import AiPoint, AiStep, Answer, DataSet, SoftwareModule, SoftwarePlan, SoftwareTest
from organisation import access, clock
from organisation.access import Act
from organisation.history import acting
from organisation.models import User
from products.models import Product, Revision

ENDED = (Revision.Stage.CLOSED, Revision.Stage.ABANDONED)
"""Stages of a revision in which nobody plans for it any more."""


class Module(TypedDict):
    """A module as it is listed."""

    name: str
    purpose: str
    is_device: bool
    risk_class: str
    marking: str
    interfaces: str
    effect: str


class Test(TypedDict):
    """How one kind of test is planned, or why it is not relevant."""

    is_relevant: bool
    plan: str
    standard: str
    reason: str


class Point(TypedDict):
    """How a point is met; None says that nobody has judged it yet."""

    is_met: bool | None
    how: str


class Planned(TypedDict):
    """When a step is planned for."""

    planned_on: date | None
    note: str


def _opened(revision: Revision, *, by: User) -> Revision:
    """The revision of a software locked and ready to change, or the refusal."""
    product = lifecycle.lock(revision.product)
    if product.stage == Product.Stage.PROPOSED:
        revision = _proposed(product, revision, by=by)
    else:
        revision = design.opened(revision, by=by)
    if not _is_software(revision):
        raise ValidationError(_("By the answers this product is not software."))
    return revision


def _living(revision: Revision, *, by: User) -> Revision:
    """The revision of an AI, locked and ready for its plan, also when it is signed; as long as it and the product live."""
    product = lifecycle.lock(revision.product)
    if product.stage == Product.Stage.PROPOSED:
        revision = _proposed(product, revision, by=by)
    else:
        access.require(by, Act.KEEP, product.scope)
        revision = Revision.objects.get(pk=revision.pk)
        revision.product = product
        if product.is_ended:
            raise ValidationError(
                _("The product has ended: it is “%(stage)s”.") % {"stage": product.get_stage_display()}
            )
        if revision.stage in ENDED:
            raise ValidationError(
                _("Revision %(number)s has ended: it is “%(stage)s”.")
                % {"number": revision.number, "stage": revision.get_stage_display()}
            )
    if not revision.is_ai:
        raise ValidationError(_("By the answers this software is not artificial intelligence."))
    return revision


def _proposed(product: Product, revision: Revision, *, by: User) -> Revision:
    """The revision of a proposal that can still be answered."""
    access.require(by, Act.ASSESS, product.scope)
    assessment = product.assessments.latest("number")
    if assessment.is_decided:
        raise ValidationError(_("The assessment is decided and can no longer be changed."))
    if assessment.is_submitted:
        raise ValidationError(_("The assessment is submitted: take it back to change an answer."))
    revision = Revision.objects.get(pk=revision.pk)
    revision.product = product
    if not revision.is_open:
        raise ValidationError(
            _("Revision %(number)s has ended: it is “%(stage)s”.")
            % {"number": revision.number, "stage": revision.get_stage_display()}
        )
    return revision


def _is_software(revision: Revision) -> bool:
    if revision.is_software:
        return True
    assessment = revision.product.assessments.latest("number")
    answers = Answer.objects.filter(assessment=assessment, tree="software_is_device", question="sw1")
    return answers.filter(value="yes").exists()


# --- the early questions, and the kind of AI


@transaction.atomic
def plan(
    revision: Revision,
    *,
    develops_algorithm: bool | None,
    collects_data: bool | None,
    device_since: date | None,
    is_ai: bool,
    is_high_risk: bool = False,
    high_risk_reason: str = "",
    by: User,
) -> SoftwarePlan:
    """Answer the early questions (SW-13) and say which kind of AI it is, if any (AIA-A).

    Made in-house it is not high-risk, which is the reason that is written when none is given. High-risk needs one.
    """
    revision = _opened(revision, by=by)
    if device_since and device_since > clock.today():
        raise ValidationError({"device_since": _("The day cannot lie in the future.")})
    standing = ("", *law().in_house.reason_words.values())
    if is_ai and is_high_risk and high_risk_reason.strip() in standing:
        raise ValidationError({"high_risk_reason": _("Give the reason for calling it high-risk.")})
    if not is_ai:
        is_high_risk, high_risk_reason = False, ""
    elif not high_risk_reason.strip():
        high_risk_reason = law().in_house.reason
    row = SoftwarePlan.objects.filter(revision=revision).first() or SoftwarePlan(revision=revision)
    judged = (is_high_risk, high_risk_reason)
    if not is_ai:
        row.high_risk_on = None
    elif row.high_risk_on is None or judged != (row.is_high_risk, row.high_risk_reason):
        row.high_risk_on = clock.today()
    row.develops_algorithm, row.collects_data, row.device_since = develops_algorithm, collects_data, device_since
    row.is_high_risk, row.high_risk_reason = judged
    with acting(by):
        row.save()
        traits = {"is_software": True, "is_ai": is_ai}
        if changed := [name for name, value in traits.items() if getattr(revision, name) != value]:
            for name in changed:
                setattr(revision, name, traits[name])
            revision.designed_on = clock.today()
            revision.save(update_fields=[*changed, "designed_on"])
            classification.reconsider(revision, set(changed) - {"is_ai"}, by=by)  # no rule of Annex VIII asks about AI
    return row


# --- what it is made of, and how it is tested


@transaction.atomic
def compose_modules(revision: Revision, modules: Iterable[Module], *, unfinished: bool = False, by: User) -> None:
    """Replace the list of modules (SW-04); a module that keeps its name keeps its row.

    `unfinished` takes a list that has no device among its modules yet.
    """
    revision = _opened(revision, by=by)
    wanted: dict[str, Module] = {}
    for module in modules:
        if module["name"] in wanted:
            raise ValidationError(_("The module “%(name)s” is listed twice.") % {"name": module["name"]})
        wanted[module["name"]] = module
    if not unfinished and not any(module["is_device"] for module in wanted.values()):
        raise ValidationError(_("List at least one module that is a medical device."))
    for module in wanted.values():
        _judge(module, revision)
    with acting(by):
        before = {row.name: row for row in revision.software_modules.all()}
        for name, row in before.items():
            if name not in wanted:
                row.delete()
        for name, module in wanted.items():
            known = before.get(name) or SoftwareModule(revision=revision)
            if known.pk is None or any(getattr(known, field) != value for field, value in module.items()):
                for field, value in module.items():
                    setattr(known, field, value)
                known.full_clean()
                known.save()


def _judge(module: Module, revision: Revision) -> None:
    """Refuse a module that lacks what its kind asks for."""
    about = {"name": module["name"]}
    if not module["effect"].strip():
        raise ValidationError(_("Say how the module “%(name)s” bears on the others.") % about)
    if not module["is_device"]:
        if module["risk_class"]:
            raise ValidationError(_("The module “%(name)s” is no device and has no risk class.") % about)
        return
    if module["risk_class"] not in Revision.RiskClass.of[revision.regulation]:
        raise ValidationError(
            _("Give the module “%(name)s” its risk class under %(regulation)s.")
            % {**about, "regulation": revision.regulation}
        )
    if not module["marking"].strip():
        raise ValidationError(_("Say how the module “%(name)s” is identified as a device.") % about)


@transaction.atomic
def plan_tests(revision: Revision, tests: Mapping[str, Test], *, unfinished: bool = False, by: User) -> None:
    """Plan the seven kinds of pre-clinical test (SW-14), or say why one is not relevant. `unfinished` takes some."""
    revision = _opened(revision, by=by)
    kinds = {entry.id: entry for entry in law().tests}
    _known(tests, kinds)
    missing = [entry.title for kind, entry in kinds.items() if kind not in tests]
    if missing and not unfinished:
        raise ValidationError(
            _("Plan every kind of test, or say why it is not relevant: %(kinds)s.") % {"kinds": ", ".join(missing)}
        )
    for kind, test in tests.items():
        about = {"kind": kinds[kind].title}
        if test["is_relevant"] and not test["plan"].strip():
            raise ValidationError(_("Say how it is tested: %(kind)s.") % about)
        if not test["is_relevant"] and not test["reason"].strip():
            raise ValidationError(_("Say why it is not relevant: %(kind)s.") % about)
    with acting(by):
        for kind in kinds:
            if kind in tests:
                _write(SoftwareTest, revision, {"kind": kind}, tests[kind])


# --- data, points and steps of an AI


@transaction.atomic
def keep_data_set(
    revision: Revision, fields: Mapping[str, Any], *, data_set: DataSet | None = None, by: User
) -> DataSet:
    """List a data set of the model (AIA-10), or describe one anew."""
    revision = _opened(revision, by=by)
    if not revision.is_ai:
        raise ValidationError(_("By the answers this software is not artificial intelligence."))
    row = DataSet(revision=revision) if data_set is None else revision.data_sets.get(pk=data_set.pk)
    for name, value in fields.items():
        setattr(row, name, value)
    row.full_clean()
    with acting(by):
        row.save()
    return row


@transaction.atomic
def remove_data_set(data_set: DataSet, *, by: User) -> None:
    """Take a data set off the list; the history keeps it."""
    revision = _opened(data_set.revision, by=by)
    with acting(by):
        revision.data_sets.filter(pk=data_set.pk).delete()


@transaction.atomic
def answer_points(revision: Revision, points: Mapping[str, Point], *, by: User) -> None:
    """Note how points are met (AI-01, AIA-9 to -15), or why not. Nothing waits for them."""
    revision = _living(revision, by=by)
    _known(points, {entry.id: entry for entry in law().checklist})
    with acting(by):
        for point, values in points.items():
            _write(AiPoint, revision, {"point": point}, values)


@transaction.atomic
def plan_steps(revision: Revision, steps: Mapping[str, Planned], *, by: User) -> None:
    """Say when steps of the AI plan are to be done. What is done keeps its day and person."""
    revision = _living(revision, by=by)
    _known(steps, {entry.id: entry for entry in law().steps})
    with acting(by):
        for step, values in steps.items():
            _write(AiStep, revision, {"step": step}, values)


@transaction.atomic
def do_step(revision: Revision, step: str, *, done_on: date, note: str = "", by: User) -> AiStep:
    """A step of the AI plan is done, by whoever says so."""
    revision = _living(revision, by=by)
    _known([step], {entry.id: entry for entry in law().steps})
    if done_on > clock.today():
        raise ValidationError({"done_on": _("The day cannot lie in the future.")})
    row = AiStep.objects.filter(revision=revision, step=step).first() or AiStep(revision=revision, step=step)
    if row.done_on:
        raise ValidationError(_("This step is already done."))
    row.done_on, row.done_by = done_on, by
    row.note = note or row.note
    with acting(by):
        row.save()
    return row


@transaction.atomic
def reopen_step(revision: Revision, step: str, *, by: User) -> None:
    """A step is not done after all, or must be done again."""
    revision = _living(revision, by=by)
    row = AiStep.objects.filter(revision=revision, step=step).exclude(done_on=None).first()
    if row is None:
        raise ValidationError(_("This step is not done yet."))
    row.done_on, row.done_by = None, None
    with acting(by):
        row.save()


def _known(given: Iterable[str], known: Mapping[str, Entry]) -> None:
    """Refuse what the law's data do not name: a page from another day, or a hand-made request."""
    if strange := [name for name in given if name not in known]:
        raise ValidationError(_("This is not asked: %(names)s.") % {"names": ", ".join(strange)})


def _write(model: type[models.Model], revision: Revision, which: dict[str, str], values: Mapping[str, Any]) -> None:
    """Write a row's values; a row that does not change is left alone, and keeps its history."""
    row: Any = model._default_manager.filter(revision=revision, **which).first() or model(revision=revision, **which)
    if row.pk is None or any(getattr(row, name) != value for name, value in values.items()):
        for name, value in values.items():
            setattr(row, name, value)
        row.save()


# --- from one revision to the next


OF_REVISION: tuple[type[models.Model], ...] = (SoftwarePlan, SoftwareModule, SoftwareTest, DataSet, AiPoint, AiStep)


def carry_over(last: Revision, revision: Revision) -> None:
    """A new revision begins with everything that was said of the last one."""
    for model in OF_REVISION:
        rows: list[Any] = list(model._default_manager.filter(revision=last))
        for row in rows:
            row.pk, row._state.adding, row.revision = None, True, revision
        model._default_manager.bulk_create(rows)
