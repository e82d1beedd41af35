"""Brings a product to a station of its life, through the rules and by whoever may.

Each function does what the one before does and one thing more, all of it today: live on other days with
`on_day("2026-03-01")`. Without arguments it happens at the unit of the tests' hospital (`factories`). What is given is
handed down: `in_use(name="Drill guide", design={"risk_class": "III"}, owner=someone)`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import date, datetime, time
from typing import Any
from unittest.mock import patch

from django.utils import timezone

from documents import rendering, sealing
from documents.models import SignedFile
from inhouse import (
    assessment,
    changes,
    classification,
    conformity,
    declarations,
    design,
    disposal,
    evidence,
    law,
    lifecycle,
    market,
    owners,
    readiness,
    retention,
    signing,
    software,
    suspension,
    withdrawal,
)
from inhouse.dossier import current
from inhouse.law import rules
from inhouse.law.annex_one import annex_one
from inhouse.law.software import software as software_law
from inhouse.models import (
    Answer,
    Assessment,
    Classification,
    Conformity,
    Declaration,
    Disposal,
    EvidenceDocument,
    EvidenceRecord,
    Frozen,
    MarketSearch,
    Signature,
    Translation,
)
from organisation import clock
from organisation.history import acting
from organisation.models import Administration, Proof, QualitySystem, Role, Unit, User
from products import traceability
from products.models import Item, Product, Revision, UnitUse
from tests import factories

NEED = {
    "patient_group": "Children under ten kilos",
    "special_need": "No adapter on the market fits a small child",
    "performance_level": "Holds the catheter within one millimetre",
}
WEIGHING = {
    "benefit": "Fewer replaced catheters",
    "risk": "The adapter could loosen",
    "cost": "About 200 kronor each",
    "weighing": "The benefit outweighs the risk",
    "support_needed": False,
    "support_reason": "We have made such adapters before",
}
PURPOSE = "Holds a catheter in place"
DESIGN = {
    "reference": "A1",
    "intended_purpose": PURPOSE,
    "patient_group": "Children under ten kilos",
    "description": "A printed adapter in one size",
    "patient_tracing": False,
    "tracing_reason": "Stays outside the body",
}
IN_VITRO = {"md_or_ivd": {"iv1": "yes"}}
"""The answers by which it is an in vitro diagnostic device."""
LABORATORY = {
    "laboratory_standard": "SS-EN ISO 15189:2022",
    "accreditation": "1240",
    "accreditation_scope": "Clinical chemistry",
}
TICKS: dict[str, dict[str, tuple[str, ...]]] = {
    "I": {"1": ()},
    "IIa": {"12": ()},
    "IIb": {"12": ("12b",)},
    "III": {"14": ()},
    "A": {"5": ("5a",)},
    "B": {"6": ()},
    "C": {"2": ()},
    "D": {"2": ("2b",)},
}
"""The rules that apply, and the cases of them that fit, to get each class."""
READINESS = {
    "managing_organisation": "Medicinsk teknik",
    "managing_contact": "mt@vastanland.example",
    "training_needed": True,
    "training_plan": "Ten minutes at the ward",
    "support_contact": "mt@vastanland.example",
    "maintenance_needed": False,
    "marking": "on_product",
    "marking_text": "Number and lot on the handle",
    "follow_up_months": 36,
}
ANSWERS = {
    "software_is_device": {"sw1": "no"},
    "general_definition": {"g1": "yes", "g2": "yes"},
    "md_or_ivd": {"iv1": "no"},
    "ways_of_use": {"way": "in_house"},
    "custom_made": {"c1": "no"},
    "outside_use": {"o1": "no"},
    "scope_categories": {"manufacture_modify": "yes"},
    "prohibitions": {
        "ce_equivalent_exists": "no",
        "industrial_scale": "no",
        "not_safe_benefit": "no",
        "outside_organisation": "no",
    },
}
PLAN: dict[str, Any] = {"develops_algorithm": False, "collects_data": False, "device_since": date(2026, 1, 2)}
MODULES: list[software.Module] = [
    {
        "name": "Dose calculator",
        "purpose": "Proposes a dose",
        "is_device": True,
        "risk_class": "I",
        "marking": "Name and version in its window",
        "interfaces": "Reads weights from the record",
        "effect": "Stops when the link fails; the link never writes",
    },
    {
        "name": "Statistics",
        "purpose": "Counts how often it is used",
        "is_device": False,
        "risk_class": "",
        "marking": "",
        "interfaces": "",
        "effect": "Reads a copy, cannot reach the calculator",
    },
]
DATA_SET = {
    "name": "Chest images 2019",
    "use": "training",
    "origin": "The hospital's own archive",
    "population": "Adults at the emergency ward",
    "period": "2019",
    "size": "12 000 images",
    "approvals": "Ethics 2020-1234",
}


# --- when and who


def moment(day: date | str) -> datetime:
    """Noon of a day at the hospital."""
    day = date.fromisoformat(day) if isinstance(day, str) else day
    return timezone.make_aware(datetime.combine(day, time(12)))


@contextmanager
def on_day(day: date | str) -> Iterator[date]:
    """Everything inside happens at noon of that day."""
    with clock.at(moment(day)):
        yield clock.today()


def fresh(product: Product) -> Product:
    """The product as the database has it."""
    return Product.objects.select_related("unit__administration", "owner").get(pk=product.pk)


def place(product: Product) -> Administration:
    return product.unit.administration


def engineer(product: Product) -> User:
    return factories.person(Role.ENGINEER, at=place(product))


def manager(product: Product) -> User:
    return factories.person(Role.MANAGER, at=place(product))


def registrar(product: Product) -> User:
    return factories.person(Role.REGISTRAR, at=place(product))


def owner_of(product: Product) -> User:
    """The product owner, read anew."""
    return User.objects.get(owned_products=product)


# --- from idea to decision


def proposed(
    name: str = "Catheter adapter",
    *,
    summary: str = "Holds a catheter in place on a small child.",
    unit: Unit | None = None,
    by: User | None = None,
) -> Product:
    """Someone on staff had an idea."""
    unit = unit or factories.unit()
    return fresh(
        assessment.propose(name=name, summary=summary, unit=unit, by=by or factories.nurse(at=unit.administration))
    )


def needed(name: str = "Catheter adapter", **given: Any) -> Product:
    """A proposal whose need is written: the market can be searched with it in view."""
    product = proposed(name, **given)
    assessment.write(product, NEED, by=engineer(product))
    return fresh(product)


def answers(given: dict[str, str], *, reason: str = "As we see it") -> assessment.Answers:
    return {question: (value, reason) for question, value in given.items()}


def assessed(
    name: str = "Catheter adapter",
    *,
    submit: bool = True,
    classify: bool = True,
    in_vitro: bool = False,
    market: bool = True,
    **given: Any,
) -> Product:
    """All that the decision rests on is written down and submitted; nobody has decided yet.

    Without `submit` it is still open; without `classify` nobody has gone through the rules of its class either. With
    `in_vitro` it is an in vitro diagnostic device of class B, whose market need not be searched.
    """
    product = proposed(name, **given)
    by = engineer(product)
    for tree, values in (ANSWERS | IN_VITRO if in_vitro else ANSWERS).items():
        assessment.answer(product, tree, answers(values), by=by)
    assessment.note_facts(product, "manufacture_modify", {"device": ""}, by=by)
    assessment.write(product, NEED, design={"intended_purpose": PURPOSE}, by=by)
    if market:
        searched(product)
    if classify:
        classified(product.revisions.get(), "B" if in_vitro else "I")
    assessment.write(product, WEIGHING, by=by)
    if submit and classify:
        assessment.submit(product, by=by)
    return fresh(product)


CATHFIX: dict[str, Any] = {
    "device": "CathFix",
    "maker": "Fixo AB",
    "is_device": True,
    "is_ce_marked": True,
    "suits_use": False,
    "technical": "A clip of twelve millimetres",
    "shortfall": "Too wide",
}


def searched(product: Product, **given: Any) -> MarketSearch:
    """The market was searched and nothing fits."""
    said: dict[str, Any] = {
        "lookups": [
            {"source": "EUDAMED", "query": "catheter adapter", "hits": 3},
            {"source": "Fixo AB", "query": "adapter for children", "hits": 1},
        ],
        "result": "none_fits",
        "justification": "All adapters are made for adults",
        "candidates": [CATHFIX],
        "grounds": ["fit", "performance"],
        "by": engineer(product),
    }
    return market.record(product, **said | given)


def eligible(name: str = "Catheter adapter", **given: Any) -> Product:
    """A manager decided that it may be made."""
    product = assessed(name, **given)
    assessment.decide(product, make=True, reason="Nothing else fits", by=manager(product))
    return fresh(product)


def rejected(name: str = "Catheter adapter", *, end: str = Product.Outcome.BUY, **given: Any) -> Product:
    """A manager decided that it is not made."""
    product = assessed(name, **given)
    assessment.decide(product, make=False, end=end, reason="There is one to buy", by=manager(product))
    return fresh(product)


# --- from owner to declaration


def owned(name: str = "Catheter adapter", *, owner: User | None = None, **given: Any) -> Product:
    """A head of unit was asked to be the owner and accepted."""
    product = eligible(name, **given)
    hand_over(product, to=owner or factories.person(None, at=place(product)))
    return fresh(product)


def hand_over(product: Product, *, to: User) -> None:
    """The manager asks someone to be the owner, and that person accepts."""
    reason = "" if to.leads else "Knows it best"
    owners.accept(owners.appoint(product, person=to, level_reason=reason, by=manager(product)), by=to)


def in_development(
    name: str = "Catheter adapter", *, design: dict[str, Any] | None = None, software: bool = False, **given: Any
) -> Product:
    """Purpose and class are written, the quality system is named, and work has begun."""
    product = owned(name, **given)
    fields: dict[str, Any] = {"is_software": software, **(design or {})}
    describe(product, **fields)
    if software:
        programmed(product)
    lifecycle.move(product, Product.Stage.DEVELOPMENT, by=engineer(product))
    return fresh(product)


def describe(product: Product, *, risk_class: str = "I", **fields: Any) -> None:
    """Write the design of the open revision, and set its class (`risk_class`, which the rules give)."""
    design.describe(
        coming(product),
        DESIGN | fields,
        quality_system=factories.quality_system(at=place(product)),
        by=engineer(product),
    )
    classified(coming(product), risk_class)


def classified(revision: Revision, risk_class: str = "I", *, reason: str = "Not invasive") -> None:
    """Every rule is considered and the class is set. One that is set already, and is another, is re-opened."""
    by = engineer(revision.product)
    revision.refresh_from_db(fields=["risk_class"])
    standing = Classification.objects.filter(revision=revision, reopened_on=None, finished_on__isnull=False).exists()
    if standing and revision.risk_class == risk_class:
        return
    if standing:
        classification.reopen(revision, reason="Another class", by=by)
    walked(revision, TICKS[risk_class])
    classification.finish(revision, reason=reason, by=by)


def unclassified(product: Product) -> Product:
    """As if nobody had gone through the rules: for tests of going through them after the decision."""
    Assessment.objects.filter(product=product).update(classification=None)
    Answer.objects.filter(classification__revision__product=product).delete()
    Classification.objects.filter(revision__product=product).delete()
    product.revisions.update(risk_class="", class_rule="", class_reason="")
    return fresh(product)


def walked(revision: Revision, applies: dict[str, tuple[str, ...]]) -> None:
    """Every rule is answered: those that apply, with the cases that fit. The class is not set yet."""
    by = engineer(revision.product)
    asked = rules.edition(revision.regulation)
    for scope in rules.SCOPES[revision.regulation]:
        group = [rule for rule in asked.rules if rule.scope == scope]
        classification.answer_rules(revision, scope, {rule.id: rule.id in applies for rule in group}, by=by)
    for rule, fits in applies.items():
        branches = asked[rule].asked
        if branches:
            classification.answer_rule(revision, rule, {branch.id: branch.id in fits for branch in branches}, by=by)


def in_vitro(name: str = "Drug panel", *, risk_class: str = "B", stop: str = "in_use", **given: Any) -> Product:
    """An in vitro diagnostic device, of a laboratory that is accredited, at that station."""
    laboratory(at=given["unit"].administration if "unit" in given else None)
    design = {"risk_class": risk_class, **given.pop("design", {})}
    stations: dict[str, Any] = {
        "assessed": assessed, "eligible": eligible, "owned": owned, "in_development": in_development,
        "documented": documented, "declared": declared, "ready": ready, "in_use": in_use, "withdrawn": withdrawn,
        "second_in_force": second_in_force,
    }  # fmt: skip
    described = {} if stop in ("assessed", "eligible", "owned") else {"design": design}
    product: Product = stations[stop](name, in_vitro=True, **described, **given)
    return product


def laboratory(*, at: Administration | None = None, **changes: Any) -> QualitySystem:
    """The quality system of an administration with the standard and accreditation of its laboratory; `changes` are written."""
    system = factories.quality_system(at=at)
    QualitySystem.objects.filter(pk=system.pk).update(**(LABORATORY | changes))
    system.refresh_from_db()
    return system


def is_software(product: Product) -> None:
    """The answers of a proposal say that it is software, and a device."""
    by, assessment = engineer(product), product.assessments.latest("number")
    with acting(by):
        for question, value in {"sw1": "yes", "sw2": "no", "sw3": "yes", "sw4": "yes", "sw5": "yes"}.items():
            Answer.objects.create(
                assessment=assessment,
                tree="software_is_device",
                tree_version=law.tree("software_is_device").version,
                question=question,
                value=value,
                reason="Proposes a dose for the patient" if question == "sw5" else "",
                answered_on=clock.today(),
                answered_by=by,
            )


def programmed(product: Product, *, ai: bool = False) -> None:
    """The early questions are answered, the modules listed and all tests planned; of an AI also what is voluntary."""
    revision, by = coming(product), engineer(product)
    software.plan(revision, **PLAN, is_ai=ai, by=by)
    software.compose_modules(revision, MODULES, by=by)
    software.plan_tests(revision, planned_tests(), by=by)
    if ai:
        software.keep_data_set(revision, DATA_SET, by=by)
        software.answer_points(
            revision, {p.id: {"is_met": True, "how": "Written"} for p in software_law().points}, by=by
        )
        software.plan_steps(revision, {s.id: {"planned_on": None, "note": ""} for s in software_law().steps}, by=by)


def planned_tests() -> dict[str, software.Test]:
    """Every kind is planned, but usability, which is ruled out with a reason."""
    return {
        kind.id: {"is_relevant": False, "plan": "", "standard": "", "reason": "Runs without anyone"}
        if kind.id == "usability"
        else {"is_relevant": True, "plan": f"Test of {kind.id}", "standard": "IEC 62304", "reason": ""}
        for kind in software_law().tests
    }


def coming(product: Product) -> Revision:
    """The revision that is being worked on."""
    return Revision.objects.select_related("product__unit").get(product=product, stage__in=Revision.Stage.coming)


def in_force(product: Product) -> Revision:
    return Revision.objects.select_related("product__unit").get(product=product, stage=Revision.Stage.IN_FORCE)


def documented(name: str = "Catheter adapter", **given: Any) -> Product:
    """Every group of documents has one, it is verified and validated, and Annex I is answered. Nothing is signed."""
    product = in_development(name, **given)
    revision = coming(product)
    for group in EvidenceDocument.Group:
        if group != EvidenceDocument.Group.OTHER:
            document(revision, group=group)
    examined(revision)
    conforming(revision)
    return fresh(product)


def conforming(revision: Revision) -> None:
    """Annex I is answered, each requirement at the whole it is part of: as if by the rules, and quicker."""
    wholes = annex_one(revision.regulation).wholes
    with acting(engineer(revision.product)):
        Conformity.objects.bulk_create(
            Conformity(revision=revision, number=row.number, answer=Conformity.Answer.MET, where="Test report 1")
            for row in wholes
        )


def document(revision: Revision, *, group: str, title: str = "", confidential: bool = True) -> EvidenceDocument:
    title = title or f"About {group}"
    return evidence.add_document(
        revision,
        group=group,
        upload=factories.pdf(title, name=f"{group}.pdf"),
        by=engineer(revision.product),
        title=title,
        version="1",
        confidential=confidential,
    )


def examined(revision: Revision, *, outcome: str = "approved", done_on: date | None = None) -> list[EvidenceRecord]:
    """Verified and validated, with the same outcome."""
    return [record(revision, kind=kind, outcome=outcome, done_on=done_on) for kind in EvidenceRecord.Kind]


def record(revision: Revision, *, kind: str, outcome: str = "approved", done_on: date | None = None) -> EvidenceRecord:
    return evidence.record(
        revision,
        kind=kind,
        what="Three adapters",
        method="Pulled with ten newton",
        result="None came loose",
        outcome=outcome,
        done_on=done_on or clock.today(),
        done_by="Eva Ek, clinical engineer",
        by=engineer(revision.product),
    )


def declared(name: str = "Catheter adapter", **given: Any) -> Product:
    """The owner signed the declaration of the first revision."""
    product = documented(name, **given)
    sign(product)
    return fresh(product)


def sign(product: Product, *, language: str = "sv", place: str = "Västanstad", printed: bool = False) -> Declaration:
    """The owner freezes the declaration of the revision that is being worked on, reads it, and signs it.

    Setting the PDF takes a second, and sealing it a tenth; where nobody reads it (`printed`), a small one is stored.
    """
    frozen = freeze(product, language=language, place=place, printed=printed)
    declaration = set_seal(frozen, by=owner_of(product), printed=printed)
    assert declaration
    return declaration


def freeze(product: Product, *, printed: bool = False, **wording: Any) -> Frozen:
    """The declaration that is coming, frozen by the owner in that wording."""
    wanted = signing.Wording(**{"language": "sv", "place": "Västanstad"} | wording)
    with nullcontext() if printed else quick():
        return signing.freeze(coming(product), wanted, by=owner_of(product))


def set_seal(frozen: Frozen, *, by: User, printed: bool = False) -> Declaration | None:
    """This person proves their identity for what is frozen, and signs it."""
    prove(by, Frozen.objects.get(pk=frozen.pk).sha256)
    with nullcontext() if printed else quick():
        return signing.sign(frozen, by=by)


@contextmanager
def quick() -> Iterator[None]:
    """Small papers, with a line for a seal."""
    with patch.object(declarations, "render", unset), patch.object(sealing, "seal", unsealed):
        yield


def begun(product: Product) -> Frozen:
    """Something frozen of the revision that is being worked on, whatever still stands in its way."""
    revision, by = coming(product), owner_of(product)
    told = signing.content(current(fresh(product)), revision, signing.Wording("sv", "Västanstad"))
    frozen = Frozen.objects.create(
        revision=revision, number=told["number"], language="sv", place="Västanstad", snapshot=told,
        content=unset(told), sha256=hashlib.sha256(unset(told)).hexdigest(), frozen_by=by,
    )  # fmt: skip
    Signature.objects.create(frozen=frozen, part=Signature.OWNER, person=by)
    return frozen


def translated(product: Product) -> Translation:
    """The newest declaration has a translation."""
    newest = declaration(product)
    content = unset(newest.snapshot, language="nb")
    file = SignedFile.objects.create(
        name=f"{newest.number}-nb.pdf", media_type="application/pdf", content=content, size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )  # fmt: skip
    return Translation.objects.create(declaration=newest, language="nb", file=file)


def prove(person: User, digest: str) -> Proof:
    """It was proved just now that it is this person, for these bytes."""
    return Proof.objects.create(user=person, digest=digest, method=Proof.Method.CODE)


def unset(content: declarations.Snapshot, **given: Any) -> bytes:
    paper: bytes = factories.pdf(content["number"] + given.get("language", "")).read()
    return paper


def unsealed(pdf: bytes, *, signer: str, **given: Any) -> bytes:
    return pdf + f"% {signer}\n".encode()


def declaration(product: Product) -> Declaration:
    """The newest declaration of the product."""
    return Declaration.objects.select_related("revision__product__unit").filter(revision__product=product).latest("pk")


# --- into use


def registered(product: Product) -> None:
    """The newest declaration gets its diary number and is published."""
    by = registrar(product)
    newest = declaration(product)
    declarations.enter(newest, diary_number=f"MT {clock.today().year}-{newest.pk}", diary_name="MT", by=by)
    declarations.publish(newest, by=by)


def prepared(revision: Revision, **fields: Any) -> None:
    """What must stand around the device is in place."""
    readiness.prepare(revision, READINESS | fields, by=engineer(revision.product))


def listed(product: Product) -> None:
    """The unit makes it and the ward uses it."""
    by = engineer(product)
    ward = factories.ward(at=place(product))
    for unit, part in ((product.unit, UnitUse.Part.MAKES), (ward, UnitUse.Part.USES)):
        readiness.list_unit(product, unit=unit, part=part, since=clock.today(), by=by)


def made(
    product: Product, identifier: str = "001", *, revision: Revision | None = None, lot_of: int | None = None
) -> Item:
    """An item, or a lot of so many, made today to the newest revision that is not ended."""
    revision = revision or Revision.objects.filter(
        product=product, stage__in=(*Revision.Stage.coming, Revision.Stage.IN_FORCE)
    ).latest("number")
    return traceability.register(
        revision,
        kind="lot" if lot_of else "serial",
        identifier=identifier,
        quantity=lot_of or 1,
        made_on=clock.today(),
        by=engineer(product),
    )


def released(product: Product, identifier: str = "001", **given: Any) -> Item:
    """An item made, checked and released."""
    item = made(product, identifier, **given)
    traceability.release(item, made_to="Drawing A1", checks="Measured", by=engineer(product))
    item.refresh_from_db()
    return item


def placed(product: Product, identifier: str = "001", *, at: Unit | None = None, **given: Any) -> Item:
    """An item released and brought to the ward."""
    item = released(product, identifier, **given)
    traceability.place(item, unit=at or factories.ward(at=place(product)), since=clock.today(), by=engineer(product))
    return item


def ready(name: str = "Catheter adapter", *, item: bool = True, **given: Any) -> Product:
    """Declared, registered and prepared, with an item at the ward: nothing stands in the way of use."""
    product = declared(name, **given)
    registered(product)
    prepared(coming(product))
    listed(product)
    if item:
        placed(product)
    return fresh(product)


def in_use(name: str = "Catheter adapter", **given: Any) -> Product:
    """Patients may meet it."""
    product = ready(name, **given)
    lifecycle.move(product, Product.Stage.IN_USE, by=owner_of(product))
    return fresh(product)


# --- during use


def suspended(name: str = "Catheter adapter", **given: Any) -> Product:
    """In use, then paused."""
    product = in_use(name, **given)
    suspension.suspend(product, cause="An adapter came loose", by=engineer(product))
    return fresh(product)


def changing(product: Product) -> Revision:
    """An essential change is wanted: the second revision is open and carries everything over."""
    asked = answers(dict.fromkeys((q.id for q in law.trees()["change_triggers"].questions), "no"))
    asked["conformity"] = ("yes", "Another plastic")
    change = changes.ask(product, description="A softer plastic", answers=asked, by=engineer(product))
    assert change.revision
    return change.revision


def second_revision(name: str = "Catheter adapter", **given: Any) -> Product:
    """In use, with the second revision open."""
    product = in_use(name, **given)
    changing(product)
    return fresh(product)


def second_declared(name: str = "Catheter adapter", **given: Any) -> Product:
    """The second revision is confirmed, examined anew, signed, registered and prepared; the first is in force."""
    product = second_revision(name, **given)
    renew(product)
    return fresh(product)


def renew(product: Product) -> None:
    """Confirm what the open revision carried over, its class and its answers too, examine it anew, sign it and make it ready."""
    evidence.confirm_documents(coming(product), by=engineer(product))
    conformity.confirm(coming(product), by=engineer(product))
    classification.finish(coming(product), reason="As before", by=engineer(product))
    examined(coming(product))
    sign(product)
    registered(product)
    prepared(coming(product))


def second_in_force(name: str = "Catheter adapter", **given: Any) -> Product:
    """The second revision is in force; the first is being phased out while its item is in use."""
    product = second_declared(name, **given)
    lifecycle.move(coming(product), Revision.Stage.IN_FORCE, by=owner_of(product))
    return fresh(product)


# --- out of use


def withdrawn(name: str = "Catheter adapter", **given: Any) -> Product:
    """Out of use for good; the item at the ward has no fate yet."""
    product = in_use(name, **given)
    withdrawal.withdraw(product, reason="There is one to buy now", by=owner_of(product))
    return fresh(product)


def expired(name: str = "Catheter adapter", **given: Any) -> Product:
    """Withdrawn, every item has its fate: the count has begun, and ends on `floor(product)`."""
    product = withdrawn(name, **given)
    for item in product.items.living():
        scrapped(item)
    return fresh(product)


def floor(product: Product) -> date:
    """The first day on which its records may be disposed of."""
    found = retention.floor(current(product))
    assert found
    return found


def proposed_disposal(product: Product, *, by: User | None = None, **given: Any) -> Disposal:
    """The registrar proposes to dispose of the records, today."""
    said: dict[str, Any] = {
        "reference": "RS 2040-17",
        "decided_on": clock.today(),
        "decided_by": "The regional archive",
        "reason": "The years are over",
    }
    return disposal.propose(product, **said | given, by=by or registrar(product))


def confirmed_disposal(product: Product) -> Disposal:
    """A manager confirmed what the registrar proposed; no worker has executed it yet."""
    made = proposed_disposal(product)
    disposal.confirm(made, sha256=made.sha256, by=manager(product))
    made.refresh_from_db()
    return made


def carry_out(made: Disposal, *, printed: bool = False) -> bool:
    """What the worker does; the certificate is small where nobody reads it."""
    with nullcontext() if printed else quick(), patch.object(rendering, "pdf", small) if not printed else nullcontext():
        return disposal.execute(made.pk)


def small(template: str, context: dict[str, Any], **given: Any) -> bytes:
    paper: bytes = factories.pdf(given["title"]).read()
    return paper


def disposed(name: str = "Catheter adapter", **given: Any) -> Product:
    """The records are disposed of, on the first day on which they may be."""
    product = expired(name, **given)
    with on_day(floor(product)):
        carry_out(confirmed_disposal(product))
    return fresh(product)


def scrapped(item: Item) -> None:
    withdrawal.end_item(item, fate="scrapped", on=clock.today(), by=engineer(fresh(item.product)))


def abandoned(name: str = "Catheter adapter", **given: Any) -> Product:
    """Given up during development."""
    product = in_development(name, **given)
    withdrawal.abandon(product, reason="The project ended", by=manager(product))
    return fresh(product)
