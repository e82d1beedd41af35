"""What a market search holds, and how it differs from the one before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet
from django.utils.text import capfirst

from inhouse.dossier import Dossier
from inhouse.models import Candidate, Ground, Lookup, MarketFile, MarketSearch

WORDED = (*Candidate.CHECKS, "certificate", *Candidate.COMPARISONS, "life_cost", "shortfall")
"""What is said of a candidate, beside which device it is."""


@dataclass
class Found:
    """A search with everything that belongs to it."""

    search: MarketSearch
    places: list[Lookup] = field(default_factory=list)
    candidates: list[Candidate] = field(default_factory=list)
    grounds: list[Ground] = field(default_factory=list)
    files: list[MarketFile] = field(default_factory=list)

    @property
    def kinds(self) -> list[str]:
        """The grounds, in the order they are offered."""
        named = {ground.kind for ground in self.grounds}
        return [kind for kind in Ground.Kind.values if kind in named]

    @property
    def ground_labels(self) -> list[Any]:
        return [Ground.Kind(kind).label for kind in self.kinds]


KINDS: dict[str, QuerySet[Any]] = {
    "places": Lookup.objects.all(),
    "candidates": Candidate.objects.select_related("market_device"),
    "grounds": Ground.objects.all(),
    "files": MarketFile.objects.select_related("document__file", "document__uploaded_by"),
}


def read(search: MarketSearch, *kinds: str) -> Found:
    """A search as the database has it; of what belongs to it only these kinds, if any are named."""
    return read_all([search], *kinds)[0]


def read_all(searches: Sequence[MarketSearch], *kinds: str) -> list[Found]:
    """Several searches, with one query per kind of row."""
    found = {search.pk: Found(search) for search in searches}
    for kind in kinds or KINDS if found else ():
        for row in KINDS[kind].filter(search__in=found):
            getattr(found[row.search_id], kind).append(row)
    return [found[search.pk] for search in searches]


def held(d: Dossier, search: MarketSearch) -> Found:
    """A search as a dossier holds it."""
    return Found(search, d.looked(search), d.considered(search), d.grounds_of(search), d.files_of(search))


def rests_on_cost(result: str, grounds: Iterable[str]) -> bool:
    """Whether nothing but cost, or nothing at all, speaks for making it in-house (MDR55-n)."""
    return result != MarketSearch.Result.EQUIVALENT and not set(grounds) - {Ground.Kind.COST.value}


@dataclass
class Difference:
    """What is new, gone and otherwise in a search, held against the one before."""

    before: MarketSearch
    places_new: list[Lookup] = field(default_factory=list)
    places_gone: list[Lookup] = field(default_factory=list)
    places_changed: list[tuple[Lookup, Lookup]] = field(default_factory=list)
    devices_new: list[Candidate] = field(default_factory=list)
    devices_gone: list[Candidate] = field(default_factory=list)
    devices_changed: list[tuple[Candidate, list[str]]] = field(default_factory=list)
    grounds_new: list[Any] = field(default_factory=list)
    grounds_gone: list[Any] = field(default_factory=list)
    result: tuple[str, str] | None = None

    @property
    def is_none(self) -> bool:
        return not any(value for name, value in vars(self).items() if name != "before")


def difference(now: Found, before: Found) -> Difference:
    """What changed from one search to the next. Days are left out: each search has its own."""
    places, places_before = ({_place(x): x for x in found.places} for found in (now, before))
    devices, devices_before = ({_device(c): c for c in found.candidates} for found in (now, before))
    told = Difference(before.search)
    told.places_new = [x for key, x in places.items() if key not in places_before]
    told.places_gone = [x for key, x in places_before.items() if key not in places]
    for key in places.keys() & places_before.keys():
        if places[key].hits != places_before[key].hits:
            told.places_changed.append((places[key], places_before[key]))
    told.devices_new = [c for key, c in devices.items() if key not in devices_before]
    told.devices_gone = [c for key, c in devices_before.items() if key not in devices]
    for key, candidate in devices.items():
        if key in devices_before and (fields := _otherwise(candidate, devices_before[key])):
            told.devices_changed.append((candidate, fields))
    told.grounds_new = [Ground.Kind(kind).label for kind in now.kinds if kind not in before.kinds]
    told.grounds_gone = [Ground.Kind(kind).label for kind in before.kinds if kind not in now.kinds]
    if now.search.result and now.search.result != before.search.result:
        told.result = (before.search.get_result_display(), now.search.get_result_display())
    told.places_changed.sort(key=lambda pair: (pair[0].looked_on, pair[0].pk))
    return told


def _place(lookup: Lookup) -> tuple[str, str]:
    return (lookup.source.strip().casefold(), lookup.query.strip().casefold())


def _device(candidate: Candidate) -> Any:
    """What makes two candidates the same device; those of the short form may not be linked to a shared one."""
    return candidate.market_device_id or (candidate.device.strip().casefold(), candidate.maker.strip().casefold())


def _otherwise(now: Candidate, before: Candidate) -> list[str]:
    """The names of what is said differently of a device."""
    columns = {column.name: column for column in Candidate._meta.concrete_fields}
    return [str(capfirst(columns[name].verbose_name)) for name in WORDED if getattr(now, name) != getattr(before, name)]
