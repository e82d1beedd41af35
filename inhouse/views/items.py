"""Items: registered, released, placed, moved, and what became of each; those of a product and of everyone."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inhouse import tracing, withdrawal
from inhouse.dossier import Dossier, current
from inhouse.forms import UnitChoices, UnitField
from inhouse.views import pages
from organisation import clock
from organisation.access import Act, Scope
from organisation.alphabet import by
from organisation.doors import Request, door
from organisation.forms import Form, whole
from organisation.models import Administration, Institution, Unit
from products import traceability
from products.models import Item, PatientUse, Placement, Product, Revision

PER_PAGE = 25
OUTSIDE = "outside"


# --- fetching


def item(pk: int) -> Item:
    """The item with what its page shows, or 404."""
    found = get_object_or_404(Item.objects.select_related("revision", "made_by", "released_by"), pk=pk)
    found.product = pages.kept(found.product_id)
    return found


class Stay:
    """A placement, as something that belongs to a product."""

    def __init__(self, pk: int) -> None:
        self.placement = get_object_or_404(Placement.objects.select_related("unit"), pk=pk)
        self.placement.item = item(self.placement.item_id)

    @property
    def scope(self) -> Scope:
        return self.placement.item.scope


# --- the items of a product


class RevisionField(forms.ModelChoiceField):  # type: ignore[type-arg]
    def label_from_instance(self, row: Any) -> str:
        return _("Revision %(number)s: %(stage)s") % {"number": row.number, "stage": row.get_stage_display()}


class ItemForm(Form):
    revision = RevisionField(Revision.objects.none(), label=gettext_lazy("Made to revision"), empty_label=None)
    kind = forms.ChoiceField(
        label=gettext_lazy("Identified by"), choices=Item.Kind.choices, widget=forms.RadioSelect, initial=Item.Kind.SERIAL,
        help_text=gettext_lazy("A serial number stands for one item, a lot number for several made together."),
    )  # fmt: skip
    identifier = forms.CharField(label=gettext_lazy("Serial or lot number"), max_length=60)
    quantity = forms.IntegerField(
        label=gettext_lazy("Quantity"), min_value=1, initial=1,
        help_text=gettext_lazy("A lot leaves use as a whole: register what may leave use apart as separate lots."),
    )  # fmt: skip
    made_on = forms.DateField(label=gettext_lazy("Made on"))

    def __init__(self, *args: Any, d: Dossier, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        revision = self.fields["revision"]
        assert isinstance(revision, forms.ModelChoiceField)
        may = [r for r in (d.coming, d.in_force) if r]
        revision.queryset = Revision.objects.filter(pk__in=[r.pk for r in may]).order_by("-number")
        declared = [r for r in may if not r.is_open] or may
        self.initial.setdefault("revision", declared[0].pk if declared else None)
        self.initial.setdefault("made_on", clock.today())


@door(Act.WORK, pages.kept)
def items(request: Request, product: Product) -> HttpResponse:
    """The items of a product: made to which revision, released, where each is, and what became of it.

    With `?revision=` only those of that revision that are still in use.
    """
    d = current(product)
    present = Prefetch("placements", Placement.objects.on(d.on).select_related("unit"), to_attr="where")
    only = d.revision(whole(request.GET.get("revision", "")) or 0)
    of = Item.objects.living().filter(revision=only) if only else Item.objects.filter(product=product)
    made: QuerySet[Any] = of.prefetch_related(present)
    page = Paginator(made.order_by(by("identifier"), "pk"), PER_PAGE).get_page(request.GET.get("page"))
    revisions = {revision.pk: revision for revision in d.revisions}
    rows = [{"item": item, "revision": revisions[item.revision_id], "where": item.where} for item in page.object_list]
    return pages.show(
        request, product, "inhouse/items/list.html", d=d, page=page, rows=rows, can_make=_can_make(product),
        only=only, query=f"revision={only.number}" if only else "",
    )  # fmt: skip


def _can_make(product: Product) -> bool:
    return product.stage in traceability.MADE_IN


@door(Act.WORK, pages.product, post=Act.KEEP)
def register(request: Request, product: Product) -> HttpResponse:
    """Register an item or a lot; it gets a label code."""
    d = current(product)
    form = ItemForm(request.POST or None, d=d)
    if request.method == "POST" and form.is_valid():
        made: list[Item] = []
        if pages.attempt(form, lambda: made.append(traceability.register(**form.cleaned_data, by=request.user))):
            messages.success(
                request,
                _("%(item)s is registered with the label code %(code)s.")
                % {"item": made[0].identifier, "code": made[0].label_code},
            )
            return (
                redirect("inhouse:items-register", product.pk)
                if "again" in request.POST
                else redirect("inhouse:item", made[0].pk)
            )
    return pages.show(request, product, "inhouse/items/register.html", d=d, form=form, can_make=_can_make(product))


# --- one item


class ReleaseForm(Form):
    made_to = forms.CharField(
        label=gettext_lazy("Made according to"), widget=forms.Textarea(attrs={"rows": 8}),
        help_text=gettext_lazy("The documents and versions the item was really made to. They are those of its revision; change what differs."),
    )  # fmt: skip
    checks = forms.CharField(label=gettext_lazy("Checks made, with results"), widget=forms.Textarea)
    deviations = forms.CharField(
        label=gettext_lazy("Deviations"), widget=forms.Textarea(attrs={"rows": 2}), required=False,
        help_text=gettext_lazy("What differs from the documentation, and why it is acceptable."),
    )  # fmt: skip


class OutsideOrUnitField(UnitField):
    """A unit, or a place outside the institution: chosen so that the refusal can say why."""

    def ask(self, institution: Institution) -> None:
        self.choices: Any = [
            *UnitChoices(self),
            (OUTSIDE, _("A place outside %(institution)s") % {"institution": institution}),
        ]

    def clean(self, value: Any) -> Unit | None:
        return None if value == OUTSIDE else super().clean(value)


class PlaceForm(Form):
    asked_for = ("outside",)
    unit = OutsideOrUnitField(label=gettext_lazy("Unit"), empty_label=gettext_lazy("Choose a unit"))
    outside = forms.CharField(
        label=gettext_lazy("Which place outside?"),
        required=False,
        help_text=gettext_lazy("Only for a place that is not in the list."),
    )
    quantity = forms.IntegerField(label=gettext_lazy("How many of the lot"), min_value=1)
    since = forms.DateField(label=gettext_lazy("From"))

    def __init__(self, *args: Any, item: Item, d: Dossier, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        unit = self.fields["unit"]
        assert isinstance(unit, OutsideOrUnitField)
        unit.ask(d.institution)
        if item.kind == Item.Kind.SERIAL:
            del self.fields["quantity"]
        else:
            self.initial.setdefault("quantity", traceability.left(item) or None)
        self.initial.setdefault("since", clock.today())

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or {}
        if "unit" in cleaned and cleaned["unit"] is None and not cleaned.get("outside"):
            self.add_error("outside", _("Say which place."))
        return cleaned


class ReturnForm(Form):
    on = forms.DateField(label=gettext_lazy("Left the unit on"))


class FateForm(Form):
    fate = forms.ChoiceField(
        label=gettext_lazy("What became of it"), choices=Item.Fate.choices, widget=forms.RadioSelect
    )
    quantity = forms.IntegerField(label=gettext_lazy("How many of the lot"), min_value=1)
    on = forms.DateField(label=gettext_lazy("Out of use on"))
    note = forms.CharField(
        label=gettext_lazy("Note"), widget=forms.Textarea(attrs={"rows": 2}), help_text=gettext_lazy("How and why, so that it can be understood in ten years.")
    )  # fmt: skip

    def __init__(self, *args: Any, item: Item, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.item = item
        if item.kind == Item.Kind.SERIAL:
            del self.fields["quantity"]
        self.initial.update({"on": clock.today(), "quantity": item.quantity})

    def clean_quantity(self) -> int:
        quantity: int = self.cleaned_data["quantity"]
        traceability.require_whole(self.item, quantity)
        return quantity


@door(Act.WORK, item)
def show(request: Request, item: Item) -> HttpResponse:
    """One item: its release record, where it is and was, which patients met it, and what can be done now."""
    return _page(request, item)


def _page(request: Request, item: Item, **bound: Any) -> HttpResponse:
    """The page of an item; `bound` holds the form that was refused, with what was typed."""
    d = current(item.product)
    stays = list(item.placements.select_related("unit__administration"))
    uses: QuerySet[Any] = (
        PatientUse.objects.filter(item=item).select_related("unit", "noted_by", "patient").order_by("-used_on", "-pk")
    )
    page = Paginator(uses, PER_PAGE).get_page(request.GET.get("page"))
    met = list(dict.fromkeys(item.patient_uses.order_by("used_on", "pk").values_list("patient_id", flat=True)))
    for use in page.object_list:
        use.whose = met.index(use.patient_id) + 1  # the first patient who met this item is the first, on this page only
    left = item.quantity - sum(p.quantity for p in stays if p.until is None)
    can_place = (
        item.is_released
        and not item.fate
        and item.product.stage in traceability.MADE_IN
        and item.revision.stage in Revision.Stage.signed
        and (item.kind == Item.Kind.SERIAL or left > 0)
    )
    return pages.show(
        request, item.product, "inhouse/items/item.html", d=d, item=item, revision=item.revision, left=left, can_place=can_place,
        now=[p for p in stays if p.held_on(d.on)], stays=stays[::-1],
        given_up=item.revision.stage not in (Revision.Stage.OPEN, *Revision.Stage.signed), release=bound.get("release") or ReleaseForm(initial={"made_to": _made_to(d, item)}),
        place=bound.get("place") or PlaceForm(item=item, d=d, initial={"unit": None}),
        outside=bound.get("outside", ""), stopped=tracing.obstacles(item), page=page, subjects=pages.subjects(d, "items"),
    )  # fmt: skip


def _made_to(d: Dossier, item: Item) -> str:
    """The documents of the item's revision with their versions, one on each line."""
    papers = dict.fromkeys(entry.document for entry in d.documents_of(item.revision))
    return "\n".join(" · ".join(part for part in (str(paper), paper.reference) if part) for paper in papers)


