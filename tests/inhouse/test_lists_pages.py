"""The list of units: read by staff, for any day, and handed out by a registrar."""

from __future__ import annotations

import csv
import hashlib
import io

import openpyxl
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from inhouse.models import HandOut
from organisation.models import Administration, User
from tests import factories, stations

pytestmark = pytest.mark.django_db
ASKED = {"requested_by": "IVO, 3.1-12345/2026", "requested_on": "2026-03-01", "form": "xlsx"}


def address(administration: Administration) -> str:
    return reverse("inhouse:list", args=[administration.pk])


def test_a_nurse_reads_the_list_and_sees_no_hand_outs(
    client: Client, nurse: User, administration: Administration
) -> None:
    stations.listed(stations.in_development())
    client.force_login(nurse)
    assert address(administration) in client.get(reverse("inhouse:lists")).text
    page = client.get(address(administration))
    for shown in ("Medicinsk teknik", "Vårdavdelning 5", "Catheter adapter"):
        assert shown in page.text
    assert "Hand out" not in page.text
    assert "Handed out" not in page.text


def test_an_administration_without_units_is_told_how_they_get_on_the_list(
    client: Client, nurse: User, administration: Administration
) -> None:
    client.force_login(nurse)
    assert "No unit here makes or uses an in-house device on that day." in client.get(address(administration)).text


def test_the_list_of_a_past_day_shows_what_was_true_then(
    client: Client, nurse: User, administration: Administration
) -> None:
    with stations.on_day("2026-02-01"):
        product = stations.in_development()
    with stations.on_day("2026-03-01"):
        stations.listed(product)
    client.force_login(nurse)
    assert "Catheter adapter" not in client.get(address(administration), {"on": "2026-02-28"}).text
    assert "Catheter adapter" in client.get(address(administration), {"on": "2026-03-01", "by": "product"}).text


def test_no_list_is_made_for_a_day_to_come(client: Client, registrar: User, administration: Administration) -> None:
    client.force_login(registrar)
    with stations.on_day("2026-03-01"):
        page = client.get(address(administration), {"on": "2026-03-02"})
        client.post(f"{address(administration)}?on=2026-03-02", ASKED)
    assert "Choose today or earlier" in page.text
    assert not HandOut.objects.exists()


def test_a_registrar_hands_out_the_list_and_it_is_recorded(
    client: Client, registrar: User, administration: Administration
) -> None:
    with stations.on_day("2026-03-01"):
        stations.listed(stations.in_development())
        client.force_login(registrar)
        answer = client.post(f"{address(administration)}?on=2026-03-01", ASKED)
    assert (
        answer["Content-Disposition"]
        == 'attachment; filename="units-in-house-devices_centralsjukhuset_2026-03-01.xlsx"'
    )
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    assert [row[0].value for row in sheet.iter_rows(min_row=4)] == ["Medicinsk teknik", "Vårdavdelning 5"]
    record = HandOut.objects.get()
    assert (record.requested_by, record.rows, record.handed_out_by) == ("IVO, 3.1-12345/2026", 2, registrar)
    assert record.sha256 == hashlib.sha256(answer.content).hexdigest()
    assert record.sha256 in client.get(address(administration)).text


def test_the_list_as_csv_opens_in_a_spreadsheet(
    client: Client, registrar: User, administration: Administration
) -> None:
    stations.listed(stations.in_development("=1+1"))
    client.force_login(registrar)
    answer = client.post(address(administration), ASKED | {"form": "csv"})
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";"))
    assert [row[2] for row in rows[1:]] == ["'=1+1", "'=1+1"]


def test_a_hand_out_without_anyone_who_asked_keeps_what_was_typed(
    client: Client, registrar: User, administration: Administration
) -> None:
    client.force_login(registrar)
    page = client.post(address(administration), ASKED | {"requested_by": "", "requested_on": "2026-01-15"})
    assert "This could not be saved" in page.text
    assert 'value="2026-01-15"' in page.text
    assert not HandOut.objects.exists()


def test_only_the_registrar_of_the_administration_hands_out(client: Client, administration: Administration) -> None:
    for someone in (factories.nurse(), factories.outsider()):
        client.force_login(someone)
        assert client.post(address(administration), ASKED).status_code == 403
    assert not HandOut.objects.exists()


def test_the_list_asks_as_much_for_three_as_for_one(
    client: Client, nurse: User, administration: Administration
) -> None:
    client.force_login(nurse)
    counts = []
    for names in (["1"], ["2", "3"]):
        for name in names:
            stations.listed(stations.in_development(name))
        with CaptureQueriesContext(connection) as asked:
            client.get(address(administration))
            client.get(reverse("inhouse:lists"))
        counts.append(len(asked))
    assert counts[0] == counts[1]
