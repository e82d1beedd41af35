"""Forms as they look and behave everywhere: labels, days, and two people editing the same thing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from django import forms
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.forms import formset_factory
from django.utils.translation import gettext as _

from organisation.models import User

Row = TypeVar("Row", bound=models.Model)


class DayInput(forms.DateInput):
    """The browser's own calendar; the value travels in ISO form whatever the language."""

    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


EARLIEST, LATEST = date(1900, 1, 1), date(2199, 12, 31)
"""The days that can be meant. Beyond them lie typing errors, and the ends of the calendar where no day comes after."""


def whole(text: str) -> int | None:
    """A number that stands in an address or comes from a script; nonsense is none."""
    return int(text) if text.isdecimal() and len(text) < 10 else None


def _choices(field: forms.ChoiceField) -> Any:
    """The choices as pairs, whatever they were given as."""
    return list(field.choices)  # type: ignore[arg-type]


def dress(form: forms.BaseForm) -> None:
    """Give every field of a form the design system's look. Those named in its `asked_for` may be left blank, but are not optional."""
    asked = getattr(form, "asked_for", ())
    for name, field in form.fields.items():
        field.asked = name in asked  # type: ignore[attr-defined]
        if isinstance(field, forms.DateField):
            field.widget = DayInput()
            field.widget.is_required = field.required
            field.validators += [_one_that_can_be_meant]
        if isinstance(field.widget, forms.Textarea) and field.widget.attrs.get("rows") == "10":  # Django's own default
            field.widget.attrs["rows"] = 4
        if isinstance(field, forms.TypedChoiceField) and isinstance(field.widget, forms.RadioSelect):
            field.choices = [choice for choice in _choices(field) if choice[0] != ""]
        field.widget.attrs.setdefault("class", "ds-input")
        if isinstance(field.widget, forms.TextInput):
            field.widget.attrs.setdefault("autocomplete", "off")


def _one_that_can_be_meant(day: date) -> None:
    if not EARLIEST <= day <= LATEST:
        raise ValidationError(_("Write a day between 1900 and 2199."))


def attempt(form: forms.BaseForm, act: Callable[[], Any]) -> bool:
    """Ask a rule, or several: all or nothing. What is refused becomes the form's errors, with everything typed kept."""
    try:
        with transaction.atomic():
            act()
    except ValidationError as refusal:
        if hasattr(refusal, "error_dict"):
            for name, errors in refusal.error_dict.items():
                for error in errors:
                    form.add_error(name if name in form.fields else None, error)
        else:
            form.add_error(None, refusal)
    return not form.errors


class Form(forms.Form):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        dress(self)


if TYPE_CHECKING:
    ModelFormOf = forms.ModelForm
else:  # Django's class takes a type parameter only in its stubs

    class ModelFormOf(forms.ModelForm, Generic[Row]):
        pass


class ModelForm(ModelFormOf[Row]):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        dress(self)

    @property
    def values(self) -> dict[str, Any]:
        """What was entered, for the fields of the model."""
        return {name: self.cleaned_data[name] for name in self._meta.fields or () if name in self.cleaned_data}


