"""Software and artificial intelligence at the door: pages of the way, and the product's own page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from inhouse import software
from inhouse.law.software import software as law
from inhouse.models import AiPoint, AiStep, DataSet, SoftwareModule, SoftwarePlan, SoftwareTest
from organisation import clock
from organisation.models import User
from products.models import Product, Revision
from tests import stations

pytestmark = pytest.mark.django_db

PAGES = (
    "software-early", "software-modules", "software-tests", "software-data", "software-points", "software-steps",
)  # fmt: skip


@pytest.fixture
def client(client: Client, engineer: User) -> Client:
    client.force_login(engineer)
    return client


@pytest.fixture
def proposed(engineer: User) -> Product:
    """A proposal whose answers say that it is software, and an AI."""
    product = stations.proposed("Dose calculator")
    stations.is_software(product)
    software.plan(stations.coming(product), **stations.PLAN, is_ai=True, by=engineer)
    return product


@pytest.fixture
def made(engineer: User) -> Product:
    """An AI that is being developed."""
    product = stations.in_development("Dose calculator", software=True)
    stations.programmed(product, ai=True)
    return product


def at(name: str, product: Product) -> str:
    return reverse(f"inhouse:{name}", args=[product.pk])


def early(**changes: str) -> dict[str, str]:
    newest = SoftwarePlan.history.order_by("history_id").last()  # type: ignore[attr-defined]
    return {
        "seen": str(newest.history_id) if newest else "",
        "develops_algorithm": "True",
        "collects_data": "False",
        "device_since": clock.today().isoformat(),
        "is_ai": "no",
        "is_high_risk": "False",
        "high_risk_reason": "",
    } | changes


def modules(*lines: Mapping[str, Any]) -> dict[str, str]:
    """Modules as the browser sends them."""
    form = {"modules-TOTAL_FORMS": str(len(lines)), "modules-INITIAL_FORMS": "0"}
    for index, line in enumerate(lines):
        for name, value in line.items():
            form[f"modules-{index}-{name}"] = {True: "yes", False: "no"}.get(value, value)
    return form


def planned() -> dict[str, str]:
    form: dict[str, str] = {}
    for kind, test in stations.planned_tests().items():
        form |= {f"{kind}-{name}": str(value) for name, value in test.items() if name != "is_relevant"}
        form[f"{kind}-is_relevant"] = "yes" if test["is_relevant"] else "no"
    return form


DATA_SET = {name: str(value) for name, value in stations.DATA_SET.items()}


# --- the way


def test_the_pages_follow_each_other_and_each_is_saved_at_once(client: Client, proposed: Product) -> None:
    sent = {
        "software-early": early(is_ai="yes"),
        "software-modules": modules(*stations.MODULES),
        "software-tests": planned(),
        "software-data": DATA_SET,
        "software-points": {"AIA-9-is_met": "yes", "AIA-9-how": "In the risk file"},
        "software-steps": {"AI-S1-planned_on": "2030-01-07"},
    }
    for name, following in zip(PAGES, [*PAGES[1:], "assessment-weighing"], strict=True):
        assert client.get(at(name, proposed)).status_code == 200
        assert client.post(at(name, proposed), sent[name])["Location"] == at(following, proposed)
    assert SoftwarePlan.objects.get().develops_algorithm is True
    assert [module.name for module in SoftwareModule.objects.all()] == ["Dose calculator", "Statistics"]
    assert SoftwareTest.objects.count() == 7
    assert DataSet.objects.get().origin == "The hospital's own archive"
    assert AiPoint.objects.get(point="AIA-9").is_met is True
    assert AiPoint.objects.get(point="AIA-10").is_met is None
    assert AiStep.objects.get(step="AI-S1").planned_on == date(2030, 1, 7)


def test_what_was_written_is_there_when_one_comes_back(client: Client, proposed: Product) -> None:
    stations.programmed(proposed, ai=True)
    page = client.get(at("software-early", proposed)).context["form"]
    assert page["is_ai"].value() == "yes"
    lines = client.get(at("software-modules", proposed)).context["lines"]
    assert [line["name"].value() for line in lines] == ["Dose calculator", "Statistics", None]
    kinds = client.get(at("software-tests", proposed)).context["kinds"]
    assert [form["is_relevant"].value() for form in kinds].count("no") == 1


@pytest.mark.parametrize("name", PAGES)
def test_whoever_leaves_comes_back_another_day(client: Client, proposed: Product, name: str) -> None:
    empty = {"leave": "1", "modules-TOTAL_FORMS": "1", "modules-INITIAL_FORMS": "0", "seen": early()["seen"]}
    assert client.post(
        at(name, proposed), empty | {"is_ai": "yes"} if name == "software-early" else empty | {"seen": ""}
    )["Location"] == at("assessment", proposed)


def test_what_has_begun_is_never_dropped_in_silence(client: Client, proposed: Product) -> None:
    answer = client.post(at("software-tests", proposed), {"leave": "1", "validation-plan": "Ten nurses"})
    assert answer.context["refused"]
    assert "Ten nurses" in answer.content.decode()
    answer = client.post(at("software-modules", proposed), {**modules({"name": "Half"}), "leave": "1"})
    assert answer.context["refused"]
    answer = client.post(at("software-data", proposed), {"leave": "1", "name": "Half"})
    assert "Half" in answer.content.decode()
    for model in (SoftwareTest, SoftwareModule, DataSet):
        assert not model._default_manager.exists()


def test_the_entry_leads_to_the_first_page_that_is_open(client: Client, proposed: Product, engineer: User) -> None:
    assert client.get(at("software", proposed))["Location"] == at("software-modules", proposed)
    stations.programmed(proposed, ai=True)
    assert client.get(at("software", proposed))["Location"] == at("software-early", proposed)
    proposed.assessments.update(submitted_on=clock.today(), submitted_by=engineer)
    assert client.get(at("software", proposed)).status_code == 200
    assert client.get(at("software-early", proposed))["Location"] == at("assessment", proposed)


def test_what_is_no_software_has_no_such_page(client: Client) -> None:
    product = stations.proposed()
    assert client.get(at("software", product))["Location"] == at("assessment", product)
    assert client.get(at("software-early", product))["Location"] == at("assessment", product)
    made = stations.in_development("Another")
    assert client.get(at("software", made))["Location"] == at("product", made)
    subjects = client.get(at("product", made)).context["subjects"]
    assert "software" not in [subject["name"] for subject in subjects]


def test_what_is_no_ai_has_no_pages_about_data_points_and_steps(client: Client, engineer: User) -> None:
    product = stations.in_development(software=True)
    for name in PAGES[3:]:
        assert client.get(at(name, product))["Location"] == at("software", product)
    page = client.get(at("software", product)).content.decode()
    assert "Plan towards use" not in page


def test_high_risk_warns_that_it_needs_advice(client: Client, proposed: Product) -> None:
    refused = client.post(at("software-early", proposed), early(is_ai="yes", is_high_risk="True"))
    assert refused.context["form"].errors == {"high_risk_reason": ["Give the reason for calling it high-risk."]}
    answer = client.post(
        at("software-early", proposed),
        early(is_ai="yes", is_high_risk="True", high_risk_reason="Sold later"),
        follow=True,
    )
    assert "ask a competent adviser before you go on" in answer.content.decode()


def test_more_lines_are_had_by_saving(client: Client, proposed: Product) -> None:
    page = at("software-modules", proposed)
    answer = client.post(page, {**modules(stations.MODULES[1]), "more": "1"})
    assert answer["Location"] == page
    assert len(client.get(page).context["lines"]) == 2
    page = at("software-data", proposed)
    assert client.post(page, {**DATA_SET, "more": "1"})["Location"] == page
    assert "Another data set" in client.get(page).content.decode()


def test_a_data_set_is_changed_and_removed(client: Client, proposed: Product) -> None:
    stations.programmed(proposed, ai=True)
    one, page = DataSet.objects.get(), at("software-data", proposed)
    form = client.get(f"{page}?change={one.pk}").context["form"]
    seen = form["seen"].value()
    changed = {**DATA_SET, "size": "15 000 images", "data_set": str(one.pk), "seen": seen}
    assert client.post(page, changed)["Location"] == at("software-points", proposed)
    one.refresh_from_db()
    assert one.size == "15 000 images"
    assert client.get(f"{page}?change={one.pk + 1}").status_code == 404
    assert client.post(page, {"remove": str(one.pk)})["Location"] == page
    assert not DataSet.objects.exists()


def test_two_people_at_the_same_list_lose_nothing(client: Client, proposed: Product, engineer: User) -> None:
    page = at("software-modules", proposed)
    seen = client.get(page).context["seen"]["seen"].value()
    software.compose_modules(stations.coming(proposed), stations.MODULES, by=engineer)
    mine = {**modules(stations.MODULES[0]), "seen": seen}
    answer = client.post(page, mine)
    assert "Someone changed this while you were writing" in answer.content.decode()
    assert SoftwareModule.objects.count() == 2
    again = {**mine, "seen": answer.context["seen"]["seen"].value()}
    assert client.post(page, again)["Location"] == at("software-tests", proposed)
    assert SoftwareModule.objects.count() == 1


def reads(client: Client, address: str) -> int:
    """How often a page asks the database. Around a test's request lies a savepoint, which asks for session and user too."""
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    asked = [each["sql"] for each in captured.captured_queries if "SAVEPOINT" not in each["sql"]]
    twice = [sum(f'FROM "{table}"' in sql for sql in asked) for table in ("django_session", "organisation_user")]
    return len(asked) - sum(times - 1 for times in twice)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_the_way_asks_at_most_twelve_times_and_no_more_for_many_rows(
    client: Client, proposed: Product, engineer: User, name: str
) -> None:
    revision = stations.coming(proposed)
    software.keep_data_set(revision, stations.DATA_SET, by=engineer)
    software.compose_modules(revision, stations.MODULES[:1], by=engineer)
    software.answer_points(revision, {"AIA-9": {"is_met": True, "how": ""}}, by=engineer)
    software.plan_steps(revision, {"AI-S1": {"planned_on": None, "note": ""}}, by=engineer)
    client.get(at(name, proposed))
    one = reads(client, at(name, proposed))
    assert one <= 12
    more: list[Any] = [stations.MODULES[0] | {"name": f"Module {number}"} for number in range(3)]
    software.compose_modules(revision, more, by=engineer)
    for use in ("validation", "test"):
        software.keep_data_set(revision, stations.DATA_SET | {"use": use}, by=engineer)
    software.plan_tests(revision, stations.planned_tests(), by=engineer)
    software.answer_points(revision, {p.id: {"is_met": True, "how": ""} for p in law().points[:3]}, by=engineer)
    software.plan_steps(revision, {s.id: {"planned_on": None, "note": ""} for s in law().steps[:3]}, by=engineer)
    assert reads(client, at(name, proposed)) == one


