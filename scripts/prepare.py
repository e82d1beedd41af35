#!/usr/bin/env python3
"""What stands between the source and a running Femfem: compiled translations and collected static files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def manage(*words: str) -> None:
    done = subprocess.run([sys.executable, "manage.py", *words], cwd=ROOT, check=False)
    if done.returncode:
        sys.exit(f"“manage.py {' '.join(words)}” did not work (see above); nothing was started.")


def has_command(name: str) -> bool:
    return any(ROOT.glob(f"*/management/commands/{name}.py"))


def prepare() -> None:
    if has_command("catalogues"):
        manage("catalogues", "--compile")
    manage("collectstatic", "--noinput", "--verbosity", "0")


if __name__ == "__main__":
    prepare()
