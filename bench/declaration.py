#!/usr/bin/env python3
"""What a sealed declaration costs: from the snapshot to the sealed bytes, beside bare WeasyPrint and bare pyHanko.

    FEMFEM_ENV=test python bench/declaration.py

Both set the same three pages of HTML with the same unpacked fonts, and seal with the same key; they take turns in one run, and the
figure is the median of the rounds' ratios. Then a worker of Celery (prefork, one process, the broker on files as in
`make run`) makes a hundred sealed declarations, one to a task, and its process says how much memory it holds after 10, 50
and all of them. Everything lies in a folder of its own; the database is only there because a worker looks at its triggers.

On two shared cores: bare 0.86 s, ours 0.72 s, × 0.92; 189 MB after 10, 191 MB after 50, 191 MB after 100.
"""

from __future__ import annotations

import io
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import django

ROOT = Path(__file__).resolve().parent.parent
HOME = tempfile.TemporaryDirectory(prefix="bench-") if __name__ == "__main__" else None
sys.path.insert(0, str(ROOT))
os.environ.setdefault("FEMFEM_ENV", "test")
if HOME:  # the worker is told the same
    os.environ["FEMFEM_VAR"] = HOME.name
    for name in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(name, None)
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
django.setup()

from django.core.management import call_command  # noqa: E402
from django.template.loader import render_to_string  # noqa: E402
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter  # noqa: E402
from pyhanko.sign.fields import SigSeedSubFilter  # noqa: E402
from pyhanko.sign.signers import PdfSignatureMetadata, SimpleSigner, sign_pdf  # noqa: E402
from pyhanko_certvalidator.registry import SimpleCertificateStore  # noqa: E402
from weasyprint import HTML  # noqa: E402

from config import celery_app  # noqa: E402
from documents import rendering, sealing  # noqa: E402
from documents.keystore import keystore  # noqa: E402
from inhouse import declarations  # noqa: E402
from tests.documents.test_rendering import changed  # noqa: E402

ROUNDS = 15
TARGET = 1.3
AFTER = (10, 50, 100)
PATIENCE = 480  # seconds for the worker
SNAPSHOT = changed(
    device__description="\n\n".join(
        f"Paragraph {number} about what the device is and does. " * 4 for number in range(9)
    ),
    statement__exceptions=[
        {"number": f"{number}.1", "what": "The label is not on the device.", "why": "It stands on its box. " * 6}
        for number in range(1, 8)
    ],
)


def ours() -> bytes:
    return sealing.seal(
        declarations.render(SNAPSHOT), signer="Karin Öberg", title="Head", reason="IH-2026-0042-D1", place="Västanstad"
    )


def bare(html: str) -> bytes:
    """What the two libraries do when nobody asks more of them."""
    # with fonts unpacked beforehand: unpacking them for each document would take most of the time, and flatter ours
    files = rendering._OurStaticFiles()
    pdf = HTML(string=html, base_url=rendering._STATIC, url_fetcher=files).write_pdf(pdf_variant="pdf/a-3a")
    held = keystore()
    signer = SimpleSigner(signing_cert=held.asn1, signing_key=held.key, cert_registry=SimpleCertificateStore())
    stated = PdfSignatureMetadata(field_name="Seal1", subfilter=SigSeedSubFilter.PADES, md_algorithm="sha256")
    sealed: bytes = sign_pdf(IncrementalPdfFileWriter(io.BytesIO(pdf)), stated, signer).getvalue()
    return sealed


def seconds(act: Callable[[], bytes]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def resident() -> float:
    """Memory of this process in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    about = {"language": "en", "title": "Declaration", "author": "Region Västanland", "subject": "IH", "created": ""}
    html = render_to_string(declarations.TEMPLATE, {"snapshot": SNAPSHOT, "pdf": about})
    print(f"the first one of a process: {seconds(ours):.2f} s")
    print(f"pages: {pages(ours())}")
    bare(html)
    mine, theirs = [], []
    for turn in range(ROUNDS):
        for act, found in [(ours, mine), (lambda: bare(html), theirs)][:: 1 if turn % 2 else -1]:
            found.append(seconds(act))
    ratio = statistics.median(a / b for a, b in zip(mine, theirs, strict=True))
    print(f"snapshot to sealed declaration (target × {TARGET})")
    print(f"  bare {statistics.median(theirs):.3f} s   ours {statistics.median(mine):.3f} s   × {ratio:.2f}")
    in_a_worker(Path(os.environ["FEMFEM_VAR"]))


def pages(pdf: bytes) -> int:
    return int(IncrementalPdfFileWriter(io.BytesIO(pdf)).root["/Pages"]["/Count"])


# --- in a worker

made = itertools.count(1)


@celery_app.task(name="bench.declare")
def declare(folder: str) -> None:
    """One sealed declaration. Those after which it is asked write down what their process holds."""
    ours()
    number = next(made)
    if number in AFTER:
        written = Path(folder, f".{number}")
        written.write_text(f"{resident():.0f}")
        written.rename(Path(folder, f"held-{number}"))


def in_a_worker(folder: Path) -> None:
    call_command("migrate", verbosity=0)
    command = ["celery", "--app", "config", "--quiet", "worker", "--pool", "prefork", "--concurrency", "1"]
    worker = subprocess.Popen(
        [sys.executable, "-m", *command, "--include", "bench.declaration", "--loglevel", "WARNING"], cwd=ROOT
    )
    try:
        for _each in range(AFTER[-1]):
            declare.delay(str(folder))
        deadline, last = time.monotonic() + PATIENCE, folder / f"held-{AFTER[-1]}"
        while not last.exists():
            if worker.poll() is not None or time.monotonic() > deadline:
                sys.exit("The worker did not get there.")
            time.sleep(0.2)
    finally:
        worker.terminate()
        worker.wait(60)
    held = ", ".join(f"{(folder / f'held-{number}').read_text()} MB after {number}" for number in AFTER)
    print(f"memory of the worker's process: {held}")


if __name__ == "__main__":
    main()
