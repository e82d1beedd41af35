"""What of a product goes when its records are disposed of, and what stays: all of it, and no word beside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from django.apps import apps
from django.db import connection
from django.utils.functional import Promise

from documents import verifying
from documents.models import Document, ErasedRow, StoredFile
from inhouse import disposable, evidence, suspension, withdrawal
from inhouse.deadlines import following
from inhouse.models import Deadline, EvidenceDocument, MarketFile, NextReminder, Round
from inhouse.reminders import comparing, relay, sweep
from organisation import clock
from organisation.history import acting, of
from products.models import PatientUse, Placement, Product, UnitUse
from tests import factories, stations
from tests.inhouse.test_disposal import aged, met, stored

pytestmark = pytest.mark.django_db


def test_every_model_that_hangs_together_with_a_product_is_decided_on() -> None:
    """A new table must be named in `inhouse.disposable.TABLE`: does it go, lose something, or stay, and why?"""
    assert set(disposable.connected()) - set(disposable.TABLE) == set()
    assert set(disposable.TABLE) - set(disposable.connected()) == set()


def test_every_kind_on_the_list_has_a_name_in_the_readers_language() -> None:
    for model in disposable.TABLE:
        assert isinstance(model._meta.verbose_name_plural, Promise), model


def test_what_goes_hangs_on_the_product_by_its_links() -> None:
    product = stations.in_use()
    for model, fate in disposable.TABLE.items():
        if isinstance(fate, disposable.Goes | disposable.Emptied):
            list(disposable.ever(model, product)[:1])
            assert disposable.lost(model) or model in (PatientUse, MarketFile, Placement, UnitUse), model


def test_deadlines_and_reminders_go_and_those_of_other_products_stay(expired: Product) -> None:
    other = stations.in_use("Drill guide")
    for product in (expired, other):
        deadline = Deadline.objects.create(
            product=product, kind="action", subject="1", about=f"Mend {product.name}", due_on=clock.today(),
            person=stations.owner_of(product),
        )  # fmt: skip
        deadline.remind_on(clock.today())
    Round.objects.create(
        kind=Round.Kind.COMPARISON, started_at=clock.now(), found=[str(deadline) for deadline in Deadline.objects.all()]
    )
    sweep.sweep()
    relay.relay()
    told = {f"Mend {product.name}": set(found_anywhere(f"Mend {product.name}")) for product in (expired, other)}
    assert told["Mend Catheter adapter"] == told["Mend Drill guide"]
    assert told["Mend Drill guide"] >= {"inhouse_deadline.about", "inhouse_reminder.text", "inhouse_round.found"}
    stations.carry_out(stations.confirmed_disposal(expired))
    assert found_anywhere("Mend Catheter adapter") == []
    assert set(found_anywhere("Mend Drill guide")) == told["Mend Drill guide"]
    assert NextReminder.objects.filter(deadline__product=other).exists()


def test_the_numbers_that_were_read_are_what_went() -> None:
    product = stations.in_use("Programmed", software=True)
    stations.in_use("Another")
    met(product)
    stations.changing(product)
    withdrawal.withdraw(product, reason="Unsafe", by=stations.owner_of(product))
    stations.scrapped(product.items.get())

    def counted() -> dict[str, int]:
        return {model._meta.label_lower: model._default_manager.count() for model in disposable.TABLE}

    with stations.on_day(stations.floor(product)):
        made = stations.confirmed_disposal(product)
        before = counted()
        stations.carry_out(made)
    gone = {kind: before[kind] - left for kind, left in counted().items() if left < before[kind]}
    goes = {each["kind"]: each for each in made.manifest["goes"] if each["rows"] is not None}
    assert gone == {kind: each["rows"] for kind, each in goes.items() if each["rows"]}
    assert len(gone) > 15
    erased = Counter(ErasedRow.objects.exclude(was="").values_list("table_name", flat=True))
    listed = {each["kind"]: each["history"] for each in (*goes.values(), *made.manifest["emptied"]) if each["history"]}
    assert erased == {of(apps.get_model(kind)).model._meta.db_table: rows for kind, rows in listed.items()}


def test_earlier_versions_and_what_was_taken_out_long_ago_go_too() -> None:
    product = stations.second_revision()
    by, before = stations.engineer(product), Document.objects.count()
    entry = EvidenceDocument.objects.filter(revision=stations.coming(product)).earliest("pk")
    evidence.replace_document(entry, upload=factories.pdf("Drawing A2"), by=by, version="2")
    extra = stations.document(stations.coming(product), group="other", title="Taken out")
    evidence.remove_document(extra, by=by)
    assert Document.objects.count() == before + 2 == len(stored())
    withdrawal.withdraw(product, reason="Unsafe", by=stations.owner_of(product))
    stations.scrapped(product.items.get())
    with stations.on_day(stations.floor(product)):
        made = stations.confirmed_disposal(product)
        aged()
        assert stations.carry_out(made)
    assert (Document.objects.count(), StoredFile.objects.count(), stored()) == (0, 0, set())


SAID = (
    "Three adapters",
    "Pulled with ten newton",
    "All adapters are made for adults",
    "About 200 kronor",
    "Drawing A1",
    "A printed adapter",
)


def test_no_word_of_it_is_left_in_any_history(expired: Product) -> None:
    assert {word for word in SAID if found_anywhere(word)} == set(SAID)
    assert stations.carry_out(stations.confirmed_disposal(expired)) is False
    assert {word for word in SAID if found_anywhere(word, but=("inhouse_declaration", "inhouse_frozen"))} == set()
    assert list(verifying.verify()) == []


def test_no_word_of_it_is_left_as_the_reason_of_a_step_or_of_a_change() -> None:
    """Rows that stay say that something was done, not why: the same words stand where they go."""
    product = stations.in_use()
    suspension.suspend(product, cause="One strap was torn", by=stations.engineer(product))
    suspension.resume(product, measures="Every strap is sewn anew", by=stations.owner_of(product))
    with acting(stations.engineer(product)):
        product.revisions.get().unmet_requirements.create(
            number="11.4", what="Packed unsterile", why="Boiled before use"
        )
    stations.changing(product)
    withdrawal.withdraw(product, reason="Unsafe", by=stations.owner_of(product))
    item = product.items.get()
    withdrawal.end_item(item, fate="scrapped", on=clock.today(), note="Cut in two", by=stations.engineer(product))
    said = {
        "Nothing else fits", "One strap was torn", "Every strap is sewn anew", "A softer plastic", "Packed unsterile",
        "Cut in two",
    }  # fmt: skip
    assert {word for word in said if found_anywhere(word)} == said
    with stations.on_day(stations.floor(product)):
        stations.carry_out(stations.confirmed_disposal(product))
    assert {word: where for word in said if (where := found_anywhere(word))} == {}
    assert product.steps.exclude(to_stage=Product.Stage.DISPOSED).exclude(reason="").count() == 0
    assert list(verifying.verify()) == []


def found_anywhere(word: str, *, but: tuple[str, ...] = ()) -> list[str]:
    """The tables in which the word stands, in any column; declarations and what was frozen of them apart."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table in but or table.replace("historical", "") in but:
                continue
            for column in connection.introspection.get_table_description(cursor, table):
                name = f'CAST("{column.name}" AS text)'
                cursor.execute(f'SELECT 1 FROM "{table}" WHERE {name} LIKE %s LIMIT 1', [f"%{word}%"])
                if cursor.fetchone():
                    found.append(f"{table}.{column.name}")
    return found


def test_a_comparison_under_way_keeps_no_word_of_what_is_disposed_of_meanwhile(
    expired: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = stations.in_use("Jig")

    def compare() -> Iterator[str]:
        yield f"Follow-up: Oil it ({expired.number})"
        yield f"Follow-up ({other.number})"
        stations.carry_out(stations.confirmed_disposal(expired))

    monkeypatch.setattr(following, "compare", compare)
    comparing.compare_all()
    assert Round.objects.get(kind=Round.Kind.COMPARISON).found == [f"Follow-up ({other.number})"]
