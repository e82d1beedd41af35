"""The market search: begun, filled in page by page, concluded, and renewed as long as the product lives."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import Any, NotRequired, TypedDict

from django.core.exceptions import ValidationError
from django.core.files.base import File
from django.db import transaction
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from documents import storing
from inhouse import law, lifecycle, papers
from inhouse.candidates import FACTS, identify
from inhouse.dossier import Dossier
from inhouse.intervals import add_months, months
from inhouse.models import Assessment, Candidate, Ground, Lookup, MarketFile, MarketSearch
from inhouse.obstacles import Obstacle, Refused
from inhouse.searches import WORDED, Found, read, rests_on_cost
from organisation import access, clock
from organisation.access import Act
from organisation.history import acting
from organisation.models import User
from products.models import Product

Result = MarketSearch.Result
USUAL: dict[str, list[str]] = {
    Result.NONE: [Ground.Kind.AVAILABILITY],
    Result.NONE_FITS: [Ground.Kind.PERFORMANCE],
    Result.EQUIVALENT: [],
}
"""The ground that a result implies when nobody names one."""


class Place(TypedDict):
    """A place that was searched. Who and when are whoever writes it, today, unless said."""

    source: str
    query: NotRequired[str]
    looked_on: NotRequired[date]
    looked_by: NotRequired[str]
    hits: NotRequired[int | None]


class Considered(TypedDict, total=False):
    """A device on the market that was looked at: which, what was checked and compared, and why it falls short."""

    device: str
    maker: str
    model: str
    risk_class: str
    udi_di: str
    stated_purpose: str
    shortfall: str
    certificate: str
    technical: str
    biological: str
    clinical: str
    performance: str
    life_cost: str
    is_device: bool | None
    is_ce_marked: bool | None
    maker_identified: bool | None
    is_labelled: bool | None
    has_udi: bool | None
    suits_use: bool | None
    storage_possible: bool | None
    lasts: bool | None


# --- who, and when


def is_over(product: Product) -> bool:
    """Whether nobody searches for it any more: it is not made, or out of use for good."""
    return product.is_ended or product.stage == Product.Stage.WITHDRAWN


def act(product: Product) -> Act:
    """What a search takes: part of the assessment until that is decided, then of the product's records."""
    return Act.ASSESS if product.stage == Product.Stage.PROPOSED else Act.KEEP


def _unlocked(product: Product, *, by: User) -> tuple[Product, Assessment]:
    """The product, locked, and its latest assessment, where a search may be begun or changed."""
    product = lifecycle.lock(product)
    access.require(by, act(product), product.scope)
    if is_over(product):
        raise ValidationError(_("The product has ended: it is “%(stage)s”.") % {"stage": product.get_stage_display()})
    assessment = product.assessments.latest("number")
    if product.stage == Product.Stage.PROPOSED and assessment.is_submitted:
        raise ValidationError(_("The assessment is submitted: take it back to change an answer."))
    return product, assessment


def _opened(search: MarketSearch, *, by: User) -> MarketSearch:
    """The draft as it is now, with its product locked."""
    product, _assessment = _unlocked(search.product, by=by)
    found = MarketSearch.objects.select_related("assessment").filter(pk=search.pk).first()
    if found is None:
        raise ValidationError(_("This search was given up meanwhile."))
    if found.is_concluded:
        raise ValidationError(_("This search is concluded and no longer changed. Begin a new one to correct it."))
    found.product = product
    return found


# --- the draft


@transaction.atomic
def begin(product: Product, *, by: User, correcting: bool = False) -> MarketSearch:
    """The search under way; if there is none, one is begun from the last.

    To renew it, the devices of the last search are carried over to be judged anew; its places are only suggested, as
    nobody has looked there yet (`suggested`). To correct it (`correcting`), everything is carried over as it was.
    """
    product, assessment = _unlocked(product, by=by)
    draft = product.market_searches.filter(concluded_on=None).select_related("assessment").first()
    with acting(by):
        if draft is None:
            last = product.market_searches.filter(concluded_on__isnull=False).last()
            draft = _started(product, assessment, by=by)
            if last is not None:
                _carry_over(read(last), draft, everything=correcting)
        elif draft.assessment_id != assessment.pk:  # begun before the product was rejected and proposed again
            draft.assessment = assessment
            draft.save(update_fields=["assessment"])
    draft.product = product
    return draft


def _started(product: Product, assessment: Assessment, *, by: User) -> MarketSearch:
    search = MarketSearch(product=product, assessment=assessment, done_by=by)
    search.validate_constraints()
    search.save()
    return search


