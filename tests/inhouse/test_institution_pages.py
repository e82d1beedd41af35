"""The institution, its authorities, administrations, units and quality systems."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from inhouse import law
from organisation import clock
from organisation.history import acting
from organisation.models import Administration, Authority, Institution, QualitySystem, Unit, User
from products import traceability
from tests import factories, stations

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(client: Client, head_office: User) -> Client:
    """Head office's browser."""
    client.force_login(head_office)
    return client


def form_of(page: str) -> dict[str, str | list[str]]:
    """What the form of the institution holds, as a browser would send it."""
    row = Institution.objects.get()
    seen = re.search(r'name="seen" value="(\d+)"', page)
    assert seen
    fields = (
        "name",
        "organisation_number",
        "address",
        "place",
        "country",
        "language",
        "contact",
        "house_rules",
        "diary_gate",
    )
    return {name: getattr(row, name) for name in fields} | {"seen": seen[1]}


def test_head_office_chooses_the_house_rules(desk: Client, institution: Institution) -> None:
    address = reverse("inhouse:institution")
    page = desk.get(address).text
    for pack in law.house_rules():
        assert pack.title in page
    desk.post(address, form_of(page) | {"house_rules": [], "diary_gate": "warn", "validation_gate": "block"})
    institution.refresh_from_db()
    assert (institution.house_rules, institution.diary_gate) == ([], "warn")


def test_two_edit_the_institution_and_the_later_sees_both(desk: Client, institution: Institution) -> None:
    address = reverse("inhouse:institution")
    form = form_of(desk.get(address).text)
    Institution.objects.update(house_rules=[], contact="the other’s contact")
    page = desk.post(address, form | {"contact": "my contact"}).text
    assert "the other’s contact" in page
    assert "my contact" in page
    institution.refresh_from_db()
    assert institution.contact == "the other’s contact"


def test_a_manager_does_not_change_the_institution(client: Client, manager: User) -> None:
    client.force_login(manager)
    assert client.get(reverse("inhouse:institution")).status_code == 403
    assert reverse("inhouse:institution") not in client.get(reverse("inhouse:places")).text


def test_a_task_moves_from_one_authority_to_another(desk: Client, institution: Institution) -> None:
    old = Authority.objects.create(
        institution=institution, name="IVO", short_name="IVO", task="events", valid_from="2021-05-26"
    )
    end = reverse("inhouse:authority-end", args=[old.pk])
    assert "The last day cannot come before the first." in desk.post(end, {"valid_until": "2020-01-01"}).text
    desk.post(end, {"valid_until": "2026-12-31"})
    desk.post(
        reverse("inhouse:authority-add"),
        {"task": "events", "name": "Läkemedelsverket", "short_name": "LV", "valid_from": "2027-01-01"},
    )
    held = Authority.objects.filter(task="events").order_by("valid_from").values_list("short_name", "valid_until__year")
    assert list(held) == [("IVO", 2026), ("LV", None)]
    assert "already been given an end" in desk.post(end, {"valid_until": "2028-01-01"}).text


def test_units_are_added_renamed_closed_and_opened(desk: Client, administration: Administration) -> None:
    home = reverse("inhouse:administration", args=[administration.pk])
    desk.post(reverse("inhouse:unit-add", args=[administration.pk]), {"name": "Ward 7", "site": "North"})
    unit = Unit.objects.get(name="Ward 7")
    change = reverse("inhouse:unit", args=[unit.pk])
    seen = re.search(r'name="seen" value="(\d+)"', desk.get(change).text)
    assert seen
    desk.post(change, {"name": "Ward 8", "site": "North", "seen": seen[1]})
    assert "Ward 8" in desk.get(home).text
    for name, said in (("unit-close", False), ("unit-reopen", True)):
        desk.post(reverse(f"inhouse:{name}", args=[unit.pk]), {"reason": "Rebuilding"})
        unit.refresh_from_db()
        assert unit.active is said


