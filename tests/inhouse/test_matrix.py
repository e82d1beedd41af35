"""Article 5(5) at a glance: what is said of a product in use, and of one that has ended."""

from __future__ import annotations

import pytest

from inhouse import withdrawal
from inhouse.dossier import current
from inhouse.matrix import Condition, matrix
from products.models import Product
from tests import stations

pytestmark = pytest.mark.django_db


def told(product: Product) -> dict[str, Condition]:
    return {condition.point: condition for condition in matrix(current(stations.fresh(product)))}


def test_every_item_counts_also_one_that_is_scrapped() -> None:
    product = stations.in_use()
    second = stations.placed(product, "002")
    stations.scrapped(second)
    assert told(product)["a"].evidence == "1 item, placed within the institution"
    assert told(product)["g"].evidence == "Release records for 2 of 2 items"
    stations.scrapped(product.items.get(identifier="001"))
    assert told(product)["a"].evidence == "No item is placed now"
    assert told(product)["g"].evidence == "Release records for 2 of 2 items"


def test_of_a_product_out_of_use_nothing_is_said_that_is_still_to_come() -> None:
    product = stations.withdrawn()
    stations.scrapped(product.items.get())
    conditions = told(product)
    assert conditions["a"].evidence == "1 item was made, and it is not in use any more"
    assert conditions["g"].evidence == "Release records for 1 of 1 items"
    number = stations.declaration(product).number
    assert conditions["e"].evidence.startswith(f"{number}, withdrawn ")
    assert (conditions["e"].state, conditions["e"].mend) == ("over", "declaration")
    assert (conditions["h"].state, conditions["h"].evidence, conditions["h"].mend) == (
        "over",
        "No follow-up was recorded",
        "",
    )
    assert not {"missing", "waiting"} & {condition.state for condition in conditions.values()}


@pytest.mark.parametrize("station", ["rejected", "abandoned"])
def test_of_a_product_that_was_never_made_nothing_is_asked(station: str) -> None:
    conditions = told(getattr(stations, station)())
    assert not {"missing", "waiting"} & {condition.state for condition in conditions.values()}
    assert conditions["e"].evidence == "None was drawn up"
    assert conditions["g"].evidence == "No item was made"
    assert [conditions[point].mend for point in "aeg"] == ["", "", ""]


def test_a_declaration_given_up_with_its_product_is_withdrawn() -> None:
    product = stations.declared()
    withdrawal.abandon(product, reason="The project ended", by=stations.owner_of(product))
    assert "withdrawn" in told(product)["e"].evidence
    assert told(product)["e"].state == "over"
