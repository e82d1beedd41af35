"""The list of products, the page of one, and finding things."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from inhouse import followup, guide, law, lifecycle, market, retention
from inhouse.deadlines import lists
from inhouse.dossier import Dossier, dossier
from inhouse.matrix import matrix
from inhouse.models import Declaration
from inhouse.obstacles import Obstacle, told
from inhouse.views import pages
from organisation import access, clock
from organisation.access import Act
from organisation.alphabet import by
from organisation.doors import Request, door
from organisation.forms import Form
from organisation.models import Administration, User
from products.models import Item, Product, Revision

PER_PAGE = 25
DUE = 5  # deadlines beside a product
FOUND = 50  # of each kind, by a search
FORWARD = (Product.Stage.ELIGIBLE, Product.Stage.DEVELOPMENT, Product.Stage.IN_USE)
"""The steps whose obstacles are work to do; the way out is always open and asks for its reason on its own page."""
HEADED = ("", "product", "decision", "suspension")
"""Pages that the head of the overview leads to by a button of their own."""
MENDED_BY = {
    "owner": Act.DECIDE,
    "declaration": Act.REGISTER,
    "laboratory": Act.QUALITY,
}
"""Who does what is missing on a page; on all others whoever keeps the records."""


class FilterForm(Form):
    """What the list of products can be narrowed by; every field may be left out."""

    q = forms.CharField(label=_("Name or number"), required=False)
    stage = forms.ChoiceField(label=_("Stage"), required=False)
    administration = forms.ModelChoiceField(
        Administration.objects.order_by(by("name")), label=_("Administration"), required=False, empty_label=_("all")
    )
    category = forms.ChoiceField(label=_("Scope category"), required=False)
    risk_class = forms.ChoiceField(label=_("Risk class"), required=False)
    mine = forms.BooleanField(label=_("Only mine"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        anything: list[tuple[str, Any]] = [("", _("all"))]
        self.fields["stage"].choices = anything + list(Product.Stage.choices)  # type: ignore[attr-defined]
        self.fields["risk_class"].choices = anything + list(Revision.RiskClass.choices)  # type: ignore[attr-defined]
        categories = law.trees()["scope_categories"].questions
        self.fields["category"].choices = anything + [(question.id, question.text) for question in categories]  # type: ignore[attr-defined]

    def narrow(self, products: QuerySet[Product], request: Request) -> QuerySet[Product]:
        wanted = self.cleaned_data
        if wanted["q"]:
            products = products.filter(Q(name__icontains=wanted["q"]) | Q(number__icontains=wanted["q"]))
        if wanted["stage"]:
            products = products.filter(stage=wanted["stage"])
        if wanted["administration"]:
            products = products.filter(unit__administration=wanted["administration"])
        if wanted["category"]:
            products = products.filter(
                assessments__answers__tree="scope_categories",
                assessments__answers__question=wanted["category"],
                assessments__answers__value="yes",
            ).distinct()
        if wanted["risk_class"]:
            products = products.filter(revisions__risk_class=wanted["risk_class"]).distinct()
        if wanted["mine"]:
            products = products.filter(Q(owner=request.user) | Q(proposed_by=request.user))
        return products


@door(Act.WORK)
def products(request: Request) -> HttpResponse:
    """All products, narrowed by what stands in the address."""
    form = FilterForm(request.GET)
    found: QuerySet[Product] = Product.objects.select_related("unit__administration", "owner")
    if form.is_valid():
        found = form.narrow(found, request)
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    template = "inhouse/products/_rows.html" if request.htmx else "inhouse/products/list.html"
    query = request.GET.copy()
    query.pop("page", None)
    return render(request, template, {"form": form, "page": page, "query": query.urlencode()})


class TimeForm(Form):
    """Which of the two times: true on a day, or known on a day."""

    asked_for = ("time",)
    day = forms.DateField(label=_("As of"))
    time = forms.ChoiceField(
        label=_("What to show"),
        choices=[("on", _("what was true that day")), ("known", _("what the register knew then"))],
        required=False,
        initial="on",
    )


@door(Act.WORK, pages.kept)
def product(request: Request, product: Product) -> HttpResponse:
    """One product: its life, what stands in the way, the conditions of Article 5(5); today or as of any day."""
    form = TimeForm(request.GET if "day" in request.GET else None)
    on, known = None, None
    if form.is_bound and form.is_valid():
        day: date = form.cleaned_data["day"]
        if form.cleaned_data["time"] == "known":
            known = timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))
        else:
            on = day
    d = dossier(product, on=on, known=known)
    if d is None:
        return pages.show(request, product, "inhouse/products/before.html", form=form)
    steps = [
        step for step in lifecycle.steps(d, by=request.user) if step.to != Product.Stage.DISPOSED
    ]  # on the page of retention, by two people
    then = on or (form.cleaned_data["day"] if known else None)
    watch, signing, stops = _watch(d, steps), _signing(d), rail(d)
    ahead = [(step, _before(step.obstacles, signing)) for step in steps if step.to in FORWARD]
    return pages.show(
        request,
        product if d.known is None and on is None else d.product,
        "inhouse/products/page.html",
        d=d,
        form=form,
        then=then,
        knew=known is not None,
        rail=stops,
        rail_at=rail_at(stops),
        steps=steps,
        ahead=ahead,
        watch=watch,
        signing=signing,
        onward=None
        if then
        else _onward(request, d, signing, [*watch, *(signing or []), *(o for _step, before in ahead for o in before)]),
        matrix=matrix(d),
        regulation=(d.in_force or d.working or d.revisions[-1]).regulation,
        coming_up=coming_up(d) if then else [],
        due=[] if then else [lists.Line(row, clock.today()) for row in lists.of_product(product, DUE)],
        floor=retention.floor(d),
        reads=access.may(request.user, Act.READ_CONFIDENTIAL, product.scope),
    )


def _watch(d: Dossier, steps: list[lifecycle.Next]) -> list[Obstacle]:
    """What must be put right while it is used or after; of a pause, all that stands between it and use, each once."""
    watch = lifecycle.watch(d)
    if d.product.stage == Product.Stage.SUSPENDED:
        watch = [o for step in steps if step.to == Product.Stage.IN_USE for o in step.obstacles] + watch
    return told({str(obstacle.text): obstacle for obstacle in watch}.values())


def _before(obstacles: list[Obstacle], signing: list[Obstacle] | None) -> list[Obstacle]:
    """What stands before a step; before use without what the declaration waits for, and what follows from signing it."""
    if signing is None:
        return told(obstacles)
    listed = {each.text for each in signing}
    return told(each for each in obstacles if each.mend != "declaration" and each.text not in listed)


def _onward(
    request: Request, d: Dossier, signing: list[Obstacle] | None, standing: list[Obstacle]
) -> tuple[Any, str] | None:
    """The next thing this person can do for the product: its words and where; None when it is another's turn."""
    product, user = d.product, request.user
    if d.asked and d.asked.person_id == user.pk:
        return _("Answer the request to be product owner"), reverse("inhouse:owner", args=[product.pk])
    if signing == [] and access.may(user, Act.SIGN, product.scope):
        return _("Read and sign the declaration"), reverse("inhouse:declaration-sign", args=[product.pk])
    if product.stage == Product.Stage.PROPOSED:
        return _assessing(d, user)
    labels = {subject["name"]: subject["label"] for subject in pages.subjects(d, "")}
    for obstacle in standing:
        page = obstacle.mend
        if page in HEADED or not access.may(user, MENDED_BY.get(page, Act.KEEP), product.scope):
            continue
        label = labels.get(pages.BELOW.get(page, page))
        if label:
            return gettext("Next: %(page)s") % {"page": label}, reverse(f"inhouse:{page}", args=[product.pk])
    return None


