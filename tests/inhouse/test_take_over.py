"""What the short form of the assessment held is taken over: nobody answers again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.db.migrations.executor import MigrationExecutor

from organisation import history
from tests.upgrading import ALIAS, empty_database

SHORT_FORM = [("inhouse", "0001_initial"), ("products", "0001_initial")]
DAY = date(2026, 3, 1)


@pytest.fixture
def connection(tmp_path: Path, django_db_blocker: Any) -> Iterator[Any]:
    with empty_database(tmp_path, django_db_blocker) as found:
        yield found


class Then:
    """The models as they were at some migrations."""

    def __init__(self, executor: MigrationExecutor, targets: list[tuple[str, str]]) -> None:
        executor.loader.build_graph()
        executor.migrate(targets)
        self.apps = executor.loader.project_state(targets).apps

    def rows(self, label: str) -> Any:
        return self.apps.get_model(label).objects.using(ALIAS)


def fill(then: Then) -> None:
    """A product in use and one that is still proposed, as the short form left them."""
    institution = then.rows("organisation.Institution").create(id=1, name="Region Ö", country="SE", language="sv")
    north = then.rows("organisation.Administration").create(institution=institution, name="North hospital")
    unit = then.rows("organisation.Unit").create(administration=north, name="Ward 1")
    elin = then.rows("organisation.User").create(email="elin@example.org", name="Elin", unit=unit)
    for number, stage, result in (("1", "in_use", "none_fits"), ("2", "proposed", "none")):
        product = then.rows("products.Product").create(
            number=f"IH-2026-000{number}", name="Adapter", summary="Holds", unit=unit, stage=stage, proposed_by=elin,
            proposed_on=DAY, owner=elin if stage == "in_use" else None,
        )  # fmt: skip
        used = stage == "in_use"
        then.rows("products.Revision").create(
            product=product, number=1, stage="in_force" if used else "open", opened_on=DAY,
            risk_class="IIa" if used else "", class_rule="11" if used else "", class_reason="Advises" if used else "",
        )  # fmt: skip
        decided = {"decision": "manufacture", "decided_on": DAY, "decided_by": elin} if used else {}
        assessment = then.rows("inhouse.Assessment").create(
            product=product, number=1, started_on=DAY, started_by=elin, **decided
        )
        for tree, question in (("general_definition", "g1"), ("outside_use", "o1")):
            then.rows("inhouse.Answer").create(
                assessment=assessment, tree=tree, tree_version=1, question=question, value="no", reason="So",
                answered_on=DAY, answered_by=elin,
            )  # fmt: skip
        search = then.rows("inhouse.MarketSearch").create(
            product=product, assessment=assessment, searched_on=DAY, sources="EUDAMED", result=result,
            justification="None fits", done_by=elin,
        )  # fmt: skip
        for device in ("CathFix", "cathfix ", "PedFix"):
            then.rows("inhouse.Candidate").create(search=search, device=device, maker="Fixo AB", shortfall="Too wide")


def test_searches_classes_and_answers_of_the_short_form_count_on(connection: Any) -> None:
    executor = MigrationExecutor(connection)
    fill(Then(executor, SHORT_FORM))
    executor.loader.build_graph()
    now = Then(executor, executor.loader.graph.leaf_nodes())
    searches = now.rows("inhouse.MarketSearch").order_by("pk")
    assert [(s.concluded_on, s.searched_on, s.sources) for s in searches] == [(DAY, DAY, "EUDAMED")] * 2
    grounds = now.rows("inhouse.Ground").order_by("search")
    assert [ground.kind for ground in grounds] == ["performance", "availability"]
    devices = now.rows("inhouse.MarketDevice").order_by("name")
    assert [device.name for device in devices] == ["CathFix", "PedFix"]
    shared = now.rows("inhouse.Candidate").filter(market_device=devices[0])
    assert sorted(candidate.search_id for candidate in shared) == sorted(search.pk for search in searches)
    [walk] = now.rows("inhouse.Classification").all()
    assert (walk.edition, walk.rules_class, walk.deciding_rule, walk.reason) == (0, "IIa", "11", "Advises")
    assert walk.finished_on == DAY
    used, proposed = now.rows("inhouse.Assessment").order_by("pk")
    assert (used.submitted_on, used.submitted_by_id) == (DAY, used.started_by_id)
    assert proposed.submitted_on is None
    assert now.rows("inhouse.Answer").count() == 4
    assert history.missing(connection) == []


def test_what_was_taken_over_tells_so_in_its_history(connection: Any) -> None:
    executor = MigrationExecutor(connection)
    fill(Then(executor, SHORT_FORM))
    executor.loader.build_graph()
    executor.migrate(executor.loader.graph.leaf_nodes())
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT history_change_reason FROM inhouse_historicalground")
        assert cursor.fetchall() == [("Taken over from the short form of the assessment",)]


def test_open_deadlines_keep_the_day_of_their_next_reminder(connection: Any) -> None:
    executor = MigrationExecutor(connection)
    before = Then(executor, [("inhouse", "0013_exit_copy")])
    common = {"kind": "quality_system", "role": "manager", "due_on": date(2027, 3, 1), "next_on": date(2026, 12, 31)}
    waits = before.rows("inhouse.Deadline").create(subject="1", **common)
    before.rows("inhouse.Deadline").create(subject="2", ended_on=DAY, end="settled", **common)
    executor.loader.build_graph()
    now = Then(executor, executor.loader.graph.leaf_nodes())
    assert list(now.rows("inhouse.NextReminder").values_list("deadline", "day")) == [(waits.pk, date(2026, 12, 31))]
    assert history.missing(connection) == []
