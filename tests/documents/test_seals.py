"""What was sealed cannot be changed unseen, not even by whoever owns the database."""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Callable
from pathlib import Path
from threading import Barrier, Event, Thread
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils.timezone import now
from pytest_django import Settings

from documents import auditing, findings, merkle, pending, rows, seals, tasks, verifying
from documents.models import HistoryCheck, HistorySeal, SealedRows, SignedFile
from organisation import clock, history
from organisation.history import acting, of
from organisation.models import Unit
from tests import factories, stations

pytestmark = pytest.mark.django_db

TABLE = "organisation_historicalunit"
SEALS, PARTS, COLUMNS = "documents_historyseal", "documents_sealedrows", "documents_sealedcolumns"


def rename(unit: Unit, *names: str) -> None:
    with acting(factories.person(None)):
        for name in names:
            unit.site = name
            unit.save()


def numbers() -> list[int]:
    """The rows of the table that is tampered with, by number."""
    return list(of(Unit).order_by("history_id").values_list("history_id", flat=True))


@pytest.fixture
def sealed(unit: Unit) -> list[int]:
    """Twelve changes of a unit in three seals of four; the numbers of their rows."""
    rename(unit, *(f"House {n}" for n in range(4 - len(numbers()))))
    for batch in range(3):
        rename(unit, *(f"House {batch}{n}" for n in range(4 if batch else 0)))
        assert seals.seal()
    found = numbers()
    assert len(found) == 12
    assert list(verifying.verify()) == []
    return found


def as_owner(table: str, *statements: str) -> None:
    """What whoever owns the tables can do: switch the triggers off, write, and make everything look as before."""
    connection.check_constraints()
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f'ALTER TABLE "{table}" DISABLE TRIGGER ALL')
        else:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [table])
            for (name,) in cursor.fetchall():
                cursor.execute(f'DROP TRIGGER "{name}"')
        for statement in statements:
            cursor.execute(statement)
        if connection.vendor == "postgresql":
            cursor.execute(f'ALTER TABLE "{table}" ENABLE TRIGGER ALL')
    history.install(connection)


def found() -> list[tuple[str, str, int | None]]:
    return [(finding.kind, finding.table, finding.row) for finding in verifying.verify()]


def edit(h: list[int], where: int, what: str = "site = 'Elsewhere'") -> str:
    return f"UPDATE {TABLE} SET {what} WHERE history_id = {h[where]}"


def renumber(old: int, new: int) -> str:
    return f"UPDATE {TABLE} SET history_id = {new} WHERE history_id = {old}"


def copy(number: int) -> str:
    columns = [field.column for field in of(Unit).model._meta.concrete_fields if field.column != "history_id"]
    listed = ", ".join(f'"{column}"' for column in columns)
    return (
        f"INSERT INTO {TABLE} (history_id, {listed}) SELECT {number}, {listed} FROM {TABLE} ORDER BY history_id LIMIT 1"
    )


UNSEEN = {"postgresql": "history_date = history_date + interval '1 microsecond'", "sqlite": "active = 2"}

# --- rows

