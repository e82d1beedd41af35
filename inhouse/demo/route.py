"""The way of a device from the idea to use: stations, spread over the days the story gives them."""

from __future__ import annotations

from datetime import date, timedelta

from inhouse import assessment, declarations, design, evidence, law, lifecycle, owners
from inhouse.demo import papers, region
from inhouse.demo.days import Days
from inhouse.demo.programs import Programs
from inhouse.demo.stories import Day
from inhouse.dossier import current
from inhouse.models import Appointment, Declaration, EvidenceRecord
from organisation import clock
from organisation.models import Institution, Role
from products.models import Product, UnitUse

# The way to use: station → about how many days after the one before; stretched to fit the story's own days
ROUTE = {
    "proposed": 0,
    "described": 6,
    "searched": 18,
    "weighed": 14,
    "eligible": 12,
    "asked": 6,
    "owned": 4,
    "designed": 14,
    "development": 5,
    "documented": 45,
    "verified": 15,
    "validated": 20,
    "declared": 5,
    "entered": 3,
    "published": 3,
    "ready": 10,
    "in_use": 5,
}
DEAD_ENDS = {"rejected": ("searched", 15), "declined": ("asked", 5)}
"""Stations beside the way: where they leave it, and how long that takes."""


class Route(Programs):
    """Each station is a method of its name."""

    def _travel(self, start: str, stop: str, began: Day, reached: Day | None) -> Days:
        """Pass the stations from one to another, spread over the days between."""
        names = list(ROUTE)
        names = names[names.index(start) : names.index(DEAD_ENDS.get(stop, (stop, 0))[0]) + 1]
        gaps = [ROUTE[name] * self.rng.uniform(0.6, 1.4) for name in names]
        if stop in DEAD_ENDS:
            names, gaps = [*names, stop], [*gaps, DEAD_ENDS[stop][1]]
        first = self.day(began)
        stretch = (self.day(reached) - first).days / sum(gaps) if reached is not None else 0
        passed = 0.0
        for name, gap in zip(names, gaps, strict=True):
            before = first + timedelta(days=round(passed * stretch))
            passed += gap
            day = first + timedelta(days=round(passed * stretch))
            if name == "documented":
                yield from self._write_up(before, day)
                continue
            yield day
            yield from getattr(self, f"_{name}")()
            self._tick(name)

    def _proposed(self) -> Days:
        device = self.device
        product = assessment.propose(name=device.name, summary=device.summary, unit=self.unit, by=self.cast(device.by))
        self.pk, self.number = product.pk, product.number
        yield from ()

    def _described(self) -> Days:
        """What it is: the questions, and the need."""
        device, by = self.device, self.cast(self.device.by)

        def answer(tree: str, **values: bool) -> None:
            said = {question: ("yes" if value else "no", "") for question, value in values.items()}
            assessment.answer(self.product, tree, said, by=by)

        if not device.device:
            answer("general_definition", g1=False, g3=False, g4=False)
            assessment.write(self.product, {"non_medical_statement": device.non_medical}, by=by)
            return
        answer("general_definition", g1=True, g2=True)
        answer("md_or_ivd", iv1=device.ivd)
        questions = law.trees()["scope_categories"].questions
        answer("scope_categories", **{q.id: q.id in device.scope for q in questions})
        answer("custom_made", c1=device.custom, c2=device.custom)
        answer("outside_use", o1=device.outside)
        yield clock.today()
        need = {
            "patient_group": device.group,
            "special_need": device.special,
            "performance_level": device.level,
        }
        assessment.write(self.product, need, by=by)

    def _searched(self) -> Days:
        """The market, and the four grounds that rule out."""
        device = self.device
        if not device.searched:
            return
        self._search(device.why, device.candidates, device.result, device.grounds)
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

    def _eligible(self) -> Days:
        assessment.decide(self.product, make=True, reason=self.device.decision, by=self.manager)
        yield from ()

    def _rejected(self) -> Days:
        device = self.device
        assessment.decide(self.product, make=False, end=device.outcome, reason=device.reason, by=self.manager)
        yield from ()

    def _asked(self) -> Days:
        device = self.device
        owners.appoint(self.product, person=self.cast(device.owner), level_reason=device.level_reason, by=self.manager)
        yield from ()

    @property
    def _asking(self) -> Appointment:
        return Appointment.objects.select_related("product", "person").filter(product=self.pk).latest("pk")

    def _owned(self) -> Days:
        owners.accept(self._asking, by=self.cast.named(self._asking.person))
        yield from ()

    def _declined(self) -> Days:
        owners.decline(self._asking, reason=self.device.declined, by=self.cast.named(self._asking.person))
        yield from ()

    def _designed(self) -> Days:
        device = self.device
        fields = {
            "reference": device.reference,
            "intended_purpose": device.purpose,
            "description": device.description,
            "risk_class": device.risk_class,
            "class_rule": device.class_rule,
            "class_reason": device.class_why,
            "patient_tracing": device.tracing,
            "tracing_reason": device.tracing_why,
            **dict.fromkeys(device.traits, True),
        }
        quality = self.cast.quality[self.unit.administration_id]
        design.describe(self.coming, fields, quality_system=quality, by=self.engineer)
        if device.parts:
            yield clock.today()
            self._compose(device.parts)
        if device.unmet:
            design.admit(
                self.coming,
                [{"number": n, "what": what, "why": why} for n, what, why in device.unmet],
                by=self.engineer,
            )

        if self._is_software:
            yield clock.today()
            yield from self._programmed()

    def _development(self) -> Days:
        lifecycle.move(self.product, Product.Stage.DEVELOPMENT, by=self.engineer)
        yield from ()

    def _write_up(self, since: date, until: date) -> Days:
        """The documents come one by one."""
        for number, group in enumerate(papers.GROUPS, start=1):
            yield since + (until - since) * number // len(papers.GROUPS)
            paper = papers.paper(self.device, self.kind, group, edition=f"{self.edition}.0", rng=self.rng)
            evidence.add_document(
                self.coming,
                group=group,
                upload=paper.upload,
                by=self.engineer,
                title=paper.title,
                reference=f"{self.number[3:]}-{number:02d}",
                version=f"{self.edition}.0",
                language="sv",
                valid_from=clock.today(),
                confidential=group not in papers.OPEN,
            )

    def _verified(self) -> Days:
        self._examine(EvidenceRecord.Kind.VERIFICATION, **self.device.verified)
        yield from ()

    def _validated(self) -> Days:
        self._examine(EvidenceRecord.Kind.VALIDATION, **self.device.validated)
        if self.device.items:
            yield clock.today()
            self._make(self.device.items)

    def _declared(self) -> Days:
        """The owner reads the declaration, and signs what was read."""
        product, institution = self.product, Institution.objects.get()
        revision = self.coming
        content = declarations.snapshot(current(product), revision, place=institution.place, language="sv")
        declarations.sign(
            revision,
            read=declarations.digest(content),
            password=region.PASSWORD,
            place=institution.place,
            language="sv",
            by=self.owner,
        )
        yield clock.today()
        self._release()

    def _entered(self) -> Days:
        if self.device.diary:
            year = clock.today().year
            before = Declaration.objects.filter(diary_on__year=year).count()
            number = f"RV {year}-{417 + 13 * before:05d}"
            declarations.enter(self.declaration, diary_number=number, diary_name="Regionens diarium", by=self.registrar)
        yield from ()

    def _published(self) -> Days:
        declarations.publish(self.declaration, by=self.registrar)
        yield from ()

    def _ready(self) -> Days:
        """What must stand around the device, the units, and the items at their places."""
        self._prepare()
        yield clock.today()
        self._list(self.unit, UnitUse.Part.MAKES)
        for name in self.device.users:
            self._list(self.cast.units[name], UnitUse.Part.USES)
        yield clock.today()
        self._place(self.device.items)

    def _in_use(self) -> Days:
        lifecycle.move(self.product, Product.Stage.IN_USE, by=self.owner)
        yield from ()
