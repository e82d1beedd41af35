"""The signed word of the product owner: read, signed, frozen, registered, published, withdrawn."""

from __future__ import annotations

import hashlib
import io
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from pypdf import PdfReader

from documents.models import SignedFile
from inhouse import classification, declarations, design, evidence, lifecycle
from inhouse import signing as rules
from inhouse.dossier import current
from inhouse.models import Declaration, EvidenceRecord
from inhouse.obstacles import Refused
from organisation import clock
from organisation.models import Institution, User
from products import traceability
from products.models import Product, Revision
from tests import stations
from tests.refusals import denied, refused

pytestmark = pytest.mark.django_db


def signing(product: Product, *, by: User) -> Declaration:
    """Freeze what is to be declared now and sign it, as this person."""
    with stations.quick():
        frozen = rules.freeze(stations.coming(product), rules.Wording("sv", "Västanstad"), by=by)
    declaration = stations.set_seal(frozen, by=by)
    assert declaration
    return declaration


# --- before signing


def test_what_would_be_declared_is_read_before_it_is_signed(owner: User) -> None:
    with stations.on_day("2026-03-01"):
        product = stations.documented(design={"is_measuring": True})
        d = current(product)
        assert d.coming
        content = declarations.snapshot(d, d.coming, place="Västanstad", language="sv")
    assert content["number"] == f"{product.number}-D1"
    assert (content["version"], content["replaces"]) == (1, "")
    assert content["institution"]["organisation_number"] == "232100-0000"
    assert (content["administration"], content["unit"]) == ("Centralsjukhuset", "Medicinsk teknik")
    assert content["device"]["intended_purpose"] == "Holds a catheter in place"
    assert (content["verified_on"], content["validated_on"]) == ("2026-03-01", "2026-03-01")
    assert (content["signed"]["name"], content["prepared_on"]) == ("Ola Berg", "2026-03-01")
    assert content["number"] in content["address"]
    assert content["diary_number"] == ""


def test_the_evidence_is_named_by_its_hashes_and_confidential_papers_by_nothing_else(owner: User) -> None:
    product = stations.documented()
    revision = stations.coming(product)
    open_paper = stations.document(revision, group="other", title="Open to all", confidential=False)
    d = current(stations.fresh(product))
    held = declarations.snapshot(d, revision, place="Västanstad", language="sv")["evidence"]
    confidential = [row for row in held["documents"] if row["confidential"]]
    assert [set(row) for row in confidential] == [{"group", "sha256", "confidential"}] * 8
    [told] = [row for row in held["documents"] if not row["confidential"]]
    assert told == {
        "group": "other",
        "sha256": open_paper.document.file.sha256,
        "confidential": False,
        "title": "Open to all",
        "version": "1",
        "file": "other.pdf",
        "size": open_paper.document.file.size,
    }
    assert [(row["kind"], row["outcome"], row["report"]) for row in held["records"]] == [
        ("verification", "approved", ""),
        ("validation", "approved", ""),
    ]
    assert "None came loose" not in str(held)


def test_a_record_that_is_written_anew_has_another_hash(owner: User) -> None:
    product = stations.documented()

    def hashes() -> list[str]:
        d = current(stations.fresh(product))
        content = declarations.snapshot(d, stations.coming(product), place="Västanstad", language="sv")
        return [row["sha256"] for row in content["evidence"]["records"]]

    before = hashes()
    assert hashes() == before
    record = EvidenceRecord.objects.filter(kind="validation").get()
    EvidenceRecord.objects.filter(pk=record.pk).update(result="One came loose")
    assert [new == old for new, old in zip(hashes(), before, strict=True)] == [True, False]


def test_those_who_sign_with_the_owner_stand_beside_them(owner: User, manager: User) -> None:
    product = stations.documented()
    d = current(product)
    assert d.coming
    content = declarations.snapshot(
        d, d.coming, place="Västanstad", language="sv", cosigners=[("Förvaltningschef", manager)]
    )
    assert [(row["role"], row["name"]) for row in content["cosigners"]] == [("Förvaltningschef", manager.name)]
    assert content["signed"]["name"] == owner.name


# --- signing


