"""When the last backup was made: a small file beside what the machine keeps, for those who operate the register."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import NamedTemporaryFile

from django.conf import settings
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from documents.backup.manifest import Manifest


def _file() -> Path:
    return Path(settings.VAR) / "backup.json"


def note(place: Path, manifest: Manifest) -> None:
    """Keep when and where, and how many files were damaged. It is put in place whole."""
    said = {"made_at": manifest.made_at, "place": str(place), "damaged": len(manifest.damaged)}
    _file().parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile("w", dir=_file().parent, delete=False, encoding="utf-8") as made:
        json.dump(said, made)
    Path(made.name).chmod(0o644)
    Path(made.name).replace(_file())


def made_at() -> datetime | None:
    """When the last one was made, as far as this machine knows."""
    return _said()[0]


def _said() -> tuple[datetime | None, int]:
    try:
        said = json.loads(_file().read_text(encoding="utf-8"))
        return datetime.fromisoformat(said["made_at"]), int(said["damaged"])
    except (OSError, ValueError, KeyError, TypeError):
        return None, 0


def alarms() -> list[str]:
    """What operators must look into. BACKUP_ALARM_DAYS of 0 means that others watch over it."""
    days = settings.BACKUP_ALARM_DAYS
    if not days:
        return []
    moment, damaged = _said()
    if moment is None:
        return [_("No backup of this register is known. See “Backup and restore” in docs/backup.md.")]
    told = []
    if moment < timezone.now() - timedelta(days=days):
        told.append(
            _("The last backup was made at %(moment)s. Are backups still being made?")
            % {"moment": date_format(timezone.localtime(moment), "SHORT_DATETIME_FORMAT")}
        )
    if damaged:
        told.append(
            ngettext(
                "%(count)s file could not be saved by the last backup, as it is damaged or missing.",
                "%(count)s files could not be saved by the last backup, as they are damaged or missing.",
                damaged,
            )
            % {"count": damaged}
        )
    return told
