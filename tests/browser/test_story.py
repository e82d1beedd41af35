"""One device from idea to withdrawn, in a real browser, in each language: the whole story, with what is refused on the way.

What a person reads is asked for in the person's language: the test itself is in it, so `_` is what the page must say.
What people write stays Swedish, whatever language they read.
"""

from __future__ import annotations

import hashlib
import io
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pikepdf
import pytest
from django.conf import settings
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from openpyxl import load_workbook
from playwright.sync_api import Browser, expect
from pypdf import PdfReader

from documents.templatetags.printing import long_day
from inhouse import law, retention
from inhouse.law.annex_one import annex_one
from inhouse.models import Declaration, EvidenceDocument, FollowUp, HandOut
from organisation import clock
from organisation.models import Role, User
from products import synthetic
from products.models import Item, PatientLookUp, PatientUse, Product, Revision
from tests import factories
from tests.browser.hands import LOCALES, Person, signed_in
from tests.browser.test_assessment import HEAD_REST
from tests.browser.walking import Walk

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


class Hospital:
    """Everyone in the story, each in a browser of their own, all reading one language."""

    def __init__(self, stack: ExitStack, browser: Browser, address: str, language: str) -> None:
        factories.institution()
        factories.quality_system()
        factories.unit()
        factories.ward()
        self.stack, self.browser, self.address, self.language = stack, browser, address, language
        self.engineer = self.person(factories.person(Role.ENGINEER))
        self.manager = self.person(factories.person(Role.MANAGER))
        self.owner_user = factories.person(None)
        self.owner = self.person(self.owner_user)
        self.registrar = self.person(factories.person(Role.REGISTRAR))
        self.nurse = self.person(factories.nurse(), width=390)

    def person(self, user: User, **given: Any) -> Person:
        """axe searches the Swedish pages: what it looks at is the same in every language."""
        reads = {"language": self.language, "searching": self.language == "sv"}
        return self.stack.enter_context(signed_in(self.browser, self.address, user, **reads, **given))


@pytest.mark.parametrize("language", [code for code, _name in settings.LANGUAGES])
def test_one_device_from_idea_to_withdrawn(live_server: Any, chromium: Browser, tmp_path: Path, language: str) -> None:
    with ExitStack() as stack, translation.override(language):
        hospital = Hospital(stack, chromium, live_server.url, language)
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
    nurse.says(_("“%(name)s” has got the number %(number)s.") % {"name": product.name, "number": product.number})
    nurse.says(law.trees()["software_is_device"]["sw1"].text)
    nurse.send(value="no")
    nurse.clean()

    engineer.go(at(product))
    engineer.demands("MDR55-c")
    engineer.clean()
    engineer.page.locator("main .case-head a.ds-button").first.click()
    engineer.page.wait_for_url("**/assessment/question/general_definition.g1/")
    engineer.page.locator('main form button[data-color="accent"]').first.click()
    engineer.says(_("Choose an answer."))
    walk = Walk(engineer, HEAD_REST | COMBINED)
    walk.to_the_summary()
    engineer.says(
        _("Check the answers below. Submitting hands them to whoever decides; until then they can be changed.")
    )
    engineer.clean()
    paper = engineer.page.request.get(hospital.address + at(product, "assessment/paper.pdf"))
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(paper.body())).pages)
    assert law.trees()["outside_use"].source in " ".join(text.split())
    walk.press('main form[action$="/submit/"] button')
    engineer.says(_("The assessment is submitted. A manager is now asked to decide."))
    return product


COMBINED: dict[str, dict[str, Any]] = {
    "assessment/scope": {"categories": ["manufacture_modify", "combination"]},
    "assessment/facts/combination": {
        "parts-0-name": "Bordsplatta",
        "parts-0-maker": "Strålbord AB",
        "parts-0-statement": "Säger inget om andra stöd",
        "parts-1-name": "Mask",
        "parts-1-maker": "Nordfix",
        "parts-1-statement": "Bara med egna plattor",
        "difference": "Masken fästs i vårt stöd",
    },
}


def decide(hospital: Hospital, product: Product) -> None:
    engineer, manager = hospital.engineer, hospital.manager
    engineer.go(at(product, "decision/"))
    assert engineer.page.locator('main [name="make-reason"]').count() == 0
    manager.go("/")
    manager.says(product.number)
    manager.go(at(product, "decision/"))
    manager.clean()
    manager.send(make__reason="Inget annat finns", make__read=True)
    manager.says(_("Decided: it may be made in-house. Appoint a product owner next."))
    assert Product.objects.get().stage == "eligible"