def test_the_owner_signs_and_the_paper_is_stored_with_its_hash(owner: User) -> None:
    with stations.on_day("2026-03-01"):
        product = stations.documented()
        declaration = stations.sign(product, printed=True)
    product = stations.fresh(product)
    assert (declaration.number, declaration.version, declaration.signed_by) == (f"{product.number}-D1", 1, owner)
    assert (declaration.signed_on, declaration.place, declaration.state) == (date(2026, 3, 1), "Västanstad", "signed")
    file = SignedFile.objects.get()
    assert file.sha256 == hashlib.sha256(bytes(file.content)).hexdigest()
    assert file.size == len(bytes(file.content))
    text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(bytes(file.content))).pages)
    assert declaration.number in text
    assert "Ola Berg" in text
    assert [r.stage for r in product.revisions.all()] == ["declared"]


def test_nobody_but_the_owner_signs(
    manager: User, engineer: User, adviser: User, registrar: User, outsider: User
) -> None:
    product = stations.documented()
    for person in (manager, engineer, adviser, registrar, outsider):
        with denied():
            signing(product, by=person)


def test_a_revision_is_signed_once(owner: User) -> None:
    product = stations.documented()
    coming = stations.coming(product)
    stations.sign(product)
    with refused("already has a signed declaration"):
        rules.freeze(coming, rules.Wording("sv", "Västanstad"), by=owner)


def test_nothing_is_signed_without_a_risk_class(owner: User) -> None:
    product = stations.documented()
    classification.reopen(stations.coming(product), reason="Another case fits", by=owner)
    with refused("set the risk class", Refused):
        signing(product, by=owner)


def test_what_was_examined_before_the_design_changed_does_not_count(owner: User) -> None:
    with stations.on_day("2026-03-01"):
        product = stations.documented()
    with stations.on_day("2026-03-05"):
        design.describe(stations.coming(product), {"intended_purpose": "Holds two catheters"}, by=owner)
        stations.classified(stations.coming(product))
        with refused("verify it anew", Refused) as refusal:
            signing(product, by=owner)
        said = " ".join(obstacle.text for obstacle in refusal.value.obstacles)  # type: ignore[attr-defined]
        assert "validate it anew" in said
        assert "no earlier than the last change of the design" in said
        stations.examined(stations.coming(product), done_on=date(2026, 3, 4))
        with refused("verify it anew", Refused):
            signing(product, by=owner)
        stations.examined(stations.coming(product))
        assert signing(product, by=owner).snapshot["verified_on"] == "2026-03-05"


def test_an_examination_of_the_last_revision_does_not_serve_the_next(owner: User, engineer: User) -> None:
    with stations.on_day("2026-03-01"):
        product = stations.in_use()
    with stations.on_day("2026-03-08"):
        revision = stations.changing(product)
        evidence.confirm_documents(revision, by=engineer)
        stations.examined(revision, done_on=date(2026, 3, 1))
        with refused("is of an earlier design", Refused):
            signing(product, by=owner)


def test_nothing_is_signed_before_it_is_verified_and_validated(owner: User) -> None:
    product = stations.in_development()
    with refused("verification and validation are both approved", Refused):
        signing(product, by=owner)


def test_a_product_that_is_only_eligible_is_not_declared(owner: User) -> None:
    product = stations.owned()
    stations.describe(product)
    with refused("only while the product is in development or in use", Refused):
        signing(product, by=owner)


def test_an_examination_of_a_later_day_does_not_count(owner: User) -> None:
    with stations.on_day("2026-03-01"):
        product = stations.documented()
    with stations.on_day("2026-03-10"):
        stations.examined(stations.coming(product))
    with stations.on_day("2026-03-09"), refused("no later than the day of signing", Refused):
        signing(product, by=owner)


# --- frozen


def test_what_was_signed_stays_as_it_was_when_the_product_changes() -> None:
    product = stations.in_use(design={"intended_purpose": "Holds a catheter in place"})
    before = Declaration.objects.get().snapshot
    stations.changing(product)
    design.describe(
        stations.coming(product), {"intended_purpose": "Holds two catheters"}, by=stations.engineer(product)
    )
    Product.objects.update(name="Double adapter")
    declaration = Declaration.objects.get()
    assert declaration.snapshot == before
    assert declaration.snapshot["device"]["intended_purpose"] == "Holds a catheter in place"
    assert declaration.snapshot["device"]["name"] == "Catheter adapter"


def sql(statement: str, *values: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


LATER = "2030-01-01"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("snapshot", '{"number": "forged"}'),
        ("number", "IH-1999-0001-D1"),
        ("version", 7),
        ("language", "en"),
        ("place", "Elsewhere"),
        ("signed_on", LATER),
        ("diary_number", "forged"),
        ("published_on", LATER),
    ],
)
def test_the_database_refuses_to_change_what_was_signed_or_added(column: str, value: Any) -> None:
    product = stations.declared()
    stations.registered(product)
    with pytest.raises(IntegrityError):
        sql(f"UPDATE inhouse_declaration SET {column} = %s", value)
    assert stations.declaration(product).snapshot["device"]["name"] == "Catheter adapter"