def _assessing(d: Dossier, user: User) -> tuple[Any, str] | None:
    """Of a proposal: the next page of the way, its summary at the end, and then the decision."""
    product, course = d.product, guide.of(d)
    if course.assessment.is_submitted:
        address = reverse("inhouse:decision", args=[product.pk])
        return (_("Decide whether it is made"), address) if access.may(user, Act.DECIDE, product.scope) else None
    if not access.may(user, Act.ASSESS, product.scope):
        return None
    todo = next((stop for stop in guide.way(course) if not stop.done), None)
    if todo:
        return _("Go on with the assessment"), todo.address(product)
    return _("Check the answers, and submit the assessment"), reverse("inhouse:assessment", args=[product.pk])


def _signing(d: Dossier) -> list[Obstacle] | None:
    """What stands between an open revision and its declaration; None when there is nothing to sign."""
    if d.coming is None or d.coming.stage != Revision.Stage.OPEN or d.product.stage not in lifecycle.WORKED_ON:
        return None
    return [o for o in told(lifecycle.obstacles(d, d.coming, Revision.Stage.DECLARED)) if o.stops]


def rail(d: Dossier) -> list[dict[str, Any]]:
    """The life of product and revision as one story: what is done, where it is, what lies ahead."""
    stage = d.product.stage
    owner = next((a.accepted_on for a in d.appointments if a.accepted_on), None)
    signed = d.declarations[0].signed_on if d.declarations else None
    days: list[tuple[Any, date | None]] = [
        (_("Proposed"), d.product.proposed_on),
        (_("Eligible"), d.reached("eligible")),
        (_("Owner"), owner),
        (_("Development"), d.reached("development")),
        (_("Declared"), signed),
        (_("In use"), d.reached("in_use")),
        (_("Out of use"), d.reached("withdrawn")),
        (_("Kept until"), d.reached("disposed")),
    ]
    if stage in ("rejected", "abandoned"):
        days = [(label, day) for label, day in days if day] + [
            (d.product.get_stage_display().capitalize(), d.reached(stage))
        ]
    reached = max((index for index, (_label, day) in enumerate(days) if day), default=0)
    floor = retention.floor(d)
    stops = []
    for index, (label, day) in enumerate(days):
        state = "now" if index == reached else "done" if day or index < reached else ""
        if label == _("Kept until") and stage == "disposed":
            label = d.product.get_stage_display().capitalize()
        elif label == _("Kept until") and floor:
            day = floor
        if index == reached and stage == "suspended":
            label, day = d.product.get_stage_display().capitalize(), d.since()
        stops.append({"label": label, "day": day, "state": state})
    return stops


