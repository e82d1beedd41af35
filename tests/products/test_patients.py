"""Patients are found by those who must find them; every look is logged; nothing else says who they are."""

from __future__ import annotations

import logging
import re
from datetime import date, timedelta
from io import StringIO
from threading import Barrier, Thread
from uuid import uuid4

import pytest
from django.core.checks import Tags, run_checks
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from organisation import clock
from organisation.models import Administration, Institution, Unit, User
from products import identity, keys, patients
from products.identity import Identifier, Kind
from products.models import Item, Patient, PatientIdentity, PatientLookUp, PatientUse, Product, Revision
from tests.refusals import refused

TWELVE, PERSON = "199006022397", identity.parse(Kind.SE_PERSONNUMMER, "19900602-2397")
OTHER = identity.parse(Kind.NO_FNR, "01818098452")
PURPOSE = "Recall of lot 7, the ward asked"
DAY = date(2026, 3, 1)
OLD, NEW = (
    "1:ZGVtbyBhbmQgdGVzdHMgb25seSwgMzIgYnl0ZXMhISE=",
    "2:MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=",
)


@pytest.fixture
def unit(db: None) -> Unit:
    institution = Institution.objects.create(
        id=1,
        name="Region Västanland",
        organisation_number="232100-0000",
        address="Box 1",
        place="Västanstad",
        country="SE",
        language="sv",
        contact="egentillverkning@example.org",
    )
    administration = Administration.objects.create(institution=institution, name="Sjukhuset")
    return Unit.objects.create(administration=administration, name="Medicinsk teknik")


@pytest.fixture
def engineer(unit: Unit) -> User:
    return User.objects.create(email="anna@example.org", name="Anna Ek", title="Ingenjör", unit=unit)


@pytest.fixture
def registrar(unit: Unit) -> User:
    return User.objects.create(email="bo@example.org", name="Bo Alm", title="Registrator", unit=unit)


@pytest.fixture
def item(unit: Unit, engineer: User) -> Item:
    product = Product.objects.create(
        number="IH-2026-0001",
        name="Borrguide",
        summary="Styr borret.",
        unit=unit,
        proposed_by=engineer,
        proposed_on=date(2026, 1, 2),
    )
    revision = Revision.objects.create(product=product, number=1)
    return Item.objects.create(
        product=product,
        revision=revision,
        identifier="0001",
        label_code="IH-0001",
        made_on=date(2026, 2, 1),
        made_by=engineer,
    )


@pytest.fixture
def use(item: Item, unit: Unit, engineer: User) -> PatientUse:
    return patients.note_use(item, identifier=PERSON, used_on=DAY, unit=unit, by=engineer)


# Noting


def test_a_use_is_noted_with_a_patient_whose_id_says_nothing(use: PatientUse, engineer: User) -> None:
    assert Patient.objects.get() == use.patient
    assert (use.used_on, use.noted_by) == (DAY, engineer)
    assert use.patient.identity.kind == Kind.SE_PERSONNUMMER


def test_the_same_person_is_one_patient_however_the_number_is_typed(
    use: PatientUse, item: Item, unit: Unit, engineer: User
) -> None:
    for text in ("199006022397", "900602-2397", "9006022397", " 19900602 2397"):
        again = identity.parse(Kind.SE_PERSONNUMMER, text)
        patients.note_use(item, identifier=again, used_on=DAY + timedelta(days=len(text)), unit=unit, by=engineer)
    assert Patient.objects.count() == PatientIdentity.objects.count() == 1
    assert PatientUse.objects.count() == 5


def test_the_same_use_twice_is_noted_once(use: PatientUse, item: Item, unit: Unit, engineer: User) -> None:
    assert patients.note_use(item, identifier=PERSON, used_on=DAY, unit=unit, by=engineer) == use
    assert PatientUse.objects.count() == 1


@pytest.mark.parametrize("used_on", [date(2026, 1, 31), None])
def test_a_use_in_the_future_or_before_the_item_was_made_is_refused(
    item: Item, unit: Unit, engineer: User, used_on: date | None
) -> None:
    day = used_on or clock.today() + timedelta(days=1)
    with pytest.raises(ValidationError) as refusal:
        patients.note_use(item, identifier=PERSON, used_on=day, unit=unit, by=engineer)
    assert list(refusal.value.message_dict) == ["used_on"]
    assert not Patient.objects.exists()


