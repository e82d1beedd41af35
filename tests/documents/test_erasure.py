"""Content of the history goes by a decision; that it was there, its hash and the decision stay."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import DatabaseError, connection, transaction

from documents import erasure, seals, verifying
from documents.models import ErasedRow, Erasure
from organisation import history
from organisation.history import acting, entries, of
from organisation.models import Unit, User
from tests import factories

pytestmark = pytest.mark.django_db

TABLE = "organisation_historicalunit"


def numbers(unit: Unit) -> list[int]:
    return list(of(Unit).filter(id=unit.pk).order_by("history_id").values_list("history_id", flat=True))


def part(unit: Unit) -> erasure.Part:
    return erasure.Part(Unit, numbers(unit), erasure.content(Unit))


@pytest.fixture(autouse=True)
def decided(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every erasure has a decision, as far as anyone here knows."""
    monkeypatch.setattr(erasure, "_sources", [f"{__name__}.all_of_them"])


def all_of_them() -> Iterator[int]:
    return iter(Erasure.objects.values_list("pk", flat=True))


@pytest.fixture
def written(unit: Unit) -> Unit:
    """A unit that was changed three times, sealed; another one beside it."""
    other = factories.unit("Röntgen")
    with acting(factories.person(None), reason="It moved"):
        for site in ("House 1", "House 2", "House 3"):
            unit.site = other.site = site
            unit.save()
            other.save()
    seals.seal_all()
    assert list(verifying.verify()) == []
    return unit


def erased(unit: Unit, *, by: User) -> Erasure:
    with transaction.atomic():
        erasure.require_sealed([part(unit)])
        return erasure.erase([part(unit)], decision="DNR 2040-17", reason="The years are over", by=by)


def as_owner(*statements: str) -> None:
    """What whoever owns the tables can do, with the triggers off."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f'ALTER TABLE "{TABLE}" DISABLE TRIGGER ALL')
        else:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [TABLE])
            for (name,) in cursor.fetchall():
                cursor.execute(f'DROP TRIGGER "{name}"')
        for statement in statements:
            cursor.execute(statement)
        if connection.vendor == "postgresql":
            cursor.execute(f'ALTER TABLE "{TABLE}" ENABLE TRIGGER ALL')
    history.install()


def refused(statement: str) -> None:
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_what_was_erased_is_gone_and_the_full_check_finds_nothing(written: Unit, registrar: User) -> None:
    made = erased(written, by=registrar)
    for row in of(Unit).filter(id=written.pk):
        assert (row.name, row.site, row.history_change_reason) == (None, None, None)
        assert row.history_date
    assert of(Unit).filter(id=written.pk, history_user_id=None).count() + 3 == len(numbers(written))
    assert made.rows.count() == len(numbers(written))
    assert list(verifying.verify()) == []
    seals.seal_all()
    assert list(verifying.verify()) == []


def test_other_rows_are_not_touched(written: Unit, registrar: User) -> None:
    erased(written, by=registrar)
    other = Unit.objects.get(name="Röntgen")
    assert {row.name for row in of(Unit).filter(id=other.pk)} == {"Röntgen"}


def test_an_erased_row_tells_who_wrote_it_and_when_and_no_more(written: Unit, registrar: User) -> None:
    erased(written, by=registrar)
    told = entries([of(Unit).filter(id=written.pk)])
    assert {entry.name for entry in told} == {"content disposed of"}
    assert [change for entry in told for change in entry.changes] == []
    assert told[0].who == factories.person(None).name


def test_the_database_lets_only_listed_rows_lose_values_and_nothing_else(written: Unit, registrar: User) -> None:
    row, other = numbers(written)[0], numbers(Unit.objects.get(name="Röntgen"))[0]
    refused(f'UPDATE "{TABLE}" SET site = NULL WHERE history_id = {row}')
    erased(written, by=registrar)
    refused(f'UPDATE "{TABLE}" SET site = NULL WHERE history_id = {other}')
    for change in ("site = 'x'", "history_date = NULL", "history_type = NULL", "id = NULL", "history_user_id = NULL"):
        if change != "history_user_id = NULL" or of(Unit).get(history_id=row).history_user_id:
            refused(f'UPDATE "{TABLE}" SET {change} WHERE history_id = {row}')
    refused(f'DELETE FROM "{TABLE}" WHERE history_id = {row}')
    assert list(verifying.verify()) == []


def test_an_erased_row_that_is_changed_again_is_found(written: Unit, registrar: User) -> None:
    erased(written, by=registrar)
    row = numbers(written)[1]
    as_owner(f"UPDATE \"{TABLE}\" SET site = 'House 9' WHERE history_id = {row}")
    assert [(f.kind, f.table, f.row) for f in verifying.verify()] == [("erased_changed", TABLE, row)]


def test_an_erased_row_that_loses_more_than_was_decided_is_found(written: Unit, registrar: User) -> None:
    erased(written, by=registrar)
    row = numbers(written)[1]
    with connection.cursor() as cursor:  # the database lets it, the check does not
        cursor.execute(f'UPDATE "{TABLE}" SET administration_id = NULL WHERE history_id = {row}')
    assert [(f.kind, f.row) for f in verifying.verify()] == [("erased_changed", row)]


def test_an_erased_row_that_is_deleted_is_found(written: Unit, registrar: User) -> None:
    erased(written, by=registrar)
    row = numbers(written)[1]
    as_owner(f'DELETE FROM "{TABLE}" WHERE history_id = {row}')
    assert "deleted" in {f.kind for f in verifying.verify() if f.row == row}


def test_a_row_listed_and_not_erased_is_found(written: Unit, registrar: User) -> None:
    made = Erasure.objects.create(decision="DNR 1", reason="Because", by=registrar)
    row = numbers(written)[0]
    ErasedRow.objects.create(erasure=made, table_name=TABLE, number=row, was="00" * 32, left="11" * 32)
    assert [(f.kind, f.row) for f in verifying.verify()] == [("erased_changed", row)]


def test_an_erasure_that_nobody_decided_is_found(
    written: Unit, registrar: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = erased(written, by=registrar)
    monkeypatch.setattr(erasure, "_sources", [])
    assert [(f.kind, f.table, f.row) for f in verifying.verify()] == [
        ("erasure_undecided", "documents_erasure", made.pk)
    ]


def test_an_erasure_itself_is_sealed_and_locked(written: Unit, registrar: User) -> None:
    made = erased(written, by=registrar)
    seals.seal_all()
    row = made.rows.order_by("pk").last()
    assert row
    refused(f"UPDATE documents_erasure SET decision = 'x' WHERE id = {made.pk}")
    refused(f"DELETE FROM documents_erasedrow WHERE id = {row.pk}")


def test_what_no_seal_holds_is_not_erased(written: Unit, registrar: User) -> None:
    with acting(registrar):
        written.site = "House 4"
        written.save()
    with pytest.raises(erasure.Unsealed), transaction.atomic():
        erasure.require_sealed([part(written)])


def test_rows_of_the_same_transaction_keep_their_reason_and_are_sealed_as_they_were_left(
    written: Unit, registrar: User
) -> None:
    with transaction.atomic(), acting(registrar, reason="Disposed of by decision DNR 2040-17"):
        written.site = "House 4"
        written.save()
        erasure.erase([part(written)], decision="DNR 2040-17", reason="The years are over", by=registrar)
    last = of(Unit).filter(id=written.pk).latest()
    assert (last.site, last.history_change_reason) == (None, "Disposed of by decision DNR 2040-17")
    seals.seal_all()
    assert list(verifying.verify()) == []
