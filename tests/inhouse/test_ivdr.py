"""In vitro diagnostic devices: another regulation with conditions and days of its own, and the way from one to the other."""

from __future__ import annotations

from datetime import date
from html.parser import HTMLParser
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.test import Client
from django.urls import reverse
from django.utils import translation

from inhouse import assessment, declarations, design, evidence, gates, guide, law, lifecycle
from inhouse.declarations import TEMPLATE
from inhouse.dossier import Dossier, current
from inhouse.matrix import Condition, matrix
from inhouse.models import Classification, EvidenceDocument
from inhouse.obstacles import Refused
from inhouse.views import record
from organisation.models import QualitySystem, User
from products.models import Product, Revision
from tests import factories, stations
from tests.refusals import refused

pytestmark = pytest.mark.django_db
P = Product.Stage
Group = EvidenceDocument.Group
OTHER_THAN_D = {Group.FACILITY, Group.PROCESS, Group.DESIGN, Group.PURPOSE, Group.CLINICAL}


def now(product: Product) -> Dossier:
    return current(stations.fresh(product))


def binding(product: Product, day: str = "2026-03-01") -> set[str]:
    d = now(product)
    d.on = date.fromisoformat(day)
    return {row.id for row in gates.requirements(d)}


def told(product: Product, day: str = "") -> dict[str, Condition]:
    d = now(product)
    d.on = date.fromisoformat(day) if day else d.on
    return {condition.point: condition for condition in matrix(d)}


