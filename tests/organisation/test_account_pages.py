"""Signing in and out, one's own account, and the password that only its owner knows."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.urls import reverse

from organisation import history, people
from organisation.models import Role, User
from tests import factories

pytestmark = pytest.mark.django_db
NEW = "seven quiet herons at dawn"


def sign_in(client: Client, user: User, password: str = factories.PASSWORD, **more: str) -> str:
    """Where signing in leads, or an empty string when it is refused."""
    answer = client.post(reverse("organisation:login"), {"username": user.email, "password": password} | more)
    return answer.get("Location", "")


def test_someone_signs_in_and_comes_to_the_page_they_wanted(client: Client, nurse: User) -> None:
    wanted = client.get(reverse("inhouse:products"))
    assert wanted["Location"] == f"{reverse('organisation:login')}?next=/products/"
    assert "Sign in to go on to that page." in client.get(wanted["Location"]).text
    assert sign_in(client, nurse, next="/products/") == "/products/"
    assert client.cookies["femfem_language"].value == nurse.language


def test_signing_in_leads_to_no_other_site(client: Client, nurse: User) -> None:
    assert sign_in(client, nurse, next="https://elsewhere.example/") == reverse("inhouse:home")


def test_a_wrong_password_is_said_in_plain_words_and_tells_nothing_more(client: Client, nurse: User) -> None:
    known = client.post(reverse("organisation:login"), {"username": nurse.email, "password": "wrong"}).text
    unknown = client.post(reverse("organisation:login"), {"username": "nobody@x.example", "password": "wrong"}).text
    for page in (known, unknown):
        assert "E-mail address and password do not fit together" in page
    assert f'value="{nurse.email}"' in known


def test_e_mail_is_written_in_any_case(client: Client, nurse: User) -> None:
    nurse.email = nurse.email.upper()
    assert sign_in(client, nurse)


def test_signing_out_ends_it(client: Client, nurse: User) -> None:
    client.force_login(nurse)
    client.post(reverse("organisation:logout"))
    assert client.get(reverse("organisation:account"))["Location"].startswith(reverse("organisation:login"))


def test_who_is_refused_can_open_all_that_is_offered(client: Client, nurse: User) -> None:
    client.force_login(nurse)
    refused = client.get(reverse("organisation:access"))
    assert refused.status_code == 403
    offered = re.findall(r'<a class="ds-button"[^>]* href="([^"]+)"', refused.text.split("<main", 1)[1])
    assert reverse("organisation:account") in offered
    assert {client.get(address).status_code for address in offered} == {200}
    assert "Propose a product" in client.get(reverse("organisation:account")).text


def test_the_account_shows_roles_with_their_days(client: Client, engineer: User, nurse: User) -> None:
    client.force_login(engineer)
    page = client.get(reverse("organisation:account")).text
    assert "Clinical engineer" in page
    assert "1 January 2000" in page
    client.force_login(nurse)
    assert "You have no role." in client.get(reverse("organisation:account")).text


def test_the_language_is_kept_with_the_person(client: Client, nurse: User) -> None:
    client.force_login(nurse)
    client.post(reverse("organisation:language"), {"language": "nb", "next": "/account/"})
    nurse.refresh_from_db()
    assert nurse.language == "nb"
    assert '<html lang="nb"' in client.get("/account/").text


def test_a_password_is_changed_by_whoever_knows_it(client: Client, nurse: User) -> None:
    client.force_login(nurse)
    client.post(reverse("organisation:password"), {"old": factories.PASSWORD, "new": NEW, "again": NEW})
    assert client.get(reverse("organisation:account")).status_code == 200  # still signed in here
    assert sign_in(Client(), nurse, NEW)
    assert not sign_in(Client(), nurse, factories.PASSWORD)


@pytest.mark.parametrize(
    ("old", "new", "again", "said"),
    [
        ("wrong", NEW, NEW, "That is not your password."),
        (factories.PASSWORD, "short", "short", "This password is too short."),
        (factories.PASSWORD, NEW, "something else", "The two new passwords are not the same."),
        (factories.PASSWORD, factories.PASSWORD, factories.PASSWORD, "Choose another password"),
    ],
)
def test_a_password_is_not_changed(client: Client, nurse: User, old: str, new: str, again: str, said: str) -> None:
    client.force_login(nurse)
    page = client.post(reverse("organisation:password"), {"old": old, "new": new, "again": again})
    assert said in page.text
    assert sign_in(Client(), nurse)


def test_whoever_has_a_first_password_comes_nowhere_before_choosing_their_own(
    client: Client, operator: User, nurse: User
) -> None:
    first = people.renew_password(nurse, reason="Forgotten", by=operator)
    assert not sign_in(client, nurse)
    assert sign_in(client, nurse, first, next="/products/") == reverse("organisation:password")
    for name in ("inhouse:home", "inhouse:products", "organisation:account"):
        assert client.get(reverse(name))["Location"] == reverse("organisation:password")
    answer = client.post(reverse("organisation:password"), {"old": first, "new": NEW, "again": NEW})
    assert answer["Location"] == reverse("inhouse:home")
    assert client.get(reverse("inhouse:products")).status_code == 200


def test_that_an_operator_set_a_password_is_on_record(operator: User, nurse: User) -> None:
    people.renew_password(nurse, reason="Forgotten", by=operator)
    last = history.of(nurse).order_by("history_id").last()
    assert (last.chose_password, last.history_user_id, last.history_change_reason) == (False, operator.pk, "Forgotten")


def test_someone_deactivated_is_out_at_once(client: Client, operator: User) -> None:
    engineer = factories.person(Role.ENGINEER)
    client.force_login(engineer)
    people.deactivate(engineer, reason="Left", by=operator)
    assert client.get(reverse("inhouse:products"))["Location"].startswith(reverse("organisation:login"))
    assert not sign_in(client, engineer)
