"""Who may do what: the table and how it is read."""

from __future__ import annotations

from datetime import date

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied

from organisation import access
from organisation.access import INSTITUTION, TABLE, Act, Scope, Tie
from organisation.models import Administration, Assignment, Role, User
from tests import factories, stations

pytestmark = pytest.mark.django_db

DAY = date(2026, 3, 1)


def anyone() -> User:
    return factories.user("Sam Ny")


def holding(role: Role, *, at: Administration | None, since: date = DAY, until: date | None = None) -> User:
    someone = anyone()
    Assignment.objects.create(user=someone, role=role, administration=at, since=since, until=until)
    return someone


def test_every_act_has_a_row_and_every_role_something_to_do() -> None:
    assert set(TABLE) == set(Act)
    assert all(TABLE.values())
    named = frozenset().union(*TABLE.values())
    assert {each for each in named if isinstance(each, Role)} == set(Role)


@pytest.mark.parametrize("act", Act)
@pytest.mark.parametrize("role", Role)
def test_a_role_counts_in_its_own_administration_and_nowhere_else(
    role: Role, act: Act, administration: Administration, other_administration: Administration
) -> None:
    someone = holding(role, at=administration)
    free = bool(TABLE[act] & {Tie.PUBLIC, Tie.STAFF})
    here, elsewhere = Scope(administration.pk), Scope(other_administration.pk)
    assert access.may(someone, act, here) == (free or role in TABLE[act])
    assert access.may(someone, act, elsewhere) == free
    assert access.may(someone, act, INSTITUTION) == free
    assert access.somewhere(someone, act) == (free or role in TABLE[act])


@pytest.mark.parametrize("act", Act)
@pytest.mark.parametrize("role", Role)
def test_a_role_in_the_whole_institution_counts_everywhere(
    role: Role, act: Act, administration: Administration
) -> None:
    someone = holding(role, at=None)
    expected = bool(TABLE[act] & {Tie.PUBLIC, Tie.STAFF, role})
    assert access.may(someone, act, Scope(administration.pk)) == expected
    assert access.may(someone, act, INSTITUTION) == expected


@pytest.mark.parametrize("act", Act)
def test_the_owner_and_the_proposer_count_for_their_own_product(act: Act, administration: Administration) -> None:
    someone = anyone()
    free = bool(TABLE[act] & {Tie.PUBLIC, Tie.STAFF})
    assert access.may(someone, act, Scope(administration.pk, owner_id=someone.pk)) == (free or Tie.OWNER in TABLE[act])
    assert access.may(someone, act, Scope(administration.pk, proposer_id=someone.pk)) == (
        free or Tie.PROPOSER in TABLE[act]
    )
    assert access.may(someone, act, Scope(administration.pk)) == free


@pytest.mark.parametrize(
    ("since", "until", "held"),
    [
        (date(2026, 3, 1), None, True),
        (date(2026, 3, 2), None, False),
        (date(2026, 1, 1), date(2026, 3, 1), True),
        (date(2026, 1, 1), date(2026, 2, 28), False),
    ],
)
def test_an_assignment_counts_from_its_first_through_its_last_day(
    since: date, until: date | None, held: bool, administration: Administration
) -> None:
    someone = holding(Role.MANAGER, at=administration, since=since, until=until)
    with stations.on_day(DAY):
        assert access.may(someone, Act.DECIDE, Scope(administration.pk)) == held
        assert list(access.people(Act.DECIDE, Scope(administration.pk))) == ([someone] if held else [])


def test_someone_who_left_may_only_read_what_is_public(administration: Administration) -> None:
    someone = holding(Role.MANAGER, at=administration)
    someone.is_active = False
    someone.save()
    scope = Scope(administration.pk, owner_id=someone.pk, proposer_id=someone.pk)
    assert [act for act in Act if access.may(someone, act, scope)] == [Act.READ_PUBLIC, Act.READ_CALENDAR]
    assert not access.people(Act.DECIDE, scope).exists()


def test_whoever_has_not_signed_in_may_only_read_what_is_public() -> None:
    stranger = AnonymousUser()
    assert [act for act in Act if access.may(stranger, act)] == [Act.READ_PUBLIC, Act.READ_CALENDAR]  # type: ignore[arg-type]


def test_the_operator_touches_no_records_and_the_auditor_writes_nothing(administration: Administration) -> None:
    scope = Scope(administration.pk)
    common = {Act.READ_PUBLIC, Act.READ_CALENDAR, Act.WORK, Act.PROPOSE, Act.ACCEPT}
    assert {act for act in Act if access.may(holding(Role.OPERATOR, at=None), act, scope)} == common | {
        Act.ABSENCES,
        Act.OPERATE,
        Act.USERS,
        Act.WATCH,
    }
    auditor = factories.person(Role.AUDITOR, everywhere=True)
    assert {act for act in Act if access.may(auditor, act, scope)} == common | {
        Act.READ_CONFIDENTIAL,
        Act.READ_LOOK_UPS,
        Act.AUDIT,
        Act.EXPORT,
        Act.WATCH,
    }


def test_a_refusal_names_who_may(nurse: User) -> None:
    with pytest.raises(
        PermissionDenied, match=r"Only these may suspend use: clinical engineer, manager, product owner\."
    ):
        access.require(nurse, Act.SUSPEND)
