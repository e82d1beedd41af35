#!/usr/bin/env python3
"""Everything that can be said about the code without running it. All of it is looked at, whatever fails."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from prepare import ROOT
from production import throw_away

MANAGE = [sys.executable, "manage.py"]


def checks(var: str) -> dict[str, tuple[list[str], dict[str, str]]]:
    """Name → command and what it needs in its environment."""
    test = {"FEMFEM_ENV": "test", "FEMFEM_VAR": var}
    return {
        "style": (["ruff", "check", "--quiet", "."], {}),
        "format": (["ruff", "format", "--check", "--quiet", "."], {}),
        "types": (["mypy"], test),
        "imports": (["lint-imports"], test),
        "templates": (["djlint", "templates", "--lint", "--quiet"], {}),
        "migrations": ([*MANAGE, "makemigrations", "--check", "--dry-run"], test),
        "deployment": ([*MANAGE, "check", "--deploy", "--fail-level", "WARNING"], throw_away() | {"FEMFEM_VAR": var}),
        "translations": ([*MANAGE, "catalogues", "--check"], test),
    }


def main() -> int:
    os.environ["PATH"] = f"{Path(sys.prefix) / 'bin'}:{os.environ['PATH']}"
    failed = []
    with tempfile.TemporaryDirectory(prefix="femfem-") as var:
        for name, (command, environment) in checks(var).items():
            start = time.monotonic()
            done = subprocess.run(
                command,
                cwd=ROOT,
                env=os.environ | environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            verdict = "FAILED" if done.returncode else "ok"
            print(f"{name:<14}{verdict:<8}{time.monotonic() - start:5.1f} s", flush=True)
            if done.returncode:
                failed.append(name)
                print(done.stdout, flush=True)
    print(f"Failed: {', '.join(failed)}" if failed else "All is well.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
