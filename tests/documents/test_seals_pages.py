"""The page of seals and checks, for those who audit."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from documents import auditing, pending, seals, tasks
from documents.models import HistoryCheck
from organisation import clock
from organisation.models import Unit, User
from tests.documents.test_seals import TABLE, as_owner, edit, numbers, rename

pytestmark = pytest.mark.django_db
ADDRESS = "/audit/seals/"


def test_an_auditor_sees_seals_and_what_the_last_check_found(client: Client, auditor: User, unit: Unit) -> None:
    client.force_login(auditor)
    page = client.get(ADDRESS).text
    assert "Nothing has been sealed yet." in page
    assert "rows wait for the next seal" in page
    made = seals.seal()
    assert made
    tasks.check_history()
    page = client.get(ADDRESS).text
    assert made.hash in page
    assert "Everything is sealed." in page
    assert "everything is as it was sealed" in page
    row = numbers()[0]
    as_owner(TABLE, edit([row], 0))
    tasks.check_history()
    for address in (ADDRESS, "/audit/"):
        assert "The last full check found that the history is not as it was sealed." in client.get(address).text
    assert f"{TABLE}, row {row}: changed after it was sealed (seal 1)." in client.get(ADDRESS).text


def test_an_auditor_starts_a_check_and_sees_how_far_it_is(
    client: Client, auditor: User, unit: Unit, django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr(tasks.run_check, "delay", asked.append)
    client.force_login(auditor)
    with django_capture_on_commit_callbacks(execute=True):
        assert client.post(f"{ADDRESS}check/").status_code == 302
    check = HistoryCheck.objects.get()
    assert (asked, check.asked_by) == ([check.pk], auditor)
    page = client.get(ADDRESS).text
    assert "A check is running: 0 of 0 rows." in page
    assert "Check everything now" not in page
    client.post(f"{ADDRESS}check/")
    assert "A check is running already." in client.get(ADDRESS).text
    tasks.run_check(check.pk)
    assert f"asked for by {auditor}" in client.get(ADDRESS).text


def test_a_check_that_went_silent_is_said_to_have_broken_off(client: Client, auditor: User) -> None:
    client.force_login(auditor)
    with clock.at(now() - auditing.SILENT * 2):
        auditing.begin()
    page = client.get(ADDRESS).text
    assert "broke off after 0 rows" in page
    assert "Check everything now" in page


def test_late_seals_are_told_at_the_top(client: Client, auditor: User) -> None:
    client.force_login(auditor)
    with clock.at(now() + pending.LATE + timedelta(minutes=5)):
        assert "are not sealed yet" in client.get(ADDRESS).text


def test_changes_without_a_person_are_counted_and_the_new_ones_marked(
    client: Client, auditor: User, unit: Unit
) -> None:
    client.force_login(auditor)
    tasks.check_history()
    Unit.objects.update(site="Smuggled")
    tasks.check_history()
    page = client.get(ADDRESS).text
    assert '<th scope="row">Units</th><td>2</td><td><span class="ds-tag" data-color="danger">1</span></td>' in page
    assert "/audit/?outside=on" in page


def test_the_page_asks_as_much_for_many_seals_as_for_one(client: Client, auditor: User, unit: Unit) -> None:
    client.force_login(auditor)
    asked = []
    for batch in range(2):
        for number in range(1 + batch * 3):
            rename(unit, f"House {batch}{number}")
            seals.seal()
        tasks.check_history()
        tasks.check_history()
        with CaptureQueriesContext(
            connection,
        ) as queries:
            client.get(ADDRESS)
        asked.append(len(queries))
    assert asked[0] == asked[1] <= 15


def test_others_do_not_see_it(client: Client, engineer: User) -> None:
    client.force_login(engineer)
    assert client.get(ADDRESS).status_code == 403
    assert client.post(f"{ADDRESS}check/").status_code == 403
    assert HistoryCheck.objects.count() == 0
