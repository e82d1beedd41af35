"""Whatever anyone does in whatever order: what must always hold of a product, its revisions and its items."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from random import Random
from typing import Any, ClassVar, TypeAlias

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models, transaction
from hypothesis import HealthCheck, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from inhouse import (
    assessment,
    changes,
    classification,
    conformity,
    declarations,
    design,
    evidence,
    followup,
    law,
    lifecycle,
    owners,
    readiness,
    signing,
    suspension,
    withdrawal,
)
from inhouse.law import rules
from inhouse.models import Appointment, Declaration, EvidenceDocument, Frozen, Readiness, Step, Suspension
from organisation import clock
from organisation.models import Role, User
from products import traceability
from products.models import Item, Placement, Product, Revision, UnitUse
from tests import factories, stations
from tests.refusals import written

P: TypeAlias = Product.Stage
R: TypeAlias = Revision.Stage

SETTINGS = settings(
    max_examples=int(os.environ.get("TWO_LIVES", "50")),  # more of them for a longer search by hand
    stateful_step_count=40,
    derandomize="TWO_LIVES" not in os.environ,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
BEGIN = date(2026, 1, 1)


def with_a_lot() -> Product:
    product = stations.in_use()
    stations.released(product, "L1", lot_of=10)
    return product


STATIONS: dict[str, Callable[[], Product]] = {
    "assessed": stations.assessed,
    "rejected": stations.rejected,
    "eligible": stations.eligible,
    "documented": stations.documented,
    "declared": stations.declared,
    "ready": stations.ready,
    "in use": stations.in_use,
    "with a lot": with_a_lot,
    "suspended": stations.suspended,
    "second revision": stations.second_revision,
    "second declared": stations.second_declared,
    "second in force": stations.second_in_force,
    "withdrawn": stations.withdrawn,
}


Choose: TypeAlias = Callable[[Sequence[Any]], Any]
Act: TypeAlias = Callable[["TwoLives", Choose], None]
ACTS: list[tuple[Act, frozenset[P]]] = []
WORKED_ON = frozenset(lifecycle.WORKED_ON)

MOSTLY = (True, True, True, False)


def apt(*stages: P) -> Callable[[Act], Act]:
    """An act that mostly comes up in these stages, and now and then in any other."""

    def register(act: Act) -> Act:
        ACTS.append((act, frozenset(stages)))
        return act

    return register


class TwoLives(RuleBasedStateMachine):
    """One product, begun at some station, in the hands of random people."""

    beginnings: ClassVar[dict[str, int]]
    cast: ClassVar[dict[str, User]]

    def __init__(self) -> None:
        super().__init__()
        self.undo = transaction.atomic()
        self.undo.__enter__()
        self.now = BEGIN
        self.by = ""
        self.acts = 0

    def teardown(self) -> None:
        try:
            if hasattr(self, "pk"):
                self.the_history_ends_with_what_is()
        finally:
            transaction.set_rollback(True)
            self.undo.__exit__(None, None, None)

    @initialize(seed=st.integers(0, 2**32))
    def begin(self, seed: int) -> None:
        station = Random(seed).choice(sorted(STATIONS))
        note(f"begun {station}")
        self.pk = self.beginnings[station]

    @rule(seed=st.integers(0, 2**32))
    def someone_acts(self, seed: int) -> None:
        self.acts += 1
        luck = Random(f"{seed} {self.acts}")
        stage = self.product.stage
        fitting = [act for act, stages in ACTS if stage in stages]
        act = luck.choice(fitting * 4 + [act for act, _stages in ACTS])
        self.by = luck.choice([""] * 30 + sorted(self.cast))
        note(f"{act.__name__} by {self.by or 'whoever may'}, {stage}, {self.now}")
        act(self, luck.choice)

    def act(self, right: str, do: Callable[[User], Any]) -> None:
        """Do it, or be refused and have changed nothing. Anything else that goes wrong is a fault."""
        owner = self.product.owner if (self.by, right) == ("", "owner") else None
        person = owner or self.cast[self.by or right]
        before = written()
        with stations.on_day(self.now):
            try:
                do(User.objects.get(pk=person.pk))
            except (ValidationError, PermissionDenied):
                assert written() == before

    # --- what the acts need

    @property
    def product(self) -> Product:
        return Product.objects.select_related("unit__administration", "owner").get(pk=self.pk)

    def revision(self, which: int) -> Revision:
        """The newest, or one before."""
        found = list(Revision.objects.select_related("product__unit").filter(product=self.pk).order_by("-number"))
        return found[min(which, len(found) - 1)]

    def one(self, model: type[models.Model], choose: Choose, **of: Any) -> Any:
        """The newest row, or one before, or none."""
        found = list(model._default_manager.filter(**of).order_by("-pk")[: choose(range(3)) + 1])
        return found[-1] if found else None

    # --- deciding

    @apt(P.PROPOSED)
    def answer(self, choose: Choose) -> None:
        tree = choose(sorted(stations.ANSWERS))
        wrong = {q.id: "yes" for q in law.trees()[tree].questions}
        given = stations.answers(stations.ANSWERS[tree] if choose(MOSTLY) else wrong)
        self.act("engineer", lambda by: assessment.answer(self.product, tree, given, by=by))

    @apt(P.PROPOSED)
    def weigh(self, choose: Choose) -> None:
        texts = stations.NEED | stations.WEIGHING
        self.act("engineer", lambda by: assessment.write(self.product, texts, by=by))

    @apt(P.PROPOSED)
    def decide(self, choose: Choose) -> None:
        make = choose(MOSTLY)
        end = "" if make else "other"
        self.act("manager", lambda by: assessment.decide(self.product, make=make, end=end, reason="So", by=by))

    @apt(P.REJECTED)
    def propose_again(self, choose: Choose) -> None:
        self.act("nurse", lambda by: assessment.again(self.product, reason="Once more", by=by))

    # --- owning

    @apt(P.ELIGIBLE, *WORKED_ON)
    def ask(self, choose: Choose) -> None:
        asked = self.cast[choose(["owner", "successor", "nurse"])]
        self.act("manager", lambda by: owners.appoint(self.product, person=asked, level_reason="Knows it", by=by))

    @apt(P.ELIGIBLE, *WORKED_ON)
    def reply(self, choose: Choose) -> None:
        if asked := self.one(Appointment, lambda _numbers: 0, product=self.pk):
            name = next(name for name, each in self.cast.items() if each.pk == asked.person_id)
            if choose(MOSTLY):
                self.act(name, lambda by: owners.accept(asked, by=by))
            else:
                self.act(name, lambda by: owners.decline(asked, reason="No time", by=by))

    @apt()
    def ask_no_more(self, choose: Choose) -> None:
        if asked := self.one(Appointment, choose, product=self.pk):
            self.act("manager", lambda by: owners.take_back(asked, by=by))

    # --- making

    @apt(P.ELIGIBLE, *WORKED_ON)
    def describe(self, choose: Choose) -> None:
        number = choose(range(3))
        fields = stations.DESIGN | {"intended_purpose": choose(["Holds one", "Holds two"])}
        system = factories.quality_system()
        self.act("engineer", lambda by: design.describe(self.revision(number), fields, quality_system=system, by=by))

    @apt(P.ELIGIBLE, *WORKED_ON, *WORKED_ON)
    def classify(self, choose: Choose) -> None:
        revision, applies = self.revision(choose(range(2))), choose(["1", "8", ""])
        self.act("engineer", lambda by: self.walk(revision, applies, by))

    @transaction.atomic
    def walk(self, revision: Revision, applies: str, by: User) -> None:
        for scope in rules.SCOPES["MDR"]:
            group = [rule.id for rule in rules.edition("MDR").rules if rule.scope == scope]
            classification.answer_rules(revision, scope, {rule: rule == applies for rule in group}, by=by)
        if applies == "8":
            fits = {branch.id: False for branch in rules.edition("MDR")["8"].asked}
            classification.answer_rule(revision, "8", fits, by=by)
        classification.finish(revision, reason="So", by=by)

    @apt(*WORKED_ON)
    def confirm_class(self, choose: Choose) -> None:
        self.act("engineer", lambda by: classification.finish(self.revision(0), reason="As before", by=by))

    @apt()
    def take_out(self, choose: Choose) -> None:
        if entry := self.one(EvidenceDocument, choose, revision__product=self.pk):
            self.act("engineer", lambda by: evidence.remove_document(entry, by=by))

    @apt(*WORKED_ON)
    def document(self, choose: Choose) -> None:
        group = choose(EvidenceDocument.Group.values)
        self.act(
            "engineer",
            lambda by: evidence.add_document(
                self.revision(0), group=group, upload=factories.pdf(), title="More", by=by
            ),
        )

    @apt(*WORKED_ON)
    def confirm(self, choose: Choose) -> None:
        self.act("engineer", lambda by: evidence.confirm_documents(self.revision(0), by=by))

    @apt(*WORKED_ON)
    def confirm_answers(self, choose: Choose) -> None:
        self.act("engineer", lambda by: conformity.confirm(self.revision(0), by=by))

    @apt(*WORKED_ON)
    def conform(self, choose: Choose) -> None:
        number, answer = choose(["3", "3(a)", "16", "99"]), choose(["met", "ruled out", "unmet", "taken back"])
        acts: dict[str, Callable[[User], None]] = {
            "met": lambda by: conformity.meet(self.revision(0), [number], where="Report", anew=True, by=by),
            "ruled out": lambda by: conformity.rule_out(self.revision(0), [number], reason="So", anew=True, by=by),
            "unmet": lambda by: conformity.admit(self.revision(0), number, what="It", why="So", by=by),
            "taken back": lambda by: conformity.take_back(self.revision(0), number, by=by),
        }
        self.act("engineer", acts[answer])

    @apt(*WORKED_ON)
    def examine(self, choose: Choose) -> None:
        kind = choose(["verification", "validation"])
        outcome = "approved" if choose(MOSTLY) else "not_approved"
        words: dict[str, Any] = {"what": "Three", "method": "Pulled", "result": "Held", "done_by": "Eva"}
        self.act(
            "engineer",
            lambda by: evidence.record(
                self.revision(0), kind=kind, outcome=outcome, done_on=clock.today(), by=by, **words
            ),
        )

    # --- declaring

    @apt(*WORKED_ON, *WORKED_ON)
    def freeze(self, choose: Choose) -> None:
        if Revision.objects.filter(product=self.pk, stage__in=R.coming).exists():
            wording = signing.Wording("sv", "Västanstad")
            self.act("owner", lambda by: signing.freeze(stations.coming(self.product), wording, by=by))

    @apt(*WORKED_ON, *WORKED_ON)
    def sign(self, choose: Choose) -> None:
        if row := self.one(Frozen, choose, revision__product=self.pk):
            proves = choose(MOSTLY)

            @transaction.atomic
            def sign(by: User) -> None:
                if proves:
                    stations.prove(by, row.sha256)
                signing.sign(row, by=by)

            self.act("owner", sign)

    @apt(*WORKED_ON)
    def enter(self, choose: Choose) -> None:
        if row := self.one(Declaration, choose, revision__product=self.pk):
            self.act("registrar", lambda by: declarations.enter(row, diary_number="1", diary_name="MT", by=by))

    @apt(*WORKED_ON)
    def publish(self, choose: Choose) -> None:
        if row := self.one(Declaration, choose, revision__product=self.pk):
            self.act("registrar", lambda by: declarations.publish(row, by=by))

    @apt(P.DEVELOPMENT, P.SUSPENDED)
    def withdraw_declaration(self, choose: Choose) -> None:
        if row := self.one(Declaration, choose, revision__product=self.pk):
            self.act("owner", lambda by: declarations.withdraw(row, reason="A fault", by=by))

    # --- readying

    @apt(*WORKED_ON)
    def prepare(self, choose: Choose) -> None:
        number = choose(range(3))
        self.act("engineer", lambda by: readiness.prepare(self.revision(number), stations.READINESS, by=by))

    @apt(P.DEVELOPMENT)
    def list_unit(self, choose: Choose) -> None:
        part = choose(UnitUse.Part.values)
        ward = factories.ward()
        self.act(
            "engineer",
            lambda by: readiness.list_unit(self.product, unit=ward, part=part, since=clock.today(), by=by),
        )

    @apt(P.IN_USE)
    def end_unit(self, choose: Choose) -> None:
        if use := self.one(UnitUse, choose, product=self.pk):
            self.act("engineer", lambda by: readiness.end_unit(use, until=clock.today(), by=by))

    # --- items

    @apt(P.DEVELOPMENT, P.IN_USE)
    def make(self, choose: Choose) -> None:
        number, identifier, size = choose(range(3)), choose("ABC"), choose([1, 10])
        self.act(
            "engineer",
            lambda by: traceability.register(
                self.revision(number),
                kind="lot" if size > 1 else "serial",
                identifier=identifier,
                quantity=size,
                made_on=clock.today(),
                by=by,
            ),
        )

    @apt(P.DEVELOPMENT, P.IN_USE)
    def release(self, choose: Choose) -> None:
        if item := self.one(Item, choose, product=self.pk):
            self.act("engineer", lambda by: traceability.release(item, made_to="A1", checks="Measured", by=by))

    @apt(P.DEVELOPMENT, P.IN_USE)
    def place(self, choose: Choose) -> None:
        ward, quantity = choose(["A", "B", ""]), choose([None, 3, 8])
        unit = factories.ward(ward) if ward else None
        if item := self.one(Item, choose, product=self.pk):
            self.act(
                "engineer",
                lambda by: traceability.place(
                    item, unit=unit, outside="Solgården", quantity=quantity, since=clock.today(), by=by
                ),
            )

    @apt(P.IN_USE)
    def take_back(self, choose: Choose) -> None:
        if placement := self.one(Placement, choose, item__product=self.pk):
            self.act("engineer", lambda by: traceability.take_back(placement, on=clock.today(), by=by))

    @apt(P.IN_USE, P.SUSPENDED, P.WITHDRAWN)
    def end_item(self, choose: Choose) -> None:
        fate = choose(Item.Fate.values)
        if item := self.one(Item, choose, product=self.pk):
            self.act("engineer", lambda by: withdrawal.end_item(item, fate=fate, on=clock.today(), by=by))

    # --- the two lives

    @apt(*P)
    def wait(self, choose: Choose) -> None:
        self.now += timedelta(days=choose([1, 30, 100, 400]))

    @apt(*P)
    def move_product(self, choose: Choose) -> None:
        to = choose(lifecycle.PRODUCT_NEXT[P(self.product.stage)] * 3 + list(P))
        self.act("owner", lambda by: lifecycle.move(self.product, to, by=by, reason="So"))

    @apt(*WORKED_ON)
    def move_revision(self, choose: Choose) -> None:
        revision = self.revision(choose(range(3)))
        to = choose(lifecycle.REVISION_NEXT[R(revision.stage)] * 9 + list(R))
        self.act("owner", lambda by: lifecycle.move(revision, to, by=by, reason="So"))

    @apt(P.ELIGIBLE, P.DEVELOPMENT)
    def begin_work_or_use(self, choose: Choose) -> None:
        [to, *_others] = lifecycle.PRODUCT_NEXT[P(self.product.stage)] or [P.IN_USE]
        self.act("owner", lambda by: lifecycle.move(self.product, to, by=by, reason="So"))

    @apt(P.IN_USE, P.SUSPENDED)
    def bring_into_force(self, choose: Choose) -> None:
        self.act("owner", lambda by: lifecycle.move(self.revision(0), R.IN_FORCE, by=by, reason="So"))

    @apt(P.IN_USE)
    def pause(self, choose: Choose) -> None:
        self.act("engineer", lambda by: suspension.suspend(self.product, cause="Loose", by=by))

    @apt(P.SUSPENDED)
    def go_on(self, choose: Choose) -> None:
        self.act("owner", lambda by: suspension.resume(self.product, measures="Glued", by=by))

    @apt(P.IN_USE, P.SUSPENDED)
    def change(self, choose: Choose) -> None:
        asked = stations.answers({q.id: "no" for q in law.trees()[changes.TREE].questions})
        asked |= stations.answers({"data": "yes" if choose(MOSTLY) else "no"})
        self.act("engineer", lambda by: changes.ask(self.product, description="Softer", answers=asked, by=by))

    @apt()
    def give_up_revision(self, choose: Choose) -> None:
        self.act("owner", lambda by: changes.abandon(self.revision(0), reason="Enough", by=by))

    @apt(P.IN_USE, P.SUSPENDED)
    def review(self, choose: Choose) -> None:
        conclusion = choose(["continue", "act", "stop"])

        def do(by: User) -> None:
            wanted: followup.Wanted = {"text": "Order screws", "responsible": by, "due_on": clock.today()}
            followup.record(
                self.product,
                done_on=clock.today(),
                sources="Wards",
                findings="None",
                conclusion=conclusion,
                next_due_on=clock.today() + timedelta(days=200),
                actions=[wanted],
                by=by,
            )

        self.act("engineer", do)

    @apt()
    def withdraw(self, choose: Choose) -> None:
        self.act("owner", lambda by: withdrawal.withdraw(self.product, reason="Unsafe", by=by))

    @apt()
    def abandon(self, choose: Choose) -> None:
        self.act("manager", lambda by: withdrawal.abandon(self.product, reason="Enough", by=by))

    # --- what always holds

    @invariant()
    def what_always_holds(self) -> None:
        if not hasattr(self, "pk"):
            return
        product = self.product
        revisions = list(Revision.objects.filter(product=product))
        standing = {d.revision_id: d for d in Declaration.objects.standing().filter(revision__product=product)}
        self.nothing_is_used_without_a_signed_declaration_in_force(product, revisions, standing)
        self.a_declaration_stands_for_what_is_declared_and_for_nothing_else(product, revisions, standing)
        self.at_most_one_revision_is_coming_and_one_in_force(product, revisions)
        self.from_development_on_someone_owns_it(product)
        self.a_stage_is_the_last_step_that_was_taken(product, revisions)
        self.what_is_placed_is_released_and_ours_and_no_more_than_there_is()
        self.a_product_is_paused_exactly_while_a_cause_is_open(product)

    def nothing_is_used_without_a_signed_declaration_in_force(
        self, product: Product, revisions: list[Revision], standing: dict[int, Declaration]
    ) -> None:
        in_force = [r for r in revisions if r.stage == R.IN_FORCE]
        if product.stage in (P.IN_USE, P.SUSPENDED):
            [revision] = in_force
            declaration = standing[revision.pk]
            assert declaration.signed_on <= self.now
            assert declaration.snapshot["device"]["intended_purpose"] == revision.intended_purpose
        elif product.stage != P.WITHDRAWN:
            assert not in_force

    def a_declaration_stands_for_what_is_declared_and_for_nothing_else(
        self, product: Product, revisions: list[Revision], standing: dict[int, Declaration]
    ) -> None:
        if product.stage in (P.WITHDRAWN, P.ABANDONED):
            assert not standing
        else:
            assert standing.keys() == {r.pk for r in revisions if r.stage in (R.DECLARED, R.IN_FORCE, R.PHASING_OUT)}

    def at_most_one_revision_is_coming_and_one_in_force(self, product: Product, revisions: list[Revision]) -> None:
        coming = sum(r.stage in (R.OPEN, R.DECLARED) for r in revisions)
        assert sum(r.stage == R.IN_FORCE for r in revisions) <= 1
        if product.stage in (P.PROPOSED, P.ELIGIBLE, P.DEVELOPMENT, P.REJECTED):
            assert coming == 1
        else:
            assert coming <= (product.stage in (P.IN_USE, P.SUSPENDED))

    def from_development_on_someone_owns_it(self, product: Product) -> None:
        held = Appointment.objects.filter(product=product, accepted_on__isnull=False, ended_on=None)
        assert [each.person_id for each in held] == ([product.owner_id] if product.owner_id else [])
        if product.stage in (P.DEVELOPMENT, P.IN_USE, P.SUSPENDED, P.WITHDRAWN):
            assert product.owner_id

    def a_stage_is_the_last_step_that_was_taken(self, product: Product, revisions: list[Revision]) -> None:
        steps = Step.objects.filter(product=product).order_by("pk")
        last = {step.revision_id: step.to_stage for step in steps}
        assert product.stage == last[None]
        assert all(revision.stage == last.get(revision.pk, R.OPEN) for revision in revisions)
        assert [step.on for step in steps] == sorted(step.on for step in steps)

    def what_is_placed_is_released_and_ours_and_no_more_than_there_is(self) -> None:
        placed: dict[Item, int] = {}
        here = Placement.objects.filter(item__product=self.pk, until=None)
        for placement in here.select_related("item__revision", "unit__administration"):
            assert placement.unit.administration.institution_id == 1
            placed[placement.item] = placed.get(placement.item, 0) + placement.quantity
        for item, quantity in placed.items():
            assert item.released_on is not None or item.revision.stage in (*R.coming, R.ABANDONED)
            assert item.fate == ""
            assert quantity <= item.quantity

    def a_product_is_paused_exactly_while_a_cause_is_open(self, product: Product) -> None:
        is_open = Suspension.objects.filter(product=product, closed_on=None).exists()
        assert is_open == (product.stage == P.SUSPENDED)

    def the_history_ends_with_what_is(self) -> None:
        kinds: list[tuple[Any, str]] = [
            (Product, "pk"),
            (Revision, "product"),
            (Item, "product"),
            (Appointment, "product"),
            (UnitUse, "product"),
            (Step, "product"),
            (Suspension, "product"),
            (Declaration, "revision__product"),
            (Readiness, "revision__product"),
            (EvidenceDocument, "revision__product"),
            (Placement, "item__product"),
        ]
        for model, link in kinds:
            rows = model._default_manager.filter(**{link: self.pk}).in_bulk()
            kept = model.history.filter(id__in=rows).order_by("history_id")
            last = {entry.id: entry for entry in kept}
            for pk, row in rows.items():
                for field in model._meta.concrete_fields:
                    assert getattr(last[pk], field.attname) == getattr(row, field.attname), field


@pytest.mark.django_db
def test_no_sequence_of_acts_breaks_what_must_always_hold() -> None:
    with stations.on_day(BEGIN):
        TwoLives.beginnings = {name: station().pk for name, station in STATIONS.items()}
        TwoLives.cast = {
            "owner": factories.person(None),
            "successor": factories.user("Siv Sjö", level=User.Level.HEAD_OF_UNIT),
            "engineer": factories.person(Role.ENGINEER),
            "manager": factories.person(Role.MANAGER),
            "registrar": factories.person(Role.REGISTRAR),
            "nurse": factories.nurse(),
            "outsider": factories.outsider(),
        }
    with stations.quick():
        run_state_machine_as_test(TwoLives, settings=SETTINGS)
