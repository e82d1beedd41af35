"""Single sign-on against a real identity server (Canaille, in a process of its own): signing in, and signing anew to prove."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from allauth.socialaccount.models import SocialAccount
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from organisation import checks, factors, history, lockout, people, proofs, sign_on
from organisation.models import Credential, Proof, User
from tests import directory, factories
from tests.directory import Visitor
from tests.identity_server import CLIENT, SECRET

pytestmark = pytest.mark.django_db

PAPER, OTHER = (hashlib.sha256(text).hexdigest() for text in (b"this declaration", b"another one"))


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with directory.running(tmp_path_factory.mktemp("directory") / "log") as found:
        yield found


@pytest.fixture(autouse=True)
def configured(settings: Settings, issuer: str) -> None:
    settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = issuer, CLIENT, SECRET
    settings.OIDC_NAME = "Västanland sign-in"
    settings.OIDC_EMAIL_IS_VERIFIED = True


@pytest.fixture
def nina(nurse: User) -> User:
    """On staff, with the address that the directory gives her."""
    User.objects.filter(pk=nurse.pk).update(email="Nina@directory.example", language="en")
    nurse.refresh_from_db()
    return nurse


@pytest.fixture
def sso_only(nina: User, operator: User) -> User:
    """An operator added her; she never used her first password."""
    people.renew_password(nina, reason="Added", by=operator)
    return nina


def sign_in(client: Client, visitor: Visitor, after: str = "/products/") -> Any:
    page = client.get(reverse("organisation:login"), {"next": after}).text
    link = re.search(r'href="(/sign-in/single/[^"]*)"', page)
    assert link
    assert "Västanland sign-in" in page
    return client.get(visitor.go(client.get(unescape(link[1]))["Location"]))


def ask(client: Client, digest: str = PAPER) -> str:
    """From the page for proving to the address at the identity server."""
    page = client.get(reverse("organisation:prove"), {"digest": digest, "next": "/products/"}).text
    link = re.search(r'href="(/prove/single/[^"]*)"', page)
    assert link
    address = client.get(unescape(link[1]))["Location"]
    asked = parse_qs(urlsplit(address).query)
    assert (asked["prompt"], asked["max_age"], asked["code_challenge_method"]) == (["login"], ["0"], ["S256"])
    return address


# --- signing in


def test_someone_signs_in_there_and_is_in_here(client: Client, nina: User) -> None:
    answer = sign_in(client, Visitor("nina"))
    assert answer["Location"] == "/products/"
    assert client.get("/products/").wsgi_request.user == nina
    assert client.cookies["femfem_language"].value == nina.language
    [tie] = history.entries([history.of(Credential).filter(user=nina.pk)])
    assert (tie.who, tie.name) == ("Nina Falk", "single sign-on Västanland sign-in")
    assert set(SocialAccount.objects.get().extra_data) == {"iss", "sub"}


def test_the_session_is_a_fresh_one(client: Client, nina: User) -> None:
    client.get(reverse("organisation:sign-in-passkey"))  # anyone's session, known to whoever set it
    before = client.session.session_key
    sign_in(client, Visitor("nina"))
    assert client.session.session_key != before


def test_afterwards_it_goes_by_the_subject_and_not_by_the_address(client: Client, nina: User, engineer: User) -> None:
    sign_in(client, Visitor("nina"))
    User.objects.filter(pk=nina.pk).update(email="nina.falk@married.example")
    User.objects.filter(pk=engineer.pk).update(email="nina@directory.example")
    browser = Client()
    sign_in(browser, Visitor("nina"))
    assert browser.get("/products/").wsgi_request.user == nina
    assert SocialAccount.objects.count() == 1


def test_nobody_is_added_by_signing_in_there(client: Client, nurse: User) -> None:
    before = User.objects.count()
    answer = sign_in(client, Visitor("nina"))
    assert answer.status_code == 403
    assert "Nobody with the e-mail address nina@directory.example has an account here." in answer.text
    assert client.get("/products/").status_code == 302
    assert (User.objects.count(), SocialAccount.objects.count()) == (before, 0)


def test_an_address_the_server_does_not_vouch_for_lets_nobody_in(
    client: Client, nina: User, settings: Settings
) -> None:
    settings.OIDC_EMAIL_IS_VERIFIED = False
    answer = sign_in(client, Visitor("nina"))
    assert answer.status_code == 403
    assert "gave no confirmed e-mail address" in answer.text


def test_someone_who_left_is_refused_however_well_known(client: Client, nina: User, operator: User) -> None:
    sign_in(client, Visitor("nina"))
    people.deactivate(nina, reason="Left", by=operator)
    answer = sign_in(Client(), Visitor("nina"))
    assert answer.status_code == 403
    assert "This account is closed." in answer.text


def test_an_address_that_passed_to_somebody_else_does_not_open_the_account(client: Client, nina: User) -> None:
    sign_in(client, Visitor("nina"))
    User.objects.filter(pk=nina.pk).update(email="eva@directory.example")
    answer = sign_in(Client(), Visitor("eva"))
    assert answer.status_code == 403
    assert "tied to another account" in answer.text


def test_a_second_factor_here_is_asked_for_as_well(client: Client, nina: User) -> None:
    code = factories.code(nina)
    assert sign_in(client, Visitor("nina"))["Location"] == reverse("mfa_authenticate")
    assert client.post(reverse("mfa_authenticate"), {"code": code})["Location"] == "/products/"


def test_an_answer_to_another_browsers_request_signs_nobody_in(client: Client, nina: User) -> None:
    address = client.get(reverse("organisation:sign-on"))["Location"]
    answer = Client().get(Visitor("nina").go(address))
    assert answer.status_code == 401
    assert "did not sign you in" in answer.text


def test_a_server_that_is_down_is_said_in_words(client: Client, settings: Settings) -> None:
    settings.OIDC_ISSUER = "http://127.0.0.1:9"
    answer = client.get(reverse("organisation:sign-on"))
    assert answer.status_code == 502
    assert "does not answer" in answer.text


def test_without_settings_there_is_no_single_sign_on(client: Client, settings: Settings) -> None:
    settings.OIDC_ISSUER = ""
    assert reverse("organisation:sign-on") not in client.get(reverse("organisation:login")).text
    for name in ("organisation:sign-on", "organisation:sign-on-answer"):
        assert client.get(reverse(name))["Location"] == reverse("organisation:login")


def test_production_does_not_start_on_an_unencrypted_issuer(settings: Settings) -> None:
    assert checks.single_sign_on(None) == []
    settings.PRODUCTION = True
    assert [found.id for found in checks.single_sign_on(None)] == ["organisation.C002"]


# --- proving


def test_whoever_never_had_an_own_password_proves_it_there_and_nowhere_else(client: Client, sso_only: User) -> None:
    visitor = Visitor("nina")
    sign_in(client, visitor)
    sso_only.refresh_from_db()
    assert not sso_only.has_usable_password()  # what the operator knew opens nothing any more
    assert proofs.methods(sso_only, PAPER) == [Proof.Method.SIGN_ON]
    assert visitor.asked_for_password == 1
    answer = client.get(visitor.go(ask(client)))
    assert answer["Location"] == "/products/"
    assert visitor.asked_for_password == 2  # though the directory knew the browser
    with pytest.raises(ValidationError, match="not the one you proved it for"):
        proofs.take(sso_only, OTHER)
    assert proofs.take(sso_only, PAPER).method == Proof.Method.SIGN_ON


def test_whoever_talks_the_server_out_of_signing_in_again_proves_nothing(client: Client, sso_only: User) -> None:
    visitor = Visitor("nina")
    sign_in(client, visitor)
    directory.next_second()
    answer = client.get(visitor.go(directory.without(ask(client), "prompt", "max_age")))
    assert visitor.asked_for_password == 1
    assert "let you through without signing in again" in answer.text
    assert not Proof.objects.exists()


def test_another_persons_sign_in_proves_nothing(client: Client, sso_only: User) -> None:
    sign_in(client, Visitor("nina"))
    answer = client.get(Visitor("eva").go(ask(client)))
    assert "Someone else signed in" in answer.text
    assert not Proof.objects.exists()


def test_an_answer_counts_once_and_only_for_the_last_question_of_this_session(client: Client, sso_only: User) -> None:
    visitor = Visitor("nina")
    sign_in(client, visitor)
    first, second = ask(client, PAPER), ask(client, OTHER)
    assert "belongs to another request" in client.get(visitor.go(first)).text
    again = ask(client, OTHER)
    back = visitor.go(again)
    elsewhere = Client()
    sso_only.refresh_from_db()
    elsewhere.force_login(sso_only)
    assert elsewhere.get(back)["Location"] == reverse("organisation:account")
    assert client.get(back)["Location"] == "/products/"
    assert client.get(back)["Location"] == reverse("organisation:account")
    assert second != again
    assert [proof.digest for proof in Proof.objects.all()] == [OTHER]


def test_no_page_elsewhere_can_begin_it_and_no_one_elses_link(client: Client, sso_only: User, engineer: User) -> None:
    sign_in(client, Visitor("nina"))
    page = client.get(reverse("organisation:prove"), {"digest": PAPER, "next": "/products/"}).text
    link = unescape(re.findall(r'href="(/prove/single/[^"]*)"', page)[0])
    client.force_login(engineer)
    for address in (link, f"{reverse('organisation:prove-sign-on')}?ask=made-up"):
        assert client.get(address)["Location"] == reverse("organisation:account")


def test_with_a_password_here_the_proof_is_given_here(client: Client, nina: User) -> None:
    sign_in(client, Visitor("nina"))
    assert proofs.methods(nina, PAPER) == []
    factories.code(nina)
    assert proofs.methods(nina, PAPER) == [Proof.Method.CODE]


def test_whoever_signs_in_there_keeps_no_second_factor_here(client: Client, sso_only: User) -> None:
    sign_in(client, Visitor("nina"))
    assert reverse("organisation:factor-app") not in client.get(reverse("organisation:account")).text
    sso_only.refresh_from_db()
    with pytest.raises(ValidationError, match="is kept there"):
        factors.set_up_codes(sso_only, factors.new_secret(), code="123456")


# --- what a server may say (its claims, as they are after the signature is checked)


def claims(user: User, **changed: Any) -> dict[str, Any]:
    now = int(time.time())
    return {"iss": "https://x.example", "sub": "17", "nonce": "n", "auth_time": now, "iat": now} | changed


@pytest.fixture
def seventeen(nurse: User) -> User:
    sign_on._tie(nurse, sign_on.uid("https://x.example", "17"), claims(nurse))
    nurse.set_unusable_password()
    nurse.save()
    return nurse


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"nonce": "another"}, "belongs to another request"),
        ({"sub": "18"}, "Someone else"),
        ({"iss": "https://y.example"}, "Someone else"),
        ({"auth_time": None}, "does not say when"),
        ({"auth_time": True}, "does not say when"),
        ({"auth_time": int(time.time()) - 3600}, "without signing in again"),
        ({"auth_time": int(time.time()) + 3600}, "clock"),
    ],
)
def test_such_claims_prove_nothing_and_count_as_failed(seventeen: User, changed: dict[str, Any], said: str) -> None:
    asked_at = timezone.now() - timedelta(seconds=1)
    for _attempt in range(lockout.MOST):
        with pytest.raises(ValidationError, match=said):
            proofs.prove_by_sign_on(seventeen, PAPER, claims=claims(seventeen, **changed), nonce="n", asked_at=asked_at)
    with pytest.raises(lockout.Locked):
        proofs.prove_by_sign_on(seventeen, PAPER, claims=claims(seventeen), nonce="n", asked_at=asked_at)
    assert not Proof.objects.exists()


def test_a_token_signed_by_someone_else_is_not_read(client: Client, sso_only: User, monkeypatch: Any) -> None:
    """Someone sits between the two servers and hands out tokens of their own."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    from organisation import oidc

    visitor = Visitor("nina")
    sign_in(client, visitor)
    back = visitor.go(ask(client))
    theirs = rsa.generate_private_key(65537, 2048)
    redeem = oidc.Client.client_class.get_access_token

    def swapped(self: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        token: dict[str, Any] = redeem(self, *args, **kwargs)
        said = jwt.decode(token["id_token"], options={"verify_signature": False})
        header = jwt.get_unverified_header(token["id_token"])
        return token | {"id_token": jwt.encode(said, theirs, "RS256", {"kid": header["kid"]})}

    monkeypatch.setattr(oidc.Client.client_class, "get_access_token", swapped)
    assert "Nothing is proved" in client.get(back).text
    assert not Proof.objects.exists()