TAMPERINGS: dict[str, tuple[Callable[[list[int]], list[str]], Callable[[list[int]], list[tuple[str, int]]]]] = {
    "edit": (lambda h: [edit(h, 5)], lambda h: [("changed", h[5])]),
    "edit who did it": (lambda h: [edit(h, 0, "history_user_id = 4711")], lambda h: [("changed", h[0])]),
    "edit what a model would read as the same": (
        lambda h: [edit(h, 11, UNSEEN[connection.vendor])],
        lambda h: [("changed", h[11])],
    ),
    "empty a text": (lambda h: [edit(h, 5, "site = ''")], lambda h: [("changed", h[5])]),
    "delete": (lambda h: [f"DELETE FROM {TABLE} WHERE history_id = {h[6]}"], lambda h: [("deleted", h[6])]),
    "delete some": (
        lambda h: [f"DELETE FROM {TABLE} WHERE history_id BETWEEN {h[3]} AND {h[6]}"],
        lambda h: [("deleted_many", h[3])],
    ),
    "insert before": (lambda h: [copy(h[0] - 1)], lambda h: [("added", h[0] - 1)]),
    "insert below everything": (lambda h: [copy(-5)], lambda h: [("added", -5)]),
    "insert above": (lambda h: [copy(h[11] + 1000)], lambda h: [("unnumbered", h[11] + 1000)]),
    "swap two": (
        lambda h: [renumber(h[1], -1), renumber(h[9], h[1]), renumber(-1, h[9])],
        lambda h: [("swapped", h[1])],
    ),
    "reorder": (
        lambda h: [renumber(h[2], -1), renumber(h[5], h[2]), renumber(h[8], h[5]), renumber(-1, h[8])],
        lambda h: [("moved", h[2]), ("moved", h[5]), ("moved", h[8])],
    ),
    "renumber": (lambda h: [renumber(h[4], h[0] - 1)], lambda h: [("renumbered", h[0] - 1)]),
    "cut the tail": (lambda h: [f"DELETE FROM {TABLE} WHERE history_id >= {h[9]}"], lambda h: [("cut", h[9])]),
    "empty": (lambda h: [f"DELETE FROM {TABLE}"], lambda h: [("cut", h[0])]),
    "rename a column": (
        lambda h: [f"ALTER TABLE {TABLE} RENAME COLUMN site TO place"],
        lambda h: [("columns_gone", h[0])],
    ),
}


@pytest.mark.parametrize("what", TAMPERINGS)
def test_tampering_with_rows_is_named_by_table_and_row(sealed: list[int], what: str) -> None:
    tamper, expected = TAMPERINGS[what]
    as_owner(TABLE, *tamper(sealed))
    assert found() == [(kind, TABLE, row) for kind, row in expected(sealed)]


def test_a_row_put_where_a_change_was_taken_back_is_named(unit: Unit) -> None:
    """On PostgreSQL the number of a change that was taken back stays free; SQLite gives it again."""
    rename(unit, "House 1")
    with transaction.atomic():
        rename(unit, "House 2")
        taken_back = numbers()[-1]
        transaction.set_rollback(True)
    rename(unit, "House 3")
    seals.seal()
    assert found() == []
    if connection.vendor == "postgresql":
        as_owner(TABLE, copy(taken_back))
        assert found() == [("added", TABLE, taken_back)]
    else:
        assert numbers()[-1] == taken_back


@pytest.mark.parametrize("event", ["insert", "update", "delete", "append_only"])
def test_a_dropped_trigger_is_named(sealed: list[int], event: str) -> None:
    table = TABLE if event == "append_only" else "organisation_unit"
    if connection.vendor == "postgresql":
        name, on = f"history_{event}", f' ON "{table}"'
    else:
        name, on = f"history_{'history_delete' if event == 'append_only' else event}_{table}", ""
    connection.check_constraints()
    with connection.cursor() as cursor:
        cursor.execute(f'DROP TRIGGER "{name}"{on}')
    assert [(each.kind, each.table, each.text) for each in verifying.verify()] == [("trigger_missing", table, name)]


@pytest.mark.postgres
def test_a_trigger_that_is_switched_off_or_emptied_is_named(sealed: list[int]) -> None:
    connection.check_constraints()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE organisation_unit DISABLE TRIGGER history_delete")
        cursor.execute(
            "CREATE OR REPLACE FUNCTION history_update_organisation_unit() RETURNS trigger LANGUAGE plpgsql"
            " AS 'BEGIN RETURN NULL; END'"
        )
    named = {(each.kind, each.table, each.text) for each in verifying.verify()}
    assert named == {
        ("trigger_disabled", "organisation_unit", "history_delete"),
        ("trigger_altered", "organisation_unit", "history_update"),
    }


def test_a_trigger_that_swallows_what_should_be_recorded_is_named(sealed: list[int]) -> None:
    connection.check_constraints()
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
                f"CREATE TRIGGER swallow BEFORE INSERT ON {TABLE} FOR EACH ROW EXECUTE FUNCTION swallow();"
                "CREATE RULE quiet AS ON DELETE TO organisation_unit DO INSTEAD NOTHING"
            )
            expected = [(TABLE, "swallow"), ("organisation_unit", "quiet")]
        else:
            cursor.execute(f"CREATE TRIGGER swallow BEFORE INSERT ON {TABLE} BEGIN SELECT RAISE(IGNORE); END")
            expected = [(TABLE, "swallow")]
    named = [(each.kind, each.table, each.text) for each in verifying.verify()]
    assert named == [("trigger_unknown", table, name) for table, name in expected]


