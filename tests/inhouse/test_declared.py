"""Every field of a declaration has a reason and a place on the page where it is prepared."""

from __future__ import annotations

import re

import pytest

from inhouse import declared
from tests.documents.test_rendering import SNAPSHOT, changed


def test_all_fields_are_there_but_what_is_added_later_and_the_units_that_use_the_device() -> None:
    numbers = [number for field in declared.FIELDS for number in _numbers(field.id)]
    assert numbers == [n for n in range(1, 27) if n not in (19, 21, 23)]
    lawful = {n for field in declared.FIELDS if field.level == declared.Level.LAW for n in _numbers(field.id)}
    assert lawful == {1, 2, 5, 6, 12, 13, 14, 26}


def _numbers(name: str) -> list[int]:
    first, *last = map(int, re.findall(r"\d+", name))
    return list(range(first, (last or [first])[0] + 1))


def test_a_whole_declaration_lacks_nothing() -> None:
    assert [row.field.id for row in declared.rows(SNAPSHOT) if row.missing] == []


@pytest.mark.parametrize(
    ("name", "lacks", "emptied"),
    [
        ("D2", "missing", {"institution__address": ""}),
        ("D7", "thin", {"device__description": "", "device__accessories": []}),
        ("D10", "thin", {"device__risk_class": "", "device__class_rule": ""}),
        ("D16", "thin", {"signed__place": ""}),
        ("D22", "missing", {"validated_on": ""}),
    ],
)
def test_what_is_empty_is_missing_where_it_is_demanded_and_else_only_told(
    name: str, lacks: str, emptied: dict[str, object]
) -> None:
    rows = {row.field.id: row for row in declared.rows(changed(**emptied))}
    assert getattr(rows[name], lacks)


def test_a_signer_who_leads_nothing_is_warned_of_and_not_stopped() -> None:
    rows = {row.field.id: row for row in declared.rows(changed(signed__level_key="staff"))}
    assert rows["D17–18"].warning == "The product owner is not head of a unit or higher."
    assert not rows["D17–18"].missing
    assert not any(row.warning for row in declared.rows(SNAPSHOT))


def test_what_says_something_else_than_before_is_changed() -> None:
    after = changed(
        number="IH-2026-0042-D2",
        version=2,
        device__intended_purpose="To guide the saw.",
        statement__exceptions=[{"number": "1", "what": "x", "why": "y"}],
    )
    told = [row.field.id for row in declared.rows(after, SNAPSHOT) if row.changed]
    assert told == ["D8", "D12", "D13–14", "D15"]
    assert not any(row.changed for row in declared.rows(SNAPSHOT, SNAPSHOT))
