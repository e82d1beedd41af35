#!/usr/bin/env python3
"""For health checks: is this part of Femfem alive? Ends with 0 if so.

usage: scripts/healthy.py web|beat
"""

from __future__ import annotations

import os
import sys
import time
import urllib.request
from pathlib import Path

LATE = 300  # seconds; beat writes its schedule every minute, with the heartbeat


def web() -> bool:
    """Whether the web server answers, and behind it the database."""
    port = os.environ.get("BIND", "").rpartition(":")[2] or "8000"
    host = os.environ["ALLOWED_HOSTS"].split(",")[0].lstrip(".*") or "localhost"
    request = urllib.request.Request(f"http://127.0.0.1:{port}/healthz", headers={"Host": host})
    with urllib.request.urlopen(request, timeout=5) as answer:
        ok: bool = answer.status == 200
        return ok


def beat() -> bool:
    """Whether beat has ticked lately."""
    written = [path.stat().st_mtime for path in Path(os.environ["FEMFEM_VAR"]).glob("beat*")]
    return bool(written) and time.time() - max(written) < LATE


if __name__ == "__main__":
    sys.exit(0 if {"web": web, "beat": beat}[sys.argv[1]]() else 1)
