"""One device from idea to withdrawn, in a real browser, in Swedish: the whole story, with what is refused on the way."""

from __future__ import annotations

import hashlib
import io
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from openpyxl import load_workbook
from playwright.sync_api import Browser, expect

from inhouse.models import Declaration, EvidenceDocument, HandOut
from organisation.models import Role, User
from products import synthetic
from products.models import Item, PatientLookUp, PatientUse, Product, Revision
from tests import factories
from tests.browser.hands import Person, signed_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

NO = {"ce_equivalent_exists", "industrial_scale", "not_safe_benefit", "outside_organisation"}


class Hospital:
    """Everyone in the story, each in a browser of their own."""

    def __init__(self, stack: ExitStack, browser: Browser, address: str) -> None:
        factories.institution()
        factories.quality_system()
        factories.unit()
        factories.ward()
        self.stack, self.browser, self.address = stack, browser, address
        self.engineer = self.person(factories.person(Role.ENGINEER))
        self.manager = self.person(factories.person(Role.MANAGER))
        self.owner_user = factories.person(None)
        self.owner = self.person(self.owner_user)
        self.registrar = self.person(factories.person(Role.REGISTRAR))
        self.nurse = self.person(factories.nurse(), width=390)

    def person(self, user: User, **given: Any) -> Person:
        return self.stack.enter_context(signed_in(self.browser, self.address, user, **given))


def test_one_device_from_idea_to_withdrawn(live_server: Any, chromium: Browser, tmp_path: Path) -> None:
    with ExitStack() as stack:
        hospital = Hospital(stack, chromium, live_server.url)
        product = propose(hospital)
        decide(hospital, product)
        appoint(hospital, product)
        develop(hospital, product, tmp_path)
        sign(hospital, product)
        register(hospital, product)
        make(hospital, product)
        use(hospital, product)
        trace(hospital, product)
        hand_out(hospital, product)
        follow_up(hospital, product)
        pause(hospital, product)
        change(hospital, product)
        withdraw(hospital, product)
        look_back(hospital, product)


def at(product: Product, page: str = "") -> str:
    return f"/products/{product.pk}/{page}"


def propose(hospital: Hospital) -> Product:
    """A nurse has an idea, on a phone; the engineer answers the rest."""
    nurse, engineer = hospital.nurse, hospital.engineer
    nurse.go("/")
    nurse.clean()
    nurse.go("/products/new/")
    nurse.clean()
    nurse.send(name="Huvudstöd för små barn", summary="Håller huvudet stilla vid strålbehandling.")
    product = Product.objects.get()
    nurse.fill(categories=["manufacture_modify", "combination"])
    nurse.send()
    nurse.clean()

    engineer.go(at(product))
    engineer.says("MDR 5.5")
    engineer.clean()
    engineer.go(at(product, "assessment/device/"))
    engineer.send(general_definition__g1="yes")
    engineer.says("Svara på detta")
    assert engineer.page.locator('[name="general_definition-g1"][value="yes"]').is_checked()
    engineer.send(general_definition__g1="yes", general_definition__g2="yes", md_or_ivd__iv1="no")
    engineer.send(custom_made__c1="no", outside_use__o1="no")
    engineer.send(
        patient_group="Barn under tre år",
        special_need="Minsta storleken på marknaden passar från fyra år",
        performance_level="Två millimeter",
    )
    engineer.clean()
    engineer.send(
        result="none_fits", sources="EUDAMED, fyra tillverkare", justification="Inget passar barn under fyra år",
        devices__0__device="HeadFix S", devices__0__maker="Nordfix", devices__0__shortfall="Passar från fyra år",
    )  # fmt: skip
    engineer.send(
        **{f"prohibitions__{name}": "no" for name in NO},
        **{f"prohibitions__{name}_reason": "Se underlaget" for name in NO},
    )
    engineer.send(
        benefit="Ingen narkos", risk="Klämrisk", cost="3 000 kronor", weighing="Nyttan överväger", support_needed="False",
        support_reason="Vi har gjort liknande",
    )  # fmt: skip
    engineer.go(at(product, "assessment/"))
    engineer.clean()
    return product


def decide(hospital: Hospital, product: Product) -> None:
    engineer, manager = hospital.engineer, hospital.manager
    engineer.go(at(product, "decision/"))
    assert engineer.page.locator('main [name="make-reason"]').count() == 0
    manager.go("/")
    manager.says(product.number)
    manager.go(at(product, "decision/"))
    manager.clean()
    manager.send(make__reason="Inget annat finns", make__read=True)
    assert Product.objects.get().stage == "eligible"


