"""Whose way of signing in was changed is told by mail, in their language, and nothing that helps to sign in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from django.core import mail
from django.core.mail import EmailMessage
from django.test import Client
from django.urls import reverse

from config import celery_app
from organisation import alarms, clock, factors, notices, proofs, tasks
from organisation.models import Assignment, Role, User
from organisation.notices import Notice
from tests import factories, stations
from tests.organisation.test_account_pages import NEW
from tests.organisation.test_factors import set_up

pytestmark = pytest.mark.django_db
Post = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def post(django_capture_on_commit_callbacks: Any, at_once: None) -> Post:
    """What is done inside is committed at its end, and the worker works at once."""

    @contextmanager
    def committed() -> Iterator[None]:
        with django_capture_on_commit_callbacks(execute=True):
            yield

    return committed


@pytest.fixture
def at_once() -> Iterator[None]:
    """The worker works at once."""
    celery_app.conf.task_always_eager = True
    yield
    celery_app.conf.task_always_eager = False


def told(mails: list[EmailMessage]) -> list[tuple[list[str], str]]:
    return [(mail.to, str(mail.body).split("\n", 1)[0]) for mail in mails]


def test_each_change_of_ones_own_is_told_and_no_secret_with_it(
    client: Client, nurse: User, post: Post, mailoutbox: list[EmailMessage]
) -> None:
    User.objects.filter(pk=nurse.pk).update(language="en")
    client.force_login(nurse)
    with post():
        codes = set_up(client)
    app = nurse.credentials.get(kind="codes")
    remove = f"{reverse('organisation:factor-remove')}?which={app.pk}"
    for page in (reverse("organisation:factor-recovery"), remove):
        proofs.prove_by_code(nurse, proofs.CHANGE, password=factories.PASSWORD, code=factories.code(nurse))
        with post():
            client.post(page)
    with post():
        client.post(reverse("organisation:password"), {"old": factories.PASSWORD, "new": NEW, "again": NEW})
    assert told(mailoutbox) == [
        ([nurse.email], str(notice.label))
        for notice in (Notice.APP_ADDED, Notice.CODES_RENEWED, Notice.REMOVED, Notice.PASSWORD_CHANGED)
    ]
    said = "".join(f"{mail.subject}{mail.body}" for mail in mailoutbox)
    assert not any(secret in said for secret in (*codes, NEW, factories.PASSWORD))
    assert re.search(r"How you sign in is shown here: http\S+/account/", said)
    assert {mail.subject for mail in mailoutbox} == {"Femfem: a change to how you sign in"}


def test_what_an_operator_did_is_told_to_whom_it_concerns(
    client: Client, nurse: User, operator: User, post: Post, mailoutbox: list[EmailMessage]
) -> None:
    User.objects.filter(pk=nurse.pk).update(language="en")
    factors.issue(nurse)
    client.force_login(operator)
    with post():
        client.post(reverse("organisation:person-sign-in", args=[nurse.pk]), {"act": "reset", "reason": "Lost"})
        page = client.post(reverse("organisation:person-password", args=[nurse.pk]), {"reason": "Forgotten"})
    assert told(mailoutbox) == [
        ([nurse.email], str(notice.label)) for notice in (Notice.RESET, Notice.PASSWORD_RENEWED)
    ]
    [first] = re.findall(r"[2-9a-z]{4}(?:-[2-9a-z]{4}){3}", page.text)
    assert not any(first in str(mail.body) for mail in mailoutbox)


def test_what_is_refused_is_told_to_nobody(
    client: Client, nurse: User, operator: User, post: Post, mailoutbox: list[EmailMessage]
) -> None:
    client.force_login(nurse)
    with post():
        client.post(reverse("organisation:password"), {"old": "wrong", "new": NEW, "again": NEW})
    client.force_login(operator)
    with post():
        client.post(reverse("organisation:person-sign-in", args=[nurse.pk]), {"act": "reset", "reason": "Lost"})
    assert mailoutbox == []


@pytest.mark.parametrize("notice", Notice)
def test_a_mail_says_what_and_when(nurse: User, notice: Notice, mailoutbox: list[EmailMessage]) -> None:
    nurse.language = "en"
    notices.send(nurse, notice, at=stations.moment("2026-03-01"))
    [mail] = mailoutbox
    assert str(mail.body).startswith(f"{notice.label}\nIt happened on 1 March 2026")
    assert "&" not in str(mail.body)


def test_operators_are_told_of_every_alarm_in_their_own_language_and_of_none_when_there_is_none(
    monkeypatch: pytest.MonkeyPatch, at_once: None
) -> None:
    operator = factories.person(Role.OPERATOR, everywhere=True)
    factories.person(Role.REGISTRAR)
    monkeypatch.setattr(alarms, "sounding", list)
    tasks.tell_alarms()
    assert mail.outbox == []
    monkeypatch.setattr(alarms, "sounding", lambda: [str(Role.OPERATOR.label), "A file is damaged."])
    User.objects.filter(pk=operator.pk).update(language="en")
    tasks.tell_alarms()
    [sent] = mail.outbox
    assert sent.to == [operator.email]
    assert sent.subject == "Femfem: 2 alarms"
    assert "- A file is damaged." in sent.body
    assert "/operation/" in sent.body


def test_one_operators_bad_address_silences_no_other(monkeypatch: pytest.MonkeyPatch, at_once: None) -> None:
    first, second = factories.person(Role.OPERATOR, everywhere=True), factories.user("Olle Svar")
    Assignment.objects.create(user=second, role=Role.OPERATOR, since=clock.today())
    User.objects.filter(pk=first.pk).update(email="not an address")
    monkeypatch.setattr(alarms, "sounding", lambda: ["A file is damaged."])

    def send(subject: str, text: str, sender: None, to: list[str]) -> None:
        if to == ["not an address"]:
            raise ValueError
        mail.outbox.append(mail.EmailMessage(subject, text, sender, to))

    monkeypatch.setattr(notices, "send_mail", send)
    tasks.tell_alarms()
    assert [sent.to for sent in mail.outbox] == [[second.email]]
