"""Users and roles, kept by an operator."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from organisation import access, clock, people
from organisation.access import Act, Scope, Tie
from organisation.models import Administration, Assignment, Role, Unit, User
from tests import factories, stations

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(client: Client, operator: User) -> Client:
    """The operator's browser."""
    client.force_login(operator)
    return client


def about(unit: Unit, **changes: str) -> dict[str, str]:
    return {
        "name": "Sara Sund", "email": "sara.sund@vastanland.example", "title": "Physicist", "level": "staff",
        "unit": str(unit.pk), "language": "sv",
    } | changes  # fmt: skip


def test_an_operator_finds_people_by_name_role_and_place(desk: Client, engineer: User, nurse: User) -> None:
    address = reverse("organisation:people")
    page = desk.get(address, {"q": "eva"}).text
    assert engineer.email in page
    assert nurse.email not in page
    assert nurse.email not in desk.get(address, {"role": "engineer"}).text
    assert "No user fits this." in desk.get(address, {"q": "nobody"}).text


def test_nobody_else_keeps_users(client: Client, head_office: User, unit: Unit) -> None:
    client.force_login(head_office)
    for name in ("people", "person-add", "access"):
        assert client.get(reverse(f"organisation:{name}")).status_code == 403
    with pytest.raises(PermissionDenied):
        people.add({"name": "X"}, by=head_office)


def test_a_user_is_added_and_their_first_password_is_shown_once(desk: Client, unit: Unit) -> None:
    page = desk.post(reverse("organisation:person-add"), about(unit))
    user = User.objects.get(email="sara.sund@vastanland.example")
    [password] = re.findall(r"[a-z2-9]{4}(?:-[a-z2-9]{4}){3}", page.text)
    assert user.check_password(password)
    assert not user.chose_password
    assert page["Cache-Control"] == "no-store"
    assert password not in desk.get(reverse("organisation:person", args=[user.pk])).text


def test_an_e_mail_address_is_used_once_in_any_case(desk: Client, unit: Unit, nurse: User) -> None:
    page = desk.post(reverse("organisation:person-add"), about(unit, email=nurse.email.upper()))
    assert "Someone with this e-mail address is already there." in page.text
    assert 'value="Sara Sund"' in page.text
    assert not User.objects.filter(name="Sara Sund").exists()


def test_a_person_is_edited(desk: Client, unit: Unit, nurse: User) -> None:
    address = reverse("organisation:person", args=[nurse.pk])
    seen = re.search(r'name="seen" value="(\d+)"', desk.get(address).text)
    assert seen
    desk.post(address, about(unit, name="Nina Ny", email=nurse.email, level="head_of_unit", seen=seen[1]))
    nurse.refresh_from_db()
    assert (nurse.name, nurse.leads, nurse.unit) == ("Nina Ny", True, unit)


def test_two_operators_edit_the_same_person_and_the_later_sees_both(
    desk: Client, unit: Unit, nurse: User, operator: User
) -> None:
    address = reverse("organisation:person", args=[nurse.pk])
    seen = re.search(r'name="seen" value="(\d+)"', desk.get(address).text)
    assert seen
    people.edit(nurse, {"title": "Head nurse"}, by=operator)
    page = desk.post(address, about(unit, email=nurse.email, title="Ward nurse", seen=seen[1])).text
    assert "Both versions are shown below" in page
    assert "Head nurse" in page
    nurse.refresh_from_db()
    assert nurse.title == "Head nurse"


def test_a_role_is_given_and_holds_from_its_day(desk: Client, nurse: User, administration: Administration) -> None:
    tomorrow = clock.today() + timedelta(days=1)
    given = {
        "role-role": "engineer",
        "role-administration": str(administration.pk),
        "role-since": tomorrow.isoformat(),
        "role-until": "",
    }
    desk.post(reverse("organisation:role-add", args=[nurse.pk]), given)
    scope = Scope(administration.pk)
    assert not access.may(User.objects.get(pk=nurse.pk), Act.KEEP, scope)
    with stations.on_day(tomorrow):
        assert access.may(User.objects.get(pk=nurse.pk), Act.KEEP, scope)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"role-role": "operator"}, "This role is held in the whole institution."),
        ({"role-since": "2001-01-01"}, "A role is not given backwards"),
        ({"role-until": "2001-01-01"}, "The last day cannot come before the first."),
    ],
)
def test_a_role_is_not_given(
    desk: Client, nurse: User, administration: Administration, changes: dict[str, str], said: str
) -> None:
    given = {
        "role-role": "engineer",
        "role-administration": str(administration.pk),
        "role-since": clock.today().isoformat(),
        "role-until": "",
    }
    page = desk.post(reverse("organisation:role-add", args=[nurse.pk]), given | changes)
    assert said in page.text
    assert not nurse.assignments.exists()


