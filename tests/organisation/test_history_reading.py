"""History as a person reads it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.utils import formats, translation

from organisation import clock
from organisation.history import acting, entries, of
from organisation.history.reading import SHOWN, Entry
from organisation.models import Administration, Assignment, Institution, QualitySystem, Role, Unit, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def north() -> Administration:
    institution = Institution.objects.create(
        pk=1, name="Region Ö", organisation_number="232100-0000", country="SE", language="sv", house_rules=["vgr"]
    )
    return Administration.objects.create(institution=institution, name="North hospital")


@pytest.fixture
def unit(north: Administration) -> Unit:
    return Unit.objects.create(administration=north, name="Dialysis", site="House 1")


@pytest.fixture
def elin(unit: Unit) -> User:
    return User.objects.create(email="elin@example.org", name="Elin Åkesson", title="Engineer", unit=unit)


def told(*models: Any) -> list[str]:
    """Every sentence, oldest first."""
    found = reversed(entries(of(model).all() for model in models))
    return [line for entry in found for line in (entry.sentence, *(change.sentence for change in entry.changes))]


def test_a_life_is_told_with_who_and_old_and_new(unit: Unit, elin: User) -> None:
    with acting(elin, reason="Moved"):
        unit.site = "House 2"
        unit.active = False
        unit.save()
    unit.site = ""
    unit.save()
    with acting(None, reason="the sweep"):
        Unit.objects.update(name="Dialysis and more")
    unit.refresh_from_db()
    number = elin.pk
    elin.delete()
    with acting(9999):
        unit.delete()
    assert told(Unit) == [
        "someone outside the register added unit “Dialysis, House 1”.",
        "Administration: “North hospital”.",
        "Name: “Dialysis”.",
        "Site: “House 1”.",
        "Active: “yes”.",
        f"user number {number} changed unit “Dialysis, House 2”.",
        "Site changed from “House 1” to “House 2”.",
        "Active changed from “yes” to “no”.",
        "someone outside the register changed unit “Dialysis”.",
        "Site was emptied; it was “House 2”.",
        "the register itself changed unit “Dialysis and more”.",
        "Name changed from “Dialysis” to “Dialysis and more”.",
        "user number 9999 removed unit “Dialysis and more”.",
    ]


def test_an_entry_says_who_why_and_when(unit: Unit, elin: User) -> None:
    moment = datetime(2035, 6, 1, 12, tzinfo=UTC)
    with acting(elin, reason="Moved"), clock.at(moment):
        Unit.objects.update(site="House 2")
    [newest] = entries([of(unit).all()], limit=1)
    assert (newest.who, newest.reason, newest.moment, newest.user_id) == ("Elin Åkesson", "Moved", moment, elin.pk)
    assert (newest.verb, newest.model, newest.object_id, newest.name) == ("changed", Unit, unit.pk, "Dialysis, House 2")
    assert newest.what == "unit “Dialysis, House 2”"
    assert not newest.outside
    assert [(change.old, change.new) for change in newest.changes] == [("House 1", "House 2")]


def test_what_was_written_from_outside_stands_out(unit: Unit) -> None:
    with acting(None, reason="the sweep"):
        Unit.objects.update(site="House 2")
    assert [entry.outside for entry in entries([of(Unit).all()])] == [False, True]


def test_values_are_shown_as_people_say_them(north: Administration, unit: Unit, elin: User) -> None:
    Institution.objects.update(country="NO", house_rules=["vgr", {"since": 2024}, None])
    system = QualitySystem.objects.create(
        administration=north, name="ISO 13485", scope="All", valid_until=date(2027, 3, 4)
    )
    Assignment.objects.create(user=elin, role=Role.ENGINEER, administration=None, since=date(2026, 1, 2))
    lines = told(Institution, QualitySystem, Assignment)
    assert "Country changed from “Sweden” to “Norway”." in lines
    assert "House rules changed from “vgr” to “vgr, (since: 2024), –”." in lines
    assert f"Certificate valid until: “{formats.localize(date(2027, 3, 4))}”." in lines
    assert "Role: “clinical engineer”." in lines
    assert "User: “Elin Åkesson”." in lines
    with translation.override("sv"):
        [entry] = entries([of(system).all()])
        assert entry.changes[-1].new == "4 mars 2027"


def test_what_is_gone_is_named_by_its_number(unit: Unit, elin: User) -> None:
    other = Unit.objects.create(administration=unit.administration, name="Second")
    User.objects.update(unit=other)
    User.objects.update(unit=unit)
    number = other.pk
    other.delete()
    assert f"Unit changed from “number {number}, no longer there” to “Dialysis, House 1”." in told(User)


def test_a_long_text_is_cut_in_the_sentence_only(north: Administration) -> None:
    QualitySystem.objects.create(administration=north, name="ISO 13485", scope="long " * 200)
    [entry] = entries([of(QualitySystem).all()])
    [change] = [change for change in entry.changes if change.field == "Scope"]
    assert change.new == "long " * 200
    assert len(change.sentence) < SHOWN + 30


def test_hidden_fields_are_not_told(unit: Unit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Unit, "history_hidden", ("site", "administration"), raising=False)
    Unit.objects.update(site="House 2")
    assert [[change.field for change in entry.changes] for entry in entries([of(Unit).all()])] == [
        [],
        ["Name", "Active"],
    ]


def test_several_histories_are_one_story_newest_first(unit: Unit, elin: User) -> None:
    with clock.at(datetime(2030, 1, 1, tzinfo=UTC)):
        Unit.objects.update(site="House 2")
        Administration.objects.update(name="South hospital")
    with clock.at(datetime(2029, 1, 1, tzinfo=UTC)):
        Unit.objects.update(site="House 3")
    found: list[Entry] = entries([of(Unit).all(), of(Administration).all(), of(User).all()])
    assert [(entry.moment, entry.history_id) for entry in found] == sorted(
        ((entry.moment, entry.history_id) for entry in found), reverse=True
    )
    assert {entry.model for entry in found[:2]} == {Unit, Administration}
    assert found[2].changes[0].new == "House 3"
    assert len(found) == 6
    assert entries([of(Unit).all(), of(Administration).all()], limit=2) == found[:2]


def test_the_old_value_is_found_also_outside_the_queryset(unit: Unit) -> None:
    for site in ("House 2", "House 3"):
        Unit.objects.update(site=site)
    [entry] = entries([of(Unit).filter(site="House 3")])
    assert [(change.old, change.new) for change in entry.changes] == [("House 2", "House 3")]


@pytest.mark.parametrize("count", [1, 3])
def test_more_rows_need_no_more_queries(
    north: Administration, unit: Unit, elin: User, count: int, django_assert_num_queries: Any
) -> None:
    with acting(elin):
        for number in range(count):
            each = Unit.objects.create(administration=north, name=f"Ward {number}")
            User.objects.create(email=f"{number}@example.org", name=f"Person {number}", unit=each)
            Unit.objects.update(site=f"House {number}")
    with django_assert_num_queries(2 + 3):  # units, users; administrations, units, users they point to
        told(Unit, User)
