"""The way of a device from the idea to use: stations, spread over the days the story gives them."""

from __future__ import annotations

from datetime import date, timedelta

from inhouse import conformity, declarations, design, evidence, lifecycle, owners, signing
from inhouse.demo import papers
from inhouse.demo.conforming import conform
from inhouse.demo.days import Days
from inhouse.demo.proposal import Proposal
from inhouse.demo.stories import Day
from inhouse.models import Appointment, Declaration, EvidenceRecord
from organisation import clock
from organisation.models import Institution, Proof
from products.models import Product, UnitUse

# The way to use: station → about how many days after the one before; stretched to fit the story's own days
ROUTE = {
    "proposed": 0,
    "qualified": 2,
    "described": 4,
    "searched": 18,
    "classified": 7,
    "weighed": 7,
    "submitted": 2,
    "eligible": 10,
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
REJECTED, DECLINED = 15, 5
"""How long it takes to leave the way there."""


class Route(Proposal):
    """Each station is a method of its name."""

    def _travel(self, start: str, stop: str, began: Day, reached: Day | None) -> Days:
        """Pass the stations from one to another, spread over the days between."""
        stations = self._stations(start, stop)
        names = list(stations)
        gaps = [gap * self.rng.uniform(0.6, 1.4) for gap in stations.values()]
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

    def _stations(self, start: str, stop: str) -> dict[str, int]:
        """The stations from one to another. Who rejects may do so as soon as the answers end the way, or the market does."""
        names = list(ROUTE)
        leaves = {"rejected": self.device.ends or "searched", "declined": "asked"}
        way = {name: ROUTE[name] for name in names[names.index(start) : names.index(leaves.get(stop, stop)) + 1]}
        if stop == "rejected":
            way |= {"submitted": ROUTE["submitted"]} if self.device.ends else {}
            way |= {stop: REJECTED}
        return way | ({stop: DECLINED} if stop == "declined" else {})

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
            "patient_tracing": device.tracing,
            "tracing_reason": device.tracing_why,
            **dict.fromkeys(device.traits, True),
        }
        quality = self.cast.quality[self.unit.administration_id]
        design.describe(self.coming, fields, quality_system=quality, by=self.engineer)
        if device.parts:
            yield clock.today()
            self._compose(device.parts)
        for number, what, why in device.unmet:
            conformity.admit(self.coming, number, what=what, why=why, by=self.engineer)
        if device.rethought:
            yield clock.today()
            self._rethink()
        elif not self._class_is_set:  # taken back, as the design says more of the device than the proposal did
            yield clock.today()
            self._set_class(device.class_why)
        if self._is_software and not device.software:  # a device with a program in it
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
        yield clock.today()
        conform(self.coming, by=self.engineer)
        if self.device.items:
            yield clock.today()
            self._make(self.device.items)

    def _declared(self) -> Days:
        """The owner freezes the declaration, reads it, and signs what was read."""
        wording = signing.Wording(language="sv", place=Institution.objects.get().place)
        frozen = signing.freeze(self.coming, wording, by=self.owner)
        Proof.objects.create(user=self.owner, digest=frozen.sha256, method=Proof.Method.CODE)
        signing.sign(frozen, by=self.owner)
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