def appoint(hospital: Hospital, product: Product) -> None:
    manager, owner = hospital.manager, hospital.owner
    manager.go(at(product, "owner/"))
    manager.send(person=str(hospital.owner_user.pk))
    manager.says(_("%(person)s is asked, and becomes owner by accepting.") % {"person": hospital.owner_user})
    owner.go("/")
    owner.says(product.number)
    owner.go(at(product, "owner/"))
    owner.says(_("You are asked to be the product owner of %(name)s") % {"name": product.name})
    owner.clean()
    owner.page.get_by_role("button", name=_("I accept the responsibility")).click()
    owner.says(_("You are now the owner of this product."))
    assert Product.objects.get().owner == hospital.owner_user


def develop(hospital: Hospital, product: Product, folder: Path) -> None:
    """Described, classed, documented, verified and validated; a program in disguise is refused."""
    engineer = hospital.engineer
    engineer.go(at(product, "design/"))
    engineer.clean()
    system = engineer.page.locator('[name="system-quality_system"] option').nth(1).get_attribute("value")
    design: dict[str, Any] = {
        "reference": "HS-1", "patient_group": "Barn under tre år", "description": "Tryckt stöd", "patient_tracing": "True",
        "tracing_reason": "Följs upp", "system__quality_system": system, "parts__2__name": "Skruv",
    }  # fmt: skip
    engineer.send(**design)
    engineer.says(_("Saved."))
    engineer.go(at(product))
    engineer.page.locator('button[name="to"][value="development"]').click()
    engineer.says(_("The product is now “%(stage)s”.") % {"stage": Product.Stage.DEVELOPMENT.label})
    assert Product.objects.get().stage == "development"

    disguised = folder / "ritning.pdf"
    disguised.write_bytes(b"MZ" + bytes(200))
    engineer.go(at(product, "documents/add/"))
    upload(engineer, disguised, group="facility", title="Lokal", version="1")
    told = _("The file holds %(found)s. Accepted are: %(accepted)s.")
    engineer.refused(told.partition("%(accepted)s")[0].rstrip() % {"found": _("a program")})
    assert engineer.page.locator('[name="title"]').input_value() == "Lokal"
    for group in EvidenceDocument.Group:
        if group != EvidenceDocument.Group.OTHER:
            paper = folder / f"{group}.pdf"
            paper.write_bytes(factories.pdf(f"Om {group}").read())
            engineer.go(at(product, "documents/add/"))
            upload(engineer, paper, group=str(group), title=f"Om {group.value}", version="1.0")
            engineer.says(_("“%(title)s” is added.") % {"title": f"Om {group.value}"})
    engineer.go(at(product, "documents/"))
    engineer.clean()
    for kind in ("verification", "validation"):
        engineer.go(at(product, f"evidence/add/?kind={kind}"))
        engineer.clean()
        examined = {"what": "Tre stöd", "method": "Mätning", "result": "Inom två millimeter", "outcome": "approved"}
        engineer.send(**examined, done_by="Eva Ek, ingenjör")
        engineer.says(_("The record is saved."))
    engineer.go(at(product, "evidence/"))
    engineer.clean()
    conform(hospital, product)


def conform(hospital: Hospital, product: Product) -> None:
    """Annex I: one requirement by a document, one group with one reason, the rest at the wholes."""
    engineer, annex = hospital.engineer, annex_one("MDR")
    engineer.go(at(product, "conformity/"))
    engineer.clean()
    engineer.go(at(product, "conformity/answer/?n=4"))
    engineer.clean()
    engineer.send(answer="met", where="")
    engineer.refused(_("Say where it is shown: choose a document, or write it here."))
    engineer.send(answer="met", evidence="Om risk", where="Kapitel 2")
    engineer.says(_("Saved."))
    engineer.go(at(product, "conformity/answer/?tag=radiation"))
    engineer.clean()
    engineer.send(answer="not_applicable", reason="Avger ingen strålning")
    rest = urlencode({"n": [row.number for row in annex.wholes if row.number != "4"]}, doseq=True)
    engineer.go(at(product, f"conformity/answer/?{rest}"))
    engineer.send(answer="met", where="Provningsrapport 1")
    total = len(annex.requirements)
    engineer.says(_("%(answered)s of %(total)s answered") % {"answered": total, "total": total})


def upload(person: Person, paper: Path, **fields: str) -> None:
    person.fill(**fields)
    person.page.set_input_files('main [name="file"]', paper)
    person.page.locator('main form:has([name="file"]) button[data-color=accent]').first.click()
    person.page.wait_for_load_state()