class Fields(HTMLParser):
    """What the form of a page holds, as a browser would send it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.held: dict[str, str] = {}
        self.inside = ""
        self.feed(page.split("<main", 1)[1])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name, value = given.get("name") or self.inside, given.get("value") or ""
        if tag in ("textarea", "select"):
            self.inside = self.held[name] = name
            self.held[name] = ""
        elif tag == "option" and "selected" in given and self.inside:
            self.held[name] = value
        elif tag == "input" and (given.get("type") not in ("checkbox", "radio") or "checked" in given):
            self.held[name] = value or "on" * (given.get("type") == "checkbox")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("textarea", "select"):
            self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside and self.lasttag == "textarea":
            self.held[self.inside] += data.removeprefix("\n")


def form_of(page: Any) -> dict[str, str]:
    return Fields(page.text).held


def move(product: Product, in_vitro: bool) -> None:
    design.describe(stations.coming(product), {"is_in_vitro": in_vitro}, by=stations.engineer(product))


# --- from idea to use


def test_an_in_vitro_device_goes_from_idea_to_use_without_a_search_of_the_market() -> None:
    with stations.on_day("2026-03-02"):
        product = stations.in_vitro(market=False)
        assert stations.fresh(product).stage == P.IN_USE
        assert stations.in_force(product).regulation == "IVDR"
        assert lifecycle.watch(now(product)) == []


def test_the_house_rule_for_medical_devices_says_nothing_of_it_and_the_conditions_of_the_register_hold() -> None:
    product = stations.in_vitro(stop="in_development")
    assert not any(name.startswith(("VGR", "MDR55-0", "MDR55-c")) for name in binding(product))
    with refused("Record an approved verification", Refused):
        stations.sign(product)
    for group in Group:
        stations.document(stations.coming(product), group=group)
    with refused("only when verification and validation are both approved", Refused):
        stations.sign(product)
    stations.examined(stations.coming(product))
    with refused("191 requirements of Annex I have no answer", Refused):
        stations.sign(product)
    stations.conforming(stations.coming(product))
    stations.sign(product)
    undecided = stations.in_vitro("Another panel", stop="assessed")
    with refused("A manager decides"):
        lifecycle.move(undecided, P.ELIGIBLE, by=stations.manager(undecided))
    ownerless = stations.in_vitro("A third panel", stop="eligible")
    stations.describe(ownerless, risk_class="B")
    with refused("Nobody owns the product"):
        lifecycle.move(ownerless, P.DEVELOPMENT, by=stations.engineer(ownerless))
    unsigned = stations.in_vitro("A fourth panel", stop="documented")
    with refused("No signed declaration|signs the declaration"):
        lifecycle.move(unsigned, P.IN_USE, by=stations.owner_of(unsigned))


def test_which_regulation_it_is_under_is_asked_before_anything_that_rests_on_it() -> None:
    product = stations.proposed()
    by = stations.engineer(product)
    for tree in ("software_is_device", "general_definition"):
        assessment.answer(product, tree, stations.answers(stations.ANSWERS[tree]), by=by)
    wanted = "Say whether it is an in vitro diagnostic medical device."
    [asked] = [o for o in gates.standing(now(product), "G1") if o.mend == "assessment-device"]
    assert (asked.text, [row.id for row in asked.requirements]) == (wanted, ["MDR55-0", "VGR-02", "VGR-12"])
    assessment.answer(product, "md_or_ivd", stations.answers({"iv1": "yes"}), by=by)
    found = gates.standing(now(product), "G1", "G2")
    assert "assessment-device" not in {o.mend for o in found}
    assert {row.id for o in found for row in o.requirements} == {"USE-01", "CMD-01", "MDR55-m", "IVDR55-a", "IVDR55-j"}


def test_requirements_of_the_one_regulation_do_not_bind_devices_under_the_other() -> None:
    device, in_vitro = stations.owned(), stations.in_vitro(stop="owned")
    shared = {row.id for row in law.packs()["article55"].requirements if not row.classes}
    assert {name.split("-")[0] for name in binding(device) - shared} == {"MDR55", "SE", "VGR", "RET"}
    assert {name.split("-")[0] for name in binding(in_vitro) - shared} == {"IVDR55", "SE"}
    assert shared <= binding(device) & binding(in_vitro)


def test_of_one_in_use_the_revision_in_force_says_which_regulation_counts() -> None:
    product = stations.second_revision()
    move(product, in_vitro=True)
    assert stations.coming(product).regulation == "IVDR"
    assert "IVDR55-0" in binding(product)
    assert {c.requirement.pack for c in told(product).values()} == {"mdr55"}
    QualitySystem.objects.update(laboratory_standard="")
    assert [row.id for o in lifecycle.watch(now(product)) for row in o.requirements] == []


# --- the days


@pytest.mark.parametrize(
    ("name", "before", "day"),
    [
        ("IVDR55-a", "2022-05-25", "2022-05-26"),
        ("IVDR55-j", "2022-05-25", "2022-05-26"),
        *((f"IVDR55-{letter}", "2024-05-25", "2024-05-26") for letter in "bcefghi"),
        ("IVDR55-d", "2030-12-30", "2030-12-31"),
    ],
)
def test_each_point_binds_from_its_day(name: str, before: str, day: str) -> None:
    product = stations.in_vitro(stop="in_development", risk_class="D")
    assert name not in binding(product, before)
    assert name in binding(product, day)


def test_until_the_last_day_of_2030_nothing_waits_for_the_market_search_and_the_page_says_from_when() -> None:
    with stations.on_day("2030-12-30"):
        product = stations.in_vitro(stop="assessed", market=False)
        manager = stations.manager(product)
        assert gates.standing(now(product), "G2") == []
        condition = told(product)["d"]
        assert (condition.state, condition.requirement.valid_from) == ("later", date(2030, 12, 31))
    with stations.on_day("2030-12-31"):
        assert [o.mend for o in gates.standing(now(product), "G2")] == ["market"]
        assert told(product)["d"].state == "waiting"
        with refused("Search the market", Refused):
            assessment.decide(product, make=True, reason="We need it", by=manager)


def test_the_summary_calls_a_search_that_nobody_must_make_voluntary_until_the_day_it_binds() -> None:
    with stations.on_day("2030-12-30"):
        product = stations.in_vitro(stop="assessed", market=False, submit=False)
        states = {section.part.name: section.state for section in record.sections(now(product))}
        assert (states["market"], states["class"]) == ("voluntary", "done")
    with stations.on_day("2030-12-31"):
        assert {section.part.name: section.state for section in record.sections(now(product))}["market"] == "open"


def test_from_then_on_the_assessment_is_submitted_only_with_a_search() -> None:
    with stations.on_day("2030-12-30"):
        product = stations.in_vitro(stop="assessed", market=False, submit=False)
        assert guide.unfinished(guide.read(product)) == []
    with stations.on_day("2030-12-31"):
        assert guide.unfinished(guide.read(product)) == ["market"]
    assert guide.unfinished(guide.read(stations.assessed("An adapter", market=False, submit=False))) == ["market"]


def test_a_search_that_was_made_before_it_was_asked_for_counts_and_is_renewed_after() -> None:
    with stations.on_day("2030-12-01"):
        product = stations.in_vitro()
        assert told(product)["d"].evidence.startswith("Search of ")
    with stations.on_day("2030-12-31"):
        assert told(product)["d"].state == "met"
    with stations.on_day("2034-12-31"):
        assert any(row.id == "IVDR55-d" for o in lifecycle.watch(now(product)) for row in o.requirements)


def test_before_may_2024_the_laboratory_was_not_asked_for() -> None:
    with stations.on_day("2024-05-25"):
        product = stations.in_vitro(stop="owned")
        stations.describe(product, risk_class="B")
        QualitySystem.objects.update(laboratory_standard="")
        assert gates.standing(now(product), "G3") == []
        assert told(product)["c"].state == "later"
    with stations.on_day("2024-05-26"):
        assert [o.mend for o in gates.standing(now(product), "G3")] == ["laboratory"]


# --- class D


@pytest.mark.parametrize(("risk_class", "asked"), [("A", False), ("B", False), ("C", False), ("D", True)])
def test_facility_process_and_design_are_documented_for_class_d(risk_class: str, asked: bool) -> None:
    product = stations.in_vitro(stop="in_development", risk_class=risk_class)
    revision = stations.coming(product)
    for group in set(Group) - OTHER_THAN_D:
        stations.document(revision, group=group)
    stations.examined(revision)
    stations.conforming(revision)
    found = [row.id for o in gates.standing(now(product), "G4", "G5", "G6") for row in o.requirements]
    assert found == (["IVDR55-g"] if asked else [])
    assert (Group.FACILITY in evidence.wanted(now(product), revision)) is asked
    condition = told(product)["g"]
    assert (condition.state, condition.classes) == (("missing", "") if asked else ("spared", "D"))


def test_a_country_may_add_classes_that_are_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    row = law.requirements()["IVDR55-g"]
    assert row.classes_in("SE") == row.classes_in("NO") == ("D",)
    monkeypatch.setitem(row.classes_added, "NO", ("C",))
    assert [row.is_for("C", country=country) for country in ("SE", "NO")] == [False, True]


def test_what_the_declaration_identifies_is_asked_of_every_class() -> None:
    product = stations.in_vitro(stop="documented")
    design.describe(stations.coming(product), {"reference": ""}, by=stations.engineer(product))
    with refused("Describe the device: reference", Refused):
        stations.sign(product)


# --- the laboratory


def test_manufacture_starts_only_under_a_laboratory_standard(engineer: User) -> None:
    product = stations.in_vitro(stop="owned")
    stations.describe(product, risk_class="B")
    stations.laboratory(laboratory_standard="")
    with refused("Name the standard that the laboratory complies with", Refused):
        lifecycle.move(product, P.DEVELOPMENT, by=engineer)
    stations.laboratory(accreditation="", accredited_until=None)  # a standard without an accreditation is enough
    lifecycle.move(product, P.DEVELOPMENT, by=engineer)
    assert told(product)["c"].evidence == "SS-EN ISO 15189:2022"


def test_an_accreditation_holds_through_its_last_day_and_is_missed_after() -> None:
    with stations.on_day("2026-03-01"):
        product = stations.in_vitro()
        stations.laboratory(accredited_until=date(2026, 6, 30))
    with stations.on_day("2026-06-30"):
        assert gates.standing(now(product), "G7") == []
        assert told(product)["c"].evidence == "SS-EN ISO 15189:2022, accreditation 1240 until 30 June 2026"
    with stations.on_day("2026-07-01"):
        wanted = "The accreditation of the laboratory ran out on 30 June 2026."
        assert wanted in [o.text for o in lifecycle.watch(now(product))]
        assert told(product)["c"].state == "missing"


def test_the_laboratory_is_written_with_the_quality_system(client: Client) -> None:
    product = stations.in_vitro(stop="in_development")
    client.force_login(stations.manager(product))
    page = client.get(reverse("inhouse:laboratory", args=[product.pk]), follow=True)
    assert page.redirect_chain == [(reverse("inhouse:quality-system", args=[product.quality_system_id]), 302)]
    sent = form_of(page) | {"accreditation": "1999", "accredited_until": "2027-05-03"}
    client.post(page.redirect_chain[0][0], sent)
    system = factories.quality_system()
    assert (system.laboratory_standard, system.accreditation, system.accredited_until) == (
        "SS-EN ISO 15189:2022", "1999", date(2027, 5, 3),
    )  # fmt: skip
    client.force_login(stations.engineer(product))
    page = client.get(reverse("inhouse:laboratory", args=[product.pk]), follow=True)
    assert page.redirect_chain == [(reverse("inhouse:administration", args=[product.unit.administration_id]), 302)]
    assert "Accreditation 1999" in page.text


# --- the conditions at a glance


def test_the_nine_points_are_shown_with_the_evidence_of_their_twins(client: Client) -> None:
    with stations.on_day("2026-03-01"):
        product = stations.in_vitro(risk_class="D")
        conditions = told(product)
        client.force_login(stations.engineer(product))
        page = client.get(reverse("inhouse:product", args=[product.pk])).text
    assert list(conditions) == list("abcdefghi")
    assert {point: c.state for point, c in conditions.items()} == {
        **dict.fromkeys("abcefghi", "met"), "d": "later",
    }  # fmt: skip
    assert conditions["a"].evidence == "1 item, placed within the institution"
    assert conditions["f"].evidence.startswith(stations.declaration(product).number)
    assert conditions["g"].evidence == "8 documents"
    assert conditions["h"].evidence == "Release records for 1 of 1 items"
    assert "IVDR Article 5(5) at a glance" in page
    assert "Binds from 31 December 2030" in page


# --- what is declared


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "Regulation (EU) 2017/746"), ("sv", "2017/746"), ("nb", "2017/746")],
)
def test_the_declaration_names_its_regulation_and_the_laboratory(language: str, words: str) -> None:
    product = stations.in_vitro(stop="documented")
    stations.laboratory(accredited_until=date(2027, 5, 3))
    d = now(product)
    content = declarations.snapshot(d, stations.coming(product), place="Västanstad", language=language)
    assert content["statement"]["regulation_number"] == "2017/746"
    assert content["laboratory"] == {
        "name": "Centralsjukhuset, Medicinsk teknik",
        "standard": "SS-EN ISO 15189:2022",
        "accreditation": "1240",
        "scope": "Clinical chemistry",
        "accredited_until": "2027-05-03",
    }
    with translation.override(language):
        page = render_to_string(TEMPLATE, {"snapshot": content, "draft": True, "pdf": {"language": language}})
    assert words in page
    assert "SS-EN ISO 15189:2022" in page
    assert "2017/745" not in page


def test_a_medical_device_declares_no_laboratory() -> None:
    product = stations.documented()
    content = declarations.snapshot(now(product), stations.coming(product), place="Västanstad", language="sv")
    assert (content["laboratory"], content["statement"]["regulation_number"]) == (None, "2017/745")


def test_the_public_reads_that_it_is_an_in_vitro_device(client: Client) -> None:
    product = stations.in_vitro(stop="ready")
    page = client.get(reverse("inhouse:public-declaration", args=[stations.declaration(product).number])).text
    assert "in vitro diagnostic medical device, made and used under Article 5(5) of Regulation (EU) 2017/746" in page
    assert "SS-EN ISO 15189:2022, accreditation 1240" in page
    assert "IVDR class B" in client.get(reverse("inhouse:public")).text


# --- from one to the other


def test_the_trait_and_the_regulation_move_together_and_the_class_is_taken_back(engineer: User) -> None:
    product = stations.in_development()
    move(product, in_vitro=True)
    revision = stations.coming(product)
    assert (revision.regulation, revision.is_in_vitro, revision.risk_class) == ("IVDR", True, "")
    with refused("risk class"):
        stations.sign(product)
    stations.classified(revision, "D")
    move(product, in_vitro=False)
    revision = stations.coming(product)
    assert (revision.regulation, revision.is_in_vitro, revision.risk_class) == ("MDR", False, "")
    design.describe(revision, {"regulation": "IVDR"}, by=engineer)
    assert stations.coming(product).is_in_vitro


def test_the_answer_in_the_assessment_moves_it_too(engineer: User) -> None:
    product = stations.assessed(submit=False)
    assessment.answer(product, "md_or_ivd", stations.answers({"iv1": "yes"}), by=engineer)
    revision = stations.coming(product)
    assert (revision.regulation, revision.is_in_vitro, revision.risk_class) == ("IVDR", True, "")
    assert guide.unfinished(guide.read(product)) == ["class"]


def test_until_it_is_decided_the_answers_say_which_regulation_applies(engineer: User) -> None:
    product = stations.assessed()
    with refused("By the answers of the assessment MDR applies"):
        move(product, in_vitro=True)


def test_moving_says_what_begins_and_what_ceases_to_bind() -> None:
    d = now(stations.in_development())
    d.on = date(2026, 3, 1)
    begins, ceases = gates.moved(d, "MDR", "IVDR")
    assert {row.id for row in begins} == {"IVDR55-c", "IVDR55-g"}
    assert {row.id for row in ceases} >= {"MDR55-c", "MDR55-f", "VGR-30", "VGR-73"}
    assert {row.pack for row in ceases} == {"mdr55", "vgr"}
    back = gates.moved(d, "IVDR", "MDR")
    assert [{row.id for row in rows} for rows in back] == [{row.id for row in ceases}, {"IVDR55-c", "IVDR55-g"}]
    d.on = date(2030, 12, 31)
    assert "MDR55-c" not in {row.id for row in gates.moved(d, "MDR", "IVDR")[1]}
    assert gates.moved(d, "MDR", "MDR") == ([], [])


def test_the_page_of_the_design_says_before_and_after_what_follows(client: Client) -> None:
    product = stations.in_development()
    client.force_login(stations.engineer(product))
    address = reverse("inhouse:design", args=[product.pk])
    page = client.get(address)
    assert "What follows if it examines specimens in vitro" in page.text
    assert "The laboratory complies with EN ISO 15189" in page.text
    sent: dict[str, Any] = form_of(page) | {"is_in_vitro": "on"}
    page = client.post(address, sent, follow=True)
    assert page.redirect_chain == [(f"{address}?moved=1", 302)]
    assert "It is an in vitro diagnostic medical device now: IVDR Article 5(5) applies" in page.text
    assert stations.coming(product).regulation == Revision.Regulation.IVDR
    page = client.post(address, form_of(page), follow=True)
    assert page.redirect_chain == [(address, 302)]
    assert "device now" not in page.text


def test_moved_after_a_declaration_it_is_examined_and_classified_anew() -> None:
    product = stations.documented()
    with stations.on_day("2099-01-01"):
        move(product, in_vitro=True)
        stations.laboratory()
        with refused("Go through the rules and set the risk class", Refused):
            stations.sign(product)
        stations.classified(stations.coming(product), "B")
        with refused("verify it anew", Refused):
            stations.sign(product)
        stations.examined(stations.coming(product))
        with refused("191 requirements of Annex I have no answer", Refused):
            stations.sign(product)
        stations.conforming(stations.coming(product))
        stations.sign(product)
    walk = Classification.objects.filter(revision__product=product, reopened_on=None).get()
    assert (walk.regulation, walk.risk_class) == ("IVDR", "B")