# --- the product's own page


def test_everything_stands_on_the_page_of_the_product_with_links_to_change_it(client: Client, made: Product) -> None:
    page = client.get(at("software", made))
    text = page.content.decode()
    for words in (
        "Dose calculator", "Statistics", "Test of verification", "Runs without anyone", "Chest images 2019",
        "Know the rules", "Human oversight", law().in_house.reason, "MDCG 2025-6, question 35",
    ):  # fmt: skip
        assert words in text
    for name in PAGES:
        assert at(name, made) in text
        assert client.get(at(name, made)).status_code == 200
    assert "software" in [subject["name"] for subject in page.context["subjects"] if subject["here"]]


def test_the_pages_of_a_product_lead_back_to_its_own(client: Client, made: Product) -> None:
    answer = client.post(at("software-early", made), early(is_ai="yes"))
    assert answer["Location"] == at("software", made)
    assert client.post(at("software-modules", made), modules(*stations.MODULES))["Location"] == at("software", made)
    assert client.post(at("software-tests", made), planned())["Location"] == at("software", made)
    refused = client.post(at("software-modules", made), modules(stations.MODULES[1]))
    assert "List at least one module that is a medical device." in refused.content.decode()


def test_a_late_step_is_told_and_marked_as_done(client: Client, made: Product, engineer: User) -> None:
    revision, day = stations.coming(made), clock.today() - timedelta(days=3)
    software.plan_steps(revision, {"AI-S3": {"planned_on": day, "note": ""}}, by=engineer)
    assert "1 step is late" in client.get(at("software", made)).content.decode()
    client.post(at("software", made), {"done": "AI-S3", "done_on": clock.today().isoformat(), "note": "Study 12"})
    step = AiStep.objects.get(step="AI-S3")
    assert (step.done_on, step.done_by, step.note) == (clock.today(), engineer, "Study 12")
    assert "is late" not in client.get(at("software", made)).content.decode()
    client.post(at("software", made), {"reopen": "AI-S3"})
    step.refresh_from_db()
    assert step.done_on is None


