"""Every field of a declaration has a reason and a place on the paper."""

from __future__ import annotations

import pytest

from inhouse import fields
from tests.documents.test_rendering import SNAPSHOT, changed


def numbers(found: list[fields.Field]) -> list[str]:
    return [field.number for field in found]


def test_all_fields_are_there_but_the_units_that_use_the_device() -> None:
    assert [field.number for field in fields.FIELDS] == [f"D{n}" for n in range(1, 27) if n != 23]
    lawful = {field.number for field in fields.FIELDS if field.level == fields.Level.LAW}
    assert lawful == {"D1", "D2", "D5", "D6", "D12", "D13", "D14", "D26"}


def test_a_whole_declaration_lacks_nothing() -> None:
    assert fields.missing(SNAPSHOT) == []


@pytest.mark.parametrize(
    ("number", "emptied"),
    [
        ("D2", {"institution__address": ""}),
        ("D7", {"device__description": "", "device__accessories": []}),
        ("D10", {"device__risk_class": "", "device__class_rule": ""}),
        ("D16", {"signed__place": ""}),
        ("D22", {"validated_on": ""}),
    ],
)
def test_what_is_empty_is_missing(number: str, emptied: dict[str, object]) -> None:
    assert numbers(fields.missing(changed(**emptied))) == [number]


def test_what_says_something_else_than_before_is_changed() -> None:
    after = changed(
        number="IH-2026-0042-D2",
        version=2,
        device__intended_purpose="To guide the saw.",
        statement__exceptions=[{"number": "1", "what": "x", "why": "y"}],
    )
    assert numbers(fields.changed(after, SNAPSHOT)) == ["D8", "D13", "D14", "D15"]
    assert fields.changed(SNAPSHOT, SNAPSHOT) == []
