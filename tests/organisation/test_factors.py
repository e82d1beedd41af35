"""Second factors: set up and removed on one's own account, asked for at sign-in, and kept secret."""

from __future__ import annotations

import re
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import decrypt, encrypt
from cryptography.fernet import InvalidToken
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from organisation import factors, history, proofs
from organisation.models import Credential, User
from tests import factories

pytestmark = pytest.mark.django_db


def sign_in(client: Client, user: User) -> str:
    sent = {"username": user.email, "password": factories.PASSWORD, "next": "/products/"}
    return client.post(reverse("organisation:login"), sent)["Location"]


def proved(client: Client, page: str, *, code: str = "") -> Any:
    """Open a page that asks to be proved for, prove it, and be there."""
    asked = client.get(page)
    query = dict(re.findall(r"(digest|next)=([^&]+)", asked["Location"]))
    assert query["digest"] == proofs.CHANGE
    sent = {"digest": proofs.CHANGE, "next": page, "password": factories.PASSWORD, "code": code}
    answer = client.post(reverse("organisation:prove"), sent)
    assert answer["Location"] == page
    return client.get(page)


def set_up(client: Client) -> list[str]:
    """An authenticator app, as on the page: says the recovery codes."""
    page = reverse("organisation:factor-app")
    secret = re.search(r'<span class="mono">(\w+)</span>', proved(client, page).text)
    assert secret
    app = Authenticator(data={"secret": encrypt(secret[1])})
    answer = client.post(page, {"code": factors.code_now(app)})
    assert "no-store" in answer["Cache-Control"]
    return re.findall(r"<li>(\d{8})</li>", answer.text)


def test_someone_sets_up_an_app_and_is_asked_for_its_code_from_then_on(client: Client, nurse: User) -> None:
    client.force_login(nurse)
    assert len(set_up(client)) == 10
    browser = Client()
    assert sign_in(browser, nurse) == reverse("mfa_authenticate")
    assert browser.get("/products/")["Location"].startswith(reverse("organisation:login"))
    before = browser.session.session_key
    assert "That code is not right" in browser.post(reverse("mfa_authenticate"), {"code": "000"}).text
    answer = browser.post(reverse("mfa_authenticate"), {"code": factories.code(nurse)})
    assert answer["Location"] == "/products/"
    assert browser.session.session_key != before
    assert browser.get("/products/").status_code == 200


def test_nothing_is_set_up_with_a_wrong_first_code_or_without_proving_who_it_is(client: Client, nurse: User) -> None:
    client.force_login(nurse)
    page = reverse("organisation:factor-app")
    assert client.post(page, {"code": "123456"})["Location"].startswith(reverse("organisation:prove"))
    proved(client, page)
    assert "That code is not right" in client.post(page, {"code": "1"}).text
    assert not Credential.objects.exists()
    assert proofs.waiting(nurse, proofs.CHANGE)  # the proof was not used up by a slip


def test_a_recovery_code_lets_someone_in_once(client: Client, nurse: User) -> None:
    client.force_login(nurse)
    spare = set_up(client)[0]
    for let_in in (302, 200):
        browser = Client()
        sign_in(browser, nurse)
        assert browser.post(reverse("mfa_authenticate"), {"code": spare}).status_code == let_in


def test_removing_the_last_factor_takes_the_recovery_codes_along(client: Client, nurse: User) -> None:
    client.force_login(nurse)
    set_up(client)
    app = nurse.credentials.get(kind="codes")
    page = f"{reverse('organisation:factor-remove')}?which={app.pk}"
    assert client.post(page)["Location"].startswith(reverse("organisation:prove"))
    sent = {"digest": proofs.CHANGE, "next": page, "password": factories.PASSWORD, "code": factories.code(nurse)}
    assert client.post(reverse("organisation:prove"), sent)["Location"] == page
    assert "your recovery codes go with it" in client.get(page).text
    client.post(page)
    assert not Authenticator.objects.exists()
    assert sign_in(Client(), nurse) == "/products/"


def test_nobody_removes_what_is_somebody_elses(client: Client, nurse: User, engineer: User) -> None:
    factories.code(engineer)
    client.force_login(nurse)
    page = f"{reverse('organisation:factor-remove')}?which={engineer.credentials.get().pk}"
    assert client.post(page)["Location"] == reverse("organisation:account")
    assert engineer.credentials.count() == 1


def test_each_act_is_in_the_history_without_its_secret(client: Client, nurse: User, operator: User) -> None:
    client.force_login(nurse)
    spare = set_up(client)
    secret = decrypt(Authenticator.objects.get(type="totp").data["secret"])
    factors.reset(nurse, reason="Phone in the sea", by=operator)
    told = history.entries([history.of(Credential).filter(user=nurse.pk)])
    assert [(entry.who, entry.verb, entry.name, entry.reason) for entry in reversed(told)] == [
        ("Nina Falk", "added", "authenticator app", ""),
        ("Nina Falk", "added", "recovery codes", ""),
        ("Omar Sand", "removed", "authenticator app", "Phone in the sea"),
        ("Omar Sand", "removed", "recovery codes", "Phone in the sea"),
    ]
    kept = [
        str(list(m._base_manager.values())) for m in apps.get_models() if m._meta.app_label in ("organisation", "mfa")
    ]
    assert [text for text in kept if secret in text or any(code in text for code in spare)] == []


def test_the_operator_sees_what_someone_has_and_removes_it_with_a_reason(
    client: Client, operator: User, nurse: User
) -> None:
    factories.code(nurse)
    client.force_login(operator)
    page = reverse("organisation:person-sign-in", args=[nurse.pk])
    assert "Authenticator app" in client.get(page).text
    assert client.post(page, {"act": "reset", "reason": ""}).status_code == 200
    assert nurse.credentials.exists()
    client.post(page, {"act": "reset", "reason": "Lost"})
    assert not Authenticator.objects.exists()
    factories.code(operator)
    own = reverse("organisation:person-sign-in", args=[operator.pk])
    client.post(own, {"act": "reset", "reason": "Mine"})
    assert operator.credentials.exists()


def test_an_older_key_still_reads_and_a_new_one_writes(settings: Settings, nurse: User) -> None:
    code = factories.code(nurse)
    old = settings.SECOND_FACTOR_KEYS
    new = "bmV3OiBkZW1vIGFuZCB0ZXN0cywgMzIgYnl0ZXMhISE="
    settings.SECOND_FACTOR_KEYS = f"{new},{old}"
    assert factors.right_code(nurse, code, recovery=False)
    settings.SECOND_FACTOR_KEYS = new
    with pytest.raises(InvalidToken):
        factories.code(nurse)
    settings.SECOND_FACTOR_KEYS = "short"
    with pytest.raises(ImproperlyConfigured, match="base64 of 32 bytes"):
        factors.cipher()


def test_only_the_demo_says_the_code(client: Client, nurse: User, settings: Settings) -> None:
    code = factories.code(nurse)
    sign_in(client, nurse)
    assert code not in client.get(reverse("mfa_authenticate")).text
    with pytest.raises(ImproperlyConfigured):
        factors.demo_code(nurse)
    settings.ENV = "demo"
    page = client.get(reverse("mfa_authenticate")).text
    said = re.search(r"In the demo, the code is (\d{6})", page)
    assert said
    assert client.post(reverse("mfa_authenticate"), {"code": said[1]})["Location"] == "/products/"
    assert factors.demo_code(nurse) not in ("", said[1])  # the next one, as each counts once
