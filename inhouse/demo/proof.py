"""Whether the demo shows what it promises. Looked at before anything is kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.apps import apps
from django.db.models import Count, Exists, F, OuterRef, Q

from inhouse import law
from inhouse.models import (
    Answer,
    Assessment,
    CategoryFacts,
    Classification,
    Declaration,
    Ground,
    MarketDevice,
    MarketSearch,
    OtherRoute,
)
from organisation.models import Administration, Role, Unit, User
from products.models import Product, Revision

NOT_YET = {Product.Stage.DISPOSED}
"""No file is old enough: the rules apply since 2021, and ten years are not over."""


def faults(*, now: datetime) -> Iterator[str]:
    """What is wrong with the demo; nothing, when it holds."""
    yield from _absent("Products in the stage", Product.Stage.values, Product.objects.values_list("stage", flat=True))
    yield from _absent("Outcomes", Product.Outcome.values, Product.objects.values_list("outcome", flat=True))
    yield from _absent(
        "Revisions in the stage", Revision.Stage.values, Revision.objects.values_list("stage", flat=True)
    )
    yield from _absent("Roles", Role.values, User.objects.values_list("assignments__role", flat=True))
    yield from _absent(
        "Scope categories",
        [question.id for question in law.trees()["scope_categories"].questions],
        Answer.objects.filter(tree="scope_categories", value="yes").values_list("question", flat=True),
    )
    yield from _absent(
        "Facts of the scope category",
        [question.id for question in law.trees()["scope_categories"].questions],
        CategoryFacts.objects.values_list("category", flat=True),
    )
    yield from _absent("Grounds", Ground.Kind.values, Ground.objects.values_list("kind", flat=True))
    yield from _assessed()
    counted = Administration.objects.count(), Unit.objects.count(), User.objects.count()
    if counted != (4, 20, 14):
        yield f"Administrations, units and people are {counted}."
    yield from _undeclared()
    yield from _history(now)


def _absent(what: str, wanted: list[str], found: object) -> Iterator[str]:
    missing = set(wanted) - set(found) - NOT_YET  # type: ignore[call-overload]
    if missing:
        yield f"{what} do not occur: {', '.join(sorted(missing))}."


def _assessed() -> Iterator[str]:
    """What an assessment can show, and the order of its days."""
    walks, open_ones = Classification.objects.all(), Assessment.objects.filter(decision="")
    shown = {
        "submitted and not decided": open_ones.filter(submitted_on__isnull=False),
        "taken back": Assessment.history.filter(submitted_on=None, history_change_reason__gt=""),  # type: ignore[attr-defined]
        "with Annex XIII facts": OtherRoute.objects.exclude(prescriber=""),
        "with the facts of an investigation": OtherRoute.objects.exclude(study=""),
        "with a market search under way": MarketSearch.objects.filter(concluded_on=None),
        "with a market device that is judged for several products": MarketDevice.objects.annotate(
            products=Count("candidates__search__product", distinct=True)
        ).filter(products__gt=1),
        "classified by an expert": walks.filter(reopened_on=None).exclude(override_class=""),
        "classified with the device it drives": walks.filter(drives=True),
        "re-opened by someone": walks.filter(reopened_on__isnull=False, rules_class__gt="").exclude(
            rules_class=F("revision__risk_class")
        ),
    }
    for what, rows in shown.items():
        if not rows.exists():
            yield f"No proposal is {what}."
    searched = MarketSearch.objects.filter(assessment__decided_on__gte=F("concluded_on"))
    out_of_order = Assessment.objects.filter(
        Q(weighed_on__gt=F("submitted_on"))
        | Q(submitted_on__gt=F("decided_on"))
        | Exists(searched.filter(assessment=OuterRef("pk"), searched_on__lt=OuterRef("need_on")))
        | Exists(searched.filter(assessment=OuterRef("pk"), concluded_on__gt=OuterRef("weighed_on")))
    )
    for assessment in out_of_order.select_related("product"):
        yield f"The days of the assessment of {assessment.product} are out of order."
    made = Product.objects.exclude(stage__in=(Product.Stage.PROPOSED, Product.Stage.REJECTED))
    for product in made.exclude(assessments__submitted_on__isnull=False):
        yield f"{product} may be made, and its assessment was never submitted."
    covering = Revision.objects.filter(stage__in=(Revision.Stage.DECLARED, *Revision.Stage.covering))
    for revision in covering.exclude(
        Exists(walks.filter(revision=OuterRef("pk"), reopened_on=None, finished_on__isnull=False))
    ):
        yield f"{revision} is declared without a class."


def _undeclared() -> Iterator[str]:
    """No product in use without a signed declaration that stands, for each revision whose items may be in use."""
    used = Product.objects.filter(stage__in=(Product.Stage.IN_USE, Product.Stage.SUSPENDED))
    standing = Declaration.objects.standing().filter(revision=OuterRef("pk"))
    covering = Revision.objects.covering().filter(product__in=used)
    for revision in covering.filter(~Exists(standing)).select_related("product"):
        yield f"{revision} is in use without a standing declaration."
    for product in used.filter(~Exists(covering.filter(product=OuterRef("pk"), stage=Revision.Stage.IN_FORCE))):
        yield f"{product} is in use without a revision in force."


def _history(now: datetime) -> Iterator[str]:
    """Everything has someone who did it, or a reason, and lies in the past."""
    for model in apps.get_models():
        if not model.__name__.startswith("Historical"):
            continue
        rows = model._default_manager
        if rows.filter(history_date__gt=now).exists():
            yield f"{model.__name__} has rows of days to come."
        if rows.filter(history_user_id=None, history_change_reason__isnull=True).exists():
            yield f"{model.__name__} has rows that nobody wrote."