# --- seals


def remade(number: int) -> list[str]:
    """A seal written anew without the key, with everything that can be made to fit."""
    seal = HistorySeal.objects.get(number=number)
    body = seals.canonical(seal.said | {"made_at": "2020-01-01T00:00:00.000000+00:00"})
    return [f"UPDATE {SEALS} SET body = '{body}', hash = '{seals.sha256(body.encode())}' WHERE number = {number}"]


def part_of(seal: int) -> SealedRows:
    return SealedRows.objects.get(seal_id=seal, table_name=TABLE)


def leaf(n: int) -> str:
    literal = "'\\x{}'::bytea" if connection.vendor == "postgresql" else "x'{}'"
    part = part_of(2)
    return f"UPDATE {PARTS} SET leaves = {literal.format((bytes(32) + bytes(part.leaves)[32:]).hex())} WHERE id = {part.pk}"


SEAL_TAMPERINGS: dict[str, tuple[str, Callable[[], list[str]], Callable[[list[int]], list[Any]]]] = {
    "edit": (
        SEALS,
        lambda: [f"UPDATE {SEALS} SET body = replace(body, '\"total\":', '\"total\":1') WHERE number = 2"],
        lambda h: [("seal_changed", SEALS, 2)],
    ),
    "edit the hash": (
        SEALS,
        lambda: [f"UPDATE {SEALS} SET hash = 'made up' WHERE number = 2"],
        lambda h: [("seal_changed", SEALS, 2)],
    ),
    "make unreadable": (
        SEALS,
        lambda: [f"UPDATE {SEALS} SET body = 'gone' WHERE number = 2"],
        lambda h: [("seal_changed", SEALS, 2)],
    ),
    "edit the signature": (
        SEALS,
        lambda: [f"UPDATE {SEALS} SET signature = 'mine' WHERE number = 2"],
        lambda h: [("seal_unsigned", SEALS, 2)],
    ),
    "write one anew": (
        SEALS,
        lambda: remade(2),
        lambda h: [("seal_unsigned", SEALS, 2), ("seal_other", SEALS, 2), ("seal_unchained", SEALS, 3)],
    ),
    "cut the tail": (
        SEALS,
        lambda: [f"DELETE FROM {PARTS} WHERE seal_id = 3", f"DELETE FROM {SEALS} WHERE number = 3"],
        lambda h: [("seals_cut", SEALS, 3)],
    ),
    "cut all": (
        SEALS,
        lambda: [f"DELETE FROM {PARTS}", f"DELETE FROM {SEALS}"],
        lambda h: [("seals_cut", SEALS, 1)],
    ),
    "take one out": (
        SEALS,
        lambda: [f"DELETE FROM {PARTS} WHERE seal_id = 2", f"DELETE FROM {SEALS} WHERE number = 2"],
        lambda h: [("seal_missing", SEALS, 2), *(("added", TABLE, row) for row in h[4:8])],
    ),
    "take out what it keeps": (
        PARTS,
        lambda: [f"DELETE FROM {PARTS} WHERE id = {part_of(2).pk}"],
        lambda h: [("part_missing", PARTS, h[4]), *(("added", TABLE, row) for row in h[4:8])],
    ),
    "edit a leaf hash": (PARTS, lambda: [leaf(0)], lambda h: [("part_changed", PARTS, part_of(2).pk)]),
    "edit the columns": (
        COLUMNS,
        lambda: [f"UPDATE {COLUMNS} SET columns = '[\"id\"]' WHERE id = {part_of(2).columns_id}"],
        lambda h: [("columns_changed", COLUMNS, part_of(2).columns_id)],
    ),
}


@pytest.mark.parametrize("what", SEAL_TAMPERINGS)
def test_tampering_with_seals_is_named_by_table_and_row(sealed: list[int], what: str) -> None:
    table, tamper, expected = SEAL_TAMPERINGS[what]
    statements = tamper()
    for other in dict.fromkeys((PARTS, table)):  # what refers to a seal goes before it
        as_owner(other, *(statement for statement in statements if f" {other} " in f"{statement} "))
    assert found() == expected(sealed)


