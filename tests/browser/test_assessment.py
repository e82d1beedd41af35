"""The guided assessment in a real browser: how many pages it takes, by keyboard alone, and on a phone."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser

from inhouse import guide
from inhouse.law.software import software
from organisation.models import Role
from products.models import Product, Revision
from tests import factories
from tests.browser.hands import signed_in
from tests.browser.walking import Walk

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def asked(tree: str, **answers: str) -> dict[str, dict[str, Any]]:
    """The pages of some questions, each with a reason."""
    return {
        f"assessment/question/{tree}.{question}": {"value": value, "reason": "Se underlaget"}
        if tree == "prohibitions" or (tree, question) in (("software_is_device", "sw5"), ("software_md_or_ivd", "ivd3"))
        else {"value": value}
        for question, value in answers.items()
    }


SHARED: dict[str, dict[str, Any]] = {
    **asked("ways_of_use", way="in_house"),
    **asked("custom_made", c1="no"),
    **asked("outside_use", o1="no"),
    **asked(
        "prohibitions",
        ce_equivalent_exists="no",
        industrial_scale="no",
        not_safe_benefit="no",
        outside_organisation="no",
    ),
    "assessment/scope": {"categories": ["manufacture_modify"]},
    "assessment/need": {
        "intended_purpose": "Håller huvudet stilla vid strålbehandling",
        "patient_group": "Barn under tre år",
        "special_need": "Minsta storleken på marknaden passar från fyra år",
        "performance_level": "Två millimeter",
    },
    "market/places": {"places-0-source": "EUDAMED", "places-0-query": "head rest child", "places-0-hits": "12"},
    "market/devices/new": {
        "device": "HeadFix S",
        "maker": "Nordfix",
        "technical": "Skum i två storlekar",
        "shortfall": "Passar från fyra år",
    },
    "market/conclusion": {
        "result": "none_fits",
        "grounds": ["fit"],
        "justification": "Inget passar barn under fyra år",
    },
    "class/result": {"reason": "Rör bara hel hud"},
    "assessment/weighing": {
        "benefit": "Ingen narkos",
        "risk": "Klämrisk",
        "cost": "3 000 kronor",
        "weighing": "Nyttan överväger",
        "support_needed": "False",
        "support_reason": "Vi har gjort liknande",
    },
}
HEAD_REST: dict[str, dict[str, Any]] = SHARED | {
    **asked("software_is_device", sw1="no"),
    **asked("general_definition", g1="yes", g2="yes"),
    **asked("md_or_ivd", iv1="no"),
    "class/rules/non_invasive": {"rules": ["1"]},
}
TRIAGE: dict[str, dict[str, Any]] = SHARED | {
    **asked("software_is_device", sw1="yes", sw2="no", sw3="yes", sw4="yes", sw5="yes"),
    **asked("software_md_or_ivd", ivd1="no"),
    "class/rules/active": {"rules": ["11"]},
    "class/rule/11": {"cases": ["11a"], "reason": "Ger underlag för beslut om behandling"},
    "software/early": {
        "develops_algorithm": "True",
        "collects_data": "False",
        "device_since": "2026-01-02",
        "is_ai": "yes",
    },
    "software/modules": {
        "modules-0-name": "Strokeläsare",
        "modules-0-purpose": "Hittar tecken på stroke",
        "modules-0-is_device": "yes",
        "modules-0-risk_class": "IIa",
        "modules-0-marking": "Namn och version i fönstret",
        "modules-0-effect": "Ingen",
    },
    "software/tests": {
        f"{kind}-{name}": text
        for kind in (entry.id for entry in software().tests)
        for name, text in (("is_relevant", "yes"), ("plan", "Mot referensfall"))
    },
    "software/data": {
        "name": "Arkivet 2019–2024",
        "use": "training",
        "origin": "Regionens bildarkiv",
        "population": "Vuxna med misstänkt stroke",
        "period": "2019–2024",
        "size": "4 000 undersökningar",
    },
}


@pytest.fixture
def hospital(db: None) -> None:
    factories.institution()
    factories.quality_system()
    factories.unit()
    factories.ward()


@pytest.mark.usefixtures("hospital")
def test_a_class_one_device_takes_at_most_25_pages_and_no_mouse(live_server: Any, chromium: Browser) -> None:
    with signed_in(chromium, live_server.url, factories.person(Role.ENGINEER)) as engineer:
        walk = Walk(engineer, dict(HEAD_REST), keyboard=True)
        engineer.go("/products/new/")
        for name, text in (("name", "Huvudstöd"), ("summary", "Håller huvudet stilla.")):
            walk.enter(name, text)
        walk.press('main form button[data-color="accent"]:not([data-variant]):not([tabindex="-1"])')
        pages = ["new", *walk.to_the_summary(), "assessment"]
        engineer.clean()
        print(f"\npages of a class I device with one candidate: {len(pages)}")  # noqa: T201
        assert len(pages) <= 25, pages
        assert len(pages) == len(set(pages)), pages
        walk.press('main form[action$="/submit/"] button')
        product = Product.objects.get()
        assert product.assessments.get().is_submitted
        assert Revision.objects.get().risk_class == "I"


@pytest.mark.usefixtures("hospital")
def test_software_takes_at_most_40_pages_also_on_a_phone(live_server: Any, chromium: Browser) -> None:
    with signed_in(chromium, live_server.url, factories.person(Role.ENGINEER), width=390) as engineer:
        walk = Walk(engineer, dict(TRIAGE))
        engineer.go("/products/new/")
        engineer.send(name="Strokeläsare", summary="Läser datortomografi.")
        pages = ["new", *walk.to_the_summary(), "assessment"]
        engineer.clean()
        print(f"\npages of software: {len(pages)}")  # noqa: T201
        assert len(pages) <= 40, pages
        wide = engineer.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 390
        course = guide.read(Product.objects.get())
        assert guide.unfinished(course) == []
        assert Revision.objects.get().risk_class == "IIa"
