"""The market search, and when it must be renewed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TypedDict

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from inhouse import lifecycle
from inhouse.dossier import Dossier
from inhouse.intervals import add_months, months
from inhouse.models import Candidate, MarketDevice, MarketSearch
from organisation import access, clock
from organisation.access import Act
from organisation.history import acting
from organisation.models import User
from products.models import Product


class Considered(TypedDict):
    """A device on the market that was looked at."""

    device: str
    maker: str
    shortfall: str


def is_over(product: Product) -> bool:
    """Whether nobody searches for it any more: it is not made, or out of use for good."""
    return product.is_ended or product.stage == Product.Stage.WITHDRAWN


def act(product: Product) -> Act:
    """What recording a search takes: part of the assessment until that is decided, then of the product's records."""
    return Act.ASSESS if product.stage == Product.Stage.PROPOSED else Act.KEEP


@transaction.atomic
def record(
    product: Product,
    *,
    searched_on: date,
    sources: str,
    result: str,
    justification: str,
    candidates: Sequence[Considered],
    by: User,
) -> MarketSearch:
    """Record a search with the devices considered; from then on it is the one that counts, whatever its day.

    Raises ValidationError for a day to come, devices left out, or a product that has ended."""
    product = lifecycle.lock(product)
    access.require(by, act(product), product.scope)
    if is_over(product):
        raise ValidationError(_("The product has ended: it is “%(stage)s”.") % {"stage": product.get_stage_display()})
    if searched_on > clock.today():
        raise ValidationError({"searched_on": _("The search cannot lie in the future.")})
    if result == MarketSearch.Result.NONE_FITS and not candidates:
        raise ValidationError(_("Name the devices that were considered and why each does not meet the need."))
    with acting(by):
        search = MarketSearch(
            product=product,
            assessment=product.assessments.latest("number"),
            searched_on=searched_on,
            sources=sources,
            result=result,
            justification=justification,
            done_by=by,
            started_on=searched_on,
            concluded_on=clock.today(),
        )
        search.full_clean()
        search.save()
        for considered in candidates:
            known, _new = MarketDevice.objects.get_or_create(
                name__iexact=considered["device"], maker__iexact=considered["maker"], model="",
                defaults={"name": considered["device"], "maker": considered["maker"]},
            )  # fmt: skip
            Candidate.objects.create(search=search, market_device=known, **considered)
    return search


def due_on(d: Dossier) -> date | None:
    """When the search is to be renewed: by the interval of the class, counted from the day of the one that counts."""
    if d.search is None or d.working is None:
        return None
    return add_months(d.search.searched_on, months(d.working.risk_class))
