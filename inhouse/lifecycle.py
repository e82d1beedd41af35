"""The life of a product and of its revisions: which step may follow which, and what each step demands.

The same list refuses the step, greys the button and explains it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from django.core.exceptions import ValidationError
from django.db import transaction
from django.dispatch import Signal
from django.utils.translation import gettext as _

from inhouse import gates, register, retention
from inhouse.dossier import Dossier, current
from inhouse.law.checks.withdrawal import fates
from inhouse.models import Assessment, Declaration, Leaf, Step
from inhouse.obstacles import Obstacle, Refused
from organisation import access, clock
from organisation.access import Act
from organisation.history import acting
from organisation.models import User
from products.models import Product, Revision

P: TypeAlias = Product.Stage
R: TypeAlias = Revision.Stage

PRODUCT_NEXT: dict[P, list[P]] = {
    P.PROPOSED: [P.ELIGIBLE, P.REJECTED],
    P.ELIGIBLE: [P.DEVELOPMENT, P.ABANDONED],
    P.DEVELOPMENT: [P.IN_USE, P.ABANDONED],
    P.IN_USE: [P.SUSPENDED, P.WITHDRAWN],
    P.SUSPENDED: [P.IN_USE, P.WITHDRAWN],
    P.WITHDRAWN: [P.DISPOSED],
    P.REJECTED: [P.PROPOSED],
    P.ABANDONED: [],
    P.DISPOSED: [],
}

REVISION_NEXT: dict[R, list[R]] = {
    R.OPEN: [R.DECLARED, R.ABANDONED],
    R.DECLARED: [R.IN_FORCE, R.OPEN],
    R.IN_FORCE: [R.PHASING_OUT, R.CLOSED],
    R.PHASING_OUT: [R.CLOSED],
    R.CLOSED: [],
    R.ABANDONED: [],
}

PRODUCT_GATES: dict[tuple[P, P], tuple[str, ...]] = {
    (P.PROPOSED, P.ELIGIBLE): ("G1", "G2"),
    (P.ELIGIBLE, P.DEVELOPMENT): ("G3",),
    (P.DEVELOPMENT, P.IN_USE): ("G7",),
    (P.SUSPENDED, P.IN_USE): ("G8",),
    (P.IN_USE, P.WITHDRAWN): ("G10",),
    (P.SUSPENDED, P.WITHDRAWN): ("G10",),
    (P.WITHDRAWN, P.DISPOSED): ("G11",),
}

REVISION_GATES: dict[tuple[R, R], tuple[str, ...]] = {
    (R.OPEN, R.DECLARED): ("G4", "G5", "G6"),
    (R.DECLARED, R.IN_FORCE): ("G7", "G9"),
}

WORKED_ON = (P.DEVELOPMENT, P.IN_USE, P.SUSPENDED)

ACTS: dict[P | R, Act] = {
    P.ELIGIBLE: Act.DECIDE,
    P.REJECTED: Act.DECIDE,
    P.PROPOSED: Act.PROPOSE,
    P.DEVELOPMENT: Act.KEEP,
    P.IN_USE: Act.SIGN,
    P.SUSPENDED: Act.SUSPEND,
    P.WITHDRAWN: Act.END,
    P.ABANDONED: Act.END,
    P.DISPOSED: Act.DISPOSE,
    R.DECLARED: Act.SIGN,
    R.IN_FORCE: Act.SIGN,
    R.OPEN: Act.RECALL,
    R.PHASING_OUT: Act.SIGN,
    R.CLOSED: Act.KEEP,
}


@dataclass
class Next:
    """A step that may follow, what stands in its way, and whether this person may take it."""

    to: P
    obstacles: list[Obstacle]
    allowed: bool

    @property
    def is_open(self) -> bool:
        return self.allowed and not any(obstacle.stops for obstacle in self.obstacles)


def steps(d: Dossier, *, by: User) -> list[Next]:
    """The next steps of the product, each with what stands in its way."""
    return [
        Next(to, obstacles(d, d.product, to), access.may(by, ACTS[to], d.product.scope))
        for to in PRODUCT_NEXT[P(d.product.stage)]
    ]


def obstacles(d: Dossier, subject: Product | Revision, to: P | R) -> list[Obstacle]:
    """Everything that stands between the subject and that stage; none that stops means it may go."""
    if out_of_order := astray(subject, to):
        return out_of_order
    if isinstance(subject, Product):
        return _for_product(d, P(to))
    return _for_revision(d, subject, R(to))


def astray(subject: Product | Revision, to: P | R) -> list[Obstacle]:
    """The obstacle that this step does not follow at all, whatever else is missing."""
    allowed: list[P] | list[R]
    allowed = PRODUCT_NEXT[P(subject.stage)] if isinstance(subject, Product) else REVISION_NEXT[R(subject.stage)]
    if to in allowed:
        return []
    now = subject.get_stage_display()
    return [Obstacle(_("“%(to)s” does not follow from “%(now)s”.") % {"to": to.label, "now": now})]


def in_words(**texts: str) -> None:
    """Refuse an act whose reason, cause or number is left empty: `in_words(reason=reason)`."""
    for name, text in texts.items():
        if not text.strip():
            raise ValidationError({name: _("This cannot be left empty.")})


def _for_product(d: Dossier, to: P) -> list[Obstacle]:
    stage = P(d.product.stage)
    lawful = gates.standing(d, *PRODUCT_GATES.get((stage, to), ()))
    if to == P.ELIGIBLE:
        return _with([*_submitted(d), *_decided(d)], lawful)
    if to == P.DEVELOPMENT:
        return _with(_owned(d), lawful)
    if to == P.IN_USE and stage == P.DEVELOPMENT:
        return _with(_declared(d, d.coming), lawful)
    if to == P.IN_USE:
        return _with([*_declared(d, d.in_force), *_going_on(d)], lawful)
    if to == P.WITHDRAWN:
        return _with(_explained(d), [o for o in lawful if o.mend == "withdrawal"])
    if to == P.DISPOSED:
        return _disposable(d, lawful)
    return lawful


def _for_revision(d: Dossier, revision: Revision, to: R) -> list[Obstacle]:
    lawful = gates.standing(d, *REVISION_GATES.get((R(revision.stage), to), ()))
    if to == R.DECLARED:
        return _with([*_owned(d), *_in_development(d), *_classified(d, revision)], lawful)
    if to == R.IN_FORCE:
        return _with([*_used(d), *_declared(d, revision)], lawful)
    if to == R.OPEN:
        return _unsigned(d, revision)
    if to == R.ABANDONED:
        return _of_several(d)
    if to == R.PHASING_OUT:
        return [Obstacle(_("A revision is phased out only by a newer one that comes into force."), mend="product")]
    if to == R.CLOSED:
        return [*_out_of_force(d, revision), *_out_of_use(d, revision)]
    return lawful


def _with(own: list[Obstacle], lawful: list[Obstacle]) -> list[Obstacle]:
    """The register's own conditions, which no choice of rules can waive, said only where the law does not already say them."""
    said = {o.mend for o in lawful if o.stops}
    return [*(o for o in own if o.mend not in said), *lawful]


