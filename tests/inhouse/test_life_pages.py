"""The pages of a life: declaration, steps, pause, follow-up, change, withdrawal."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from inhouse import conformity, declarations
from inhouse.models import FollowUp, FollowUpAction
from organisation.models import User
from products.models import Product
from tests import stations

pytestmark = pytest.mark.django_db


def page(name: str, product: Product) -> str:
    return reverse(f"inhouse:{name}", args=[product.pk])


@pytest.fixture(autouse=True)
def quick_pdf(monkeypatch: pytest.MonkeyPatch) -> None:
    """Setting the PDF takes a second and is tried where it is read."""
    monkeypatch.setattr(declarations, "render", stations.unset)


def as_owner(client: Client, product: Product) -> Client:
    client.force_login(stations.owner_of(product))
    return client


def sent(answer: Any, **changes: str) -> dict[str, Any]:
    """What the form on the page would send."""
    form = answer.context["form"]
    return {field.html_name: field.value() or "" for field in form} | changes


def test_the_registrar_gives_the_number_once_and_publishes(client: Client, registrar: User) -> None:
    product = stations.declared()
    declaration = stations.declaration(product)
    client.force_login(registrar)
    enter = reverse("inhouse:declaration-enter", args=[declaration.number])
    assert client.post(enter, {"diary_number": ""}).status_code == 422
    assert client.post(enter, {"diary_number": "MT 2026-17"}).status_code == 302
    assert "already in the diary" in client.post(enter, {"diary_number": "MT 2026-18"}).content.decode()
    publish = reverse("inhouse:declaration-publish", args=[declaration.number])
    assert "This cannot be undone" in client.get(publish).content.decode()
    declaration.refresh_from_db()
    assert declaration.published_on is None  # asking is not publishing
    client.post(publish)
    declaration.refresh_from_db()
    assert (declaration.diary_number, declaration.state) == ("MT 2026-17", "published")
    assert "MT 2026-17" in client.get(page("declaration", product)).content.decode()


def test_a_fault_before_use_withdraws_the_declaration(client: Client) -> None:
    product = stations.declared()
    as_owner(client, product)
    address = reverse("inhouse:declaration-withdraw", args=[stations.declaration(product).number])
    assert client.post(address, {"reason": ""}).status_code == 200
    assert client.post(address, {"reason": "Wrong drawing"}).status_code == 302
    assert (stations.declaration(product).state, stations.coming(product).stage) == ("withdrawn", "open")


def test_requirements_not_fully_met_are_listed_with_their_reasons(client: Client, engineer: User) -> None:
    product = stations.in_development()
    client.force_login(engineer)
    told = client.get(page("declaration", product)).content.decode()
    assert "190 requirements of Annex I have no answer." in told
    assert "every relevant requirement of Annex I is met" not in told
    assert page("conformity", product) in told
    stations.conforming(stations.coming(product))
    told = client.get(page("declaration", product)).content.decode()
    assert "every relevant requirement of Annex I is met" in told
    assert "have no answer" not in told
    conformity.admit(
        stations.coming(product), "10.4", what="No test of leaching", why="Contact is under a minute", by=engineer
    )
    told = client.get(page("declaration", product)).content.decode()
    assert "No test of leaching" in told
    assert "every relevant requirement of Annex I is met" not in told


def test_the_button_into_use_tells_what_is_missing(client: Client) -> None:
    product = stations.declared()
    as_owner(client, product)
    answer = client.post(page("step", product), {"to": "in_use"}, follow=True)
    assert "Publish the declaration." in answer.content.decode()
    assert stations.fresh(product).stage == "development"


def test_the_owner_takes_it_into_use(client: Client) -> None:
    product = stations.ready()
    as_owner(client, product).post(page("step", product), {"to": "in_use"})
    assert stations.fresh(product).stage == "in_use"


def test_the_engineer_pauses_and_the_owner_resumes(client: Client, engineer: User) -> None:
    product = stations.in_use()
    client.force_login(engineer)
    assert client.post(page("suspension", product), {"cause": ""}).status_code == 200
    client.post(page("suspension", product), {"cause": "A crack"})
    assert stations.fresh(product).stage == "suspended"
    assert client.post(page("suspension", product), {"measures": "x"}).status_code == 403
    assert stations.fresh(product).stage == "suspended"
    as_owner(client, product).post(page("suspension", product), {"measures": "All replaced"})
    assert stations.fresh(product).stage == "in_use"


def test_a_follow_up_that_says_stop_pauses_use_as_its_page_says_before(client: Client, engineer: User) -> None:
    product = stations.in_use()
    client.force_login(engineer)
    shown = client.get(page("follow-up", product))
    assert "it is paused as soon as you record this" in shown.content.decode()
    given = sent(shown, sources="Wards", findings="Two came loose", conclusion="stop")
    given |= {"actions-TOTAL_FORMS": "0", "actions-INITIAL_FORMS": "0"}
    answer = client.post(page("follow-up", product), given, follow=True)
    assert "The follow-up is recorded, and use is paused." in answer.content.decode()
    assert stations.fresh(product).stage == "suspended"


def test_the_engineer_pauses_from_the_page_of_pause_and_end(client: Client, engineer: User, nurse: User) -> None:
    product = stations.in_use()
    client.force_login(nurse)
    assert 'name="cause"' not in client.get(page("withdrawal", product)).content.decode()
    client.force_login(engineer)
    shown = client.get(page("withdrawal", product)).content.decode()
    assert f'action="{page("suspension", product)}"' in shown
    assert 'name="cause"' in shown
    client.post(page("suspension", product), {"cause": "A crack"})
    paused = client.get(page("withdrawal", product)).content.decode()
    assert "A crack" in paused
    assert 'name="cause"' not in paused


def test_the_open_revision_leads_to_all_that_is_done_for_it(client: Client, nurse: User) -> None:
    product = stations.second_revision()
    client.force_login(nurse)
    shown = client.get(page("change", product))
    assert [(name, left) for name, _label, left in shown.context["tasks"]] == [
        ("design", False), ("documents", True), ("evidence", True), ("readiness", True), ("declaration", True),
    ]  # fmt: skip
    main = shown.content.decode().split('class="todo"')[1]
    for name in ("design", "documents", "evidence", "readiness", "declaration"):
        assert f'href="{page(name, product)}"' in main


def test_a_follow_up_with_an_action_is_recorded_and_the_action_is_done(client: Client) -> None:
    product = stations.in_use()
    owner = stations.owner_of(product)
    as_owner(client, product)
    shown = client.get(page("follow-up", product))
    given = sent(shown, sources="Two wards", findings="One scratch", conclusion="act")
    given |= {"actions-TOTAL_FORMS": "1", "actions-INITIAL_FORMS": "0"}
    nothing_to_do = client.post(page("follow-up", product), given | {"actions-TOTAL_FORMS": "0"})
    assert "Name at least one action" in nothing_to_do.content.decode()
    assert "Two wards" in nothing_to_do.content.decode()
    given |= {"actions-0-text": "Polish it", "actions-0-responsible": str(owner.pk), "actions-0-due_on": "2099-01-01"}
    named = client.post(page("follow-up", product), given | {"actions-0-text": "Call 19121212-1212"}).text
    assert "Do not write a patient&#x27;s number in an action" in named
    assert "Two wards" in named
    assert not FollowUp.objects.exists()
    assert client.post(page("follow-up", product), given).status_code == 302
    action = FollowUpAction.objects.get()
    client.post(reverse("inhouse:action-done", args=[action.pk]), {"note": "Polished"})
    action.refresh_from_db()
    assert (FollowUp.objects.count(), action.done_note) == (1, "Polished")


def test_an_essential_change_opens_a_revision_that_comes_into_force_beside_the_first(client: Client) -> None:
    product = stations.in_use()
    as_owner(client, product)
    questions = ["purpose", "qualification", "risk_class", "conformity", "data"]
    given = {f"change_triggers-{q}": "no" for q in questions} | {
        f"change_triggers-{q}_reason": "As we see it" for q in questions
    }
    given |= {"description": "A larger size", "change_triggers-conformity": "yes"}
    assert "description" in client.post(page("change", product), given | {"description": ""}).context["form"].errors
    assert client.post(page("change", product), given).status_code == 302
    revision = stations.coming(product)
    assert revision.number == 2
    answer = client.get(page("change", product)).content.decode()
    assert "A larger size" in answer


def test_out_of_use_for_good_and_kept_for_ten_years(client: Client) -> None:
    with stations.on_day("2026-02-01"):
        product = stations.in_use()
        as_owner(client, product)
    with stations.on_day("2026-05-01"):
        client.force_login(stations.owner_of(product))
        unread = client.post(page("withdrawal", product), {"reason": "Bought instead"})
        assert f"{product} is out of use for good from today, with its 1 item." in unread.content.decode()
        assert stations.fresh(product).stage == "in_use"
        assert client.post(page("withdrawal", product), {"reason": "Bought instead", "read": "on"}).status_code == 302
        shown = client.get(page("withdrawal", product))
        assert shown.context["floor"] is None
        assert [item.identifier for item in shown.context["left"]] == ["001"]
    with stations.on_day("2026-06-01"):
        stations.scrapped(product.items.get())
    with stations.on_day("2026-06-02"):
        client.force_login(stations.owner_of(product))
        assert client.get(page("withdrawal", product)).context["floor"] == date(2036, 6, 1)


def test_the_nurse_reads_every_page_and_changes_none(client: Client, nurse: User) -> None:
    product = stations.in_use()
    client.force_login(nurse)
    for name in ("declaration", "suspension", "withdrawal", "follow-up", "change"):
        assert client.get(page(name, product)).status_code == 200, name
    for name in ("suspension", "withdrawal", "follow-up", "change", "step", "abandon"):
        assert client.post(page(name, product), {}).status_code == 403, name