def test_numbers_of_different_kinds_or_issuers_are_different_patients() -> None:
    said = [
        Identifier(Kind.FOREIGN, "17", "Skåne"),
        Identifier(Kind.FOREIGN, "17", "Oslo"),
        Identifier(Kind.SE_RESERVE, "17", "Skåne"),
    ]
    assert len({keys.index(identifier) for identifier in said}) == 3
    assert keys.index(said[0]) == keys.index(Identifier(Kind.FOREIGN, "17", "SKÅNE"))


def test_the_database_refuses_one_number_for_two_patients(use: PatientUse) -> None:
    known = use.patient.identity
    with pytest.raises(IntegrityError), transaction.atomic():
        PatientIdentity.objects.create(
            patient=Patient.objects.create(),
            kind=known.kind,
            ciphertext=known.ciphertext,
            key_id=known.key_id,
            index=known.index,
        )


# Finding and revealing


def test_a_patient_is_found_by_number_and_the_look_is_logged(use: PatientUse, engineer: User) -> None:
    assert patients.find(PERSON, purpose=PURPOSE, by=engineer) == use.patient
    log = PatientLookUp.objects.get()
    assert (log.kind, log.by, log.purpose) == ("by_number", engineer, PURPOSE)
    assert (log.patient, log.product, log.found) == (use.patient, None, True)


def test_a_look_that_finds_nobody_is_logged_too(use: PatientUse, engineer: User) -> None:
    assert patients.find(OTHER, purpose=PURPOSE, by=engineer) is None
    log = PatientLookUp.objects.get()
    assert (log.patient, log.found) == (None, False)


@pytest.mark.parametrize(
    "purpose", ["", "because", "          ", "x" * 501, "Asked about 19900602-2397", "se 9006022397"]
)
def test_without_a_purpose_nothing_is_looked_up_and_nothing_logged(
    use: PatientUse, engineer: User, purpose: str
) -> None:
    for look in (
        lambda: patients.find(PERSON, purpose=purpose, by=engineer),
        lambda: patients.reveal(use, purpose=purpose, by=engineer),
    ):
        with pytest.raises(ValidationError) as refusal:
            look()
        assert list(refusal.value.message_dict) == ["purpose"]
    assert not PatientLookUp.objects.exists()


def test_a_number_is_revealed_from_a_use_and_logged_with_its_product(
    use: PatientUse, item: Item, engineer: User
) -> None:
    assert patients.reveal(use, purpose=PURPOSE, by=engineer) == "19900602-2397"
    log = PatientLookUp.objects.get()
    assert (log.kind, log.patient, log.product, log.found) == ("revealed", use.patient, item.product, True)


def test_the_owner_sees_looks_from_the_product_and_at_its_patients(
    use: PatientUse, item: Item, engineer: User, registrar: User
) -> None:
    patients.reveal(use, purpose=PURPOSE, by=engineer)
    patients.find(PERSON, purpose=PURPOSE, by=registrar)
    patients.find(OTHER, purpose=PURPOSE, by=registrar)
    assert [log.by for log in patients.look_ups(item.product)] == [registrar, engineer]


def test_the_database_refuses_to_change_or_delete_a_look(use: PatientUse, engineer: User) -> None:
    patients.find(PERSON, purpose=PURPOSE, by=engineer)
    with pytest.raises(IntegrityError), transaction.atomic():
        PatientLookUp.objects.update(purpose="Something else entirely")
    with pytest.raises(IntegrityError), transaction.atomic():
        PatientLookUp.objects.all().delete()


# Erasing


def test_erasing_forgets_who_but_not_what(use: PatientUse, engineer: User, registrar: User) -> None:
    patients.find(PERSON, purpose=PURPOSE, by=engineer)
    patients.erase(use.patient, decision="Dnr 2026-17, decided 1 March", by=registrar)
    patient = Patient.objects.get()
    assert (patient.erased_by, patient.erasure_decision) == (registrar, "Dnr 2026-17, decided 1 March")
    assert patient.is_erased
    assert list(patients.uses_of(patient)) == [use]
    assert PatientLookUp.objects.count() == 1
    assert not PatientIdentity.objects.exists()
    assert patients.find(PERSON, purpose=PURPOSE, by=engineer) is None
    with pytest.raises(ValidationError, match="erased"):
        patients.reveal(use, purpose=PURPOSE, by=engineer)
    with pytest.raises(ValidationError, match="already"):
        patients.erase(patient, decision="Again", by=registrar)


