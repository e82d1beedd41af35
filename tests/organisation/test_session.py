"""Signing in, signing out, and the language of the pages."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from organisation import people
from organisation.models import User
from tests import factories

pytestmark = pytest.mark.django_db

COOKIE = settings.LANGUAGE_COOKIE_NAME


def sign_in(client: Client, someone: User) -> None:
    User.objects.filter(pk=someone.pk).update(chose_password=True)
    sent = {"username": someone.email, "password": factories.PASSWORD}
    assert client.post(reverse("organisation:login"), sent).status_code == 302


def switch(client: Client, language: str) -> None:
    client.post(reverse("organisation:language"), {"language": language, "next": reverse("organisation:account")})


def spoken(client: Client) -> str:
    page = client.get(reverse("organisation:account"), follow=True).text
    return page.split('<html lang="', 1)[1].split('"', 1)[0]


def test_a_person_is_spoken_to_in_the_own_language_whoever_used_the_browser_before(client: Client, nurse: User) -> None:
    people.choose_language(nurse, "sv")
    switch(client, "nb")
    assert spoken(client) == "nb"
    sign_in(client, nurse)
    assert spoken(client) == "sv"
    assert User.objects.get(pk=nurse.pk).language == "sv"


def test_a_switch_stays_with_the_person_through_signing_out_and_in_elsewhere(client: Client, nurse: User) -> None:
    people.choose_language(nurse, "sv")
    sign_in(client, nurse)
    for language in ("nb", "en", "sv", "nb"):
        switch(client, language)
        assert spoken(client) == language
        assert User.objects.get(pk=nurse.pk).language == language
    client.post(reverse("organisation:logout"))
    assert client.cookies[COOKIE].value == ""
    for browser in (client, Client()):
        sign_in(browser, nurse)
        assert spoken(browser) == "nb"


def test_what_a_visitor_chooses_is_not_written_to_anybody(client: Client, nurse: User) -> None:
    before = nurse.language
    switch(client, "nb")
    switch(client, "xx")
    assert spoken(client) == "nb"
    assert User.objects.get(pk=nurse.pk).language == before


def test_a_language_that_is_not_spoken_here_is_not_remembered(client: Client, nurse: User) -> None:
    people.choose_language(nurse, "sv")
    sign_in(client, nurse)
    switch(client, "xx")
    assert spoken(client) == "sv"
    assert User.objects.get(pk=nurse.pk).language == "sv"