def _carry_over(last: Found, into: MarketSearch, *, everything: bool) -> None:
    for candidate in last.candidates:
        candidate.pk, candidate.search = None, into
        candidate._state.adding, candidate.facts_kept = True, False
        if not everything:
            candidate.shortfall = ""
    Candidate.objects.bulk_create(last.candidates)
    if not everything:
        return
    names = ("source", "query", "looked_on", "looked_by", "hits")
    Lookup.objects.bulk_create(
        Lookup(search=into, **{name: getattr(place, name) for name in names}) for place in last.places
    )
    Ground.objects.bulk_create(Ground(search=into, kind=kind) for kind in last.kinds)
    MarketFile.objects.bulk_create(MarketFile(search=into, document=kept.document) for kept in last.files)
    for name in ("sources", "result", "justification"):
        setattr(into, name, getattr(last.search, name))
    into.save()


def suggested(places: Iterable[Lookup]) -> list[Place]:
    """The places of the last search, to be searched again: without day and hits, which only a new look gives."""
    return [{"source": place.source, "query": place.query} for place in places]


@transaction.atomic
def discard(search: MarketSearch, *, by: User) -> None:
    """Give up a search that is not concluded. What it held stays in the history."""
    search = _opened(search, by=by)
    with acting(by):
        search.delete()


@transaction.atomic
def look(search: MarketSearch, places: Sequence[Place], *, by: User, sources: str | None = None) -> None:
    """Say where was searched: these places instead of those named before. `sources` is what they do not say."""
    search = _opened(search, by=by)
    _look(search, places, by=by)
    if sources is not None and sources != search.sources:
        search.sources = sources
        with acting(by):
            search.save(update_fields=["sources"])


def _look(search: MarketSearch, places: Sequence[Place], *, by: User) -> None:
    if not places:
        raise ValidationError(_("Name at least one place that was searched."))
    today = clock.today()
    rows = [Lookup(**{"search": search, "looked_on": today, "looked_by": by.name, **place}) for place in places]
    for row in rows:
        row.full_clean(exclude=["search"])
        if row.looked_on > today:
            raise ValidationError(
                {"looked_on": _("%(place)s: the search cannot lie in the future.") % {"place": row.source}}
            )
    before = {_said(row): row for row in search.lookups.all()}
    now = {_said(row): row for row in rows}  # what is said twice is said once
    with acting(by):
        search.lookups.exclude(pk__in=[row.pk for said, row in before.items() if said in now]).delete()
        Lookup.objects.bulk_create(row for said, row in now.items() if said not in before)


def _said(row: Lookup) -> tuple[Any, ...]:
    return (row.source, row.query, row.looked_on, row.looked_by, row.hits)


@transaction.atomic
def consider(search: MarketSearch, *, by: User, candidate: Candidate | None = None, **said: Any) -> Candidate:
    """Add a device to those considered, or change what is said of it. `said` is as in `Considered`.

    The device itself is shared with all products; why it does not meet the need may be added later.
    """
    search = _opened(search, by=by)
    if candidate is not None:
        candidate = Candidate.objects.get(pk=candidate.pk, search=search)
    return _consider(search, candidate or Candidate(search=search), said, by=by)


def _consider(search: MarketSearch, candidate: Candidate, said: dict[str, Any], *, by: User) -> Candidate:
    for name in ("device", "maker", *WORDED):
        if name in said:
            setattr(candidate, name, said[name])
    candidate.device, candidate.maker = (" ".join(text.split()) for text in (candidate.device, candidate.maker))
    candidate.clean_fields(exclude=["search", "market_device", "shortfall"])
    facts = {name: said[name] for name in FACTS if name in said}
    with acting(by):
        shared = identify(
            name=candidate.device, maker=candidate.maker, model=said.get("model", _model(candidate)), **facts
        )
        if search.candidates.filter(market_device=shared).exclude(pk=candidate.pk).exists():
            raise ValidationError({"device": _("This device is already considered in the search.")})
        candidate.market_device = shared
        candidate.save()
    return candidate


def _model(candidate: Candidate) -> str:
    return candidate.market_device.model if candidate.market_device else ""


@transaction.atomic
def drop(candidate: Candidate, *, by: User) -> None:
    """Take a device out of a search that is not concluded."""
    search = _opened(candidate.search, by=by)
    with acting(by):
        search.candidates.filter(pk=candidate.pk).delete()


@transaction.atomic
def attach(search: MarketSearch, *, upload: File[Any], by: User, **facts: Any) -> MarketFile:
    """Keep a file with the search. `facts` are those of `documents.storing.add`."""
    search = _opened(search, by=by)
    papers.refuse_numbers(upload.name or "", **facts)
    facts["title"] = facts.get("title") or storing.safe_name(upload.name or "")
    document = storing.add(upload, by=by, **facts)
    with acting(by):
        return MarketFile.objects.create(search=search, document=document)


@transaction.atomic
def detach(kept: MarketFile, *, by: User) -> None:
    """Take a file out of a search that is not concluded. The document itself and its history stay."""
    search = _opened(kept.search, by=by)
    with acting(by):
        search.files.filter(pk=kept.pk).delete()


