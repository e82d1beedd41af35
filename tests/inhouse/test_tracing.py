"""A patient's use is noted only when patients could meet the item; looks and erasures are for those who may."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from inhouse import declarations, holds, lifecycle, suspension, tracing, withdrawal
from organisation import clock
from organisation.models import Role, User
from products import identity, traceability
from products.identity import Kind
from products.models import Item, PatientLookUp, PatientUse, Product, Revision
from tests import factories, stations
from tests.refusals import refused

pytestmark = pytest.mark.django_db

PERSON = identity.parse(Kind.SE_PERSONNUMMER, "19900602-2397")
PURPOSE = "Recall of lot 7, the ward asked"
IN_USE, PAUSED, RESUMED = date(2026, 3, 2), date(2026, 3, 9), date(2026, 3, 12)


@pytest.fixture(autouse=True)
def quick_pdf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(declarations, "render", stations.unset)


@pytest.fixture
def product(db: None) -> Product:
    with stations.on_day(IN_USE):
        return stations.in_use()


@pytest.fixture
def item(product: Product) -> Item:
    return product.items.get()


def note(item: Item, day: date, *, by: User | None = None, **given: Any) -> PatientUse:
    """Noted on 20 March, when everything below has happened."""
    with stations.on_day("2026-03-20"):
        given.setdefault("unit", factories.ward())
        by = by or stations.engineer(item.product)
        return tracing.note_use(item, identifier=PERSON, used_on=day, by=by, **given)


def pause(product: Product) -> None:
    with stations.on_day(PAUSED):
        suspension.suspend(product, cause="An adapter came loose", by=stations.engineer(product))


def test_a_use_is_noted_for_an_item_in_use_where_it_is(item: Item) -> None:
    use = note(item, IN_USE)
    assert (use.item, use.unit, use.used_on, use.noted_by) == (
        item,
        factories.ward(),
        IN_USE,
        stations.engineer(item.product),
    )


@pytest.mark.parametrize(
    ("day", "why"), [(IN_USE - timedelta(days=1), "proposed"), (date(2026, 3, 21), "future")], ids=["before", "future"]
)
def test_no_use_before_the_product_was_in_use_and_none_in_the_future(item: Item, day: date, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        note(item, day)
    assert not PatientUse.objects.exists()


def test_a_paused_product_is_quarantined(product: Product, item: Item) -> None:
    pause(product)
    with pytest.raises(ValidationError, match="quarantined"):
        note(item, PAUSED)
    with pytest.raises(ValidationError, match="no patient may meet"):
        note(item, PAUSED + timedelta(days=1), earlier=True)
    assert not PatientUse.objects.exists()


def test_whoever_met_it_before_the_pause_is_not_forgotten(product: Product, item: Item) -> None:
    pause(product)
    note(item, PAUSED - timedelta(days=1))
    note(item, PAUSED, earlier=True)
    assert PatientUse.objects.count() == 2
    latest = PatientUse.history.latest()  # type: ignore[attr-defined]
    assert latest.history_change_reason == "Before use was paused or ended that day."


def test_use_goes_on_when_it_is_resumed(product: Product, item: Item) -> None:
    pause(product)
    with stations.on_day(RESUMED):
        suspension.resume(product, measures="Glued", by=stations.owner_of(product))
    note(item, RESUMED)


def test_no_use_after_withdrawal_but_late_notes_of_earlier_ones(product: Product, item: Item) -> None:
    with stations.on_day(PAUSED):
        withdrawal.withdraw(product, reason="There is one to buy", by=stations.owner_of(product))
    with pytest.raises(ValidationError, match="out of use"):
        note(item, PAUSED + timedelta(days=1))
    note(item, PAUSED - timedelta(days=1))


def test_an_item_of_a_revision_not_yet_in_force_meets_no_patient() -> None:
    with stations.on_day(IN_USE):
        product = stations.second_declared()
        item = stations.placed(product, "002", revision=stations.coming(product))
    with pytest.raises(ValidationError, match="revision 2, which was not in force"):
        note(item, IN_USE)
    with stations.on_day(PAUSED):
        lifecycle.move(stations.coming(product), Revision.Stage.IN_FORCE, by=stations.owner_of(product))
    note(item, PAUSED)


def test_an_item_meets_patients_only_released_and_where_it_was(product: Product, item: Item) -> None:
    elsewhere = factories.ward("Operation 2")
    with pytest.raises(ValidationError, match="was not at Operation 2"):
        note(item, IN_USE, unit=elsewhere)
    with stations.on_day(PAUSED):
        unreleased = stations.made(product, "002")
        traceability.place(item, unit=elsewhere, since=PAUSED, by=stations.engineer(product))
    with pytest.raises(ValidationError, match="not released"):
        note(unreleased, PAUSED)
    note(item, PAUSED, unit=elsewhere)
    note(item, PAUSED)  # it was at both that day
    with pytest.raises(ValidationError, match="was not at"):
        note(item, RESUMED)


@pytest.mark.parametrize(("fate", "noted"), [("scrapped", False), ("implanted", True)])
def test_an_item_out_of_use_meets_nobody_unless_the_use_was_its_fate(item: Item, fate: str, noted: bool) -> None:
    with stations.on_day(PAUSED):
        withdrawal.end_item(item, fate=fate, on=PAUSED, by=stations.engineer(item.product))
    if noted:
        note(item, PAUSED)
    else:
        with pytest.raises(ValidationError, match="out of use"):
            note(item, PAUSED)
    with pytest.raises(ValidationError, match="out of use"):
        note(item, PAUSED + timedelta(days=1))
    note(item, PAUSED - timedelta(days=1))


def test_only_those_who_may_note_a_use(item: Item, nurse: User, registrar: User, auditor: User, outsider: User) -> None:
    for other in (nurse, registrar, auditor, outsider):
        with pytest.raises(PermissionDenied):
            note(item, IN_USE, by=other)
    assert not PatientUse.objects.exists()


# Looking


def test_a_look_opens_what_a_patient_met_for_a_quarter_of_an_hour(item: Item, engineer: User, owner: User) -> None:
    use = note(item, IN_USE)
    at = stations.moment("2026-04-01")
    with clock.at(at):
        assert tracing.find(PERSON, purpose=PURPOSE, by=engineer) == use.patient
        assert tracing.met(use.patient, by=engineer) == tracing.Met([use], 0)
        assert not tracing.is_open(use.patient, by=owner)
    with clock.at(at + timedelta(minutes=14)):
        assert tracing.is_open(use.patient, by=engineer)
    with clock.at(at + timedelta(minutes=15)):
        with pytest.raises(PermissionDenied, match="why"):
            tracing.met(use.patient, by=engineer)
        tracing.reopen(use.patient, purpose=PURPOSE, by=engineer)
        assert tracing.met(use.patient, by=engineer).uses == [use]
    assert [look.kind for look in PatientLookUp.objects.all()] == ["opened", "by_number"]


def test_uses_in_another_administration_are_counted_and_not_shown(item: Item, outsider: User, nurse: User) -> None:
    use = note(item, IN_USE)
    with stations.on_day("2026-04-01"):
        assert tracing.find(PERSON, purpose=PURPOSE, by=outsider) == use.patient
        assert tracing.met(use.patient, by=outsider) == tracing.Met([], 1)
        for act in (
            lambda: tracing.find(PERSON, purpose=PURPOSE, by=nurse),
            lambda: tracing.met(use.patient, by=nurse),
            lambda: tracing.reopen(use.patient, purpose=PURPOSE, by=nurse),
            lambda: tracing.reveal(use, purpose=PURPOSE, by=outsider),
        ):
            with pytest.raises(PermissionDenied):
                act()
    assert PatientLookUp.objects.count() == 1


def test_an_owner_without_a_role_looks_for_the_patients_of_the_product(item: Item, owner: User) -> None:
    use = note(item, IN_USE)
    with stations.on_day("2026-04-01"):
        tracing.find(PERSON, purpose=PURPOSE, by=owner)
        assert tracing.met(use.patient, by=owner).uses == [use]
        assert tracing.reveal(use, purpose=PURPOSE, by=owner) == "19900602-2397"


# Forgetting


def test_a_number_that_serves_two_administrations_is_erased_by_the_whole_institution(
    item: Item, registrar: User, engineer: User
) -> None:
    patient = note(item, IN_USE).patient
    with stations.on_day(IN_USE):
        other = stations.in_use("Drill guide", unit=factories.unit(at=factories.other_administration()))
    note(other.items.get(), IN_USE, unit=factories.ward(at=factories.other_administration()))
    for someone in (registrar, engineer, factories.outsider()):
        with pytest.raises(PermissionDenied):
            tracing.erase(patient, decision="Dnr 2026-17", by=someone)
    assert not patient.is_erased
    factories.person(Role.REGISTRAR, everywhere=True)
    tracing.erase(patient, decision="Dnr 2026-17", by=User.objects.get(pk=registrar.pk))
    assert patient.is_erased


def test_a_registrar_erases_a_number_of_the_own_administration(item: Item, registrar: User) -> None:
    patient = note(item, IN_USE).patient
    tracing.erase(patient, decision="Dnr 2026-17", by=registrar)
    assert patient.is_erased


def test_no_number_is_erased_while_a_hold_stands_on_any_product_the_patient_met(item: Item, registrar: User) -> None:
    patient = note(item, IN_USE).patient
    with stations.on_day(IN_USE):
        other = stations.in_use("Drill guide")
    note(other.items.get(), IN_USE)
    hold = holds.place(other, reason="A claim", reference="RS 1", by=registrar)
    with refused("RS 1"):
        tracing.erase(patient, decision="Dnr 2026-17", by=registrar)
    assert not patient.is_erased
    holds.lift(hold, reason="Settled", by=registrar)
    tracing.erase(patient, decision="Dnr 2026-17", by=registrar)
    assert patient.is_erased
