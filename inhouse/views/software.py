"""Software at the door: pages of the way while it is proposed, of the product afterwards."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import models
from django.forms import formset_factory
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inhouse import guide, lifecycle
from inhouse import software as rules
from inhouse.dossier import Dossier, current
from inhouse.law.software import Entry
from inhouse.law.software import software as law
from inhouse.models import SoftwareModule, SoftwarePlan, SoftwareTest
from inhouse.views import guided, pages
from organisation import access, clock
from organisation.access import Act
from organisation.doors import Request, door
from organisation.forms import EditForm, Form
from products.models import Product, Revision

YES_NO = [("yes", gettext_lazy("Yes")), ("no", gettext_lazy("No"))]


def _is_yes(value: str) -> bool:
    return value == "yes"


class YesNo(forms.TypedChoiceField):
    """Yes, no, or not answered (None). Whether it must be answered, the form says."""

    widget = forms.RadioSelect

    def __init__(self, **given: Any) -> None:
        super().__init__(choices=YES_NO, coerce=_is_yes, empty_value=None, **{"required": False, **given})

    def prepare_value(self, value: Any) -> Any:
        return {True: "yes", False: "no"}.get(value, value)


# --- the frame


class Work:
    """One page about the software: in the guided frame while the product is proposed, in the product's afterwards.

    `living` pages stay open when the revision is signed, as long as the product lives.
    """

    def __init__(self, request: Request, product: Product, name: str, *, living: bool = False) -> None:
        self.request, self.product, self.name = request, product, name
        if request.method == "POST":
            product.stage = lifecycle.lock(product).stage
        self.course: guide.Course | None = None
        self.d: Dossier | None = None
        if product.stage == Product.Stage.PROPOSED:
            self.course = guide.read(product)
            self.revision: Revision = self.course.revision
            self.is_open = guided.is_open(self.course, request.user)
        else:
            self.d = current(product)
            assert self.d.working
            self.revision = self.d.working
            lives = self.revision.is_open or (living and self.revision.stage not in rules.ENDED)
            may = access.may(request.user, Act.KEEP, product.scope)
            self.is_open = may and lives and not product.is_ended and self.revision.is_software

    @property
    def leaving(self) -> bool:
        """Whether the person goes on another day: what is there is taken, what is missing is not asked for."""
        return bool({"leave", "more"} & self.request.POST.keys())

    def show(
        self, template: str, *, title: Any, intro: Any, demands: Sequence[str] = (), **context: Any
    ) -> HttpResponse:
        context |= {
            "title": title,
            "intro": intro,
            "sources": guided.rests_on(*demands),
            "guided": self.course is not None,
        }
        if self.course is not None:
            return guided.show(
                self.request, self.product, self.course, self.name, f"software/{template}",
                frame="inhouse/guide/frame.html", revision=self.revision, **context,
            )  # fmt: skip
        if not self.is_open and self.request.method != "POST":
            return redirect("inhouse:software", self.product.pk)
        context["refused"] = any(form.errors for form in context.get("errors", []))
        return pages.show(
            self.request, self.product, f"inhouse/software/{template}", d=self.d, revision=self.revision,
            frame="inhouse/product.html", back=reverse("inhouse:software", args=[self.product.pk]), **context,
        )  # fmt: skip

    def elsewhere(self) -> HttpResponse:
        """To the page above, when this one has nothing to ask."""
        return redirect("inhouse:assessment" if self.course else "inhouse:software", self.product.pk)

    def onward(self) -> HttpResponse:
        """After saving: the next page of the way, or the product's page; the same page for whoever wants more lines."""
        if "more" in self.request.POST:
            return redirect(f"inhouse:{self.name}", self.product.pk)
        if self.course is not None:
            return guided.onward(self.request, self.product, self.name)
        messages.success(self.request, _("Saved."))
        return redirect("inhouse:software", self.product.pk)


