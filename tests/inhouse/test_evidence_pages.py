"""Documents, verifications and validations at the door."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from inhouse import declarations, design, evidence
from inhouse.models import EvidenceDocument, EvidenceRecord
from organisation.models import User
from products.models import Product
from tests import factories, stations

pytestmark = pytest.mark.django_db

FACTS = {"group": "design", "title": "Drawing 14", "version": "2", "reference": "", "language": "sv", "valid_from": ""}


@pytest.fixture(autouse=True)
def quick_pdf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(declarations, "render", stations.unset)


@pytest.fixture
def product(db: None) -> Product:
    return stations.in_development()


def page(name: str, *of: int, **query: str) -> str:
    return reverse(f"inhouse:{name}", args=of, query=query)


def read(client: Client, address: str, *, by: User | None = None) -> str:
    if by:
        client.force_login(by)
    answer = client.get(address)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def entry(product: Product, **given: Any) -> EvidenceDocument:
    return stations.document(stations.coming(product), **({"group": "design", "title": "Drawing 14"} | given))


# Documents


def test_a_group_is_missing_until_a_document_is_uploaded(client: Client, product: Product, engineer: User) -> None:
    told = read(client, page("documents", product.pk), by=engineer)
    assert "8 groups have no document" in told
    answer = client.post(page("documents-add", product.pk), FACTS | {"confidential": "on", "file": factories.pdf()})
    assert answer.status_code == 302
    kept = EvidenceDocument.objects.get()
    assert (kept.group, kept.document.title, kept.document.confidential) == ("design", "Drawing 14", True)
    told = read(client, page("documents", product.pk))
    assert "7 groups have no document" in told
    assert kept.document.file.sha256[:12] in told
    assert "version 2" in told


@pytest.mark.parametrize(
    ("upload", "why"),
    [
        (ContentFile(b"MZ\x90\x00", name="tool.pdf"), "The file holds a program"),
        (ContentFile(b"", name="empty.pdf"), "The file is empty"),
        (factories.pdf(name="drawing.docx"), "does not fit what the file holds"),
    ],
)
def test_a_file_that_is_not_kept_is_refused_beside_its_field(
    client: Client, product: Product, engineer: User, upload: ContentFile[bytes], why: str
) -> None:
    client.force_login(engineer)
    answer = client.post(page("documents-add", product.pk), FACTS | {"file": upload})
    assert [why in error for error in answer.context["form"].errors["file"]] == [True]
    assert "Drawing 14" in answer.content.decode()
    assert not EvidenceDocument.objects.exists()


def test_a_file_to_choose_again_is_asked_for(client: Client, product: Product, engineer: User) -> None:
    client.force_login(engineer)
    answer = client.post(page("documents-add", product.pk), FACTS | {"title": "", "file": factories.pdf()})
    assert "Choose the file again" in answer.content.decode()


def test_a_new_version_takes_the_place_of_the_old_which_stays_to_be_read(
    client: Client, product: Product, engineer: User
) -> None:
    old = entry(product)
    client.force_login(engineer)
    facts = {"title": "Drawing 14", "version": "3", "file": factories.pdf("Another page")}
    assert client.post(page("documents-replace", old.pk), facts).status_code == 302
    told = read(client, page("documents", product.pk))
    assert "version 3" in told
    assert "One earlier version" in told
    assert client.get(page("documents-file", product.pk, old.document_id)).status_code == 200


def test_a_document_leaves_the_revision_after_a_word_of_warning(
    client: Client, product: Product, engineer: User
) -> None:
    kept = entry(product)
    assert "history stay" in read(client, page("documents-remove", kept.pk), by=engineer)
    assert client.post(page("documents-remove", kept.pk)).status_code == 302
    assert not EvidenceDocument.objects.exists()
    assert client.get(page("documents-file", product.pk, kept.document_id)).status_code == 200


def test_what_is_carried_over_is_confirmed_at_once(client: Client, engineer: User) -> None:
    product = stations.second_revision()
    assert "8 documents are carried over" in read(client, page("documents", product.pk), by=engineer)
    assert client.post(page("documents-confirm", product.pk)).status_code == 302
    assert "carried over" not in read(client, page("documents", product.pk))


def test_a_confidential_document_opens_by_role(
    client: Client, product: Product, nurse: User, adviser: User, owner: User, outsider: User
) -> None:
    kept, open_one = entry(product), entry(product, title="Folder", group="user_information", confidential=False)
    for someone, status in ((nurse, 403), (outsider, 403), (adviser, 200), (owner, 200)):
        client.force_login(someone)
        assert client.get(page("documents-file", product.pk, kept.document_id)).status_code == status
        assert client.get(page("documents-file", product.pk, open_one.document_id)).status_code == 200


def test_a_document_of_another_product_is_not_found_under_this_one(
    client: Client, product: Product, engineer: User
) -> None:
    other = entry(stations.in_development("Drill guide"))
    client.force_login(engineer)
    assert client.get(page("documents-file", product.pk, other.document_id)).status_code == 404


def test_a_nurse_reads_and_is_offered_nothing(client: Client, product: Product, nurse: User) -> None:
    kept = entry(product)
    told = read(client, page("documents", product.pk), by=nurse)
    assert "Drawing 14" in told
    assert page("document", product.pk, kept.document_id) not in told
    assert page("documents-add", product.pk) not in told
    for address in (
        page("documents-add", product.pk),
        page("documents-replace", kept.pk),
        page("documents-remove", kept.pk),
    ):
        assert client.get(address).status_code == 200
        assert client.post(address, FACTS | {"file": factories.pdf()}).status_code == 403
    assert client.post(page("documents-confirm", product.pk)).status_code == 403
    assert EvidenceDocument.objects.get() == kept


def test_a_declared_revision_keeps_its_documents(client: Client, engineer: User) -> None:
    product = stations.declared()
    kept = EvidenceDocument.objects.filter(group="design").get()
    told = read(client, page("documents", product.pk), by=engineer)
    assert "what is signed is not changed" in told
    assert page("documents-remove", kept.pk) not in told
    answer = client.post(page("documents-add", product.pk), FACTS | {"file": factories.pdf()})
    assert "is signed" in answer.content.decode()
    assert "is signed" in client.post(page("documents-remove", kept.pk)).content.decode()
    assert EvidenceDocument.objects.filter(pk=kept.pk).exists()


def test_three_documents_cost_no_more_queries_than_one(client: Client, product: Product, engineer: User) -> None:
    first = entry(product)
    stations_version(first, engineer)
    counts = [queries(client, page("documents", product.pk), engineer)]
    for title in ("Drawing 15", "Drawing 16"):
        stations_version(entry(product, title=title), engineer)
    counts.append(queries(client, page("documents", product.pk), engineer))
    assert counts[0] == counts[1]


def stations_version(kept: EvidenceDocument, by: User) -> None:
    evidence.replace_document(kept, upload=factories.pdf(f"{kept.document.title} again"), version="2", by=by)


def queries(client: Client, address: str, by: User) -> int:
    client.force_login(by)
    client.get(address)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


# Verification and validation

EXAMINED = {
    "kind": "validation",
    "what": "Three adapters",
    "method": "Used at the ward",
    "result": "They hold",
    "outcome": "approved",
    "done_on": "2026-01-02",
    "done_by": "Eva Ek, clinical engineer",
    "document": "",
}


def test_a_validation_is_recorded_with_the_need_in_view(client: Client, product: Product, engineer: User) -> None:
    report = entry(product, title="Validation report", group="performance").document
    told = read(client, page("evidence-add", product.pk, kind="validation"), by=engineer)
    assert stations.NEED["special_need"] in told
    answer = client.post(page("evidence-add", product.pk), EXAMINED | {"document": str(report.pk)})
    assert answer.status_code == 302
    record = EvidenceRecord.objects.get()
    assert (record.kind, record.is_approved, record.document, record.recorded_by) == (
        "validation",
        True,
        report,
        engineer,
    )
    told = read(client, page("evidence", product.pk))
    assert "Used at the ward" in told
    assert page("document", product.pk, report.pk) in told


def test_a_record_of_tomorrow_or_with_a_foreign_report_is_refused(
    client: Client, product: Product, engineer: User
) -> None:
    foreign = entry(stations.in_development("Drill guide")).document
    client.force_login(engineer)
    for wrong, field in (({"done_on": "2999-01-01"}, "done_on"), ({"document": str(foreign.pk)}, "document")):
        answer = client.post(page("evidence-add", product.pk), EXAMINED | wrong)
        assert list(answer.context["form"].errors) == [field]
        assert "Used at the ward" in answer.content.decode()
    assert not EvidenceRecord.objects.exists()


def test_a_nurse_reads_the_records_of_a_declared_revision_and_nobody_adds(
    client: Client, nurse: User, engineer: User
) -> None:
    product = stations.declared()
    told = read(client, page("evidence", product.pk), by=nurse)
    assert "Pulled with ten newton" in told
    assert page("evidence-add", product.pk) not in told
    assert client.post(page("evidence-add", product.pk), EXAMINED).status_code == 403
    assert page("evidence-add", product.pk) not in read(client, page("evidence", product.pk), by=engineer)
    assert "is signed" in client.post(page("evidence-add", product.pk), EXAMINED).content.decode()
    assert EvidenceRecord.objects.count() == 2


def test_three_records_cost_no_more_queries_than_one(client: Client, product: Product, engineer: User) -> None:
    stations.record(stations.coming(product), kind="verification")
    one = queries(client, page("evidence", product.pk), engineer)
    for kind in EvidenceRecord.Kind:
        stations.record(stations.coming(product), kind=kind)
    assert queries(client, page("evidence", product.pk), engineer) == one


def test_the_page_says_which_examinations_are_of_an_earlier_design(client: Client, engineer: User) -> None:
    with stations.on_day("2026-03-01"):
        product = stations.documented()
    with stations.on_day("2026-03-05"):
        design.describe(stations.coming(product), {"description": "In two sizes"}, by=engineer)
    client.force_login(engineer)
    told = client.get(reverse("inhouse:evidence", args=[product.pk])).text
    assert told.count("of an earlier design") == 2
    assert told.count("The design was changed on 5 March 2026") == 2
