"""Deadlines are found in the facts, follow them, and are never typed in."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction

from inhouse import declarations, followup, holds, lifecycle, owners, withdrawal
from inhouse.deadlines import acts, following, kinds
from inhouse.dossier import gather
from inhouse.models import Deadline, FollowUp, NextReminder
from organisation import clock, history, people
from organisation.models import Institution, Role
from products.models import Product
from tests import factories, stations
from tests.stations import on_day

pytestmark = pytest.mark.django_db


def open_of(product: Product | None) -> dict[str, Deadline]:
    return {d.kind: d for d in Deadline.objects.open().filter(product=product)}


def next_day(deadline: Deadline) -> date:
    return NextReminder.objects.get(deadline=deadline).day


def test_a_product_in_use_is_followed_up_after_three_months_and_by_its_owner() -> None:
    with on_day("2026-03-01"):
        product = stations.in_use(design={"risk_class": "IIa"})
        following.follow([product])
        found = open_of(product)
    assert found["follow_up"].due_on == date(2026, 6, 1)
    assert found["follow_up"].person == product.owner
    assert {"market_search", "declaration_review", "document_review"} <= set(found)


def test_following_twice_changes_nothing() -> None:
    product = stations.in_use()
    assert following.follow([product])
    rows = list(Deadline.objects.order_by("pk").values())
    assert following.follow([product]) == []
    assert list(Deadline.objects.order_by("pk").values()) == rows


def test_a_review_ends_its_deadline_and_begins_the_next_and_the_history_says_why() -> None:
    with on_day("2026-03-01"):
        product = stations.in_use()
        following.follow([product])
        first = open_of(product)["follow_up"]
    with on_day("2026-05-20"):
        followup.record(
            product,
            done_on=date(2026, 5, 20),
            sources="The ward's log",
            findings="Nothing",
            conclusion=FollowUp.Conclusion.CONTINUE,
            next_due_on=date(2027, 5, 20),
            actions=[],
            by=stations.owner_of(product),
        )
        following.follow([product])
    first.refresh_from_db()
    assert (first.ended_on, first.end) == (date(2026, 5, 20), Deadline.End.SETTLED)
    assert open_of(product)["follow_up"].due_on == date(2027, 5, 20)
    assert history.of(first).latest().history_change_reason


def test_a_declaration_waits_for_its_diary_number_and_for_the_public_and_then_no_more() -> None:
    with on_day("2026-03-01"):
        product = stations.declared()
        following.follow([product])
        found = open_of(product)
        assert found["diary"].due_on == date(2026, 3, 8)
        assert found["publication"].due_on == date(2026, 3, 15)
        assert found["diary"].role == Role.REGISTRAR
        stations.registered(product)
        following.follow([product])
    assert not {"diary", "publication"} & set(open_of(product))


def test_an_appointment_waits_for_its_answer_and_a_product_without_owner_for_one() -> None:
    product = stations.eligible()
    following.follow([product])
    assert open_of(product)["owner_missing"].role == Role.MANAGER
    asked = factories.nurse()
    owners.appoint(product, person=asked, level_reason="Knows it", by=stations.manager(product))
    following.follow([product])
    found = open_of(product)
    assert "owner_missing" not in found
    assert found["owner_acceptance"].person == asked
    assert found["owner_acceptance"].due_on == clock.today() + timedelta(days=14)


def test_when_the_owner_leaves_another_is_wanted_within_a_week_of_that_day() -> None:
    with on_day("2026-03-01"):
        product = stations.in_use()
        following.follow([product])
    with on_day("2026-04-01"):
        people.deactivate(
            stations.owner_of(product), reason="Left", by=factories.person(Role.OPERATOR, everywhere=True)
        )
        following.follow([product])
        assert open_of(product)["owner_missing"].due_on == date(2026, 4, 8)
    with on_day("2026-04-03"):
        assert following.follow([product]) == []
        assert open_of(product)["follow_up"].role == Role.ENGINEER


def test_an_owner_who_works_elsewhere_is_confirmed_by_hand_and_not_asked_again() -> None:
    product = stations.in_use()
    owner = stations.owner_of(product)
    owner.unit = factories.unit("Annan", at=factories.other_administration())
    owner.save()
    following.follow([product])
    asked = open_of(product)["owner_moved"]
    acts.done(asked, evidence="Agreed with both heads", by=stations.manager(product))
    assert "owner_moved" not in open_of(product)
    asked.refresh_from_db()
    assert (asked.end, asked.evidence) == (Deadline.End.DONE, "Agreed with both heads")


def test_a_review_of_the_declaration_is_marked_with_what_shows_it_and_comes_again() -> None:
    with on_day("2026-03-01"):
        product = stations.in_use(design={"risk_class": "IIa"})
        following.follow([product])
        review = open_of(product)["declaration_review"]
        assert review.due_on == date(2028, 3, 1)
    with on_day("2028-02-01"):
        acts.done(review, evidence="Read it; it still holds", by=stations.owner_of(product))
        assert open_of(product)["declaration_review"].due_on == date(2030, 2, 1)


def test_what_the_register_sees_by_itself_cannot_be_marked_as_done() -> None:
    product = stations.in_use()
    following.follow([product])
    with pytest.raises(ValidationError, match="by itself"):
        acts.done(open_of(product)["follow_up"], evidence="Done", by=stations.owner_of(product))


def test_a_snooze_has_a_reason_and_never_goes_past_the_day() -> None:
    with on_day("2026-03-01"):
        product = stations.in_use()
        following.follow([product])
        deadline = open_of(product)["follow_up"]
        with pytest.raises(ValidationError, match="cannot wait longer"):
            acts.snooze(deadline, until=date(2026, 6, 2), reason="Holiday", by=stations.owner_of(product))
        with pytest.raises(ValidationError):
            acts.snooze(deadline, until=date(2026, 6, 1), reason=" ", by=stations.owner_of(product))
        with pytest.raises(PermissionDenied):
            acts.snooze(deadline, until=date(2026, 6, 1), reason="Holiday", by=factories.outsider())
        acts.snooze(deadline, until=date(2026, 6, 1), reason="Holiday", by=stations.owner_of(product))
        assert next_day(deadline) == date(2026, 6, 1)
        acts.wake(deadline, by=stations.owner_of(product))
        assert next_day(deadline) == date(2026, 4, 2)  # sixty days before


def followed(product: Product, *, actions: list[Any]) -> FollowUp:
    """A review that asks for these actions."""
    return followup.record(
        product,
        done_on=clock.today(),
        sources="The ward's log",
        findings="It squeaks",
        conclusion=FollowUp.Conclusion.ACT,
        next_due_on=clock.today() + timedelta(days=60),
        actions=actions,
        by=stations.engineer(product),
    )


def test_a_patients_number_is_refused_in_what_mails_and_calendars_show() -> None:
    product = stations.in_use()
    named = {"text": "Call 19121212-1212", "responsible": product.owner, "due_on": clock.today()}
    with pytest.raises(ValidationError, match="number in an action"):
        followed(product, actions=[named])
    review = followed(product, actions=[named | {"text": "Oil it"}])
    with pytest.raises(ValidationError, match="number"):
        followup.finish(review.actions.get(), note="For 19121212-1212", by=stations.engineer(product))
    following.follow([product])
    deadline = open_of(product)["declaration_review"]
    with pytest.raises(ValidationError, match="number"):
        acts.done(deadline, evidence="Seen with 19121212-1212", by=stations.owner_of(product))


def test_the_certificate_of_a_quality_system_ends_on_its_day_and_moves_with_it() -> None:
    system = factories.quality_system()
    system.valid_until = date(2027, 1, 31)
    system.save()
    following.follow_house()
    found = open_of(None)["quality_system"]
    assert (found.due_on, found.administration) == (date(2027, 1, 31), system.administration)
    system.valid_until = date(2030, 1, 31)
    system.save()
    following.follow_house()
    assert open_of(None)["quality_system"].due_on == date(2030, 1, 31)
    assert open_of(None)["quality_system"].pk == found.pk


def test_in_sweden_the_authority_is_told_once_the_first_product_is_in_use_and_in_norway_it_asks() -> None:
    with on_day("2026-03-01"):
        stations.in_use()
        following.follow_house()
        assert open_of(None)["notification"].due_on == date(2026, 3, 31)
        factories.institution(country="NO", house_rules=[])
        following.follow_house()
        assert "notification" not in open_of(None)


def test_the_file_need_be_kept_no_longer_ten_years_after_the_last_item() -> None:
    with on_day("2026-03-01"):
        product = stations.withdrawn()
        for item in product.items.all():
            stations.scrapped(item)
        following.follow([product])
    assert open_of(product).keys() == {"retention"}
    assert open_of(product)["retention"].due_on == date(2036, 3, 1)


def test_what_is_held_is_not_asked_about_before_the_hold_is_lifted() -> None:
    with on_day("2026-03-01"):
        product = stations.expired()
        hold = holds.place(product, reason="A claim", reference="T 17-26", by=stations.registrar(product))
        following.follow([product])
        assert "retention" not in open_of(product)
    with on_day("2040-05-01"):
        holds.lift(hold, reason="Settled", by=stations.registrar(product))
        following.follow([product])
    assert open_of(product)["retention"].due_on == date(2040, 5, 1)


def test_facts_that_change_are_followed_when_they_are_committed(django_capture_on_commit_callbacks: object) -> None:
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        product = stations.declared()
    assert {"diary", "publication"} <= set(open_of(product))
    transaction.get_connection().run_on_commit = []  # what a commit would have done
    with django_capture_on_commit_callbacks(execute=True) as told:  # type: ignore[operator]
        declaration = stations.declaration(product)
        declarations.enter(declaration, diary_number="RS 2026-1", diary_name="RS", by=stations.registrar(product))
    assert len(told) == 1
    assert "diary" not in open_of(product)


def test_taking_into_use_is_followed_when_it_is_committed(django_capture_on_commit_callbacks: Any) -> None:
    product = stations.ready()
    transaction.get_connection().run_on_commit = []
    with django_capture_on_commit_callbacks(execute=True):
        lifecycle.move(product, Product.Stage.IN_USE, by=stations.owner_of(product))
    assert {"follow_up", "market_search"} <= set(open_of(product))
    assert "notification" in open_of(None)


def test_who_leaves_is_not_waited_for_whatever_they_were_asked_or_had_to_do(
    django_capture_on_commit_callbacks: Any,
) -> None:
    product, other = stations.eligible(), stations.in_use("Jig")
    leaver = factories.user("Liv Borta", at=product.unit)
    owners.appoint(product, person=leaver, level_reason="Knows it", by=stations.manager(product))
    followed(other, actions=[{"text": "Oil it", "responsible": leaver, "due_on": date(2026, 4, 1)}])
    following.follow([product, other])
    assert open_of(product)["owner_acceptance"].person == open_of(other)["action"].person == leaver
    with django_capture_on_commit_callbacks(execute=True):
        people.deactivate(leaver, reason="Left", by=factories.person(Role.OPERATOR, everywhere=True))
    assert set(open_of(product)) == {"owner_missing"}
    assert open_of(other)["action"].person == other.owner


def test_a_product_that_is_given_up_waits_for_no_answer() -> None:
    product = stations.in_development()
    asked = factories.nurse()
    owners.appoint(product, person=asked, level_reason="Knows it", by=stations.manager(product))
    withdrawal.abandon(product, reason="The project ended", by=stations.manager(product))
    following.follow([product])
    assert open_of(product) == {}


def test_only_who_moves_or_leaves_has_products_looked_at_and_not_who_signs_in(
    django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = stations.in_use()
    person = stations.owner_of(product)
    followed: list[list[int]] = []
    monkeypatch.setattr("inhouse.deadlines.listening.follow", lambda products: followed.append(list(products)))
    for field in ("last_login", "is_active", "unit"):
        with django_capture_on_commit_callbacks(execute=True):
            person.save(update_fields=[field])
    assert followed == [[product.pk]] * 2


def test_what_is_open_keeps_the_file_and_its_deadline_back() -> None:
    with on_day("2026-03-01"):
        product = stations.in_use()
        review = followed(
            product, actions=[{"text": "Oil it", "responsible": product.owner, "due_on": date(2026, 4, 1)}]
        )
        withdrawal.withdraw(product, reason="There is one to buy now", by=stations.owner_of(product))
        for item in product.items.living():
            stations.scrapped(item)
        following.follow([product])
        assert set(open_of(product)) == {"action"}
        followup.finish(review.actions.get(), note="Oiled", by=stations.engineer(product))
        following.follow([product])
        assert set(open_of(product)) == {"retention"}


def test_a_diary_is_asked_for_only_where_a_rule_that_binds_asks_for_it() -> None:
    product = stations.declared()
    Institution.objects.update(house_rules=[])
    following.follow([product])
    assert {"diary", "publication"} & set(open_of(product)) == {"publication"}


def test_a_product_whose_facts_cannot_be_read_keeps_no_other_from_being_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bad, good = stations.in_use(), stations.in_use("Jig")

    def failing(products: list[Product]) -> object:
        if bad in products:
            raise ValueError("what is this?")
        return gather(products)

    monkeypatch.setattr("inhouse.deadlines.following.gather", failing)
    found = list(following.compare())
    assert f"{bad.number} could not be compared: ValueError: what is this?" in found
    assert "follow_up" in open_of(good)
    assert open_of(bad) == {}


def test_the_comparison_puts_right_what_did_not_follow_and_says_it() -> None:
    product = stations.in_use()
    following.follow([product])
    following.follow_house()
    Deadline.objects.filter(kind="follow_up").update(due_on=date(2031, 1, 1))
    Deadline.objects.filter(kind="market_search").delete()
    NextReminder.objects.filter(deadline__kind="document_review").delete()
    found = list(following.compare())
    assert len(found) == 3
    assert any("2031" in each for each in found)
    assert list(following.compare()) == []


@pytest.mark.parametrize("kind", kinds.KINDS.values(), ids=lambda kind: kind.key)
def test_every_kind_names_requirements_that_exist(kind: kinds.Kind) -> None:
    from inhouse import law

    assert kind.requirements
    assert set(kind.requirements) <= set(law.requirements())