def appoint(hospital: Hospital, product: Product) -> None:
    manager, owner = hospital.manager, hospital.owner
    manager.go(at(product, "owner/"))
    manager.send(person=str(hospital.owner_user.pk))
    owner.go("/")
    owner.says(product.number)
    owner.go(at(product, "owner/"))
    owner.clean()
    owner.page.locator("main form button[data-color=accent]").first.click()
    owner.page.wait_for_load_state()
    assert Product.objects.get().owner == hospital.owner_user


def develop(hospital: Hospital, product: Product, folder: Path) -> None:
    """Described, classed, documented, verified and validated; a program in disguise is refused."""
    engineer = hospital.engineer
    engineer.go(at(product, "design/"))
    engineer.clean()
    system = engineer.page.locator('[name="system-quality_system"] option').nth(1).get_attribute("value")
    design: dict[str, Any] = {
        "reference": "HS-1", "intended_purpose": "Hålla huvudet stilla", "patient_group": "Barn under tre år", "description": "Tryckt stöd",
        "risk_class": "I", "class_rule": "1", "class_reason": "Icke-invasiv", "patient_tracing": "True", "tracing_reason": "Följs upp",
        "system__quality_system": system, "parts__0__name": "Skruv",
    }  # fmt: skip
    engineer.send(**design)
    engineer.go(at(product))
    engineer.page.locator('button[name="to"][value="development"]').click()
    engineer.page.wait_for_load_state()
    assert Product.objects.get().stage == "development"

    disguised = folder / "ritning.pdf"
    disguised.write_bytes(b"MZ" + bytes(200))
    engineer.go(at(product, "documents/add/"))
    upload(engineer, disguised, group="facility", title="Lokal", version="1")
    expect(engineer.page.locator(".errors")).to_be_visible()
    assert engineer.page.locator('[name="title"]').input_value() == "Lokal"
    for group in EvidenceDocument.Group:
        if group != EvidenceDocument.Group.OTHER:
            paper = folder / f"{group}.pdf"
            paper.write_bytes(factories.pdf(f"Om {group}").read())
            engineer.go(at(product, "documents/add/"))
            upload(engineer, paper, group=str(group), title=f"Om {group.value}", version="1.0")
    engineer.go(at(product, "documents/"))
    engineer.clean()
    for kind in ("verification", "validation"):
        engineer.go(at(product, f"evidence/add/?kind={kind}"))
        engineer.clean()
        examined = {"what": "Tre stöd", "method": "Mätning", "result": "Inom två millimeter", "outcome": "approved"}
        engineer.send(**examined, done_by="Eva Ek, ingenjör")
    engineer.go(at(product, "evidence/"))
    engineer.clean()


def upload(person: Person, paper: Path, **fields: str) -> None:
    person.fill(**fields)
    person.page.set_input_files('main [name="file"]', paper)
    person.page.locator('main form:has([name="file"]) button[data-color=accent]').first.click()
    person.page.wait_for_load_state()


def sign(hospital: Hospital, product: Product) -> None:
    """The owner reads, mistypes the password once, and signs; the PDF is what was read."""
    owner = hospital.owner
    owner.go(at(product, "declaration/"))
    owner.clean()
    owner.go(at(product, "declaration/sign/"))
    owner.says("Barn under tre år")
    owner.clean()
    owner.send(password="fel lösenord")
    expect(owner.page.locator(".errors")).to_be_visible()
    assert not Declaration.objects.exists()
    owner.send(password=factories.PASSWORD)
    declaration = Declaration.objects.select_related("file").get()
    stored = bytes(declaration.file.content)
    assert hashlib.sha256(stored).hexdigest() == declaration.file.sha256
    with pikepdf.open(io.BytesIO(stored)) as pdf:
        assert str(pdf.Root.Lang) == "sv"
    sent = owner.context.request.get(f"{owner.address}/declarations/{declaration.number}/file.pdf")
    assert sent.body() == stored


