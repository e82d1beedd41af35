"""The stories, lived one act after the other in the order of time, through the rules and by whoever may.

A story is a generator: it yields the day on which it wants to go on, and acts when it is woken. One queue wakes them
all, so the clock only runs forwards and the numbers of the products follow their days, as they would in life.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any

from django.db import transaction
from django.utils import timezone, translation

from inhouse import (
    assessment,
    changes,
    declarations,
    design,
    evidence,
    followup,
    law,
    lifecycle,
    lists,
    market,
    owners,
    readiness,
    suspension,
    tracing,
    withdrawal,
)
from inhouse.demo import papers, region
from inhouse.demo.region import Cast
from inhouse.demo.stories import Day, Device, Kind, day_of, kinds
from inhouse.dossier import current
from inhouse.intervals import add_months, months
from inhouse.models import (
    Appointment,
    Declaration,
    EvidenceDocument,
    EvidenceRecord,
    FollowUp,
    FollowUpAction,
)
from organisation import clock
from organisation.history import acting
from organisation.models import Institution, Role, Unit, User
from products import identity, synthetic, traceability
from products.identity import Identifier
from products.models import Item, Product, Revision, UnitUse

Days = Iterator[date]
SEED = "Västmarken"

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

MOVES_DUE = {"review", "search", "change", "suspend", "resume", "withdraw"}
"""What changes the days on which something falls due."""

HOLIDAYS = {(1, 1), (1, 6), (5, 1), (6, 6), (12, 24), (12, 25), (12, 26), (12, 31)}
CALM = (
    "Inga avvikelser rapporterade sedan förra uppföljningen. Produkten används som avsett.",
    "Genomgång med verksamheten: nyttan kvarstår, inga nya risker. Bruksanvisningen gäller oförändrad.",
    "Serviceanteckningar och avvikelser genomgångna utan anmärkning.",
)


def tell(devices: Iterable[Device], *, say: Callable[[str], None]) -> None:
    """Live these stories up to now, or nothing at all."""
    now = clock.now()
    with transaction.atomic(), translation.override("sv"):
        with clock.at(timezone.make_aware(datetime.combine(region.SETTLED_ON, time(8, 30)))):
            cast = region.settle()
        shared, today = kinds(), timezone.localdate(now)
        stories: list[Story] = [DeviceStory(device, shared[device.kind], cast, today) for device in devices]
        stories += [Office(cast, today), HandOuts(cast, today)]
        _live(stories, now=now, say=say)


def _live(stories: list[Story], *, now: datetime, say: Callable[[str], None]) -> None:
    waiting = [(story.moment(next(story.life)), order, story) for order, story in enumerate(stories)]
    heapq.heapify(waiting)
    year = 0
    while waiting:
        moment, order, story = heapq.heappop(waiting)
        if moment >= now:
            raise RuntimeError(f"The story “{story.key}” goes on after today: {moment:%Y-%m-%d}.")
        if timezone.localtime(moment).year != year:
            year = timezone.localtime(moment).year
            say(f"{year} …")
        story.last = moment
        try:
            with clock.at(moment):
                wanted = next(story.life)
        except StopIteration:
            continue
        except Exception as trouble:
            trouble.add_note(f"In the story “{story.key}” on {moment:%Y-%m-%d}.")
            raise
        heapq.heappush(waiting, (story.moment(wanted), order, story))


# --- when


def _workday(day: date, step: int = -1) -> date:
    """That day, or the nearest before (or after) it on which people work."""
    while day.weekday() > 4 or (day.month, day.day) in HOLIDAYS:
        day += timedelta(days=step)
    return day


class Story:
    """Something that happens in the course of years."""

    def __init__(self, key: str, cast: Cast, today: date) -> None:
        self.key, self.cast, self.today = key, cast, today
        self.rng = Random(f"{SEED} {key}")  # noqa: S311 (chance for a story, no secret)
        self.last: datetime | None = None
        self.life = self.lived()

    def lived(self) -> Days:
        raise NotImplementedError

    def day(self, day: Day) -> date:
        return day_of(day, self.today)

    def moment(self, wanted: date) -> datetime:
        """Office hours of that day; never before what already happened, and a few minutes after it on the same day."""
        last = timezone.localtime(self.last) if self.last else None
        day = _workday(wanted)
        if last and day <= last.date():
            later = last + timedelta(minutes=self.rng.randint(4, 35))
            if later.hour < 17:
                return later
            day = _workday(last.date() + timedelta(days=1), +1)
        since_seven = timedelta(seconds=self.rng.randint(40 * 60, 520 * 60))
        return timezone.make_aware(datetime.combine(day, time(7)) + since_seven)


class Office(Story):
    """What head office settles."""

    def __init__(self, cast: Cast, today: date) -> None:
        super().__init__("kontoret", cast, today)

    def lived(self) -> Days:
        yield date(2023, 1, 9)
        reason = "Regiondirektörens beslut: diarienummer och publicering ska vara klara före användning."
        with acting(self.cast("per"), reason=reason):
            institution = Institution.objects.get()
            institution.diary_gate = Institution.DiaryGate.BLOCK
            institution.save(update_fields=["diary_gate"])


class HandOuts(Story):
    """The lists that authorities asked for."""

    def __init__(self, cast: Cast, today: date) -> None:
        super().__init__("utlämnanden", cast, today)

    def lived(self) -> Days:
        for row in region.told()["hand_outs"]:
            day = self.day(row["day"])
            yield day
            lists.hand_out(
                self.cast.administrations[row["administration"]],
                on=_workday(clock.today() - timedelta(days=1)),
                form=row["form"],
                requested_by=row["asked"],
                requested_on=_workday(clock.today() - timedelta(days=6)),
                by=self.cast("birgitta"),
            )


class DeviceStory(Story):
    """One device, from the idea to where it is today."""

    def __init__(self, device: Device, kind: Kind, cast: Cast, today: date) -> None:
        super().__init__(device.key, cast, today)
        self.device, self.kind = device, kind
        self.unit = cast.units[device.unit]
        self.pk = 0
        self.edition = 1
        self.calm = 0
        self.calls: list[dict[str, Any]] = []
        self.met: list[Identifier] = []

    def lived(self) -> Days:
        device = self.device
        yield from self._travel("proposed", device.stop, device.began, device.reached)
        if device.again:
            yield self.day(device.again["day"])
            assessment.again(self.product, reason=device.again["why"], by=self.cast(device.by))
            self.device = device = Device(
                **{**device.__dict__, "prohibited": {}, "result": "none_fits", "stop": device.again["stop"]}
            )
            yield from self._travel("described", device.stop, device.again["day"], device.again["reached"])
        yield from self._afterwards()

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

    # --- the way to use

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

    def _proposed(self) -> Days:
        device = self.device
        self.pk = assessment.propose(
            name=device.name, summary=device.summary, unit=self.unit, by=self.cast(device.by)
        ).pk
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
        if not device.ivd:
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
        self._search(self.device.why, self.device.candidates, self.device.result)
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

    def _search(self, why: str, candidates: list[list[str]], result: str) -> None:
        market.record(
            self.product,
            searched_on=_workday(clock.today() - timedelta(days=self.rng.randint(0, 3))),
            sources=(
                "Eudamed, Läkemedelsverkets webbplats, leverantörernas kataloger, regionens upphandlingsenhet och nätverket"
                f" för medicinsk teknik. Sökord: {self.device.searched}."
            ),
            result=result,
            justification=why,
            candidates=[{"device": d, "maker": m, "shortfall": s} for d, m, s in candidates],
            by=self.engineer,
        )

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

    def _compose(self, parts: list[list[Any]]) -> None:
        pieces: list[design.Piece] = [
            {"name": name, "maker": maker, "model": model, "edition": edition, "is_ce_marked": marked}
            for name, maker, model, edition, marked in parts
        ]
        design.compose(self.coming, pieces, by=self.engineer)

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
                reference=f"{self.product.number[3:]}-{number:02d}",
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
            done_on=_workday(clock.today() - timedelta(days=self.rng.randint(0, 2))),
            done_by=f"{by.name}, {by.title.lower()}",
            by=self.engineer,
        )

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

    def _in_use(self) -> Days:
        lifecycle.move(self.product, Product.Stage.IN_USE, by=self.owner)
        yield from ()

    # --- items: a serial is at one unit, a lot is spread over several

    def _make(self, items: dict[str, Any]) -> None:
        revision = Revision.objects.filter(product=self.pk, stage__in=Revision.Stage.coming).first()
        revision = revision or Revision.objects.get(product=self.pk, stage=Revision.Stage.IN_FORCE)
        for identifier, where in items.items():
            traceability.register(
                revision,
                kind=Item.Kind.LOT if isinstance(where, dict) else Item.Kind.SERIAL,
                identifier=identifier,
                quantity=sum(where.values()) if isinstance(where, dict) else 1,
                made_on=_workday(clock.today() - timedelta(days=self.rng.randint(0, 4))),
                by=self.engineer,
            )

    def _release(self) -> None:
        for item in Item.objects.filter(product=self.pk, released_on=None, fate=""):
            traceability.release(
                item,
                made_to=f"{self.device.reference}, tillverkningsprocess {self.product.number[3:]}-04 utgåva {self.edition}.0",
                checks="Slutkontroll enligt checklista: mått, funktion, märkning och renhet godkända.",
                by=self.engineer,
            )

    def _place(self, items: dict[str, Any]) -> None:
        for identifier, where in items.items():
            item = Item.objects.get(product=self.pk, identifier=identifier)
            for name, quantity in (where if isinstance(where, dict) else {where: 1}).items():
                unit = self.cast.units[name]
                traceability.place(item, unit=unit, quantity=quantity, since=clock.today(), by=self.engineer)

    # --- afterwards: what the story names, and in between what falls due

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
        d = current(self.product)
        if d.product.stage not in (Product.Stage.IN_USE, Product.Stage.SUSPENDED):
            return date.max, None
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
        why = f"Förnyad genomgång av marknaden. {self.device.why}"
        self._search(why, self.device.candidates, self.device.result)

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

    def _do_finish(self, text: str, call: dict[str, Any]) -> Days:
        action = FollowUpAction.objects.select_related("follow_up__product__unit").get(
            follow_up__product=self.pk, text=text, done_on=None
        )
        followup.finish(action, note=call["note"], by=self.engineer)
        yield from ()

    def _do_search(self, said: dict[str, Any], call: dict[str, Any]) -> Days:
        device = self.device
        self._search(said["why"], said.get("candidates", device.candidates), said.get("result", device.result))
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
            question.id: ("yes", "Se beskrivningen.") if question.id in essential else ("no", "")
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
