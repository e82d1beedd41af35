"""Put a backup into an empty machine, and look at everything: nothing is taken on trust."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from documents.backup import restoring
from documents.backup.manifest import Impossible
from inhouse import restored


class Command(BaseCommand):
    help = (
        "Restores the newest backup of a folder into an empty database and an empty store of files, and verifies every"
        " file, the whole history and the public register. Ends with 1 when anything differs."
    )
    requires_system_checks = []  # they speak of what is still to come

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="a folder of backups, or one backup in it")

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        start = time.monotonic()
        try:
            found = restoring.restore(folder, say=self.stdout.write)
        except Impossible as trouble:
            raise CommandError(str(trouble)) from trouble
        found += restored.differences(say=self.stdout.write)
        for each in found:
            self.stdout.write(f"DIFFERS: {each}")
        took = f"{time.monotonic() - start:.1f} s"
        if found:
            raise CommandError(f"Restored in {took}, but {len(found)} things are not as they were.")
        self.stdout.write(f"Restored in {took}. Everything is as it was.")
