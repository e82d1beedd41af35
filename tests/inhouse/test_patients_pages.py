"""Patients at the door: found, shown, noted and forgotten; a number is in no address, no cache and no report."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponseBase
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from inhouse import declarations, suspension, tracing
from organisation import clock
from organisation.models import Role, Unit, User
from products import identity
from products.identity import Kind
from products.models import Item, PatientIdentity, PatientLookUp, PatientUse, Product
from tests import factories, stations

pytestmark = pytest.mark.django_db

NUMBER, SAID = "19900602-2397", {"kind": "se_personnummer", "number": "199006022397", "issuer": ""}
PURPOSE = "Recall of lot 7, the ward asked"
DAY = "2026-03-02"


@pytest.fixture(autouse=True)
def quick_pdf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(declarations, "render", stations.unset)


@pytest.fixture
def product(db: None) -> Product:
    with stations.on_day(DAY):
        return stations.in_use(design={"patient_tracing": True, "tracing_reason": "Stays in the body"})


@pytest.fixture
def item(product: Product) -> Item:
    return product.items.get()


@pytest.fixture
def use(item: Item, engineer: User) -> PatientUse:
    return met(item, by=engineer)


def met(item: Item, *, by: User, number: str = NUMBER, unit: Unit | None = None) -> PatientUse:
    with stations.on_day(DAY):
        identifier = identity.parse(Kind.SE_PERSONNUMMER, number)
        return tracing.note_use(
            item, identifier=identifier, used_on=clock.today(), unit=unit or factories.ward(), by=by
        )


def page(name: str, *of: Any) -> str:
    return reverse(f"inhouse:{name}", args=of)


def told(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def says_nothing(answer: HttpResponseBase) -> bool:
    """Kept by no cache."""
    return "no-store" in answer["Cache-Control"] and "private" in answer["Cache-Control"]


# Noting


def test_a_use_is_noted_at_the_unit_where_the_item_is(
    client: Client, item: Item, engineer: User, ward: Unit, caplog: pytest.LogCaptureFixture
) -> None:
    client.force_login(engineer)
    with caplog.at_level(logging.DEBUG):
        asked = client.get(page("patient-note", item.pk))
        form = asked.context["form"]
        assert form["unit"].value() == ward.pk
        assert "takes only the authorities’ test numbers" in told(asked)
        answer = client.post(page("patient-note", item.pk), SAID | {"used_on": DAY, "unit": ward.pk}, follow=True)
    assert "The use is noted." in told(answer)
    use = PatientUse.objects.get()
    assert (use.item, use.unit, use.noted_by) == (item, ward, engineer)
    assert f'<span title="{use.patient_id}">Patient 1</span>' in told(answer)
    for kept in (told(answer), caplog.text, str(dict(client.session))):
        assert "19900602" not in kept
    assert says_nothing(asked)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"number": "199006022398"}, "number"),
        ({"number": "19640823-3234"}, "number"),  # nobody's test number
        ({"kind": "se_samordningsnummer"}, "kind"),
        ({"kind": "foreign"}, "issuer"),
        ({"used_on": "2026-03-01"}, None),
        ({"used_on": "2999-01-01"}, "used_on"),
        ({"unit": ""}, "unit"),
    ],
)
def test_a_wrong_number_day_or_unit_is_refused_and_what_was_typed_is_kept(
    client: Client, item: Item, engineer: User, ward: Unit, wrong: dict[str, str], field: str | None
) -> None:
    client.force_login(engineer)
    answer = client.post(page("patient-note", item.pk), SAID | {"used_on": DAY, "unit": ward.pk} | wrong)
    assert list(answer.context["form"].errors) == [field or "__all__"]
    assert answer.context["form"]["number"].value() == (SAID | wrong)["number"]
    assert says_nothing(answer)
    assert not PatientUse.objects.exists()


def test_a_paused_product_says_so_and_takes_only_uses_from_before(
    client: Client, product: Product, item: Item, engineer: User, ward: Unit
) -> None:
    with stations.on_day("2026-03-09"):
        suspension.suspend(product, cause="An adapter came loose", by=engineer)
    client.force_login(engineer)
    assert "Use is paused and the item is quarantined" in told(client.get(page("patient-note", item.pk)))
    on_pause = SAID | {"used_on": "2026-03-09", "unit": ward.pk}
    assert "quarantined" in told(client.post(page("patient-note", item.pk), on_pause))
    assert client.post(page("patient-note", item.pk), on_pause | {"earlier": "on"}).status_code == 302


def test_an_item_that_cannot_meet_patients_says_why(client: Client, engineer: User) -> None:
    product = stations.declared()
    item = stations.made(product)
    client.force_login(engineer)
    answer = told(client.get(page("patient-note", item.pk)))
    assert "The product is not in use" in answer
    assert "The item is not released" in answer
    assert "<textarea" not in answer


def test_items_that_need_no_tracing_hint_at_it(client: Client, engineer: User) -> None:
    item = stations.in_use().items.get()
    client.force_login(engineer)
    answer = told(client.get(page("patient-note", item.pk)))
    assert "need not be traced to the patient: Stays outside the body" in answer
    assert 'name="number"' in answer


# Finding


def find(client: Client, **changes: str) -> Any:
    return client.post(page("patients"), SAID | {"purpose": PURPOSE} | changes)


def test_a_patient_is_found_by_number_at_an_address_that_says_nothing(
    client: Client, use: PatientUse, engineer: User
) -> None:
    client.force_login(engineer)
    answer = find(client)
    assert answer["Location"] == page("patient", use.patient_id)
    assert says_nothing(answer)
    assert answer.wsgi_request.sensitive_post_parameters == "__ALL__"  # left out of reports of errors
    shown = client.get(answer["Location"])
    assert "Vårdavdelning 5" in told(shown)
    assert page("item", use.item_id) in told(shown)
    assert "19900602" not in told(shown)
    assert "19900602" not in str(dict(client.session))
    assert says_nothing(shown)
    assert PatientLookUp.objects.get().purpose == PURPOSE


def test_the_address_alone_shows_nothing_to_others_or_later(
    client: Client, use: PatientUse, engineer: User, owner: User, nurse: User
) -> None:
    client.force_login(engineer)
    address = find(client)["Location"]
    client.force_login(owner)
    assert "Vårdavdelning 5" not in told(client.get(address))
    client.force_login(nurse)
    assert client.get(address)["Location"] == page("patients")
    client.force_login(engineer)
    with clock.at(clock.now() + timedelta(minutes=16)):
        later = told(client.get(address))
        assert "Say again why" in later
        assert "Vårdavdelning 5" not in later
        assert "Say in a few words" in told(client.post(address, {"purpose": "because"}))
        assert client.post(address, {"purpose": PURPOSE}).status_code == 302
        assert "Vårdavdelning 5" in told(client.get(address))
    assert [look.kind for look in PatientLookUp.objects.all()] == ["opened", "by_number"]


def test_nobody_found_is_said_and_logged(client: Client, use: PatientUse, engineer: User) -> None:
    client.force_login(engineer)
    answer = find(client, kind="no_fnr", number="01818098452")
    assert "Nobody with this number" in told(answer)
    assert PatientLookUp.objects.get().found is False


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"purpose": ""}, "purpose"), ({"purpose": "because"}, "purpose"), ({"number": "17"}, "number")],
)
def test_without_a_purpose_or_a_number_nobody_is_looked_for(
    client: Client, use: PatientUse, engineer: User, wrong: dict[str, str], field: str
) -> None:
    client.force_login(engineer)
    assert list(find(client, **wrong).context["form"].errors) == [field]
    assert not PatientLookUp.objects.exists()


def test_a_number_in_the_address_is_no_question(client: Client, use: PatientUse, engineer: User) -> None:
    client.force_login(engineer)
    answer = client.get(page("patients"), SAID | {"purpose": PURPOSE})
    assert answer.status_code == 200
    assert answer.context["form"].is_bound is False
    assert not PatientLookUp.objects.exists()


def test_uses_elsewhere_are_counted(client: Client, use: PatientUse, outsider: User) -> None:
    client.force_login(outsider)
    shown = told(client.get(find(client)["Location"]))
    assert "met no item of a product whose patients you may see" in shown
    assert "One more use belongs to a product whose patients you may not see" in shown
    assert "Vårdavdelning 5" not in shown


def test_a_nurse_looks_for_nobody(client: Client, use: PatientUse, nurse: User, auditor: User) -> None:
    for someone in (nurse, auditor):
        client.force_login(someone)
        answer = client.get(page("patients"))
        assert "looked up by clinical engineers" in told(answer)
        assert 'name="number"' not in told(answer)
        assert find(client).status_code == 403
        assert client.get(page("patient-note", use.item_id)).status_code == 403
        assert client.get(page("patient-reveal", use.pk)).status_code == 403
        shown = told(client.get(page("item", use.item_id)))
        assert "1 use is noted." in shown
        assert str(use.patient_id) not in shown
    assert not PatientLookUp.objects.exists()


# Revealing, and who looked


def test_a_number_is_shown_once_for_a_purpose_and_the_owner_sees_who_looked(
    client: Client, product: Product, use: PatientUse, engineer: User, owner: User
) -> None:
    client.force_login(engineer)
    address = page("patient-reveal", use.pk)
    assert NUMBER not in told(client.get(address))
    assert NUMBER not in told(client.post(address, {"purpose": "because"}))
    assert not PatientLookUp.objects.exists()
    answer = client.post(address, {"purpose": PURPOSE})
    assert NUMBER in told(answer)
    assert says_nothing(answer)
    assert NUMBER not in told(client.get(address))
    assert client.get(page("look-ups", product.pk)).status_code == 403
    client.force_login(owner)
    log = told(client.get(page("look-ups", product.pk)))
    for seen in (PURPOSE, "Eva Ek", "number shown from an item"):
        assert seen in log
    assert NUMBER not in log


def test_an_auditor_reads_every_look_in_the_institution_also_those_that_found_nobody(
    client: Client, product: Product, use: PatientUse, engineer: User, outsider: User, auditor: User
) -> None:
    client.force_login(outsider)
    find(client, kind="no_fnr", number="01818098452", purpose="A patient called us, who is it")
    client.force_login(engineer)
    client.post(page("patient-reveal", use.pk), {"purpose": PURPOSE})
    client.force_login(auditor)
    address = page("look-ups-all")
    for linked in (reverse("organisation:audit"), page("patients")):
        assert address in told(client.get(linked))
    answer = client.get(address)
    log = told(answer)
    assert says_nothing(answer)
    assert log.count("nobody found") == 1
    for seen in (PURPOSE, "A patient called us, who is it", engineer.name, outsider.name, product.number):
        assert seen in log
    for hidden in ("018180", "98452", "19900602", NUMBER, str(use.patient_id)):
        assert hidden not in log
    missed = told(client.get(address, {"nobody": "on"}))
    assert "A patient called us" in missed
    assert PURPOSE not in missed
    by_engineer = told(client.get(address, {"person": engineer.pk}))
    assert PURPOSE in by_engineer
    assert "A patient called us" not in by_engineer
    assert "Nothing fits this." in told(client.get(address, {"person": auditor.pk}))


def test_who_audits_one_administration_or_owns_a_product_does_not_read_the_looks_of_the_whole_institution(
    client: Client, product: Product, use: PatientUse, engineer: User, owner: User, head_office: User
) -> None:
    for someone in (factories.person(Role.AUDITOR), owner, engineer, head_office):
        client.force_login(someone)
        assert client.get(page("look-ups-all")).status_code == 403
        assert page("look-ups-all") not in told(client.get(page("patients")))
    assert page("look-ups-all") not in told(client.get(reverse("organisation:audit")))  # head office


def test_more_uses_and_looks_cost_no_more_queries(
    client: Client, product: Product, item: Item, use: PatientUse, engineer: User, owner: User, auditor: User
) -> None:
    def count() -> list[int]:
        counts = []
        for someone, address in (
            (engineer, page("item", item.pk)),
            (engineer, page("patient", use.patient_id)),
            (owner, page("look-ups", product.pk)),
            (auditor, page("look-ups-all")),
        ):
            client.force_login(someone)
            client.get(address)
            with CaptureQueriesContext(connection) as captured:
                assert client.get(address).status_code == 200
            counts.append(len(captured))
        return counts

    client.force_login(engineer)
    find(client)
    before = count()
    with stations.on_day(DAY):
        for identifier in ("002", "003"):
            met(stations.placed(product, identifier), by=engineer)
    met(item, by=engineer)
    client.force_login(engineer)
    find(client)
    find(client)
    assert count() == before


# Forgetting


def test_a_registrar_erases_a_number_by_its_reference_and_a_decision(
    client: Client, use: PatientUse, registrar: User
) -> None:
    client.force_login(registrar)
    assert page("patient-erase", use.patient_id) in told(client.get(page("item", use.item_id)))
    answer = client.post(page("patients"), {"reference": str(use.patient_id)})
    address = answer["Location"]
    assert address == page("patient-erase", use.patient_id)
    asked = client.post(address, {"decision": "Dnr 2026-17, 1 March"})
    assert "This cannot be undone" in told(asked)
    assert PatientIdentity.objects.exists()
    done = client.post(address, {"decision": "Dnr 2026-17, 1 March", "confirmed": "1"}, follow=True)
    assert "Decision: Dnr 2026-17, 1 March." in told(done)
    assert not PatientIdentity.objects.exists()
    assert PatientUse.objects.get() == use
    assert says_nothing(done)


def test_erasing_needs_a_decision_and_the_role(
    client: Client, use: PatientUse, registrar: User, engineer: User, outsider: User
) -> None:
    address = page("patient-erase", use.patient_id)
    for someone in (engineer, outsider):
        client.force_login(someone)
        assert client.get(address).status_code == 403
        assert client.post(address, {"decision": "Dnr 1", "confirmed": "1"}).status_code == 403
    client.force_login(registrar)
    answer = client.post(address, {"decision": " ", "confirmed": "1"})
    assert list(answer.context["form"].errors) == ["decision"]
    assert client.post(page("patients"), {"reference": "17"}).context["reference"].errors
    unknown = client.post(page("patients"), {"reference": "00000000-0000-4000-8000-000000000000"})
    assert "No patient has this reference" in told(unknown)
    assert PatientIdentity.objects.exists()


def test_an_erased_number_is_not_shown_again(client: Client, use: PatientUse, engineer: User) -> None:
    registrar = factories.person(Role.REGISTRAR)
    tracing.erase(use.patient, decision="Dnr 2026-17", by=registrar)
    client.force_login(engineer)
    assert "was erased on" in told(client.get(page("patient-reveal", use.pk)))
    assert "erased" in told(client.post(page("patient-reveal", use.pk), {"purpose": PURPOSE}))
    assert "number erased" in told(client.get(page("item", use.item_id)))
    assert not PatientLookUp.objects.exists()
