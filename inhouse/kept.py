"""The products out of use, each with how long its file is kept: for the page that lists them, in a few questions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import models
from django.db.models import Count, Exists, IntegerField, Max, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, Greatest
from django.utils.translation import gettext_lazy as _

from inhouse import retention
from inhouse.models import Disposal, FollowUpAction, Hold, Keeping
from products.models import Item, Product, Revision

Stage = Product.Stage


class State(models.TextChoices):
    UNCOUNTED = "uncounted", _("items without a fate")
    EARLY = "early", _("day not reached")
    REACHED = "reached", _("day reached")
    HELD = "held", _("held")
    DISPOSED = "disposed", _("disposed of")


@dataclass
class Row:
    """One product, as the list shows it."""

    product: Product
    state: State
    floor: date | None
    years: int
    holds: int
    matters: int
    disposal: Disposal | None


def products() -> QuerySet[Any]:
    """Products out of use with the day they are counted from (`last`), the years, and what holds them."""
    chosen = Keeping.objects.filter(product=OuterRef("pk")).order_by("-pk").values("years")[:1]
    fates = Item.objects.filter(product=OuterRef("pk")).order_by().values("product")
    actions = FollowUpAction.objects.filter(follow_up__product=OuterRef("pk"), done_on=None).order_by()
    standing = Hold.objects.standing().filter(product=OuterRef("pk")).order_by()

    def counted(rows: QuerySet[Any], by: str) -> Coalesce:
        per_product = rows.values(by).annotate(count=Count("pk")).values("count")
        return Coalesce(Subquery(per_product, output_field=IntegerField()), 0)

    implants = Revision.objects.filter(product=OuterRef("pk"), is_implantable=True)
    last_fate = Subquery(fates.annotate(last=Max("fate_on")).values("last"))
    return Product.objects.filter(stage__in=(Stage.WITHDRAWN, Stage.DISPOSED)).annotate(
        living=Exists(Item.objects.living().filter(product=OuterRef("pk"))),
        implant=Exists(implants),
        last=Greatest("withdrawal__on", Coalesce(last_fate, "withdrawal__on")),
        chosen=Coalesce(Subquery(chosen), Value(0)),
        holding=counted(standing, "product"),
        matters=counted(actions, "follow_up__product"),
    )


def years(row: Any) -> int:
    least = retention.IMPLANT_YEARS if row.implant else retention.YEARS
    chosen: int = row.chosen
    return max(least, chosen)


def narrow(found: QuerySet[Any], state: str, *, on: date) -> QuerySet[Any]:
    """Those in that state on the day."""
    if not state:
        return found
    if state == State.DISPOSED:
        return found.filter(stage=Stage.DISPOSED)
    found = found.filter(stage=Stage.WITHDRAWN)
    if state == State.HELD:
        return found.filter(Q(holding__gt=0) | Q(matters__gt=0))
    found = found.filter(holding=0, matters=0)
    if state == State.UNCOUNTED:
        return found.filter(living=True)
    found = found.filter(living=False)
    return found.filter(_reached(on)) if state == State.REACHED else found.exclude(_reached(on))


def _reached(on: date) -> Q:
    """The last item left use so many years before that day, or earlier; by the years that each file is kept."""
    chosen = set(Keeping.objects.order_by().values_list("years", flat=True).distinct())
    reached = Q(pk__in=[])
    for implant, least in ((True, retention.IMPLANT_YEARS), (False, retention.YEARS)):
        short = sorted(count for count in chosen if count <= least)
        reached |= Q(implant=implant, chosen__in=[0, *short], last__lte=_before(on, least))
        for count in chosen - set(short):
            reached |= Q(implant=implant, chosen=count, last__lte=_before(on, count))
    return reached


def _before(day: date, count: int) -> date:
    """The latest day from which so many years have passed."""
    try:
        return day.replace(year=day.year - count)
    except ValueError:
        return date(day.year - count, 2, 28)


def rows(page: Iterable[Any], *, on: date) -> list[Row]:
    """What the list shows of each, with the disposal that is proposed or done."""
    found = list(page)
    disposals = Disposal.objects.exclude(end=Disposal.End.CANCELLED).filter(product__in=found).defer("manifest")
    known = {each.product_id: each for each in disposals}
    return [_row(product, known.get(product.pk), on) for product in found]


def _row(product: Any, disposal: Disposal | None, on: date) -> Row:
    floor = None if product.living else retention.add_years(product.last, years(product))
    if product.stage == Stage.DISPOSED:
        state = State.DISPOSED
    elif product.holding or product.matters:
        state = State.HELD
    elif floor is None:
        state = State.UNCOUNTED
    else:
        state = State.REACHED if floor <= on else State.EARLY
    return Row(product, state, floor, years(product), product.holding, product.matters, disposal)