def test_two_units_of_an_administration_have_different_names(desk: Client, unit: Unit) -> None:
    page = desk.post(reverse("inhouse:unit-add", args=[unit.administration_id]), {"name": unit.name, "site": ""})
    assert "already exists" in page.text
    assert Unit.objects.filter(name=unit.name).count() == 1


def test_closing_a_unit_tells_what_is_still_there(desk: Client) -> None:
    product = stations.declared()
    stations.listed(product)
    stations.placed(product, "A-17")
    page = desk.get(reverse("inhouse:unit-close", args=[factories.ward().pk])).text
    assert "A-17" in page
    page = desk.get(reverse("inhouse:unit-close", args=[product.unit_id])).text
    assert "of which it is the manufacturing unit" in page
    assert "Eva Ek" in page


def test_a_unit_where_items_lie_stays_open_until_they_are_moved(desk: Client, engineer: User) -> None:
    product = stations.declared()
    item = stations.placed(product, "A-17")
    ward = factories.ward()
    address = reverse("inhouse:unit-close", args=[ward.pk])
    assert "disabled" in desk.get(address).text
    refused = desk.post(address, {"reason": "Rebuilding"})
    assert "The items must leave first" in str(refused.context["form"].errors)
    assert Unit.objects.get(pk=ward.pk).active
    traceability.take_back(item.placements.get(), on=clock.today(), by=engineer)
    desk.post(address, {"reason": "Rebuilding"})
    assert not Unit.objects.get(pk=ward.pk).active


def test_an_administration_with_open_units_stays_open(desk: Client, unit: Unit) -> None:
    address = reverse("inhouse:administration-edit", args=[unit.administration_id])
    seen = re.search(r'name="seen" value="(\d+)"', desk.get(address).text)
    assert seen
    page = desk.post(address, {"name": "Centralsjukhuset", "seen": seen[1]})
    assert "Close or move its units first." in page.text
    assert Administration.objects.get(pk=unit.administration_id).active


def test_an_administration_is_added(desk: Client, institution: Institution) -> None:
    desk.post(reverse("inhouse:administration-add"), {"name": "Tandvården"})
    assert Administration.objects.filter(name="Tandvården", institution=institution).exists()


SYSTEM = {"name": "MT-QMS", "scope": "Everything we make", "certificate": "", "valid_until": ""}


def test_a_manager_keeps_the_quality_systems_of_their_own_administration(
    client: Client, manager: User, administration: Administration
) -> None:
    client.force_login(manager)
    client.post(reverse("inhouse:quality-system-add", args=[administration.pk]), SYSTEM)
    system = QualitySystem.objects.get(name="MT-QMS")
    assert "MT-QMS" in client.get(reverse("inhouse:administration", args=[administration.pk])).text
    change = reverse("inhouse:quality-system", args=[system.pk])
    seen = re.search(r'name="seen" value="(\d+)"', client.get(change).text)
    assert seen
    client.post(change, SYSTEM | {"name": "MT-QMS 2", "seen": seen[1]})
    system.refresh_from_db()
    assert system.name == "MT-QMS 2"
    elsewhere = factories.other_administration()
    assert client.post(reverse("inhouse:quality-system-add", args=[elsewhere.pk]), SYSTEM).status_code == 403
    assert not elsewhere.quality_systems.exists()


def test_a_nurse_reads_places_and_whom_to_ask(
    client: Client, nurse: User, engineer: User, administration: Administration
) -> None:
    client.force_login(nurse)
    assert "Centralsjukhuset" in client.get(reverse("inhouse:places")).text
    page = client.get(reverse("inhouse:administration", args=[administration.pk])).text
    assert "Eva Ek" in page
    for forbidden in ("unit-add", "administration-edit", "quality-system-add"):
        assert reverse(f"inhouse:{forbidden}", args=[administration.pk]) not in page


