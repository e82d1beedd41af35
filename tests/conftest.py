"""What every test can lean on."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.db import connection
from playwright.sync_api import Browser, sync_playwright

import tests.history_flush  # noqa: F401

# Services. A test that cannot have what it needs fails with the reason; leaving it out is the caller's choice (-m).


def lacks(item: pytest.Item) -> str:
    """What this test needs and does not have, or an empty string."""
    if item.get_closest_marker("postgres") and connection.vendor != "postgresql":
        return "PostgreSQL"
    if item.get_closest_marker("worker") and not settings.REDIS_URL:
        return "Redis"
    if item.get_closest_marker("browser") and not os.environ.get("CHROMIUM"):
        return "Chromium"
    return ""


def pytest_runtest_setup(item: pytest.Item) -> None:
    if missing := lacks(item):
        pytest.fail(f"This test needs {missing}: scripts/with_services.py --help", pytrace=False)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One browser for the whole run; each test opens a context of its own (language, width, colours)."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # Playwright keeps an event loop in this thread, without using it
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"])
        yield browser
        browser.close()
