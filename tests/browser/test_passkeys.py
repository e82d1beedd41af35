"""Passkeys in a real browser with an authenticator of its own: made, signed in with, and proved with."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from playwright.sync_api import Browser, expect

from organisation import proofs
from organisation.models import Credential, Proof, User
from tests import factories
from tests.browser.hands import Person, signed_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

PAPER = hashlib.sha256(b"this declaration").hexdigest()


def authenticator(person: Person, *, verifies: bool = True) -> Any:
    """The browser gets a security key that checks its owner, or does not."""
    talk = person.context.new_cdp_session(person.page)
    talk.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": verifies,
        "automaticPresenceSimulation": True,
    }
    made = talk.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return talk, made["authenticatorId"]


def add(person: Person) -> None:
    """From the page of the account, proving with the password as there is nothing else yet."""
    person.go("/account/")
    person.page.locator('a[href="/account/passkey/"]').click()
    person.send(password=factories.PASSWORD)
    person.clean()
    person.send(name="Work phone")
    expect(person.page.locator("main ul.mono li")).to_have_count(10)
    person.clean()


def prove(person: Person) -> None:
    person.go(f"/prove/?digest={PAPER}&next=/products/")
    person.clean()
    person.page.locator("form[data-passkey] button").click()


def test_a_passkey_is_made_lets_its_owner_in_and_proves_for_one_document(live_server: Any, chromium: Browser) -> None:
    nurse = factories.nurse()
    with signed_in(chromium, live_server.url, nurse, language="en") as person:
        talk, key = authenticator(person)
        add(person)
        assert Credential.objects.get(kind="passkey").name == "Work phone"
        person.go("/account/")
        person.clean()
        person.page.locator('form[action="/sign-out/"] button').click()
        person.page.wait_for_url("**/sign-in/")
        person.page.locator("form[data-passkey] button").click()
        expect(person.page.locator(".who")).to_contain_text(nurse.name)
        assert not Proof.objects.filter(digest=PAPER).exists()  # being let in proves nothing for a document
        prove(person)
        person.page.wait_for_url(f"{live_server.url}/products/")  # the address of the proof ends so too
        assert proofs.take(nurse, PAPER).method == Proof.Method.PASSKEY
        with pytest.raises(ValidationError, match="has been used"):
            proofs.take(nurse, PAPER)
        talk.send("WebAuthn.setUserVerified", {"authenticatorId": key, "isUserVerified": False})
        prove(person)
        expect(person.page.locator("form[data-passkey] [role=alert]")).to_be_visible()
        assert Proof.objects.filter(digest=PAPER).count() == 1
        person.clean()


def test_a_password_is_followed_by_the_passkey(live_server: Any, chromium: Browser) -> None:
    nurse = factories.nurse()
    with signed_in(chromium, live_server.url, nurse, language="en") as person:
        authenticator(person)
        add(person)
        person.go("/account/")
        person.page.locator('form[action="/sign-out/"] button').click()
        person.page.wait_for_url("**/sign-in/")
        person.page.fill("#id_username", nurse.email)
        person.page.fill("#id_password", factories.PASSWORD)
        person.page.locator("main form button").first.click()
        person.page.wait_for_url("**/sign-in/code/")
        expect(person.page.locator(".who")).to_have_count(0)
        person.page.locator("form[data-passkey] button").click()
        expect(person.page.locator(".who")).to_contain_text(User.objects.get().name)


def test_an_answer_made_for_another_document_proves_nothing(live_server: Any, chromium: Browser) -> None:
    """The browser is talked into sending the answer along with another digest."""
    nurse = factories.nurse()
    other = hashlib.sha256(b"another one").hexdigest()
    with signed_in(chromium, live_server.url, nurse, language="en") as person:
        authenticator(person)
        add(person)
        person.go(f"/prove/?digest={PAPER}&next=/products/")
        person.page.locator("form[data-passkey] [name=digest]").evaluate(
            "(field, digest) => { field.value = digest; }", other
        )
        person.page.locator("form[data-passkey] button").click()
        person.page.wait_for_load_state()
        expect(person.page.locator("main")).to_contain_text("another request")
        assert not Proof.objects.filter(digest__in=[PAPER, other]).exists()
