"""The product owner at the door: asked, accepted, declined, taken back, handed over."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from inhouse import owners
from inhouse.models import Appointment
from organisation.models import User
from products.models import Product
from tests import stations

pytestmark = pytest.mark.django_db


def page(product: Product) -> str:
    return reverse("inhouse:owner", args=[product.pk])


def text(client: Client, product: Product) -> str:
    return client.get(page(product)).content.decode()


def asked(product: Product, person: User) -> Appointment:
    reason = "" if person.leads else "Knows it best"
    return owners.appoint(product, person=person, level_reason=reason, by=stations.manager(product))


def test_a_manager_asks_a_head_of_unit(client: Client, manager: User, owner: User) -> None:
    product = stations.eligible()
    client.force_login(manager)
    shown = text(client, product)
    assert "Ola Berg · Head of unit · Medicinsk teknik" in shown
    assert shown.index("Head of unit or higher") < shown.index("Ola Berg ·") < shown.index("Others: needs a reason")
    assert shown.index("Others: needs a reason") < shown.index("Eva Ek ·")
    answer = client.post(page(product), {"person": owner.pk}, follow=True)
    assert "Nobody owns the product until Ola Berg accepts." in answer.content.decode()
    assert Appointment.objects.get().is_waiting


def test_someone_below_head_of_unit_is_asked_only_with_a_reason(client: Client, manager: User, engineer: User) -> None:
    product = stations.eligible()
    client.force_login(manager)
    answer = client.post(page(product), {"person": engineer.pk})
    assert list(answer.context["appoint"].errors) == ["level_reason"]
    assert answer.context["appoint"]["person"].value() == str(engineer.pk)
    client.post(page(product), {"person": engineer.pk, "level_reason": "Knows it best"})
    assert Appointment.objects.get().person == engineer


def test_the_person_asked_reads_what_it_means_and_accepts(client: Client, owner: User) -> None:
    product = stations.eligible()
    request = asked(product, owner)
    client.force_login(owner)
    assert "You sign the declaration" in text(client, product)
    answer = client.post(reverse("inhouse:owner-answer", args=[request.pk]), {"answer": "accept"})
    assert answer["Location"] == page(product)
    assert stations.owner_of(product) == owner


def test_the_person_asked_declines_with_a_reason(client: Client, owner: User) -> None:
    product = stations.eligible()
    request = asked(product, owner)
    client.force_login(owner)
    address = reverse("inhouse:owner-answer", args=[request.pk])
    answer = client.post(address, {"answer": "decline", "reason": ""})
    assert list(answer.context["decline"].errors) == ["reason"]
    client.post(address, {"answer": "decline", "reason": "I am retiring"})
    assert "I am retiring" in text(client, product)
    assert stations.fresh(product).owner is None


def test_nobody_else_answers_for_the_person_asked(client: Client, owner: User, nurse: User) -> None:
    request = asked(stations.eligible(), owner)
    client.force_login(nurse)
    address = reverse("inhouse:owner-answer", args=[request.pk])
    assert client.post(address, {"answer": "accept"}).status_code == 403
    assert client.get(address).status_code == 302


def test_a_manager_takes_a_request_back_once(client: Client, manager: User, owner: User) -> None:
    product = stations.eligible()
    request = asked(product, owner)
    client.force_login(manager)
    address = reverse("inhouse:owner-take-back", args=[request.pk])
    client.post(address)
    assert "Taken back" in text(client, product)
    assert "already answered" in client.post(address).content.decode()


def test_at_a_hand_over_the_present_owner_stays_until_the_other_accepts(
    client: Client, owner: User, engineer: User, manager: User
) -> None:
    product = stations.owned()
    request = asked(product, engineer)
    client.force_login(manager)
    assert "Ola Berg stays owner until Eva Ek accepts." in text(client, product)
    client.force_login(engineer)
    client.post(reverse("inhouse:owner-answer", args=[request.pk]), {"answer": "accept"})
    assert stations.owner_of(product) == engineer
    assert Appointment.objects.get(person=owner).ended_on is not None


def test_who_cannot_appoint_sees_who_can(client: Client, nurse: User, manager: User, owner: User) -> None:
    product = stations.eligible()
    client.force_login(nurse)
    answer = text(client, product)
    assert manager.name in answer
    assert "Ask this person" not in answer
    assert client.post(page(product), {"person": owner.pk}).status_code == 403


def test_a_proposal_has_no_owner_yet(client: Client, manager: User, owner: User) -> None:
    product = stations.proposed()
    client.force_login(manager)
    assert "Ask this person" not in text(client, product)
    answer = client.post(page(product), {"person": owner.pk})
    assert "not before" in answer.content.decode()


def test_three_requests_take_as_many_queries_as_one(
    client: Client, nurse: User, owner: User, manager: User, django_assert_max_num_queries: Any
) -> None:
    product = stations.eligible()
    client.force_login(nurse)
    owners.decline(asked(product, owner), reason="No time", by=owner)
    text(client, product)
    with django_assert_max_num_queries(100) as one:
        text(client, product)
    for _again in range(2):
        owners.decline(asked(product, owner), reason="No time", by=owner)
    with django_assert_max_num_queries(len(one)):
        assert text(client, product).count("No time") == 3
