"""Proving once more that it is you, for exactly these bytes, once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from organisation import clock, factors, lockout, people, proofs
from organisation.models import Proof, User
from tests import factories

pytestmark = pytest.mark.django_db

PAPER, OTHER = (hashlib.sha256(text).hexdigest() for text in (b"this declaration", b"another one"))
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def noon() -> Iterator[None]:
    with clock.at(NOON):
        yield


def prove(user: User, digest: str = PAPER, *, password: str = factories.PASSWORD, code: str = "") -> Proof:
    return proofs.prove_by_code(user, digest, password=password, code=code or factories.code(user))


def test_password_and_code_prove_it_for_one_paper_once(owner: User) -> None:
    prove(owner)
    with clock.at(NOON + timedelta(minutes=5)):
        taken = proofs.take(owner, PAPER)
    assert (taken.user, taken.digest, taken.method) == (owner, PAPER, Proof.Method.CODE)
    with pytest.raises(ValidationError, match="has been used"):
        proofs.take(owner, PAPER)


def test_a_proof_is_not_taken_for_another_paper_by_another_person_or_later(owner: User, nurse: User) -> None:
    with pytest.raises(ValidationError, match="Prove first"):
        proofs.take(owner, PAPER)
    prove(owner)
    with pytest.raises(ValidationError, match="not the one you proved it for"):
        proofs.take(owner, OTHER)
    with pytest.raises(ValidationError, match="Prove first"):
        proofs.take(nurse, PAPER)
    with (
        clock.at(NOON + timedelta(minutes=5, seconds=1)),
        pytest.raises(ValidationError, match="more than five minutes"),
    ):
        proofs.take(owner, PAPER)
    with clock.at(NOON - timedelta(seconds=1)), pytest.raises(ValidationError, match="more than five minutes"):
        proofs.take(owner, PAPER)
    assert Proof.objects.get().used_at is None


def test_the_database_lets_a_proof_be_used_once_and_never_be_turned_to_other_bytes(owner: User) -> None:
    prove(owner)
    proofs.take(owner, PAPER)
    for change in ({"used_at": None}, {"digest": OTHER}, {"made_at": NOON + timedelta(days=1)}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Proof.objects.update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        Proof.objects.all().delete()


Act = tuple[str, int, str]
ACTS = st.lists(
    st.tuples(
        st.sampled_from(["prove", "take", "take", "wait"]), st.sampled_from([0, 1]), st.sampled_from([PAPER, OTHER])
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=ACTS)
def test_whatever_is_done_in_whatever_order_no_proof_counts_twice_or_for_something_else(
    owner: User, nurse: User, acts: list[Act]
) -> None:
    moment, newest, used = NOON, {}, set()
    with transaction.atomic():
        for act, who, digest in acts:
            user = (owner, nurse)[who]
            with clock.at(moment):
                if act == "wait":
                    moment += timedelta(minutes=2)
                elif act == "prove":
                    newest[who, digest] = factories.proof(user, digest)
                else:
                    there = newest.get((who, digest))
                    good = there and there.pk not in used and moment - there.made_at <= timedelta(minutes=5)
                    try:
                        proof = proofs.take(user, digest)
                    except ValidationError:
                        assert not good
                    else:
                        assert good
                        assert proof == there
                        used.add(proof.pk)
        transaction.set_rollback(True)


@pytest.mark.parametrize("wrong", [{"password": "wrong"}, {"code": "000000"}, {"code": "recovery"}])
def test_what_is_wrong_proves_nothing_and_counts(owner: User, wrong: dict[str, str]) -> None:
    right = factories.code(owner)
    spare = factors.renew_recovery(owner)[0]
    if wrong.get("code") == "recovery":
        wrong = {"code": spare}
    for _attempt in range(lockout.MOST):
        with pytest.raises(ValidationError, match="do not fit"):
            prove(owner, **wrong)
    with pytest.raises(lockout.Locked):
        prove(owner, code=right)
    with clock.at(NOON + lockout.PAUSE):
        prove(owner)
    assert Proof.objects.count() == 1


def test_a_code_counts_once_for_signing_in_and_proving_together(owner: User) -> None:
    code = factories.code(owner)
    assert factors.right_code(owner, code, recovery=False)
    with pytest.raises(ValidationError, match="has been used"):
        prove(owner, code=code)


def test_a_password_alone_signs_nothing_but_opens_the_way_to_a_second_factor(owner: User) -> None:
    assert proofs.methods(owner, PAPER) == []
    with pytest.raises(ValidationError, match="cannot prove it this way"):
        proofs.prove_by_password(owner, PAPER, password=factories.PASSWORD)
    proofs.prove_by_password(owner, proofs.CHANGE, password=factories.PASSWORD)
    assert proofs.waiting(owner, proofs.CHANGE)
    factors.issue(owner)
    with pytest.raises(ValidationError, match="cannot prove it this way"):
        proofs.prove_by_password(owner, proofs.CHANGE, password=factories.PASSWORD)


def test_a_recovery_code_replaces_a_lost_phone_and_signs_nothing(owner: User) -> None:
    factories.code(owner)
    spare = factors.renew_recovery(owner)[0]
    prove(owner, proofs.CHANGE, code=spare)
    proofs.take(owner, proofs.CHANGE)
    with pytest.raises(ValidationError, match="do not fit"):
        prove(owner, proofs.CHANGE, code=spare)


def test_someone_deactivated_proves_nothing(owner: User, operator: User) -> None:
    code = factories.code(owner)
    people.deactivate(owner, reason="Left", by=operator)
    with pytest.raises(ValidationError, match="cannot prove it this way"):
        prove(owner, code=code)


# --- at the door


def post(client: Client, **sent: str) -> Any:
    return client.post(reverse("organisation:prove"), {"digest": PAPER, "next": "/products/"} | sent)


def test_at_the_door_one_proves_it_and_goes_on(client: Client, owner: User) -> None:
    code = factories.code(owner)
    client.force_login(owner)
    page = client.get(reverse("organisation:prove"), {"digest": PAPER, "next": "/products/"})
    assert PAPER in page.text
    assert "no-store" in page["Cache-Control"]
    wrong = post(client, password="wrong", code=code)
    assert "do not fit" in wrong.text
    assert "wrong" not in wrong.text.split("<main", 1)[1]
    assert post(client, password=factories.PASSWORD, code=code)["Location"] == "/products/"
    proofs.take(owner, PAPER)


def test_the_door_leads_to_no_other_site_and_proves_nothing_without_a_digest(client: Client, owner: User) -> None:
    code = factories.code(owner)
    client.force_login(owner)
    for sent in (
        {"next": "https://elsewhere.example/"},
        {"next": "//elsewhere.example"},
        {"digest": "short"},
        {"next": ""},
    ):
        assert post(client, password=factories.PASSWORD, code=code, **sent)["Location"] == reverse(
            "organisation:account"
        )
    assert not Proof.objects.exists()


def test_whoever_has_nothing_to_prove_it_with_is_told_where_to_set_it_up(client: Client, owner: User) -> None:
    client.force_login(owner)
    page = client.get(reverse("organisation:prove"), {"digest": PAPER, "next": "/products/"}).text
    assert "You have nothing to prove it with." in page
    assert f'href="{reverse("organisation:account")}"' in page


def test_too_many_wrong_proofs_are_answered_by_a_page_that_says_when(client: Client, owner: User) -> None:
    code = factories.code(owner)
    client.force_login(owner)
    for _attempt in range(lockout.MOST):
        assert post(client, password="wrong", code=code).status_code == 200
    answer = post(client, password=factories.PASSWORD, code=code)
    assert answer.status_code == 429
    assert answer["Retry-After"] == str(int(lockout.PAUSE.total_seconds()))
    assert "13:15" in answer.text
    assert not Proof.objects.exists()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_two_who_take_one_proof_at_once_one_gets_it(owner: User) -> None:
    from concurrent.futures import ThreadPoolExecutor
    from threading import Barrier

    from django.db import connection

    factories.proof(owner, PAPER)
    together = Barrier(4)

    def take(_n: int) -> bool:
        with clock.at(NOON):
            together.wait()
            try:
                proofs.take(owner, PAPER)
            except ValidationError:
                return False
            finally:
                connection.close()
            return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(take, range(4))) == [False, False, False, True]