def sign(hospital: Hospital, product: Product) -> None:
    """The owner prepares in the language, freezes, reads, mistypes the password once, and signs; what was read is stored."""
    owner, language = hospital.owner, hospital.language
    owner.go(at(product, "declaration/"))
    owner.clean()
    code = factories.code(product_owner(product))
    owner.go(at(product, "declaration/sign/"))
    owner.send(str(_("Show again")), language=language)
    expect(owner.page.locator(f'main td[lang="{language}"]').filter(has_text="Barn under tre år")).to_be_visible()
    owner.clean()
    owner.send(str(_("Freeze for signing")), language=language)
    owner.clean()
    owner.send(password=factories.PASSWORD, code=code)
    owner.refused(_("Open the PDF and read it first: these are the bytes that are signed."))
    read = opened(owner)
    owner.send(password="fel lösenord", code=code)
    owner.refused(_("Password and code do not fit, or the code has been used. Wait for the next code."))
    assert not Declaration.objects.exists()
    owner.send(password=factories.PASSWORD, code=code)
    owner.says(_("Signed. The registrar now gives it a diary number and publishes it."))
    declaration = Declaration.objects.select_related("file").get()
    stored = bytes(declaration.file.content)
    assert stored.startswith(read)
    assert hashlib.sha256(stored).hexdigest() == declaration.file.sha256
    with pikepdf.open(io.BytesIO(stored)) as pdf:
        assert str(pdf.Root.Lang) == language
    printed = " ".join(PdfReader(io.BytesIO(stored)).pages[0].extract_text().split())
    assert _("Declaration for an in-house manufactured medical device") in printed
    sent = owner.context.request.get(f"{owner.address}/declarations/{declaration.number}/file.pdf")
    assert sent.body() == stored


def product_owner(product: Product) -> User:
    owner = Product.objects.select_related("owner").get(pk=product.pk).owner
    assert owner
    return owner


def opened(person: Person) -> bytes:
    """The exact PDF that the page asks to read."""
    address = person.page.locator('main a[href$=".pdf"]').get_attribute("href")
    return person.context.request.get(f"{person.address}{address}").body()


def register(hospital: Hospital, product: Product) -> None:
    """The registrar gives the number and publishes; anyone can read it without signing in."""
    registrar = hospital.registrar
    registrar.go("/")
    registrar.says(product.number)
    registrar.go(at(product, "declaration/"))
    registrar.clean()
    registrar.send(diary_number="MT 2026-17")
    registrar.says(_("The diary number is noted."))
    registrar.page.locator('a[href$="/publish/"]').click()
    registrar.page.locator("main form.stack button").click()
    registrar.says(_("Published. It stays readable for good, also when it is replaced or withdrawn."))
    declaration = Declaration.objects.get()
    assert (declaration.diary_number, declaration.state) == ("MT 2026-17", "published")
    public = hospital.browser.new_context(locale=LOCALES[hospital.language]).new_page()
    public.goto(f"{hospital.address}/register/")
    expect(public.locator("html")).to_have_attribute("lang", hospital.language)
    expect(public.locator("main")).to_contain_text(_("Declarations for in-house manufactured medical devices"))
    public.get_by_role("link", name="Huvudstöd för små barn").first.click()
    public.wait_for_load_state()
    expect(public.locator("main")).to_contain_text("MT 2026-17")
    expect(public.get_by_role("link", name=_("Signed declaration (PDF)"))).to_be_visible()
    assert public.url.endswith(f"/register/{declaration.number}/")
    public.context.close()


def make(hospital: Hospital, product: Product) -> None:
    """An item is made, released and placed; a place outside the region is refused with the reason."""
    engineer = hospital.engineer
    engineer.go(at(product, "items/register/"))
    engineer.clean()
    engineer.send(identifier="HS-001")
    item = Item.objects.get()
    registered = _("%(item)s is registered with the label code %(code)s.")
    engineer.says(registered % {"item": "HS-001", "code": item.label_code})
    engineer.go(f"/items/{item.pk}/")
    engineer.send(checks="Mätt och godkänd")
    engineer.says(_("%(item)s is released.") % {"item": "HS-001"})
    ward = engineer.page.locator('main [name="unit"]')
    outside = ward.locator("option").last.get_attribute("value")
    engineer.go(f"/items/{item.pk}/place/")
    engineer.send(unit=outside, outside="Privata kliniken")
    engineer.refused(_("Not to “%(outside)s”") % {"outside": "Privata kliniken"})
    refusal = _(
        "An in-house device is made for the patients of %(institution)s and stays there. It is not transferred, lent or sold to another legal entity (MDR 5(5)(a)). If it is needed elsewhere, it takes CE marking, or they make their own. Nothing has been recorded."
    )
    engineer.refused(refusal % {"institution": factories.institution()})
    assert engineer.page.locator('[name="outside"]').input_value() == "Privata kliniken"
    engineer.send(unit=str(factories.ward().pk))
    engineer.says(_("%(item)s is now at %(unit)s.") % {"item": "HS-001", "unit": factories.ward()})
    engineer.go(f"/items/{item.pk}/")
    engineer.clean()
    assert item.placements.get().unit == factories.ward()


