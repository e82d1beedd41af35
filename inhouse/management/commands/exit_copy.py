"""Copy the register, or one product, to a folder that opens without it: HTML, PDF, JSON, CSV and checksums."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import filesizeformat

from inhouse.exitcopy import copying
from products.models import Product


class Command(BaseCommand):
    help = "Copies every product, or one, to a new folder. Run again after it broke off, it goes on where it stopped."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "folder", type=Path, help="the folder to make; while it is being made its name ends in .part"
        )
        parser.add_argument("--product", metavar="NUMBER", help="only this product, as IH-2026-0042")

    def handle(self, *args: Any, folder: Path, product: str | None, **options: Any) -> None:
        if folder.exists():
            raise CommandError(f"{folder} is there already. Name a new folder.")
        products = Product.objects.filter(number=product) if product else Product.objects.all()
        if not (total := products.count()):
            raise CommandError(f"There is no product {product}." if product else "There are no products.")
        made = copying.make(folder, products, progress=lambda done: self._say(done, total))
        assert made is not None
        self.stdout.write(f"\n{made.products} products, {filesizeformat(made.size)}, in {folder}")
        if made.damaged:
            raise CommandError(f"{made.damaged} files are damaged and not in the copy; its index.html names them.")

    def _say(self, done: int, total: int) -> None:
        self.stdout.write(f"\r{done} of {total} products", ending="")
        self.stdout.flush()
