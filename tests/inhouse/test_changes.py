"""A change is asked about first; an essential one opens the next revision, which carries everything over."""

from __future__ import annotations

import pytest

from inhouse import changes, classification, conformity, design, evidence, lifecycle, readiness
from inhouse.dossier import current
from inhouse.models import Change
from inhouse.obstacles import Refused
from organisation.models import User
from products.models import Revision
from tests import stations
from tests.refusals import denied, refused

pytestmark = pytest.mark.django_db

NO = stations.answers(dict.fromkeys(["purpose", "qualification", "risk_class", "conformity", "data"], "no"))


def test_a_change_that_touches_nothing_is_noted_and_opens_no_revision(engineer: User) -> None:
    product = stations.in_use()
    change = changes.ask(product, description="A red label", answers=NO, by=engineer)
    assert (change.is_essential, change.revision) == (False, None)
    d = current(product)
    assert d.coming is None
    assert [a.value for a in d.change_answers(change)] == ["no"] * 5


@pytest.mark.parametrize("question", sorted(NO))
def test_any_yes_opens_the_next_revision(engineer: User, question: str) -> None:
    product = stations.in_use()
    change = changes.ask(product, description="Other", answers=NO | {question: ("yes", "Yes")}, by=engineer)
    assert change.is_essential
    assert change.revision is not None
    assert (change.revision.number, change.revision.stage) == (2, "open")


def test_every_question_is_answered(engineer: User) -> None:
    product = stations.in_use()
    with refused("Answer every question"):
        changes.ask(product, description="Other", answers={"purpose": ("yes", "Yes")}, by=engineer)


def test_changes_are_asked_of_what_is_in_use_or_paused(engineer: User) -> None:
    for product in (stations.ready("A"), stations.withdrawn("B")):
        with refused("change the open revision itself"):
            changes.ask(product, description="Other", answers=NO, by=engineer)
    changes.ask(stations.suspended("C"), description="Other", answers=NO, by=engineer)


def test_changes_are_for_the_owner_and_engineers_here(manager: User, nurse: User, outsider: User, owner: User) -> None:
    product = stations.in_use()
    for person in (manager, nurse, outsider):
        with denied():
            changes.ask(product, description="Other", answers=NO, by=person)
    changes.ask(product, description="Other", answers=NO, by=owner)


def test_one_revision_is_open_at_a_time(engineer: User) -> None:
    product = stations.second_revision()
    with refused("already open"):
        changes.ask(product, description="More", answers=NO | {"data": ("yes", "Yes")}, by=engineer)
    changes.ask(product, description="A red label", answers=NO, by=engineer)
    assert Change.objects.count() == 2


def test_the_next_revision_begins_with_everything_the_last_one_had(engineer: User) -> None:
    product = stations.in_development()
    first = stations.coming(product)
    piece: design.Piece = {"name": "Cuff", "maker": "Cuff AS", "model": "C", "edition": "2", "is_ce_marked": True}
    design.compose(first, [piece], by=engineer)
    conformity.admit(first, "23.1", what="No label", why="Too small", by=engineer)
    for group in ("facility", "process", "design", "performance", "purpose", "risk", "clinical", "user_information"):
        stations.document(first, group=group)
    stations.examined(first)
    stations.conforming(first)
    stations.sign(product)
    stations.registered(product)
    stations.prepared(stations.coming(product))
    stations.listed(product)
    lifecycle.move(product, product.Stage.IN_USE, by=stations.owner_of(product))
    second = stations.changing(product)
    d = current(stations.fresh(product))
    first = stations.in_force(product)
    for name in (*stations.DESIGN, "regulation", "risk_class", *Revision.TRAITS):
        assert getattr(second, name) == getattr(first, name), name
    assert [(p.name, p.edition) for p in d.parts_of(second)] == [("Cuff", "2")]
    assert [(u.number, u.why) for u in d.unmet_of(second)] == [("23.1", "Too small")]
    assert [e.document_id for e in d.documents_of(second)] == [e.document_id for e in d.documents_of(first)]
    assert d.records_of(second) == []
    assert d.declaration(second) is None
    assert len(d.parts) == 2


def test_nothing_carried_over_counts_before_it_is_confirmed(owner: User, engineer: User) -> None:
    product = stations.second_revision()
    coming = stations.coming(product)
    stations.examined(coming)
    with refused("documents carried over still hold", Refused):
        stations.sign(product)
    evidence.confirm_documents(coming, by=engineer)
    with refused("answers to Annex I carried over still hold", Refused):
        stations.sign(product)
    conformity.confirm(coming, by=engineer)
    with refused("set the risk class, with the reason", Refused):
        stations.sign(product)
    classification.finish(coming, reason="As before", by=engineer)
    stations.sign(product)
    stations.registered(product)
    with refused("readiness carried over still holds", Refused):
        lifecycle.move(stations.coming(product), Revision.Stage.IN_FORCE, by=owner)
    readiness.prepare(stations.coming(product), {}, by=engineer)
    lifecycle.move(stations.coming(product), Revision.Stage.IN_FORCE, by=owner)


def test_a_revision_given_up_leaves_its_number_unused(owner: User, engineer: User) -> None:
    product = stations.second_revision()
    with denied():
        changes.abandon(stations.coming(product), reason="Not needed", by=engineer)
    changes.abandon(stations.coming(product), reason="Not needed", by=owner)
    third = stations.changing(product)
    assert third.number == 3
    assert current(product).working == third


def test_after_a_second_revision_new_items_are_made_to_it(engineer: User) -> None:
    product = stations.second_in_force()
    assert stations.made(product, "002").revision.number == 2
    old = product.revisions.get(number=1)
    with refused("Nothing more is made to revision 1"):
        stations.made(product, "003", revision=old)


def test_a_page_left_open_does_not_make_to_a_revision_that_has_passed(engineer: User) -> None:
    product = stations.in_use()
    seen = stations.in_force(product)
    stations.changing(product)
    stations.renew(product)
    lifecycle.move(stations.coming(product), Revision.Stage.IN_FORCE, by=stations.owner_of(product))
    assert seen.stage == "in_force"
    with refused("Nothing more is made to revision 1"):
        stations.made(product, "003", revision=seen)


def test_the_third_revision_follows_the_second(owner: User) -> None:
    product = stations.second_in_force()
    stations.changing(product)
    stations.renew(product)
    lifecycle.move(stations.coming(product), Revision.Stage.IN_FORCE, by=owner)
    assert list(product.revisions.order_by("number").values_list("stage", flat=True)) == [
        "phasing_out", "closed", "in_force",
    ]  # fmt: skip