@door(Act.WORK, item, post=Act.KEEP)
def release(request: Request, item: Item) -> HttpResponse:
    """Release an item: made to what, checked how, with which deviations."""
    form = ReleaseForm(request.POST)
    if request.method != "POST":
        return redirect("inhouse:item", item.pk)
    if form.is_valid() and pages.attempt(
        form, lambda: traceability.release(item, **form.cleaned_data, by=request.user)
    ):
        messages.success(request, _("%(item)s is released.") % {"item": item.identifier})
        return redirect("inhouse:item", item.pk)
    return _page(request, item, release=form)


@door(Act.WORK, item, post=Act.KEEP)
def place(request: Request, item: Item) -> HttpResponse:
    """Place or move an item. A place outside the legal entity can be said, and is refused with the reason."""
    if request.method != "POST":
        return redirect("inhouse:item", item.pk)
    form = PlaceForm(request.POST, item=item, d=current(item.product))
    if form.is_valid():
        unit, since = form.cleaned_data["unit"], form.cleaned_data["since"]
        listed = unit is None or traceability.is_listed(item.product, unit, on=since)
        if pages.attempt(form, lambda: traceability.place(item, **form.cleaned_data, by=request.user)):
            messages.success(request, _("%(item)s is now at %(unit)s.") % {"item": item.identifier, "unit": unit})
            if not listed:
                messages.info(
                    request,
                    _("%(unit)s was not listed as using the product. From %(day)s it is.")
                    % {"unit": unit, "day": date_format(since)},
                )
            return redirect("inhouse:item", item.pk)
    return _page(
        request, item, place=form, outside=form.data.get("outside", "") if form.data.get("unit") == OUTSIDE else ""
    )


