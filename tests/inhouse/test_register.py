"""What happens to a published declaration is entered for good, signed for, and proved to anyone."""

from __future__ import annotations

import json
from datetime import date
from itertools import pairwise

import pytest
from django.core.checks import Tags, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from documents import merkle, notes
from inhouse import declarations, lifecycle, register, withdrawal
from inhouse.models import Checkpoint, Declaration, Leaf
from inhouse.offline import verify_declaration as offline
from organisation import history
from tests import stations

pytestmark = pytest.mark.django_db

OTHER_KEY = "b3RoZXIga2V5LCBhbHNvIG5vbmUsIDMyIGJ5dGVzISE="


def published(name: str = "Catheter adapter") -> Declaration:
    product = stations.declared(name)
    stations.registered(product)
    return stations.declaration(product)


def log() -> list[tuple[str, str]]:
    return [(leaf.declaration.number, leaf.kind) for leaf in Leaf.objects.all()]


def signed_root() -> bytes:
    """What the newest checkpoint says, after its signature and its size were looked at."""
    newest = Checkpoint.objects.latest()
    said = notes.checkpoint(newest.note, register.signer().key)
    assert (said.origin, said.size, said.root.hex()) == ("127.0.0.1:8000/femfem", newest.size, newest.root)
    assert newest.size == Leaf.objects.count()
    return said.root


# --- entering


def test_publishing_is_an_entry_that_names_the_file_to_the_byte() -> None:
    with stations.on_day("2026-03-01"):
        declaration = published()
    leaf = Leaf.objects.get()
    assert leaf.data == (
        f'{{"date":"2026-03-01","declaration":"{declaration.number}","organisation_number":"232100-0000",'
        f'"sha256":"{declaration.file.sha256}","what":"published"}}'
    )
    assert (leaf.index, leaf.kind, leaf.on) == (0, "published", date(2026, 3, 1))
    assert signed_root() == merkle.leaf_hash(leaf.data.encode())
    assert history.of(leaf).get().history_user_id == declaration.published_by_id


def test_a_signed_declaration_that_is_not_published_is_no_entry() -> None:
    product = stations.declared()
    declarations.withdraw(stations.declaration(product), reason="A slip", by=stations.owner_of(product))
    assert log() == []
    assert register.latest() is None


def test_a_published_one_that_is_withdrawn_before_use_is_entered_as_withdrawn() -> None:
    product = stations.declared()
    stations.registered(product)
    declaration = stations.declaration(product)
    declarations.withdraw(declaration, reason="A slip", by=stations.owner_of(product))
    assert log() == [(declaration.number, "published"), (declaration.number, "withdrawn")]


def test_a_declaration_that_is_replaced_is_entered_when_its_last_item_is_gone() -> None:
    product = stations.second_in_force()
    first, second = Declaration.objects.order_by("version")
    assert log() == [(first.number, "published"), (second.number, "published")]
    for item in product.items.all():
        stations.scrapped(item)
    assert log()[2:] == [(first.number, "replaced")]
    signed_root()


def test_a_product_that_is_withdrawn_takes_its_published_declarations_along() -> None:
    product = stations.second_in_force()
    first, second = Declaration.objects.order_by("version")
    withdrawal.withdraw(product, reason="There is one to buy now", by=stations.owner_of(product))
    assert log()[2:] == [(first.number, "withdrawn"), (second.number, "withdrawn")]
    signed_root()


def test_a_product_that_is_given_up_takes_only_what_was_published_along() -> None:
    product = stations.declared()
    withdrawal.abandon(product, reason="The project ended", by=stations.manager(product))
    assert log() == []


def test_one_that_was_replaced_before_it_was_published_is_entered_as_both() -> None:
    product = stations.declared()
    declaration = stations.declaration(product)
    lifecycle._replace_declarations(declaration.revision, by=stations.owner_of(product))
    assert log() == []
    stations.registered(product)
    assert log() == [(declaration.number, "published"), (declaration.number, "replaced")]


def test_a_publication_that_fails_enters_nothing() -> None:
    product = stations.declared()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        stations.registered(product)
        assert len(log()) == 1
        raise ZeroDivisionError
    assert log() == []
    stations.registered(product)
    assert [leaf.index for leaf in Leaf.objects.all()] == [0]


@pytest.mark.parametrize("table", ["inhouse_leaf", "inhouse_checkpoint"])
@pytest.mark.parametrize("act", ["UPDATE {} SET at = '2020-01-01'", "DELETE FROM {}"])
def test_the_database_refuses_to_change_or_remove_what_was_entered_and_signed(table: str, act: str) -> None:
    published()
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(act.format(table))


def test_nothing_happens_to_a_declaration_twice() -> None:
    declaration = published()
    with pytest.raises(IntegrityError), transaction.atomic():
        register.append(declaration, Leaf.Kind.PUBLISHED)


# --- proving


