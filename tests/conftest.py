"""What every test can lean on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.utils import translation
from playwright.sync_api import Browser, sync_playwright
from pytest_django import Settings

import tests.history_flush  # noqa: F401
from organisation.management.commands.catalogues import compiled
from organisation.models import Administration, Institution, Role, Unit, User
from products.models import Product
from tests import factories, stations

# Translations. The suite reads them compiled, from the sources as they are now.


def pytest_sessionstart(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput"):  # once, not in every process
        compiled(settings.LOCALE_PATHS[0])


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


# Files


@pytest.fixture(autouse=True)
def media(settings: Settings, tmp_path: Path) -> Path:
    """A file store of its own for each test."""
    settings.STORAGES = settings.STORAGES | {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(tmp_path)}}
    }
    return tmp_path


@pytest.fixture(autouse=True)
def seals_log(settings: Settings, tmp_path: Path) -> Path:
    """A log of the seals of its own for each test."""
    settings.SEALS_LOG = tmp_path / "seals.log"
    return tmp_path / "seals.log"


# Words


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """Every test begins in English, whatever language a page of the one before was in."""
    with translation.override("en"):
        yield


# The cast. Everyone works at the first administration unless it says otherwise; the outsider has the same roles elsewhere.


@pytest.fixture
def institution(db: None) -> Institution:
    return factories.institution()


@pytest.fixture
def administration(db: None) -> Administration:
    return factories.administration()


@pytest.fixture
def other_administration(db: None) -> Administration:
    return factories.other_administration()


@pytest.fixture
def unit(db: None) -> Unit:
    """The unit that makes."""
    return factories.unit()


@pytest.fixture
def ward(db: None) -> Unit:
    """The unit that uses."""
    return factories.ward()


@pytest.fixture
def engineer(db: None) -> User:
    return factories.person(Role.ENGINEER)


@pytest.fixture
def adviser(db: None) -> User:
    return factories.person(Role.ADVISER)


@pytest.fixture
def manager(db: None) -> User:
    return factories.person(Role.MANAGER)


@pytest.fixture
def owner(db: None) -> User:
    """The head of unit whom the stations make product owner."""
    return factories.person(None)


@pytest.fixture
def registrar(db: None) -> User:
    return factories.person(Role.REGISTRAR)


@pytest.fixture
def head_office(db: None) -> User:
    return factories.person(Role.HEAD_OFFICE, everywhere=True)


@pytest.fixture
def auditor(db: None) -> User:
    return factories.person(Role.AUDITOR, everywhere=True)


@pytest.fixture
def operator(db: None) -> User:
    return factories.person(Role.OPERATOR, everywhere=True)


@pytest.fixture
def nurse(db: None) -> User:
    """On staff, no role."""
    return factories.nurse()


@pytest.fixture
def outsider(db: None) -> User:
    return factories.outsider()


@pytest.fixture
def expired(db: None) -> Iterator[Product]:
    """A product whose floor is reached today, which is the day of the whole test."""
    product = stations.expired()
    with stations.on_day(stations.floor(product)):
        yield product