def test_the_database_refuses_to_take_back_what_was_added() -> None:
    product = stations.declared()
    stations.registered(product)
    with pytest.raises(IntegrityError):
        sql("UPDATE inhouse_declaration SET published_on = NULL, published_by_id = NULL")
    with pytest.raises(IntegrityError):
        sql("UPDATE inhouse_declaration SET diary_number = '', diary_on = NULL, diary_by_id = NULL")


@pytest.mark.parametrize("table", ["inhouse_declaration", "documents_signedfile"])
def test_the_database_refuses_to_delete_what_was_signed(table: str) -> None:
    stations.declared()
    with pytest.raises(IntegrityError):
        sql(f"DELETE FROM {table}")


def test_the_database_refuses_to_change_the_signed_file() -> None:
    stations.declared()
    for column, value in (("content", b"forged"), ("name", "x.pdf"), ("sha256", "0" * 64), ("size", 1)):
        with pytest.raises(IntegrityError):
            sql(f"UPDATE documents_signedfile SET {column} = %s", value)


# --- diary and publication


def test_a_declaration_gets_its_diary_number_once(registrar: User, owner: User, outsider: User) -> None:
    with stations.on_day("2026-03-01"):
        declaration = stations.declaration(stations.declared())
    for person in (owner, outsider):
        with denied():
            declarations.enter(declaration, diary_number="MT 1", diary_name="MT", by=person)
    with refused("cannot be left empty"):
        declarations.enter(declaration, diary_number="  ", diary_name="MT", by=registrar)
    with stations.on_day("2026-03-05"):
        declarations.enter(declaration, diary_number=" MT 2026-7 ", diary_name="MT", by=registrar)
    with refused("already in the diary as MT 2026-7"):
        declarations.enter(declaration, diary_number="MT 8", diary_name="MT", by=registrar)
    row = Declaration.objects.get()
    assert (row.diary_number, row.diary_on, row.diary_by, row.state) == (
        "MT 2026-7", date(2026, 3, 5), registrar, "registered",
    )  # fmt: skip


def test_a_declaration_is_published_once_and_for_good(registrar: User, engineer: User) -> None:
    declaration = stations.declaration(stations.declared())
    with denied():
        declarations.publish(declaration, by=engineer)
    declarations.publish(declaration, by=registrar)
    with refused("already published"):
        declarations.publish(declaration, by=registrar)
    assert list(Declaration.objects.published()) == [declaration]
    assert Declaration.objects.get().state == "published"


# --- withdrawal


def test_a_fault_found_before_use_withdraws_the_declaration_and_opens_the_revision(owner: User, engineer: User) -> None:
    product = stations.declared()
    declaration = stations.declaration(product)
    with denied():
        declarations.withdraw(declaration, reason="A wrong drawing", by=engineer)
    with refused("cannot be left empty"):
        declarations.withdraw(declaration, reason=" ", by=owner)
    declarations.withdraw(declaration, reason="A wrong drawing", by=owner)
    row = Declaration.objects.get()
    assert (row.withdrawn_on, row.withdrawn_by, row.withdrawn_reason) == (clock.today(), owner, "A wrong drawing")
    assert row.state == "withdrawn"
    assert stations.coming(product).stage == "open"
    assert SignedFile.objects.count() == 1


def test_the_registrar_withdraws_with_a_reason_too(registrar: User) -> None:
    product = stations.declared()
    declarations.withdraw(stations.declaration(product), reason="The owner asked for it", by=registrar)
    withdrawn = stations.declaration(product)
    assert (withdrawn.withdrawn_by, withdrawn.withdrawn_reason) == (registrar, "The owner asked for it")
    assert product.revisions.get().stage == "open"


def test_a_withdrawn_declaration_is_neither_registered_nor_published_nor_withdrawn_again(
    owner: User, registrar: User
) -> None:
    declaration = stations.declaration(stations.declared())
    declarations.withdraw(declaration, reason="A wrong drawing", by=owner)
    with refused("is withdrawn"):
        declarations.enter(declaration, diary_number="MT 1", diary_name="MT", by=registrar)
    with refused("is withdrawn"):
        declarations.publish(declaration, by=registrar)
    with refused("is withdrawn"):
        declarations.withdraw(declaration, reason="Once more", by=owner)


