"""A proposal of the demo: the guided assessment from the first question to the decision, a few days between its parts."""

from __future__ import annotations

from typing import Any

from inhouse import assessment, classification, software
from inhouse.demo.days import Days
from inhouse.demo.programs import Programs
from inhouse.law.rules import SCOPES, edition
from inhouse.models import Classification
from organisation import clock
from organisation.models import Role, User


class Proposal(Programs):
    """Each station up to the decision is a method of its name."""

    @property
    def proposer(self) -> User:
        return self.cast(self.device.by)

    def _answer(self, tree: str, answers: dict[str, bool], **reasons: str) -> None:
        said = {question: ("yes" if yes else "no", reasons.get(question, "")) for question, yes in answers.items()}
        assessment.answer(self.product, tree, said, by=self.proposer)

    def _proposed(self) -> Days:
        device = self.device
        product = assessment.propose(name=device.name, summary=device.summary, unit=self.unit, by=self.proposer)
        self.pk, self.number = product.pk, product.number
        yield from ()

    def _qualified(self) -> Days:
        """Whether it is a device, under which regulation, and in which way it comes into use."""
        device = self.device
        if device.software:
            answers = {"sw1": True, "sw2": bool(device.drives), "sw3": True, "sw4": device.device, "sw5": True}
            self._answer("software_is_device", answers, **{"sw5" if device.device else "sw4": device.software})
        else:
            self._answer("software_is_device", {"sw1": False})
            medical = device.device and not device.accessory
            self._answer("general_definition", {"g1": medical, "g2": True, "g3": False, "g4": device.accessory})
        if not device.device:
            assessment.write(self.product, {"non_medical_statement": device.non_medical}, by=self.proposer)
            return
        if device.software and not device.drives:
            self._answer("software_md_or_ivd", {"ivd1": device.ivd})
        else:
            self._answer("md_or_ivd", {"iv1": device.ivd})
        yield clock.today()
        assessment.answer(self.product, "ways_of_use", {"way": (device.way, "")}, by=self.proposer)
        if device.way == "ce_marked":
            return
        custom = device.way == "custom_made"
        self._answer("custom_made", dict.fromkeys(("c1", "c2", "c3"), custom))
        if custom:
            assessment.note_route(self.product, device.other_route, by=self.proposer)
        else:
            self._answer("outside_use", {"o1": device.outside})

    def _described(self) -> Days:
        """The kinds of work with what each asks to know; then the need."""
        device, by = self.device, self.proposer
        assessment.choose_categories(self.product, device.scope, confirmed=True, by=by)
        for category in device.scope:
            facts: dict[str, Any] = {"is_accessory": device.accessory} if category == "manufacture_modify" else {}
            assessment.note_facts(self.product, category, facts | device.facts.get(category, {}), by=by)
        if "combination" in device.scope:
            assessment.combine(self.product, self._pieces(device.parts), by=by)
        if device.investigation:
            self._answer("clinical_investigation", device.investigation)
        if device.ends:
            assessment.note_route(self.product, device.other_route, by=by)
            return
        yield clock.today()
        need = {
            "patient_group": device.group,
            "special_need": device.special,
            "performance_level": device.level,
        }
        design = {"intended_purpose": device.purpose} | {name: name in device.traits for name in assessment.TRAITS}
        assessment.write(self.product, need, design=design, by=by)

    def _searched(self) -> Days:
        """The market, and the four grounds that rule out."""
        device = self.device
        need_on = self.product.assessments.latest("number").need_on
        self._search(device.why, device.candidates, device.result, device.grounds, since=need_on)
        yield clock.today()
        reasons = {
            "ce_equivalent_exists": device.why,
            "industrial_scale": device.scale,
            "not_safe_benefit": device.conclusion or device.benefit or "Bedöms vidare i riskanalysen.",
            "outside_organisation": "Används enbart inom Region Västmarkens egna verksamheter.",
        }
        answers = {
            question: ("yes", device.prohibited[question]) if question in device.prohibited else ("no", reason)
            for question, reason in reasons.items()
        }
        assessment.answer(self.product, "prohibitions", answers, by=self.engineer)

    def _classified(self) -> Days:
        """Every rule is considered and the class is set; of software also what it is made of and how it is tested."""
        device, first = self.device, self.device.rethought
        if device.drives:
            driven, risk_class = device.drives
            classification.drive(self.coming, True, device=driven, risk_class=risk_class, by=self.engineer)
        self._consider(first.get("first", device.rules))
        self._set_class(first.get("first_why", device.class_why))
        if device.software:
            yield clock.today()
            yield from self._programmed()

    def _consider(self, applies: dict[str, list[str]], scopes: list[str] | None = None) -> None:
        """Say of every rule whether it applies, group by group, and which cases of those that apply fit."""
        revision, by = self.coming, self.engineer
        rules = edition(revision.regulation)
        for scope in scopes or SCOPES[revision.regulation]:
            group = [rule for rule in rules.rules if rule.scope == scope]
            said = {rule.id: rule.id in applies for rule in group}
            reasons = {rule: why for rule, why in self.device.ruled_out.items() if rule in said}
            classification.answer_rules(revision, scope, said, reasons=reasons, by=by)
            for rule in group:
                if rule.id in applies and rule.asked:
                    fits = {branch.id: branch.id in applies[rule.id] for branch in rule.asked}
                    classification.answer_rule(revision, rule.id, fits, by=by)

    def _set_class(self, why: str) -> None:
        """Set the class that the rules give; where the story says so, an expert sets another."""
        classification.finish(self.coming, reason=why, by=self.engineer)
        if self.device.expert:
            risk_class, reason = self.device.expert
            adviser = self.cast.holds(Role.ADVISER, self.unit)
            classification.override(self.coming, risk_class, reason=reason, by=adviser)

    @property
    def _class_is_set(self) -> bool:
        return Classification.objects.get(revision=self.coming, reopened_on=None).is_finished

    def _rethink(self) -> None:
        """The class is taken back and the rules are gone through again; the modules of a software follow."""
        device = self.device
        classification.reopen(self.coming, reason=device.rethought["why"], by=self.engineer)
        self._consider(device.rules)
        self._set_class(device.class_why)
        if device.software:
            software.compose_modules(self.coming, self._modules, by=self.engineer)

    def _weighed(self) -> Days:
        device = self.device
        if device.support:
            adviser = self.cast.holds(Role.ADVISER, self.unit)
            advice = {
                "support_needed": True,
                "support_reason": "Klassning och krav behöver granskas av någon med regulatorisk kompetens.",
                "adviser": f"{adviser.name}, {adviser.title.lower()}",
                "advised_on": clock.today(),
                "advice": device.support,
            }
            assessment.write(self.product, advice, by=adviser)
            yield clock.today()
        else:
            without = {
                "support_needed": False,
                "support_reason": "Enkel produkt i låg riskklass av ett slag som verksamheten har gjort tidigare.",
            }
            assessment.write(self.product, without, by=self.engineer)
        weighing = {
            "benefit": device.benefit,
            "risk": device.risk,
            "cost": device.cost,
            "weighing": device.conclusion,
        }
        assessment.write(self.product, weighing, by=self.engineer)

    def _submitted(self) -> Days:
        assessment.submit(self.product, by=self.proposer)
        yield from ()

    def _eligible(self) -> Days:
        assessment.decide(self.product, make=True, reason=self.device.decision, by=self.manager)
        yield from ()

    def _rejected(self) -> Days:
        device = self.device
        assessment.decide(self.product, make=False, end=device.outcome, reason=device.reason, by=self.manager)
        yield from ()
