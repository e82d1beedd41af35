"""Names stand where a reader looks for them: in the order of the reader's alphabet, on either database."""

from __future__ import annotations

import random

import pytest
from django.utils import translation

from organisation import alphabet
from organisation.alphabet import by
from organisation.models import Administration, Unit

ORDERS = {
    "sv": [
        "2 väst", "10 öst", "Aakre", "Aasen", "abborre", "abel", "Abel", "Álvarez", "Vass", "von Platen", "Wass", "Über", "Yngve",
        "Zetterström", "Ågren", "Ärlig", "Ærlig", "Öberg", "Østby",
    ],
    "nb": [
        "2 väst", "10 öst", "abborre", "abel", "Abel", "Álvarez", "Vass", "von Platen", "Wass", "Über", "Yngve", "Zetterström",
        "Ærlig", "Ärlig", "Öberg", "Østby", "Ågren", "Aakre", "Aasen",
    ],
    "en": [
        "2 väst", "10 öst", "Aakre", "Aasen", "abborre", "abel", "Abel", "Ærlig", "Ågren", "Álvarez", "Ärlig", "Öberg", "Østby",
        "Über", "Vass", "von Platen", "Wass", "Yngve", "Zetterström",
    ],
}  # fmt: skip


def shuffled(language: str) -> list[str]:
    return random.Random(5).sample(ORDERS[language], len(ORDERS[language]))


@pytest.mark.parametrize("language", ORDERS)
def test_names_follow_the_alphabet_of_the_reader(administration: Administration, language: str) -> None:
    Unit.objects.bulk_create(Unit(administration=administration, name=name) for name in shuffled(language))
    with translation.override(language):
        assert list(Unit.objects.order_by(by("name")).values_list("name", flat=True)) == ORDERS[language]


@pytest.mark.parametrize("language", ORDERS)
def test_what_is_sorted_without_the_database_is_sorted_alike(language: str) -> None:
    with translation.override(language):
        assert sorted(shuffled(language), key=alphabet.key) == ORDERS[language]


def test_the_alphabet_is_that_of_whoever_reads_and_not_of_who_wrote_the_query(administration: Administration) -> None:
    for name in ("Ägg", "Åre"):
        Unit.objects.create(administration=administration, name=name)
    with translation.override("sv"):
        units = Unit.objects.order_by(by("name"))
        assert [unit.name for unit in units.all()] == ["Åre", "Ägg"]
    with translation.override("nb"):
        assert [unit.name for unit in units.all()] == ["Ägg", "Åre"]


def test_numbers_within_identifiers_are_numbers() -> None:
    assert sorted(["SN-10", "SN-2", "sn-1", "SN-002", "SN-" + "9" * 5000], key=alphabet.key) == [
        "sn-1", "SN-002", "SN-2", "SN-10", "SN-" + "9" * 5000,
    ]  # fmt: skip


def test_what_only_looks_alike_still_has_one_order() -> None:
    composed, apart = "\u00c5berg", "A\u030aberg"  # a letter with its ring, and a letter and its ring
    assert sorted([composed, apart], key=alphabet.key) == sorted([apart, composed], key=alphabet.key)