def test_erasing_needs_a_decision(use: PatientUse, registrar: User) -> None:
    with pytest.raises(ValidationError) as refusal:
        patients.erase(use.patient, decision="  ", by=registrar)
    assert list(refusal.value.message_dict) == ["decision"]
    assert PatientIdentity.objects.count() == 1


WRITTEN = [
    "19900602-2397",
    "19900602–2397",
    "19900602_2397",
    "1990/06/02, 2397",
    "9006022397",
    "19 90.06.02 - 23\u200b97",
]


@pytest.mark.parametrize("number", WRITTEN)
def test_what_is_kept_for_good_holds_no_patient_number_however_it_is_written(
    use: PatientUse, engineer: User, registrar: User, number: str
) -> None:
    with refused("patient's number"):
        patients.find(PERSON, purpose=f"Asked about {number}", by=engineer)
    with refused("patient's number"):
        patients.erase(use.patient, decision=f"Dnr 2026-17 on {number}", by=registrar)


def test_days_and_references_with_words_between_are_no_patient_number(use: PatientUse, registrar: User) -> None:
    patients.erase(use.patient, decision="RV 2026-00417 of 2026-03-01", by=registrar)


def test_someone_erased_who_comes_back_is_a_new_patient(
    use: PatientUse, item: Item, unit: Unit, engineer: User, registrar: User
) -> None:
    patients.erase(use.patient, decision="Dnr 2026-17", by=registrar)
    again = patients.note_use(item, identifier=PERSON, used_on=DAY, unit=unit, by=engineer)
    assert again.patient != use.patient


# Keys


def test_a_number_is_encrypted_differently_each_time_and_read_again() -> None:
    patient_id = uuid4()
    (key_id, first), (_key_id, second) = (keys.encrypt(PERSON, patient_id) for _each in range(2))
    assert first != second
    assert (key_id, first[0]) == (1, 1)
    assert TWELVE.encode() not in first
    assert keys.decrypt(first, patient_id, Kind.SE_PERSONNUMMER) == TWELVE


def test_every_altered_byte_is_noticed() -> None:
    patient_id = uuid4()
    _key_id, sealed = keys.encrypt(PERSON, patient_id)
    for place in range(len(sealed)):
        altered = bytearray(sealed)
        altered[place] ^= 1
        with pytest.raises(keys.Unreadable):
            keys.decrypt(bytes(altered), patient_id, Kind.SE_PERSONNUMMER)
    for short in (b"", sealed[:5], sealed[:20], sealed[:-1]):
        with pytest.raises(keys.Unreadable):
            keys.decrypt(short, patient_id, Kind.SE_PERSONNUMMER)


def test_a_number_moved_to_another_patient_or_kind_is_noticed() -> None:
    patient_id = uuid4()
    _key_id, sealed = keys.encrypt(PERSON, patient_id)
    with pytest.raises(keys.Unreadable, match="altered"):
        keys.decrypt(sealed, uuid4(), Kind.SE_PERSONNUMMER)
    with pytest.raises(keys.Unreadable, match="altered"):
        keys.decrypt(sealed, patient_id, Kind.SE_SAMORDNINGSNUMMER)


def test_a_missing_key_is_said_clearly(use: PatientUse, engineer: User, settings: Settings) -> None:
    settings.PATIENT_KEYS = NEW
    with pytest.raises(keys.Unreadable, match="not among the keys"):
        patients.reveal(use, purpose=PURPOSE, by=engineer)


