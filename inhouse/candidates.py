"""Devices on the market, shared by the whole institution: judged for one product, each is offered for the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from inhouse.models import Candidate, MarketDevice
from products.models import Product

FACTS = ("risk_class", "udi_di", "stated_purpose")
"""What a device is, beside its name: the same for whoever judges it."""
OF_THE_DEVICE = ("is_device", "is_ce_marked", "maker_identified", "is_labelled", "has_udi", "certificate")
"""What was checked of a device itself; whether it suits, can be stored and lasts depends on who needs it."""
MOST, FEWEST_SIGNS = 8, 2


def identify(*, name: str, maker: str, model: str = "", **facts: Any) -> MarketDevice:
    """The shared device of this name, maker and model, made known if it is not; facts that are given replace its own."""
    said = {"name": _tidy(name), "maker": _tidy(maker), "model": _tidy(model)}
    given = {key: value for key, value in facts.items() if value}
    MarketDevice(**said, **given).clean_fields()
    device, new = MarketDevice.objects.get_or_create(
        name__iexact=said["name"], maker__iexact=said["maker"], model__iexact=said["model"], defaults=said | given
    )
    changed = [key for key, value in given.items() if getattr(device, key) != value]
    if changed and not new:
        for key in changed:
            setattr(device, key, given[key])
        device.save(update_fields=changed)
    return device


def _tidy(text: str) -> str:
    return " ".join(text.split())


@dataclass
class Known:
    """A device that the institution knows, with the last judgement of it for another product, if there is one."""

    device: MarketDevice
    judged: Candidate | None = None


def known(text: str, product: Product) -> list[Known]:
    """Devices whose name, maker or model holds these words, at most eight, those judged elsewhere first.

    Devices that the product's search under way already considers are left out. Anyone on staff may read them.
    """
    words = text.split()
    if len("".join(words)) < FEWEST_SIGNS:
        return []
    found = MarketDevice.objects.exclude(
        candidates__in=Candidate.objects.filter(search__product=product, search__concluded_on=None)
    )
    for word in words:
        found = found.filter(Q(name__icontains=word) | Q(maker__icontains=word) | Q(model__icontains=word))
    devices = list(found[: 4 * MOST])
    last = judgements(devices, product)
    told = [Known(device, last.get(device.pk)) for device in devices]
    return sorted(told, key=lambda each: each.judged is None)[:MOST]


def judgements(devices: list[MarketDevice], product: Product) -> dict[int, Candidate]:
    """The last judgement of each device in a concluded search for another product."""
    rows = (
        Candidate.objects.filter(market_device__in=devices, search__concluded_on__isnull=False)
        .exclude(search__product=product)
        .select_related("search__product")
        .order_by("search__concluded_on", "search__pk", "pk")
    )
    return {row.market_device_id: row for row in rows if row.market_device_id}