class Seen(Form):
    """What was there when a list was shown. If it changed meanwhile, nothing is saved before the person saves again."""

    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, request: Request, rows: Iterable[models.Model]) -> None:
        values = [[field.value_from_object(row) for field in row._meta.concrete_fields] for row in rows]
        self.mark = hashlib.sha256(repr(values).encode()).hexdigest()[:16]
        super().__init__(guided.typed(request), initial={"seen": self.mark})

    def clean(self) -> None:
        given = self.cleaned_data.get("seen")
        if given and given != self.mark:
            data = self.data.copy()  # type: ignore[attr-defined]
            data["seen"] = self.mark
            self.data = data
            raise ValidationError(
                _("Someone changed this while you were writing. Nothing of yours is lost: look at what is saved, and save again to replace it.")
            )  # fmt: skip


def named(name: str, rows: Iterable[Any]) -> dict[str, Any]:
    """The rows by what tells them apart."""
    return {getattr(row, name): row for row in rows}


# --- the early questions, and the kind of AI


class EarlyForm(EditForm[SoftwarePlan]):
    use_required_attribute = False
    is_ai = YesNo(
        label=gettext_lazy("It is artificial intelligence"),
        help_text=gettext_lazy("Its output comes from a model that was trained on data or infers from them, and not only from rules that people wrote."),
    )  # fmt: skip
    field_order = (
        "develops_algorithm", "collects_data", "device_since", "is_ai", "is_high_risk", "high_risk_reason",
    )  # fmt: skip

    class Meta:
        model = SoftwarePlan
        fields = ("develops_algorithm", "collects_data", "device_since", "is_high_risk", "high_risk_reason")
        widgets = {
            "develops_algorithm": forms.RadioSelect,
            "collects_data": forms.RadioSelect,
            "is_high_risk": forms.RadioSelect,
        }

    def __init__(self, *args: Any, unfinished: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("develops_algorithm", "collects_data", "device_since", "is_ai"):
            self.fields[name].required = not unfinished
        self.fields["is_high_risk"].required = False
        self.fields["is_high_risk"].help_text = _("Made in-house it is not, unless something else makes it so.")
        self.fields["high_risk_reason"].help_text = _("Left empty, this is written: %(reason)s") % {
            "reason": law().in_house.reason
        }


@door(Act.WORK, pages.product, post=Act.ASSESS)
def early(request: Request, product: Product) -> HttpResponse:
    """Whether something is still being developed, from when it is treated as a device, and which kind of AI it is."""
    work = Work(request, product, "software-early")
    row: SoftwarePlan | None = getattr(work.revision, "software_plan", None)
    form = EarlyForm(
        guided.typed(request),
        instance=row or SoftwarePlan(revision=work.revision),
        initial={"is_ai": work.revision.is_ai if row or work.revision.is_ai else None},
        unfinished=work.leaving,
    )
    if guided.sent(request, form):
        values = form.values | {"is_ai": bool(form.cleaned_data["is_ai"])}
        values["is_high_risk"] = bool(values["is_high_risk"])
        if pages.attempt(form, lambda: rules.plan(work.revision, **values, by=request.user)):
            if values["is_ai"] and values["is_high_risk"]:
                messages.warning(request, _("High-risk AI needs advice: ask a competent adviser before you go on."))
            return work.onward()
    return work.show(
        "early.html",
        title=_("Since when is it a device, and is it AI?"),
        intro=_("Software grows into a device: the rules for devices are followed from when it is meant for a medical purpose, also while it is developed."),
        demands=("SW-13",), form=form, errors=[form], law=law(),
    )  # fmt: skip


# --- modules


class ModuleForm(Form):
    use_required_attribute = False
    name = forms.CharField(label=gettext_lazy("Module"), max_length=200)
    purpose = forms.CharField(label=gettext_lazy("Purpose"), widget=forms.Textarea(attrs={"rows": 2}))
    is_device = YesNo(
        label=gettext_lazy("It is a medical device"),
        required=True,
        error_messages={"required": gettext_lazy("Choose an answer.")},
    )
    risk_class = forms.ChoiceField(label=gettext_lazy("Risk class"), required=False)
    marking = forms.CharField(
        label=gettext_lazy("How it is identified as a device"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("For example by name and version in its window. Class and identification are needed of a device, and of nothing else."),
    )  # fmt: skip
    interfaces = forms.CharField(
        label=gettext_lazy("Interfaces"), widget=forms.Textarea(attrs={"rows": 2}), required=False
    )
    effect = forms.CharField(
        label=gettext_lazy("Effect on the other modules"),
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=gettext_lazy("What a fault in this one does to the others, and why it cannot harm those that are devices."),
    )  # fmt: skip

    def __init__(self, *args: Any, regulation: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        classes = [("", "–"), *((each, each) for each in Revision.RiskClass.of[regulation])]
        self.fields["risk_class"].choices = classes  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        device, given = self.cleaned_data.get("is_device"), self.cleaned_data
        if device and not given.get("risk_class"):
            self.add_error("risk_class", _("A device has a risk class."))
        if device and not given.get("marking"):
            self.add_error("marking", _("Say how it is identified as a device."))
        if device is False and given.get("risk_class"):
            self.add_error("risk_class", _("Only a device has a risk class."))
        return given


ModuleForms = formset_factory(ModuleForm, extra=1, can_delete=True, max_num=200)


@door(Act.WORK, pages.product, post=Act.ASSESS)
def modules(request: Request, product: Product) -> HttpResponse:
    """What the software is made of: which modules are devices, and how each bears on the others."""
    work = Work(request, product, "software-modules")
    rows = list(SoftwareModule.objects.filter(revision=work.revision))
    seen = Seen(request, rows)
    lines = ModuleForms(
        guided.typed(request), prefix="modules", form_kwargs={"regulation": work.revision.regulation},
        initial=[{name: getattr(row, name) for name in ModuleForm.base_fields} for row in rows],
    )  # fmt: skip
    if guided.sent(request, seen, *lines.forms) and lines.is_valid():
        wanted: list[Any] = [
            {name: value for name, value in line.items() if name != "DELETE"}
            for line in lines.cleaned_data
            if line.get("name") and not line.get("DELETE")
        ]
        if pages.attempt(
            seen, lambda: rules.compose_modules(work.revision, wanted, unfinished=work.leaving, by=request.user)
        ):
            return work.onward()
    return work.show(
        "modules.html",
        title=_("Which modules does it have?"),
        intro=_("Software can hold modules that are devices and modules that are not. Those that are follow the rules for devices and are clearly marked; the others must not harm them."),
        demands=("SW-04",), seen=seen, lines=lines, saved=rows, errors=[seen, *lines.forms], examples=law().examples,
    )  # fmt: skip


# --- tests


class TestForm(Form):
    """How one kind is tested, or why it is not relevant."""

    use_required_attribute = False
    is_relevant = YesNo(label=gettext_lazy("Relevant"))
    plan = forms.CharField(
        label=gettext_lazy("Plan"),
        widget=forms.Textarea(attrs={"rows": 2}),
        required=False,
        help_text=gettext_lazy("What is tested, how, and what counts as passed."),
    )
    standard = forms.CharField(label=gettext_lazy("Standard or specification"), max_length=200, required=False)
    reason = forms.CharField(
        label=gettext_lazy("Why it is not relevant"), widget=forms.Textarea(attrs={"rows": 2}), required=False
    )

    def __init__(self, entry: Entry, row: SoftwareTest | None, data: Any, *, unfinished: bool) -> None:
        names = ("is_relevant", "plan", "standard", "reason")
        super().__init__(data, prefix=entry.id, initial={name: getattr(row, name) for name in names} if row else {})
        self.entry, self.unfinished = entry, unfinished

    @property
    def answered(self) -> bool:
        return self.cleaned_data.get("is_relevant") is not None

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        begun = any(given.get(name) for name in ("plan", "standard", "reason"))
        if not self.answered and (begun or not self.unfinished):
            self.add_error("is_relevant", _("Choose an answer."))
        if given.get("is_relevant") and not given.get("plan"):
            self.add_error("plan", _("Say how it is tested."))
        if given.get("is_relevant") is False and not given.get("reason"):
            self.add_error("reason", _("Say why it is not relevant."))
        return given


@door(Act.WORK, pages.product, post=Act.ASSESS)
def tests(request: Request, product: Product) -> HttpResponse:
    """The seven kinds of pre-clinical test: planned, or not relevant with the reason."""
    work = Work(request, product, "software-tests")
    rows = list(SoftwareTest.objects.filter(revision=work.revision))
    planned, seen = named("kind", rows), Seen(request, rows)
    kinds = [
        TestForm(entry, planned.get(entry.id), guided.typed(request), unfinished=work.leaving) for entry in law().tests
    ]
    if guided.sent(request, seen, *kinds):
        wanted: Mapping[str, Any] = {form.entry.id: form.cleaned_data for form in kinds if form.answered}
        if pages.attempt(
            seen, lambda: rules.plan_tests(work.revision, wanted, unfinished=work.leaving, by=request.user)
        ):
            return work.onward()
    return work.show(
        "tests.html",
        title=_("How is it tested before patients meet it?"),
        intro=_("Seven kinds of test are planned, by standards and common specifications that fit. What does not concern this software is ruled out with a reason."),
        demands=("SW-14",), seen=seen, kinds=kinds, errors=[seen, *kinds],
    )  # fmt: skip


# --- the product's own page


class DoneForm(Form):
    done_on = forms.DateField(label=gettext_lazy("Done on"))
    note = forms.CharField(label=gettext_lazy("Note"), required=False, max_length=1000)


@door(Act.WORK, pages.product, post=Act.ASSESS)
def software(request: Request, product: Product) -> HttpResponse:
    """Everything about the software, with the live plan. While it can be answered, the first page of the way that is open."""
    if request.method == "POST":
        return _step(request, product)
    if product.stage == Product.Stage.PROPOSED:
        course = guide.read(product)
        if guided.is_open(course, request.user):
            own = [stop for stop in guide.way(course) if stop.part == "software"]
            if not own:
                return redirect("inhouse:assessment", product.pk)
            return redirect(next((stop for stop in own if not stop.done), own[0]).address(product))
    d = current(product)
    revision = pages.revision_shown(request, d)
    if not revision.is_software:
        return redirect("inhouse:product", product.pk)
    return pages.show(
        request, product, "inhouse/software/page.html", d=d, revision=revision, law=law(), **_written(d, revision),
        **_doors(request, product, revision),
    )  # fmt: skip


def _written(d: Dossier, revision: Revision) -> dict[str, Any]:
    """What is written about the software of a revision, in the order of the law's data."""

    def own(rows: Iterable[Any]) -> list[Any]:
        return [row for row in rows if row.revision_id == revision.pk]

    kinds, answered = named("kind", own(d.software_tests)), named("point", own(d.ai_points))
    planned = named("step", own(d.ai_steps))
    steps = [(entry, planned.get(entry.id)) for entry in law().steps]
    return {
        "plan": next(iter(own(d.software_plans)), None),
        "modules": own(d.software_modules),
        "tests": [(entry, kinds.get(entry.id)) for entry in law().tests],
        "data_sets": own(d.data_sets),
        "points": [(entry, answered.get(entry.id)) for entry in law().checklist],
        "steps": [(entry, row, bool(row and row.is_late(d.on))) for entry, row in steps],
        "late": sum(bool(row and row.is_late(d.on)) for _entry, row in steps),
        "today": clock.today(),
    }


def _doors(request: Request, product: Product, revision: Revision) -> dict[str, bool]:
    """What this person can change: the design while it is open, the plan as long as it lives."""
    may = product.stage != Product.Stage.PROPOSED and access.may(request.user, Act.KEEP, product.scope)
    lives = may and not product.is_ended
    return {
        "writes": lives and revision.is_open,
        "plans": lives and revision.stage not in rules.ENDED,
    }


def _step(request: Request, product: Product) -> HttpResponse:
    """A step of the plan is done, or not done after all."""
    revision = pages.revision_shown(request, current(product))
    form = Form(request.POST)
    if step := request.POST.get("done", ""):
        form = DoneForm(request.POST)
        if form.is_valid() and pages.attempt(
            form, lambda: rules.do_step(revision, step, **form.cleaned_data, by=request.user)
        ):
            messages.success(request, _("The step is done."))
    elif again := request.POST.get("reopen", ""):
        form.is_valid()
        if pages.attempt(form, lambda: rules.reopen_step(revision, again, by=request.user)):
            messages.success(request, _("The step is open again."))
    pages.complain(request, form)
    return redirect(reverse("inhouse:software", args=[product.pk]) + "#plan")


urls = [
    path("products/<int:pk>/software/", software, name="software"),
    path("products/<int:pk>/software/early/", early, name="software-early"),
    path("products/<int:pk>/software/modules/", modules, name="software-modules"),
    path("products/<int:pk>/software/tests/", tests, name="software-tests"),
]
