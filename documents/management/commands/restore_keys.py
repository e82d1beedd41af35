"""Unpack what `backup_keys` has saved. As production wants the keys to start, it is run with FEMFEM_ENV=demo."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from documents.backup import keys
from documents.backup.manifest import Impossible


class Command(BaseCommand):
    help = "Writes .env and seal/ into a folder, from a file of keys and the passphrase in KEYS_PASSPHRASE."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("folder", type=Path, help="where .env and seal/ are written; with compose, beside its file")

    def handle(self, *args: Any, file: Path, folder: Path, **options: Any) -> None:
        try:
            written = keys.unpack(file, folder, os.environ.get("KEYS_PASSPHRASE", ""))
        except Impossible as trouble:
            raise CommandError(str(trouble)) from trouble
        for path in written:
            self.stdout.write(str(path))