def test_every_entry_is_proved_to_the_program_that_knows_nothing_else(client: Client) -> None:
    known = [published(f"Adapter {n}") for n in range(3)]
    for kind in (Leaf.Kind.REPLACED, Leaf.Kind.WITHDRAWN):
        for declaration in known[:2]:
            register.append(declaration, kind)
    hashes = [bytes.fromhex(leaf.hash) for leaf in Leaf.objects.all()]
    roots = [checkpoint.root for checkpoint in Checkpoint.objects.all()]
    assert roots == [merkle.root(hashes[:size]).hex() for size in range(1, 8)]
    entries = []
    for declaration in known:
        answer = client.get(reverse("inhouse:public-proof", args=[declaration.number]))
        assert answer["Content-Disposition"] == f'attachment; filename="{declaration.number}.proof.json"'
        proved = offline.check_proof(bytes(declaration.file.content), answer.text, str(register.signer().key))
        assert (proved.declaration, proved.size) == (declaration.number, 7)
        entries.append([(entry.index, entry.what) for entry in proved.entries])
    ended = [[(n, "published"), (n + 3, "replaced"), (n + 5, "withdrawn")] for n in range(2)]
    assert entries == [*ended, [(2, "published")]]


def test_the_proof_says_too_that_it_was_withdrawn(client: Client) -> None:
    product = stations.withdrawn()
    declaration = stations.declaration(product)
    text = client.get(reverse("inhouse:public-proof", args=[declaration.number])).text
    proved = offline.check_proof(bytes(declaration.file.content), text)
    assert [entry.what for entry in proved.entries] == ["published", "withdrawn"]
    assert proved.address == f"http://127.0.0.1:8000/register/{declaration.number}/"


def test_reading_a_proof_and_entering_take_no_more_questions_as_the_register_grows() -> None:
    declaration, other = published("Adapter 1"), published("Adapter 2")
    entering, proving = set(), set()
    for kind in (Leaf.Kind.REPLACED, Leaf.Kind.WITHDRAWN):
        with CaptureQueriesContext(connection) as asked, transaction.atomic():
            register.append(declaration, kind)
        entering.add(len(asked))
        with CaptureQueriesContext(connection) as asked:
            register.proof(other)
        proving.add(len(asked))
    assert (len(entering), len(proving)) == (1, 1)


# --- shown


def test_anyone_reads_the_entries_the_checkpoint_and_the_key(client: Client) -> None:
    first, second = published("Adapter 1"), published("Adapter 2")
    page = client.get(reverse("inhouse:public-log")).text
    assert page.index(second.number) < page.index(first.number)
    assert str(register.signer().key) in page
    answer = client.get(reverse("inhouse:public-checkpoint"))
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.text == Checkpoint.objects.latest().note
    assert answer.text.startswith("127.0.0.1:8000/femfem\n2\n")


def test_the_page_of_a_declaration_leads_to_its_proof(client: Client) -> None:
    declaration = published()
    page = client.get(declaration.get_absolute_url()).text
    assert f'href="/register/{declaration.number}.proof.json"' in page
    assert "Entry 0: published on" in page


def test_an_empty_register_has_a_page_and_no_checkpoint(client: Client) -> None:
    assert "No declaration is published yet." in client.get(reverse("inhouse:public-log")).text
    assert client.get(reverse("inhouse:public-checkpoint")).status_code == 404


def test_what_is_not_published_has_no_proof(client: Client) -> None:
    declaration = stations.declaration(stations.declared())
    assert client.get(reverse("inhouse:public-proof", args=[declaration.number])).status_code == 404


def test_a_long_log_is_shown_in_pages_with_as_many_questions(client: Client) -> None:
    published("Adapter 1")
    with CaptureQueriesContext(connection) as one:
        client.get(reverse("inhouse:public-log"))
    register.append(published("Adapter 2"), Leaf.Kind.WITHDRAWN)
    with CaptureQueriesContext(connection) as three:
        client.get(reverse("inhouse:public-log"))
    assert len(three) == len(one)


# --- the key


@pytest.mark.parametrize(
    ("name", "value"), [("REGISTER_KEY", "c2hvcnQ="), ("REGISTER_KEY", ""), ("REGISTER_ORIGIN", "a b")]
)
def test_a_key_that_cannot_sign_is_found_at_the_start(settings: Settings, name: str, value: str) -> None:
    setattr(settings, name, value)
    with pytest.raises(ImproperlyConfigured, match=name):
        register.signer()
    assert [message.id for message in run_checks(tags=[Tags.security])] == ["inhouse.C001"]


def test_a_new_key_signs_from_then_on_and_the_old_one_stays_known(client: Client, settings: Settings) -> None:
    first = published("Adapter 1")
    old = register.signer().key
    settings.REGISTER_KEY = OTHER_KEY
    text = client.get(reverse("inhouse:public-proof", args=[first.number])).text
    assert json.loads(text)["key"] == str(old)
    published("Adapter 2")
    new = register.signer().key
    assert register.keys() == [(str(new), 2), (str(old), 1)]
    proof = client.get(reverse("inhouse:public-proof", args=[first.number])).text
    assert offline.check_proof(bytes(first.file.content), proof, str(new)).size == 2
    with pytest.raises(offline.Altered, match="another key"):
        offline.check_proof(bytes(first.file.content), proof, str(old))


def test_every_checkpoint_is_signed_and_grows_the_one_before() -> None:
    declaration = published()
    for kind in (Leaf.Kind.REPLACED, Leaf.Kind.WITHDRAWN):
        register.append(declaration, kind)
    sizes = [notes.checkpoint(each.note, register.signer().key).size for each in Checkpoint.objects.all()]
    assert sizes == [1, 2, 3]
    assert all(earlier.at <= later.at for earlier, later in pairwise(Checkpoint.objects.all()))
