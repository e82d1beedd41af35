"""What can fall due: one entry for each kind, with where its day comes from and which requirement asks for it.

A kind looks into the facts and says what is open now; `inhouse.deadlines.following` makes, moves and ends the rows. A
new kind is a function here and its entry in `OF_PRODUCTS` or `ELSEWHERE`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from inhouse import followup, law, market, owners, retention
from inhouse.dossier import Dossier
from inhouse.intervals import add_months, months
from inhouse.law import Requirement
from inhouse.models import Appointment, deadlines
from organisation.models import Institution, QualitySystem, Role, User
from products.models import Product

USED = (Product.Stage.IN_USE, Product.Stage.SUSPENDED)
ANSWER_WITHIN = 14  # days to accept or decline an appointment
OWNER_WITHIN = 7  # days a product may wait for a new owner
DIARY_WITHIN = 7  # days from the signature to the diary
PUBLISH_WITHIN = 14  # days from the signature to the public page
NOTIFY_WITHIN = 30  # days from the first product in use to the authority


@dataclass(frozen=True)
class Due:
    """One thing that is open. Without a day it is due so many days (`within`) after the register first saw it."""

    on: date | None = None
    within: int = 0
    subject: str = ""
    about: str = ""
    person_id: int | None = None
    administration_id: int | None = None


@dataclass(frozen=True)
class Facts:
    """A product's dossier, and what of it was marked as done by hand: (kind, subject) → last day."""

    d: Dossier
    done: Mapping[tuple[str, str], date] = field(default_factory=dict)

    @property
    def owner(self) -> User | None:
        """The owner, unless they have left."""
        owner: User | None = self.d.product.owner
        return owner if owner and owner.is_active else None

    @property
    def owner_id(self) -> int | None:
        return self.owner.pk if self.owner else None

    @property
    def asked(self) -> Appointment | None:
        """The appointment that waits for an answer which can still come, and matters."""
        asked = self.d.asked if self.d.product.stage in owners.MAY_APPOINT else None
        return asked if asked and asked.person.is_active else None


@dataclass(frozen=True)
class Kind:
    """`page` is where it is mended, taken with the product or else with the record it is about; `role` whose it is when it is nobody's in person.

    With `by_hand` the register cannot see that it is done: whoever did it says so, with what shows it. `binding` kinds
    are there only where one of their requirements binds the institution.
    """

    key: str
    label: Promise
    requirements: tuple[str, ...]
    page: str
    role: Role
    by_hand: bool = False
    binding: bool = False

    def rows(self, institution: Institution, day: date) -> list[Requirement]:
        """Those of its requirements that the institution goes by on that day."""
        chosen = set(institution.house_rules)
        return [
            row
            for row in (law.requirements()[each] for each in self.requirements)
            if row.holds(day)
            and institution.country in row.countries
            and (law.packs()[row.pack].kind == "law" or row.pack in chosen)
        ]


def _owner_acceptance(f: Facts) -> Iterator[Due]:
    if asked := f.asked:
        yield Due(asked.appointed_on + timedelta(days=ANSWER_WITHIN), subject=str(asked.pk), person_id=asked.person_id)


def _owner_missing(f: Facts) -> Iterator[Due]:
    if f.d.product.stage in owners.MAY_APPOINT and f.owner_id is None and f.asked is None:
        yield Due(within=OWNER_WITHIN)


def _owner_moved(f: Facts) -> Iterator[Due]:
    """The owner works in another administration than the product: does the responsibility still fit?"""
    owner, ownership = f.owner, f.d.ownership
    if owner is None or ownership is None or f.asked or f.d.product.is_ended:
        return
    if owner.unit.administration_id != f.d.product.unit.administration_id:
        subject = f"{ownership.pk}-{owner.unit.administration_id}"
        if ("owner_moved", subject) not in f.done:
            yield Due(within=30, subject=subject)


def _market_search(f: Facts) -> Iterator[Due]:
    if f.d.product.stage in USED and f.d.search and (day := market.due_on(f.d)):
        yield Due(day, subject=str(f.d.search.pk), person_id=f.owner_id)


def _follow_up(f: Facts) -> Iterator[Due]:
    if day := followup.due_on(f.d):
        yield Due(day, subject=str(len(f.d.follow_ups)), person_id=f.owner_id)


def _action(f: Facts) -> Iterator[Due]:
    for action in f.d.actions:
        if action.done_on is None:
            person = action.responsible if action.responsible.is_active else f.owner
            yield Due(
                action.due_on, subject=str(action.pk), about=action.text, person_id=person.pk if person else None
            )  # fmt: skip


def _reviewed(f: Facts, kind: str, since: date | None) -> Iterator[Due]:
    """A review by the interval of the class, from the last one that was marked as done."""
    if since is None or f.d.in_force is None:
        return
    last = max([since, *(day for (key, _subject), day in f.done.items() if key == kind)])
    yield Due(add_months(last, months(f.d.in_force.risk_class)), subject=last.isoformat(), person_id=f.owner_id)


def _declaration_review(f: Facts) -> Iterator[Due]:
    standing = f.d.declaration(f.d.in_force) if f.d.in_force and f.d.product.stage in USED else None
    yield from _reviewed(f, "declaration_review", standing.signed_on if standing else None)