def register(hospital: Hospital, product: Product) -> None:
    """The registrar gives the number and publishes; anyone can read it without signing in."""
    registrar = hospital.registrar
    registrar.go("/")
    registrar.says(product.number)
    registrar.go(at(product, "declaration/"))
    registrar.clean()
    registrar.send(diary_number="MT 2026-17")
    registrar.page.locator('a[href$="/publish/"]').click()
    registrar.page.locator("main form.stack button").click()
    registrar.page.wait_for_load_state()
    declaration = Declaration.objects.get()
    assert (declaration.diary_number, declaration.state) == ("MT 2026-17", "published")
    public = hospital.browser.new_context(locale="sv-SE").new_page()
    public.goto(f"{hospital.address}/register/")
    public.get_by_role("link", name="Huvudstöd för små barn").first.click()
    public.wait_for_load_state()
    expect(public.locator("main")).to_contain_text("MT 2026-17")
    assert public.url.endswith(f"/register/{declaration.number}/")
    public.context.close()


def make(hospital: Hospital, product: Product) -> None:
    """An item is made, released and placed; a place outside the region is refused with the reason."""
    engineer = hospital.engineer
    engineer.go(at(product, "items/register/"))
    engineer.clean()
    engineer.send(identifier="HS-001")
    item = Item.objects.get()
    engineer.go(f"/items/{item.pk}/")
    engineer.send(checks="Mätt och godkänd")
    ward = engineer.page.locator('main [name="unit"]')
    outside = ward.locator("option").last.get_attribute("value")
    engineer.go(f"/items/{item.pk}/place/")
    engineer.send(unit=outside, outside="Privata kliniken")
    engineer.says("MDR 5.5 a")
    assert engineer.page.locator('[name="outside"]').input_value() == "Privata kliniken"
    engineer.send(unit=str(factories.ward().pk))
    engineer.go(f"/items/{item.pk}/")
    engineer.clean()
    assert item.placements.get().unit == factories.ward()


def use(hospital: Hospital, product: Product) -> None:
    """Use is refused until everything stands around the device; then the owner takes it into use."""
    engineer, owner = hospital.engineer, hospital.owner
    owner.go(at(product))
    expect(owner.page.locator('button[name="to"][value="in_use"]')).to_be_disabled()
    owner.clean()
    engineer.go(at(product, "readiness/"))
    engineer.clean()
    engineer.send(
        managing_organisation="Medicinsk teknik", managing_contact="mt@exempel.se", training_needed="False", support_contact="mt@exempel.se",
        maintenance_needed="False", marking="on_product", marking_text="Nummer på undersidan", follow_up_months="12",
    )  # fmt: skip
    engineer.go(at(product, "units/"))
    engineer.send(unit=str(factories.unit().pk), part="makes")
    engineer.go(at(product, "units/"))
    engineer.send(unit=str(factories.ward().pk), part="uses")
    engineer.clean()
    owner.go(at(product))
    owner.page.locator('button[name="to"][value="in_use"]').click()
    owner.page.wait_for_load_state()
    assert Product.objects.get().stage == "in_use"


def trace(hospital: Hospital, product: Product) -> None:
    """A patient meets the item; the number is found only with a purpose, and the owner sees who looked."""
    engineer, owner = hospital.engineer, hospital.owner
    item = Item.objects.get()
    number = sorted(synthetic.PUBLISHED)[0]
    engineer.go(f"/items/{item.pk}/patient/")
    engineer.clean()
    engineer.send(kind="se_personnummer", number="191212121213")
    expect(engineer.page.locator(".errors")).to_be_visible()
    assert not PatientUse.objects.exists()
    engineer.send(kind="se_personnummer", number=number)
    assert PatientUse.objects.get().item == item
    engineer.go("/patients/")
    engineer.clean()
    engineer.send(kind="se_personnummer", number=number, purpose="Uppföljning av huvudstödet")
    engineer.says("HS-001")
    assert number not in engineer.page.url
    engineer.clean()
    assert PatientLookUp.objects.filter(found=True).exists()
    owner.go(at(product, "look-ups/"))
    owner.says("Uppföljning av huvudstödet")
    owner.clean()


def hand_out(hospital: Hospital, product: Product) -> None:
    """The authority asks which units make and use; the list goes out as a sheet and is on record."""
    registrar = hospital.registrar
    registrar.go("/lists/")
    registrar.clean()
    registrar.go(f"/lists/{factories.administration().pk}/")
    registrar.says(product.number)
    registrar.clean()
    registrar.fill(requested_by="IVO, dnr 1", form="xlsx")
    with registrar.page.expect_download() as waiting:
        registrar.page.locator('form:has([name="requested_by"]) button[data-color=accent]').click()
    content = Path(waiting.value.path()).read_bytes()
    assert hashlib.sha256(content).hexdigest() == HandOut.objects.get().sha256
    sheet = load_workbook(io.BytesIO(content)).active
    assert product.number in {cell for row in sheet.iter_rows(values_only=True) for cell in row}