@door(Act.WORK, Stay, post=Act.KEEP)
def take_back(request: Request, stay: Stay) -> HttpResponse:
    """The item leaves a unit and is with the manufacturing unit again."""
    placement, item = stay.placement, stay.placement.item
    form = ReturnForm(request.POST or None, initial={"on": clock.today()})
    if (
        request.method == "POST"
        and form.is_valid()
        and pages.attempt(form, lambda: traceability.take_back(placement, **form.cleaned_data, by=request.user))
    ):
        messages.success(request, _("%(item)s has left %(unit)s.") % {"item": item.identifier, "unit": placement.unit})
        return redirect("inhouse:item", item.pk)
    return _about(request, item, "inhouse/items/return.html", form=form, placement=placement)


@door(Act.WORK, item, post=Act.KEEP)
def end(request: Request, item: Item) -> HttpResponse:
    """Say what became of an item; it cannot be undone, so it is said twice."""
    form = FateForm(request.POST or None, item=item)
    told: dict[str, Any] = {}
    if request.method == "POST" and form.is_valid():
        told = {**form.cleaned_data, "label": Item.Fate(form.cleaned_data["fate"]).label}
        if "confirmed" in request.POST:
            if pages.attempt(form, lambda: withdrawal.end_item(item, **form.cleaned_data, by=request.user)):
                messages.success(
                    request, _("%(item)s is out of use: %(fate)s.") % {"item": item.identifier, "fate": told["label"]}
                )
                return redirect("inhouse:item", item.pk)
            told = {}
    return _about(request, item, "inhouse/items/end.html", form=form, told=told)