class Shared(forms.BaseForm):
    """What others edit too. Whoever saves later sees both versions and loses nothing.

    The form is made from the newest rows of a history (`begin(history.of(Answer).filter(tree=…))`) and carries the
    number of the last one. If there is a newer one at saving, what only the other changed goes into the form, what both
    changed stays as it was typed, nothing is saved, `theirs` tells all of it, and saving again is a decision.

    A subclass says what it shows of rows (`held`). Whoever saves has taken the lock that all writers of these rows take.
    """

    kept: Any = None
    other = ""

    def begin(self, kept: Any) -> dict[Any, Any]:
        """From now on this is about these rows; says what is held in them."""
        self.kept = kept
        self.theirs: list[tuple[str, str, str]] = []
        rows = self._rows()
        self.fields["seen"] = forms.IntegerField(
            widget=forms.HiddenInput, required=False, initial=max((row.history_id for row in rows), default=None)
        )
        return self._held(rows)

    def held(self, rows: list[Any]) -> dict[Any, Any]:
        """What the form shows of these rows: by field, unless it says otherwise."""
        raise NotImplementedError

    def entered(self) -> dict[Any, Any]:
        """What was typed, as `held` would say it once it is saved."""
        return {name: cleaned_value(self, name) for name in self.fields}

    def named(self, key: Any) -> str:
        return str(self[key].label)

    def told(self, key: Any, value: Any) -> str:
        """A value as people know it."""
        return _shown(self.fields[key], value)

    def take(self, theirs: dict[Any, Any], data: Any) -> None:
        """Put what only the other changed among what was sent."""
        for name, value in theirs.items():
            value = self.fields[name].prepare_value(value)
            data.setlist(self.add_prefix(name), value if isinstance(value, list) else [value])

    def _rows(self, until: int | None = None) -> list[Any]:
        """The last row of each object, also of one that is gone; as it was when that number was the newest."""
        rows = self.kept if until is None else self.kept.filter(history_id__lte=until)
        order = self.kept.model.instance_type._meta.ordering or ["pk"]
        return list(rows.latest_of_each().order_by(*("id" if name == "pk" else name for name in order)))

    def _held(self, rows: Iterable[Any]) -> dict[Any, Any]:
        held: dict[Any, Any] = _plain(self.held([row for row in rows if getattr(row, "history_type", "") != "-"]))
        return held

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        rows = self._rows() if self.kept is not None else []
        newest, seen = max((row.history_id for row in rows), default=None), self.cleaned_data.get("seen")
        if newest is None or seen == newest:
            return cleaned
        was, now, mine = self._held(self._rows(seen or 0)), self._held(rows), _plain(self.entered())
        taken, apart = {}, []
        for key in {**was, **now, **mine}:
            if was.get(key) == now.get(key) or mine.get(key) == now.get(key):
                continue
            yours = mine.get(key)
            if key in self.fields and key not in self.cleaned_data:  # what was typed cannot be read
                yours = self.data.get(self.add_prefix(key), "")
            elif yours == was.get(key):
                taken[key] = now.get(key)
            self.theirs.append((self.named(key), self.told(key, now.get(key)), self.told(key, yours)))
            apart.append(key)
        data = self.data.copy()  # type: ignore[attr-defined]
        data[self.add_prefix("seen")] = str(newest)
        self.data = data
        self.take(taken, data)
        if apart:
            self.other = self._last_to_change(apart, since=seen or 0)
            raise ValidationError(
                _(
                    "%(person)s changed this while you were writing. Both versions are shown below; nothing of yours is lost. Look it through and save again."
                )
                % {"person": self.other},
                code="conflict",
            )
        return cleaned

    def _last_to_change(self, keys: list[Any], *, since: int) -> str:
        """Who wrote the newest row, after those this was made from, that changed one of these."""
        standing = {row.id: row for row in self._rows(since)}
        writers = []
        for row in self.kept.filter(history_id__gt=since).order_by("history_id"):
            before = self._held(standing.values())
            standing[row.id] = row
            after = self._held(standing.values())
            if any(before.get(key) != after.get(key) for key in keys):
                writers.append(row.history_user_id)
        writer = User.objects.filter(pk=writers[-1]).first() if writers and writers[-1] else None
        return str(writer or _("Someone"))


