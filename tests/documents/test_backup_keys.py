"""The keys are saved apart from the data, open only with their passphrase, and are all that production needs of secrets."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as configured
from django.utils import timezone
from prepare import ROOT
from production import throw_away
from pytest_django import Settings

from documents.backup import keys, last
from documents.backup.manifest import MARK, Impossible, Manifest
from organisation import alarms

PASSPHRASE = "correct horse battery staple"
HERE = {"FEMFEM_VAR", "DATABASE_URL", "REDIS_URL", "MEDIA_ROOT", "FEMFEM_ENV"}
"""What a machine has of its own and nobody saves."""


def manage(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", *map(str, words)],
        cwd=ROOT,
        env=clean | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_production_starts_with_what_was_unpacked_and_has_the_same_keys(tmp_path: Path) -> None:
    given = throw_away() | {
        "FEMFEM_VAR": str(tmp_path / "var"),
        "OIDC_ISSUER": "https://login.example.org",
        "OIDC_CLIENT_ID": "register-of-devices",
        "OIDC_CLIENT_SECRET": "it's $5 \\ `more`",
        "SEALS_FORMER_KEYS": f"{'ab' * 32},{'cd' * 32}",
    }
    packed = manage("backup_keys", tmp_path / "keys.json", KEYS_PASSPHRASE=PASSPHRASE, **given)
    assert packed.returncode == 0, packed.stderr
    held = (tmp_path / "keys.json").read_text()
    assert not any(given[name] in held + packed.stdout for name in keys.SECRETS if name in given)
    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600

    new = {"FEMFEM_ENV": "demo", "FEMFEM_VAR": str(tmp_path / "new"), "KEYS_PASSPHRASE": PASSPHRASE}
    unpacked = manage("restore_keys", tmp_path / "keys.json", tmp_path / "machine", **new)
    assert unpacked.returncode == 0, unpacked.stderr
    written = sorted(path for path in (tmp_path / "machine").rglob("*") if path.is_file())
    assert [path.name for path in written] == [".env", "seal.p12", "trust.pem"]
    assert {path.stat().st_mode & 0o777 for path in written} == {0o600}
    assert written[1].read_bytes() == Path(given["SEAL_KEYSTORE"]).read_bytes()

    script = 'set -a; . "$1"; exec "$2" -c "$3"'
    shows = "import os; print(repr({name: os.environ.get(name) for name in sorted(os.environ)}))"
    there = eval(
        subprocess.run(
            ["sh", "-c", script, "sh", str(written[0]), sys.executable, shows],
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )
    same = given.keys() - HERE - {"SEAL_KEYSTORE", "SEAL_TRUST"}
    assert {name: there[name] for name in same} == {name: given[name] for name in same}
    starts = manage("check", "--tag", "security", **{name: given[name] for name in HERE} | there)
    assert starts.returncode == 0, starts.stderr


def test_every_secret_that_production_asks_for_is_saved() -> None:
    asked = re.findall(r'\bsecret\("(\w+)"', (ROOT / "config" / "settings.py").read_text())
    assert asked
    assert set(asked) <= {*keys.SECRETS, *keys.FILES}
    example = set(re.findall(r"^#? ?(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert example - {*keys.SECRETS, *keys.BESIDE, *keys.FILES} == {"POSTGRES_PASSWORD"}, "a machine's own"


def test_another_passphrase_or_a_changed_file_opens_nothing(tmp_path: Path) -> None:
    held = tmp_path / "keys.json"
    keys.pack(held, PASSPHRASE)
    with pytest.raises(Impossible, match="the passphrase is another one, or the file is damaged"):
        keys.unpack(held, tmp_path / "out", PASSPHRASE + "r")
    whole = json.loads(held.read_text())
    for change, said in (
        ({"made_at": "2020-01-01"}, "the passphrase is another one, or the file is damaged"),
        ({"content": "AAAA" + whole["content"][4:]}, "the passphrase is another one, or the file is damaged"),
        ({"content": "?"}, "is no file of keys"),
        ({"format": "femfem-keys/2"}, "is not of the form femfem-keys/1"),
    ):
        held.write_text(json.dumps(whole | change))
        with pytest.raises(Impossible, match=said):
            keys.unpack(held, tmp_path / "out", PASSPHRASE)
    assert not (tmp_path / "out").exists()


def test_a_short_passphrase_is_refused(tmp_path: Path) -> None:
    for short in ("", "fifteen signs.."):
        with pytest.raises(Impossible, match="KEYS_PASSPHRASE must hold a passphrase of at least 16 signs"):
            keys.pack(tmp_path / "keys.json", short)
    assert not (tmp_path / "keys.json").exists()


def test_keys_do_not_lie_among_the_backups_of_the_data(tmp_path: Path) -> None:
    (tmp_path / "backups" / "deeper").mkdir(parents=True)
    (tmp_path / "backups" / MARK).touch()
    (tmp_path / "link").symlink_to(tmp_path / "backups" / "deeper")
    for folder in ("backups", "backups/deeper", "link"):
        with pytest.raises(Impossible, match="The keys must lie apart"):
            keys.pack(tmp_path / folder / "keys.json", PASSPHRASE)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    held = tmp_path / "keys.json"
    keys.pack(held, PASSPHRASE)
    before = held.read_bytes()
    with pytest.raises(Impossible, match="File exists"):
        keys.pack(held, PASSPHRASE)
    assert held.read_bytes() == before
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".env").write_text("MINE=1\n")
    with pytest.raises(Impossible, match="is there already; nothing was written"):
        keys.unpack(held, tmp_path / "out", PASSPHRASE)
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".env"]


def test_a_file_that_production_names_and_that_is_not_there_is_told(tmp_path: Path, settings: Settings) -> None:
    settings.SEAL_KEYSTORE, settings.DEMO_SEAL = str(tmp_path / "absent.p12"), None
    with pytest.raises(Impossible, match=r"SEAL_KEYSTORE: .*absent\.p12: No such file"):
        keys.pack(tmp_path / "keys.json", PASSPHRASE)


# --- when the last backup was made


def made(*, days: float, damaged: int = 0) -> None:
    moment = (timezone.now() - timedelta(days=days)).isoformat()
    nothing = {
        "engine": "",
        "server": "",
        "migrations": [],
        "tables": {},
        "seal": 0,
        "files": 0,
        "bytes": 0,
        "parts": {},
    }
    last.note(Path("/backups/1"), Manifest(made_at=moment, version="", damaged=["ab"] * damaged, **nothing))  # type: ignore[arg-type]


@pytest.mark.django_db
def test_operators_are_told_when_there_was_no_backup_for_too_long_or_a_file_was_not_saved(
    settings: Settings, tmp_path: Path
) -> None:
    settings.VAR = tmp_path
    assert (configured.BACKUP_ALARM_DAYS, alarms.sounding()) == (0, [])
    settings.BACKUP_ALARM_DAYS = 2
    assert [alarm[:20] for alarm in alarms.sounding()] == ["No backup of this re"]
    assert last.made_at() is None
    made(days=1.9)
    assert alarms.sounding() == []
    assert last.made_at()
    made(days=2.1, damaged=2)
    late, damaged = alarms.sounding()
    assert late.startswith("The last backup was made at ")
    assert damaged == "2 files could not be saved by the last backup, as they are damaged or missing."
    (tmp_path / "backup.json").write_text("{")
    assert [alarm[:20] for alarm in alarms.sounding()] == ["No backup of this re"]
