#!/usr/bin/env python3
"""See that what comes from Debian is there; install it when we may, else say the line that does.

usage: scripts/debian.py pdf|papers|postgres|redis|chromium …
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


def library(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def postgres_bin() -> Path | None:
    """Where PostgreSQL's newest server programs are."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


def chromium() -> str | None:
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


@dataclass(frozen=True)
class Need:
    what: str
    packages: str
    there: Callable[[], bool]


FONTS = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf")
PANGO = ["libpango-1.0.so.0", "libpangoft2-1.0.so.0", "libharfbuzz-subset.so.0"]
POPPLER = ["pdftotext", "pdftoppm"]
NEEDS = {
    "pdf": Need(
        "Pango, which sets the PDFs, Poppler, which reads them, and a font",
        "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 poppler-utils fonts-dejavu-core fonts-urw-base35",
        lambda: FONTS.exists() and all(map(library, PANGO)) and all(map(shutil.which, POPPLER)),
    ),
    "papers": Need(
        "qpdf and Poppler's tools, which look at the PDFs",
        "qpdf poppler-utils",
        lambda: all(map(shutil.which, ["qpdf", "pdfsig", "pdftoppm", "pdftotext"])),
    ),
    "postgres": Need("PostgreSQL", "postgresql", lambda: postgres_bin() is not None),
    "redis": Need("Redis", "redis-server", lambda: shutil.which("redis-server") is not None),
    "chromium": Need("Chromium", "chromium fonts-dejavu-core", lambda: chromium() is not None),
}


def privilege() -> list[str] | None:
    """What to put before apt-get: nothing for root, sudo if it asks no password, None if we may not."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:
        return [sudo, "-n"]
    return None


def provide(names: list[str]) -> None:
    """Install what is missing of these, or end with the line that does."""
    missing = [name for name in names if not NEEDS[name].there()]
    if not missing:
        return
    packages = sorted({package for name in missing for package in NEEDS[name].packages.split()})
    line = f"apt-get install --yes --no-install-recommends {' '.join(packages)}"
    before = privilege()
    if before is None or shutil.which("apt-get") is None:
        what = "; ".join(NEEDS[name].what for name in missing)
        sys.exit(f"Missing: {what}. On Debian, this installs it:\n\n    sudo {line}\n")
    print(f"Installing from Debian: {' '.join(packages)}", flush=True)
    # RUNLEVEL=1 keeps Debian from starting servers of its own where no systemd runs: we start private ones
    quiet = ["env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1"]
    patient = "--quiet --quiet --option DPkg::Lock::Timeout=600"  # seconds: another installation may be under way
    for command in (f"apt-get update {patient}", f"{line} {patient}"):
        done = subprocess.run(
            [*before, *quiet, *command.split()], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode:
            sys.exit(f"{done.stdout}{done.stderr}\n“{command}” did not work; try it by hand.")
    if still := [name for name in missing if not NEEDS[name].there()]:
        sys.exit(f"Installed {' '.join(packages)}, but {', '.join(still)} is still not to be found.")


if __name__ == "__main__":
    provide(sys.argv[1:])
