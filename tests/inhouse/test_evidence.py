"""Documents, verifications and validations of a revision."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from inhouse import evidence, lifecycle, papers
from inhouse.dossier import current
from inhouse.models import EvidenceDocument, EvidenceRecord
from organisation import clock
from organisation.models import User
from products.models import Revision
from tests import factories, stations
from tests.refusals import denied, refused

pytestmark = pytest.mark.django_db


def test_a_document_is_stored_in_its_group_with_day_and_version(engineer: User) -> None:
    with stations.on_day("2026-03-01"):
        product = stations.in_development()
        entry = stations.document(stations.coming(product), group="risk", title="Risk file")
    assert (entry.group, entry.added_on, entry.confirmed_on) == ("risk", date(2026, 3, 1), date(2026, 3, 1))
    assert (entry.document.title, entry.document.version, entry.document.uploaded_by) == ("Risk file", "1", engineer)


def test_documents_are_for_the_owner_and_engineers_here(nurse: User, manager: User, outsider: User) -> None:
    revision = stations.coming(stations.in_development())
    for person in (nurse, manager, outsider):
        with denied():
            evidence.add_document(revision, group="risk", upload=factories.pdf(), by=person, title="Risk file")


def test_a_file_that_is_refused_leaves_no_document(engineer: User) -> None:
    revision = stations.coming(stations.in_development())
    with refused("does not fit what the file holds"):
        evidence.add_document(
            revision, group="risk", upload=factories.pdf(name="risk.docx"), by=engineer, title="Risk file"
        )


def test_a_new_version_takes_the_place_of_a_document(engineer: User) -> None:
    product = stations.in_development()
    entry = stations.document(stations.coming(product), group="risk")
    newer = evidence.replace_document(entry, upload=factories.pdf("Second", name="risk.pdf"), by=engineer, version="2")
    assert newer.pk == entry.pk
    assert newer.document.replaces == entry.document
    [only] = current(product).documents
    assert only.document.version == "2"


def test_of_two_who_replace_the_same_version_the_second_is_told(engineer: User, owner: User) -> None:
    product = stations.in_development()
    entry = stations.document(stations.coming(product), group="risk")
    held = entry.document
    evidence.replace_document(entry, upload=factories.pdf("Mine"), by=engineer)
    EvidenceDocument.objects.filter(pk=entry.pk).update(document=held)  # as the other one still sees it
    with refused("meanwhile been replaced by a newer version from Eva Ek"):
        evidence.replace_document(entry, upload=factories.pdf("Yours"), by=owner)


def test_a_document_is_taken_out_of_an_open_revision_and_its_history_stays(engineer: User) -> None:
    product = stations.in_development()
    entry = stations.document(stations.coming(product), group="risk")
    evidence.remove_document(entry, by=engineer)
    assert current(product).documents == []
    assert [row.history_type for row in EvidenceDocument.history.all()] == ["-", "+"]  # type: ignore[attr-defined]


def test_the_documents_of_a_declared_revision_are_not_touched(owner: User) -> None:
    product = stations.declared()
    entry = current(product).documents[0]
    for act in (
        lambda: evidence.add_document(entry.revision, group="risk", upload=factories.pdf(), by=owner, title="More"),
        lambda: evidence.replace_document(entry, upload=factories.pdf("New"), by=owner),
        lambda: evidence.remove_document(entry, by=owner),
        lambda: evidence.confirm_documents(entry.revision, by=owner),
        lambda: stations.record(stations.coming(product), kind="verification"),
    ):
        with refused("what is signed is not changed"):
            act()


def test_an_earlier_revision_keeps_the_version_it_was_declared_with(engineer: User) -> None:
    product = stations.second_revision()
    coming, first = stations.coming(product), stations.in_force(product)
    entry = EvidenceDocument.objects.get(revision=coming, group="design")
    evidence.replace_document(entry, upload=factories.pdf("Second drawing"), by=engineer, version="2")
    d = current(product)
    assert [e.document.version for e in d.documents_of(first, "design")] == ["1"]
    assert [e.document.version for e in d.documents_of(coming, "design")] == ["2"]


def test_what_was_carried_over_is_confirmed_once(engineer: User) -> None:
    product = stations.second_revision()
    coming = stations.coming(product)
    assert {e.confirmed_on for e in current(product).documents_of(coming)} == {None}
    assert evidence.confirm_documents(coming, by=engineer) == 8
    assert evidence.confirm_documents(coming, by=engineer) == 0


def test_nothing_is_verified_before_work_has_begun() -> None:
    revision = stations.coming(stations.owned())
    with refused("once the product is in development"):
        stations.record(revision, kind="verification")


def test_nothing_is_verified_tomorrow() -> None:
    revision = stations.coming(stations.in_development())
    with refused("cannot lie in the future"):
        stations.record(revision, kind="verification", done_on=clock.today() + timedelta(days=1))


def test_a_record_says_what_how_and_who(owner: User) -> None:
    product = stations.in_development()
    record = stations.record(stations.coming(product), kind="validation")
    assert (record.kind, record.is_approved, record.recorded_by.name) == ("validation", True, "Eva Ek")
    with refused("is not a valid choice"):
        stations.record(stations.coming(product), kind="validation", outcome="perhaps")


def test_the_latest_examination_counts_by_its_day() -> None:
    with stations.on_day("2026-03-01"):
        product = stations.in_development()
    with stations.on_day("2026-03-10"):
        revision = stations.coming(product)
        stations.record(revision, kind="verification", outcome="not_approved", done_on=date(2026, 3, 5))
        stations.record(revision, kind="verification", done_on=date(2026, 3, 8))
        stations.record(revision, kind="verification", outcome="not_approved", done_on=date(2026, 3, 2))
    assert current(product).approved(revision, EvidenceRecord.Kind.VERIFICATION) is not None


def test_a_failed_validation_keeps_the_declaration_waiting(owner: User) -> None:
    product = stations.documented()
    stations.record(stations.coming(product), kind="validation", outcome="not_approved")
    texts = {o.text for o in lifecycle.obstacles(current(product), stations.coming(product), Revision.Stage.DECLARED)}
    assert texts == {
        "The latest validation was not approved.",
        "The declaration is signed only when verification and validation are both approved.",
    }


def test_an_open_document_is_for_all_staff_and_a_confidential_one_for_those_concerned(
    nurse: User, engineer: User, owner: User, outsider: User, auditor: User, operator: User
) -> None:
    revision = stations.coming(stations.in_development())
    plain = stations.document(revision, group="user_information", confidential=False)
    secret = stations.document(revision, group="design", confidential=True)
    assert all(papers.may_read(plain.document, plain.scope, by=p) for p in (nurse, outsider, operator))
    assert [papers.may_read(secret.document, secret.scope, by=p) for p in (engineer, owner, auditor)] == [True] * 3
    assert [papers.may_read(secret.document, secret.scope, by=p) for p in (nurse, outsider, operator)] == [False] * 3