def follow_up(hospital: Hospital, product: Product) -> None:
    owner = hospital.owner
    owner.go(at(product, "follow-up/"))
    owner.clean()
    owner.send(sources="Två avdelningar", findings="Inga fel", conclusion="continue")
    owner.says("Inga fel")


def pause(hospital: Hospital, product: Product) -> None:
    engineer, owner = hospital.engineer, hospital.owner
    engineer.go(at(product, "pause/"))
    engineer.clean()
    engineer.send(cause="En spricka")
    assert Product.objects.get().stage == "suspended"
    engineer.go(f"/items/{Item.objects.get().pk}/patient/")
    assert (
        engineer.page.locator('main [name="number"]').count() == 0
        or "paus" in engineer.page.locator("main").inner_text().lower()
    )
    owner.go(at(product, "pause/"))
    owner.send(measures="Bytt material")
    assert Product.objects.get().stage == "in_use"


def change(hospital: Hospital, product: Product) -> None:
    """An essential change opens a second revision, which comes into force beside the first."""
    engineer, owner, registrar = hospital.engineer, hospital.owner, hospital.registrar
    engineer.go(at(product, "changes/"))
    engineer.clean()
    answers = dict.fromkeys(("purpose", "qualification", "risk_class", "conformity", "data"), "no") | {
        "conformity": "yes"
    }
    engineer.send(
        description="Mjukare plast",
        **{f"change_triggers__{name}": value for name, value in answers.items()},
        **{f"change_triggers__{name}_reason": "Se underlaget" for name in answers},
    )
    second = Revision.objects.get(number=2)
    engineer.go(at(product, "documents/"))
    engineer.page.locator('form[action$="/documents/confirm/"] button').first.click()
    engineer.page.wait_for_load_state()
    for kind in ("verification", "validation"):
        engineer.go(at(product, f"evidence/add/?kind={kind}"))
        engineer.send(what="Två stöd", method="Mätning", result="Håller", outcome="approved", done_by="Eva Ek")
    engineer.go(at(product, "readiness/"))
    engineer.send(marking_text="Nummer på undersidan")
    owner.go(at(product, "declaration/sign/"))
    owner.send(password=factories.PASSWORD)
    registrar.go(at(product, "declaration/"))
    registrar.send(diary_number="MT 2026-31")
    registrar.page.locator('a[href$="/publish/"]').click()
    registrar.page.locator("main form.stack button").click()
    registrar.page.wait_for_load_state()
    owner.go(at(product, "changes/"))
    owner.clean()
    owner.page.locator('form[action$="/into-force/"] button').click()
    owner.page.wait_for_load_state()
    second.refresh_from_db()
    assert (second.stage, Revision.objects.get(number=1).stage) == ("in_force", "phasing_out")


def withdraw(hospital: Hospital, product: Product) -> None:
    """Out of use; the item gets its fate; the file is kept for ten years."""
    engineer, owner = hospital.engineer, hospital.owner
    owner.go(at(product, "withdrawal/"))
    owner.clean()
    owner.send(reason="En CE-märkt finns nu", read=True)
    assert Product.objects.get().stage == "withdrawn"
    engineer.go(f"/items/{Item.objects.get().pk}/end/")
    engineer.clean()
    engineer.send(fate="scrapped", note="Kasserad")
    if not Item.objects.get().fate:
        engineer.page.locator("main form button[data-color=danger], main form button[data-color=accent]").first.click()
        engineer.page.wait_for_load_state()
    assert Item.objects.get().fate == "scrapped"
    owner.go(at(product, "withdrawal/"))
    owner.says("10 år")
    assert {revision.stage for revision in Revision.objects.all()} == {"closed"}


def look_back(hospital: Hospital, product: Product) -> None:
    """The history tells who did what, and the public page keeps what was."""
    nurse = hospital.nurse
    nurse.go(at(product, "history/"))
    nurse.clean()
    nurse.says(hospital.owner_user.name)
    for declaration in Declaration.objects.all():
        nurse.go(f"/register/{declaration.number}/")
        nurse.clean()
    for person in (hospital.engineer, hospital.owner, hospital.registrar, hospital.manager, nurse):
        assert person.complaints == []
