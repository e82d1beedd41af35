"""The records of a product are disposed of by a decision and two people, and nothing else is lost."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.files.storage import default_storage
from django.db import IntegrityError, connection, transaction
from django.template.loader import render_to_string

from documents import checking, erasure, rendering, sealing, seals, storing, verifying
from documents.models import Document, ErasedRow, FileCheck, FileText, StoredFile
from documents.sealing import Unsealable
from documents.templatetags.printing import long_day
from inhouse import (
    certificate,
    disposal,
    evidence,
    exitcopy,
    followup,
    holds,
    lifecycle,
    papers,
    tracing,
    withdrawal,
)
from inhouse.deadlines import following
from inhouse.dossier import current
from inhouse.models import (
    Assessment,
    Deadline,
    Declaration,
    Disposal,
    EvidenceDocument,
    EvidenceRecord,
    FollowUpAction,
    MarketSearch,
    NextReminder,
    Reminder,
)
from inhouse.obstacles import Refused
from inhouse.reminders import sweep
from organisation import absences, clock
from organisation.history import of
from organisation.models import User
from products import identity
from products.models import Item, PatientIdentity, PatientUse, Product, Revision
from tests import factories, stations
from tests.refusals import refused

pytestmark = pytest.mark.django_db


def aged() -> None:
    """As if every file had been stored long ago."""
    for placed in Path(default_storage.path("sha256")).glob("??/??/*"):
        os.utime(placed, (0, 0))


def stored() -> set[str]:
    return {placed.name for placed in Path(default_storage.path("sha256")).glob("??/??/*")}


# --- proposing


def test_a_proposal_freezes_what_goes_and_what_stays(expired: Product) -> None:
    made = stations.proposed_disposal(expired)
    listed = made.manifest
    goes = {each["kind"]: each for each in listed["goes"]}
    assert goes["inhouse.assessment"]["rows"] == 1
    assert goes["inhouse.evidencerecord"]["rows"] == 2
    assert goes["documents.document"]["rows"] == len(listed["files"]) == 8
    assert goes["inhouse.evidencerecord"]["history"] == 2
    file = listed["files"][0]
    assert StoredFile.objects.get(sha256=file["sha256"]).size == file["size"]
    emptied = {each["kind"]: each["fields"] for each in listed["emptied"]}
    assert emptied.keys() == {
        "products.product", "products.revision", "products.item", "products.placement", "products.unituse", "inhouse.step",
    }  # fmt: skip
    assert (emptied["inhouse.step"], emptied["products.placement"]) == (["reason"], [])
    assert listed["declarations"] == [
        {"number": d.number, "sha256": d.file.sha256} for d in Declaration.objects.filter(revision__product=expired)
    ]
    assert "inhouse.declaration" in listed["stays"]
    assert made.sha256 == disposal.digest(listed)


def test_nothing_is_proposed_before_the_floor_under_a_hold_or_with_an_open_matter(registrar: User) -> None:
    product = stations.in_use()
    by = stations.engineer(product)
    followup.record(
        product,
        done_on=clock.today(),
        sources="Deviations",
        findings="One strap was loose",
        conclusion="act",
        next_due_on=clock.today() + timedelta(days=90),
        actions=[{"text": "Tighten the strap", "responsible": by, "due_on": clock.today()}],
        by=by,
    )
    with refused("does not follow"):
        stations.proposed_disposal(product)
    withdrawal.withdraw(product, reason="Unsafe", by=stations.owner_of(product))
    with refused("items are still without a fate", Refused):
        stations.proposed_disposal(product)
    stations.scrapped(product.items.get())
    day = stations.floor(product)
    with stations.on_day(day - timedelta(days=1)), refused("kept at least until", Refused):
        stations.proposed_disposal(product)
    with stations.on_day(day):
        with refused("Tighten the strap", Refused):
            stations.proposed_disposal(product)
        followup.finish(FollowUpAction.objects.get(), note="Tightened", by=by)
        first = holds.place(product, reason="A claim", reference="RS 1", by=registrar)
        second = holds.place(product, reason="An inspection", reference="RS 2", by=registrar)
        holds.lift(first, reason="Settled", by=registrar)
        with refused("RS 2", Refused):
            stations.proposed_disposal(product)
        holds.lift(second, reason="Ended", by=registrar)
        stations.proposed_disposal(product)


def test_only_the_registrar_proposes(expired: Product, manager: User, engineer: User, outsider: User) -> None:
    for person in (manager, engineer, outsider, stations.owner_of(expired)):
        with pytest.raises(PermissionDenied):
            stations.proposed_disposal(expired, by=person)


def test_a_decision_has_a_reference_a_decider_and_a_day_that_has_come(expired: Product) -> None:
    for name in ("reference", "decided_by", "reason"):
        empty: dict[str, Any] = {name: " "}
        with refused("cannot be left empty"):
            stations.proposed_disposal(expired, **empty)
    with refused("cannot lie in the future"):
        stations.proposed_disposal(expired, decided_on=clock.today() + timedelta(days=1))


def test_one_disposal_is_proposed_at_a_time(expired: Product) -> None:
    stations.proposed_disposal(expired)
    with refused("already proposed"):
        stations.proposed_disposal(expired)


# --- the second person


def test_whoever_proposed_does_not_confirm(expired: Product, registrar: User) -> None:
    made = stations.proposed_disposal(expired)
    with pytest.raises(PermissionDenied, match="does not confirm"):
        disposal.confirm(made, sha256=made.sha256, by=registrar)
    with pytest.raises(IntegrityError), transaction.atomic():
        Disposal.objects.filter(pk=made.pk).update(confirmed_at=clock.now(), confirmed_by=registrar)


def test_neither_does_whoever_listed_it_anew(expired: Product) -> None:
    other = factories.user("Rolf Ny")
    other.assignments.create(role="registrar", administration=stations.place(expired), since=factories.LONG_AGO)
    made = stations.proposed_disposal(expired)
    disposal.renew(made, by=other)
    made.refresh_from_db()
    for person in (other, stations.registrar(expired)):
        with pytest.raises(PermissionDenied, match="does not confirm"):
            disposal.confirm(made, sha256=made.sha256, by=person)
    with pytest.raises(IntegrityError), transaction.atomic():
        Disposal.objects.filter(pk=made.pk).update(confirmed_at=clock.now(), confirmed_by=other)
    disposal.confirm(made, sha256=made.sha256, by=stations.manager(expired))


def test_another_registrar_or_a_manager_confirms_and_no_one_else(
    expired: Product, engineer: User, outsider: User
) -> None:
    made = stations.proposed_disposal(expired)
    for person in (engineer, outsider, stations.owner_of(expired)):
        with pytest.raises(PermissionDenied):
            disposal.confirm(made, sha256=made.sha256, by=person)


CHANGES: dict[str, Any] = {
    "a hold that came and went": lambda p, by: holds.lift(
        holds.place(p, reason="A claim", reference="RS 1", by=by), reason="Settled", by=by
    ),
    "a word": lambda p, by: EvidenceRecord.objects.filter(revision__product=p).update(method="By eye"),
    "an item": lambda p, by: Item.objects.filter(product=p).update(fate_note="Found again"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_changed_since_it_was_listed_is_listed_anew_before_it_is_confirmed(
    what: str, expired: Product, registrar: User, manager: User
) -> None:
    made = stations.proposed_disposal(expired)
    CHANGES[what](expired, registrar)
    with refused("has changed since it was listed"):
        disposal.confirm(made, sha256=made.sha256, by=manager)
    disposal.renew(made, by=registrar)
    with refused("has changed since it was listed"):
        disposal.confirm(made, sha256=made.sha256, by=manager)  # they still look at the earlier list
    made.refresh_from_db()
    disposal.confirm(made, sha256=made.sha256, by=manager)


def test_what_the_register_does_by_itself_is_no_reason_to_list_anew(expired: Product, manager: User) -> None:
    """Deadlines and reminders are made, files are read and verified: between listing, confirming and executing, too."""
    made = stations.proposed_disposal(expired)

    def by_itself() -> None:
        following.follow([expired])
        sweep.sweep()
        for file in StoredFile.objects.all():
            papers.read(file.pk)
            checking.verify(file)

    by_itself()
    disposal.confirm(made, sha256=made.sha256, by=manager)
    Deadline.objects.filter(product=expired).update(ended_on=clock.today(), end=Deadline.End.SETTLED)
    NextReminder.objects.all().delete()
    assert (Deadline.objects.count(), Reminder.objects.count() > 0, FileCheck.objects.count()) == (1, True, 8)
    stations.carry_out(made)
    assert stations.fresh(expired).stage == Product.Stage.DISPOSED
    for model in (Deadline, Reminder, FileText, FileCheck):
        assert not model._default_manager.exists(), model


def test_a_floor_that_moved_stops_the_confirmation(expired: Product, registrar: User, manager: User) -> None:
    made = stations.proposed_disposal(expired)
    holds.keep(expired, years=11, reason="Research", by=registrar)
    with refused("kept at least until", Refused):
        disposal.confirm(made, sha256=made.sha256, by=manager)


def test_it_can_be_cancelled_with_a_reason_until_it_is_executed(expired: Product, manager: User) -> None:
    made = stations.confirmed_disposal(expired)
    with refused("cannot be left empty"):
        disposal.cancel(made, reason=" ", by=manager)
    disposal.cancel(made, reason="The archive took it back", by=manager)
    assert stations.carry_out(made)
    assert stations.fresh(expired).stage == Product.Stage.WITHDRAWN
    assert Assessment.objects.filter(product=expired).exists()
    again = stations.confirmed_disposal(expired)
    assert stations.carry_out(again) is False  # files of this minute
    with refused("have been disposed of"):
        disposal.cancel(again, reason="Too late", by=manager)


# --- executed


def met(product: Product, number: str = "19900602-2397") -> PatientUse:
    return tracing.note_use(
        product.items.get(),
        identifier=identity.parse("se_personnummer", number),
        used_on=clock.today(),
        unit=factories.ward(),
        by=stations.engineer(product),
    )


def test_what_was_listed_goes_and_the_rest_stays() -> None:
    product, other = stations.in_use("Old adapter"), stations.in_use("New adapter")
    met(product), met(product, "19900101-2385")
    met(other)
    withdrawal.withdraw(product, reason="Unsafe", by=stations.owner_of(product))
    stations.scrapped(product.items.get())
    for file in StoredFile.objects.all():
        papers.read(file.pk)
    kept_there = {d.file.sha256 for d in papers.of(other)}
    assert FileText.objects.count() == StoredFile.objects.count()
    with stations.on_day(stations.floor(product)):
        made = stations.confirmed_disposal(product)
        aged()
        assert stations.carry_out(made)
    product, made = stations.fresh(product), Disposal.objects.get()
    assert product.stage == Product.Stage.DISPOSED
    assert (product.name, product.summary) == ("Old adapter", "")
    for model in (Assessment, MarketSearch):
        assert set(model.objects.values_list("product", flat=True)) == {other.pk}
    assert not EvidenceRecord.objects.filter(revision__product=product).exists()
    assert not EvidenceDocument.objects.filter(revision__product=product).exists()
    assert set(Revision.objects.filter(product=product).values_list("description", "intended_purpose")) == {("", "")}
    item = product.items.get()
    assert (item.fate, item.made_to, item.checks) == ("scrapped", "", "")
    # documents and their bytes: both products hold files of the same words, which stay
    assert {d.file.sha256 for d in Document.objects.select_related("file")} == kept_there == stored()
    assert FileText.objects.count() == StoredFile.objects.count() == len(kept_there)
    # patients
    assert not PatientUse.objects.filter(item__product=product).exists()
    assert PatientIdentity.objects.count() == 1
    assert made.manifest["patients"] == {"erased": 1, "kept": 1}
    # what stays
    declaration = Declaration.objects.get(revision__product=product)
    assert declaration.snapshot["device"]["intended_purpose"] == stations.PURPOSE
    assert declaration.file.content
    assert product.appointments.exists()
    assert product.steps.latest("pk").to_stage == Product.Stage.DISPOSED
    assert made.certificate
    assert made.files_gone_at
    seals.seal_all()
    assert list(verifying.verify()) == []


def test_what_was_erased_and_is_changed_again_is_found(expired: Product) -> None:
    stations.carry_out(stations.confirmed_disposal(expired))
    seals.seal_all()
    row = ErasedRow.objects.filter(table_name="inhouse_historicalevidencerecord").exclude(was="").earliest("pk")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE inhouse_historicalevidencerecord SET revision_id = NULL WHERE history_id = %s", [row.number]
        )
    [finding] = verifying.verify()
    assert (finding.kind, finding.row) == ("erased_changed", row.number)


def test_an_erasure_without_a_disposal_is_found(expired: Product, registrar: User) -> None:
    seals.seal_all()
    numbers = list(of(Assessment).filter(product=expired).values_list("history_id", flat=True))
    with transaction.atomic():
        part = erasure.Part(Assessment, numbers, erasure.content(Assessment))
        made = erasure.erase([part], decision="Mine", reason="Mine", by=registrar)
    assert [(f.kind, f.row) for f in verifying.verify()] == [("erasure_undecided", made.pk)]


@pytest.mark.parametrize("what", CHANGES)
def test_what_changed_since_it_was_confirmed_stops_it_and_the_confirmation_falls(
    what: str, expired: Product, registrar: User
) -> None:
    made = stations.confirmed_disposal(expired)
    CHANGES[what](expired, registrar)
    assert stations.carry_out(made) is False
    made.refresh_from_db()
    assert (made.is_open, made.is_confirmed) == (True, False)
    assert "changed since it was confirmed" in made.trouble
    assert Assessment.objects.filter(product=expired).exists()


def test_a_hold_placed_after_the_confirmation_stops_it(expired: Product, registrar: User) -> None:
    made = stations.confirmed_disposal(expired)
    holds.place(expired, reason="A claim", reference="RS 9", by=registrar)
    assert stations.carry_out(made) is False
    made.refresh_from_db()
    assert "RS 9" in made.trouble
    assert not made.is_confirmed
    assert stations.fresh(expired).stage == Product.Stage.WITHDRAWN


@pytest.mark.parametrize("how", ["the role", "the house"])
def test_whoever_left_after_confirming_disposes_of_nothing(how: str, expired: Product, manager: User) -> None:
    made = stations.confirmed_disposal(expired)
    if how == "the role":
        manager.assignments.all().delete()
    else:
        User.objects.filter(pk=manager.pk).update(is_active=False)
    assert stations.carry_out(made) is False
    made.refresh_from_db()
    assert (made.is_open, made.is_confirmed) == (True, False)
    assert "Only these may" in made.trouble
    assert Assessment.objects.filter(product=expired).exists()


def test_whoever_proposed_does_not_confirm_in_another_role_or_as_a_stand_in(expired: Product) -> None:
    made = stations.proposed_disposal(expired)
    person = stations.registrar(expired)
    absences.add(
        stations.manager(expired),
        stand_in=person,
        since=clock.today(),
        until=clock.today(),
        by=stations.manager(expired),
    )
    person.assignments.update(role="manager")
    with pytest.raises(PermissionDenied, match="does not confirm"):
        disposal.confirm(made, sha256=made.sha256, by=User.objects.get(pk=person.pk))


def test_standing_in_for_a_manager_lets_nobody_confirm(expired: Product, engineer: User) -> None:
    made, manager = stations.proposed_disposal(expired), stations.manager(expired)
    absences.add(manager, stand_in=engineer, since=clock.today(), until=clock.today(), by=manager)
    with pytest.raises(PermissionDenied, match="Only these may"):
        disposal.confirm(made, sha256=made.sha256, by=engineer)


def test_where_it_cannot_be_sealed_nothing_goes_and_it_is_tried_again(expired: Product) -> None:
    made = stations.confirmed_disposal(expired)

    def broken(*args: Any, **given: Any) -> bytes:
        raise Unsealable("No key")

    with patch.object(sealing, "seal", broken), patch.object(rendering, "pdf", stations.small):
        assert disposal.execute(made.pk) is False
    made.refresh_from_db()
    assert (made.is_confirmed, made.trouble) == (True, "No key")
    assert Assessment.objects.filter(product=expired).exists()
    stations.carry_out(made)
    assert stations.fresh(expired).stage == Product.Stage.DISPOSED


class Crash(Exception):
    pass


def crash(*args: Any, **given: Any) -> None:
    raise Crash


@pytest.mark.parametrize("where", ["_empty", "_delete", "erasure", "certificate", "copies", "move"])
def test_a_crash_between_two_writes_loses_nothing(where: str, expired: Product) -> None:
    made = stations.confirmed_disposal(expired)
    subject: dict[str, tuple[Any, str]] = {
        "erasure": (erasure, "erase"), "certificate": (certificate, "make"), "copies": (exitcopy, "forget"),
        "move": (lifecycle, "move"),
    }  # fmt: skip
    module, name = subject.get(where, (disposal, where))
    with patch.object(module, name, crash), pytest.raises(Crash):
        stations.carry_out(made)
    assert stations.fresh(expired).stage == Product.Stage.WITHDRAWN
    assert Assessment.objects.filter(product=expired).exists()
    assert disposal.is_current(made)
    aged()
    assert stations.carry_out(made)
    assert stations.carry_out(made)
    assert stations.fresh(expired).stage == Product.Stage.DISPOSED
    assert stored() == set()
    assert list(verifying.verify()) == []


def test_a_crash_among_the_files_is_finished_by_the_next_run(expired: Product) -> None:
    made = stations.confirmed_disposal(expired)
    aged()
    real, count = storing.discard, iter(range(100))

    def broken(sha256: str) -> bool:
        if next(count) == 3:
            raise Crash
        return real(sha256)

    with patch.object(storing, "discard", broken), pytest.raises(Crash):
        stations.carry_out(made)
    assert stations.fresh(expired).stage == Product.Stage.DISPOSED
    assert len(stored()) == 5
    assert list(Disposal.objects.unfinished()) == [made]
    assert stations.carry_out(made)
    assert stored() == set()
    assert not Disposal.objects.unfinished().exists()


def test_bytes_that_were_placed_a_moment_ago_are_left_to_a_later_run(expired: Product) -> None:
    made = stations.confirmed_disposal(expired)
    assert stations.carry_out(made) is False
    assert len(stored()) == 8
    aged()
    assert stations.carry_out(made)
    assert stored() == set()


def test_the_certificate_says_what_went_by_whom_and_is_sealed_and_locked(expired: Product) -> None:
    made = stations.confirmed_disposal(expired)
    stations.carry_out(made, printed=True)
    made = Disposal.objects.select_related("certificate").get()
    assert made.certificate
    assert bytes(made.certificate.content).startswith(b"%PDF")
    assert made.certificate.name == f"{expired.number}-disposal.pdf"
    [seal] = sealing.check(bytes(made.certificate.content))
    assert seal.intact
    with pytest.raises(IntegrityError), transaction.atomic():
        Disposal.objects.filter(pk=made.pk).update(reference="Another")
    with pytest.raises(IntegrityError), transaction.atomic():
        made.delete()


def test_the_certificate_names_each_who_had_a_part_and_what_was_lost(expired: Product) -> None:
    other = factories.user("Rolf Ny")
    other.assignments.create(role="registrar", administration=stations.place(expired), since=factories.LONG_AGO)
    made = stations.proposed_disposal(expired)
    with clock.at(clock.now() + timedelta(hours=1)):
        disposal.renew(made, by=other)
        made.refresh_from_db()
        disposal.confirm(made, sha256=made.sha256, by=stations.manager(expired))
        shown: list[dict[str, Any]] = []

        def read(template: str, context: dict[str, Any], **given: Any) -> bytes:
            shown.append(context)
            return stations.small(template, context, **given)

        with stations.quick(), patch.object(rendering, "pdf", read):
            disposal.execute(made.pk)
    page = " ".join(
        render_to_string(certificate.TEMPLATE, shown[0]).split()
    )  # what is listed is in the institution's language
    for person in (stations.registrar(expired), other, stations.manager(expired)):
        assert person.name in page
    for words in ("Listed anew by", "de skäl som angavs för ändringar", long_day(clock.today()), "RS 2040-17"):
        assert words in page, words


def test_of_what_was_disposed_of_nothing_changes_any_more(registrar: User) -> None:
    product = stations.disposed()
    engineer = stations.engineer(product)
    with refused("have been disposed of"):
        holds.place(product, reason="A claim", reference="RS 1", by=registrar)
    with refused("have been disposed of"):
        met(product)
    with refused("have been disposed of"):
        followup.record(
            product, done_on=clock.today(), sources="", findings="", conclusion="continue",
            next_due_on=clock.today() + timedelta(days=9), actions=[], by=engineer,
        )  # fmt: skip
    with refused("have been disposed of"):
        evidence.add_document(
            product.revisions.get(), group="risk", upload=factories.pdf("New"), title="New", by=engineer
        )


def test_no_one_goes_around_the_execution(expired: Product, manager: User) -> None:
    stations.confirmed_disposal(expired)
    with refused("disposed of first", Refused):
        lifecycle.move(expired, Product.Stage.DISPOSED, by=manager)


def test_the_gate_says_what_is_missing(expired: Product) -> None:
    def texts() -> list[str]:
        return [o.text for o in lifecycle.obstacles(current(expired), expired, Product.Stage.DISPOSED)]

    assert texts() == ["Records are disposed of only by a decision with a reference; none is recorded."]
    made = stations.proposed_disposal(expired)
    assert texts() == ["A second person confirms the disposal."]
    disposal.confirm(made, sha256=made.sha256, by=stations.manager(expired))
    assert texts() == []


def test_erasing_who_patients_are_goes_earlier_by_a_decision_of_its_own(registrar: User) -> None:
    product, other = stations.in_use("One"), stations.in_use("Other")
    met(product), met(product, "19900101-2385"), met(other)
    done = disposal.erase_patients(product, decision="RS 31-7", by=registrar)
    assert done == 1
    assert PatientIdentity.objects.count() == 1
    with refused("No patient"):
        disposal.erase_patients(product, decision="RS 31-8", by=registrar)


def test_patients_are_not_erased_under_a_hold(registrar: User) -> None:
    product = stations.in_use("One")
    met(product)
    holds.place(product, reason="A claim", reference="RS 1", by=registrar)
    with refused("RS 1"):
        disposal.erase_patients(product, decision="RS 31-7", by=registrar)


def test_a_confirmation_needs_a_proposal_that_stands(expired: Product, manager: User) -> None:
    made = stations.proposed_disposal(expired)
    disposal.confirm(made, sha256=made.sha256, by=manager)
    with pytest.raises(ValidationError, match="already confirmed"):
        disposal.confirm(made, sha256=made.sha256, by=manager)
