"""The history that the database writes: every insert, update and delete of a recorded table, with who and why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from django.db import models
from simple_history import register
from simple_history.models import HistoricalRecords

Model = TypeVar("Model", bound=type[models.Model])


class Records(HistoricalRecords):  # type: ignore[misc]
    """simple-history's table with nullable copies of every column, so that a column can come and be retired."""

    def copy_fields(self, model: type[models.Model]) -> dict[str, Any]:
        fields: dict[str, Any] = super().copy_fields(model)
        for field in fields.values():
            field.null = True
        return fields


def _user_id(instance: Any, **kwargs: Any) -> int | None:
    value: int | None = instance.history_user_id
    return value


def recorded(*, leave_out: tuple[str, ...] = ()) -> Any:
    """Record this model. `leave_out` names fields that are not kept (a password)."""

    def keep(model: Model) -> Model:
        register(
            model,
            records_class=Records,
            excluded_fields=list(leave_out),
            history_user_id_field=models.BigIntegerField(null=True),
            history_user_getter=_user_id,
            history_user_setter=lambda *args, **kwargs: None,
        )
        return model

    return keep


_actor: ContextVar[tuple[int | None, str]] = ContextVar("actor", default=(None, ""))


@contextmanager
def acting(user: Any, *, reason: str = "") -> Iterator[None]:
    """Whatever is written inside was done by this user, for this reason."""
    token = _actor.set((getattr(user, "pk", user), reason))
    try:
        yield
    finally:
        _actor.reset(token)
