"""The drill: what was saved comes back on an empty machine to the row and the byte, and whatever does not is named."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.management import call_command
from django.db import connection
from django.test import override_settings

from documents import seals
from documents.backup import making
from documents.backup.manifest import DATABASE, LIST, MANIFEST, Manifest, whole
from organisation import clock, factors
from products import patients
from products.identity import Identifier, Kind
from products.models import Item
from tests import factories, stations
from tests.machines import Machine, empty_machine

pytestmark = pytest.mark.django_db

NewMachine = Callable[..., Machine]
WRITES_ON = ("documents_filecheck", "documents_historycheck")
"""What a restore itself writes: that it has looked."""


def lived() -> None:
    """A little of everything that can be lost: files, a signed and published declaration, a patient, a second factor."""
    product = stations.in_use()
    item = Item.objects.filter(product=product).first()
    assert item
    nurse = factories.nurse(at=stations.place(product))
    who = Identifier(Kind.SE_PERSONNUMMER, "199006022397")
    patients.note_use(item, identifier=who, used_on=clock.today(), unit=factories.ward(), by=nurse)
    factors.issue(nurse)


def store(root: Path) -> dict[str, Any]:
    """Settings of a machine whose files lie there."""
    location = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(root / "media")}}
    return {"STORAGES": django_settings.STORAGES | {"default": location}, "SEALS_LOG": root / "seals.log", "VAR": root}


@pytest.fixture(scope="module")
def original(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A machine that has lived, in the suite's own database; the folder in which it and its one backup lie."""
    root = tmp_path_factory.mktemp("original")
    with django_db_blocker.unblock(), override_settings(**store(root)):
        try:
            lived()
            seals.seal_all()
            call_command("backup", root / "backups", verbosity=0)
            yield root
        finally:
            call_command("flush", interactive=False, verbosity=0)


@pytest.fixture
def source(original: Path) -> Machine:
    """The machine that has lived."""
    name = connection.settings_dict["NAME"]
    if connection.vendor == "postgresql":
        return Machine(original, f"{os.environ['DATABASE_URL'].rpartition('/')[0]}/{name}")
    return Machine(original, f"sqlite:///{name}")


@pytest.fixture
def backups(original: Path, tmp_path: Path) -> Path:
    """A copy of the backups, to do with as one likes."""
    return Path(shutil.copytree(original / "backups", tmp_path / "backups"))


@pytest.fixture
def machine(tmp_path: Path, django_db_blocker: Any) -> Iterator[NewMachine]:
    """Makes empty machines."""
    with django_db_blocker.unblock(), ExitStack() as stack:

        def new(name: str = "machine", **variables: str) -> Machine:
            return stack.enter_context(empty_machine(tmp_path / name, **variables))

        yield new


# --- the drill


GOES_ON = """
from documents import seals, verifying
from organisation import history
from organisation.history import acting
from organisation.models import Unit, User
with acting(User.objects.first()):
    unit = Unit.objects.first()
    Unit.objects.create(administration=unit.administration, name="New ward")
    unit.site = "House 9"
    unit.save()
assert [change.history_type for change in unit.history.all()[:1]] == ["~"]
assert seals.seal_all()
assert (history.missing(), history.strange(), list(verifying.verify())) == ([], [], [])
try:
    unit.history.all().delete()
except Exception:
    print("goes on")
"""


def test_a_machine_that_was_lost_is_the_same_again_to_the_row_and_the_byte(
    source: Machine, backups: Path, machine: NewMachine
) -> None:
    new = machine()
    done = new.manage("restore", backups)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Everything is as it was." in done.stdout
    assert ("DIFFERS" in done.stdout, "0 findings" in done.stdout) == (False, True)
    held = Manifest.read(whole(backups)[-1])
    rows = {name: found for name, found in new.rows().items() if name not in WRITES_ON}
    assert {name: len(found) for name, found in rows.items()} == {
        name: count for name, count in held.tables.items() if name not in WRITES_ON
    }
    assert rows["inhouse_declaration"]
    assert rows["products_patientidentity"]
    assert new.files() == source.files() != {}
    assert new.log.read_bytes() == source.log.read_bytes()
    second = machine("second")  # the restored machine is saved and restored itself: the copies differ in nothing
    assert new.manage("backup", new.root / "again").returncode == 0
    assert second.manage("restore", new.root / "again").returncode == 0
    assert {name: found for name, found in second.rows().items() if name not in WRITES_ON} == rows
    goes_on = second.python(GOES_ON)
    assert goes_on.stdout.endswith("goes on\n"), goes_on.stderr


