"""Proposing a product: the idea and its wording, the summary of its assessment, and proposing it again."""

from __future__ import annotations

import io
from typing import Any

from django import forms
from django.contrib import messages
from django.http import FileResponse, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from documents import rendering
from inhouse import assessment as rules
from inhouse import guide, law
from inhouse.dossier import current
from inhouse.forms import UnitField
from inhouse.views import guided, pages, record
from organisation import clock
from organisation.access import Act
from organisation.doors import Request, door
from organisation.forms import EditForm, Form, ModelForm
from organisation.models import Unit
from products import similar
from products.models import Product


class ProposeForm(ModelForm[Product]):
    unit = UnitField(
        label=gettext_lazy("Manufacturing unit"),
        help_text=gettext_lazy("The unit that would make it; your own, unless you choose another."),
    )

    class Meta:
        model = Product
        fields = ("name", "summary", "unit")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("name", "summary"):
            self.fields[name].widget.attrs |= {
                "hx-get": reverse("inhouse:similar"),
                "hx-trigger": "input changed delay:400ms",
                "hx-include": "[name=name], [name=summary]",
                "hx-target": "#similar",
            }


class ProposalForm(EditForm[Product]):
    unit = UnitField(label=gettext_lazy("Manufacturing unit"), help_text=gettext_lazy("The unit that would make it."))

    class Meta:
        model = Product
        fields = ("name", "summary", "unit")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["unit"]  # a unit that has closed since stays a choice
        field.queryset = field.queryset | Unit.objects.filter(pk=self.instance.unit_id).select_related("administration")


@door(Act.PROPOSE)
def propose(request: Request) -> HttpResponse:
    """The first page: an idea becomes a product with a number."""
    looking = "look" in request.POST
    form = ProposeForm(
        None if looking else request.POST or None,
        initial={"unit": request.user.unit_id} | (request.POST.dict() if looking else {}),
    )
    made: list[Product] = []
    if (
        not looking
        and guided.sent(request, form)
        and pages.attempt(form, lambda: made.append(rules.propose(**form.values, by=request.user)))
    ):
        [product] = made
        messages.success(
            request, _("“%(name)s” has got the number %(number)s.") % {"name": product.name, "number": product.number}
        )
        return guided.onward(request, product, "assessment-proposal")
    return render(
        request,
        "inhouse/assessment/propose.html",
        {
            "form": form,
            "errors": [form],
            "looked": looking,
            "found": _similar(request.POST) if request.method == "POST" else [],
            "title": _("What do you want to make?"),
            "sources": [],
            "back": reverse("inhouse:products"),
            "way": [
                {"title": part.title, "here": n == 0} for n, part in enumerate(guide.PARTS) if part.name != "software"
            ],
        },
    )


def _similar(typed: QueryDict) -> list[Product]:
    return similar.find(f"{typed.get('name', '')} {typed.get('summary', '')}".replace("\0", ""))


@door(Act.WORK)
def similar_ones(request: Request) -> HttpResponse:
    """While someone types: products of the institution that are like it."""
    return render(request, "inhouse/assessment/_similar.html", {"found": _similar(request.GET), "looked": True})


@door(Act.WORK, pages.product, post=Act.ASSESS)
def proposal(request: Request, product: Product) -> HttpResponse:
    """The idea in other words, as long as nobody has decided."""
    course = guided.locked(request, product)
    form = ProposalForm(request.POST or None, instance=pages.product(product.pk))
    if guided.sent(request, form) and pages.attempt(
        form, lambda: rules.describe(product, **form.values, by=request.user)
    ):
        return guided.onward(request, product, "assessment-proposal")
    return guided.show(
        request, product, course, "assessment-proposal", "assessment/proposal.html",
        title=_("What do you want to make?"), form=form, errors=[form],
    )  # fmt: skip


@door(Act.WORK, pages.product)
def assessment(request: Request, product: Product) -> HttpResponse:
    """Everything answered, what is missing, submitting and the decision, and the assessments before this one."""
    d = current(product)
    course = guide.of(d)
    written = record.sections(d)
    end = course.end()
    return pages.show(
        request,
        product,
        "inhouse/assessment/summary.html",
        d=d,
        sections=written,
        open=guided.is_open(course, request.user),
        onward=next((section for section in written if section.state == "open"), None),
        unfinished=[guide.part(name) for name in guide.unfinished(course)],
        end=law.outcomes()[end] if end else None,
        missing=[] if end else record.missing(d),
        take_back=TakeBackForm(),
        earlier=[(each, record.sections(d, each)) for each in reversed(d.assessments[:-1])],
    )


