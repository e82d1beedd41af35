"""A device of the demo: who answers for it, and what they do to it at more than one station."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from inhouse import design, evidence, market, readiness
from inhouse.demo import stories
from inhouse.demo.days import Story, workday
from inhouse.demo.region import Cast
from inhouse.demo.stories import Device, Kind
from inhouse.intervals import months
from inhouse.models import Declaration, EvidenceRecord
from organisation import clock
from organisation.models import Role, Unit, User
from products import traceability
from products.identity import Identifier
from products.models import Item, Product, Revision, UnitUse


class Life(Story):
    """Everything that can be done to one device."""

    def __init__(self, device: Device, kind: Kind, cast: Cast, today: date) -> None:
        super().__init__(device.key, cast, today)
        self.device, self.kind = device, kind
        self.unit = cast.units[device.unit]
        self.pk, self.number = 0, ""
        self.edition = 1
        self.calm = 0
        self.calls: list[dict[str, Any]] = []
        self.found: dict[str, Any] = {}
        self.met: list[Identifier] = []

    # --- who and what

    @property
    def product(self) -> Product:
        """The product as it is now."""
        return Product.objects.select_related("unit__administration", "owner", "quality_system").get(pk=self.pk)

    @property
    def engineer(self) -> User:
        return self.cast.holds(Role.ENGINEER, self.unit)

    @property
    def manager(self) -> User:
        return self.cast.holds(Role.MANAGER, self.unit)

    @property
    def registrar(self) -> User:
        return self.cast.holds(Role.REGISTRAR, self.unit)

    @property
    def owner(self) -> User:
        held = self.product.owner
        assert held
        return self.cast.named(held)

    @property
    def coming(self) -> Revision:
        return Revision.objects.get(product=self.pk, stage__in=Revision.Stage.coming)

    @property
    def declaration(self) -> Declaration:
        return Declaration.objects.filter(revision__product=self.pk).latest("pk")

    # --- what is done

    def _search(
        self,
        why: str,
        candidates: list[list[str]],
        result: str,
        grounds: list[str] | None = None,
        since: date | None = None,
    ) -> None:
        """Search everywhere, on one of the last days but not before the need was described (`since`)."""
        day = max(workday(clock.today() - timedelta(days=self.rng.randint(0, 3))), since or date.min)
        searched, person = stories.market(), self.engineer
        places = self._places(day, len(candidates))
        usual: list[str] = searched["grounds"][result]
        market.record(
            self.product,
            lookups=places,
            result=result,
            justification=why,
            candidates=[self._considered(*said, result=result) for said in candidates],
            grounds=usual if grounds is None else grounds,
            by=person,
        )

    def _places(self, day: date, found: int) -> list[market.Place]:
        return [
            {
                "source": source,
                "query": self.device.searched,
                "looked_on": day,
                "hits": found if place == 0 else min(least + place % 2, found),
            }
            for place, (source, least) in enumerate(stories.market()["places"])
        ]

    def _considered(self, device: str, maker: str, shortfall: str, *, result: str) -> market.Considered:
        """A device with what is known of it; of those that are only named, the checks that anyone can make."""
        checked = dict.fromkeys(("is_device", "is_ce_marked", "maker_identified", "is_labelled", "has_udi"), True)
        known = {**checked, "suits_use": False, **stories.market()["devices"].get(device, {})}
        return market.Considered(device=device, maker=maker, shortfall=shortfall, **known)  # type: ignore[typeddict-item]

    def _pieces(self, parts: list[list[Any]]) -> list[design.Piece]:
        """Parts as they are written down; those of a combination with what their makers say on it."""
        names = ("name", "maker", "model", "edition", "is_ce_marked", "statement")
        return [design.Piece(**dict(zip(names, part, strict=False))) for part in parts]  # type: ignore[typeddict-item]

    def _compose(self, parts: list[list[Any]]) -> None:
        design.compose(self.coming, self._pieces(parts), by=self.engineer)

    def _examine(self, kind: str, *, what: str, result: str, outcome: str = "approved", method: str = "") -> None:
        verifies = kind == EvidenceRecord.Kind.VERIFICATION
        by = self.engineer if verifies else self.owner
        evidence.record(
            self.coming,
            kind=kind,
            what=what,
            method=method or (self.kind.verification if verifies else self.kind.validation),
            result=result,
            outcome=outcome,
            done_on=workday(clock.today() - timedelta(days=self.rng.randint(0, 2))),
            done_by=f"{by.name}, {by.title.lower()}",
            by=self.cast.holds(Role.ENGINEER, self.unit, but=self.owner),  # nobody signs what they recorded alone
        )

    def _prepare(self) -> None:
        kind, mt = self.kind, self.cast.units["mt"]
        engineer = self.engineer
        fields = {
            "managing_organisation": f"{mt.name}, {self.cast.administrations['diagnostik'].name}",
            "managing_contact": f"{engineer.name}, {engineer.email}",
            "resources": f"{self.unit.name} avsätter tid för {self.device.name.lower()}; verksamhetschefen har beslutat om medel.",
            "training_needed": kind.training is not None,
            "training_plan": kind.training or "",
            "support_contact": "Medicinsk teknik, 0999-55 05 50, dygnet runt",
            "maintenance_needed": kind.maintenance is not None,
            "maintenance_plan": kind.maintenance or "",
            "marking": kind.marking,
            "marking_text": kind.marking_text,
            "follow_up_months": months(self.device.risk_class),
        }
        readiness.prepare(self.coming, fields, by=engineer)

    def _list(self, unit: Unit, part: str) -> None:
        if not UnitUse.objects.filter(product=self.pk, unit=unit, part=part, until=None).exists():
            readiness.list_unit(self.product, unit=unit, part=part, since=clock.today(), by=self.engineer)

    def _make(self, items: dict[str, Any]) -> None:
        revision = Revision.objects.filter(product=self.pk, stage__in=Revision.Stage.coming).first()
        revision = revision or Revision.objects.get(product=self.pk, stage=Revision.Stage.IN_FORCE)
        for identifier, where in items.items():
            traceability.register(
                revision,
                kind=Item.Kind.LOT if isinstance(where, dict) else Item.Kind.SERIAL,
                identifier=identifier,
                quantity=sum(where.values()) if isinstance(where, dict) else 1,
                made_on=workday(clock.today() - timedelta(days=self.rng.randint(0, 4))),
                by=self.engineer,
            )

    def _release(self) -> None:
        for item in Item.objects.filter(product=self.pk, released_on=None, fate=""):
            traceability.release(
                item,
                made_to=f"{self.device.reference}, tillverkningsprocess {self.number[3:]}-04 utgåva {self.edition}.0",
                checks="Slutkontroll enligt checklista: mått, funktion, märkning och renhet godkända.",
                by=self.engineer,
            )

    def _place(self, items: dict[str, Any]) -> None:
        for identifier, where in items.items():
            item = Item.objects.get(product=self.pk, identifier=identifier)
            for name, quantity in (where if isinstance(where, dict) else {where: 1}).items():
                unit = self.cast.units[name]
                traceability.place(item, unit=unit, quantity=quantity, since=clock.today(), by=self.engineer)