def test_a_row_and_its_kept_hash_changed_together_are_both_named(sealed: list[int]) -> None:
    as_owner(PARTS, leaf(0))
    as_owner(TABLE, edit(sealed, 4))
    assert found() == [("part_changed", PARTS, part_of(2).pk), ("changed", TABLE, sealed[4])]


def test_seals_that_were_cut_and_made_again_are_known_by_the_log(sealed: list[int]) -> None:
    as_owner(PARTS, f"DELETE FROM {PARTS} WHERE seal_id = 3")
    as_owner(SEALS, f"DELETE FROM {SEALS} WHERE number = 3")
    as_owner(TABLE, edit(sealed, 11))
    again = seals.seal()
    assert again
    assert again.number == 3
    assert found() == [("seal_other", SEALS, 3)]


def test_the_log_is_missed(sealed: list[int], seals_log: Path) -> None:
    lines = seals_log.read_text().splitlines(keepends=True)
    assert [line.split("\t")[:2] for line in lines] == [
        [str(seal.number), seal.hash] for seal in HistorySeal.objects.order_by("number")
    ]
    seals_log.write_text(lines[0] + lines[2])
    assert found() == [("log_gap", SEALS, 2)]
    seals_log.unlink()
    assert found() == [("log_missing", SEALS, None)]


def test_a_seal_that_a_crash_kept_from_the_log_is_noted_with_the_next(
    sealed: list[int], unit: Unit, seals_log: Path
) -> None:
    lines = seals_log.read_text().splitlines(keepends=True)
    seals_log.write_text("".join(lines[:2]))
    assert found() == []
    rename(unit, "House 99")
    seals.seal()
    assert [number for number, _hash in seals.noted()] == [1, 2, 3, 4]


def test_a_former_key_still_counts_and_an_unknown_one_does_not(
    sealed: list[int], unit: Unit, settings: Settings
) -> None:
    former = seals.public_key()
    settings.SEALS_KEY = base64.b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode()
    rename(unit, "House 99")
    seals.seal()
    assert [row for kind, _table, row in found() if kind == "seal_unsigned"] == [1, 2, 3]
    settings.SEALS_FORMER_KEYS = [former]
    assert found() == []


# --- what must not be taken for tampering


def test_a_column_that_comes_later_changes_no_hash(sealed: list[int], unit: Unit) -> None:
    connection.check_constraints()
    with connection.cursor() as cursor:
        for table in ("organisation_unit", TABLE):
            cursor.execute(f"ALTER TABLE {table} ADD COLUMN phone varchar(20) NULL")
    history.install(connection)
    assert found() == []
    with connection.cursor() as cursor:
        cursor.execute("UPDATE organisation_unit SET phone = '112'")
    seals.seal()
    assert found() == []
    last = numbers()[-1]
    as_owner(TABLE, f"UPDATE {TABLE} SET phone = '113' WHERE history_id = {last}")
    assert found() == [("changed", TABLE, last)]


