"""Who is away and who stands in: noted by themselves, a manager or an operator; and how reminders reach someone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.urls import reverse

from organisation import absences, access, clock, history, people
from organisation.access import Act
from organisation.models import Absence, Role, User
from tests import factories
from tests.costs import cost
from tests.stations import on_day

pytestmark = pytest.mark.django_db
MONDAY, FRIDAY = date(2026, 6, 1), date(2026, 6, 5)


def week(person: User, stand_in: User, *, by: User | None = None, **days: Any) -> Absence:
    return absences.add(person, stand_in=stand_in, **({"since": MONDAY, "until": FRIDAY} | days), by=by or person)


# --- the rules


def test_days_are_whole_and_both_ends_are_included(nurse: User, engineer: User) -> None:
    with on_day("2026-05-01"):
        row = week(nurse, engineer)
    away = [Absence.objects.on(MONDAY + timedelta(days=n)).exists() for n in range(-1, 6)]
    assert away == [False, True, True, True, True, True, False]
    assert row.person == nurse


def test_today_is_the_day_where_the_institution_lies(nurse: User, engineer: User) -> None:
    """An hour after midnight in Stockholm it is still yesterday in UTC."""
    with clock.at(datetime(2026, 6, 1, 22, 30, tzinfo=UTC)):
        with pytest.raises(ValidationError, match="backwards"):
            week(nurse, engineer)
        week(nurse, engineer, since=date(2026, 6, 2))


@pytest.mark.parametrize(
    ("who", "may"),
    [("nurse", True), ("manager", True), ("operator", True), ("engineer", False), ("outsider", False), ("head", False)],
)
def test_the_person_a_manager_of_theirs_and_an_operator_note_it(
    nurse: User, adviser: User, who: str, may: bool, request: pytest.FixtureRequest
) -> None:
    by = request.getfixturevalue("head_office" if who == "head" else who)
    with on_day("2026-05-01"):
        if may:
            row = week(nurse, adviser, by=by)
            absences.edit(row, stand_in=adviser, since=MONDAY, until=MONDAY, by=by)
            absences.remove(row, by=by)
        else:
            with pytest.raises(PermissionDenied):
                week(nurse, adviser, by=by)
            row = week(nurse, adviser)
            with pytest.raises(PermissionDenied):
                absences.edit(row, stand_in=adviser, since=MONDAY, until=MONDAY, by=by)
            with pytest.raises(PermissionDenied):
                absences.end(row, until=MONDAY, by=by)
            with pytest.raises(PermissionDenied):
                absences.remove(row, by=by)
            assert Absence.objects.get().until == FRIDAY


def test_it_gives_no_right_to_act(manager: User, nurse: User) -> None:
    before = [act for act in Act if access.somewhere(nurse, act)]
    week(manager, nurse, since=clock.today(), until=clock.today())
    assert [act for act in Act if access.somewhere(User.objects.get(pk=nurse.pk), act)] == before


@pytest.mark.parametrize(
    ("days", "refused"),
    [
        ((date(2026, 5, 25), date(2026, 5, 31)), False),
        ((date(2026, 5, 25), MONDAY), True),
        ((date(2026, 6, 3), date(2026, 6, 3)), True),
        ((date(2026, 5, 20), date(2026, 6, 20)), True),
        ((FRIDAY, date(2026, 6, 20)), True),
        ((date(2026, 6, 6), date(2026, 6, 7)), False),
    ],
)
def test_absences_of_one_person_do_not_overlap(
    nurse: User, engineer: User, adviser: User, days: tuple[date, date], refused: bool
) -> None:
    with on_day("2026-05-01"):
        week(nurse, engineer)
        week(engineer, adviser)  # someone else's is no hindrance
        if refused:
            with pytest.raises(ValidationError, match="already"):
                week(nurse, adviser, since=days[0], until=days[1])
        else:
            week(nurse, adviser, since=days[0], until=days[1])
    assert nurse.absences.count() == (1 if refused else 2)


def test_the_stand_in_is_someone_else_who_is_active(nurse: User, engineer: User, operator: User) -> None:
    with on_day("2026-05-01"):
        with pytest.raises(ValidationError, match="Someone else stands in"):
            week(nurse, nurse)
        people.deactivate(engineer, reason="Left", by=operator)
        with pytest.raises(ValidationError, match="is deactivated"):
            week(nurse, User.objects.get(pk=engineer.pk))
        with pytest.raises(ValidationError, match="cannot come before the first"):
            week(nurse, operator, until=date(2026, 5, 31))
    assert not Absence.objects.exists()


def test_what_has_begun_gets_another_last_day_and_nothing_else(nurse: User, engineer: User, adviser: User) -> None:
    with on_day("2026-05-01"):
        row = week(nurse, engineer)
    with on_day("2026-06-03"):
        with pytest.raises(ValidationError, match="only its last day"):
            absences.edit(row, stand_in=adviser, since=MONDAY, until=FRIDAY, by=nurse)
        with pytest.raises(ValidationError, match="Give it a last day"):
            absences.remove(row, by=nurse)
        with pytest.raises(ValidationError, match="not ended backwards"):
            absences.end(row, until=MONDAY, by=nurse)
        absences.end(row, until=date(2026, 6, 20), by=nurse)
        absences.end(row, until=date(2026, 6, 2), by=nurse)
        with pytest.raises(ValidationError, match="is over"):
            absences.end(row, until=FRIDAY, by=nurse)
    row.refresh_from_db()
    assert (row.since, row.until, row.stand_in) == (MONDAY, date(2026, 6, 2), engineer)


def test_someone_who_is_away_can_come_back_though_the_stand_in_has_left(
    nurse: User, engineer: User, operator: User
) -> None:
    with on_day("2026-05-01"):
        row = week(nurse, engineer)
        people.deactivate(engineer, reason="Left", by=operator)
    with on_day("2026-06-03"):
        absences.end(row, until=date(2026, 6, 2), by=nurse)
    assert Absence.objects.get().until == date(2026, 6, 2)


def test_the_history_tells_who_noted_changed_and_removed_it(nurse: User, engineer: User, manager: User) -> None:
    with on_day("2026-05-01"):
        row = week(nurse, engineer, by=manager)
        absences.edit(row, stand_in=engineer, since=MONDAY, until=MONDAY, by=nurse)
        absences.remove(row, by=manager)
    told = history.latest(history.of(Absence).filter(person=nurse.pk))
    assert [(each.verb, each.who) for each in told] == [
        ("removed", manager.name),
        ("changed", nurse.name),
        ("added", manager.name),
    ]


# --- the pages


def sent(stand_in: User, since: date, until: date, **more: Any) -> dict[str, Any]:
    return {"stand_in": stand_in.pk, "since": since.isoformat(), "until": until.isoformat(), **more}


def test_one_notes_changes_and_removes_ones_own_on_the_account(client: Client, nurse: User, engineer: User) -> None:
    client.force_login(nurse)
    account, today = reverse("organisation:account"), clock.today()
    page = client.get(reverse("organisation:absence-own")).text
    assert "It gives no right to act" in page
    answer = client.post(reverse("organisation:absence-own"), sent(engineer, today, today + timedelta(days=4)))
    assert answer["Location"] == account
    row = nurse.absences.get()
    assert "Eva Ek" in client.get(account).text
    address = reverse("organisation:absence", args=[row.pk])
    client.post(address, sent(engineer, today, today + timedelta(days=9)))
    row.refresh_from_db()
    assert row.until == today + timedelta(days=9)
    client.force_login(engineer)
    assert "You stand in for" in client.get(account).text
    assert client.get(address).status_code == 403
    client.force_login(nurse)
    assert client.post(address, {"act": "remove"})["Location"] == account
    assert not Absence.objects.exists()


def test_a_refusal_keeps_what_was_typed(client: Client, nurse: User, engineer: User) -> None:
    client.force_login(nurse)
    today = clock.today()
    page = client.post(reverse("organisation:absence-own"), sent(engineer, today, today - timedelta(days=1))).text
    assert "The last day cannot come before the first." in page
    assert f'value="{today.isoformat()}"' in page
    assert f'<option value="{engineer.pk}" selected>' in page


def test_a_manager_sees_who_is_away_and_notes_it(client: Client, manager: User, nurse: User, outsider: User) -> None:
    client.force_login(manager)
    here = nurse.unit.administration
    address = reverse("organisation:absences-at", args=[here.pk])
    assert address in client.get(reverse("inhouse:administration", args=[here.pk])).text
    today = clock.today()
    assert client.post(address, sent(manager, today, today, person=outsider.pk)).status_code == 200
    assert not Absence.objects.exists()
    client.post(address, sent(manager, today, today, person=nurse.pk))
    assert Absence.objects.get().person == nurse
    assert "away today" in client.get(address).text
    change = reverse("organisation:absence", args=[Absence.objects.get().pk])
    assert client.post(change, {"act": "remove"})["Location"] == address


def test_an_operator_notes_it_on_the_page_of_the_user(
    client: Client, operator: User, nurse: User, engineer: User
) -> None:
    client.force_login(operator)
    person = reverse("organisation:person", args=[nurse.pk])
    add = reverse("organisation:absence-add", args=[nurse.pk])
    assert add in client.get(person).text
    today = clock.today()
    assert client.post(add, sent(engineer, today, today))["Location"] == person
    page = client.get(person).text
    assert reverse("organisation:absence", args=[Absence.objects.get().pk]) in page
    assert "added absence" in page


def test_what_is_over_can_be_read_and_not_changed(client: Client, nurse: User, engineer: User) -> None:
    with on_day("2026-05-01"):
        row = week(nurse, engineer)
    with on_day("2026-07-01"):
        client.force_login(nurse)
        page = client.get(reverse("organisation:absence", args=[row.pk])).text
        assert "This absence is over" in page
        assert client.post(reverse("organisation:absence", args=[row.pk]), {"until": "2026-07-02"}).status_code == 200
    row.refresh_from_db()
    assert row.until == FRIDAY


def test_the_pages_ask_as_much_for_many_absences_as_for_one(client: Client, manager: User, nurse: User) -> None:
    client.force_login(manager)
    today = clock.today()
    address = reverse("organisation:absences-at", args=[nurse.unit.administration_id])
    costs = []
    for number in range(3):
        person = factories.user(f"Away Nr{number}", at=nurse.unit)
        for later in range(number + 1):
            day = today + timedelta(days=later)
            absences.add(person, stand_in=manager, since=day, until=day, by=manager)
        costs.append((cost(client, address), cost(client, reverse("organisation:account"))))
    assert len(set(costs)) == 1


# --- how reminders reach someone


def test_one_chooses_how_reminders_come(client: Client, nurse: User) -> None:
    client.force_login(nurse)
    assert client.post(reverse("organisation:reminders"), {"reminded": "weekly"}).status_code == 302
    nurse.refresh_from_db()
    assert nurse.reminded == User.Reminded.WEEKLY
    assert history.latest(history.of(nurse).all())[0].who == nurse.name
    page = client.post(reverse("organisation:reminders"), {"reminded": "never"}, follow=True).text
    assert "Choose one of the ways." in page
    with pytest.raises(ValidationError):
        people.choose_reminders(nurse, "never")
    assert User.objects.get(pk=nurse.pk).reminded == User.Reminded.WEEKLY


def test_only_managers_and_operators_note_the_absences_of_others() -> None:
    assert access.TABLE[Act.ABSENCES] == {Role.MANAGER, Role.OPERATOR}
