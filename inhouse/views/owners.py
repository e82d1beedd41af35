"""Who answers for a product: asked, accepted or declined, handed over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inhouse import owners as rules
from inhouse.dossier import current
from inhouse.models import Appointment
from inhouse.views import pages
from organisation import access
from organisation.access import Act
from organisation.alphabet import by
from organisation.doors import Request, door
from organisation.forms import Form
from organisation.models import User
from products.models import Product

# What a product owner takes on: VGR-50 to VGR-62, in short words.
DUTIES = (
    gettext_lazy("You answer as the manufacturer while the product is made and for its whole life."),
    gettext_lazy("The guideline is followed before the product is ready for use."),
    gettext_lazy("The product is safe and medically fit for its intended purpose."),
    gettext_lazy(
        "Resources are set aside for patient safety, medical-technical safety, radiation safety, IT security, information security, technical supply, cleanliness and infection control."
    ),
    gettext_lazy("Technical documentation and information to users are written, and kept up to date."),
    gettext_lazy("The product is marked and can be traced to the unit that uses it and, when needed, to the patient."),
    gettext_lazy("You sign the declaration that the general safety and performance requirements are met."),
    gettext_lazy("An organisation manages the product and has the resources for it as long as the product lives."),
    gettext_lazy("Training and user support are given where they are needed."),
    gettext_lazy("Maintenance, support and operation are secured, with agreements where they are needed."),
    gettext_lazy(
        "Experience from clinical use is followed up regularly, and what needs to be updated is planned and done."
    ),
    gettext_lazy(
        "Serious events and near misses are investigated and notified to the authority, and corrective action is taken."
    ),
    gettext_lazy("The product is taken out of use when safety and performance can no longer be guaranteed."),
)


def appointment(pk: int) -> Appointment:
    return get_object_or_404(
        Appointment.objects.select_related("product__unit__administration", "person", "appointed_by"), pk=pk
    )


class ByLevel(forms.models.ModelChoiceIterator):  # type: ignore[type-arg]
    """Heads of unit and higher first; whoever needs a reason stands apart."""

    def __iter__(self) -> Iterator[Any]:
        yield "", self.field.empty_label
        people = list(self.queryset)
        for title, leads in ((_("Head of unit or higher"), True), (_("Others: needs a reason"), False)):
            if found := [self.choice(person) for person in people if person.leads == leads]:
                yield title, found


class PersonField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """Staff by name, with what the choice hangs on: title, position level where the title does not say it, and unit."""

    iterator = ByLevel

    def label_from_instance(self, person: User) -> str:
        level = person.get_level_display() if person.leads else ""
        said = [person.title, level if level.lower() != person.title.lower() else "", str(person.unit)]
        return " · ".join([person.name, *filter(None, said)])


class AppointForm(Form):
    person = PersonField(
        User.objects.none(),
        label=gettext_lazy("Person"),
        empty_label=gettext_lazy("Choose a person"),
        help_text=gettext_lazy(
            "Someone with the powers of a head of unit or higher (VGR guideline). Type the first letters of the name to find it."
        ),
    )
    level_reason = forms.CharField(
        label=gettext_lazy("Reason, if the position is below head of unit"), widget=forms.Textarea, required=False
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["person"].queryset = rules.candidates().order_by(by("name"), "pk")  # type: ignore[attr-defined]


class DeclineForm(Form):
    reason = forms.CharField(label=gettext_lazy("Reason for declining"), widget=forms.Textarea(attrs={"rows": 3}))


@door(Act.WORK, pages.kept, post=Act.DECIDE)
def owner(request: Request, product: Product) -> HttpResponse:
    """The owner now and before, the request that waits; a manager asks someone."""
    form = AppointForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        chosen = form.cleaned_data
        if pages.attempt(form, lambda: rules.appoint(product, **chosen, by=request.user)):
            messages.success(
                request, _("%(person)s is asked, and becomes owner by accepting.") % {"person": chosen["person"]}
            )
            return redirect("inhouse:owner", product.pk)
    return _show(request, product, appoint=form)


@door(Act.WORK, appointment, post=Act.ACCEPT)
def answer(request: Request, asked: Appointment) -> HttpResponse:
    """The person asked accepts, or declines with a reason."""
    product = asked.product
    if request.method != "POST":
        return redirect("inhouse:owner", product.pk)
    declining = request.POST.get("answer") == "decline"
    form: Form = DeclineForm(request.POST) if declining else Form(request.POST)

    def act() -> None:
        if declining:
            rules.decline(asked, reason=form.cleaned_data["reason"], by=request.user)
        else:
            rules.accept(asked, by=request.user)

    if form.is_valid() and pages.attempt(form, act):
        messages.success(
            request,
            _("You have declined. Whoever asked you sees the reason.")
            if declining
            else _("You are now the owner of this product."),
        )
        return redirect("inhouse:owner", product.pk)
    return _show(request, product, accept=None if declining else form, decline=form if declining else None)


@door(Act.WORK, appointment, post=Act.DECIDE)
def take_back(request: Request, asked: Appointment) -> HttpResponse:
    """The manager takes back a request that nobody has answered."""
    product = asked.product
    if request.method != "POST":
        return redirect("inhouse:owner", product.pk)
    form = Form(request.POST)
    if form.is_valid() and pages.attempt(form, lambda: rules.take_back(asked, by=request.user)):
        messages.success(request, _("The request to %(person)s is taken back.") % {"person": asked.person})
        return redirect("inhouse:owner", product.pk)
    return _show(request, product, accept=form)


def _show(
    request: Request,
    product: Product,
    *,
    appoint: AppointForm | None = None,
    accept: Form | None = None,
    decline: Form | None = None,
) -> HttpResponse:
    d = current(product)
    refused = [form for form in (appoint, accept, decline) if form is not None and form.errors]
    return pages.show(
        request,
        product,
        "inhouse/owners/page.html",
        d=d,
        appoint=appoint or AppointForm(),
        decline=decline or DeclineForm(),
        errors=refused,
        may_appoint=product.stage in rules.MAY_APPOINT,
        mine=d.asked is not None and d.asked.person_id == request.user.pk,
        earlier=[a for a in reversed(d.appointments) if not a.is_waiting],
        duties=DUTIES,
        deciders=access.people(Act.DECIDE, product.scope).select_related("unit"),
    )


urls = [
    path("products/<int:pk>/owner/", owner, name="owner"),
    path("appointments/<int:pk>/answer/", answer, name="owner-answer"),
    path("appointments/<int:pk>/take-back/", take_back, name="owner-take-back"),
]
