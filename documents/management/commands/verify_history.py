"""Check the whole history against its seals. Ends with 1 when anything is not as it was sealed."""

from __future__ import annotations

import sys
import time
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from documents import auditing


class Command(BaseCommand):
    help = "Computes every seal of the history anew and names, with table and row, whatever is not as it was sealed."

    def handle(self, *args: Any, **options: Any) -> None:
        start = time.monotonic()
        try:
            check = auditing.begin()
        except ValidationError as refusal:
            raise CommandError(" ".join(refusal.messages)) from refusal
        found = auditing.run(check)
        for finding in found:
            self.stdout.write(finding.sentence)
        if check.found > len(found):
            self.stdout.write(f"… and {check.found - len(found)} more.")
        for label, count in check.outside.items():
            self.stdout.write(f"Written without a person: {count} × {label}.")
        self.stdout.write(f"{check.rows} rows checked in {time.monotonic() - start:.1f} s, {check.found} findings.")
        if check.found:
            sys.exit(1)
