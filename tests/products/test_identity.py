"""Numbers are read the same way however they are typed, and refused with a reason that does not repeat them.

All numbers here are published test numbers: Skatteverket's list of test numbers (Sweden), Skatteetaten's, NAV's and
Norsk helsenett's series and Skatteetaten's own examples (Norway). In “production” those that carry no mark of being
test numbers stand in for real ones.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.core.exceptions import ValidationError
from pytest_django import Settings

from organisation import clock
from products import identity
from products.identity import Identifier, Kind
from products.synthetic import PUBLISHED

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def production(settings: Settings) -> None:
    settings.SYNTHETIC_PATIENTS = False


def parse(kind: str, text: str, issuer: str = "") -> str:
    with clock.at(NOW):
        return identity.parse(kind, text, issuer=issuer).value


def refusal(kind: str, text: str, issuer: str = "") -> str | None:
    with pytest.raises(ValidationError) as refused:
        parse(kind, text, issuer)
    if len(text) > 3:
        assert text not in str(refused.value)
    assert not [digits for digits in str(refused.value).split() if digits.isdigit() and len(digits) > 2]
    return refused.value.code


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("199006022397", "199006022397"),
        ("19900602-2397", "199006022397"),
        ("900602-2397", "199006022397"),
        ("9006022397", "199006022397"),
        (" 900602 2397 ", "199006022397"),
        ("900602–2397", "199006022397"),
        ("９００６０２-２３９７", "199006022397"),
        ("000105-2380", "200001052380"),
        ("20141231-2397", "201412312397"),
        ("031204+9802", "190312049802"),
        ("19031204+9802", "190312049802"),
        ("260605-8119", None),
        ("260605+8119", "192606058119"),
    ],
)
def test_a_swedish_number_is_read_in_every_way_it_is_written(text: str, value: str | None) -> None:
    if value is None:
        assert refusal(Kind.SE_PERSONNUMMER, text) == "real"  # without the plus it is someone born in 2026
    else:
        assert parse(Kind.SE_PERSONNUMMER, text) == value


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("900602-2398", "checksum"),
        ("900620-2397", "checksum"),
        ("900602-239", "format"),
        ("1900602-2397", "format"),
        ("900602-23971", "format"),
        ("T90602-2397", "format"),
        ("", "format"),
        ("901302-2398", "day"),
        ("900230-2397", "day"),
        ("900600-2399", "day"),
        ("900602-0003", "day"),
        ("179006022397", "day"),
        ("209006022397", "future"),
        ("261130-2395", "future"),
        ("202601612381", "other kind"),
        ("194408139089", "real"),
        ("199610202377", "real"),
    ],
)
def test_a_wrong_swedish_number_is_refused_with_the_reason(text: str, code: str) -> None:
    assert refusal(Kind.SE_PERSONNUMMER, text) == code


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("202601612381", "202601612381"),
        ("260191-2393", "202601912393"),
        ("191401682396", "191401682396"),
        ("140168+2396", "191401682396"),
        ("191500722390", "191500722390"),  # month not known
        ("191711602399", "191711602399"),  # day not known
    ],
)
def test_a_coordination_number_is_read(text: str, value: str) -> None:
    assert parse(Kind.SE_SAMORDNINGSNUMMER, text) == value


def test_a_personal_number_is_no_coordination_number() -> None:
    assert refusal(Kind.SE_SAMORDNINGSNUMMER, "199006022397") == "other kind"


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Kind.NO_FNR, "01818098452"),  # Skatteetaten, month + 80
        (Kind.NO_FNR, "21829196422"),
        (Kind.NO_FNR, "018180 98452"),
        (Kind.NO_FNR, "15507600333"),  # NAV, month + 40
        (Kind.NO_FNR, "29422059278"),  # 29 February 2020
        (Kind.NO_DNR, "55507608360"),
        (Kind.NO_DNR, "69422056629"),
        (Kind.NO_HELP, "15507600333"),
    ],
)
def test_a_synthetic_norwegian_number_is_read(kind: str, text: str) -> None:
    assert parse(kind, text) == text.replace(" ", "")


@pytest.mark.parametrize(
    ("kind", "text", "code"),
    [
        (Kind.NO_FNR, "01818098453", "checksum"),
        (Kind.NO_FNR, "10818098452", "checksum"),
        (Kind.NO_FNR, "0181809845", "format"),
        (Kind.NO_FNR, "O1818098452", "format"),
        (Kind.NO_FNR, "55507608360", "other kind"),
        (Kind.NO_DNR, "01818098452", "other kind"),
        (Kind.NO_FNR, "31129956715", "real"),
        (Kind.NO_FNR, "02013299997", "future"),
        (Kind.NO_FNR, "30108299939", "checksum"),
    ],
)
def test_a_wrong_norwegian_number_is_refused_with_the_reason(kind: str, text: str, code: str) -> None:
    assert refusal(kind, text) == code


@pytest.mark.parametrize("text", ["02013299997", "30108299920", "30108299939"])
def test_norwegian_numbers_of_the_kind_given_out_from_2032_are_read_from_then_on(production: None, text: str) -> None:
    with clock.at(datetime(2032, 2, 1, 12, tzinfo=UTC)):
        assert identity.parse(Kind.NO_FNR, text).value == text


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Kind.SE_PERSONNUMMER, "194408139089"),
        (Kind.NO_FNR, "31129956715"),
        (Kind.NO_HELP, "15507600333"),
    ],
)
def test_in_production_numbers_that_can_be_real_are_read(production: None, kind: str, text: str) -> None:
    assert parse(kind, text) == text


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Kind.SE_PERSONNUMMER, "199006022397"),
        (Kind.SE_PERSONNUMMER, "190312049802"),
        (Kind.SE_PERSONNUMMER, "192606058119"),
        (Kind.SE_SAMORDNINGSNUMMER, "202601612381"),
        (Kind.NO_FNR, "01818098452"),
        (Kind.NO_FNR, "15507600333"),
        (Kind.NO_DNR, "55507608360"),
    ],
)
def test_in_production_test_numbers_are_refused(production: None, kind: str, text: str) -> None:
    assert refusal(kind, text) == "synthetic"


@pytest.mark.parametrize("text", sorted(PUBLISHED))
def test_the_published_numbers_are_accepted_for_trying_out(text: str) -> None:
    assert parse(Kind.SE_PERSONNUMMER, text) == text


# Reserve numbers and other countries


def test_a_foreign_identifier_is_kept_with_its_issuer() -> None:
    assert identity.parse(Kind.FOREIGN, " ab-123 456 ", issuer=" Danmark  (CPR) ") == Identifier(
        Kind.FOREIGN, "AB123456", "Danmark (CPR)"
    )


@pytest.mark.parametrize(
    ("text", "issuer", "code"),
    [
        ("AB123456", "", "issuer"),
        ("AB123456", " x ", "issuer"),
        ("AB123456", "x" * 101, "issuer"),
        ("12", "Region Skåne", "format"),
        ("1" * 41, "Region Skåne", "format"),
        ("ANNA EK", "Region Skåne", "format"),
        ("12<script>", "Region Skåne", "format"),
        ("19440813-9089", "Region Skåne", "real"),
        ("31129956715", "Norge", "real"),
    ],
)
def test_a_reserve_number_needs_an_issuer_and_a_sensible_form(text: str, issuer: str, code: str) -> None:
    assert refusal(Kind.SE_RESERVE, text, issuer) == code


def test_an_unknown_kind_is_refused() -> None:
    assert refusal("passport", "199006022397") == "kind"


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        (Kind.SE_PERSONNUMMER, "199006022397", "19900602-2397"),
        (Kind.NO_FNR, "01818098452", "018180 98452"),
        (Kind.FOREIGN, "AB123456", "AB123456"),
    ],
)
def test_a_number_is_shown_as_people_read_it(kind: str, value: str, shown: str) -> None:
    assert identity.written(kind, value) == shown


def test_an_identifier_does_not_show_its_number_when_printed() -> None:
    identifier = Identifier(Kind.SE_PERSONNUMMER, "199006022397")
    assert "2397" not in f"{identifier!r} {identifier}"


# --- in the middle of a text


@pytest.mark.parametrize(
    "text",
    [
        "19900602-2397", "900602-2397", "9006022397", "900602 2397", "1990-06-02-2397", "19900602\n- 2397",
        "Namn;9006022397;ok", "900602\t2397", "９００６０２－２３９７", "patient900602-2397x", "900602–2397, 12 st",
        "samordning 900662-2394", "140168+2396", "018180 98452", "fnr 01818098452", "55507608360", "01.81.80 98452",
    ],
)  # fmt: skip
def test_a_patient_is_recognised_in_a_text_however_the_number_is_written(text: str) -> None:
    assert identity.occurs_in(f"Provad på {text} i mars")


@pytest.mark.parametrize(
    "text",
    [
        "19900602-2398", "1;1,00;0,87;2,15", "2024-01-02, 2025-03-04", "2024-01-02 15:30", "232100-0000",
        "07350012345678901", "IH-2026-0001", "ISO 13485:2016, 14971:2019", "0701-23 45 67",
    ],
)  # fmt: skip
def test_figures_days_and_references_are_no_patients(text: str) -> None:
    assert not identity.occurs_in(f"Enligt {text} och bilaga")


def test_real_numbers_are_recognised_where_only_test_numbers_are_taken_and_the_other_way(settings: Settings) -> None:
    for synthetic in (True, False):
        settings.SYNTHETIC_PATIENTS = synthetic
        assert identity.occurs_in("811228-9874")  # from Skatteverket's brochure
        assert identity.occurs_in("900602-2397")
