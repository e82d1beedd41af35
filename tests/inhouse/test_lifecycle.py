"""The two lives: which step follows which, who may take it, what it brings along, and that a refusal changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from io import StringIO
from typing import TypeAlias

import pytest
from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management import call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from inhouse import assessment, changes, declarations, gates, law, lifecycle, owners, suspension, withdrawal
from inhouse.dossier import current
from inhouse.models import Assessment, EvidenceDocument, Step
from inhouse.obstacles import Refused
from organisation import access
from organisation.models import Institution, Role, User
from products.models import Product, Revision
from tests import factories, stations
from tests.refusals import denied, refused

pytestmark = pytest.mark.django_db
P: TypeAlias = Product.Stage
R: TypeAlias = Revision.Stage


# --- the shape of the two lives


def test_every_stage_has_its_place_and_every_step_someone_who_may_take_it() -> None:
    assert set(lifecycle.PRODUCT_NEXT) == set(P)
    assert set(lifecycle.REVISION_NEXT) == set(R)
    following = {
        to for nexts in (lifecycle.PRODUCT_NEXT, lifecycle.REVISION_NEXT) for each in nexts.values() for to in each
    }
    assert following == set(lifecycle.ACTS)


def test_gates_stand_only_where_a_step_is_and_every_gate_but_the_watch_stands_somewhere() -> None:
    steps = {(stage, to) for stage, nexts in lifecycle.PRODUCT_NEXT.items() for to in nexts}
    assert set(lifecycle.PRODUCT_GATES) <= steps
    assert set(lifecycle.REVISION_GATES) <= {
        (stage, to) for stage, nexts in lifecycle.REVISION_NEXT.items() for to in nexts
    }
    standing = {
        gate
        for demands in (lifecycle.PRODUCT_GATES, lifecycle.REVISION_GATES)
        for each in demands.values()
        for gate in each
    }
    assert standing == law.gates().keys()


def test_the_page_on_the_lifecycle_is_printed_from_the_rules() -> None:
    printed = StringIO()
    call_command("lifecycle", stdout=printed)
    assert printed.getvalue() == (settings.ROOT / "docs" / "lifecycle.md").read_text(encoding="utf-8"), (
        "docs/lifecycle.md is old: manage.py lifecycle > docs/lifecycle.md"
    )


# --- what does not follow


@pytest.fixture
def almighty(owner: User) -> User:
    """The owner, with every role there is: nothing is refused for want of one."""
    for role in Role:
        owner.assignments.get_or_create(role=role, administration=None, defaults={"since": factories.LONG_AGO})
    return owner


PRODUCTS: dict[P, Callable[[], Product]] = {
    P.PROPOSED: stations.assessed,
    P.ELIGIBLE: stations.owned,
    P.DEVELOPMENT: stations.ready,
    P.IN_USE: stations.in_use,
    P.SUSPENDED: stations.suspended,
    P.WITHDRAWN: stations.withdrawn,
    P.REJECTED: stations.rejected,
    P.ABANDONED: stations.abandoned,
    P.DISPOSED: stations.disposed,
}


def revision(product: Product, stage: R) -> Revision:
    return Revision.objects.select_related("product__unit").get(product=product, stage=stage)


def closed() -> Product:
    product = stations.second_in_force()
    stations.scrapped(product.items.get())
    return product


REVISIONS: dict[R, Callable[[], Product]] = {
    R.OPEN: stations.second_revision,
    R.DECLARED: stations.second_declared,
    R.IN_FORCE: stations.in_use,
    R.PHASING_OUT: stations.second_in_force,
    R.CLOSED: closed,
    R.ABANDONED: stations.abandoned,
}


@pytest.mark.parametrize("stage", P)
def test_no_product_leaves_a_stage_for_one_that_does_not_follow(stage: P, almighty: User) -> None:
    product = PRODUCTS[stage]()
    Product.objects.update(owner=almighty)
    assert product.stage == stage
    for to in set(P) - set(lifecycle.PRODUCT_NEXT[stage]):
        with refused(f"“{to.label}” does not follow from “{stage.label}”"):
            lifecycle.move(product, to, by=almighty, outcome="other")
        assert product.stage == stage


@pytest.mark.parametrize("stage", R)
def test_no_revision_leaves_a_stage_for_one_that_does_not_follow(stage: R, almighty: User) -> None:
    subject = revision(REVISIONS[stage](), stage)
    for to in set(R) - set(lifecycle.REVISION_NEXT[stage]):
        with refused(f"“{to.label}” does not follow from “{stage.label}”"):
            lifecycle.move(subject, to, by=almighty)
        assert subject.stage == stage


# --- who may


OWNER, MANAGER, ENGINEER, REGISTRAR = "owner", "manager", "engineer", "registrar"
ANYONE = {"owner", "manager", "engineer", "registrar", "adviser", "head_office", "auditor", "operator", "nurse"}

WHO: dict[P | R, set[str]] = {
    P.ELIGIBLE: {MANAGER},
    P.REJECTED: {MANAGER},
    P.PROPOSED: ANYONE | {"outsider"},
    P.DEVELOPMENT: {OWNER, ENGINEER},
    P.IN_USE: {OWNER},
    P.SUSPENDED: {OWNER, ENGINEER, MANAGER},
    P.WITHDRAWN: {OWNER, MANAGER},
    P.ABANDONED: {OWNER, MANAGER},
    P.DISPOSED: {REGISTRAR, MANAGER},
    R.DECLARED: {OWNER},
    R.OPEN: {OWNER, MANAGER, REGISTRAR},
    R.IN_FORCE: {OWNER},
    R.PHASING_OUT: {OWNER},
    R.CLOSED: {OWNER, ENGINEER},
}


@pytest.fixture
def cast(request: pytest.FixtureRequest) -> dict[str, User]:
    return {name: request.getfixturevalue(name) for name in sorted(ANYONE | {"outsider"})}


def allowed(subject: Product | Revision, to: P | R, cast: dict[str, User]) -> set[str]:
    """Who is not turned away for who they are; whatever a step did is undone."""
    found = set()
    for name, person in cast.items():
        try:
            with transaction.atomic():
                lifecycle.move(subject, to, by=person, outcome="other" if to == P.REJECTED else "")
                transaction.set_rollback(True)
        except PermissionDenied:
            continue
        except ValidationError:
            pass
        found.add(name)
    return found


@pytest.mark.parametrize("stage", [stage for stage in P if lifecycle.PRODUCT_NEXT[stage]])
def test_only_some_may_take_a_product_to_its_next_stage(stage: P, cast: dict[str, User]) -> None:
    product = PRODUCTS[stage]()
    for to in lifecycle.PRODUCT_NEXT[stage]:
        expected = WHO[to] - (set() if product.owner_id else {OWNER} if to != P.PROPOSED else set())
        assert allowed(product, to, cast) == expected, to


@pytest.mark.parametrize("stage", [stage for stage in R if lifecycle.REVISION_NEXT[stage]])
def test_only_some_may_take_a_revision_to_its_next_stage(stage: R, cast: dict[str, User]) -> None:
    subject = revision(REVISIONS[stage](), stage)
    for to in lifecycle.REVISION_NEXT[stage]:
        assert allowed(subject, to, cast) == WHO[to], to


def test_someone_who_left_takes_no_step(owner: User) -> None:
    product = stations.in_use()
    owner.is_active = False
    owner.save()
    with denied():
        lifecycle.move(product, P.SUSPENDED, by=owner)


def test_the_product_page_shows_each_next_step_with_what_is_missing_and_whether_one_may(
    owner: User, engineer: User
) -> None:
    d = current(stations.in_development())
    shown = {step.to: step for step in lifecycle.steps(d, by=owner)}
    assert list(shown) == [P.IN_USE, P.ABANDONED]
    assert "declaration" in {o.mend for o in shown[P.IN_USE].obstacles}
    assert not shown[P.IN_USE].is_open
    assert shown[P.ABANDONED].is_open
    assert not any(step.is_open for step in lifecycle.steps(d, by=engineer))
    [into_use, _abandon] = lifecycle.steps(current(stations.ready("Ready")), by=owner)
    assert into_use.is_open
    assert into_use.obstacles == []


# --- what no choice of rules can waive


@pytest.fixture
def lawless(institution: Institution) -> None:
    """An institution with no house rule, in a country whose law is not in the register."""
    Institution.objects.update(house_rules=[], country="DK")


@pytest.mark.usefixtures("lawless")
def test_without_any_rule_a_product_still_needs_a_decision(manager: User) -> None:
    product = stations.proposed()
    with refused("A manager decides"):
        lifecycle.move(product, P.ELIGIBLE, by=manager)


@pytest.mark.usefixtures("lawless")
def test_without_any_rule_work_still_begins_only_with_an_owner(engineer: User) -> None:
    product = stations.eligible()
    with refused("Nobody owns the product"):
        lifecycle.move(product, P.DEVELOPMENT, by=engineer)


@pytest.mark.parametrize("house_rules", [[], ["vgr"]])
def test_an_owner_who_left_is_missed_as_long_as_the_product_is_in_use(
    house_rules: list[str], owner: User, manager: User
) -> None:
    product = stations.in_use()
    Institution.objects.update(house_rules=house_rules)
    User.objects.filter(pk=owner.pk).update(is_active=False)
    wanted = f"{owner} has left and can no longer answer for the product: appoint a new product owner."
    assert [(o.text, o.mend) for o in lifecycle.watch(current(stations.fresh(product)))] == [(wanted, "owner")]
    successor = factories.user("Siv Sjö", level=User.Level.HEAD_OF_UNIT)
    asked = owners.appoint(product, person=successor, by=manager)
    assert [o.mend for o in lifecycle.watch(current(stations.fresh(product)))] == ["owner"]
    owners.accept(asked, by=successor)
    assert lifecycle.watch(current(stations.fresh(product))) == []


@pytest.mark.usefixtures("lawless")
def test_without_any_rule_work_does_not_begin_for_an_owner_who_left(engineer: User) -> None:
    product = stations.owned()
    User.objects.filter(owned_products=product).update(is_active=False)
    with refused("has left"):
        lifecycle.move(product, P.DEVELOPMENT, by=engineer)


@pytest.mark.usefixtures("lawless")
def test_without_any_rule_nothing_comes_into_use_undeclared(owner: User) -> None:
    product = stations.in_development()
    with refused("No signed declaration stands"):
        lifecycle.move(product, P.IN_USE, by=owner)
    coming = stations.coming(stations.second_revision("Another"))
    with refused("does not follow"):
        lifecycle.move(coming, R.IN_FORCE, by=owner)


@pytest.mark.usefixtures("lawless")
def test_without_any_rule_use_goes_on_only_when_the_cause_of_the_pause_is_closed(owner: User) -> None:
    product = stations.suspended()
    with refused("Use is paused"):
        lifecycle.move(product, P.IN_USE, by=owner)
    suspension.resume(product, measures="Glued", by=owner)
    assert stations.fresh(product).stage == P.IN_USE


@pytest.mark.usefixtures("lawless")
def test_without_any_rule_a_withdrawal_says_why(owner: User) -> None:
    product = stations.in_use()
    with refused("Say why the product is taken out of use"):
        lifecycle.move(product, P.WITHDRAWN, by=owner)


@pytest.mark.usefixtures("lawless")
def test_without_any_rule_what_became_of_each_item_is_still_asked() -> None:
    product = stations.withdrawn()
    assert [(o.text, o.mend) for o in lifecycle.watch(current(product))] == [
        ("It is not recorded yet what became of 1 item.", "items")
    ]
    stations.scrapped(product.items.get())
    assert lifecycle.watch(current(product)) == []


@pytest.mark.usefixtures("lawless")
def test_without_any_rule_a_pause_is_still_seen() -> None:
    assert [o.mend for o in lifecycle.watch(current(stations.suspended()))] == ["suspension"]


def test_where_no_house_rule_is_chosen_nothing_is_signed_that_is_not_verified_and_validated(owner: User) -> None:
    product = stations.in_development()
    for group in EvidenceDocument.Group:
        stations.document(stations.coming(product), group=group)
    stations.conforming(stations.coming(product))
    Institution.objects.update(house_rules=[])
    for kind, missing in (("verification", "approved verification"), ("validation", "approved validation")):
        with refused(missing, Refused):
            stations.sign(product)
        stations.record(stations.coming(product), kind=kind)
    stations.sign(product)


@pytest.mark.usefixtures("lawless")
def test_without_any_rule_nothing_is_disposed_of_without_a_decision(registrar: User) -> None:
    product = stations.withdrawn()
    stations.scrapped(product.items.get())
    with refused("only by a decision"), stations.on_day("2099-01-01"):
        lifecycle.move(product, P.DISPOSED, by=registrar)


def test_a_proposal_is_not_rejected_without_saying_how_it_ends(manager: User) -> None:
    product = stations.assessed()
    with refused("Say how the proposal ends"):
        lifecycle.move(product, P.REJECTED, by=manager)


def test_a_revision_is_declared_only_by_its_declaration(owner: User) -> None:
    product = stations.documented()
    with refused("No signed declaration stands"):
        lifecycle.move(stations.coming(product), R.DECLARED, by=owner)


def test_a_declared_revision_is_not_opened_while_its_declaration_stands(owner: User) -> None:
    product = stations.declared()
    with refused("withdraw it first"):
        lifecycle.move(stations.coming(product), R.OPEN, by=owner)


def test_a_product_is_not_given_up_while_its_declaration_stands(owner: User) -> None:
    product = stations.declared()
    with refused("withdraw it first"):
        lifecycle.move(product, P.ABANDONED, by=owner)


def test_the_first_revision_is_given_up_only_with_its_product(manager: User) -> None:
    product = stations.in_development()
    with refused("only with its product"):
        changes.abandon(stations.coming(product), reason="Enough", by=manager)


def test_the_revision_in_force_is_not_phased_out_without_another(owner: User) -> None:
    in_force = stations.in_force(stations.in_use())
    with refused("only by a newer one"):
        lifecycle.move(in_force, R.PHASING_OUT, by=owner)


def test_the_revision_in_force_is_not_closed_while_the_product_is_in_use(engineer: User) -> None:
    product = stations.in_use(item=False)
    with refused("it is closed when the product is withdrawn"):
        lifecycle.move(stations.in_force(product), R.CLOSED, by=engineer)


def test_the_first_revision_comes_into_force_only_with_its_product(owner: User) -> None:
    coming = stations.coming(stations.ready())
    with refused("when the product is taken into use"):
        lifecycle.move(coming, R.IN_FORCE, by=owner)


# --- what a step brings along


def stages(product: Product) -> list[str]:
    return list(product.revisions.order_by("number").values_list("stage", flat=True))


def test_a_step_is_kept_with_its_day_and_person_and_reason(manager: User) -> None:
    with stations.on_day("2026-03-01"):
        product = stations.eligible()
    last = Step.objects.latest("pk")
    assert (last.from_stage, last.to_stage, str(last.on), last.by, last.reason) == (
        "proposed", "eligible", "2026-03-01", manager, "Nothing else fits",
    )  # fmt: skip
    written = Product.history.filter(id=product.pk).latest()  # type: ignore[attr-defined]
    assert (written.stage, written.history_user_id, written.history_change_reason) == (
        "eligible", manager.pk, "Nothing else fits",
    )  # fmt: skip


def test_the_first_revision_comes_into_force_with_its_product() -> None:
    product = stations.ready()
    assert stages(product) == ["declared"]
    lifecycle.move(product, P.IN_USE, by=stations.owner_of(product))
    assert product.stage == P.IN_USE
    assert stages(product) == ["in_force"]


def test_a_second_revision_lives_beside_the_first_until_it_comes_into_force() -> None:
    product = stations.second_declared()
    assert stages(product) == ["in_force", "declared"]
    lifecycle.move(stations.coming(product), R.IN_FORCE, by=stations.owner_of(product))
    assert stages(product) == ["phasing_out", "in_force"]
    assert current(stations.fresh(product)).declarations[0].replaced_on is None


def test_a_revision_being_phased_out_closes_when_its_last_item_has_a_fate() -> None:
    product = stations.in_use()
    stations.placed(product, "002")
    stations.changing(product)
    stations.renew(product)
    lifecycle.move(stations.coming(product), R.IN_FORCE, by=stations.owner_of(product))
    first, second = product.items.order_by("identifier")
    stations.scrapped(first)
    assert stages(product) == ["phasing_out", "in_force"]
    stations.scrapped(second)
    assert stages(product) == ["closed", "in_force"]
    old, new = current(stations.fresh(product)).declarations
    assert old.replaced_on is not None
    assert new.replaced_on is None


def test_a_revision_without_items_closes_at_once_when_a_newer_one_comes_into_force() -> None:
    product = stations.second_in_force(item=False)
    assert stages(product) == ["closed", "in_force"]


def test_a_second_revision_can_come_into_force_while_use_is_paused(engineer: User, owner: User) -> None:
    product = stations.second_declared()
    suspension.suspend(product, cause="An adapter came loose", by=engineer)
    lifecycle.move(stations.coming(product), R.IN_FORCE, by=owner)
    assert stages(product) == ["phasing_out", "in_force"]
    suspension.resume(product, measures="A softer plastic", by=owner)
    assert stations.fresh(product).stage == P.IN_USE


@pytest.mark.parametrize("station", [stations.second_revision, stations.second_declared])
def test_withdrawal_abandons_the_coming_revision_and_withdraws_every_declaration(
    station: Callable[[], Product], owner: User
) -> None:
    product = station()
    withdrawal.withdraw(product, reason="There is one to buy now", by=owner)
    assert stages(product) == ["in_force", "abandoned"]
    assert all(each.withdrawn_on for each in current(stations.fresh(product)).declarations)
    stations.scrapped(product.items.get())
    assert stages(product) == ["closed", "abandoned"]


def test_a_withdrawn_product_without_items_is_closed_at_once() -> None:
    assert stages(stations.withdrawn(item=False)) == ["closed"]


def test_a_product_given_up_takes_its_declaration_and_revision_along(manager: User) -> None:
    product = stations.declared()
    withdrawal.abandon(product, reason="The project ended", by=manager)
    assert stations.fresh(product).stage == P.ABANDONED
    assert stages(product) == ["abandoned"]
    assert stations.declaration(product).withdrawn_reason == "The project ended"
    last = [(s.from_stage, s.to_stage) for s in Step.objects.order_by("pk")][-3:]
    assert last == [("development", "abandoned"), ("declared", "open"), ("open", "abandoned")]


def test_a_coming_revision_can_be_given_up_and_the_one_in_force_goes_on(owner: User) -> None:
    product = stations.second_revision()
    changes.abandon(stations.coming(product), reason="Not needed", by=owner)
    assert stages(product) == ["in_force", "abandoned"]
    stations.changing(product)
    assert stages(product) == ["in_force", "abandoned", "open"]


def test_a_rejected_product_is_proposed_again_with_a_new_assessment(nurse: User, manager: User) -> None:
    product = stations.rejected(end="buy")
    assert product.outcome == "buy"
    assessment.again(product, reason="It is no longer sold", by=nurse)
    product = stations.fresh(product)
    assert (product.stage, product.outcome) == (P.PROPOSED, "")
    first, second = Assessment.objects.order_by("number")
    assert (first.decision, second.decision) == ("reject", "")
    assert second.special_need == first.special_need
    with refused("Search the market anew", Refused):
        assessment.decide(product, make=True, reason="Now we must", by=manager)


def test_a_declaration_withdrawn_before_use_opens_the_revision_again(owner: User) -> None:
    product = stations.declared()
    declarations.withdraw(stations.declaration(product), reason="A wrong drawing", by=owner)
    assert stages(product) == ["open"]
    stations.sign(product)
    assert stages(product) == ["declared"]


def test_what_is_watched_depends_on_the_stage() -> None:
    assert lifecycle.watch(current(stations.assessed())) == []
    with stations.on_day("2026-01-01"):
        product = stations.in_use("Watched")
    with stations.on_day("2029-02-01"):
        assert {o.mend for o in lifecycle.watch(current(product))} == {"follow-up", "market"}
    gone = stations.withdrawn("Gone")
    assert [o.text for o in lifecycle.watch(current(gone))] == ["It is not recorded yet what became of 1 item."]


def test_a_refusal_names_what_is_missing_with_its_source(owner: User) -> None:
    product = stations.declared()
    with refused("List the unit that makes the product", Refused) as refusal:
        lifecycle.move(product, P.IN_USE, by=owner)
    assert isinstance(refusal.value, Refused)
    assert refusal.value.messages == [str(o) for o in gates.standing(current(product), "G7")]
    assert access.TABLE[lifecycle.ACTS[P.IN_USE]] == {access.Tie.OWNER}


def test_after_a_step_that_ends_no_revision_nothing_is_gathered_again(engineer: User) -> None:
    product = stations.in_use()
    with CaptureQueriesContext(connection) as captured:
        lifecycle.settle(product, by=engineer)
    assert len(captured) == 1