@pytest.mark.postgres
def test_what_a_session_is_set_to_changes_no_hash(sealed: list[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SET LOCAL TimeZone = 'Asia/Tokyo'; SET LOCAL DateStyle = 'German'; SET LOCAL bytea_output = escape"
        )
    assert found() == []


def test_rows_are_sealed_once_and_quiet_times_make_no_seal(sealed: list[int]) -> None:
    assert seals.seal() is None
    assert pending.pending() == []
    rows = SealedRows.objects.filter(table_name=TABLE).order_by("first")
    assert [n for part in rows for run in seals.unpacked(bytes(part.numbers)) for n in run] == sealed


def test_a_signed_file_is_sealed_though_it_has_no_history(db: None) -> None:
    file = SignedFile.objects.create(name="d.pdf", media_type="application/pdf", content=b"%PDF", sha256="0", size=4)
    seals.seal()
    as_owner("documents_signedfile", f"UPDATE documents_signedfile SET name = 'x.pdf' WHERE id = {file.pk}")
    assert found() == [("changed", "documents_signedfile", file.pk)]


def test_many_rows_go_into_several_chunks_and_seals(unit: Unit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seals, "CHUNK", 4)
    monkeypatch.setattr(seals, "MOST", 8)
    monkeypatch.setattr("documents.rows.BATCH", 4)
    rename(unit, *(f"House {n}" for n in range(30)))
    assert seals.seal_all() > 3
    assert found() == []
    h = numbers()
    as_owner(TABLE, edit(h, 17), f"DELETE FROM {TABLE} WHERE history_id = {h[18]}", renumber(h[2], -1), renumber(h[28], h[2]), renumber(-1, h[28]))  # fmt: skip
    assert found() == [("swapped", TABLE, h[2]), ("changed", TABLE, h[17]), ("deleted", TABLE, h[18])]


def test_a_thousand_wrong_rows_are_counted(unit: Unit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "TOLD", 5)
    rename(unit, *(f"House {n}" for n in range(10)))
    seals.seal()
    as_owner(TABLE, f"UPDATE {TABLE} SET site = 'x'")
    named = list(verifying.verify())
    assert [each.kind for each in named] == ["changed"] * 5 + ["more"]
    assert named[-1].other == len(numbers()) - 5


# --- any single tampering


def literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    text = str(value).replace("'", "''").replace("%", "%%")
    return f"'{text}'"


def tampered(chance: random.Random, table: Any) -> bool:
    """Do one thing to one row of the table that makes it another; says whether the database took it."""
    key = f'"{table.key}"'
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {key} FROM {table.name} ORDER BY 1")
        rows = [number for (number,) in cursor.fetchall()]
    row, other = chance.choice(rows), chance.choice(rows)
    kind = chance.choice(["edit", "edit", "edit", "delete", "copy", "swap"])
    if kind == "delete":
        statements = [f"DELETE FROM {table.name} WHERE {key} = {row}"]
    elif kind == "copy":
        listed = ", ".join(f'"{column}"' for column in table.columns)
        below = f"(SELECT min({key}) - {chance.randrange(1, 9)} FROM {table.name})"
        statements = [f"INSERT INTO {table.name} ({key}, {listed}) SELECT {below}, {listed} FROM {table.name} WHERE {key} = {row}"]  # fmt: skip
    elif kind == "swap" and row != other:
        moves = [(row, -77), (other, row), (-77, other)]
        statements = [f"UPDATE {table.name} SET {key} = {new} WHERE {key} = {old}" for old, new in moves]
    else:
        column = chance.choice(table.columns)
        with connection.cursor() as cursor:
            cursor.execute(f'SELECT "{column}" FROM {table.name} WHERE {key} = {row}')
            (value,) = cursor.fetchone()
        new = chance.choice(["NULL", "0", "1", "''", "'x'", literal(f"{value} "), literal(f"{value}x")])
        same = "IS DISTINCT FROM" if connection.vendor == "postgresql" else "IS NOT"
        statements = [f'UPDATE {table.name} SET "{column}" = {new} WHERE {key} = {row} AND "{column}" {same} {new}']
    try:
        with transaction.atomic():
            before = read(table)
            as_owner(table.bare, *statements)
            return read(table) != before
    except DatabaseError:
        return False  # not of this column's kind


def read(table: Any) -> list[Any]:
    return [row for batch in rows.read(table, table.columns, after=-(2**63), upto=2**62) for row in batch]


def test_any_single_tampering_is_found_and_its_table_named(sealed: list[int]) -> None:
    stations.in_use()
    seals.seal()
    assert found() == []
    filled = [table for table in pending.tables() if read(table)]
    assert len(filled) > 20
    chance, done = random.Random(55), 0
    while done < 25:
        table = chance.choice(filled)
        with transaction.atomic():
            if tampered(chance, table):
                done += 1
                named = found()
                assert named, f"{table.bare}, tampering {done}"
                assert {name for _kind, name, _row in named} == {table.bare}
            transaction.set_rollback(True)
    assert found() == []


# --- written late


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_row_committed_late_with_a_lower_number_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    slow_unit, quick_unit = factories.unit(), factories.ward()
    factories.person(None)
    seals.seal()
    before = numbers()
    written, commit = Event(), Event()

    def change_slowly() -> None:
        with transaction.atomic():
            rename(slow_unit, "Slow")
            written.set()
            commit.wait(30)
        connection.close()

    slow = Thread(target=change_slowly)
    slow.start()
    assert written.wait(30)
    rename(quick_unit, "Quick")
    (quick,) = set(numbers()) - set(before)
    assert quick == before[-1] + 2, "the slow one was numbered first, and is not there yet"

    assert seals.seal(patience=0) is None, "sealed above a row that is still to come"
    monkeypatch.setattr("documents.pending.time.sleep", lambda seconds: commit.set())
    made = seals.seal(patience=30)
    slow.join(30)
    assert made
    assert seals.unpacked(bytes(part_of(made.number).numbers)) == [range(quick - 1, quick + 1)]
    assert found() == []


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_of_two_that_seal_at_once_one_makes_the_seal(unit: Unit) -> None:
    results: list[Any] = []
    start = Barrier(2)

    def run() -> None:
        start.wait(10)
        results.append(seals.seal())
        connection.close()

    threads = [Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [seal.number for seal in results if seal] == [1]
    assert found() == []


# --- the check


def test_the_command_says_what_it_found_and_fails(sealed: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    call_command("verify_history")
    assert f"{len(sealed) + 3} rows checked" in capsys.readouterr().out
    as_owner(TABLE, edit(sealed, 5))
    with pytest.raises(SystemExit) as ended:
        call_command("verify_history")
    assert ended.value.code == 1
    assert f"{TABLE}, row {sealed[5]}: changed after it was sealed (seal 2)." in capsys.readouterr().out


def test_a_check_keeps_what_it_found_and_is_locked(sealed: list[int]) -> None:
    as_owner(TABLE, edit(sealed, 5))
    tasks.check_history()
    check = HistoryCheck.objects.get()
    assert (check.found, check.rows) == (1, check.total)
    assert findings.told(check.findings) == [f"{TABLE}, row {sealed[5]}: changed after it was sealed (seal 2)."]
    with pytest.raises(IntegrityError), transaction.atomic():
        HistoryCheck.objects.update(found=0)


def test_only_one_check_runs_at_a_time_and_one_that_went_silent_is_given_up(db: None) -> None:
    first = auditing.begin()
    with pytest.raises(ValidationError, match="running already"):
        auditing.begin()
    with clock.at(first.seen_at + auditing.SILENT * 2):
        assert auditing.begin() != first


def test_writing_without_a_person_is_counted_unless_there_is_a_reason(unit: Unit) -> None:
    before = auditing.written_outside()["organisation.Unit"]
    with acting(None, reason="A sweep"):
        Unit.objects.update(site="Swept")
    rename(unit, "House 2")
    assert auditing.written_outside()["organisation.Unit"] == before
    Unit.objects.update(site="Smuggled")
    assert auditing.written_outside()["organisation.Unit"] == before + 1


def test_rows_that_stay_unsealed_for_too_long_alarm(unit: Unit) -> None:
    assert auditing.state().alarms == []
    with clock.at(now() + pending.LATE * 2):
        assert [alarm for alarm in auditing.state().alarms if "not sealed yet" in alarm]
    tasks.seal_history()
    with clock.at(now() + pending.LATE * 2):
        assert auditing.state().alarms == []


@pytest.mark.parametrize("numbers", [[5], [1, 2, 3], [-3, 7, 8, 2**62], [1, 3, 5, 6]])
def test_numbers_are_packed_and_unpacked(numbers: list[int]) -> None:
    assert [number for run in seals.unpacked(seals.packed(numbers)) for number in run] == numbers


def test_a_root_is_that_of_rfc_6962() -> None:
    def by_the_book(hashes: list[bytes]) -> bytes:
        if len(hashes) == 1:
            return hashes[0]
        split = 1 << (len(hashes) - 1).bit_length() - 1
        return hashlib.sha256(b"\x01" + by_the_book(hashes[:split]) + by_the_book(hashes[split:])).digest()

    hashes = [hashlib.sha256(bytes([n])).digest() for n in range(70)]
    for size in range(1, 71):
        assert merkle.root(hashes[:size]) == by_the_book(hashes[:size])
