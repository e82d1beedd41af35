"""A disk that is really full, as the database and the system say it: told in words, nothing half stored, done again later."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import OperationalError, connection, transaction
from django.test import Client
from django.urls import reverse

from documents import storing
from documents.models import Document, SignedFile, StoredFile
from inhouse.models import Declaration, EvidenceDocument, Frozen, Signature
from organisation.models import User
from organisation.views import errors
from tests import factories, stations
from tests.inhouse.test_evidence_pages import FACTS

TOLD = ("There is no room left", "Nothing of what you just did was stored", "Tell an operator")
MEGABYTE = 2**20


@contextmanager
def full_database(pages: int) -> Iterator[None]:
    """SQLite has room for so many pages more."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM")  # pages that were given back would be room
        cursor.execute("PRAGMA page_count")
        [used] = cursor.fetchone()
        cursor.execute(f"PRAGMA max_page_count = {used + pages}")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA max_page_count = 4294967294")


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """The system writes no file beyond that size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def large(megabytes: int) -> ContentFile[bytes]:
    return ContentFile(factories.pdf().read() + b"%" * (megabytes * MEGABYTE) + b"\n%%EOF\n", name="drawing.pdf")


def left_over() -> list[Path]:
    return [path for path in Path(default_storage.path("")).rglob("*") if path.is_file()]


# --- the database


def signs_nothing_says_so_and_signs_once_there_is_room(
    client: Client, owner: User, full: AbstractContextManager[None]
) -> None:
    frozen = stations.freeze(stations.documented(), printed=True)
    proof = stations.prove(owner, frozen.sha256)
    client.force_login(owner)
    client.raise_request_exception = False
    here = reverse("inhouse:declaration-sign", args=[frozen.revision.product_id])
    client.get(reverse("inhouse:declaration-frozen", args=[frozen.revision.product_id, frozen.sha256]))
    with full:
        answer = client.post(here)
    assert answer.status_code == 507
    for words in TOLD:
        assert words in answer.text
    assert not Declaration.objects.exists()
    assert not SignedFile.objects.exists()
    assert Signature.objects.get().signed_at is None
    proof.refresh_from_db()
    assert proof.used_at is None
    kept = Frozen.objects.get()
    assert (kept.sha256, bytes(kept.content), kept.ended_at) == (frozen.sha256, bytes(frozen.content), None)
    assert frozen.revision.product.revisions.get().stage == "open"
    assert client.post(here).status_code == 302
    [declaration] = Declaration.objects.all()
    assert bytes(declaration.file.content).startswith(bytes(frozen.content))


if connection.vendor == "sqlite":  # a limit of pages is SQLite's

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("pages", [0, 5, 10])
    def test_a_full_database_signs_nothing_says_so_and_signs_once_there_is_room(
        client: Client, owner: User, pages: int
    ) -> None:
        signs_nothing_says_so_and_signs_once_there_is_room(client, owner, full_database(pages))
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA integrity_check")
            assert cursor.fetchone() == ("ok",)


@contextmanager
def no_room_for(table: str) -> Iterator[None]:
    """PostgreSQL says of a row of that table what it says when its disk is full."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE disk_full; END $$")
        cursor.execute(
            f"CREATE TRIGGER no_room BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION no_room()"
        )
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION no_room() CASCADE")


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("table", ["inhouse_signature", "documents_signedfile", "inhouse_step"])
def test_a_full_disk_of_postgresql_signs_nothing_says_so_and_signs_once_there_is_room(
    client: Client, owner: User, table: str
) -> None:
    signs_nothing_says_so_and_signs_once_there_is_room(client, owner, no_room_for(table))


@pytest.mark.postgres
@pytest.mark.django_db
def test_postgresql_says_it_in_its_own_way() -> None:
    with (
        pytest.raises(OperationalError) as trouble,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("DO $$ BEGIN RAISE disk_full; END $$")
    assert errors.no_room(trouble.value)


# --- files


@pytest.mark.django_db
def test_a_file_that_finds_no_room_is_not_kept_and_leaves_nothing(engineer: User) -> None:
    before = left_over()
    with largest_file(16 * MEGABYTE), pytest.raises(OSError) as trouble:
        storing.keep(large(17), by=engineer)
    assert errors.no_room(trouble.value)
    assert left_over() == before
    assert not StoredFile.objects.exists()
    stored = storing.keep(large(17), by=engineer)
    assert storing.open_checked(stored).read().endswith(b"%%EOF\n")


@pytest.mark.django_db
def test_a_document_that_finds_no_room_is_told_and_can_be_sent_again(client: Client, engineer: User) -> None:
    product = stations.in_development()
    before = left_over()
    client.force_login(engineer)
    client.raise_request_exception = False
    add = reverse("inhouse:documents-add", args=[product.pk])
    with largest_file(16 * MEGABYTE):
        answer = client.post(add, FACTS | {"confidential": "on", "file": large(17)})
    assert answer.status_code == 507
    for words in TOLD:
        assert words in answer.text
    assert left_over() == before
    assert not Document.objects.exists()
    assert client.post(add, FACTS | {"confidential": "on", "file": large(17)}).status_code == 302
    assert EvidenceDocument.objects.get().document.file.size > 17 * MEGABYTE


def test_another_trouble_is_not_called_a_full_disk() -> None:
    assert not errors.no_room(None)
    assert not errors.no_room(OperationalError("disk I/O error"))
    assert not errors.no_room(PermissionError(13, "Permission denied"))
