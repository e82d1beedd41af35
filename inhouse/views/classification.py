"""The risk class: one page to a group of rules, one to a rule with cases, the class itself, and what was considered.

In a proposal the pages stand in the guided frame; afterwards the same pages stand in the frame of the product.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import path
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inhouse import classification as rules
from inhouse import guide
from inhouse.dossier import Dossier, current
from inhouse.guide import Course, Stop
from inhouse.law.rules import SCOPES, Edition, Rule, edition, editions
from inhouse.models import Answer, Classification
from inhouse.views import guided, pages
from organisation import access
from organisation.access import Act
from organisation.doors import Request, door
from organisation.forms import Form
from products.models import Product, Revision

TITLES = {
    "non_invasive": gettext_lazy("Which rules for devices outside the body apply?"),
    "invasive": gettext_lazy("Which rules for devices that enter the body apply?"),
    "active": gettext_lazy("Which rules for active devices apply?"),
    "special": gettext_lazy("Which special rules apply?"),
    "ivd": gettext_lazy("Which rules for in vitro diagnostics apply?"),
}
SUGGESTED = {"MDR": (("is_software", "11"), ("is_implantable", "8"))}
"""Rules that a trait of the design suggests."""
YES_NO = [("yes", gettext_lazy("Yes")), ("no", gettext_lazy("No"))]


# --- the frame: guided in a proposal, the product's own afterwards


def _is_open(course: Course, request: Request) -> bool:
    """Whether this person can answer now."""
    product = course.product
    if product.stage == Product.Stage.PROPOSED:
        return guided.is_open(course, request.user)
    return not product.is_ended and course.revision.is_open and access.may(request.user, Act.KEEP, product.scope)


def _stops(course: Course) -> list[Stop]:
    """The pages of this part of the way; none where the way ends before it."""
    past_end = course.product.stage != Product.Stage.PROPOSED
    return [stop for stop in guide.way(course, past_end=past_end) if stop.part == "class"]


def _first(course: Course) -> str:
    """The address of the first page that is not done, else of the last; the summary where the way does not come here."""
    stops = _stops(course)
    if not stops:
        return Stop("assessment", "assessment").address(course.product)
    return next((stop for stop in stops if not stop.done), stops[-1]).address(course.product)


def _show(request: Request, course: Course, name: str, template: str, *, key: str = "", **context: Any) -> HttpResponse:
    product = course.product
    context["set"] = course.classification is not None and course.classification.is_finished
    if product.stage == Product.Stage.PROPOSED:
        frame = "inhouse/guide/frame.html"
        return guided.show(
            request, product, course, name, f"classification/{template}", key=key, frame=frame, guided=True, **context
        )
    if request.method != "POST" and not _is_open(course, request):
        return redirect("inhouse:class", product.pk)
    if guide.position(_stops(course), name, key) is None:
        return redirect("inhouse:class", product.pk)
    context["refused"] = any(form.errors for form in context.get("errors", []))
    return pages.show(
        request, product, f"inhouse/classification/{template}", frame="inhouse/product.html", revision=course.revision,
        **context,
    )  # fmt: skip


def _onward(request: Request, product: Product, name: str, key: str = "") -> HttpResponse:
    """After saving: the next page of the way; of a product that is decided on, the next of this part and then its page."""
    if product.stage == Product.Stage.PROPOSED:
        return guided.onward(request, product, name, key)
    if "leave" in request.POST:
        messages.success(request, _("Saved. You can go on whenever you like."))
        return redirect("inhouse:class", product.pk)
    course = guide.read(product)
    stops = _stops(course)
    here = guide.position(stops, name, key)
    if here is None or here + 1 == len(stops):
        return redirect("inhouse:class", product.pk)
    return redirect(stops[here + 1].address(product))


def _edition(course: Course) -> Edition:
    return edition(course.revision.regulation, course.classification.edition if course.classification else None)


@dataclass(frozen=True)
class Place:
    """A product and what an address names beside it: a group of rules, or a rule."""

    product: Product
    key: str

    @property
    def scope(self) -> access.Scope:
        return self.product.scope


def group(pk: int, key: str) -> Place:
    if not any(key in scopes for scopes in SCOPES.values()):
        raise Http404
    return Place(pages.product(pk), key)


def one_rule(pk: int, key: str) -> Place:
    if not any(rule.id == key for name in SCOPES for each in editions(name) for rule in each.rules):
        raise Http404
    return Place(pages.product(pk), key)


# --- what is asked


class DrivenForm(Form):
    """Does the software drive a device, which one, and what is its class?"""

    use_required_attribute = False
    drives = forms.ChoiceField(
        label=gettext_lazy("Does the software drive a device, or influence its use?"),
        choices=YES_NO,
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Answer yes or no.")},
        help_text=gettext_lazy("An accessory that drives nothing is classified in its own right: answer no."),
    )
    driven_device = forms.CharField(
        label=gettext_lazy("The device that it drives or influences"), max_length=200, required=False
    )
    driven_class = forms.ChoiceField(label=gettext_lazy("Class of that device"), required=False)

    def __init__(self, course: Course, data: Mapping[str, Any] | None) -> None:
        walk = course.classification
        given: dict[str, Any] = {}
        if walk and walk.drives is not None:
            given = {
                "drives": "yes" if walk.drives else "no",
                "driven_device": walk.driven_device,
                "driven_class": walk.driven_class,
            }
        super().__init__(data, initial=given)
        classes = Revision.RiskClass.of[course.revision.regulation]
        self.fields["driven_class"].choices = [("", "–"), *((each, each) for each in classes)]  # type: ignore[attr-defined]


class RulesForm(Form):
    """The rules of a group; what is ticked applies, what is not does not."""

    use_required_attribute = False
    rules = forms.MultipleChoiceField(
        label=gettext_lazy("These apply"), widget=forms.CheckboxSelectMultiple, required=False
    )

    def __init__(self, asked: list[Rule], course: Course, data: Mapping[str, Any] | None) -> None:
        answers = course.class_answers
        chosen = [rule.id for rule in asked if rule.key in answers and answers[rule.key].is_yes]
        self.suggested = [] if any(rule.key in answers for rule in asked) else _suggested(asked, course)
        super().__init__(data, initial={"rules": chosen or [rule.id for rule, _trait in self.suggested]})
        field = self.fields["rules"]
        field.required, field.asked = False, True  # type: ignore[attr-defined]
        field.choices = [  # type: ignore[attr-defined]
            (
                rule.id,
                format_html(
                    "<strong>{}</strong> {}",
                    _("Rule %(rule)s. %(title)s.") % {"rule": rule.id, "title": rule.title},
                    rule.applies_when,
                ),
            )
            for rule in asked
        ]
        field.help_text = _("Tick every rule that fits; leave all blank if none does.")


def _suggested(asked: list[Rule], course: Course) -> list[tuple[Rule, str]]:
    """The rules of a group that the design suggests, each with the trait it comes from."""
    revision, walk = course.revision, course.classification
    found = []
    for trait, rule in SUGGESTED.get(revision.regulation, ()):
        drives = rule == "11" and walk is not None and walk.drives
        has = getattr(revision, trait) or (trait == "is_software" and course.is_software)
        if has and not drives:
            label = str(Revision._meta.get_field(trait).verbose_name)  # type: ignore[union-attr]
            found += [(each, label) for each in asked if each.id == rule]
    return found


class CasesForm(Form):
    """The cases of a rule that a person judges, and why."""

    use_required_attribute = False
    cases = forms.MultipleChoiceField(
        label=gettext_lazy("These cases fit"), widget=forms.CheckboxSelectMultiple, required=False
    )
    reason = forms.CharField(
        label=gettext_lazy("Why these cases, and not the others"),
        widget=forms.Textarea(attrs={"rows": 3}),
        required=False,
        max_length=4000,
    )

    def __init__(self, rule: Rule, answers: Mapping[str, Answer], data: Mapping[str, Any] | None) -> None:
        chosen = [branch.id for branch in rule.asked if branch.id in answers and answers[branch.id].is_yes]
        why = answers[rule.key].reason if rule.key in answers else ""
        super().__init__(data, initial={"cases": chosen, "reason": why})
        field = self.fields["cases"]
        field.asked = True  # type: ignore[attr-defined]
        field.choices = [  # type: ignore[attr-defined]
            (
                branch.id,
                f"{branch.text} {', '.join(branch.markers)}" if branch.markers else branch.text,
            )
            for branch in rule.asked
        ]
        field.help_text = (
            _("Tick every case that fits. If none does, the ground case of the rule holds.")
            if any(branch.ground for branch in rule.branches)
            else _("Tick every case that fits. If none does, the rule gives no class.")
        )


class ClassReasonForm(Form):
    use_required_attribute = False
    reason = forms.CharField(
        label=gettext_lazy("Why it has this class"),
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=gettext_lazy(
            "In your own words, from the intended purpose. This stands in the technical documentation."
        ),
    )


class ReasonForm(Form):
    reason = forms.CharField(label=gettext_lazy("Reason"), widget=forms.Textarea)


class OverruleForm(ReasonForm):
    field_order = ("risk_class", "reason")
    risk_class = forms.ChoiceField(label=gettext_lazy("Class"))

    def __init__(self, classes: Iterable[str], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["risk_class"].choices = [(each, each) for each in classes]  # type: ignore[attr-defined]


# --- the pages of the way


@door(Act.WORK, pages.product, post=Act.ASSESS)
def driven(request: Request, product: Product) -> HttpResponse:
    """The device that software drives or influences, and its class."""
    course = guided.locked(request, product)
    form = DrivenForm(course, guided.typed(request))
    if guided.sent(request, form):
        given = form.cleaned_data

        def save() -> None:
            rules.drive(
                course.revision,
                given["drives"] == "yes",
                device=given["driven_device"],
                risk_class=given["driven_class"],
                by=request.user,
            )

        if pages.attempt(form, save):
            return _onward(request, course.product, "class-driven")
    return _show(
        request, course, "class-driven", "driven.html", title=_("Which device does the software belong to?"),
        sources=guided.rests_on("SW-06"), form=form, errors=[form],
    )  # fmt: skip


@door(Act.WORK, group, post=Act.ASSESS)
def rules_of(request: Request, place: Place) -> HttpResponse:
    """The rules of a group: which apply?"""
    course = guided.locked(request, place.product)
    asked = [rule for rule in _edition(course).rules if rule.scope == place.key]
    form = RulesForm(asked, course, guided.typed(request))
    if guided.sent(request, form):
        chosen = form.cleaned_data["rules"]

        def save() -> None:
            applies = {rule.id: rule.id in chosen for rule in asked}
            gone = rules.answer_rules(course.revision, place.key, applies, by=request.user)
            if gone:
                messages.warning(
                    request,
                    _("Removed, as the rule no longer applies: the answers to the cases of rule %(rules)s.")
                    % {"rules": ", ".join(rule.id for rule in gone)},
                )

        if pages.attempt(form, save):
            return _onward(request, course.product, "class-rules", place.key)
    return _show(
        request, course, "class-rules", "rules.html", key=place.key, title=TITLES[place.key],
        sources=[_edition(course).source], form=form, errors=[form],
    )  # fmt: skip


@door(Act.WORK, one_rule, post=Act.ASSESS)
def rule(request: Request, place: Place) -> HttpResponse:
    """The cases of one rule that applies: which fit?"""
    course = guided.locked(request, place.product)
    asked = next((each for each in _edition(course).rules if each.id == place.key), None)
    if asked is None:
        raise Http404
    form = CasesForm(asked, course.class_answers, guided.typed(request))
    if guided.sent(request, form):
        chosen, reason = form.cleaned_data["cases"], form.cleaned_data["reason"]
        fits = {branch.id: branch.id in chosen for branch in asked.asked}
        if pages.attempt(
            form, lambda: rules.answer_rule(course.revision, asked.id, fits, reason=reason, by=request.user)
        ):
            return _onward(request, course.product, "class-rule", place.key)
    source = _("%(annex)s, section %(section)s") % {"annex": _edition(course).source, "section": asked.section}
    return _show(
        request, course, "class-rule", "rule.html", key=place.key,
        title=_("Rule %(rule)s: %(title)s") % {"rule": asked.id, "title": asked.title},
        sources=[source], rule=asked, form=form, errors=[form],
    )  # fmt: skip


@door(Act.WORK, pages.product, post=Act.ASSESS)
def result(request: Request, product: Product) -> HttpResponse:
    """The class that the answers give, the rule that decides, and why."""
    course = guided.locked(request, product)
    walk, answers = course.classification, list(course.class_answers.values())
    form = ClassReasonForm(guided.typed(request), initial={"reason": walk.reason if walk else ""})
    if walk and walk.is_finished:
        if request.method == "POST":  # nothing is asked any more: onward
            return _onward(request, course.product, "class-result")
    elif request.method == "POST" and "leave" in request.POST:
        return _onward(request, course.product, "class-result")
    elif guided.sent(request, form) and pages.attempt(
        form, lambda: rules.finish(course.revision, reason=form.cleaned_data["reason"], by=request.user)
    ):
        messages.success(request, _("The risk class is set."))
        return _onward(request, course.product, "class-result")
    may_drive = any(stop.name == "class-driven" for stop in _stops(course))
    missing = [] if walk and walk.is_finished else rules.missing(course.revision, walk, answers, may_drive=may_drive)
    return _show(
        request, course, "class-result", "result.html", title=_("Which class is it?"),
        sources=guided.rests_on("SW-06"), form=form, errors=[form], missing=missing,
        told=_told(walk, course.class_answers) if walk else None,
        may_overrule=walk is not None and access.may(request.user, Act.OVERRULE, product.scope),
    )  # fmt: skip


# --- what was considered


@dataclass(frozen=True)
class Line:
    """A rule that was considered, with its answer, and what it gives where it applies."""

    rule: Rule
    answer: Answer | None
    fit: rules.Fit | None
    unfit: list[str]


@dataclass(frozen=True)
class Told:
    """One walk, to be read: what it gives, and every rule under the edition it was walked in."""

    walk: Classification
    source: str
    result: rules.Result
    deciding: str
    applying: list[Line]
    others: list[Line]

    @property
    def unfit(self) -> bool:
        return any(line.unfit for line in self.applying)


def _told(walk: Classification, answers: Mapping[str, Answer]) -> Told:
    asked = edition(walk.regulation, walk.edition)
    found = rules.outcome(walk, answers.values())
    fits = {fit.rule.id: fit for fit in found.fits}
    lines = [
        Line(
            each,
            answers.get(each.key),
            fits.get(each.id),
            [branch.text for branch in each.asked if branch.id in answers and not answers[branch.id].is_yes],
        )
        for each in asked.rules
    ]
    named = {each.id: each.title for each in asked.rules}
    follows = _("software takes the class of the device that it drives")
    return Told(
        walk,
        asked.source,
        found,
        named.get(walk.deciding_rule or found.deciding_rule, follows),
        [line for line in lines if line.fit],
        [line for line in lines if line.answer and not line.fit],
    )


@door(Act.WORK, pages.product)
def page(request: Request, product: Product) -> HttpResponse:
    """The class of a revision with everything that was considered; in a proposal that is open, the questions."""
    if product.stage == Product.Stage.PROPOSED:
        course = guide.read(product)
        if guided.is_open(course, request.user):
            return redirect(_first(course))
    d = current(product)
    revision = pages.revision_shown(request, d)
    walks = [walk for walk in d.classifications if walk.revision_id == revision.pk]
    standing = next((walk for walk in walks if not walk.reopened_on), None)
    return pages.show(
        request, product, "inhouse/classification/page.html", d=d, revision=revision,
        told=_told(standing, d.class_answers(standing)) if standing else None,
        earlier=[_told(walk, d.class_answers(walk)) for walk in reversed(walks) if walk.reopened_on],
        **_next(request, d, revision, standing),
    )  # fmt: skip


def _next(request: Request, d: Dossier, revision: Revision, standing: Classification | None) -> dict[str, Any]:
    """What this person can do on the page."""
    course = guide.of(d) if d.assessment else None
    changes = course is not None and revision.pk == course.revision.pk and _is_open(course, request)
    undecided = d.product.stage == Product.Stage.PROPOSED and (course is None or course.assessment.is_submitted)
    changeable = revision.is_open and not d.product.is_ended and not undecided
    finished = standing is not None and standing.is_finished
    return {
        "walk_on": _first(course) if course and changes and not finished else "",
        "may_reopen": changes and finished,
        "may_overrule": changeable and standing is not None and access.may(request.user, Act.OVERRULE, d.product.scope),
    }


# --- taking it back, and the expert's class


def _latest(product: Product) -> Revision:
    revision = Revision.objects.filter(product=product).latest("number")
    revision.product = product
    return revision


@door(Act.WORK, pages.product, post=Act.ASSESS)
def reopen(request: Request, product: Product) -> HttpResponse:
    """Take the class back, with the reason."""
    form = ReasonForm(request.POST or None)
    if guided.sent(request, form) and pages.attempt(
        form, lambda: rules.reopen(_latest(product), reason=form.cleaned_data["reason"], by=request.user)
    ):
        messages.success(
            request, _("Re-opened. Your earlier answers are filled in; go through them and set the class.")
        )
        return redirect("inhouse:class", product.pk)
    return pages.show(request, product, "inhouse/classification/reopen.html", form=form)


@door(Act.OVERRULE, pages.product)
def overrule(request: Request, product: Product) -> HttpResponse:
    """An expert sets another class than the rules give, or lets theirs hold again."""
    revision = _latest(product)
    classes = Revision.RiskClass.of[revision.regulation]
    form = OverruleForm(classes, request.POST if request.method == "POST" and "undo" not in request.POST else None)
    undo = Form(request.POST if "undo" in request.POST else None)
    if "undo" in request.POST:
        if undo.is_valid() and pages.attempt(undo, lambda: rules.undo_override(revision, by=request.user)):
            messages.success(request, _("The class by the rules holds again."))
            return redirect("inhouse:class", product.pk)
    elif guided.sent(request, form) and pages.attempt(
        form,
        lambda: rules.override(
            revision, form.cleaned_data["risk_class"], reason=form.cleaned_data["reason"], by=request.user
        ),
    ):
        messages.success(request, _("The class is set by an expert."))
        return redirect("inhouse:class", product.pk)
    walk = Classification.objects.filter(revision=revision, reopened_on=None).select_related("override_by").first()
    return pages.show(
        request, product, "inhouse/classification/overrule.html", form=form, undo=undo, walk=walk, revision=revision
    )


at = "products/<int:pk>/class/"
urls = [
    path(at, page, name="class"),
    path(f"{at}device/", driven, name="class-driven"),
    path(f"{at}rules/<slug:key>/", rules_of, name="class-rules"),
    path(f"{at}rule/<slug:key>/", rule, name="class-rule"),
    path(f"{at}result/", result, name="class-result"),
    path(f"{at}reopen/", reopen, name="class-reopen"),
    path(f"{at}overrule/", overrule, name="class-overrule"),
]