def test_what_patients_may_be_meeting_is_not_simply_withdrawn(owner: User) -> None:
    declaration = stations.declaration(stations.in_use())
    with refused("Patients may be meeting this revision"):
        declarations.withdraw(declaration, reason="A wrong drawing", by=owner)


def test_the_next_declaration_says_which_one_it_replaces(owner: User) -> None:
    product = stations.declared()
    first = stations.declaration(product)
    declarations.withdraw(first, reason="A wrong drawing", by=owner)
    second = stations.sign(product)
    assert (second.number, second.version, second.replaces) == (f"{product.number}-D2", 2, first)
    assert second.snapshot["replaces"] == first.number
    assert list(Declaration.objects.standing()) == [second]


def test_after_a_withdrawal_nothing_comes_into_use_on_the_old_word(owner: User) -> None:
    product = stations.ready()
    declarations.withdraw(stations.declaration(product), reason="A wrong drawing", by=owner)
    with refused("No signed declaration|signs the declaration", Refused):
        lifecycle.move(product, Product.Stage.IN_USE, by=owner)


def test_what_was_made_before_a_withdrawal_is_released_anew_before_use(owner: User, engineer: User) -> None:
    product = stations.ready()
    item = product.items.get()
    declarations.withdraw(stations.declaration(product), reason="A wrong drawing", by=owner)
    item.refresh_from_db()
    assert (item.released_on, item.released_by, item.made_to, item.checks) == (None, None, "", "")
    last, before = item.history.order_by("-history_id")[:2]  # type: ignore[attr-defined]
    assert (last.history_change_reason, last.history_user_id) == ("A wrong drawing", owner.pk)
    assert (before.released_on, before.checks) == (clock.today(), "Measured")
    assert item.placements.get().until is None
    stations.sign(product)
    stations.registered(product)
    with refused("Items are placed without a release record: 001", Refused):
        lifecycle.move(product, Product.Stage.IN_USE, by=owner)
    traceability.release(item, made_to="Drawing A2", checks="Measured again", by=engineer)
    lifecycle.move(product, Product.Stage.IN_USE, by=owner)


def test_a_withdrawal_leaves_alone_what_is_gone_and_what_another_revision_released(owner: User) -> None:
    product = stations.second_declared()
    coming = stations.coming(product)
    stations.released(product, "002", revision=coming)
    stations.scrapped(stations.released(product, "003", revision=coming))
    declarations.withdraw(stations.declaration(product), reason="A wrong drawing", by=owner)
    assert [(i.identifier, i.is_released) for i in product.items.order_by("identifier")] == [
        ("001", True),
        ("002", False),
        ("003", True),
    ]


def test_a_declaration_stands_from_its_day_until_the_day_it_ends(owner: User) -> None:
    with stations.on_day("2026-03-01"):
        product = stations.declared()
    with stations.on_day("2026-03-05"):
        declarations.withdraw(stations.declaration(product), reason="A wrong drawing", by=owner)
    row = Declaration.objects.get()
    days = [date(2026, 2, 28) + timedelta(days=n) for n in (0, 1, 4, 5)]
    assert [row.stands_on(day) for day in days] == [False, True, True, False]


def test_both_declarations_stand_while_the_first_revision_is_phased_out() -> None:
    product = stations.second_in_force()
    assert [d.state for d in Declaration.objects.order_by("pk")] == ["published", "published"]
    assert Declaration.objects.standing().count() == 2
    stations.scrapped(product.items.get())
    assert [d.state for d in Declaration.objects.order_by("pk")] == ["replaced", "published"]
    assert Revision.objects.get(number=1).stage == "closed"


@pytest.mark.parametrize("diary", ["block", "warn"])
def test_of_an_ended_revision_no_declaration_is_left_for_anyone_to_replace(diary: str) -> None:
    """Why there is no button for it: what ends an item, and what brings the next revision into force, closes it."""
    Institution.objects.update(diary_gate=diary)
    for name, item in (("Once", True), ("Never made", False)):
        product = stations.second_in_force(name, item=item)
        [last] = product.items.all() if item else [None]
        if last:
            assert [each.left for each in declarations.phased_out(current(product))] == [1]
            stations.scrapped(last)
        first, second = Declaration.objects.filter(revision__product=product).order_by("version")
        assert (first.revision.stage, first.replaced_on, second.replaced_on) == ("closed", clock.today(), None)
        assert declarations.phased_out(current(product)) == []
        assert [leaf.kind for leaf in first.leaves.all()] == ["published", "replaced"]