def use(hospital: Hospital, product: Product) -> None:
    """Use is refused until everything stands around the device; then the owner takes it into use."""
    engineer, owner = hospital.engineer, hospital.owner
    owner.go(at(product))
    expect(owner.page.locator('button[name="to"][value="in_use"]')).to_be_disabled()
    owner.says(_("Name the organisation that manages the product, and its contact."))
    owner.demands("VGR-57")
    owner.clean()
    engineer.go(at(product, "readiness/"))
    engineer.clean()
    engineer.send(
        managing_organisation="Medicinsk teknik", managing_contact="mt@exempel.se", training_needed="False", support_contact="mt@exempel.se",
        maintenance_needed="False", marking="on_product", marking_text="Nummer på undersidan", follow_up_months="12",
    )  # fmt: skip
    engineer.says(_("Saved and confirmed for revision %(number)s.") % {"number": 1})
    engineer.go(at(product, "units/"))
    engineer.says(str(factories.ward()))  # listed when the item was placed there
    engineer.send(unit=str(factories.unit().pk), part="makes")
    engineer.says(_("%(unit)s is listed.") % {"unit": factories.unit()})
    engineer.clean()
    owner.go(at(product))
    owner.page.locator('button[name="to"][value="in_use"]').click()
    owner.says(_("The product is now “%(stage)s”.") % {"stage": Product.Stage.IN_USE.label})
    assert Product.objects.get().stage == "in_use"


def trace(hospital: Hospital, product: Product) -> None:
    """A patient meets the item; the number is found only with a purpose, and the owner sees who looked."""
    engineer, owner = hospital.engineer, hospital.owner
    item = Item.objects.get()
    number = sorted(synthetic.PUBLISHED)[0]
    engineer.go(f"/items/{item.pk}/patient/")
    engineer.clean()
    engineer.send(kind="se_personnummer", number="191212121213")
    engineer.refused(_("The check digits do not fit: a digit is wrong, or two have changed places."))
    assert not PatientUse.objects.exists()
    engineer.send(kind="se_personnummer", number=number)
    engineer.says(_("The use is noted."))
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
    owner.says(str(PatientLookUp.Kind.BY_NUMBER.label))
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
    cells = {cell for row in load_workbook(io.BytesIO(content)).active.iter_rows(values_only=True) for cell in row}
    assert {product.number, _("Product number"), _("Makes since"), str(Product.Stage.IN_USE.label)} <= cells


def follow_up(hospital: Hospital, product: Product) -> None:
    owner = hospital.owner
    owner.go(at(product, "follow-up/"))
    owner.clean()
    owner.send(sources="Två avdelningar", findings="Inga fel", conclusion="continue")
    owner.says(_("The follow-up is recorded."))
    owner.says("Inga fel")
    owner.says(str(FollowUp.Conclusion.CONTINUE.label))