def test_nobody_gives_themselves_a_role_or_ends_their_own(desk: Client, operator: User) -> None:
    own = operator.assignments.get()
    given = {"role-role": "engineer", "role-since": clock.today().isoformat()}
    page = desk.post(reverse("organisation:role-add", args=[operator.pk]), given)
    assert "Nobody gives themselves a role" in page.text
    page = desk.post(
        reverse("organisation:role-end", args=[own.pk]), {"until": clock.today().isoformat(), "reason": "Enough"}
    )
    assert "Nobody changes their own roles" in page.text
    assert operator.assignments.get().until is None


def test_a_role_is_ended_with_a_reason(desk: Client, engineer: User) -> None:
    held = engineer.assignments.get()
    address = reverse("organisation:role-end", args=[held.pk])
    assert "This field is required." in desk.post(address, {"until": clock.today().isoformat(), "reason": ""}).text
    yesterday = clock.today() - timedelta(days=1)
    desk.post(address, {"until": yesterday.isoformat(), "reason": "Moved to another unit"})
    assert not access.may(User.objects.get(pk=engineer.pk), Act.KEEP, Scope(held.administration_id))


def test_a_role_is_not_ended_backwards(desk: Client, engineer: User) -> None:
    held = engineer.assignments.get()
    page = desk.post(reverse("organisation:role-end", args=[held.pk]), {"until": "2020-01-01", "reason": "Never was"})
    assert "A role is not ended backwards." in page.text
    held.refresh_from_db()
    assert held.until is None


def test_deactivating_an_owner_names_what_they_own(desk: Client) -> None:
    product = stations.owned()
    owner = stations.owner_of(product)
    address = reverse("inhouse:person-deactivate", args=[owner.pk])
    assert product.number in desk.get(address).text
    desk.post(address, {"reason": "Retired"})
    owner.refresh_from_db()
    assert not owner.is_active
    assert "deactivated" in desk.get(reverse("organisation:people"), {"former": "on"}).text


def test_someone_who_is_back_has_no_roles_until_they_are_given_anew(
    desk: Client, engineer: User, operator: User
) -> None:
    people.deactivate(engineer, reason="Leave", by=operator)
    page = desk.post(reverse("organisation:person-reactivate", args=[engineer.pk]), {"reason": "Back"})
    assert "First password" in page.text
    with stations.on_day(clock.today() + timedelta(days=1)):
        assert not Assignment.objects.on(clock.today()).filter(user=engineer, role=Role.ENGINEER).exists()


def test_nobody_deactivates_themselves(desk: Client, operator: User) -> None:
    page = desk.post(reverse("inhouse:person-deactivate", args=[operator.pk]), {"reason": "Tired"})
    assert "Nobody deactivates themselves" in page.text
    operator.refresh_from_db()
    assert operator.is_active


def test_the_access_table_is_shown_as_it_is(desk: Client) -> None:
    page = desk.get(reverse("organisation:access")).text
    everyone = {*Role, *Tie}
    staff = everyone - {Tie.PUBLIC}
    marked = sum(
        len(everyone if Tie.PUBLIC in row else staff if Tie.STAFF in row else row) for row in access.TABLE.values()
    )
    assert page.count("✓") == marked
    for act in Act:
        assert str(act.label)[1:].replace("'", "&#x27;") in page


def test_the_list_asks_as_much_for_three_as_for_one(desk: Client) -> None:
    counts = []
    for names in (["A Berg"], ["B Berg", "C Berg"]):
        for name in names:
            Assignment.objects.create(
                user=factories.user(name), role="engineer", administration=factories.administration()
            )
        with CaptureQueriesContext(connection) as asked:
            desk.get(reverse("organisation:people"))
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_the_page_of_a_person_tells_what_was_changed_and_given(desk: Client, unit: Unit, nurse: User) -> None:
    address = reverse("organisation:person", args=[nurse.pk])
    seen = re.search(r'name="seen" value="(\d+)"', desk.get(address).text)
    assert seen
    desk.post(address, about(unit, name="Nina Ny", email=nurse.email, seen=seen[1]))
    today = clock.today().isoformat()
    role = {"role-role": "auditor", "role-administration": "", "role-since": today, "role-until": ""}
    desk.post(reverse("organisation:role-add", args=[nurse.pk]), role)
    for name in ("person", "role-add", "person-password"):
        told = desk.get(reverse(f"organisation:{name}", args=[nurse.pk])).text.split("History of this page", 1)[1]
        assert "Name changed from “Nina Falk” to “Nina Ny”." in told
        assert "added assignment “auditor, whole institution”." in told
    assert "Nina Ny" in desk.get(reverse("organisation:people")).text.split("History of this page", 1)[1]