@door(Act.WORK, pages.product)
def paper(request: Request, product: Product) -> FileResponse:
    """The assessment as PDF: the latest, or the one whose number stands in the address (`?number=`)."""
    d = current(product)
    asked = request.GET.get("number", "")
    about = next((a for a in d.assessments if str(a.number) == asked), d.assessment)
    assert about is not None
    course = guide.of(d, about)
    end = course.end()
    title = _("Assessment of %(product)s") % {"product": product.name}
    content = rendering.pdf(
        "inhouse/assessment/paper.html",
        {
            "product": product,
            "institution": d.institution,
            "assessment": about,
            "outcome": product.get_outcome_display() if about is d.assessment else "",
            "end": law.outcomes()[end] if end else None,
            "demands": law.routes().get(end, ()),
            "sections": record.sections(d, about),
        },
        language=request.LANGUAGE_CODE,
        title=title,
        author=d.institution.name,
        subject=product.number,
        created=clock.now(),
    )
    name = _("%(product)s assessment %(number)s") % {"product": product.number, "number": about.number}
    return FileResponse(io.BytesIO(content), content_type="application/pdf", filename=f"{name}.pdf")


@door(Act.ASSESS, pages.product)
def submit(request: Request, product: Product) -> HttpResponse:
    """Hand the assessment over to whoever decides."""
    form = Form(guided.typed(request))
    if guided.sent(request, form) and pages.attempt(form, lambda: rules.submit(product, by=request.user)):
        messages.success(request, _("The assessment is submitted. A manager is now asked to decide."))
    else:
        pages.complain(request, form)
    return redirect("inhouse:assessment", product.pk)


class TakeBackForm(Form):
    reason = forms.CharField(label=gettext_lazy("Why it is taken back"), widget=forms.Textarea(attrs={"rows": 2}))


@door(Act.ASSESS, pages.product)
def take_back(request: Request, product: Product) -> HttpResponse:
    """Open a submitted assessment again, to change an answer."""
    form = TakeBackForm(request.POST or None)
    if guided.sent(request, form) and pages.attempt(
        form, lambda: rules.take_back(product, reason=form.cleaned_data["reason"], by=request.user)
    ):
        messages.success(request, _("The assessment is open again. Submit it when it is done."))
    else:
        pages.complain(request, form)
    return redirect("inhouse:assessment", product.pk)


class AgainForm(Form):
    reason = forms.CharField(
        label=gettext_lazy("Why propose it again"),
        widget=forms.Textarea,
        help_text=gettext_lazy("What has changed since the last decision."),
    )


@door(Act.WORK, pages.product, post=Act.PROPOSE)
def again(request: Request, product: Product) -> HttpResponse:
    """A rejected product as a proposal once more: a new assessment beside the old one."""
    form = AgainForm(request.POST or None)
    if guided.sent(request, form) and pages.attempt(
        form, lambda: rules.again(product, reason=form.cleaned_data["reason"], by=request.user)
    ):
        messages.success(
            request,
            _(
                "Proposed again. What was answered is brought along: go through it, change what has changed, and submit it."
            ),
        )
        return redirect("inhouse:assessment", product.pk)
    return pages.show(request, product, "inhouse/assessment/again.html", form=form)


urls = [
    path("products/new/", propose, name="propose"),
    path("products/similar/", similar_ones, name="similar"),
    path("products/<int:pk>/assessment/", assessment, name="assessment"),
    path("products/<int:pk>/assessment/proposal/", proposal, name="assessment-proposal"),
    path("products/<int:pk>/assessment/paper.pdf", paper, name="assessment-paper"),
    path("products/<int:pk>/assessment/submit/", submit, name="assessment-submit"),
    path("products/<int:pk>/assessment/take-back/", take_back, name="assessment-take-back"),
    path("products/<int:pk>/assessment/again/", again, name="assessment-again"),
]
