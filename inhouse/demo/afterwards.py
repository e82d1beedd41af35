"""What happens to a device after its way: what its story names, and in between what falls due."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from inhouse import (
    assessment,
    changes,
    conformity,
    declarations,
    design,
    evidence,
    followup,
    holds,
    law,
    lifecycle,
    market,
    owners,
    suspension,
    tracing,
    withdrawal,
)
from inhouse.demo import papers
from inhouse.demo.days import Days
from inhouse.demo.route import Route
from inhouse.demo.stories import Device
from inhouse.dossier import current
from inhouse.intervals import add_months, months
from inhouse.models import EvidenceDocument, EvidenceRecord, FollowUp, FollowUpAction, Hold
from organisation import clock
from products import identity, synthetic
from products.models import Item, Product, Revision

MOVES_DUE = {"review", "search", "change", "suspend", "resume", "withdraw"}
"""What changes the days on which something falls due."""

CALM = (
    "Inga avvikelser rapporterade sedan förra uppföljningen. Produkten används som avsett.",
    "Genomgång med verksamheten: nyttan kvarstår, inga nya risker. Bruksanvisningen gäller oförändrad.",
    "Serviceanteckningar och avvikelser genomgångna utan anmärkning.",
)


class Afterwards(Route):
    """Each thing a story can name is a method that begins with `_do_`."""

    def _afterwards(self) -> Days:
        self.calls = [{**call, "day": self.day(call["day"])} for call in self.device.then]
        self._plan_patients()
        due = None
        while True:
            self.calls.sort(key=lambda call: call["day"])
            due = self._due() if due is None else due
            planned = self.calls[0]["day"] if self.calls else date.max
            falls, what = due
            if what and falls < min(planned, self.today):
                yield falls
                what()
            elif self.calls:
                call = self.calls.pop(0)
                yield call["day"]
                for name, content in call.items():
                    if name != "day" and hasattr(self, f"_do_{name}"):
                        yield from getattr(self, f"_do_{name}")(content, call)
                if not MOVES_DUE.intersection(call):
                    continue
            else:
                return
            due = None

    def _due(self) -> tuple[date, Callable[[], None] | None]:
        """What falls due next, some days ahead of its time; nothing, where the story says it is neglected."""
        product = self.product
        if product.stage not in (Product.Stage.IN_USE, Product.Stage.SUSPENDED):
            return date.max, None
        d = current(product)
        review, search = followup.due_on(d), market.due_on(d)
        ahead = timedelta(days=self.rng.randint(2, 12))
        choices: list[tuple[date, Callable[[], None]]] = []
        if review and review - ahead <= self._kept_until("review"):
            choices.append((review - ahead, self._review_calmly))
        if search and search - 2 * ahead <= self._kept_until("search"):
            choices.append((search - 2 * ahead, self._renew_search))
        return min(choices, key=lambda choice: choice[0], default=(date.max, None))

    def _kept_until(self, what: str) -> date:
        return self.day(self.device.neglect.get(what, 0))

    def _review_calmly(self) -> None:
        said = (*self.device.findings, *CALM)
        place = self.calm if self.calm < len(said) else len(self.device.findings) + self.calm % len(CALM)
        self.calm += 1
        self._review({"findings": said[place]})

    def _renew_search(self) -> None:
        """Search again and find what was found last."""
        found = {
            "why": self.device.why,
            "candidates": self.device.candidates,
            "result": self.device.result,
        } | self.found
        why = f"Förnyad genomgång av marknaden. {found['why']}"
        self._search(why, found["candidates"], found["result"], found.get("grounds", self.device.grounds))

    def _review(self, said: dict[str, Any]) -> None:
        actions = said.get("actions", [])
        today = clock.today()
        due = self.day(said["next"]) if "next" in said else add_months(today, months(self.device.risk_class))
        followup.record(
            self.product,
            done_on=today,
            sources="Avvikelsesystemet, serviceanteckningar, samtal med användare och genomgång av litteratur.",
            findings=said["findings"],
            conclusion=said.get("conclusion", FollowUp.Conclusion.ACT if actions else FollowUp.Conclusion.CONTINUE),
            next_due_on=due,
            actions=[
                {
                    "text": action["text"],
                    "responsible": self.cast(action["by"]),
                    "due_on": today + timedelta(days=action["due"]),
                }
                for action in actions
            ],
            by=self.engineer,
        )
        for action in actions:
            if "done" in action:  # days after the review, or before today
                day = today + timedelta(days=action["done"]) if action["done"] > 0 else self.day(action["done"])
                self.calls.append({"day": day, "finish": action["text"], "note": action["note"]})

    def _plan_patients(self) -> None:
        """Days on which patients meet an item, from the first day of use to the day something ends it."""
        if not self.device.patients:
            return
        ends = [call["day"] for call in self.calls if "withdraw" in call or "suspend" in call]
        until = min([*ends, self.today]) - timedelta(days=2)
        span = (until - clock.today()).days
        numbers = self.rng.sample(sorted(synthetic.PUBLISHED), self.device.patients)
        for number in numbers:
            day = clock.today() + timedelta(days=self.rng.randint(3, span))
            self.calls.append({"day": day, "patient": ("se_personnummer", number, "")})
        if self.device.patients >= 10:
            reserve = f"VM26R{self.rng.randint(100, 999)}"
            day = clock.today() + timedelta(days=self.rng.randint(3, span))
            self.calls.append({"day": day, "patient": ("se_reserve", reserve, "Region Västmarken")})

    # --- what a story can name

    def _do_review(self, said: dict[str, Any], call: dict[str, Any]) -> Days:
        self._review(said)
        yield from ()

    def _do_begin_search(self, said: bool, call: dict[str, Any]) -> Days:
        """The first places are searched and a device is found; nobody has judged it yet."""
        search = market.begin(self.product, by=self.engineer)
        market.look(search, self._places(clock.today(), len(self.device.candidates))[:3], by=self.engineer)
        yield clock.today()
        for name, maker, shortfall in self.device.candidates:
            market.consider(search, device=name, maker=maker, shortfall=shortfall, by=self.engineer)

    def _do_consider(self, scopes: list[str], call: dict[str, Any]) -> Days:
        """Some groups of the rules are gone through."""
        self._consider(self.device.rules, scopes)
        yield from ()

    def _do_take_back(self, reason: str, call: dict[str, Any]) -> Days:
        assessment.take_back(self.product, reason=reason, by=self.engineer)
        yield from ()

    def _do_finish(self, text: str, call: dict[str, Any]) -> Days:
        action = FollowUpAction.objects.select_related("follow_up__product__unit").get(
            follow_up__product=self.pk, text=text, done_on=None
        )
        followup.finish(action, note=call["note"], by=self.engineer)
        yield from ()

    def _do_search(self, said: dict[str, Any], call: dict[str, Any]) -> Days:
        device = self.device
        self.found = said
        self._search(
            said["why"],
            said.get("candidates", device.candidates),
            said.get("result", device.result),
            said.get("grounds", device.grounds),
        )
        yield from ()

    def _do_suspend(self, cause: str, call: dict[str, Any]) -> Days:
        suspension.suspend(self.product, cause=cause, by=self.engineer)
        yield from ()

    def _do_resume(self, measures: str, call: dict[str, Any]) -> Days:
        suspension.resume(self.product, measures=measures, by=self.owner)
        yield from ()

    def _do_withdraw(self, reason: str, call: dict[str, Any]) -> Days:
        withdrawal.withdraw(self.product, reason=reason, by=self.owner)
        yield from ()

    def _do_hold(self, said: dict[str, str], call: dict[str, Any]) -> Days:
        holds.place(self.product, reason=said["why"], reference=said["reference"], by=self.registrar)
        yield from ()

    def _do_lift(self, said: dict[str, str], call: dict[str, Any]) -> Days:
        hold = Hold.objects.get(product=self.pk, reference=said["reference"])
        holds.lift(hold, reason=said["why"], by=self.registrar)
        yield from ()

    def _do_keep(self, said: dict[str, Any], call: dict[str, Any]) -> Days:
        holds.keep(self.product, years=said["years"], reason=said["why"], by=self.registrar)
        yield from ()

    def _do_fate(self, said: dict[str, Any], call: dict[str, Any]) -> Days:
        for identifier in said["items"]:
            item = Item.objects.get(product=self.pk, identifier=identifier)
            withdrawal.end_item(item, fate=said["to"], on=clock.today(), note=said["note"], by=self.engineer)
            yield clock.today()

    def _do_make(self, items: dict[str, Any], call: dict[str, Any]) -> Days:
        self._make(items)
        yield clock.today()
        self._release()
        yield clock.today()
        self._place(items)

    def _do_appoint(self, name: str, call: dict[str, Any]) -> Days:
        owners.appoint(self.product, person=self.cast(name), by=self.manager)
        yield from ()

    def _do_accept(self, said: bool, call: dict[str, Any]) -> Days:
        yield from self._owned()

    def _do_recall(self, reason: str, call: dict[str, Any]) -> Days:
        declarations.withdraw(self.declaration, reason=reason, by=self.owner)
        yield from ()

    def _do_examine(self, said: dict[str, Any], call: dict[str, Any]) -> Days:
        self._examine(**said)
        yield from ()

    def _do_abandon(self, reason: str, call: dict[str, Any]) -> Days:
        withdrawal.abandon(self.product, reason=reason, by=self.manager)
        yield from ()

    def _do_patient(self, number: tuple[str, str, str], call: dict[str, Any]) -> Days:
        """Someone meets an item that is still there; a lot serves as many as it holds."""
        kind, text, issuer = number
        held = [
            item
            for item in Item.objects.filter(product=self.pk, fate="").order_by("pk")
            if item.placements.filter(until=None).exists()
            and (item.kind == Item.Kind.SERIAL or item.patient_uses.count() < item.quantity)
        ]
        item = self.rng.choice(held)
        unit = item.placements.filter(until=None).first()
        assert unit
        self.met.append(identity.parse(kind, text, issuer=issuer))
        tracing.note_use(
            item,
            identifier=self.met[-1],
            used_on=clock.today(),
            unit=unit.unit,
            by=self.engineer,
        )
        yield from ()

    def _do_look_up(self, purpose: str, call: dict[str, Any]) -> Days:
        """The owner looks for a patient who met the device."""
        tracing.find(self.met[-1], purpose=purpose, by=self.owner)
        yield from ()

    def _do_drop(self, reason: str, call: dict[str, Any]) -> Days:
        changes.abandon(self.coming, reason=reason, by=self.owner)
        yield from ()

    def _do_change(self, said: dict[str, Any], call: dict[str, Any]) -> Days:
        """A change is asked about. An essential one opens a revision, which then goes its way up to `until`."""
        essential = said.get("essential", [])
        answers = {
            question.id: ("yes", "Se beskrivningen.")
            if question.id in essential
            else ("no", "Ändringen rör inte detta.")
            for question in law.trees()[changes.TREE].questions
        }
        changes.ask(self.product, description=said["why"], answers=answers, by=self.engineer)
        if essential:
            yield from self._renew(call)

    def _renew(self, call: dict[str, Any]) -> Days:
        start, until = clock.today(), self.day(call["until"])
        step = (until - start) / 6
        yield start + step
        self.edition += 1
        design.describe(self.coming, call["design"], by=self.engineer)
        if "parts" in call:
            self._compose(call["parts"])
        fields = {"reference": call["design"]["reference"], "description": call["design"].get("description", "")}
        self.device = device = Device(**{**self.device.__dict__, **{k: v for k, v in fields.items() if v}})
        yield start + 2 * step
        for group in (EvidenceDocument.Group.DESIGN, EvidenceDocument.Group.USER_INFORMATION):
            entry = EvidenceDocument.objects.get(revision=self.coming, group=group)
            paper = papers.paper(device, self.kind, group, edition=f"{self.edition}.0", rng=self.rng)
            evidence.replace_document(
                entry, upload=paper.upload, by=self.engineer, title=paper.title, version=f"{self.edition}.0"
            )
            yield clock.today()
        if call["to"] == "open":
            return
        evidence.confirm_documents(self.coming, by=self.engineer)
        conformity.confirm(self.coming, by=self.engineer)
        self._set_class(device.class_why)
        yield start + 3 * step
        yield from self._verified()
        yield start + 4 * step
        self._examine(EvidenceRecord.Kind.VALIDATION, **device.validated)
        yield start + 5 * step
        if "items" in call:
            self._make(call["items"])
            yield clock.today()
        for station in (self._declared, self._entered, self._published):
            yield from station()
            yield clock.today()
        self._prepare()
        yield until
        lifecycle.move(self.coming, Revision.Stage.IN_FORCE, by=self.owner)
        if "items" in call:
            yield clock.today()
            self._place(call["items"])
