"""What is declared beside a model: that it is recorded, that it is locked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import models
from django.db.models import Exists, OuterRef
from simple_history import register
from simple_history.manager import HistoricalQuerySet
from simple_history.models import HistoricalRecords

Model = TypeVar("Model", bound=type[models.Model])


class Rows(HistoricalQuerySet):  # type: ignore[misc]
    """History is ordered by its id: all that one transaction wrote at a set moment has the same date."""

    def latest_of_each(self) -> Any:
        later = self.filter(**{self._pk_attr: OuterRef(self._pk_attr)}, history_id__gt=OuterRef("history_id"))
        return self.filter(~Exists(later))


class Records(HistoricalRecords):  # type: ignore[misc]
    """simple-history's table with nullable copies of every column, so that a column can come and be retired."""

    def copy_fields(self, model: type[models.Model]) -> dict[str, Any]:
        fields: dict[str, Any] = super().copy_fields(model)
        for field in fields.values():
            field.null = True
        return fields

    def get_extra_fields(self, model: type[models.Model], fields: dict[str, Any]) -> dict[str, Any]:
        extra: dict[str, Any] = super().get_extra_fields(model, fields)
        del extra["next_record"], extra["prev_record"]  # they go by the date alone
        return extra

    def get_meta_options(self, model: type[models.Model]) -> dict[str, Any]:
        return {**super().get_meta_options(model), "ordering": ("-history_id",), "get_latest_by": "history_id"}


def _user_id(instance: Any, **kwargs: Any) -> int | None:
    value: int | None = instance.history_user_id
    return value


def recorded(*, leave_out: tuple[str, ...] = ()) -> Callable[[Model], Model]:
    """Record this model. `leave_out` names fields that are not kept (a password); changing them alone is no change."""

    def keep(model: Model) -> Model:
        register(
            model,
            records_class=Records,
            excluded_fields=list(leave_out),
            historical_queryset=Rows,
            history_id_field=models.BigAutoField(),
            history_change_reason_field=models.TextField(null=True),
            history_user_id_field=models.BigIntegerField(null=True),
            history_user_getter=_user_id,
            history_user_setter=lambda *args, **kwargs: None,
        )
        return model

    return keep


def of(subject: type[models.Model] | models.Model) -> Any:
    """The history of a recorded model or of one object: a manager that also knows `as_of(moment)`."""
    return getattr(subject, subject._meta.simple_history_manager_attribute)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Lock:
    """What the database refuses for a table. The names are those of fields."""

    except_for: tuple[str, ...] = ()
    once: tuple[str, ...] = ()
    when: str = ""


def locked(*, except_for: tuple[str, ...] = (), once: tuple[str, ...] = (), when: str = "") -> Callable[[Model], Model]:
    """Let the database refuse any UPDATE, DELETE, TRUNCATE and REPLACE of this model's rows.

    `except_for` names fields that may change all the same, `once` fields that may be filled but not changed after.
    With `when`, a row is locked only from the moment that field is filled (`when="signed_at"`).
    A refusal is an IntegrityError.
    """

    def lock(model: Model) -> Model:
        for name in (*except_for, *once, *filter(None, [when])):
            model._meta.get_field(name)  # a misspelt name must not open or close anything silently
        model.history_lock = Lock(except_for, once, when)  # type: ignore[attr-defined]
        return model

    return lock


def lets_erase(*, of: str, row: str) -> Callable[[Model], Model]:
    """Let the rows of this model, the only one of its kind, name rows of histories whose content may be emptied.

    The fields hold the history's table and the row's `history_id`. Such a row may lose its values, and gets no others.
    """

    def let(model: Model) -> Model:
        model.history_erasures = (of, row)  # type: ignore[attr-defined]
        return model

    return let
