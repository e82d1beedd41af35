"""Forms as they look and behave everywhere: labels, days, and two people editing the same thing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from django import forms
from django.core.exceptions import ValidationError
from django.db import models, transaction
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


class EditForm(ModelForm[Row]):
    """Editing what others edit too. Whoever saves later sees both versions and loses nothing.

    The form carries the number of the last history row it was made from; if the row has a newer one at saving, nothing
    is saved, `theirs` tells what the other wrote, and saving again is a decision.
    """

    seen = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.theirs: list[tuple[str, str, str]] = []
        self.other = ""
        latest = self._latest()
        self.fields["seen"].initial = latest.history_id if latest else None

    def _history(self) -> Any:
        return type(self.instance).history.filter(id=self.instance.pk).order_by("history_id")  # type: ignore[attr-defined]

    def _latest(self) -> Any:
        return self._history().last() if self.instance.pk else None

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        latest, seen = self._latest(), self.cleaned_data.get("seen")
        if latest is None or seen == latest.history_id:
            return cleaned
        before = self._history().filter(history_id=seen).first()
        data = self.data.copy()  # type: ignore[attr-defined]
        columns = []
        for name in self._meta.fields or ():
            column: Any = self.instance._meta.get_field(name)
            was, now, mine = (
                getattr(before, column.attname, None),
                getattr(latest, column.attname),
                cleaned_value(self, name),
            )
            if was == now or mine == now:
                continue
            field = self.fields[name]
            if before is not None and mine == was:  # only the other changed it: theirs goes into the form
                value = field.prepare_value(now)
                data.setlist(self.add_prefix(name), value if isinstance(value, list) else [value])
            yours = mine if name in self.cleaned_data else self.data.get(self.add_prefix(name), "")
            self.theirs.append((str(self[name].label), _shown(field, now), _shown(field, yours)))
            columns.append(column.attname)
        data[self.add_prefix("seen")] = str(latest.history_id)
        self.data = data
        if self.theirs:
            self.other = self._last_to_change(columns, since=before.history_id if before else 0)
            raise ValidationError(
                _(
                    "%(person)s changed this while you were writing. Both versions are shown below; nothing of yours is lost. Look it through and save again."
                )
                % {"person": self.other},
                code="conflict",
            )
        return cleaned

    def _last_to_change(self, columns: list[str], *, since: int) -> str:
        """Who wrote the newest row, after the one this was made from, in which one of these columns changed."""
        rows = list(self._history().filter(history_id__gte=since))
        writers = [
            row.history_user_id
            for before, row in zip([None, *rows], rows, strict=False)
            if row.history_id > since and any(getattr(before, name, None) != getattr(row, name) for name in columns)
        ]
        writer = User.objects.filter(pk=writers[-1]).first() if writers and writers[-1] else None
        return str(writer or _("Someone"))


def cleaned_value(form: forms.BaseForm, name: str) -> Any:
    """What was entered, as the database keeps it."""
    value = form.cleaned_data.get(name)
    return value.pk if isinstance(value, models.Model) else value


def _shown(field: forms.Field, value: Any) -> str:
    """A value as people know it: the label of a choice, the name of an object."""
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
