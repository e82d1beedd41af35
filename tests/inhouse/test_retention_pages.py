"""The pages on which files are kept, held and disposed of."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from inhouse import desk, holds, kept, tracing
from inhouse.models import Disposal, Hold, Keeping
from inhouse.views import pages
from organisation import clock
from organisation.models import User
from products import identity
from products.models import PatientIdentity, Product
from tests import factories, stations
from tests.costs import cost
from tests.test_doors import addresses

pytestmark = pytest.mark.django_db


def at(name: str, product: Product) -> str:
    return reverse(f"inhouse:{name}", args=[product.pk])


@pytest.fixture
def as_registrar(client: Client, registrar: User) -> Client:
    client.force_login(registrar)
    return client


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


# --- the list


def listed(client: Client, **asked: str) -> dict[str, str]:
    answer = client.get(reverse("inhouse:retention-all"), asked)
    assert answer.status_code == 200
    return {row.product.name: row.state for row in answer.context["rows"]}


def test_the_list_narrows_by_what_each_product_waits_for(as_registrar: Client, registrar: User) -> None:
    with stations.on_day("2026-02-28"):
        stations.in_use("In use")
        stations.withdrawn("Uncounted")
        stations.expired("Ordinary")
        stations.expired("Implant", design={"is_implantable": True})
        longer, held = stations.expired("Longer"), stations.expired("Held")
        holds.keep(longer, years=12, reason="Research", by=registrar)
        holds.place(held, reason="A claim", reference="RS 1", by=registrar)
        stations.disposed("Disposed")
    every = {"Uncounted", "Ordinary", "Implant", "Longer", "Held", "Disposed"}
    for day, reached in (
        ("2036-02-27", set()),
        ("2036-02-28", {"Ordinary"}),
        ("2038-02-28", {"Ordinary", "Longer"}),
        ("2041-02-28", {"Ordinary", "Longer", "Implant"}),
    ):
        with stations.on_day(day):
            assert set(listed(as_registrar)) == every
            assert set(listed(as_registrar, state="reached")) == reached
            early = every - reached - {"Uncounted", "Held", "Disposed"}
            assert set(listed(as_registrar, state="early")) == early
            assert set(listed(as_registrar, state="held")) == {"Held"}
            assert set(listed(as_registrar, state="uncounted")) == {"Uncounted"}
            assert set(listed(as_registrar, state="disposed")) == {"Disposed"}
            for state in kept.State:
                assert set(listed(as_registrar, state=state).values()) <= {state}


@pytest.mark.parametrize("last", [date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1), date(2025, 2, 28)])
@pytest.mark.parametrize("years", [10, 12, 15])
def test_list_and_page_count_leap_days_alike(last: date, years: int) -> None:
    from inhouse.retention import add_years

    floor = add_years(last, years)
    for off in range(-2, 3):
        day = floor + timedelta(days=off)
        assert (last <= kept._before(day, years)) == (floor <= day), (last, years, day)


def test_more_products_cost_no_more_questions(as_registrar: Client, registrar: User) -> None:
    first = stations.expired("One")
    holds.place(first, reason="A claim", reference="RS 1", by=registrar)
    one = cost(as_registrar, reverse("inhouse:retention-all"))
    for name in ("Two", "Three"):
        more = stations.expired(name)
        holds.place(more, reason="A claim", reference="RS 1", by=registrar)
    assert cost(as_registrar, reverse("inhouse:retention-all")) == one


def test_the_menu_leads_there_for_whoever_decides_and_for_no_one_else(
    client: Client, registrar: User, nurse: User
) -> None:
    for person, shown in ((registrar, True), (nurse, False)):
        client.force_login(person)
        assert (f'href="{reverse("inhouse:retention-all")}"' in text(client.get("/"))) is shown


# --- holds and longer keeping


def test_holds_are_placed_and_lifted_one_by_one(as_registrar: Client) -> None:
    product = stations.withdrawn()
    for reference in ("RS 1", "RS 2"):
        as_registrar.post(at("retention-hold", product), {"reason": "A claim", "reference": reference})
    page = text(as_registrar.get(at("retention", product)))
    assert page.count(">stands<") == 2
    first = Hold.objects.get(reference="RS 1")
    as_registrar.post(reverse("inhouse:retention-lift", args=[first.pk]), {"reason": "Settled"})
    page = text(as_registrar.get(at("retention", product)))
    assert page.count(">stands<") == page.count(">lifted<") == 1
    answer = as_registrar.post(reverse("inhouse:retention-lift", args=[first.pk]), {"reason": "Settled"})
    assert "already lifted" in text(answer)


def test_the_file_is_kept_longer_and_never_shorter(as_registrar: Client) -> None:
    product = stations.expired(design={"is_implantable": True})
    answer = as_registrar.post(at("retention-longer", product), {"years": "14", "reason": "Shelves are full"})
    assert "kept for 15 years at least" in text(answer)
    assert not Keeping.objects.exists()
    as_registrar.post(at("retention-longer", product), {"years": "20", "reason": "Research"})
    assert "Research" in text(as_registrar.get(at("retention", product)))
    assert stations.floor(product).year == clock.today().year + 20


# --- disposal


def test_two_people_dispose_of_records_on_the_pages(
    client: Client, registrar: User, manager: User, django_capture_on_commit_callbacks: Any
) -> None:
    product = stations.expired()
    with stations.on_day(stations.floor(product)):
        client.force_login(registrar)
        assert at("disposal-propose", product) in text(client.get(at("retention", product)))
        said = {
            "reference": "RS 2040-17", "decided_on": clock.today().isoformat(), "decided_by": "The regional archive",
            "reason": "The years are over",
        }  # fmt: skip
        assert client.post(at("disposal-propose", product), said).status_code == 302
        page = text(client.get(at("disposal", product)))
        assert "never whoever proposed" in page
        assert "design.pdf" in page
        made = Disposal.objects.get()
        assert client.post(at("disposal", product), {"read": "on", "sha256": made.sha256}).status_code == 403
        client.force_login(manager)
        form = client.get(at("disposal", product)).context["form"]
        answer = client.post(at("disposal", product), {"sha256": form["sha256"].value()})
        assert "tick the box" in text(answer)
        answer = client.post(at("disposal", product), {"sha256": form["sha256"].value(), "read": "on"})
        assert answer.status_code == 302
        assert "being carried out" in text(client.get(at("disposal", product)))
        stations.carry_out(made)
        page = text(client.get(at("product", product)))
        assert "RS 2040-17" in page
        assert at("disposal-certificate", product) in page
        paper = client.get(at("disposal-certificate", product))
        assert paper["Content-Type"] == "application/pdf"
        assert "0 of 8 files" in text(client.get(at("disposal", product)))


def test_a_change_after_the_proposal_is_said_and_listed_anew(client: Client, registrar: User, manager: User) -> None:
    product = stations.expired()
    with stations.on_day(stations.floor(product)):
        stations.proposed_disposal(product)
        hold = holds.place(product, reason="A claim", reference="RS 1", by=registrar)
        holds.lift(hold, reason="Settled", by=registrar)
        client.force_login(manager)
        page = text(client.get(at("disposal", product)))
        assert "has changed since this was listed" in page
        assert "for good</button>" not in page
        client.force_login(registrar)
        client.post(at("disposal-renew", product))
        client.force_login(manager)
        assert "for good</button>" in text(client.get(at("disposal", product)))


def test_the_desk_asks_whoever_can_be_the_second_person(registrar: User, manager: User, engineer: User) -> None:
    product = stations.expired()
    with stations.on_day(stations.floor(product)):
        stations.proposed_disposal(product)

        def asked(person: User) -> bool:
            return at("disposal", product) in {task.address for task in desk.tasks(person)}

        assert [asked(person) for person in (registrar, manager, engineer)] == [False, True, False]


def test_a_disposal_is_cancelled_with_a_reason(client: Client, manager: User) -> None:
    product = stations.expired()
    with stations.on_day(stations.floor(product)):
        stations.proposed_disposal(product)
        client.force_login(manager)
        assert client.post(at("disposal-cancel", product), {"reason": ""}).status_code == 200
        client.post(at("disposal-cancel", product), {"reason": "Taken back"})
        assert Disposal.objects.get().end == "cancelled"
        assert client.get(at("disposal", product)).status_code == 302


def test_who_patients_are_is_erased_from_the_page(as_registrar: Client) -> None:
    product = stations.in_use()
    tracing.note_use(
        product.items.get(), identifier=identity.parse("se_personnummer", "19900602-2397"), used_on=clock.today(),
        unit=factories.ward(), by=stations.engineer(product),
    )  # fmt: skip
    assert "identity of 1 patient" in text(as_registrar.get(at("retention", product)))
    answer = as_registrar.post(at("retention-patients", product), {"decision": "RS 31-7"})
    assert "tick the box" in text(answer)
    as_registrar.post(at("retention-patients", product), {"decision": "RS 31-7", "read": "on"})
    assert not PatientIdentity.objects.exists()


# --- what is left


def test_every_page_of_a_product_whose_records_are_gone_still_answers(client: Client) -> None:
    """Those that are left show what stays; what the others showed is not there."""
    product = stations.disposed()
    everyone = factories.outsider()
    for row in everyone.assignments.all():
        row.administration = None
        row.save()
    client.force_login(everyone)
    answers = {}
    for address in addresses():
        if address.about in ("inhouse.views.pages.product", "inhouse.views.pages.kept"):
            answer = client.get(reverse(address.name, args=[product.pk]))
            answers[address.name] = (address.about.rsplit(".")[-1], answer.status_code)
    assert {code for about, code in answers.values() if about == "product"} <= {404, 405}
    assert {code for about, code in answers.values() if about == "kept"} <= {200, 302}
    item = product.items.get()
    assert client.get(reverse("inhouse:item", args=[item.pk])).status_code == 200
    shown = client.get(at("product", product)).context["subjects"]
    assert {subject["name"] for subject in shown} == set(pages.STAYING)
    for subject in shown:
        page = client.get(subject["address"])
        assert page.status_code == 200
        for link in set(re.findall(r'href="(/[^"#]*)"', page.content.decode())):
            assert client.get(link).status_code != 404, (subject["name"], link)


def test_what_was_published_stays_open_to_everyone(client: Client) -> None:
    declaration = stations.declaration(stations.disposed())
    for name, of in (
        ("public", []),
        ("public-declaration", [declaration.number]),
        ("public-file", [declaration.number]),
    ):
        answer = client.get(reverse(f"inhouse:{name}", args=of))
        assert answer.status_code == 200
        assert name == "public-file" or declaration.number in text(answer)
    assert bytes(answer.content) == bytes(declaration.file.content)


def test_the_history_of_what_is_gone_tells_who_and_when_and_no_more(client: Client, registrar: User) -> None:
    product = stations.disposed()
    client.force_login(registrar)
    page = text(client.get(at("history", product) + "?all"))
    assert "content disposed of" in page
    assert "Pulled with ten newton" not in page
    for time in ("on", "known"):
        answer = client.get(at("product", product), {"day": clock.today().isoformat(), "time": time})
        assert answer.status_code == 200
