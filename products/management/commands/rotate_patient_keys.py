"""Encrypt patients' numbers again with the newest key."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from products import patients


class Command(BaseCommand):
    help = (
        "Encrypts patients' numbers again with the newest key (the first in PATIENT_KEYS). It can be interrupted "
        "and run again; only when it finds none left may an older key be taken out of the setting."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="Only say how many there are.")
        parser.add_argument("--batch", type=int, default=500, help="How many in one transaction.")

    def handle(self, *args: Any, dry_run: bool, batch: int, **options: Any) -> None:
        waiting = patients.waiting_for_rotation()
        self.stdout.write(f"{waiting} numbers are encrypted with an older key.")
        if dry_run:
            return
        done = 0
        while count := patients.rotate(batch):
            done += count
        self.stdout.write(f"{done} numbers encrypted again; {patients.waiting_for_rotation()} left.")
