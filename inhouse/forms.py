"""Forms made from the question trees of the law, and the choice of a unit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inhouse import law
from inhouse.assessment import Answers
from organisation.alphabet import by
from organisation.forms import Form, Shared, dress
from organisation.models import Unit

YES_NO = [("yes", gettext_lazy("Yes")), ("no", gettext_lazy("No"))]


class YesNo(forms.ChoiceField):
    """Yes or no. Whether it must be answered depends on the other answers: the form asks, not the field."""

    widget = forms.RadioSelect

    def validate(self, value: Any) -> None:
        if value:
            super().validate(value)


class Reason(forms.CharField):
    """Why. Whether it must be given depends on the answer: the form asks, not the field."""

    def validate(self, value: Any) -> None:
        pass


UNITS = (by("administration__name"), by("name"), "pk")
"""Units in the order of their administrations' names and their own."""


class UnitChoices(forms.models.ModelChoiceIterator):  # type: ignore[type-arg]
    """Units under the names of their administrations."""

    def __iter__(self) -> Iterator[Any]:
        if self.field.empty_label is not None:
            yield "", self.field.empty_label
        groups: dict[str, list[Any]] = {}
        for unit in self.queryset:
            groups.setdefault(str(unit.administration), []).append(self.choice(unit))
        yield from groups.items()


class UnitField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """A unit of the institution, chosen from a list grouped by administration."""

    iterator = UnitChoices

    def __init__(self, **given: Any) -> None:
        units = Unit.objects.filter(active=True).select_related("administration")
        given.setdefault("queryset", units.order_by(*UNITS))
        super().__init__(**given)


class TreeForm(Shared, Form):
    """The questions of a tree of the law, each with yes or no and a reason.

    A question on the path must be answered, one off it may be left blank; `unfinished` takes what is there and leaves
    the rest for another day. `kept` is the history of the answers that others edit too. The tree's id is the prefix, so
    that several trees can share a page.
    """

    template_name = "inhouse/tree.html"
    use_required_attribute = False

    def __init__(
        self,
        tree: str,
        data: Mapping[str, Any] | None = None,
        *,
        kept: Any = None,
        reason_required: bool = False,
        unfinished: bool = False,
        **given: Any,
    ) -> None:
        super().__init__(data, **{"prefix": tree, **given})
        self.tree, self.reason_required, self.unfinished = law.trees()[tree], reason_required, unfinished
        for question in self.tree.questions:
            self.fields[question.id] = YesNo(
                choices=YES_NO,
                label=self._label(question),
                help_text=" ".join(filter(None, [self._condition(question), question.help])),
            )
            self.fields[f"{question.id}_reason"] = Reason(
                label=_("Reason"),
                widget=forms.Textarea(attrs={"rows": 2}),
                required=reason_required,
            )
        if kept is not None:
            self.initial = self.begin(kept)
        dress(self)

    @property
    def _branches(self) -> bool:
        return bool(self.tree.start) and len(self.tree.questions) > 1

    def _number(self, question: law.Question) -> int:
        return self.tree.questions.index(question) + 1

    def _label(self, question: law.Question) -> str:
        if not self._branches:
            return question.text
        return _("%(number)s. %(question)s") % {"number": self._number(question), "question": question.text}

    def _condition(self, question: law.Question) -> str:
        """When a question is asked, where that hangs on another one."""
        for earlier in self.tree.questions:
            number = {"number": self._number(earlier)}
            if earlier.yes.get("next") == question.id:
                return _("Only if you answered yes to question %(number)s.") % number
            if earlier.no.get("next") == question.id:
                return _("Only if you answered no to question %(number)s.") % number
        return ""

    @property
    def questions(self) -> Iterator[tuple[forms.BoundField, forms.BoundField]]:
        """Each question as a pair of fields: the answer and its reason."""
        for question in self.tree.questions:
            yield self[question.id], self[f"{question.id}_reason"]

    @property
    def asked(self) -> list[str]:
        """The ids of the questions that the answers lead to; of a plain set, all."""
        if not self.tree.start:
            return [question.id for question in self.tree.questions]
        return self._walk()[0]

    @property
    def outcome(self) -> str:
        """Where the answers lead; empty while one on the path is missing, and for a plain set."""
        return self._walk()[1] if self.tree.start else ""

    def _walk(self) -> tuple[list[str], str]:
        return self.tree.walk({q.id: self.cleaned_data.get(q.id) or "" for q in self.tree.questions})

    def held(self, rows: list[Any]) -> dict[Any, Any]:
        given = {row.question: row for row in rows}
        values = {q.id: given[q.id].value if q.id in given else "" for q in self.tree.questions}
        return values | {f"{q.id}_reason": given[q.id].reason if q.id in given else "" for q in self.tree.questions}

    def named(self, key: Any) -> str:
        if key in (question.id for question in self.tree.questions):
            return super().named(key)
        return _("Reason for: %(question)s") % {"question": super().named(key.removesuffix("_reason"))}

    def clean(self) -> dict[str, Any]:
        super().clean()
        for number, question in enumerate(self.asked):
            answered = self.cleaned_data.get(question)
            if not answered and question not in self.errors and not self.unfinished:
                follows = self.tree.start and number
                self.add_error(
                    question,
                    _("Answer this: it follows from your answer above.") if follows else _("Answer yes or no."),
                )
            if (
                answered
                and self.reason_required
                and not self.unfinished
                and not self.cleaned_data.get(f"{question}_reason")
            ):
                self.add_error(f"{question}_reason", _("Give the reason for your answer."))
        return self.cleaned_data

    def answers(self) -> Answers:
        """What was answered on the path: question → (value, reason)."""
        return {
            question: (self.cleaned_data[question], self.cleaned_data.get(f"{question}_reason", ""))
            for question in self.asked
            if self.cleaned_data.get(question)
        }