@pytest.mark.postgres
def test_what_is_written_while_the_backup_runs_is_in_it_whole_or_not_at_all(
    backups: Path, machine: NewMachine, tmp_path: Path
) -> None:
    busy = machine("busy")
    assert busy.manage("restore", backups).returncode == 0
    done = busy.python(
        """
import sys
from pathlib import Path
import psycopg
from documents.backup import database, making
from documents.backup.manifest import Manifest
run, where = database._run, sys.argv[2]
def meanwhile(*words, **given):
    with psycopg.connect(where) as other:
        other.execute("INSERT INTO organisation_administration (institution_id, name, active) VALUES (1, 'Meanwhile', true)")
    run(*words, **given)
database._run = meanwhile
place, manifest = making.make(Path(sys.argv[1]))
print(manifest.tables["organisation_administration"])
""",
        tmp_path / "made",
        busy.database,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len(busy.rows()["organisation_administration"]) - 1
    done = machine("target").manage("restore", tmp_path / "made")
    assert done.returncode == 0, done.stdout + done.stderr


# --- what is not whole


def test_what_is_damaged_or_missing_among_the_files_is_named_and_the_rest_restored(
    backups: Path, machine: NewMachine
) -> None:
    damaged, missing, *others = sorted(backups.glob("files/sha256/*/*/*"))
    damaged.chmod(0o640)
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    missing.unlink()
    new = machine()
    done = new.manage("restore", backups)
    assert done.returncode == 1
    assert f"DIFFERS: {damaged}: damaged: its content was changed\n" in done.stdout
    assert f"DIFFERS: {missing}: missing\n" in done.stdout
    for gone in (damaged, missing):
        place = f"sha256/{gone.name[:2]}/{gone.name[2:4]}/{gone.name}"
        assert f"DIFFERS: file {place}: missing\n" in done.stdout
    assert "4 things are not as they were" in done.stderr
    assert len(new.files()) == len(others)


@pytest.mark.parametrize("name", [DATABASE, LIST, MANIFEST])
def test_of_a_backup_whose_own_parts_are_damaged_nothing_is_restored(
    backups: Path, machine: NewMachine, name: str
) -> None:
    path = whole(backups)[-1] / name
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + b"?" + content[len(content) // 2 + 1 :])
    if name == MANIFEST:
        path.write_bytes(content[:-20])
    new = machine()
    done = new.manage("restore", backups)
    assert done.returncode == 1
    assert f"{path} " in done.stderr
    assert (new.rows(), new.files()) == ({}, {})


def test_a_row_of_history_that_was_changed_in_the_backup_is_named(backups: Path, machine: NewMachine) -> None:
    forger = machine("forger")
    assert forger.manage("restore", backups).returncode == 0
    forged = forger.python(
        """
from django.db import connection
from organisation import history
with connection.cursor() as cursor:
    table = "organisation_historicalunit"
    if connection.vendor == "postgresql":
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
    else:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [table])
        for (name,) in cursor.fetchall():
            cursor.execute(f'DROP TRIGGER "{name}"')
    first = f"(SELECT min(history_id) FROM {table})"
    cursor.execute(f"UPDATE {table} SET site = 'Elsewhere' WHERE history_id = {first}")
    if connection.vendor == "postgresql":
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER ALL")
history.install(connection)
"""
    )
    assert forged.returncode == 0, forged.stderr
    assert forger.manage("backup", forger.root / "forged").returncode == 0
    done = machine("target").manage("restore", forger.root / "forged")
    assert done.returncode == 1
    said = r"DIFFERS: history: organisation_historicalunit, row \d+: changed after it was sealed \(seal \d+\)\."
    assert re.search(said, done.stdout)


def test_an_entry_of_the_register_that_was_changed_is_named(backups: Path, machine: NewMachine) -> None:
    forger = machine("forger")
    assert forger.manage("restore", backups).returncode == 0
    forged = forger.python(
        """
from django.db import connection
from inhouse import register
from inhouse.models import Leaf
with connection.cursor() as cursor:
    if connection.vendor == "postgresql":
        cursor.execute("ALTER TABLE inhouse_leaf DISABLE TRIGGER ALL")
    else:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'inhouse_leaf'")
        for (name,) in cursor.fetchall():
            cursor.execute(f'DROP TRIGGER "{name}"')
    cursor.execute("UPDATE inhouse_leaf SET data = replace(data, 'published', 'withdrawn')")
print("; ".join(register.faults()))
"""
    )
    assert "register: entry 0 was changed; register: the checkpoint of 1 entries is not that" in forged.stdout


def test_keys_that_are_not_those_of_the_backup_are_named(backups: Path, machine: NewMachine) -> None:
    other = "b3RoZXIga2V5LCBhbHNvIG5vbmUsIDMyIGJ5dGVzISE="
    names = ("SEALS_KEY", "REGISTER_KEY", "SECOND_FACTOR_KEYS")
    done = machine(PATIENT_KEYS=f"1:{other}", **dict.fromkeys(names, other)).manage("restore", backups)
    assert done.returncode == 1
    for said in ("PATIENT_KEYS", "SECOND_FACTOR_KEYS", "REGISTER_KEY", "is not signed by a key of this register"):
        assert said in done.stdout


# --- refused


def test_a_machine_that_is_not_empty_is_left_as_it_is(backups: Path, machine: NewMachine) -> None:
    new = machine()
    stray = new.media / "sha256" / "ab" / "cd" / "stray"
    stray.parent.mkdir(parents=True)
    stray.write_text("Someone's")
    done = new.manage("restore", backups)
    assert (done.returncode, new.rows()) == (1, {})
    assert "is not empty: it has 1 files that are not of this backup, as sha256/ab/cd/stray" in done.stderr
    stray.unlink()
    assert new.manage("restore", backups).returncode == 0
    before = new.rows()
    again = new.manage("restore", backups)
    assert again.returncode == 1
    assert "the database is not empty: it has" in again.stderr
    assert new.rows() == before


def test_a_log_of_seals_that_is_there_is_kept_and_tells_what_the_backup_lacks(
    backups: Path, machine: NewMachine
) -> None:
    new = machine()
    kept = (whole(backups)[-1] / "seals.log").read_text() + f"2\t{'0' * 64}\t2026-11-30\n"
    new.log.write_text(kept)
    done = new.manage("restore", backups)
    assert done.returncode == 1
    assert "the log outside the database knows these seals, the database does not" in done.stdout
    assert new.log.read_text() == kept


def test_a_program_with_other_migrations_restores_nothing(backups: Path, machine: NewMachine) -> None:
    path = whole(backups)[-1] / MANIFEST
    said = json.loads(path.read_text())
    path.write_text(json.dumps(said | {"version": "9.9", "migrations": [*said["migrations"], "inhouse.9999_later"]}))
    new = machine()
    done = new.manage("restore", backups)
    assert (done.returncode, new.rows()) == (1, {})
    assert "made by version 9.9" in done.stderr
    assert "(inhouse.9999_later): restore it with that version, then upgrade" in done.stderr


def test_a_place_that_is_none_for_backups_is_refused(source: Machine, tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "letter.txt").touch()
    for place, said in ((source.media / "backups", "must lie apart"), (tmp_path / "letters", "other things")):
        done = source.manage("backup", place)
        assert (done.returncode, said in done.stderr) == (1, True), done.stderr


# --- half of one


KILLED = """
import os, signal, sys
from pathlib import Path
from documents.backup import making
from documents.backup.manifest import Manifest
def dies(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)
where = sys.argv[2]
if where == "files":
    making._copy_files = dies
if where == "manifest":
    Manifest.write = dies
if where == "rename":
    making.os.sync = dies
making.make(Path(sys.argv[1]))
"""


def test_a_backup_that_was_killed_is_not_taken_for_one_and_cleared_away_by_the_next(
    backups: Path, machine: NewMachine, tmp_path: Path
) -> None:
    source, folder = machine("source"), tmp_path / "made"
    assert source.manage("restore", backups).returncode == 0
    for where in ("files", "manifest", "rename"):
        assert source.python(KILLED, folder, where).returncode == -signal.SIGKILL
        assert any(folder.glob("unfinished-*"))
        done = machine(where).manage("restore", folder)
        assert f"There is no whole backup in {folder}" in done.stderr
    assert source.manage("backup", folder).returncode == 0
    assert [path.name for path in folder.glob("unfinished-*")] == []
    assert len(whole(folder)) == 1


DIES_RESTORING = """
import os, signal, sys
from pathlib import Path
from documents.backup import database, restoring
def dies(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)
database.restore = dies
restoring.restore(Path(sys.argv[1]))
"""


def test_a_restore_that_was_killed_is_begun_again(backups: Path, machine: NewMachine) -> None:
    new = machine()
    assert new.python(DIES_RESTORING, backups).returncode == -signal.SIGKILL
    assert (new.rows(), bool(new.files())) == ({}, True)
    done = new.manage("restore", backups)
    assert done.returncode == 0, done.stdout + done.stderr


FULL = """
import errno, os, sys
from django.core.management import call_command
from documents.backup import making
def full(*args, **kwargs):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
making.copy = full
call_command("backup", sys.argv[1])
"""


def test_a_full_disk_is_said_and_nothing_half_is_left(source: Machine, tmp_path: Path) -> None:
    done = source.python(FULL, tmp_path / "made")
    assert f"No backup was made. {tmp_path / 'made'}: No space left on device." in done.stderr
    assert [path.name for path in (tmp_path / "made").iterdir()] == [".femfem-backups"]


@pytest.mark.postgres
def test_a_missing_program_is_named_with_its_package(source: Machine, tmp_path: Path) -> None:
    done = source.manage("backup", tmp_path / "made", PATH=str(tmp_path))
    assert "The program pg_dump is missing. Debian's package postgresql-client has it" in done.stderr
    assert [path.name for path in (tmp_path / "made").iterdir()] == [".femfem-backups"]


def test_of_two_backups_at_once_the_second_is_refused(source: Machine, tmp_path: Path) -> None:
    with making._alone(tmp_path / "made"):
        done = source.manage("backup", tmp_path / "made")
    assert "is running already" in done.stderr


# --- what backups share


def test_the_next_backup_copies_only_what_is_new_and_old_ones_are_put_away_with_their_files(
    source: Machine, backups: Path
) -> None:
    count = len(source.files())
    assert f"Files: {count}, of which 0 were copied now." in source.manage("backup", backups).stdout
    stray = backups / "files" / "sha256" / "ab" / "cd" / ("abcd" + "0" * 60)
    stray.parent.mkdir(parents=True, exist_ok=True)
    stray.write_text("Disposed of long ago")
    broken = whole(backups)[0] / MANIFEST
    said = broken.read_bytes()
    broken.write_bytes(b"{")
    assert "Nothing old was deleted" in source.manage("backup", backups).stdout
    assert stray.exists()
    broken.write_bytes(said)
    done = source.manage("backup", backups)
    assert "Deleted: 1 files that no backup here names any more." in done.stdout
    assert not stray.exists()
    assert len(list(backups.glob("files/sha256/*/*/*"))) == count
    assert len(whole(backups)) == 4


def test_a_file_that_is_damaged_where_it_is_kept_is_named_and_the_rest_saved(
    source: Machine, tmp_path: Path, machine: NewMachine
) -> None:
    place, content = sorted(source.files().items())[0]
    path, digest = source.media / place, place[-64:]
    try:
        path.chmod(0o640)
        path.write_bytes(content[:-1] + b"?")
        done = source.manage("backup", tmp_path / "made")
        assert done.returncode == 1
        assert f"1 files are damaged or missing and not in the backup:\n  {digest}" in done.stderr
    finally:
        path.write_bytes(content)
    done = machine().manage("restore", tmp_path / "made")
    assert done.returncode == 1
    assert f"{digest}: missing (it was so when the backup was made)" in done.stdout
    assert "2 things are not as they were" in done.stderr


def test_backups_are_for_their_owner_alone(original: Path) -> None:
    for path in (original / "backups").rglob("*"):
        assert not path.stat().st_mode & 0o007, path
