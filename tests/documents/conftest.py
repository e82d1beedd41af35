from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from organisation.models import Administration, Institution, Unit, User


@pytest.fixture(autouse=True)
def media(settings: Settings, tmp_path: Path) -> Path:
    """A file store of its own for each test."""
    settings.STORAGES = settings.STORAGES | {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": str(tmp_path)}}
    }
    return tmp_path


@pytest.fixture
def unit(db: None) -> Unit:
    institution = Institution.objects.create(
        id=1,
        name="Region Västanland",
        organisation_number="232100-0000",
        address="Box 1",
        place="Västanstad",
        country="SE",
        language="sv",
        contact="egentillverkning@example.org",
    )
    administration = Administration.objects.create(institution=institution, name="Sjukhuset")
    return Unit.objects.create(administration=administration, name="Medicinsk teknik")


@pytest.fixture
def engineer(unit: Unit) -> User:
    return User.objects.create(email="anna@example.org", name="Anna Ek", title="Ingenjör", unit=unit)


@pytest.fixture
def colleague(unit: Unit) -> User:
    return User.objects.create(email="bo@example.org", name="Bo Alm", title="Ingenjör", unit=unit)
