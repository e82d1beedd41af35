"""Compare every file with its hash, all at once: after a restore, a move, or when a disk is not trusted."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from documents import checking
from documents.models import StoredFile


class Command(BaseCommand):
    help = "Verifies every stored and signed file; names those that are damaged or missing, and then ends with 1."

    def handle(self, *args: Any, **options: Any) -> None:
        seen = bad = 0
        for file, check in checking.everything():
            seen += 1
            if check.is_bad:
                bad += 1
                held = (
                    ", ".join(file.documents.values_list("filename", flat=True)) if isinstance(file, StoredFile) else ""
                )
                self.stdout.write(f"{check.get_found_display()}: {checking.name(file)} {held}".rstrip())
        if bad:
            raise CommandError(f"{bad} of {seen} files are damaged or missing.")
        self.stdout.write(f"{seen} files are as they were stored.")
