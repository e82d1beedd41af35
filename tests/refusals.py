"""A refusal changes nothing: asked of the history, which knows every row that was written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.apps import apps
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, models

from documents.models import SignedFile

RECORDED = [model for model in apps.get_models() if hasattr(model, "history")]
TABLES: list[type[models.Model]] = [*(model.history.model for model in RECORDED), SignedFile]


def written() -> tuple[Any, ...]:
    """The newest row of each history: another one whenever anything was written."""
    newest = ", ".join(f'(SELECT max("{t._meta.pk.column}") FROM "{t._meta.db_table}")' for t in TABLES)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {newest}")
        return tuple(cursor.fetchone())


@contextmanager
def refused(match: str | None, error: type[Exception] = ValidationError) -> Iterator[pytest.ExceptionInfo[Exception]]:
    """What happens inside is refused with these words, and nothing has changed."""
    before = written()
    with pytest.raises(error, match=match) as caught:
        yield caught
    assert written() == before


@contextmanager
def denied() -> Iterator[None]:
    """What happens inside is not for this person, and nothing has changed."""
    with refused(None, PermissionDenied):
        yield