def _owned(d: Dossier) -> list[Obstacle]:
    owner = d.product.owner
    if owner is None:
        return [Obstacle(_("Nobody owns the product."), mend="owner")]
    if owner.is_active:
        return []
    left = _("%(person)s has left and can no longer answer for the product: appoint a new product owner.")
    return [Obstacle(left % {"person": owner}, mend="owner")]


def _in_development(d: Dossier) -> list[Obstacle]:
    if d.product.stage in WORKED_ON:
        return []
    return [
        Obstacle(
            _("The declaration of a revision is signed only while the product is in development or in use."),
            mend="product",
        )
    ]


def _classified(d: Dossier, revision: Revision) -> list[Obstacle]:
    """A class that was carried over or taken back is set before anything is signed on it."""
    walk = d.classification(revision)
    if walk and walk.stands_on(d.on):
        return []
    return [Obstacle(_("The risk class of the revision is not set."), mend="class")]


def _used(d: Dossier) -> list[Obstacle]:
    if d.product.stage in (P.IN_USE, P.SUSPENDED):
        return []
    return [Obstacle(_("The first revision comes into force when the product is taken into use."), mend="product")]


def _declared(d: Dossier, revision: Revision | None) -> list[Obstacle]:
    if revision is None or revision.stage == R.OPEN or d.declaration(revision) is None:
        return [Obstacle(_("No signed declaration stands for the revision."), mend="declaration")]
    return []


