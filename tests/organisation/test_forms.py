"""Two people edit the same thing: the later one is told who wrote what, in words, and loses nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django import forms
from django.http import QueryDict

from inhouse import assessment
from inhouse.forms import UnitField
from inhouse.models import Answer
from organisation import history
from organisation.forms import EditForm, Form, Shared
from organisation.history import acting
from organisation.models import Unit, User
from products.models import Product, Revision
from tests import stations

pytestmark = pytest.mark.django_db

CLASSES = [("Low", [("I", "class I"), ("IIa", "class IIa")]), ("High", [("IIb", "class IIb"), ("III", "class III")])]


class ProductForm(EditForm[Product]):
    unit = UnitField()

    class Meta:
        model = Product
        fields = ("name", "summary", "unit")


class RevisionForm(EditForm[Revision]):
    risk_class = forms.ChoiceField(choices=CLASSES, label="Class")

    class Meta:
        model = Revision
        fields = ("risk_class", "is_software")
        labels = {"is_software": "Software"}


def opened(form: type[EditForm[Any]], row: Any) -> dict[str, Any]:
    """What the browser would send back if nothing was typed."""
    shown = form(instance=type(row).objects.get(pk=row.pk))
    sent = {name: shown[name].value() for name in shown.fields}
    return {name: "" if value is None else value for name, value in sent.items() if value is not False}


def saved(form: type[EditForm[Any]], row: Any, sent: dict[str, Any]) -> Any:
    data = QueryDict(mutable=True)
    data.update(sent)
    return form(data, instance=type(row).objects.get(pk=row.pk))


def write(row: Any, by: User, **fields: Any) -> None:
    with acting(by):
        type(row).objects.filter(pk=row.pk).update(**fields)


def test_whoever_changed_the_field_is_named_and_not_who_wrote_something_else_later(
    engineer: User, manager: User, adviser: User, nurse: User
) -> None:
    product = stations.eligible()
    sent = opened(ProductForm, product) | {"name": "Mine"}
    write(product, engineer, name="First")
    write(product, manager, name="Second")
    write(product, adviser, summary="In other words")
    write(product, nurse, number="IH-1999-0001")
    form = saved(ProductForm, product, sent)
    assert not form.is_valid()
    assert [(label, theirs) for label, theirs, _mine in form.theirs] == [
        ("Name", "Second"),
        ("In short", "In other words"),
    ]
    assert form.other == adviser.name
    form = saved(ProductForm, product, sent | {"summary": "In other words"})
    assert not form.is_valid()
    assert form.theirs == [("Name", "Second", "Mine")]
    assert form.other == manager.name
    assert "Mine" in str(form["name"])


def test_someone_who_wrote_it_outside_the_register_has_no_name() -> None:
    product = stations.eligible()
    sent = opened(ProductForm, product) | {"name": "Mine"}
    Product.objects.filter(pk=product.pk).update(name="Theirs")
    form = saved(ProductForm, product, sent)
    assert not form.is_valid()
    assert form.other == "Someone"


def test_nothing_is_asked_when_only_other_fields_were_changed(manager: User) -> None:
    product = stations.eligible()
    sent = opened(ProductForm, product) | {"name": "Mine"}
    write(product, manager, number="IH-1999-0001")
    assert saved(ProductForm, product, sent).is_valid()


def test_a_unit_is_told_by_name_also_when_it_can_no_longer_be_chosen(engineer: User, unit: Unit, ward: Unit) -> None:
    product = stations.eligible()
    sent = opened(ProductForm, product) | {"name": "Mine"}
    write(product, engineer, unit=ward)
    write(ward, engineer, active=False)
    form = saved(ProductForm, product, sent)
    assert not form.is_valid()
    assert form.theirs == [("Unit", str(ward), str(unit))]


def test_a_choice_within_a_group_is_told_by_its_label_and_a_tick_as_yes_or_no(engineer: User) -> None:
    revision = stations.coming(stations.in_development())
    sent = opened(RevisionForm, revision) | {"risk_class": "IIb"}
    write(revision, engineer, risk_class="III", is_software=True)
    form = saved(RevisionForm, revision, sent)
    assert not form.is_valid()
    assert form.theirs == [("Class", "class III", "class IIb"), ("Software", "yes", "no")]


class OneAnswer(Shared, Form):
    """A single question on a page of its own."""

    value = forms.ChoiceField(choices=[("yes", "Yes"), ("no", "No")], required=False)
    reason = forms.CharField(required=False)

    def __init__(self, data: Any = None, *, kept: Any) -> None:
        super().__init__(data)
        self.initial = self.begin(kept)

    def held(self, rows: list[Any]) -> dict[Any, Any]:
        return next(({"value": row.value, "reason": row.reason} for row in rows), {"value": "", "reason": ""})


def test_one_answer_is_held_against_what_someone_else_answered_meanwhile(nurse: User, engineer: User) -> None:
    product = stations.proposed(by=nurse)
    kept = history.of(Answer).filter(assessment=product.assessments.get(), question="o1")
    sent: dict[str, Any] = {"value": "no", "reason": "Mine", "seen": OneAnswer(kept=kept)["seen"].value() or ""}
    assert OneAnswer(sent, kept=kept).is_valid()
    assessment.answer(product, "outside_use", {"o1": ("yes", "Theirs")}, by=engineer)
    data = QueryDict(mutable=True)
    data.update(sent)
    form = OneAnswer(data, kept=kept)
    assert not form.is_valid()
    assert form.theirs == [("Value", "Yes", "No"), ("Reason", "Theirs", "Mine")]
    assert form.other == engineer.name
    data["seen"] = form["seen"].value()
    assert OneAnswer(data, kept=kept).is_valid()
    assessment.answer(product, "outside_use", {}, by=engineer)
    form = OneAnswer(data, kept=kept)
    assert not form.is_valid()
    assert form.theirs == [("Value", "", "No"), ("Reason", "", "Mine")]