def _document_review(f: Facts) -> Iterator[Due]:
    """Counted from when the revision came into force: its documents were read then."""
    if f.d.in_force is None or f.d.product.stage not in USED:
        return
    begun = [s.on for s in f.d.steps if s.revision_id == f.d.in_force.pk and s.to_stage == f.d.in_force.stage]
    yield from _reviewed(f, "document_review", begun[-1] if begun else None)


def _diary(f: Facts) -> Iterator[Due]:
    for declaration in f.d.declarations:
        if declaration.stands_on(f.d.on) and not declaration.diary_number:
            day = declaration.signed_on + timedelta(days=DIARY_WITHIN)
            yield Due(day, subject=declaration.number, about=declaration.number)


def _publication(f: Facts) -> Iterator[Due]:
    for declaration in f.d.declarations:
        if declaration.stands_on(f.d.on) and declaration.published_on is None:
            day = declaration.signed_on + timedelta(days=PUBLISH_WITHIN)
            yield Due(day, subject=declaration.number, about=declaration.number)


def _retention(f: Facts) -> Iterator[Due]:
    """The floor; where something keeps the file beyond it, not before that has ended."""
    day = retention.floor(f.d)
    if f.d.product.stage != Product.Stage.WITHDRAWN or day is None or f.d.holding or any(retention.matters(f.d)):
        return
    yield Due(max([day, *(hold.lifted_on for hold in f.d.holds if hold.lifted_on)]))


OF_PRODUCTS: dict[Kind, Callable[[Facts], Iterator[Due]]] = {
    Kind("owner_acceptance", _("Answer to being product owner"), ("VGR-43",), "owner", Role.MANAGER): _owner_acceptance,
    Kind("owner_missing", _("A product owner is appointed"), ("VGR-50", "VGR-43"), "owner", Role.MANAGER): _owner_missing,
    Kind("owner_moved", _("The product owner works elsewhere now: confirm, or appoint another"), ("VGR-50",), "owner", Role.MANAGER, by_hand=True): _owner_moved,
    Kind("market_search", _("Market search renewed"), ("MDR55-c", "IVDR55-d", "VGR-30"), "market", Role.ENGINEER): _market_search,
    Kind("follow_up", _("Clinical follow-up"), ("MDR55-h", "IVDR55-i", "VGR-60"), "follow-up", Role.ENGINEER): _follow_up,
    Kind("action", _("Action from a follow-up"), ("MDR55-h", "IVDR55-i", "VGR-60"), "follow-up", Role.ENGINEER): _action,
    Kind("declaration_review", _("Declaration reviewed: does it still hold?"), ("MDR55-e", "IVDR55-f", "VGR-56"), "declaration", Role.ENGINEER, by_hand=True): _declaration_review,
    Kind("document_review", _("Documents reviewed: are they up to date?"), ("MDR55-f", "IVDR55-g", "VGR-54"), "documents", Role.ENGINEER, by_hand=True): _document_review,
    Kind("diary", _("Declaration entered in the diary"), ("VGR-73",), "declaration", Role.REGISTRAR, binding=True): _diary,
    Kind("publication", _("Declaration published"), ("MDR55-e", "IVDR55-f", "VGR-74"), "declaration", Role.REGISTRAR): _publication,
    Kind("retention", _("The file need not be kept any longer: decide on disposal"), ("VGR-75", "RET-03"), "retention", Role.REGISTRAR): _retention,
}  # fmt: skip


@dataclass(frozen=True)
class House:
    """What is known beside the products: the institution, the quality systems, the first day of use, what was done by hand."""

    institution: Institution
    systems: list[QualitySystem]
    first_use: date | None
    done: Mapping[tuple[str, str], date]


def _quality_system(h: House) -> Iterator[Due]:
    for system in h.systems:
        if system.valid_until:
            yield Due(
                system.valid_until, subject=str(system.pk), about=system.name, administration_id=system.administration_id
            )  # fmt: skip


def _accreditation(h: House) -> Iterator[Due]:
    for system in h.systems:
        if system.accredited_until:
            yield Due(
                system.accredited_until,
                subject=str(system.pk),
                about=system.accreditation or system.name,
                administration_id=system.administration_id,
            )


def _notification(h: House) -> Iterator[Due]:
    if h.first_use and ("notification", "") not in h.done:
        yield Due(h.first_use + timedelta(days=NOTIFY_WITHIN))


ELSEWHERE: dict[Kind, Callable[[House], Iterator[Due]]] = {
    Kind("quality_system", _("Certificate of the quality management system ends"), ("MDR55-b", "IVDR55-b"), "quality-system", Role.MANAGER): _quality_system,
    Kind("accreditation", _("Accreditation of the laboratory ends"), ("IVDR55-c",), "quality-system", Role.MANAGER): _accreditation,
    Kind("notification", _("The authority is told that devices are made in-house"), ("SE-02", "VGR-82"), "institution", Role.HEAD_OFFICE, by_hand=True, binding=True): _notification,
}  # fmt: skip

KINDS: dict[str, Kind] = {kind.key: kind for kind in (*OF_PRODUCTS, *ELSEWHERE)}
deadlines.KINDS.update({kind.key: kind.label for kind in KINDS.values()})


def choices() -> list[tuple[str, str]]:
    return [(kind.key, str(kind.label)) for kind in KINDS.values()]
