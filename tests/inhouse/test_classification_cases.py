"""Devices whose class the public guidance names: the rules give the same class, and the same rule decides.

The examples are told in our own words; the place in the guidance stands beside each. MDCG 2021-24 of October 2021,
section 4.2; MDCG 2019-11 rev.1 of June 2025; MDCG 2020-16 rev.4 of March 2025. Ticks are what a careful reader of
the rule would tick: every rule that applies, and every case that fits.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest

from inhouse import classification
from inhouse.law.rules import edition


class Case(NamedTuple):
    device: str
    source: str
    applies: dict[str, tuple[str, ...]]
    risk_class: str
    deciding: str
    drives: str = ""


MDR = [
    Case("stethoscope", "MDCG 2021-24, 4.2, rule 1", {"1": ()}, "I", "1"),
    Case("tubing for an infusion pump", "MDCG 2021-24, 4.2, rule 2, IIa", {"1": (), "2": ("2a",)}, "IIa", "2"),
    Case("blood bag without an anticoagulant", "MDCG 2021-24, 4.2, rule 2, IIb", {"1": (), "2": ("2b", "2c")}, "IIb", "2"),
    Case("administration set that works by gravity", "MDCG 2021-24, 4.2, rule 2, I", {"1": (), "2": ()}, "I", "2"),
    Case("blood bag with heparin", "MDCG 2021-24, 4.2, rule 14", {"2": ("2b", "2c"), "14": ()}, "III", "14"),
    Case("haemodialyser", "MDCG 2021-24, 4.2, rule 3, IIb", {"3": ("3a",)}, "IIb", "3"),
    Case("filter for particles in blood outside the body", "MDCG 2021-24, 4.2, rule 3, IIa", {"3": ("3a", "3b")}, "IIa", "3"),
    Case("medium for IVF cells without albumin", "MDCG 2021-24, 4.2, rule 3, III", {"3": ("3c",)}, "III", "3"),
    Case("medium for IVF cells with human albumin", "MDCG 2021-24, 4.2, rule 14, note 2", {"3": ("3c",), "14": ()}, "III", "14"),
    Case("absorbing gauze", "MDCG 2021-24, 4.2, rule 4, I", {"1": (), "4": ("4a",)}, "I", "4"),
    Case("dressing for severe decubitus wounds", "MDCG 2021-24, 4.2, rule 4, IIb", {"4": ("4a", "4b")}, "IIb", "4"),
    Case("hydrogel dressing", "MDCG 2021-24, 4.2, rule 4, IIa", {"4": ("4a", "4c")}, "IIa", "4"),
    Case("dental mirror", "MDCG 2021-24, 4.2, rule 5, I", {"5": ("5a",)}, "I", "5"),
    Case("indwelling urinary catheter, short-term", "MDCG 2021-24, 4.2, rule 5, IIa", {"5": ("5b",)}, "IIa", "5"),
    Case("removable denture", "MDCG 2021-24, 4.2, rule 5, I", {"5": ("5b", "5b-x")}, "I", "5"),
    Case("orthodontic wire", "MDCG 2021-24, 4.2, rule 5, IIa", {"5": ("5c", "5c-x")}, "IIa", "5"),
    Case("tracheal tube on a ventilator", "MDCG 2021-24, 4.2, rule 5, connected", {"5": ("5b", "5d")}, "IIa", "5"),
    Case("tracheal cannula for long-term use, connected", "MDCG 2021-24, 4.2, rule 5, practical issues", {"5": ("5c", "5d")}, "IIb", "5"),
    Case("reusable drill bit", "MDCG 2021-24, 4.2, rule 6, I", {"6": ("6b",)}, "I", "6"),
    Case("single-use scalpel", "MDCG 2021-24, 4.2, rule 6, IIa", {"6": ()}, "IIa", "6"),
    Case("brain spatula", "MDCG 2021-24, 4.2, rule 6, III", {"6": ("6b", "6c")}, "III", "6"),
    Case("refillable insulin pen", "MDCG 2021-24, 4.2, rule 6, IIb", {"6": ("6f",)}, "IIb", "6"),
    Case("absorbable suture", "MDCG 2021-24, 4.2, rule 7, III", {"7": ("7d",)}, "III", "7"),
    Case("brachytherapy device, short-term", "MDCG 2021-24, 4.2, rule 7, IIb", {"7": ("7c",)}, "IIb", "7"),
    Case("crown", "MDCG 2021-24, 4.2, rule 8, IIa", {"8": ("8a",)}, "IIa", "8"),
    Case("intra-ocular lens", "MDCG 2021-24, 4.2, rule 8, IIb", {"8": ()}, "IIb", "8"),
    Case("hip prosthesis", "MDCG 2021-24, 4.2, rule 8, III", {"8": ("8h",)}, "III", "8"),
    Case("phototherapy lamp for newborns", "MDCG 2021-24, 4.2, rule 9, IIa", {"9": ("9a",)}, "IIa", "9"),
    Case("incubator for babies", "MDCG 2021-24, 4.2, rule 9, IIb", {"9": ("9a", "9b")}, "IIb", "9"),
    Case("programmer of an implanted defibrillator", "MDCG 2021-24, 4.2, rule 9, III", {"9": ("9e",)}, "III", "9"),
    Case("diagnostic ultrasound", "MDCG 2021-24, 4.2, rule 10, IIa", {"10": ("10a",)}, "IIa", "10"),
    Case("examination lamp", "MDCG 2021-24, 4.2, rule 10, I", {"10": ("10a", "10a-x")}, "I", "10"),
    Case("monitor in intensive care", "MDCG 2021-24, 4.2, rule 10, IIb", {"10": ("10c", "10d")}, "IIb", "10"),
    Case("feeding pump", "MDCG 2021-24, 4.2, rule 12, IIa", {"12": ()}, "IIa", "12"),
    Case("dialysis equipment", "MDCG 2021-24, 4.2, rule 12, IIb", {"12": ("12b",)}, "IIb", "12"),
    Case("electric wheelchair", "MDCG 2021-24, 4.2, rule 13", {"1": (), "13": ()}, "I", "13"),
    Case("condom", "MDCG 2021-24, 4.2, rule 15, IIb", {"5": ("5a",), "15": ()}, "IIb", "15"),
    Case("cleaner for contact lenses", "MDCG 2021-24, 4.2, rule 16, IIb", {"16": ("16a",)}, "IIb", "16"),
    Case("automated external defibrillator", "MDR Annex VIII, rule 22", {"9": ("9a", "9b"), "22": ()}, "III", "22"),
    Case("leather brace on intact skin", "MDR Annex VIII, rule 18, second part", {"1": (), "18": ("18-x",)}, "I", "1"),
]  # fmt: skip
SOFTWARE = [
    Case("ranks chemotherapies for BRCA carriers", "MDCG 2021-24, 4.2, rule 11, IIa", {"11": ("11a",)}, "IIa", "11"),
    Case("chooses cognitive therapy, with a specialist", "MDCG 2021-24, 4.2, rule 11, IIa", {"11": ("11a",)}, "IIa", "11"),
    Case("reads images of acute stroke", "MDCG 2021-24, 4.2, rule 11, III", {"11": ("11a", "11a-III")}, "III", "11"),
    Case("finds abnormal heartbeats for the physician", "MDCG 2021-24, 4.2, rule 11, IIb", {"11": ("11a", "11a-IIb")}, "IIb", "11"),
    Case("diagnoses depression by a score", "MDCG 2021-24, 4.2, rule 11, IIb", {"11": ("11a", "11a-IIb")}, "IIb", "11"),
    Case("monitors what is not vital", "MDCG 2021-24, 4.2, rule 11, IIa", {"11": ("11b",)}, "IIa", "11"),
    Case("watches vital signs in intensive care", "MDCG 2021-24, 4.2, rule 11, IIb", {"11": ("11b", "11b-IIb")}, "IIb", "11"),
    Case("supports conception by a fertility status", "MDCG 2021-24, 4.2, rule 11, I", {"1": (), "11": ()}, "I", "11"),
    Case("the same for contraception", "MDCG 2019-11 rev.1, 4.2.4; MDCG 2021-24, rule 15", {"11": (), "15": ()}, "IIb", "15"),
    Case("finds melanoma and drives a scanner of class IIa", "MDCG 2019-11 rev.1, 4.1", {"11": ("11a", "11a-III")}, "III", "11", "IIa"),
    Case("analyses arterial stiffness for prevention", "MDCG 2019-11 rev.1, 4.2.1, 11a", {"11": ("11a",)}, "IIa", "11"),
    Case("software that only runs a pump of class IIb", "MDCG 2019-11 rev.1, 4.2.2 and MDR Annex VIII 3.3", {}, "IIb", "3.3", "IIb"),
    Case("doses radiotherapy, driving a linear accelerator", "MDCG 2019-11 rev.1, Annex I b; MDR rule 9", {"9": ("9d",)}, "IIb", "9", "IIb"),
]  # fmt: skip
IVDR = [
    Case("anti-HCV test for blood donors", "MDCG 2020-16 rev.4, rule 1, first indent", {"1": ("1a", "1b")}, "D", "1"),
    Case("test for Ebola virus", "MDCG 2020-16 rev.4, rule 1, second indent", {"1": ("1b",)}, "D", "1"),
    Case("viral load of HIV", "MDCG 2020-16 rev.4, rule 1, third indent", {"1": ("1c",)}, "D", "1"),
    Case("anti-K reagent before transfusion", "MDCG 2020-16 rev.4, rule 2, class D", {"2": ("2b",)}, "D", "2"),
    Case("HLA typing before transplantation", "MDCG 2020-16 rev.4, rule 2, class C", {"2": ()}, "C", "2"),
    Case("test for Chlamydia trachomatis", "MDCG 2020-16 rev.4, rule 3(a)", {"3": ("3a",)}, "C", "3"),
    Case("PD-L1 staining that selects for pembrolizumab", "MDCG 2020-16 rev.4, rule 3(f)", {"3": ("3f", "3h")}, "C", "3"),
    Case("screening of newborns for phenylketonuria", "MDCG 2020-16 rev.4, rule 3(m)", {"3": ("3m",)}, "C", "3"),
    Case("glucose strips for self-testing", "MDCG 2020-16 rev.4, rule 4(a)", {"4": ("4a",)}, "C", "4"),
    Case("pregnancy test for self-testing", "IVDR Annex VIII, rule 4(a); MDCG 2020-16 rev.4", {"4": ("4a", "4a-x")}, "B", "4"),
    Case("self-test for HIV antibodies", "MDCG 2020-16 rev.4, rule 4(a)", {"1": ("1b",), "4": ("4a",)}, "D", "1"),
    Case("near-patient rapid test for HIV", "MDCG 2020-16 rev.4, rule 4(b)", {"1": ("1b",), "4": ("4b",)}, "D", "1"),
    Case("near-patient test for MRSA", "MDCG 2020-16 rev.4, rule 4(b)", {"3": ("3c",), "4": ("4b",)}, "C", "3"),
    Case("near-patient urine dipstick", "MDCG 2020-16 rev.4, rule 4(b)", {"4": ("4b",), "6": ()}, "B", "6"),
    Case("pipette meant for one examination", "MDCG 2020-16 rev.4, rule 5(a)", {"5": ("5a",)}, "A", "5"),
    Case("specimen tube", "IVDR Annex VIII, rule 5(c)", {"5": ("5c",)}, "A", "5"),
    Case("control without an assigned value", "IVDR Annex VIII, rule 7", {"7": ()}, "B", "7"),
]  # fmt: skip
IVDR_SOFTWARE = [
    Case("determines HbA1c to follow diabetes", "MDCG 2019-11 rev.1, 5.2", {"3": ("3k",)}, "C", "3"),
    Case("sorts Pap smears into normal and suspicious", "MDCG 2019-11 rev.1, 5.2", {"3": ("3h",)}, "C", "3"),
    Case("interprets line immunoassays for HIV", "MDCG 2019-11 rev.1, 5.2", {"1": ("1b",)}, "D", "1"),
    Case("evaluates the risk of trisomy 21", "MDCG 2019-11 rev.1, 5.2", {"3": ("3l",)}, "C", "3"),
    Case("runs a CRP analyser of class A from afar", "MDCG 2019-11 rev.1, 5.1", {}, "A", "1.4", "A"),
    Case("scores liver fibrosis", "MDCG 2020-16 rev.4, rule 3(g)", {"3": ("3g",)}, "C", "3"),
    Case("analyses HLA sequences before transplantation", "MDCG 2020-16 rev.4, rule 2, class C", {"2": ()}, "C", "2"),
]  # fmt: skip
ALL = [("MDR", case) for case in MDR + SOFTWARE] + [("IVDR", case) for case in IVDR + IVDR_SOFTWARE]


@pytest.mark.parametrize(("regulation", "case"), ALL, ids=[f"{name}: {case.device}" for name, case in ALL])
def test_a_device_of_the_guidance_gets_its_class(regulation: str, case: Case) -> None:
    rules = edition(regulation)
    fits = {branch for branches in case.applies.values() for branch in branches}
    known = {branch.id for rule in case.applies for branch in rules[rule].asked}
    assert fits <= known
    found = classification.with_driven(classification.result(rules, case.applies.keys(), fits), rules, case.drives)
    assert (found.risk_class, found.deciding_rule) == (case.risk_class, case.deciding), case.source


def test_the_cases_touch_every_class_and_nearly_every_rule() -> None:
    for regulation, untouched in (("MDR", {"17", "19", "20", "21"}), ("IVDR", set())):
        cases = [case for name, case in ALL if name == regulation]
        assert {case.risk_class for case in cases} == set(edition(regulation).classes)
        used = {rule for case in cases for rule in case.applies}
        assert {rule.id for rule in edition(regulation).rules} - used == untouched
    assert len(SOFTWARE) + len(IVDR_SOFTWARE) >= 8