def test_a_step_without_its_day_is_told(client: Client, made: Product) -> None:
    answer = client.post(at("software", made), {"done": "AI-S3", "done_on": ""}, follow=True)
    assert "This field is required." in answer.content.decode()
    assert not AiStep.objects.exclude(done_on=None).exists()


def test_in_use_only_the_plan_and_the_checklist_are_open(client: Client, made: Product) -> None:
    Product.objects.filter(pk=made.pk).update(stage=Product.Stage.IN_USE)
    Revision.objects.filter(product=made).update(stage=Revision.Stage.IN_FORCE)
    text = client.get(at("software", made)).content.decode()
    for name in PAGES[:4]:
        assert at(name, made) not in text
        assert client.get(at(name, made))["Location"] == at("software", made)
    for name in PAGES[4:]:
        assert at(name, made) in text
        assert client.get(at(name, made)).status_code == 200
    client.post(at("software", made), {"done": "AI-S7", "done_on": clock.today().isoformat()})
    assert AiStep.objects.get(step="AI-S7").done_on == clock.today()


def test_whoever_only_reads_finds_nothing_to_change(client: Client, made: Product, nurse: User) -> None:
    client.force_login(nurse)
    text = client.get(at("software", made)).content.decode()
    assert "Dose calculator" in text
    assert not any(at(name, made) in text for name in PAGES)
    assert "Mark as done" not in text
    made.proposed_by = nurse  # who proposed it may assess, but not keep
    assert client.post(at("software", made), {"done": "AI-S3", "done_on": "2026-01-02"}).status_code in (302, 403)
    assert not AiStep.objects.exclude(done_on=None).exists()


@pytest.mark.parametrize("language", ["sv", "nb"])
def test_the_data_speak_the_language_of_the_reader(
    client: Client, made: Product, language: str, engineer: User
) -> None:
    User.objects.filter(pk=engineer.pk).update(language=language)
    text = client.get(at("software", made), headers={"accept-language": language}).content.decode()
    with translation.override(language):
        assert law().in_house.source in text
        assert law().steps[0].title in text