class EditForm(Shared, ModelForm[Row]):
    """The fields of one row that others edit too. A row that was read with its newest `history_id` is not read again."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        history = type(self.instance).history.filter(id=self.instance.pk)  # type: ignore[attr-defined]
        self.initial.update(self.begin(history) | (kwargs.get("initial") or {}))

    def _rows(self, until: int | None = None) -> list[Any]:
        if self.instance.pk is None:
            return []
        if until is None and not self.is_bound and getattr(self.instance, "history_id", None):
            return [self.instance]
        return super()._rows(until)

    def held(self, rows: list[Any]) -> dict[Any, Any]:
        names = {name: self.instance._meta.get_field(name) for name in self._meta.fields or ()}
        return {name: getattr(row, field.attname) for row in rows for name, field in names.items()}  # type: ignore[union-attr]


class RowsForm(Shared, Form):
    """A list of rows that others edit too, one line each. An empty line is no row; a row is all that stands in it."""

    line: type[forms.Form]

    def __init__(self, data: Mapping[str, Any] | None = None, *, kept: Any, prefix: str) -> None:
        super().__init__(data, prefix=prefix)
        self.columns = list(self.line.base_fields)
        held = self.begin(kept)
        self.lines = self._lines(initial=list(held.values())) if data is None else self._lines(data)

    def _lines(self, data: Any = None, **given: Any) -> Any:
        lines = formset_factory(self.line, extra=2, can_delete=True, max_num=200)
        return lines(data, prefix=self.prefix, **given)

    def _filled(self) -> dict[int, dict[str, Any]]:
        """The lines that are to stay, by their place."""
        return {
            place: {name: line[name] for name in self.columns}
            for place, line in enumerate(self.lines.cleaned_data)
            if line and not line.get("DELETE")
        }

    @property
    def wanted(self) -> list[dict[str, Any]]:
        """The rows as they are to be."""
        return list(self._filled().values())

    def held(self, rows: list[Any]) -> dict[Any, Any]:
        return self._keyed({name: getattr(row, name) for name in self.columns} for row in rows)

    def entered(self) -> dict[Any, Any]:
        return self._keyed(self.wanted)

    def _keyed(self, lines: Iterable[dict[str, Any]]) -> dict[Any, Any]:
        """Each line under all that stands in it; the second of the same is another one."""
        keyed: dict[Any, Any] = {}
        for line in lines:
            known = tuple(line.values())
            keyed[known, sum(known == other for other, _again in keyed)] = line
        return keyed

    def named(self, key: Any) -> str:
        return str(key[0][0])

    def told(self, key: Any, value: Any) -> str:
        if value is None:
            return _("not there")
        fields = self.line.base_fields
        return "\n".join(f"{fields[name].label}: {_shown(fields[name], value[name])}" for name in self.columns)

    def take(self, theirs: dict[Any, Any], data: Any) -> None:
        places = dict(zip(self.entered(), self._filled(), strict=True))
        total = self.lines.total_form_count()
        for key, line in theirs.items():
            place = places.get(key, total)
            total = max(total, place + 1)
            for name, value in {"DELETE": "on"}.items() if line is None else line.items():
                data[f"{self.prefix}-{place}-{name}"] = value
        data[f"{self.prefix}-TOTAL_FORMS"] = str(total)
        self.lines = self._lines(data)

    def is_valid(self) -> bool:
        return super().is_valid() and self.lines.is_valid()

    def clean(self) -> dict[str, Any] | None:
        if self.lines.is_valid():
            return super().clean()
        for error in self.lines.non_form_errors():
            self.add_error(None, error)
        return self.cleaned_data


def cleaned_value(form: forms.BaseForm, name: str) -> Any:
    """What was entered, as the database keeps it."""
    value = form.cleaned_data.get(name)
    return value.pk if isinstance(value, models.Model) else value


def _plain(value: Any) -> Any:
    """Values to compare: a browser ends its lines in another way."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return value.replace("\r\n", "\n") if isinstance(value, str) else value


def _shown(field: forms.Field, value: Any) -> str:
    """A value as people know it: the label of a choice, the name of an object."""
    if isinstance(value, list):
        return ", ".join(_shown(field, each) for each in value)
    if isinstance(field, forms.ModelChoiceField):
        key = str(value)  # also of what is no choice any more
        chosen = (
            field.queryset.model._default_manager.filter(pk=key) if field.queryset is not None and whole(key) else []
        )
        return "".join(str(found) for found in chosen)
    if isinstance(field, forms.ChoiceField):
        labels = {str(key): str(label) for key, label in _flat(_choices(field))}
        return labels.get(str(value), str(value if value is not None else ""))
    if isinstance(field, forms.BooleanField) and value is not None:
        return _("yes") if value else _("no")
    return "" if value is None else str(value)


def _flat(choices: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    """The choices without the names of their groups."""
    for key, label in choices:
        if isinstance(label, list | tuple):
            yield from label
        else:
            yield key, label
