"""Who answers for a product: asked, accepted, handed over; never ownerless."""

from __future__ import annotations

from datetime import date

import pytest
from django.db import IntegrityError, transaction

from inhouse import lifecycle, owners, withdrawal
from inhouse.dossier import current, dossier
from organisation.models import User
from products.models import Product
from tests import stations
from tests.refusals import denied, refused

pytestmark = pytest.mark.django_db


def test_whoever_is_asked_owns_the_product_only_after_accepting(manager: User, owner: User) -> None:
    with stations.on_day("2026-03-01"):
        product = stations.eligible()
        asked = owners.appoint(product, person=owner, by=manager)
    assert stations.fresh(product).owner is None
    assert current(product).asked == asked
    with stations.on_day("2026-03-03"):
        owners.accept(asked, by=owner)
    product = stations.fresh(product)
    assert product.owner == owner
    d = current(product)
    assert (d.asked, d.ownership) == (None, asked)
    assert d.ownership is not None
    assert d.ownership.accepted_on == date(2026, 3, 3)


def test_only_a_manager_of_the_administration_appoints(engineer: User, outsider: User, owner: User) -> None:
    product = stations.eligible()
    for person in (engineer, outsider, owner):
        with denied():
            owners.appoint(product, person=owner, by=person)


def test_nobody_is_appointed_before_the_product_may_be_made(manager: User, owner: User) -> None:
    for product in (stations.assessed("A"), stations.rejected("B"), stations.abandoned("C")):
        with refused("not before"):
            owners.appoint(product, person=owner, by=manager)


def test_someone_below_head_of_unit_is_appointed_only_with_a_reason(manager: User, nurse: User) -> None:
    product = stations.eligible()
    for reason in ("", "  "):
        with refused("Say why you choose someone else"):
            owners.appoint(product, person=nurse, level_reason=reason, by=manager)
    owners.appoint(product, person=nurse, level_reason="Knows it best", by=manager)


def test_someone_who_left_is_not_asked_and_does_not_accept(manager: User, owner: User, nurse: User) -> None:
    product = stations.eligible()
    nurse.is_active = False
    nurse.save()
    assert nurse not in owners.candidates()
    with refused("has left"):
        owners.appoint(product, person=nurse, level_reason="Knows it best", by=manager)
    asked = owners.appoint(product, person=owner, by=manager)
    owner.is_active = False
    owner.save()
    with denied():
        owners.accept(asked, by=owner)


def test_only_one_person_is_asked_at_a_time(manager: User, owner: User) -> None:
    product = stations.eligible()
    owners.appoint(product, person=owner, by=manager)
    with refused("already asked"):
        owners.appoint(product, person=manager, by=manager)


def test_nobody_answers_for_another(manager: User, owner: User) -> None:
    asked = owners.appoint(stations.eligible(), person=owner, by=manager)
    with denied():
        owners.accept(asked, by=manager)
    with denied():
        owners.decline(asked, reason="No time", by=manager)


def test_a_request_is_answered_once(manager: User, owner: User) -> None:
    product = stations.eligible()
    asked = owners.appoint(product, person=owner, by=manager)
    owners.decline(asked, reason="No time", by=owner)
    with refused("already answered"):
        owners.accept(asked, by=owner)
    with refused("already answered"):
        owners.take_back(asked, by=manager)
    assert stations.fresh(product).owner is None
    assert product.appointments.get().declined_reason == "No time"


def test_a_request_is_taken_back_by_a_manager_and_another_is_asked(manager: User, owner: User, engineer: User) -> None:
    product = stations.eligible()
    asked = owners.appoint(product, person=owner, by=manager)
    with denied():
        owners.take_back(asked, by=engineer)
    owners.take_back(asked, by=manager)
    with refused("already answered"):
        owners.accept(asked, by=owner)
    owners.appoint(product, person=manager, by=manager)


def test_a_request_dies_with_its_product(manager: User, owner: User) -> None:
    product = stations.eligible()
    asked = owners.appoint(product, person=owner, by=manager)
    withdrawal.abandon(product, reason="The project ended", by=manager)
    with refused("has ended"):
        owners.accept(asked, by=owner)


def test_a_hand_over_leaves_no_day_without_an_owner(manager: User, owner: User) -> None:
    with stations.on_day("2026-03-01"):
        product = stations.in_use()
    with stations.on_day("2026-04-01"):
        asked = owners.appoint(product, person=manager, by=manager)
        assert stations.fresh(product).owner == owner
    with stations.on_day("2026-04-05"):
        owners.accept(asked, by=manager)
    assert stations.fresh(product).owner == manager
    owned = {day: dossier(product, on=date(2026, *day)) for day in ((3, 1), (4, 4), (4, 5), (4, 6))}
    assert [d and d.ownership and d.ownership.person for d in owned.values()] == [owner, owner, manager, manager]


def test_the_owner_is_not_asked_again(manager: User, owner: User) -> None:
    product = stations.owned()
    with refused("already the owner"):
        owners.appoint(product, person=owner, by=manager)


def test_after_a_hand_over_the_earlier_owner_signs_nothing(manager: User, owner: User) -> None:
    product = stations.ready()
    stations.hand_over(product, to=manager)
    with denied():
        lifecycle.move(product, Product.Stage.IN_USE, by=owner)
    lifecycle.move(product, Product.Stage.IN_USE, by=manager)


def test_the_database_knows_no_product_in_development_without_an_owner() -> None:
    product = stations.in_development()
    with pytest.raises(IntegrityError), transaction.atomic():
        Product.objects.filter(pk=product.pk).update(owner=None)