def _submitted(d: Dossier) -> list[Obstacle]:
    if d.assessment and d.assessment.is_submitted:
        return []
    return [Obstacle(_("The assessment is gone through to its end and submitted."), mend="assessment")]


def _decided(d: Dossier) -> list[Obstacle]:
    if d.assessment and d.assessment.decision == Assessment.Decision.MANUFACTURE:
        return []
    return [Obstacle(_("A manager decides whether it is made."), mend="decision")]


def _going_on(d: Dossier) -> list[Obstacle]:
    return [Obstacle(_("Use is paused: close the cause first."), mend="suspension")] if d.open_suspension else []


def _explained(d: Dossier) -> list[Obstacle]:
    if d.withdrawal:
        return []
    return [Obstacle(_("Say why the product is taken out of use."), mend="withdrawal")]


def _fated(d: Dossier) -> list[Obstacle]:
    """What the law asks on request (MDR 5(5)(d)) and the years of keeping both hang on: what became of each item."""
    return [Obstacle(missing.text, mend=missing.mend) for missing in fates(d)]


def _disposable(d: Dossier, lawful: list[Obstacle]) -> list[Obstacle]:
    """Floor, holds, open matters and the decision of two people are asked whatever the rules say, each said once."""
    said = {o.text for o in lawful if o.stops}
    return [*(o for o in [*retention.obstacles(d), *retention.undecided(d)] if o.text not in said), *lawful]


def _unsigned(d: Dossier, revision: Revision) -> list[Obstacle]:
    if d.declaration(revision) is None:
        return []
    return [Obstacle(_("A signed declaration stands for the revision: withdraw it first."), mend="declaration")]


def _of_several(d: Dossier) -> list[Obstacle]:
    if d.in_force:
        return []
    return [Obstacle(_("The first revision is given up only with its product."), mend="product")]


def _out_of_force(d: Dossier, revision: Revision) -> list[Obstacle]:
    if revision.stage == R.PHASING_OUT or d.product.stage == P.WITHDRAWN:
        return []
    return [Obstacle(_("The revision is in force: it is closed when the product is withdrawn."), mend="product")]


def _out_of_use(d: Dossier, revision: Revision) -> list[Obstacle]:
    living = [item.identifier for item in d.living if item.revision_id == revision.pk]
    if not living:
        return []
    return [
        Obstacle(_("Items of this revision are still in use: %(items)s.") % {"items": ", ".join(living)}, mend="items")
    ]


def _unwritten(d: Dossier, subject: Product | Revision, to: P | R, outcome: str) -> list[Obstacle]:
    """What the step's own rule writes before it takes the step: whoever goes around that rule is stopped here."""
    if isinstance(subject, Revision):
        if to == R.DECLARED and d.declaration(subject) is None:
            return [Obstacle(_("No signed declaration stands for the revision."), mend="declaration")]
    elif to == P.REJECTED and not outcome:
        return [Obstacle(_("Say how the proposal ends."), mend="decision")]
    elif to == P.ABANDONED and d.coming:
        return _unsigned(d, d.coming)
    elif to == P.SUSPENDED and d.open_suspension is None:
        return [Obstacle(_("Say why use must pause."), mend="suspension")]
    elif to == P.DISPOSED and not (d.disposal and d.disposal.is_executed):
        return [Obstacle(_("The records are disposed of first, by what was decided."), mend="retention")]
    return []


def watch(d: Dossier) -> list[Obstacle]:
    """What must be put right while the product is in use, paused or withdrawn."""
    if d.product.stage in (P.IN_USE, P.SUSPENDED):
        return _with([*_owned(d), *_going_on(d)], gates.standing(d, "G8"))
    if d.product.stage == P.WITHDRAWN:
        return _with(_fated(d), gates.standing(d, "G10"))
    return []


