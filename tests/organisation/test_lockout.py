"""Whoever tries too often waits; an operator lets them try again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from organisation import clock, factors, history, lockout, tasks
from organisation.models import Lockout, User
from tests import factories

pytestmark = pytest.mark.django_db


def attempt(client: Client, email: str, password: str = "wrong") -> int:
    return client.post(reverse("organisation:login"), {"username": email, "password": password}).status_code


def test_after_five_wrong_passwords_not_even_the_right_one_is_looked_at(client: Client, nurse: User) -> None:
    assert [attempt(client, nurse.email.upper()) for _try in range(5)] == [200] * 5
    assert attempt(Client(), nurse.email, factories.PASSWORD) == 429
    with clock.at(clock.now() + lockout.PAUSE + timedelta(seconds=1)):
        assert attempt(client, nurse.email, factories.PASSWORD) == 302


def test_an_address_that_nobody_has_is_treated_the_same(client: Client, nurse: User) -> None:
    unknown = [attempt(client, "nobody@x.example") for _try in range(6)]
    known = [attempt(client, nurse.email) for _try in range(6)]
    assert unknown == known == [200] * 5 + [429]
    assert "nobody" not in str(list(Lockout.objects.values()))


def test_coming_in_forgets_what_failed_but_a_right_password_before_the_code_does_not(nurse: User) -> None:
    for _try in range(4):
        attempt(Client(), nurse.email)
    assert attempt(Client(), nurse.email, factories.PASSWORD) == 302
    for _try in range(4):
        attempt(Client(), nurse.email)
    factories.code(nurse)
    assert attempt(Client(), nurse.email, factories.PASSWORD) == 302  # to the second step, which is not in
    attempt(Client(), nurse.email)
    assert attempt(Client(), nurse.email, factories.PASSWORD) == 429


def test_wrong_codes_count_too(client: Client, nurse: User) -> None:
    code = factories.code(nurse)
    attempt(client, nurse.email, factories.PASSWORD)
    for _try in range(5):
        assert client.post(reverse("mfa_authenticate"), {"code": "12345"}).status_code == 200
    assert client.post(reverse("mfa_authenticate"), {"code": code}).status_code == 429
    assert client.get(reverse("organisation:account")).status_code == 302


def test_so_do_wrong_old_passwords_of_someone_signed_in(client: Client, nurse: User) -> None:
    client.force_login(nurse)
    sent = {"old": "wrong", "new": "seven quiet herons", "again": "seven quiet herons"}
    for _try in range(5):
        client.post(reverse("organisation:password"), sent)
    answer = client.post(reverse("organisation:password"), sent | {"old": factories.PASSWORD})
    assert answer.status_code == 429
    nurse.refresh_from_db()
    assert nurse.check_password(factories.PASSWORD)


def test_an_operator_lets_someone_try_again_and_it_is_on_record(client: Client, operator: User, nurse: User) -> None:
    for _try in range(5):
        attempt(Client(), nurse.email)
    nurse.refresh_from_db()
    client.force_login(operator)
    page = reverse("organisation:person-sign-in", args=[nurse.pk])
    assert "Locked out until" in client.get(page).text
    client.post(page, {"act": "unlock", "reason": "She called, and it was her"})
    assert attempt(Client(), nurse.email, factories.PASSWORD) == 302
    locked, lifted = history.of(nurse).order_by("history_id")[1:3]
    assert (locked.history_user_id, locked.history_change_reason) == (None, "5 failed attempts in a row")
    assert (lifted.history_user_id, lifted.history_change_reason) == (operator.pk, "She called, and it was her")
    with pytest.raises(ValidationError, match="not locked out"):
        lockout.unlock(nurse, reason="Again", by=operator)


def test_nobody_else_lets_anyone_try_again(engineer: User, nurse: User) -> None:
    from tests.refusals import denied

    with denied():
        lockout.unlock(nurse, reason="A favour", by=engineer)
    with denied():
        factors.reset(nurse, reason="A favour", by=engineer)


def test_failures_of_days_ago_are_forgotten(client: Client, nurse: User) -> None:
    for _try in range(4):
        attempt(client, nurse.email)
    with clock.at(clock.now() + timedelta(days=1, minutes=1)):
        attempt(client, nurse.email)
        assert attempt(client, nurse.email, factories.PASSWORD) == 302
        tasks.clear_sessions()
        assert Lockout.objects.count() == 1
    with clock.at(clock.now() + timedelta(days=3)):
        tasks.clear_sessions()
    assert not Lockout.objects.exists()
