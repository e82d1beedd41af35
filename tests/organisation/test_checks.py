"""What is said before the register starts."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from pytest_django import Settings

from organisation import checks


@pytest.mark.parametrize(
    ("address", "warned"),
    [
        ("https://femfem.example.org", False),
        ("https://10.4.0.7", False),
        ("http://127.0.0.1:8000", True),
        ("http://127.1.2.3", True),
        ("http://[::1]:8000", True),
        ("http://0.0.0.0:8000", True),
        ("http://localhost", True),
        ("http://femfem.localhost:8000", True),
        ("femfem.example.org", True),
    ],
)
def test_an_address_that_only_this_machine_can_open_is_warned_of_in_production(
    settings: Settings, address: str, warned: bool
) -> None:
    settings.PUBLIC_URL = address
    assert checks.public_address(None) == []
    settings.PRODUCTION = True
    assert [found.id for found in checks.public_address(None)] == ["organisation.W001"] * warned


def test_an_address_with_a_slash_at_its_end_is_the_same_address() -> None:
    told = "import json; from config import settings as s; print(json.dumps([s.PUBLIC_URL, s.CSRF_TRUSTED_ORIGINS]))"
    environment = os.environ | {"FEMFEM_ENV": "test", "PUBLIC_URL": "https://femfem.example.org/"}
    done = subprocess.run([sys.executable, "-c", told], env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == ["https://femfem.example.org", ["https://femfem.example.org"]]
