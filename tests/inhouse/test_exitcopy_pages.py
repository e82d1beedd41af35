"""The pages about exit copies: ordered and taken by those who may, and by nobody else."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from inhouse import exitcopy, tasks
from inhouse.models import ExitCopy
from organisation import clock
from organisation.models import User
from products.models import Product
from tests import stations
from tests.costs import cost

pytestmark = pytest.mark.django_db
ALL = "/exit-copy/"


@pytest.fixture(autouse=True)
def root(settings: Settings, tmp_path: Path) -> Path:
    settings.EXIT_COPY_ROOT = tmp_path / "copies"
    return tmp_path / "copies"


@pytest.fixture
def product(db: None) -> Product:
    return stations.proposed()


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What was handed to the background work."""
    asked: list[int] = []
    monkeypatch.setattr(tasks.make_exit_copy, "delay", asked.append)
    return asked


def of(product: Product, name: str = "", copy: ExitCopy | None = None) -> str:
    return reverse(f"inhouse:exit-copy-of{name}", args=[product.pk, *([copy.pk] if copy else [])])


def test_an_auditor_orders_a_copy_sees_how_far_it_is_and_downloads_it(
    client: Client, auditor: User, product: Product, queue: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    client.force_login(auditor)
    assert "No copy has been ordered yet." in client.get(ALL).text
    with stations.on_day("2026-11-26"), django_capture_on_commit_callbacks(execute=True):
        assert client.post(ALL).status_code == 302
    copy = ExitCopy.objects.get()
    assert (queue, copy.ordered_by) == ([copy.pk], auditor)
    ExitCopy.objects.update(started_at=clock.now())
    page = client.get(ALL).text
    assert "0 of 1 products" in page
    assert "Take a copy" not in page
    tasks.make_exit_copy(copy.pk)
    assert "ready" in client.get(ALL).text
    answer = client.get(reverse("inhouse:exit-copies-download", args=[copy.pk]))
    assert answer["Content-Disposition"] == 'attachment; filename="femfem-exit-copy-2026-11-26.zip"'
    with ZipFile(BytesIO(b"".join(answer.streaming_content))) as archive:  # type: ignore[attr-defined]
        assert "femfem-exit-copy-2026-11-26/index.html" in archive.namelist()
    assert f"last downloaded by {auditor}" in client.get(ALL).text


def test_one_is_deleted_after_its_meaning_was_read(client: Client, auditor: User, product: Product) -> None:
    client.force_login(auditor)
    copy = exitcopy.order(by=auditor)
    exitcopy.work(copy.pk)
    address = reverse("inhouse:exit-copies-delete", args=[copy.pk])
    assert "Read what this means" in client.post(address).text
    client.post(address, {"read": "on"})
    copy.refresh_from_db()
    assert (copy.state, copy.deleted_by) == ("deleted", auditor)
    page = client.get(ALL).text
    assert "deleted" in page
    assert "Download" not in page


def test_files_that_are_gone_are_said_to_be(client: Client, auditor: User, product: Product) -> None:
    client.force_login(auditor)
    copy = exitcopy.order(by=auditor)
    ExitCopy.objects.update(ended_at=clock.now())
    answer = client.get(reverse("inhouse:exit-copies-download", args=[copy.pk]), follow=True)
    assert "no longer where they were put" in answer.text


def test_one_that_failed_is_tried_again(
    client: Client, auditor: User, product: Product, queue: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    client.force_login(auditor)
    copy = exitcopy.order(by=auditor)
    ExitCopy.objects.update(ended_at=clock.now(), trouble="OSError: No space left on device")
    assert "No space left on device" in client.get(ALL).text
    with django_capture_on_commit_callbacks(execute=True):
        client.post(reverse("inhouse:exit-copies-again", args=[copy.pk]))
    assert queue == [copy.pk]


def test_an_engineer_takes_a_copy_of_one_product(
    client: Client, engineer: User, product: Product, queue: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    client.force_login(engineer)
    assert of(product) in client.get(reverse("inhouse:product", args=[product.pk])).text
    with django_capture_on_commit_callbacks(execute=True):
        client.post(of(product))
    [key] = queue
    tasks.make_exit_copy(key)
    copy = ExitCopy.objects.get()
    assert client.get(of(product, "-download", copy)).status_code == 200
    other = stations.proposed("Another")
    assert client.get(of(other, "-download", copy)).status_code == 404
    assert client.get(ALL).status_code == 403


def test_a_nurse_sees_no_way_to_one(client: Client, nurse: User, product: Product) -> None:
    client.force_login(nurse)
    assert of(product) not in client.get(reverse("inhouse:product", args=[product.pk])).text
    assert client.post(of(product)).status_code == 403
    assert client.post(ALL).status_code == 403
    assert ExitCopy.objects.count() == 0


def test_the_page_asks_as_much_for_many_copies_as_for_one(client: Client, auditor: User, product: Product) -> None:
    client.force_login(auditor)
    ExitCopy.objects.create(ended_at=clock.now(), ordered_by=auditor)
    few = cost(client, ALL)
    for _number in range(4):
        ExitCopy.objects.create(product=product, ended_at=clock.now(), ordered_by=auditor)
    assert cost(client, ALL) == few <= 15


def test_the_background_work_orders_one_a_year_and_makes_it(
    product: Product, queue: list[int], django_capture_on_commit_callbacks: Any
) -> None:
    for _day in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            tasks.order_exit_copy()
    copy = ExitCopy.objects.get()
    assert queue == [copy.pk]
    tasks.make_exit_copies()
    assert queue == [copy.pk, copy.pk]
    tasks.make_exit_copy(copy.pk)
    tasks.make_exit_copy(copy.pk)
    copy.refresh_from_db()
    assert copy.state == "ready"