def test_places_ask_as_much_for_three_as_for_one(client: Client, nurse: User, administration: Administration) -> None:
    client.force_login(nurse)
    counts = []
    for names in (["1"], ["2", "3"]):
        for name in names:
            factories.user(f"Person {name}", at=factories.ward(f"Ward {name}"))
            QualitySystem.objects.create(administration=administration, name=f"System {name}", scope="All")
            factories.administration(f"Hospital {name}")
        with CaptureQueriesContext(connection) as asked:
            client.get(reverse("inhouse:places"))
            client.get(reverse("inhouse:administration", args=[administration.pk]))
        counts.append(len(asked))
    assert counts[0] == counts[1]


# --- what happened there lately


def trail(client: Client, address: str) -> str:
    """The history at the foot of a page."""
    page = client.get(address).text
    return page.split("History of this page", 1)[1] if "History of this page" in page else ""


def test_the_institution_tells_who_changed_its_rules_and_authorities(desk: Client, institution: Institution) -> None:
    address = reverse("inhouse:institution")
    desk.post(address, form_of(desk.get(address).text) | {"diary_gate": "warn", "validation_gate": "block"})
    added = {"task": "events", "name": "Läkemedelsverket", "short_name": "LV", "valid_from": "2027-01-01"}
    desk.post(reverse("inhouse:authority-add"), added)
    told = trail(desk, address)
    assert "Diary number and publication changed from “must be in place before use” to “only warn”." in told
    assert "added authority “Läkemedelsverket”." in told
    authority = reverse("inhouse:authority-end", args=[Authority.objects.get().pk])
    assert "added authority “Läkemedelsverket”." in trail(desk, authority)


def test_an_administration_tells_of_its_own_units_and_quality_systems(
    desk: Client, nurse: User, administration: Administration, other_administration: Administration
) -> None:
    desk.post(reverse("inhouse:unit-add", args=[administration.pk]), {"name": "Ward 7", "site": ""})
    desk.post(reverse("inhouse:quality-system-add", args=[administration.pk]), SYSTEM)
    unit, system = Unit.objects.get(name="Ward 7"), QualitySystem.objects.get(name="MT-QMS")
    desk.post(reverse("inhouse:unit-close", args=[unit.pk]), {"reason": "Rebuilding"})
    told = trail(desk, reverse("inhouse:administration", args=[administration.pk]))
    assert "changed unit “Ward 7”." in told
    assert "added quality management system “MT-QMS”." in told
    assert "Ward 7" not in trail(desk, reverse("inhouse:administration", args=[other_administration.pk]))
    for name, of in (("unit-reopen", unit), ("unit", unit)):
        assert "MT-QMS" not in trail(desk, reverse(f"inhouse:{name}", args=[of.pk]))
        assert "changed unit “Ward 7”." in trail(desk, reverse(f"inhouse:{name}", args=[of.pk]))
    assert "MT-QMS" in trail(desk, reverse("inhouse:quality-system", args=[system.pk]))
    assert "added administration “Centralsjukhuset”." in trail(desk, reverse("inhouse:places"))
    desk.force_login(nurse)
    assert "Ward 7" in trail(desk, reverse("inhouse:administration", args=[administration.pk]))


def test_the_history_of_a_place_asks_as_much_for_three_changes_as_for_one(
    desk: Client, head_office: User, administration: Administration
) -> None:
    pages = [reverse("inhouse:institution"), reverse("inhouse:administration", args=[administration.pk])]
    counts = []
    for names in (["1"], ["2", "3"]):
        for name in names:
            with acting(head_office):
                Unit.objects.create(administration=administration, name=name)
                Unit.objects.filter(name=name).update(site="North")
                Institution.objects.update(contact=name)
        desk.force_login(head_office)
        for address in pages:
            desk.get(address)
        with CaptureQueriesContext(connection) as asked:
            for address in pages:
                desk.get(address)
        counts.append(len(asked))
    assert counts[0] == counts[1]