def pause(hospital: Hospital, product: Product) -> None:
    """Use is paused at once: no patient may meet the item, and the form says why. The owner lets it go on."""
    engineer, owner = hospital.engineer, hospital.owner
    before = PatientUse.objects.count()
    engineer.go(at(product, "pause/"))
    engineer.clean()
    engineer.send(cause="En spricka")
    engineer.says(_("Use is paused. Nothing is placed and no patient use is noted until it is resumed."))
    assert Product.objects.get().stage == "suspended"
    engineer.go(f"/items/{Item.objects.get().pk}/patient/")
    engineer.says(
        _(
            "Use is paused and the item is quarantined: no patient may meet it. A use from before the pause can still be noted."
        )
    )
    engineer.send(kind="se_personnummer", number=sorted(synthetic.PUBLISHED)[1])
    refusal = _(
        "On %(day)s the product became “%(stage)s”: its items are quarantined. If the patient met the item earlier that day, say so."
    )
    engineer.refused(refusal % {"day": date_format(clock.today()), "stage": Product.Stage.SUSPENDED.label})
    assert PatientUse.objects.count() == before
    owner.go(at(product, "pause/"))
    owner.send(measures="Bytt material")
    owner.says(_("Use goes on."))
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
    engineer.says(_("The change is essential: revision %(number)s is open for work.") % {"number": 2})
    second = Revision.objects.get(number=2)
    engineer.go(at(product, "documents/"))
    engineer.page.locator('form[action$="/documents/confirm/"] button').first.click()
    engineer.page.wait_for_load_state()
    engineer.go(at(product, "conformity/"))
    engineer.clean()
    engineer.page.locator('form[action$="/conformity/confirm/"] button').first.click()
    engineer.page.wait_for_load_state()
    engineer.go(at(product, "class/"))
    engineer.clean()
    engineer.go(at(product, "class/result/"))
    engineer.send(reason="Som förut: rör bara hel hud")
    for kind in ("verification", "validation"):
        engineer.go(at(product, f"evidence/add/?kind={kind}"))
        engineer.send(what="Två stöd", method="Mätning", result="Håller", outcome="approved", done_by="Eva Ek")
    engineer.go(at(product, "readiness/"))
    engineer.send(marking_text="Nummer på undersidan")
    code = factories.code(product_owner(product))
    owner.go(at(product, "declaration/prepare/"))
    owner.send(str(_("Freeze for signing")), language=hospital.language)
    opened(owner)
    owner.send(password=factories.PASSWORD, code=code)
    owner.says(_("Signed. The registrar now gives it a diary number and publishes it."))
    registrar.go(at(product, "declaration/"))
    registrar.send(diary_number="MT 2026-31")
    registrar.page.locator('a[href$="/publish/"]').click()
    registrar.page.locator("main form.stack button").click()
    registrar.page.wait_for_load_state()
    owner.go(at(product, "changes/"))
    owner.clean()
    owner.page.locator('form[action$="/into-force/"] button').click()
    told = _(
        "Revision %(number)s is in force. Items of the earlier revision stay covered by its declaration until the last is replaced."
    )
    owner.says(told % {"number": 2})
    second.refresh_from_db()
    assert (second.stage, Revision.objects.get(number=1).stage) == ("in_force", "phasing_out")


def withdraw(hospital: Hospital, product: Product) -> None:
    """Out of use; the item gets its fate; the file is kept for ten years."""
    engineer, owner = hospital.engineer, hospital.owner
    owner.go(at(product, "withdrawal/"))
    owner.clean()
    owner.send(reason="En CE-märkt finns nu", read=True)
    owner.says(_("Out of use. Now say what becomes of each item."))
    assert Product.objects.get().stage == "withdrawn"
    engineer.go(f"/items/{Item.objects.get().pk}/end/")
    engineer.clean()
    engineer.send(fate="scrapped", note="Kasserad")
    engineer.says(_("The item is then out of use and leaves the unit where it is. This cannot be undone."))
    assert not Item.objects.get().fate
    engineer.page.get_by_role("button", name=_("Yes, take it out of use")).click()
    engineer.says(_("%(item)s is out of use: %(fate)s.") % {"item": "HS-001", "fate": Item.Fate.SCRAPPED.label})
    assert Item.objects.get().fate == "scrapped"
    owner.go(at(product, "withdrawal/"))
    kept = _(
        "At least until %(day)s: %(years)s years after the last item left use. It is a floor: nothing is disposed of before, and nothing by itself."
    )
    owner.says(kept % {"day": date_format(retention.add_years(clock.today(), 10)), "years": 10})
    assert {revision.stage for revision in Revision.objects.all()} == {"closed"}


def look_back(hospital: Hospital, product: Product) -> None:
    """The history tells who did what, and the public page keeps what was."""
    nurse = hospital.nurse
    nurse.go(at(product, "history/"))
    nurse.clean()
    nurse.says(hospital.owner_user.name)
    nurse.says(
        _(
            "The database itself writes down every change, with who made it, when and why. Nothing here can be altered or removed."
        )
    )
    for declaration in Declaration.objects.all():
        nurse.go(f"/register/{declaration.number}/")
        nurse.says(_("Withdrawn on %(day)s") % {"day": long_day(clock.today())})
        nurse.clean()
    for person in (hospital.engineer, hospital.owner, hospital.registrar, hospital.manager, nurse):
        assert person.complaints == []
