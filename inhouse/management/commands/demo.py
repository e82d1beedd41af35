"""Load the demo: a fictional region with years of history, lived through the rules."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.template.defaultfilters import filesizeformat

from documents import auditing, checking, reading, seals
from inhouse import exitcopy, papers
from inhouse.demo import falling_due, proof, region, stories, telling
from organisation import clock
from organisation.models import Institution
from products.models import Product


class Command(BaseCommand):
    help = "Loads a fictional region with years of history into an empty register, and prints the accounts."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--accounts", action="store_true", help="only print the accounts")

    def handle(self, *args: Any, accounts: bool, **options: Any) -> None:
        if not settings.CLOCK_MAY_BE_SET:
            raise CommandError("The demo lives in the past and needs a set clock, which production refuses.")
        if not accounts:
            self._load()
        self._print_accounts()

    def _load(self) -> None:
        if Product.objects.exists():
            self.stdout.write("There are products already: nothing was loaded.")
            return
        if Institution.objects.exists():
            raise CommandError("The register has an institution but no products. The demo needs an empty one.")
        start = time.monotonic()
        self.stdout.write("Loading the demo: ", ending="")
        with transaction.atomic():
            telling.tell(stories.devices(), say=self._say)
            falling_due.settle()
            if found := [*proof.faults(now=clock.now()), *falling_due.faults()]:
                raise CommandError("The demo does not show what it should: " + " ".join(found))
        self._say("files …")
        for file_id in list(reading.waiting().values_list("pk", flat=True)):
            papers.read(file_id)
        bad = sum(check.is_bad for _file, check in checking.everything())
        if bad:
            raise CommandError(f"{bad} files of the demo are not what was stored.")
        self.stdout.write(f"{Product.objects.count()} products in {time.monotonic() - start:.0f} s")
        self._copy()
        count = seals.seal_all()
        check = auditing.begin()
        auditing.run(check)
        self.stdout.write(f"Sealed: {count} seal, {check.rows} rows checked, {check.found} findings")

    def _copy(self) -> None:
        """The exit copy of this year, as the register makes it by itself."""
        copy = exitcopy.yearly()
        if copy is None:
            return
        exitcopy.work(copy.pk)
        copy.refresh_from_db()
        if copy.state != "ready":
            raise CommandError(f"The exit copy failed: {copy.trouble}")
        self.stdout.write(f"Exit copy: {filesizeformat(copy.size)} in {exitcopy.folder(copy)}")

    def _say(self, text: str) -> None:
        self.stdout.write(f"{text} ", ending="")
        self.stdout.flush()

    def _print_accounts(self) -> None:
        rows = [("E-mail", "Name", "As", "Where"), *region.accounts()]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        self.stdout.write("")
        for row in rows:
            self.stdout.write("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        self.stdout.write(f"\nPassword of all: {region.PASSWORD}")
        self.stdout.write("A code is asked for as well: the page says which, in the demo only.")