@transaction.atomic
def write(search: MarketSearch, *, result: str, grounds: Collection[str], justification: str, by: User) -> MarketSearch:
    """Keep a conclusion that is not drawn yet, as far as it is written."""
    return _write(_opened(search, by=by), result, grounds, justification, by=by)


def _write(search: MarketSearch, result: str, grounds: Collection[str], why: str, *, by: User) -> MarketSearch:
    search.result, search.justification = result, why
    if result:
        MarketSearch._meta.get_field("result").clean(result, search)
    with acting(by):
        search.save(update_fields=["result", "justification"])
        search.grounds.exclude(kind__in=grounds).delete()
        kept = set(search.grounds.values_list("kind", flat=True))
        for kind in Ground.Kind.values:
            if kind in grounds and kind not in kept:
                Ground.objects.create(search=search, kind=kind)
    return search


# --- the conclusion


def obstacles(found: Found) -> list[Obstacle]:
    """What stands in the way of concluding, beside what is written with the conclusion itself."""
    return [Obstacle(text, mend=mend) for text, mend in _standing(found)]


def _standing(found: Found) -> Iterable[tuple[str, str]]:
    search, need = found.search, found.search.assessment
    if not need.is_decided:  # afterwards the need is no longer changed
        if not (need.patient_group and need.special_need and need.performance_level):
            yield _("Describe the patient group, its special need and the performance first."), "assessment-need"
        first = min((place.looked_on for place in found.places), default=None)
        if need.need_on and first and first < need.need_on:
            days = {"first": date_format(first), "need": date_format(need.need_on)}
            yield (
                _(
                    "The market was searched on %(first)s, before the need was described on %(need)s. Search with the need in view, or correct the day."
                )
                % days,
                "market",
            )
    if not found.places:
        yield _("Name at least one place that was searched."), "market"
    if search.result == Result.NONE_FITS and not found.candidates:
        yield _("Name the devices that were considered and why each does not meet the need."), "market"
    unjudged = [str(candidate) for candidate in found.candidates if not candidate.shortfall.strip()]
    if unjudged and search.result != Result.EQUIVALENT:
        yield _("Say why these do not meet the need: %(devices)s.") % {"devices": "; ".join(unjudged)}, "market"


@transaction.atomic
def conclude(
    search: MarketSearch, *, result: str, grounds: Collection[str], justification: str, by: User
) -> MarketSearch:
    """Conclude the search; from then on it is the one that counts. Its day is the last on which someone looked.

    Raises ValidationError when the need is not written, or was after the first look; when no place is named; when a
    device is not judged, or none is named though some exist; and when cost is the only ground.
    """
    return _conclude(_opened(search, by=by), result, grounds, justification, by=by)


def _conclude(search: MarketSearch, result: str, grounds: Collection[str], why: str, *, by: User) -> MarketSearch:
    lifecycle.in_words(result=result, justification=why)
    search = _write(search, result, grounds, why, by=by)
    found = read(search)
    if standing := obstacles(found):
        raise Refused(standing)
    if rests_on_cost(result, grounds):
        row = law.requirements()["MDR55-n"]
        text = _(
            "Cost alone does not justify making it in-house. Name at least one ground that is clinical, or lies in performance, fit to the patient group or availability."
        )
        raise ValidationError({"grounds": str(Obstacle(text, [row]))})
    search.searched_on = max((place.looked_on for place in found.places), default=clock.today())
    search.concluded_on, search.done_by = clock.today(), by
    with acting(by):
        search.save()
        for candidate in found.candidates:
            if candidate.market_device:
                kept = {name: getattr(candidate.market_device, name) for name in Candidate.FACTS}
                Candidate.objects.filter(pk=candidate.pk).update(facts_kept=True, **kept)
    return search


@transaction.atomic
def record(
    product: Product,
    *,
    result: str,
    justification: str,
    by: User,
    searched_on: date | None = None,
    sources: str = "",
    lookups: Sequence[Place] = (),
    candidates: Sequence[Considered] = (),
    grounds: Collection[str] | None = None,
) -> MarketSearch:
    """Begin and conclude a search in one act. Without `lookups` there is one place, called `sources`, on `searched_on`."""
    product, assessment = _unlocked(product, by=by)
    with acting(by):
        search = _started(product, assessment, by=by)
    if not lookups:
        lookups, sources = [{"source": sources, "looked_on": searched_on or clock.today()}], ""
    search.sources = sources
    _look(search, lookups, by=by)
    for considered in candidates:
        _consider(search, Candidate(search=search), dict(considered), by=by)
    return _conclude(search, result, USUAL.get(result, []) if grounds is None else grounds, justification, by=by)


def due_on(d: Dossier) -> date | None:
    """When the search is to be renewed: by the interval of the class, counted from the day of the one that counts."""
    if d.search is None or d.search.searched_on is None or d.working is None:
        return None
    return add_months(d.search.searched_on, months(d.working.risk_class))
