#!/usr/bin/env python3
"""What a declaration on paper costs: from the snapshot to the archivable PDF, beside bare WeasyPrint on the same HTML.

    FEMFEM_ENV=test python bench/pdf.py

The two take turns in one run; the figure is the median of the rounds' ratios. No database is asked.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import django

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ.setdefault("FEMFEM_ENV", "test")
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
django.setup()

from django.template.loader import render_to_string  # noqa: E402
from weasyprint import HTML  # noqa: E402

from inhouse import declarations  # noqa: E402
from tests.documents.test_rendering import SNAPSHOT  # noqa: E402

ROUNDS = 15
TARGET = 1.0  # ours also embeds who, what and when, and marks it as PDF/UA


def bare(html: str) -> bytes:
    written: bytes = HTML(string=html, base_url=f"{(ROOT / 'static').as_uri()}/").write_pdf(pdf_variant="pdf/a-3a")
    return written


def seconds(act: Callable[[], bytes]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def main() -> None:
    about = {"language": "en", "title": "Declaration", "author": "Region Västanland", "subject": "IH", "created": ""}
    html = render_to_string(declarations.TEMPLATE, {"snapshot": SNAPSHOT, "pdf": about})
    ours, theirs = [], []
    print(f"the first one of a process: {seconds(lambda: declarations.render(SNAPSHOT)):.2f} s")
    bare(html)
    for turn in range(ROUNDS):
        for act, found in [
            (lambda: declarations.render(SNAPSHOT), ours),
            (lambda: bare(html), theirs),
        ][:: 1 if turn % 2 else -1]:
            found.append(seconds(act))
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    print(f"declaration to PDF (target × {TARGET})")
    print(f"  bare {statistics.median(theirs):.3f} s   ours {statistics.median(ours):.3f} s   × {ratio:.2f}")


main()
