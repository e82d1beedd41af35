"""Artificial intelligence at the door: its data, the points of the AI Act, and the steps towards use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inhouse import software as rules
from inhouse.law.software import Entry
from inhouse.law.software import software as law
from inhouse.models import AiPoint, AiStep, DataSet
from inhouse.views import guided, pages
from inhouse.views.software import Seen, Work, YesNo, named
from organisation.access import Act
from organisation.doors import Request, door
from organisation.forms import EditForm, Form, ModelForm
from products.models import Product

# --- data sets


class NewDataSetForm(ModelForm[DataSet]):
    use_required_attribute = False

    class Meta:
        model = DataSet
        fields = (
            "name", "use", "origin", "population", "period", "size", "processing", "split", "bias_checks", "approvals",
        )  # fmt: skip


class DataSetForm(EditForm[DataSet]):
    use_required_attribute = False

    class Meta(NewDataSetForm.Meta):
        pass


@door(Act.WORK, pages.product, post=Act.ASSESS)
def data(request: Request, product: Product) -> HttpResponse:
    """The data sets of a model, one form for a new one or for the one that is changed."""
    work = Work(request, product, "software-data")
    if not work.revision.is_ai:
        return work.elsewhere()
    rows = list(DataSet.objects.filter(revision=work.revision))
    chosen = _chosen(rows, request.POST.get("data_set") or request.GET.get("change"))
    if request.method == "POST" and "remove" in request.POST:
        gone = _chosen(rows, request.POST["remove"])
        bare = Form({})
        if gone and pages.attempt(bare, lambda: rules.remove_data_set(gone, by=request.user)):
            messages.success(request, _("“%(name)s” is removed from the list.") % {"name": gone})
        pages.complain(request, bare)
        return redirect("inhouse:software-data", product.pk)
    sent = guided.typed(request)
    form: NewDataSetForm | DataSetForm
    if chosen:
        form = DataSetForm(sent, instance=DataSet.objects.get(pk=chosen.pk))
    else:
        form = NewDataSetForm(sent, instance=DataSet(revision=work.revision))
    if request.method == "POST" and not chosen and not form.has_changed():  # nothing was begun
        form = NewDataSetForm(instance=form.instance)
        if "more" not in request.POST and work.is_open:
            return work.onward()
    elif guided.sent(request, form) and pages.attempt(
        form, lambda: rules.keep_data_set(work.revision, form.values, data_set=chosen, by=request.user)
    ):
        return work.onward()
    return work.show(
        "data.html",
        title=_("Which data is the model made from?"),
        intro=_("List the data that train, validate and test the model, one set at a time. Link the approvals: what data on patients may be used for is decided by others than the developers."),
        form=form, errors=[form], rows=rows, chosen=chosen,
    )  # fmt: skip


def _chosen(rows: Iterable[DataSet], key: str | None) -> DataSet | None:
    """The data set that is meant, if it belongs here."""
    found = next((row for row in rows if str(row.pk) == key), None)
    if key and found is None:
        raise Http404
    return found


# --- points


class PointForm(Form):
    is_met = YesNo(label=gettext_lazy("Met"))
    how = forms.CharField(
        label=gettext_lazy("How, or why not"), widget=forms.Textarea(attrs={"rows": 2}), required=False
    )

    def __init__(self, entry: Entry, row: AiPoint | None, data: Any) -> None:
        super().__init__(data, prefix=entry.id, initial={"is_met": row.is_met, "how": row.how} if row else {})
        self.entry = entry


@door(Act.WORK, pages.product, post=Act.ASSESS)
def points(request: Request, product: Product) -> HttpResponse:
    """The principles and the points of the AI Act, voluntary for what is made in-house."""
    work = Work(request, product, "software-points", living=True)
    if not work.revision.is_ai:
        return work.elsewhere()
    rows = list(AiPoint.objects.filter(revision=work.revision))
    answered, seen = named("point", rows), Seen(request, rows)
    checklist = [PointForm(entry, answered.get(entry.id), guided.typed(request)) for entry in law().checklist]
    if guided.sent(request, seen, *checklist):
        wanted: Mapping[str, Any] = {form.entry.id: form.cleaned_data for form in checklist}
        if pages.attempt(seen, lambda: rules.answer_points(work.revision, wanted, by=request.user)):
            return work.onward()
    count = len(law().principles)
    return work.show(
        "points.html",
        title=_("Does it follow good practice for AI?"),
        intro=_("Answer what you can and go on; you can come back as long as the product lives."),
        seen=seen, principles=checklist[:count], points=checklist[count:], errors=[seen, *checklist], law=law(),
    )  # fmt: skip


# --- steps


class StepForm(Form):
    planned_on = forms.DateField(label=gettext_lazy("Planned for"), required=False)
    note = forms.CharField(label=gettext_lazy("Note"), widget=forms.Textarea(attrs={"rows": 2}), required=False)

    def __init__(self, entry: Entry, row: AiStep | None, data: Any) -> None:
        super().__init__(data, prefix=entry.id, initial={"planned_on": row.planned_on, "note": row.note} if row else {})
        self.entry, self.row = entry, row


@door(Act.WORK, pages.product, post=Act.ASSESS)
def steps(request: Request, product: Product) -> HttpResponse:
    """When each of the seven steps towards use is to be done."""
    work = Work(request, product, "software-steps", living=True)
    if not work.revision.is_ai:
        return work.elsewhere()
    rows = list(AiStep.objects.filter(revision=work.revision))
    planned, seen = named("step", rows), Seen(request, rows)
    plan = [StepForm(entry, planned.get(entry.id), guided.typed(request)) for entry in law().steps]
    if guided.sent(request, seen, *plan):
        wanted: Mapping[str, Any] = {form.entry.id: form.cleaned_data for form in plan}
        if pages.attempt(seen, lambda: rules.plan_steps(work.revision, wanted, by=request.user)):
            return work.onward()
    return work.show(
        "steps.html",
        title=_("When are the seven steps towards use done?"),
        intro=_("A plan that lives: days can be moved, and a step is marked as done on the product’s page, also after the decision and while it is in use."),
        seen=seen, plan=plan, errors=[seen, *plan],
    )  # fmt: skip


urls = [
    path("products/<int:pk>/software/data/", data, name="software-data"),
    path("products/<int:pk>/software/points/", points, name="software-points"),
    path("products/<int:pk>/software/steps/", steps, name="software-steps"),
]
