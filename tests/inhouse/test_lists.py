"""The list per administration of units that make and use in-house devices, for any day, in a form that can be handed out."""

from __future__ import annotations

import csv
import hashlib
import io
from datetime import date, datetime, timedelta

import pytest
from openpyxl import load_workbook
from pytest_django import DjangoAssertNumQueries

from inhouse import lists, readiness, withdrawal
from inhouse.models import HandOut
from organisation import clock
from organisation.models import Administration, User
from products.models import Product, UnitUse
from tests import factories, stations
from tests.refusals import denied, refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def adapter() -> Product:
    """In use from 1 March, withdrawn on 1 June."""
    with stations.on_day("2026-03-01"):
        product = stations.in_use()
    with stations.on_day("2026-06-01"):
        withdrawal.withdraw(product, reason="Unsafe", by=stations.owner_of(product))
    return product


def seen(administration: Administration, on: str) -> list[tuple[str, str, str]]:
    return [(line.unit, line.part, line.stage) for line in lists.lines(administration, on=date.fromisoformat(on))]


def test_the_list_says_what_was_true_on_any_day(adapter: Product, administration: Administration) -> None:
    assert seen(administration, "2026-02-28") == []
    assert seen(administration, "2026-03-01") == [
        ("Medicinsk teknik", "makes", "in use"),
        ("Vårdavdelning 5", "uses", "in use"),
    ]
    assert len(seen(administration, "2026-05-31")) == 2
    assert seen(administration, "2026-06-01") == []


def test_the_list_shows_the_stage_of_that_day(administration: Administration, owner: User) -> None:
    with stations.on_day("2026-03-01"):
        product = stations.declared()
        stations.listed(product)
    with stations.on_day("2026-03-05"):
        withdrawal.abandon(product, reason="The project ended", by=owner)
    assert {stage for _unit, _part, stage in seen(administration, "2026-03-04")} == {"development"}
    assert {stage for _unit, _part, stage in seen(administration, "2026-03-05")} == {"abandoned"}


def test_a_unit_that_makes_and_uses_is_one_line(administration: Administration, engineer: User) -> None:
    with stations.on_day("2026-03-01"):
        product = stations.in_use()
        readiness.list_unit(product, unit=product.unit, part=UnitUse.Part.USES, since=date(2026, 3, 10), by=engineer)
    assert seen(administration, "2026-03-09")[0] == ("Medicinsk teknik", "makes", "in use")
    assert seen(administration, "2026-03-10")[0] == ("Medicinsk teknik", "makes and uses", "in use")
    [line, _ward] = lists.lines(administration, on=date(2026, 3, 10))
    assert (line.makes_since, line.uses_since) == (date(2026, 3, 1), date(2026, 3, 10))


def test_each_administration_lists_its_own_units(
    administration: Administration, other_administration: Administration, engineer: User
) -> None:
    product = stations.in_use()
    elsewhere = factories.ward(at=other_administration)
    readiness.list_unit(product, unit=elsewhere, part=UnitUse.Part.USES, since=clock.today(), by=engineer)
    assert len(lists.lines(administration, on=clock.today())) == 2
    [line] = lists.lines(other_administration, on=clock.today())
    assert (line.unit, line.number) == ("Vårdavdelning 5", product.number)


def test_the_list_takes_as_many_queries_for_three_products_as_for_one(
    administration: Administration, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    stations.in_use("One")
    with django_assert_num_queries(2):
        lists.lines(administration, on=clock.today())
    stations.in_use("Two")
    stations.in_use("Three")
    with django_assert_num_queries(2):
        assert len(lists.lines(administration, on=clock.today())) == 6


# --- forms


def read_csv(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig")), delimiter=";"))


def test_the_csv_reads_back_in_a_nordic_excel(adapter: Product, administration: Administration) -> None:
    content = lists.as_csv(lists.lines(administration, on=date(2026, 3, 1)))
    assert content.startswith(b"\xef\xbb\xbf")
    assert read_csv(content) == [
        ["Unit", "Product number", "Product", "Makes or uses", "Makes since", "Uses since", "Stage"],
        ["Medicinsk teknik", "IH-2026-0001", "Catheter adapter", "makes", "2026-03-01", "", "in use"],
        ["Vårdavdelning 5", "IH-2026-0001", "Catheter adapter", "uses", "", "2026-03-01", "in use"],
    ]


def test_the_workbook_reads_back_with_real_days(adapter: Product, administration: Administration) -> None:
    on = date(2026, 3, 1)
    content = lists.as_xlsx(lists.lines(administration, on=on), title=lists.title(administration, on=on))
    sheet = load_workbook(io.BytesIO(content)).active
    assert sheet is not None
    rows = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert rows[0][0] == "Units that make and use in-house devices: Centralsjukhuset, 1 March 2026"
    assert rows[2] == ["Unit", "Product number", "Product", "Makes or uses", "Makes since", "Uses since", "Stage"]
    assert rows[3][:5] == [
        "Medicinsk teknik", "IH-2026-0001", "Catheter adapter", "makes", datetime(2026, 3, 1),  # noqa: DTZ001
    ]  # fmt: skip
    assert len(rows) == 5
    assert sheet.freeze_panes == "A4"


@pytest.mark.parametrize("name", ['=HYPERLINK("http://evil","x")', "+1", "-1+2", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_name_becomes_a_formula(name: str, administration: Administration) -> None:
    line = lists.Line(unit=name, product_id=1, number="IH-2026-0001", name=name, stage="in use")
    [_head, cells] = read_csv(lists.as_csv([line]))
    assert cells[0][0] == "'"
    assert cells[0][1:].splitlines() == name.splitlines()
    sheet = load_workbook(io.BytesIO(lists.as_xlsx([line], title=name))).active
    assert sheet is not None
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n"}


# --- handing out


def test_what_is_handed_out_is_recorded_with_the_hash_of_the_file(
    adapter: Product, administration: Administration, registrar: User
) -> None:
    for form in HandOut.Form:
        record, content = lists.hand_out(
            administration,
            on=date(2026, 3, 1),
            form=form,
            requested_by="IVO, case 8.1-2026",
            requested_on=date(2026, 3, 2),
            by=registrar,
        )
        assert record.sha256 == hashlib.sha256(content).hexdigest()
        assert (record.rows, record.form, record.handed_out_by) == (2, form, registrar)
        assert (record.for_day, record.requested_by) == (date(2026, 3, 1), "IVO, case 8.1-2026")
    assert HandOut.objects.count() == 2


def test_only_a_registrar_of_the_administration_hands_out(
    administration: Administration, engineer: User, outsider: User, manager: User
) -> None:
    for person in (engineer, manager, outsider):
        with denied():
            lists.hand_out(
                administration, on=clock.today(), form="csv", requested_by="IVO", requested_on=clock.today(), by=person
            )


def test_a_hand_out_names_who_asked_and_a_day_that_has_been(administration: Administration, registrar: User) -> None:
    today, tomorrow = clock.today(), clock.today() + timedelta(days=1)
    with refused("cannot be blank"):
        lists.hand_out(administration, on=today, form="csv", requested_by="", requested_on=today, by=registrar)
    with refused("not a valid choice"):
        lists.hand_out(administration, on=today, form="pdf", requested_by="IVO", requested_on=today, by=registrar)
    with refused("a day to come is not known"):
        lists.hand_out(administration, on=tomorrow, form="csv", requested_by="IVO", requested_on=today, by=registrar)
    with refused("cannot lie in the future"):
        lists.hand_out(administration, on=today, form="csv", requested_by="IVO", requested_on=tomorrow, by=registrar)
