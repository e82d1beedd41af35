"""What the device is: open to change until it is declared."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from inhouse import design
from inhouse.dossier import current
from organisation.models import User
from products.models import Part, Product
from tests import factories, stations
from tests.refusals import denied, refused

pytestmark = pytest.mark.django_db

SCREW: design.Piece = {"name": "Screw", "maker": "Skruv AB", "model": "M3", "edition": "", "is_ce_marked": False}
CUFF: design.Piece = {"name": "Cuff", "maker": "Cuff AS", "model": "C", "edition": "2", "is_ce_marked": True}


def test_purpose_class_traits_and_quality_system_are_written(engineer: User) -> None:
    product = stations.owned()
    stations.describe(product, is_software=True, is_ai=True)
    revision = stations.coming(product)
    assert (revision.risk_class, revision.class_rule) == ("I", "1")
    assert revision.traits == ["software", "artificial intelligence"]
    assert stations.fresh(product).quality_system == factories.quality_system()


def test_the_owner_and_engineers_here_describe_and_nobody_else(
    owner: User, engineer: User, manager: User, nurse: User, outsider: User
) -> None:
    revision = stations.coming(stations.owned())
    for person in (manager, nurse, outsider):
        with denied():
            design.describe(revision, {"reference": "B2"}, by=person)
    for person in (owner, engineer):
        design.describe(revision, {"reference": person.name}, by=person)


def test_the_class_is_not_written_with_the_design(engineer: User) -> None:
    revision = stations.coming(stations.owned())
    for name in ("risk_class", "class_rule", "class_reason"):
        with refused("set by its rules"):
            design.describe(revision, {name: "I"}, by=engineer)


def test_a_value_that_does_not_exist_is_refused(engineer: User) -> None:
    revision = stations.coming(stations.owned())
    with refused("not a valid choice"):
        design.describe(revision, {"regulation": "EU"}, by=engineer)


def test_what_is_declared_is_not_changed(owner: User) -> None:
    revision = stations.coming(stations.declared())
    with refused("what is signed is not changed"):
        design.describe(revision, {"reference": "B2"}, by=owner)
    with refused("what is signed is not changed"):
        design.compose(revision, [SCREW], by=owner)


def test_a_product_that_has_ended_is_not_described_any_more(engineer: User) -> None:
    revision = stations.rejected().revisions.get()
    with refused("has ended"):
        design.describe(revision, {"reference": "B2"}, by=engineer)


def test_a_stale_page_does_not_open_what_was_declared_meanwhile(engineer: User) -> None:
    product = stations.documented()
    seen = stations.coming(product)
    stations.sign(product)
    assert seen.is_open
    with refused("what is signed is not changed"):
        design.describe(seen, {"reference": "B2"}, by=engineer)


def test_the_list_of_parts_is_replaced_and_a_part_that_stays_keeps_its_row(engineer: User) -> None:
    product = stations.owned()
    revision = stations.coming(product)
    design.compose(revision, [SCREW, SCREW, CUFF], by=engineer)
    assert [part.name for part in current(product).parts_of(revision)] == ["Screw", "Screw", "Cuff"]
    cuff = Part.objects.get(name="Cuff")
    design.compose(revision, [CUFF, SCREW], by=engineer)
    assert [part.name for part in current(product).parts_of(revision)] == ["Screw", "Cuff"]
    assert Part.objects.get(name="Cuff") == cuff
    design.compose(revision, [], by=engineer)
    assert Part.objects.count() == 0


# --- the day of the design


def designed(product: Product) -> date:
    return stations.coming(product).designed_on


@pytest.mark.parametrize(
    "change",
    [
        {"intended_purpose": "Holds two"},
        {"patient_group": "Grown-ups"},
        {"description": "In two sizes"},
        {"risk_class": "IIa"},
        {"is_sterile": True},
    ],
    ids=lambda change: next(iter(change)),
)
def test_another_design_has_another_day(engineer: User, change: dict[str, Any]) -> None:
    with stations.on_day("2026-03-01"):
        product = stations.in_development()
    assert designed(product) == date(2026, 3, 1)
    with stations.on_day("2026-03-05"):
        if "risk_class" in change:  # set by its rules
            stations.classified(stations.coming(product), change["risk_class"])
        else:
            design.describe(stations.coming(product), change, by=engineer)
    assert designed(product) == date(2026, 3, 5)


def test_what_is_said_again_or_is_no_part_of_the_design_changes_no_day(engineer: User) -> None:
    with stations.on_day("2026-03-01"):
        product = stations.in_development(design={"description": "One size\nfor all"})
        design.compose(stations.coming(product), [SCREW], by=engineer)
    with stations.on_day("2026-03-05"):
        same = {"description": "One size\r\nfor all", "tracing_reason": "Otherwise", "reference": "A2"}
        design.describe(stations.coming(product), same, by=engineer)
        design.compose(stations.coming(product), [SCREW], by=engineer)
    assert designed(product) == date(2026, 3, 1)


def test_other_parts_are_another_design(engineer: User) -> None:
    with stations.on_day("2026-03-01"):
        product = stations.in_development()
    for day, parts in (("2026-03-02", [SCREW]), ("2026-03-03", [{**SCREW, "edition": "2"}]), ("2026-03-04", [])):
        with stations.on_day(day) as today:
            design.compose(stations.coming(product), parts, by=engineer)  # type: ignore[arg-type]
        assert designed(product) == today


# --- the quality system


def test_the_quality_system_is_one_of_the_administration_that_makes_it(engineer: User) -> None:
    product = stations.owned()
    elsewhere = factories.quality_system(at=factories.other_administration())
    with refused("another administration"):
        design.describe(stations.coming(product), stations.DESIGN, quality_system=elsewhere, by=engineer)
