"""Frozen, read, and sealed by each of those who sign: once, for these bytes, or not at all."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import translation
from pytest_django import Settings

from documents import sealing
from documents.models import SignedFile
from inhouse import conformity, signing
from inhouse.dossier import current
from inhouse.models import Declaration, EvidenceRecord, Frozen, Signature
from inhouse.obstacles import Refused
from inhouse.snapshots import free_texts
from organisation.models import Institution, Role, User
from products.models import Product
from tests import factories, stations
from tests.refusals import denied, refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def product(owner: User) -> Product:
    return stations.documented()


def with_manager(product: Product, manager: User) -> Frozen:
    """The institution wants a manager to sign too, and this one was chosen."""
    Institution.objects.update(co_signers=["manager"])
    return stations.freeze(product, co_signers=(("manager", manager),))


# --- freezing


def test_the_owner_freezes_what_is_declared_and_signs_those_bytes(product: Product, owner: User) -> None:
    frozen = stations.freeze(product, printed=True)
    before = bytes(frozen.content)
    assert frozen.sha256 == hashlib.sha256(before).hexdigest()
    declaration = stations.set_seal(frozen, by=owner, printed=True)
    assert declaration
    stored = bytes(SignedFile.objects.get().content)
    assert stored.startswith(before)
    [seal] = sealing.check(stored)
    assert seal.intact
    assert seal.trusted
    assert seal.whole
    assert declaration.file.sha256 == hashlib.sha256(stored).hexdigest()
    assert (declaration.signed_by, declaration.frozen.end) == (owner, "signed")  # type: ignore[union-attr]
    assert stations.fresh(product).revisions.get().stage == "declared"


def test_only_the_owner_freezes(product: Product, manager: User, engineer: User, outsider: User) -> None:
    for person in (manager, engineer, outsider):
        with denied(), stations.quick():
            signing.freeze(stations.coming(product), signing.Wording("sv", "Västanstad"), by=person)


def test_nothing_is_frozen_that_could_not_be_signed(owner: User) -> None:
    product = stations.in_development()
    with refused("verification and validation are both approved", Refused):
        stations.freeze(product)


def test_freezing_again_gives_up_what_was_frozen_before(product: Product, owner: User) -> None:
    first, second = stations.freeze(product), stations.freeze(product, place="Norrby")
    first.refresh_from_db()
    assert (first.end, second.end) == ("dropped", "")
    with refused("signed or given up in the meantime"):
        signing.sign(first, by=owner)
    signing.drop(second, by=owner)
    assert not Frozen.objects.open().exists()
    assert Declaration.objects.count() == 0


def test_the_database_keeps_one_frozen_declaration_to_a_revision(product: Product) -> None:
    frozen = stations.freeze(product)
    with pytest.raises(IntegrityError), transaction.atomic():
        frozen.pk = None
        frozen._state.adding = True
        frozen.save()


# --- proving


def test_without_a_proof_for_these_bytes_nothing_is_signed(product: Product, owner: User, engineer: User) -> None:
    frozen = stations.freeze(product)
    with refused("Prove first that it is you"), stations.quick():
        signing.sign(frozen, by=owner)
    stations.prove(owner, hashlib.sha256(b"another paper").hexdigest())
    stations.prove(engineer, frozen.sha256)
    with refused("not the one you proved it for"), stations.quick():
        signing.sign(frozen, by=owner)
    assert Declaration.objects.count() == 0


def test_a_proof_is_used_once_and_stands_with_the_signature(product: Product, owner: User) -> None:
    frozen = stations.freeze(product)
    proof = stations.prove(owner, frozen.sha256)
    with stations.quick():
        signing.sign(frozen, by=owner)
    proof.refresh_from_db()
    assert proof.used_at is not None
    assert Signature.objects.get().proof == proof


def test_when_the_seal_cannot_be_set_the_proof_is_not_spent(product: Product, owner: User) -> None:
    frozen = stations.freeze(product)
    proof = stations.prove(owner, frozen.sha256)
    keyless = patch.object(sealing, "seal", side_effect=sealing.Unsealable("The key file is missing."))
    with keyless, refused("nothing is signed: The key file is missing"):
        signing.sign(frozen, by=owner)
    proof.refresh_from_db()
    assert proof.used_at is None
    with stations.quick():
        assert signing.sign(frozen, by=owner)


def test_with_the_key_file_gone_the_page_says_so_and_it_is_signed_once_it_is_back(
    client: Client, settings: Settings, tmp_path: Path, product: Product, owner: User
) -> None:
    frozen = stations.freeze(product, printed=True)
    proof = stations.prove(owner, frozen.sha256)
    client.force_login(owner)
    here = reverse("inhouse:declaration-sign", args=[product.pk])
    client.get(reverse("inhouse:declaration-frozen", args=[product.pk, frozen.sha256]))
    there = settings.SEAL_KEYSTORE
    settings.SEAL_KEYSTORE = str(tmp_path / "gone.p12")
    told = " ".join(client.post(here).text.split())
    assert "It could not be sealed, so nothing is signed" in told
    assert f"The file with the key to seal with cannot be read: {tmp_path / 'gone.p12'}." in told
    proof.refresh_from_db()
    assert proof.used_at is None
    assert Signature.objects.get().signed_at is None
    assert Frozen.objects.get().sha256 == frozen.sha256
    assert not SignedFile.objects.exists()
    settings.SEAL_KEYSTORE = there
    assert client.post(here).status_code == 302
    [declaration] = Declaration.objects.all()
    [seal] = sealing.check(bytes(declaration.file.content))
    assert seal.is_valid


@pytest.mark.parametrize("at", [SignedFile, Declaration, Signature])
def test_what_breaks_while_storing_leaves_nothing_signed_and_can_be_done_again(
    product: Product, owner: User, at: type[Model]
) -> None:
    frozen = stations.freeze(product)
    stations.prove(owner, frozen.sha256)
    full = patch.object(at, "save_base", side_effect=DatabaseError("No space left on device"))
    with refused("No space left", DatabaseError), stations.quick(), full:
        signing.sign(frozen, by=owner)
    assert stations.fresh(product).revisions.get().stage == "open"
    with stations.quick():
        assert signing.sign(frozen, by=owner)
    assert (Declaration.objects.count(), SignedFile.objects.count()) == (1, 1)


# --- what changed since


def test_nothing_is_signed_that_changed_after_it_was_frozen(product: Product, owner: User) -> None:
    frozen = stations.freeze(product)
    stations.prove(owner, frozen.sha256)
    conformity.admit(stations.coming(product), "23.1", what="No label", why="Too small", by=owner)
    assert not signing.is_current(current(product), frozen)
    with refused("changed after it was frozen"), stations.quick():
        signing.sign(frozen, by=owner)


def test_a_signature_has_one_moment_for_its_seal_its_row_and_what_is_declared(product: Product, owner: User) -> None:
    frozen = stations.freeze(product, printed=True)
    declaration = stations.set_seal(frozen, by=owner, printed=True)
    assert declaration
    assert declaration.frozen
    [seal] = sealing.check(bytes(declaration.file.content))
    moment = declaration.signed_at
    assert moment
    assert Signature.objects.get().signed_at == declaration.frozen.ended_at == declaration.file.stored_at == moment
    assert seal.claimed_at == moment.replace(microsecond=0)  # a PDF tells no less than seconds


def test_what_was_frozen_yesterday_is_signed_today_and_the_seal_says_when(owner: User) -> None:
    with stations.on_day("2026-03-01"):
        product = stations.documented()
        frozen = stations.freeze(product)
    with stations.on_day("2026-03-02"):
        declaration = stations.set_seal(frozen, by=owner)
    assert declaration
    assert declaration.signed_on == date(2026, 3, 2)
    assert declaration.snapshot["prepared_on"] == "2026-03-01"


# --- several who sign


def test_with_a_co_signer_it_is_declared_when_the_last_has_signed(
    product: Product, owner: User, manager: User, engineer: User
) -> None:
    Institution.objects.update(co_signers=["manager"])
    frozen = stations.freeze(product, co_signers=(("manager", manager),), printed=True)
    assert stations.set_seal(frozen, by=manager, printed=True) is None
    assert [signature.person for signature in signing.unsigned(frozen)] == [owner]
    assert Declaration.objects.count() == 0
    with denied():
        stations.set_seal(frozen, by=engineer, printed=True)
    declaration = stations.set_seal(frozen, by=owner, printed=True)
    assert declaration
    assert declaration.signed_by == owner
    seals = sealing.check(bytes(declaration.file.content))
    assert [(seal.intact, seal.trusted) for seal in seals] == [(True, True)] * 2
    assert seals[-1].whole


def test_each_signs_in_a_language_of_their_own(product: Product, owner: User, manager: User) -> None:
    with translation.override("sv"):
        frozen = with_manager(product, manager)
    assert frozen.snapshot["cosigners"][0]["role"] == "chef"
    with translation.override("nb"):
        assert stations.set_seal(frozen, by=manager) is None
    with translation.override("en"):
        assert stations.set_seal(frozen, by=owner)


def test_nobody_signs_twice_nor_for_another(product: Product, owner: User, manager: User) -> None:
    frozen = with_manager(product, manager)
    stations.set_seal(frozen, by=manager)
    with refused("signed already"), stations.quick():
        signing.sign(frozen, by=manager)
    stations.prove(owner, frozen.sha256)  # as it was before the manager's seal was in it
    with refused("not the one you proved it for"), stations.quick():
        signing.sign(frozen, by=owner)


def test_each_wanted_role_has_its_own_person_who_holds_it(product: Product, manager: User, engineer: User) -> None:
    Institution.objects.update(co_signers=["manager", "adviser"])
    wordings: list[dict[str, Any]] = [
        {},
        {"co_signers": (("manager", manager),)},
        {"co_signers": (("manager", engineer), ("adviser", manager))},
    ]
    for wording in wordings:
        with refused("Choose who signs as"):
            stations.freeze(product, **wording)
    both = factories.user("Bo Lund", at=product.unit, title="Head of both")
    for role in (Role.MANAGER, Role.ADVISER):
        both.assignments.create(role=role, administration=product.unit.administration, since=factories.LONG_AGO)
    with refused("Nobody signs in two parts"):
        stations.freeze(product, co_signers=(("manager", both), ("adviser", both)))


def test_who_lost_the_role_no_longer_signs_in_it(product: Product, manager: User) -> None:
    frozen = with_manager(product, manager)
    manager.assignments.all().delete()
    with denied():
        stations.set_seal(frozen, by=manager)


# --- who recorded what


def test_nobody_signs_who_recorded_both_verification_and_validation(product: Product, owner: User) -> None:
    EvidenceRecord.objects.update(recorded_by=owner)
    with refused("someone else records one of them", Refused):
        stations.freeze(product)


@pytest.mark.parametrize(("gate", "stops"), [("block", True), ("warn", False)])
def test_from_class_iia_the_signer_has_not_recorded_the_validation(owner: User, gate: str, stops: bool) -> None:
    Institution.objects.update(validation_gate=gate)
    product = stations.documented(design={"risk_class": "IIa"})
    EvidenceRecord.objects.filter(kind="validation").update(recorded_by=owner)
    if not stops:
        assert stations.freeze(product)
        return
    with refused("in this class someone else records it", Refused):
        stations.freeze(product)
    simple = stations.documented("A hook")
    EvidenceRecord.objects.filter(kind="validation", revision__product=simple).update(recorded_by=owner)
    assert stations.freeze(simple)


# --- translations


def test_a_translation_is_whole_or_not_offered(product: Product) -> None:
    with refused("Translate every text"):
        stations.freeze(product, translations={"nb": {"device.description": "En adapter"}})


def test_translations_are_sealed_with_the_declaration_and_in_nobody_s_name(product: Product, owner: User) -> None:
    told = signing.content(current(product), stations.coming(product), signing.Wording("sv", "Västanstad"))
    texts = {path: f"nb: {text}" for path, text in free_texts(told).items()}
    declaration = stations.set_seal(
        stations.freeze(product, translations={"nb": texts}, printed=True), by=owner, printed=True
    )
    assert declaration
    translation = declaration.translations.get()
    assert (translation.language, translation.file.name) == ("nb", f"{declaration.number}-nb.pdf")
    [seal] = sealing.check(bytes(translation.file.content))
    assert seal.intact
    assert seal.trusted
    assert seal.signer == ""
    [signed] = sealing.check(bytes(declaration.file.content))
    assert signed.signer.startswith(owner.name)
    again = signing.suggested(current(product), told)
    assert again["nb"] == texts


# --- for good


def test_after_signing_the_database_refuses_any_change_of_it(product: Product, owner: User) -> None:
    stations.set_seal(stations.freeze(product), by=owner)
    for statement in (
        "UPDATE inhouse_frozen SET place = 'Elsewhere'",
        "DELETE FROM inhouse_frozen",
        "UPDATE inhouse_signature SET signed_at = NULL",
        "DELETE FROM inhouse_signature",
        "UPDATE inhouse_declaration SET place = 'Elsewhere'",
        "DELETE FROM documents_signedfile",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