def rail_at(stops: list[dict[str, Any]]) -> dict[str, Any]:
    """Where on the rail the product is, for those who see no more of it: the number of the stop, of how many, its name."""
    number = next(number for number, stop in enumerate(stops, start=1) if stop["state"] == "now")
    return {"number": number, "of": len(stops), "label": stops[number - 1]["label"]}


def coming_up(d: Dossier) -> list[tuple[date, Any]]:
    """The days that lay ahead for a product on a past day, nearest first; those ahead of today are its deadlines."""
    days: list[tuple[date | None, Any]] = [
        (market.due_on(d), _("Market search renewal")),
        (followup.due_on(d), _("Clinical follow-up")),
    ]
    days += [(action.due_on, action.text) for action in d.actions if action.done_on is None]
    return sorted(
        ((day, text) for day, text in days if day and d.product.stage in lifecycle.WORKED_ON), key=lambda row: row[0]
    )


@door(Act.WORK)
def search(request: Request) -> HttpResponse:
    """Find by product name or number, serial, lot, label code or diary number. Patients are found on their own page only."""
    q = request.GET.get("q", "").replace("\x00", "").strip()
    if not q:
        return render(request, "inhouse/products/search.html", {"q": q})
    found = list(Product.objects.filter(Q(name__icontains=q) | Q(number__icontains=q)).select_related("unit")[:FOUND])
    items = list(
        Item.objects.filter(Q(identifier__icontains=q) | Q(label_code__iexact=q))
        .select_related("product", "revision")
        .order_by(by("identifier"), "pk")[:FOUND]
    )
    declarations = list(
        Declaration.objects.filter(Q(diary_number__icontains=q) | Q(number__icontains=q))
        .select_related("revision__product")
        .defer("snapshot")[:FOUND]
    )
    context = {"q": q, "products": found, "items": items, "declarations": declarations, "today": clock.today()}
    return render(request, "inhouse/products/search.html", context)


urls = [
    path("products/", products, name="products"),
    path("products/<int:pk>/", product, name="product"),
    path("search/", search, name="search"),
]