@door(Act.WORK, item)
def label(request: Request, item: Item) -> HttpResponse:
    """The label of an item, to print."""
    return render(
        request,
        "inhouse/items/label.html",
        {"item": item, "product": item.product, "institution": Institution.objects.get()},
    )


def _about(request: Request, item: Item, template: str, **context: Any) -> HttpResponse:
    d = current(item.product)
    return pages.show(
        request, item.product, template, d=d, item=item, revision=item.revision, subjects=pages.subjects(d, "items"), **context
    )  # fmt: skip


# --- all items


class ItemFilter(Form):
    """What the list of all items can be narrowed by; every field may be left out."""

    q = forms.CharField(label=gettext_lazy("Number or label code"), required=False)
    administration = forms.ModelChoiceField(
        Administration.objects.order_by(by("name")),
        label=gettext_lazy("Administration"),
        required=False,
        empty_label=gettext_lazy("all"),
    )
    unit = UnitField(label=gettext_lazy("Is now at"), required=False, empty_label=gettext_lazy("all"))
    stage = forms.ChoiceField(label=gettext_lazy("Stage of the product"), required=False)
    released = forms.ChoiceField(
        label=gettext_lazy("Release"), required=False,
        choices=[("", gettext_lazy("all")), ("yes", gettext_lazy("released")), ("no", gettext_lazy("not released"))],
    )  # fmt: skip
    fate = forms.ChoiceField(label=gettext_lazy("Fate"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        anything: list[tuple[str, Any]] = [("", _("all"))]
        self.fields["stage"].choices = anything + list(Product.Stage.choices)  # type: ignore[attr-defined]
        fates = [("none", _("none: still there")), ("any", _("out of use")), *Item.Fate.choices]
        self.fields["fate"].choices = anything + fates  # type: ignore[attr-defined]

    def narrow(self, items: QuerySet[Item]) -> QuerySet[Item]:
        wanted = self.cleaned_data
        present = Placement.objects.filter(until=None)
        if q := wanted["q"].strip():
            items = items.filter(Q(identifier__icontains=q) | Q(label_code=_as_code(q)))
        if wanted["unit"]:
            items = items.filter(pk__in=present.filter(unit=wanted["unit"]).values("item"))
        if wanted["administration"]:
            there = present.filter(unit__administration=wanted["administration"]).values("item")
            nowhere = ~Exists(present.filter(item=OuterRef("pk")))
            items = items.filter(Q(pk__in=there) | Q(product__unit__administration=wanted["administration"]) & nowhere)
        if wanted["stage"]:
            items = items.filter(product__stage=wanted["stage"])
        if wanted["released"]:
            items = items.filter(released_on__isnull=wanted["released"] == "no")
        if wanted["fate"]:
            fates = {"none": Q(fate=""), "any": ~Q(fate="")}
            items = items.filter(fates.get(wanted["fate"], Q(fate=wanted["fate"])))
        return items


def _as_code(text: str) -> str:
    """A label code as it is kept, however it was typed."""
    signs = text.upper().replace("-", "").replace(" ", "")
    return f"{signs[:4]}-{signs[4:]}"


@door(Act.WORK)
def everything(request: Request) -> HttpResponse:
    """All items of the institution, narrowed by what stands in the address."""
    form = ItemFilter(request.GET)
    present = Prefetch("placements", Placement.objects.filter(until=None).select_related("unit"), to_attr="where")
    found: QuerySet[Any] = Item.objects.select_related("product__unit", "revision").prefetch_related(present)
    if form.is_valid():
        found = form.narrow(found)
    page = Paginator(found.order_by(by("identifier"), "pk"), PER_PAGE).get_page(request.GET.get("page"))
    query = request.GET.copy()
    query.pop("page", None)
    template = "inhouse/items/_rows.html" if request.htmx else "inhouse/items/all.html"
    return render(request, template, {"form": form, "page": page, "query": query.urlencode()})


urls = [
    path("products/<int:pk>/items/", items, name="items"),
    path("products/<int:pk>/items/register/", register, name="items-register"),
    path("items/", everything, name="items-all"),
    path("items/<int:pk>/", show, name="item"),
    path("items/<int:pk>/release/", release, name="item-release"),
    path("items/<int:pk>/place/", place, name="item-place"),
    path("items/<int:pk>/end/", end, name="item-end"),
    path("items/<int:pk>/label/", label, name="item-label"),
    path("placements/<int:pk>/return/", take_back, name="item-return"),
]
