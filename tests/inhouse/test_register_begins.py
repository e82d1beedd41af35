"""A register that was there before its log: what happened then is entered, in the order in which it happened."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.db.migrations.executor import MigrationExecutor

from documents import merkle, notes
from inhouse import register
from organisation import history
from tests.upgrading import ALIAS, empty_database

BEFORE = [("inhouse", "0006_rest_on"), ("documents", "0001_initial")]
AFTER = [("inhouse", "0008_enter_in_register"), ("documents", "0001_initial")]


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


def march(day: int) -> date:
    return date(2026, 3, day)


def declare(then: Then, product: Any, by: Any, version: int) -> Any:
    """A signed declaration of a revision of its own."""
    number = f"{product.number}-D{version}"
    file = then.rows("documents.SignedFile").create(
        name=f"{number}.pdf", media_type="application/pdf", content=number.encode(), sha256=f"{version:064x}", size=3
    )
    revision = then.rows("products.Revision").create(
        product=product, number=version, stage="closed", opened_on=march(1)
    )
    return then.rows("inhouse.Declaration").create(
        revision=revision, number=number, version=version, language="sv", file=file, place="Ö", signed_on=march(1),
        signed_at="2026-03-01T12:00:00Z", signed_by=by, snapshot={"institution": {"organisation_number": "232100-0000"}},
    )  # fmt: skip


def fill(then: Then) -> None:
    """Five declarations: one in force, one replaced, one withdrawn, one replaced before it was published, one never published."""
    institution = then.rows("organisation.Institution").create(id=1, name="Region Ö", country="SE", language="sv")
    north = then.rows("organisation.Administration").create(institution=institution, name="North hospital")
    unit = then.rows("organisation.Unit").create(administration=north, name="Ward 1")
    elin = then.rows("organisation.User").create(email="elin@example.org", name="Elin", unit=unit)
    product = then.rows("products.Product").create(
        number="IH-2026-0001", name="Adapter", summary="Holds", unit=unit, stage="in_use", proposed_by=elin,
        proposed_on=march(1), owner=elin,
    )  # fmt: skip
    one, two, three, four, five = (declare(then, product, elin, version) for version in range(1, 6))

    def happened(declaration: Any, **fields: Any) -> None:
        then.rows("inhouse.Declaration").filter(pk=declaration.pk).update(**fields)

    happened(four, replaced_on=march(2))
    happened(three, published_on=march(3), published_by=elin)
    happened(two, published_on=march(3), published_by=elin)
    happened(one, published_on=march(2), published_by=elin)
    happened(two, replaced_on=march(3))
    happened(four, published_on=march(4), published_by=elin)
    happened(three, withdrawn_on=march(3), withdrawn_by=elin, withdrawn_reason="A slip")
    happened(five, withdrawn_on=march(5), withdrawn_by=elin, withdrawn_reason="A slip")


def test_what_happened_before_there_was_a_log_is_entered_in_its_order(connection: Any) -> None:
    executor = MigrationExecutor(connection)
    fill(Then(executor, BEFORE))
    then = Then(executor, AFTER)
    leaves = list(then.rows("inhouse.Leaf").select_related("declaration").order_by("index"))
    assert [(leaf.index, leaf.declaration.version, leaf.kind) for leaf in leaves] == [
        (0, 1, "published"), (1, 3, "published"), (2, 2, "published"), (3, 2, "replaced"), (4, 3, "withdrawn"),
        (5, 4, "published"), (6, 4, "replaced"),
    ]  # fmt: skip
    days = ["2026-03-02", *["2026-03-03"] * 4, *["2026-03-04"] * 2]
    assert [leaf.data for leaf in leaves] == [
        register.entry(
            leaf.kind, number=leaf.declaration.number, sha256=f"{leaf.declaration.version:064x}",
            organisation_number="232100-0000", on=day,
        )
        for leaf, day in zip(leaves, days, strict=True)
    ]  # fmt: skip
    checkpoint = then.rows("inhouse.Checkpoint").get()
    said = notes.checkpoint(checkpoint.note, register.signer().key)
    hashes = [merkle.leaf_hash(leaf.data.encode()) for leaf in leaves]
    assert (said.size, said.root) == (7, merkle.root(hashes))

    def read(part: merkle.Subtree) -> bytes:
        stored = leaves[part.last].hash + leaves[part.last].above
        return bytes.fromhex(stored[64 * part.level : 64 * part.level + 64])

    assert [merkle.inclusion_from(read, index, 7) for index in range(7)] == [
        merkle.inclusion(hashes, index) for index in range(7)
    ]
    assert history.missing(connection) == []


def test_a_register_without_publications_begins_empty(connection: Any) -> None:
    then = Then(MigrationExecutor(connection), AFTER)
    assert (then.rows("inhouse.Leaf").count(), then.rows("inhouse.Checkpoint").count()) == (0, 0)
