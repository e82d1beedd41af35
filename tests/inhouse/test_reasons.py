"""What must be explained is refused without words: by the rule, whatever the form asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from inhouse import assessment, changes, declarations, followup, market, owners, suspension, withdrawal
from inhouse.models import FollowUpAction
from organisation import clock
from products.models import Product
from tests import factories, stations
from tests.refusals import refused

pytestmark = pytest.mark.django_db

NO = stations.answers(dict.fromkeys(["purpose", "qualification", "risk_class", "conformity", "data"], "no"))


def before_a_manager(station: Callable[[], Product]) -> Callable[[], Product]:
    def arrive() -> Product:
        product = station()
        stations.manager(product)
        return product

    return arrive


def asked() -> Any:
    product = stations.eligible()
    owner = factories.person(None, at=stations.place(product))
    return owners.appoint(product, person=owner, by=stations.manager(product))


def reviewed() -> FollowUpAction:
    product = stations.in_use()
    owner = stations.owner_of(product)
    followup.record(
        product,
        done_on=clock.today(),
        sources="The ward",
        findings="A loose screw",
        conclusion="act",
        next_due_on=clock.today().replace(year=clock.today().year + 1, day=1),
        actions=[{"text": "Order new screws", "responsible": owner, "due_on": clock.today()}],
        by=owner,
    )
    return FollowUpAction.objects.get()


ACTS: dict[str, tuple[str, Callable[[], Any], Callable[[Any, str], Any]]] = {
    "deciding that it is made": (
        "reason", before_a_manager(stations.assessed),
        lambda p, text: assessment.decide(p, make=True, reason=text, by=stations.manager(p)),
    ),
    "deciding that it is not made": (
        "reason", before_a_manager(stations.proposed),
        lambda p, text: assessment.decide(p, make=False, end="other", reason=text, by=stations.manager(p)),
    ),
    "proposing it again": (
        "reason", stations.rejected,
        lambda p, text: assessment.again(p, reason=text, by=stations.engineer(p)),
    ),
    "declining to own it": ("reason", asked, lambda a, text: owners.decline(a, reason=text, by=a.person)),
    "pausing use": (
        "cause", stations.in_use,
        lambda p, text: suspension.suspend(p, cause=text, by=stations.owner_of(p)),
    ),
    "going on": (
        "measures", stations.suspended,
        lambda p, text: suspension.resume(p, measures=text, by=stations.owner_of(p)),
    ),
    "taking it out of use": (
        "reason", stations.in_use,
        lambda p, text: withdrawal.withdraw(p, reason=text, by=stations.owner_of(p)),
    ),
    "giving it up": (
        "reason", stations.in_development,
        lambda p, text: withdrawal.abandon(p, reason=text, by=stations.manager(p)),
    ),
    "withdrawing a declaration": (
        "reason", stations.declared,
        lambda p, text: declarations.withdraw(stations.declaration(p), reason=text, by=stations.owner_of(p)),
    ),
    "wanting a change": (
        "description", stations.in_use,
        lambda p, text: changes.ask(p, description=text, answers=NO, by=stations.engineer(p)),
    ),
    "giving up a revision": (
        "reason", stations.second_revision,
        lambda p, text: changes.abandon(stations.coming(p), reason=text, by=stations.owner_of(p)),
    ),
    "finishing an action": (
        "note", reviewed,
        lambda action, text: followup.finish(action, note=text, by=action.responsible),
    ),
}  # fmt: skip


@pytest.mark.parametrize("act", ACTS)
def test_an_act_without_words_is_refused_where_they_belong_and_done_with_them(act: str) -> None:
    field, arrive, do = ACTS[act]
    subject = arrive()
    for text in ("", " \n"):
        with refused("cannot be left empty") as refusal:
            do(subject, text)
        assert isinstance(refusal.value, ValidationError)
        assert list(refusal.value.message_dict) == [field]
    do(subject, "There is a reason")


def test_every_answer_about_a_change_has_its_reason() -> None:
    product = stations.in_use()
    engineer = stations.engineer(product)
    with refused("Give the reason for each answer: "):
        changes.ask(product, description="A red label", answers=NO | {"risk_class": ("no", " ")}, by=engineer)
    changes.ask(product, description="A red label", answers=NO, by=engineer)


@pytest.mark.parametrize("station", ["rejected", "abandoned", "withdrawn"])
def test_nobody_searches_the_market_for_what_has_ended(station: str) -> None:
    product = getattr(stations, station)()
    with refused("has ended"):
        stations.searched(product)
    assert not market.is_over(Product(stage=Product.Stage.SUSPENDED))
    assert market.is_over(Product(stage=Product.Stage.DISPOSED))