changed = Signal()
"""Sent with the keys of `products` when a transaction that took their lock has committed."""


@dataclass(frozen=True)
class _Changed:
    """What is called on commit; equal ones are called once."""

    product: int

    def __call__(self) -> None:
        changed.send_robust(_Changed, products=[self.product])


def lock(product: Product) -> Product:
    """The product as it is now, locked until the transaction ends. Every rule that changes a life takes this first.

    Of what was disposed of nothing changes any more.
    """
    locked = _locked(product)
    if locked.stage == P.DISPOSED:
        raise ValidationError(_("The records of this product have been disposed of."), code="disposed")
    return locked


def _locked(product: Product) -> Product:
    if (telling := _Changed(product.pk)) not in (waiting[1] for waiting in transaction.get_connection().run_on_commit):
        transaction.on_commit(telling)
    return Product.objects.select_for_update(of=("self",)).select_related("unit").get(pk=product.pk)


@transaction.atomic
def move(subject: Product | Revision, to: P | R, *, by: User, reason: str = "", outcome: str = "") -> None:
    """Take one step and record who and why, or raise Refused or PermissionDenied and change nothing.

    `outcome` says how a proposal ended, for a step to `rejected`.
    """
    product = _locked(subject if isinstance(subject, Product) else subject.product)
    access.require(by, ACTS[to], product.scope)
    d = current(product)
    fresh = product if isinstance(subject, Product) else Revision.objects.get(pk=subject.pk)
    if found := [o for o in obstacles(d, fresh, to) if o.stops] or _unwritten(d, fresh, to, outcome):
        raise Refused(found)
    if isinstance(fresh, Revision) and to == R.IN_FORCE and d.in_force:
        _assign(d.in_force, R.PHASING_OUT, by=by, reason=reason)
    _assign(fresh, to, by=by, reason=reason, outcome=outcome)
    subject.stage = to
    if isinstance(fresh, Product) and to == P.IN_USE and d.in_force is None and d.coming:
        _assign(d.coming, R.IN_FORCE, by=by, reason=reason)
    if isinstance(fresh, Product) and to in (P.ABANDONED, P.WITHDRAWN) and d.coming:
        for stage in [R.OPEN, R.ABANDONED] if d.coming.stage == R.DECLARED else [R.ABANDONED]:
            _assign(d.coming, stage, by=by, reason=reason)
    settle(product, by=by)


def settle(product: Product, *, by: User) -> None:
    """Close the revisions whose last item is gone: those being phased out, and on withdrawal the one in force too."""
    ending = [R.PHASING_OUT, *([R.IN_FORCE] if product.stage == P.WITHDRAWN else [])]
    if not product.revisions.filter(stage__in=ending).exists():
        return  # as after most steps
    d = current(product)
    for revision in d.revisions:
        if revision.stage in ending and not obstacles(d, revision, R.CLOSED):
            _assign(revision, R.CLOSED, by=by, reason="")
            _replace_declarations(revision, by=by)


def _replace_declarations(revision: Revision, *, by: User) -> None:
    """What was declared of a revision that is closed now has its place taken by the next."""
    standing = Declaration.objects.filter(revision=revision).standing()
    published = list(standing.published())
    with acting(by):
        standing.update(replaced_on=clock.today())
        for declaration in published:
            register.append(declaration, Leaf.Kind.REPLACED)


def _assign(subject: Product | Revision, to: P | R, *, by: User, reason: str, outcome: str = "") -> None:
    """The one place where a stage is set: the stage, and the step with its day."""
    with acting(by, reason=reason):
        step = Step(from_stage=subject.stage, to_stage=to, on=clock.today(), by=by, reason=reason)
        if isinstance(subject, Product):
            step.product = subject
            subject.outcome = outcome
        else:
            step.product_id, step.revision = subject.product_id, subject
        subject.stage = to
        subject.save(update_fields=["stage", "outcome"] if isinstance(subject, Product) else ["stage"])
        step.save()
