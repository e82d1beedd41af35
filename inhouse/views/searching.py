"""What the pages of a market search share: in the guided assessment, and for a product that is made."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from django.contrib import messages
from django.db.models import OuterRef, Subquery
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from inhouse import guide, lifecycle
from inhouse import market as rules
from inhouse import searches as contents
from inhouse.guide import Course
from inhouse.models import Assessment, MarketSearch
from inhouse.views import guided, pages
from organisation import access, history
from organisation.doors import Request
from products.models import Product

DEMANDS = ("MDR55-c", "MDR55-n")
ORDER = ("market-places", "market-candidates", "market-conclusion")
SHOWN = dict(zip(ORDER, (("places",), ("candidates",), ("grounds", "files")), strict=True))
"""What a concluded search shows on each of its pages."""


@dataclass
class Work:
    """A search that this person is at: in the guided frame while the proposal is open, else among the product's pages."""

    product: Product
    course: Course | None
    draft: MarketSearch | None
    last: MarketSearch | None
    """The concluded search that counts."""
    away: bool = False

    @property
    def settled(self) -> MarketSearch | None:
        """The search that the proposal rests on already: it is shown, and corrected by a new one."""
        own = self.course is not None and "conclusion" in self.course.searched
        return self.last if own and self.draft is None else None

    def begin(self, request: Request) -> MarketSearch:
        return self.draft or rules.begin(self.product, by=request.user)


def _of(product: Product, assessment: Assessment | None = None) -> tuple[MarketSearch | None, MarketSearch | None]:
    """The search under way (of that assessment), and the one that counts. Each knows the newest row of its history, for a form about it."""
    newest = history.of(MarketSearch).filter(id=OuterRef("pk")).order_by("-history_id").values("history_id")[:1]
    found = list(
        MarketSearch.objects.filter(product=product)
        .select_related("assessment", "done_by")
        .annotate(history_id=Subquery(newest))
    )
    for search in found:
        search.product = product
        if assessment and search.assessment_id == assessment.pk:
            search.assessment = assessment
    own = [search for search in found if assessment is None or search.assessment_id == assessment.pk]
    draft = next((search for search in own if not search.is_concluded), None)
    return draft, next((search for search in reversed(found) if search.is_concluded), None)


def work(request: Request, product: Product) -> Work:
    """What there is to work on. When something was sent, the product is locked, and whoever may not is refused.

    `away`: there is nothing to fill in here, for this person or at this time.
    """
    posted = request.method == "POST"
    if posted:
        access.require(request.user, rules.act(product), product.scope)
    if product.stage == Product.Stage.PROPOSED:
        course = guided.locked(request, product)
        draft, last = _of(product, course.assessment)
        return Work(product, course, draft, last, away=not guided.is_open(course, request.user))
    if posted:
        lifecycle.lock(product)
    draft, last = _of(product)
    may = access.may(request.user, rules.act(product), product.scope) and not rules.is_over(product)
    return Work(product, None, draft, last, away=draft is None or not may)


def settled(request: Request, work: Work, name: str, **context: Any) -> HttpResponse:
    """A page of a search that is concluded, within the proposal: what was written, to be corrected by a new search."""
    if request.method == "POST":
        messages.error(request, _("The search is concluded. Correct it to change it."), extra_tags="danger")
        return redirect(f"inhouse:{name}", work.product.pk)
    assert work.settled is not None
    found = contents.read(work.settled, *SHOWN[name])
    assert work.course is not None
    stops = guide.way(work.course)
    here = guide.position(stops, name)
    after = stops[here + 1] if here is not None and here + 1 < len(stops) else None
    forward = after.address(work.product) if after else reverse("inhouse:assessment", args=[work.product.pk])
    return show(request, work, name, "market/settled.html", found=found, part=name, forward=forward, **context)


def show(request: Request, work: Work, name: str, template: str, **context: Any) -> HttpResponse:
    """A page of the search in the frame it is worked on in."""
    context.setdefault("errors", [])
    if work.course is not None:
        return guided.show(
            request, work.product, work.course, name, template, sources=guided.rests_on(*DEMANDS), guided=True,
            frame="inhouse/guide/frame.html", work=work, **context,
        )  # fmt: skip
    context["refused"] = any(form.errors for form in context["errors"])
    return pages.show(
        request, work.product, f"inhouse/{template}", guided=False, frame="inhouse/product.html", work=work, **context
    )  # fmt: skip


def onward(request: Request, work: Work, name: str) -> HttpResponse:
    """After saving: the next page of the search, or of the way."""
    if work.course is not None:
        if name == "market-places" and "leave" not in request.POST and "candidates" not in work.course.searched:
            return redirect("inhouse:market-candidate", work.product.pk, "new")
        return guided.onward(request, work.product, name)
    if "leave" in request.POST:
        messages.success(request, _("Saved. You can go on whenever you like."))
        return redirect("inhouse:market", work.product.pk)
    following = dict(pairwise(ORDER))
    return redirect(f"inhouse:{following.get(name, 'market')}", work.product.pk)


def elsewhere(work: Work) -> HttpResponse:
    """For whoever has nothing to fill in here: the searches as they are."""
    return redirect("inhouse:market", work.product.pk)
