"""Several people at the same moment, on PostgreSQL: one succeeds, the others are told so, and nothing is torn."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, date, datetime
from functools import partial
from threading import Barrier, Event, Thread
from typing import Any
from unittest.mock import patch

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction

from documents import merkle, rendering
from documents.models import Erasure, SignedFile
from inhouse import (
    assessment,
    declarations,
    disposal,
    holds,
    lifecycle,
    owners,
    signing,
    suspension,
    tracing,
    withdrawal,
)
from inhouse.deadlines import acts, following
from inhouse.dossier import current
from inhouse.models import (
    Appointment,
    Assessment,
    Change,
    Checkpoint,
    Deadline,
    Declaration,
    Disposal,
    Hold,
    Leaf,
    NextReminder,
    Step,
    Suspension,
)
from inhouse.reminders import relay, sweep
from organisation import clock
from organisation.models import Unit, User
from products import identity, traceability
from products.models import Item, PatientIdentity, PatientUse, Product, Revision
from tests import factories, stations

pytestmark = [pytest.mark.postgres, pytest.mark.django_db(transaction=True)]

P = Product.Stage


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """What became of each act when all began at the same moment, each with a connection of its own, on the day it is here."""
    start, moment = Barrier(len(acts)), clock.moment()
    results: list[Any] = [None] * len(acts)

    def run(number: int) -> None:
        try:
            start.wait(10)
            with clock.at(moment) if moment else nullcontext():
                results[number] = acts[number]()
        except Exception as trouble:
            results[number] = trouble
        finally:
            connection.close()

    threads = [Thread(target=run, args=(number,)) for number in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads), "they wait for each other"
    return results


def refusals(results: list[Any]) -> list[str]:
    """What those who came too late were told; anything but a refusal is a fault."""
    told = []
    for result in results:
        if isinstance(result, ValidationError):
            told.append(" ".join(result.messages))
        elif isinstance(result, Exception):
            raise result
    return told


def again(someone: User) -> User:
    """The same person at another screen."""
    return User.objects.get(pk=someone.pk)


def test_of_six_signatures_at_once_one_becomes_the_declaration(owner: User) -> None:
    product = stations.documented()
    frozen = stations.freeze(product)
    stations.prove(owner, frozen.sha256)
    with stations.quick():
        results = at_once(*[lambda: signing.sign(frozen, by=again(owner))] * 6)
    assert refusals(results) == ["This was signed or given up in the meantime."] * 5
    assert (Declaration.objects.count(), SignedFile.objects.count()) == (1, 1)
    assert Step.objects.filter(to_stage="declared").count() == 1


def test_proposals_at_once_get_numbers_of_their_own(unit: Unit, nurse: User) -> None:
    def propose() -> str:
        return assessment.propose(name="Adapter", summary="Holds", unit=unit, by=nurse).number

    numbers = at_once(*[propose] * 6)
    assert sorted(numbers) == [f"IH-{clock.today().year}-{n:04d}" for n in range(1, 7)]


def test_of_two_people_asked_at_once_one_is(manager: User, owner: User, nurse: User) -> None:
    product = stations.eligible()
    results = at_once(
        lambda: owners.appoint(product, person=owner, by=again(manager)),
        lambda: owners.appoint(product, person=nurse, level_reason="Knows it best", by=again(manager)),
    )
    assert len(refusals(results)) == 1
    assert Appointment.objects.count() == 1


def test_a_request_accepted_twice_and_taken_back_at_once_is_answered_once(manager: User, owner: User) -> None:
    product = stations.eligible()
    asked = owners.appoint(product, person=owner, by=manager)
    results = at_once(
        lambda: owners.accept(asked, by=again(owner)),
        lambda: owners.accept(asked, by=again(owner)),
        lambda: owners.take_back(asked, by=again(manager)),
    )
    assert refusals(results) == ["This request is already answered."] * 2
    d = current(stations.fresh(product))
    assert (d.ownership is None) == (d.product.owner is None)


def test_a_decision_is_made_once(manager: User) -> None:
    product = stations.assessed()
    results = at_once(
        lambda: assessment.decide(product, make=True, reason="Yes", by=again(manager)),
        lambda: assessment.decide(product, make=False, end="other", reason="No", by=again(manager)),
    )
    assert refusals(results) == ["This proposal is already decided."]
    product = stations.fresh(product)
    assert (product.stage, product.assessments.get().decision) in (("eligible", "manufacture"), ("rejected", "reject"))


def test_what_happens_at_once_is_entered_in_the_register_without_gap_or_fork(registrar: User, owner: User) -> None:
    """Four are published while a fifth is withdrawn and all ask twice: one log, each index once, every root of it signed."""
    waiting = [stations.declaration(stations.declared(f"Adapter {n}", owner=owner)) for n in range(4)]
    product = stations.declared("Adapter 4", owner=owner)
    stations.registered(product)
    ended = stations.declaration(product)

    def publish(each: Declaration) -> Callable[[], None]:
        return lambda: declarations.publish(each, by=again(registrar))

    acts = [publish(each) for each in waiting for _ in range(2)]
    acts += [lambda: declarations.withdraw(ended, reason="A slip", by=again(owner))] * 2
    told = refusals(at_once(*acts))
    assert sorted(told) == ["It is already published."] * 4 + ["This declaration is withdrawn."]
    leaves = list(Leaf.objects.all())
    assert [leaf.index for leaf in leaves] == list(range(6))
    hashes = [merkle.leaf_hash(leaf.data.encode()) for leaf in leaves]
    assert [checkpoint.root for checkpoint in Checkpoint.objects.all()] == [
        merkle.root(hashes[:size]).hex() for size in range(1, 7)
    ]


def test_an_item_is_released_once(engineer: User) -> None:
    item = stations.made(stations.declared())

    def release() -> None:
        traceability.release(item, made_to="A1", checks="Measured", by=again(engineer))

    assert refusals(at_once(*[release] * 3)) == ["This item is already released."] * 2


def test_no_more_of_a_lot_is_placed_than_there_is(engineer: User) -> None:
    lot = stations.released(stations.declared(), "L1", lot_of=10)
    wards = [factories.ward(f"Ward {n}") for n in range(4)]

    def place(ward: Unit) -> Callable[[], Any]:
        return lambda: traceability.place(lot, unit=ward, quantity=4, since=clock.today(), by=again(engineer))

    results = at_once(*[place(ward) for ward in wards])
    assert refusals(results) == ["Write between 1 and 2: that is what is left of this lot to place."] * 2
    assert traceability.left(lot) == 2


def test_a_serial_moved_to_two_wards_at_once_is_at_one(engineer: User) -> None:
    item = stations.released(stations.declared())
    wards = [factories.ward("A"), factories.ward("B")]
    at_once(
        *[
            lambda ward=ward: traceability.place(item, unit=ward, since=clock.today(), by=again(engineer))
            for ward in wards
        ]
    )
    assert item.placements.filter(until=None).count() == 1


def test_two_items_with_the_same_number_registered_at_once_are_one(engineer: User) -> None:
    product = stations.declared()
    results = at_once(*[lambda: stations.made(product, "001")] * 2)
    assert refusals(results) == ["This product already has an item with that number."]
    assert Item.objects.count() == 1


def test_a_pause_and_the_step_into_use_do_not_cross(owner: User, engineer: User) -> None:
    product = stations.ready()
    results = at_once(
        lambda: lifecycle.move(stations.fresh(product), P.IN_USE, by=again(owner)),
        lambda: suspension.suspend(stations.fresh(product), cause="It came loose", by=again(engineer)),
    )
    too_early = refusals(results)
    stage = stations.fresh(product).stage
    assert (stage, len(too_early), Suspension.objects.count()) in (("in_use", 1, 0), ("suspended", 0, 1))
    assert Step.objects.filter(revision=None).latest("pk").to_stage == stage


def test_going_on_and_withdrawing_at_once_ends_withdrawn(owner: User, manager: User) -> None:
    product = stations.suspended()
    results = at_once(
        lambda: suspension.resume(product, measures="Glued", by=again(owner)),
        lambda: withdrawal.withdraw(product, reason="Unsafe", by=again(manager)),
    )
    assert not isinstance(results[1], Exception)
    assert refusals(results[:1]) in ([], ["Use is not paused."])
    assert stations.fresh(product).stage == "withdrawn"
    assert not Declaration.objects.standing().exists()


def test_two_essential_changes_at_once_open_one_revision(engineer: User) -> None:
    product = stations.in_use()
    results = at_once(*[lambda: stations.changing(product)] * 3)
    assert len(refusals(results)) == 2
    assert (Revision.objects.count(), Change.objects.count()) == (2, 1)


def test_the_last_two_items_scrapped_at_once_close_the_revision_once(engineer: User) -> None:
    product = stations.in_use()
    stations.placed(product, "002")
    withdrawal.withdraw(product, reason="Unsafe", by=stations.owner_of(product))
    items = list(product.items.all())
    results = at_once(
        *[
            lambda item=item: withdrawal.end_item(item, fate="scrapped", on=clock.today(), by=again(engineer))
            for item in items
        ]
    )
    assert refusals(results) == []
    assert Step.objects.filter(to_stage="closed").count() == 1


def test_a_declaration_withdrawn_while_the_product_comes_into_use_is_refused_or_stops_it(owner: User) -> None:
    product = stations.ready()
    declaration = stations.declaration(product)
    results = at_once(
        lambda: lifecycle.move(stations.fresh(product), P.IN_USE, by=again(owner)),
        lambda: declarations.withdraw(declaration, reason="A wrong drawing", by=again(owner)),
    )
    assert len(refusals(results)) == 1
    stands = Declaration.objects.standing().exists()
    assert (stations.fresh(product).stage, stands) in (("in_use", True), ("development", False))


def test_a_diary_number_is_given_once(registrar: User) -> None:
    declaration = stations.declaration(stations.declared())

    def enter(number: str) -> Callable[[], None]:
        return lambda: declarations.enter(declaration, diary_number=number, diary_name="MT", by=again(registrar))

    results = at_once(enter("MT 1"), enter("MT 2"))
    [told] = refusals(results)
    assert told == f"It is already in the diary as {Declaration.objects.get().diary_number}."


def test_what_was_declared_meanwhile_is_not_described_any_more(owner: User, engineer: User) -> None:
    product = stations.documented()
    frozen = stations.freeze(product)
    stations.prove(owner, frozen.sha256)
    with stations.quick():
        results = at_once(
            lambda: signing.sign(frozen, by=again(owner)),
            lambda: stations.describe(product, intended_purpose="Holds two catheters"),
        )
    assert len(refusals(results)) == 1
    revision = Revision.objects.get()
    declared = Declaration.objects.first()
    assert (declared is None) == (revision.stage == "open")
    if declared:
        assert declared.snapshot["device"]["intended_purpose"] == revision.intended_purpose


def test_abandoning_a_revision_and_bringing_it_into_force_do_not_cross(owner: User, manager: User) -> None:
    product = stations.second_declared()
    coming = stations.coming(product)
    declaration = stations.declaration(product)
    results = at_once(
        lambda: lifecycle.move(stations.coming(product), Revision.Stage.IN_FORCE, by=again(owner)),
        lambda: declarations.withdraw(declaration, reason="A wrong drawing", by=again(manager)),
    )
    assert len(refusals(results)) == 1
    coming.refresh_from_db()
    assert coming.stage in ("in_force", "open")
    assert Revision.objects.filter(stage="in_force").count() == 1


@pytest.fixture
def due() -> Deadline:
    """One whose owner is to be told on 2 May that it is due on 1 June."""
    with stations.on_day("2026-03-01"):
        product = stations.in_use()
        following.follow([product])
        deadline = Deadline.objects.open().get(product=product, kind="follow_up")
    deadline.remind_on(date(2026, 5, 2))
    return deadline


def snoozing(deadline: Deadline) -> None:
    assert deadline.product
    acts.snooze(deadline, until=date(2026, 5, 28), reason="Waits", by=stations.owner_of(deadline.product))


def sweeping(deadline: Deadline) -> None:
    sweep.sweep()


def test_a_deadline_that_is_snoozed_while_sweeps_go_on_is_silent_until_its_day(due: Deadline) -> None:
    with stations.on_day("2026-05-02"):
        assert refusals(at_once(*(partial(act, due) for act in (sweeping, snoozing, sweeping)))) == []
    assert NextReminder.objects.get(deadline=due).day == date(2026, 5, 28)
    with clock.at(datetime(2026, 5, 2, 13, tzinfo=UTC)):
        relay.relay()
    assert not due.reminders.exclude(sent_at=None).exists()


@pytest.mark.parametrize(("first", "other"), [(sweeping, snoozing), (snoozing, sweeping)])
def test_neither_a_sweep_nor_a_snooze_is_undone_by_the_other(
    due: Deadline, first: Callable[[Deadline], None], other: Callable[[Deadline], None]
) -> None:
    """One is held open at the end of its transaction while the other comes."""
    begun, come = Event(), Event()

    def held_open() -> None:
        with transaction.atomic():
            first(due)
            begun.set()
            come.wait(2)

    def comes() -> None:
        assert begun.wait(10)
        other(due)
        come.set()

    with stations.on_day("2026-05-02"):
        assert refusals(at_once(held_open, comes)) == []
    assert NextReminder.objects.get(deadline=due).day == date(2026, 5, 28)


def test_who_meets_another_product_while_identities_are_erased_is_still_known(
    registrar: User, engineer: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = stations.in_use("One"), stations.in_use("Other")
    listed, noted = Event(), Event()
    real = disposal.known_patients

    def slowly(product: Product) -> list[Any]:
        found = real(product)
        listed.set()
        noted.wait(2)
        return found

    def meet(product: Product) -> PatientUse:
        return tracing.note_use(
            product.items.get(), identifier=identity.parse("se_personnummer", "19900602-2397"), used_on=clock.today(),
            unit=factories.ward(), by=again(engineer),
        )  # fmt: skip

    def meet_meanwhile() -> None:
        listed.wait(10)
        meet(other)
        noted.set()

    meet(one)
    monkeypatch.setattr(disposal, "known_patients", slowly)
    results = at_once(lambda: disposal.erase_patients(one, decision="RS 31-7", by=again(registrar)), meet_meanwhile)
    assert refusals(results) == []
    use = PatientUse.objects.get(item__product=other)
    assert PatientIdentity.objects.filter(patient=use.patient).exists()


def test_two_workers_carry_out_one_disposal_once(db: None) -> None:
    product = stations.expired()
    with stations.on_day(stations.floor(product)):
        made = stations.confirmed_disposal(product)

        with stations.quick(), patch.object(rendering, "pdf", stations.small):
            assert refusals(at_once(*[lambda: disposal.execute(made.pk)] * 3)) == []
    assert Erasure.objects.count() == 1
    assert SignedFile.objects.filter(name__endswith="disposal.pdf").count() == 1
    assert Step.objects.filter(to_stage=P.DISPOSED).count() == 1


def test_a_hold_placed_while_records_are_disposed_of_stops_it_or_comes_too_late(registrar: User) -> None:
    product = stations.expired()
    with stations.on_day(stations.floor(product)):
        made = stations.confirmed_disposal(product)

        def hold() -> Hold:
            return holds.place(product, reason="A claim", reference="RS 1", by=again(registrar))

        with stations.quick(), patch.object(rendering, "pdf", stations.small):
            told = refusals(at_once(lambda: disposal.execute(made.pk), hold))
    gone = stations.fresh(product).stage == P.DISPOSED
    assert gone == (told == ["The records of this product have been disposed of."]) == (not Hold.objects.exists())
    assert gone == (not Assessment.objects.exists())
    assert Disposal.objects.get().is_confirmed == gone


def test_a_disposal_confirmed_by_two_and_cancelled_at_once_has_one_end(manager: User) -> None:
    product = stations.expired()
    with stations.on_day(stations.floor(product)):
        made = stations.proposed_disposal(product)

        def confirm() -> None:
            disposal.confirm(made, sha256=made.sha256, by=again(manager))

        def cancel() -> None:
            disposal.cancel(made, reason="Taken back", by=again(manager))

        told = refusals(at_once(confirm, confirm, cancel))
    assert Disposal.objects.get().end == Disposal.End.CANCELLED
    assert len(told) in (1, 2)
    assert set(told) <= {
        "This disposal has been executed or cancelled in the meantime.", "This disposal is already confirmed.",
    }  # fmt: skip
