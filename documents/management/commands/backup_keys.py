"""Save every secret and the key to seal with, encrypted, apart from the backups of the data."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from documents.backup import keys
from documents.backup.manifest import Impossible


class Command(BaseCommand):
    help = "Writes the keys into a new file, encrypted with the passphrase in KEYS_PASSPHRASE."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="a file that is not there yet, and not in a folder of backups")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        try:
            held = keys.pack(file.absolute(), os.environ.get("KEYS_PASSPHRASE", ""))
        except Impossible as trouble:
            raise CommandError(f"The keys were not saved. {trouble}") from trouble
        self.stdout.write(f"{file}: {', '.join(held)}")
        self.stdout.write("Keep the passphrase in another place than the file, and both apart from the backups.")