def test_keys_rotate_while_numbers_stay_readable(
    use: PatientUse, item: Item, unit: Unit, engineer: User, settings: Settings
) -> None:
    patients.note_use(item, identifier=OTHER, used_on=DAY, unit=unit, by=engineer)
    settings.PATIENT_KEYS = f"{NEW},{OLD}"
    assert patients.reveal(use, purpose=PURPOSE, by=engineer) == "19900602-2397"
    assert patients.rotate(limit=1) == 1
    assert patients.waiting_for_rotation() == 1
    assert patients.rotate() == 1
    assert patients.rotate() == 0
    settings.PATIENT_KEYS = NEW
    assert patients.reveal(use, purpose=PURPOSE, by=engineer) == "19900602-2397"
    assert patients.find(OTHER, purpose=PURPOSE, by=engineer) is not None


def test_the_command_says_what_it_will_do_does_it_and_finds_nothing_more(use: PatientUse, settings: Settings) -> None:
    def run(**options: bool) -> list[str]:
        out = StringIO()
        call_command("rotate_patient_keys", stdout=out, **options)
        return [line.split()[0] for line in out.getvalue().splitlines()]

    settings.PATIENT_KEYS = f"{NEW},{OLD}"
    assert run(dry_run=True) == ["1"]
    assert PatientIdentity.objects.get().key_id == 1
    assert run() == ["1", "1"]
    assert PatientIdentity.objects.get().key_id == 2
    assert run() == ["0", "0"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PATIENT_KEYS", ""),
        ("PATIENT_KEYS", "1:c2hvcnQ="),
        ("PATIENT_KEYS", "1:not base64"),
        ("PATIENT_KEYS", f"x{OLD[1:]}"),
        ("PATIENT_KEYS", f"256{OLD[1:]}"),
        ("PATIENT_KEYS", f"{OLD},{OLD}"),
        ("PATIENT_INDEX_KEY", "c2hvcnQ="),
        ("PATIENT_INDEX_KEY", OLD[2:]),
    ],
)
def test_a_key_that_cannot_be_used_is_found_at_the_start(settings: Settings, name: str, value: str) -> None:
    setattr(settings, name, value)
    with pytest.raises(ImproperlyConfigured) as refusal:
        keys.verify()
    assert name in str(refusal.value)
    assert OLD[2:] not in str(refusal.value)
    assert [message.id for message in run_checks(tags=[Tags.security])] == ["products.C001"]


# Nothing else says who they are


def everything_in_the_database() -> str:
    """All rows of all tables, each value as text and bytes also as they are."""
    rows: list[str] = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            for row in cursor.fetchall():
                for value in row:
                    held = bytes(value).decode("latin-1") if isinstance(value, bytes | memoryview) else str(value)
                    rows.append(f"{table}: {held}")
    return "\n".join(rows)


def test_the_number_is_in_no_table_no_history_no_log_and_no_query(
    item: Item, unit: Unit, engineer: User, registrar: User, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), CaptureQueriesContext(connection) as queries:
        use = patients.note_use(item, identifier=PERSON, used_on=DAY, unit=unit, by=engineer)
        patients.note_use(item, identifier=OTHER, used_on=DAY, unit=unit, by=engineer)
        patients.find(PERSON, purpose=PURPOSE, by=engineer)
        patients.reveal(use, purpose=PURPOSE, by=engineer)
        dump = everything_in_the_database()
        patients.erase(use.patient, decision="Dnr 2026-17", by=registrar)
    assert str(use.patient_id).replace("-", "") in dump.replace("-", "")  # the dump does see what there is
    said = "\n".join([dump, caplog.text, *(query["sql"] for query in queries.captured_queries)])
    digits = re.sub(r"[-\s+]", "", said)
    for number in (TWELVE, TWELVE[2:], OTHER.value):
        assert number not in said
        assert number not in digits


def test_identities_have_no_history(use: PatientUse) -> None:
    assert not [name for name in connection.introspection.table_names() if "historicalpatientidentity" in name]
    assert not hasattr(PatientIdentity, "history")
    assert Patient.history.count() == 1  # type: ignore[attr-defined]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_people_noting_a_new_patient_at_once_make_one(item: Item, unit: Unit, engineer: User) -> None:
    together, found = Barrier(4), []

    def note() -> None:
        together.wait()
        try:
            found.append(patients.note_use(item, identifier=PERSON, used_on=DAY, unit=unit, by=engineer).pk)
        finally:
            connection.close()

    threads = [Thread(target=note) for _each in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1
    assert Patient.objects.count() == 1
