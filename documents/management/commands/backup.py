"""Save the database and every file into a folder of backups. The keys are saved apart: `backup_keys`."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from documents.backup import making
from documents.backup.manifest import Impossible


class Command(BaseCommand):
    help = "Makes a backup of database, files and log of seals. Ends with 1 when it is not whole, or a file is damaged."
    requires_system_checks = []  # what is not as it should be is one more reason to save it

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="the folder of backups; each becomes a folder in it")

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        start = time.monotonic()
        try:
            place, manifest = making.make(folder, say=self.stdout.write)
        except Impossible as trouble:
            raise CommandError(f"No backup was made. {trouble}") from trouble
        self.stdout.write(f"Backup {place} in {time.monotonic() - start:.1f} s, up to seal {manifest.seal}.")
        if manifest.damaged:
            listed = "\n".join(f"  {digest}" for digest in manifest.damaged)
            raise CommandError(f"{len(manifest.damaged)} files are damaged or missing and not in the backup:\n{listed}")
