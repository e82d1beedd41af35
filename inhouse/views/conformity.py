"""Annex I at the door: the list of its requirements with their answers, and one page to answer one or several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from inhouse import conformity as rules
from inhouse import lifecycle, papers
from inhouse.dossier import Dossier, current
from inhouse.law.annex_one import Gspr, annex_one
from inhouse.models import Conformity, EvidenceDocument, UnmetRequirement
from inhouse.views import pages
from inhouse.views.software import Seen
from organisation import access
from organisation.access import Act
from organisation.doors import Request, door
from organisation.forms import Form
from organisation.models import User
from products.models import Product, Revision

Given = Conformity | UnmetRequirement
MET, NOT_APPLICABLE = Conformity.Answer.MET, Conformity.Answer.NOT_APPLICABLE
UNMET = "unmet"


def _may_answer(request: Request, product: Product, revision: Revision) -> bool:
    return access.may(request.user, Act.KEEP, product.scope) and revision.is_open and not product.is_ended


def _given(d: Dossier, revision: Revision) -> dict[str, Given]:
    """The answers by their numbers."""
    given: dict[str, Given] = {unmet.number: unmet for unmet in d.unmet_of(revision)}
    return given | {answer.number: answer for answer in d.conformities_of(revision)}


# --- the list


@dataclass(frozen=True)
class Row:
    """A row of the annex as it is listed. `covered` is the number of the whole whose answer counts for it."""

    gspr: Gspr
    given: Given | None
    covered: str
    is_answered: bool
    document: EvidenceDocument | None = None

    @property
    def is_open(self) -> bool:
        return self.gspr.is_requirement and not self.is_answered

    @property
    def kind(self) -> str:
        if self.given is None:
            return ""
        return self.given.answer if isinstance(self.given, Conformity) else UNMET


def _rows(d: Dossier, revision: Revision) -> list[Row]:
    annex, given = annex_one(revision.regulation), _given(d, revision)
    documents = {entry.pk: entry for entry in d.documents_of(revision)}
    rows = []
    for gspr in annex.rows:
        own, counts = given.get(gspr.number), annex.counts(gspr.number, given)
        shown = documents.get(own.evidence_id or 0) if isinstance(own, Conformity) else None
        rows.append(Row(gspr, own, "" if own else counts, annex.is_answered(gspr.number, given), shown))
    return rows


def _grouped(revision: Revision, rows: Sequence[Row], *, only_open: bool) -> list[dict[str, Any]]:
    """By chapter and by the whole they are part of; without what has its answer, when only the rest is wanted."""
    annex = annex_one(revision.regulation)
    chapters: dict[str, dict[str, list[Row]]] = {}
    for row in rows:
        *_between, whole = annex.line(row.gspr.number)
        chapters.setdefault(row.gspr.chapter, {}).setdefault(whole.number, []).append(row)
    return [
        {"title": annex.chapter(name), "name": name, "wholes": wholes}
        for name, found in chapters.items()
        if (
            wholes := [
                {
                    "row": whole,
                    "below": [row for row in below if row.is_open] if only_open else below,
                    "open": sum(row.is_open for row in below),
                }
                for whole, *below in found.values()
                if not only_open or any(row.is_open for row in (whole, *below))
            ]
        )
    ]


@door(Act.WORK, pages.product)
def conformity(request: Request, product: Product) -> HttpResponse:
    """Every requirement of Annex I with its answer, how many have one, and what the device suggests."""
    d = current(product)
    revision = pages.revision_shown(request, d)
    annex, rows = annex_one(revision.regulation), _rows(d, revision)
    only_open = "open" in request.GET
    unanswered = {row.gspr.number for row in rows if row.is_open}
    writes = _may_answer(request, product, revision)
    suggested = [
        (tag, annex.tag(tag), len(numbers))
        for tag, found in rules.suggested(revision).items()
        if (numbers := [gspr.number for gspr in found if gspr.number in unanswered])
    ]
    total = len(annex.requirements)
    return pages.show(
        request, product, "inhouse/conformity/page.html", d=d, revision=revision, writes=writes,
        chapters=_grouped(revision, rows, only_open=only_open), only_open=only_open,
        total=total, answered=total - len(unanswered), missing=len(unanswered),
        unconfirmed=sum(given.confirmed_on is None for given in _given(d, revision).values()),
        suggested=suggested if writes else [],
        elsewhere=[u for u in d.unmet_of(revision) if u.number not in annex.by_number],
        readable={
            row.document.pk for row in rows
            if row.document and papers.may_read(row.document.document, product.scope, by=request.user)
        },
    )  # fmt: skip


@require_POST
def _confirm(request: Request, product: Product) -> HttpResponse:
    def told(count: int) -> str:
        return ngettext(
            "%(count)s answer is confirmed for this revision.",
            "%(count)s answers are confirmed for this revision.",
            count,
        )

    pages.confirm(request, product, rules.confirm, told)
    return redirect("inhouse:conformity", product.pk)


confirm = door(Act.KEEP, pages.product)(_confirm)


# --- answering


class AnswerForm(Form):
    """One answer; what it needs beside it, the rule says."""

    answer = forms.ChoiceField(
        label=gettext_lazy("The answer"),
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose an answer.")},
    )
    evidence = forms.ModelChoiceField(
        label=gettext_lazy("Document that shows it"),
        queryset=EvidenceDocument.objects.none(),
        required=False,
        empty_label=gettext_lazy("no document"),
        help_text=gettext_lazy("One of the documents of this revision. Add it there first."),
    )
    where = forms.CharField(
        label=gettext_lazy("Where it is shown"),
        widget=forms.Textarea(attrs={"rows": 2}),
        required=False,
        help_text=gettext_lazy("For example the chapter of the document, a verification, a report or a standard that is followed. Needed where no document is chosen."),
    )  # fmt: skip
    reason = forms.CharField(
        label=gettext_lazy("Why it is not applicable"), widget=forms.Textarea(attrs={"rows": 2}), required=False
    )
    what = forms.CharField(
        label=gettext_lazy("What is not met"), widget=forms.Textarea(attrs={"rows": 2}), required=False
    )
    why = forms.CharField(
        label=gettext_lazy("Why, and how the risk is handled"), widget=forms.Textarea(attrs={"rows": 2}), required=False
    )
    asked_for = ("evidence", "where", "reason", "what", "why")

    def __init__(self, *args: Any, revision: Revision, alone: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(MET.value, _("Met")), (NOT_APPLICABLE.value, _("Not applicable"))]
        self.fields["answer"].choices = [*choices, *([(UNMET, _("Not fully met"))] if alone else [])]  # type: ignore[attr-defined]
        self.fields["evidence"].queryset = revision.evidence_documents.select_related("document")  # type: ignore[attr-defined]
        if not alone:
            del self.fields["what"], self.fields["why"]


def _held(given: Given | None) -> dict[str, Any]:
    """An answer as the form shows it."""
    if isinstance(given, UnmetRequirement):
        return {"answer": UNMET, "what": given.what, "why": given.why}
    if given is None:
        return {}
    return {"answer": given.answer, "evidence": given.evidence_id, "where": given.where, "reason": given.reason}


def _offered(request: Request, revision: Revision, given: dict[str, Given]) -> list[Gspr]:
    """The requirements a page is about: those named, or those that a tag suggests and nothing answers yet."""
    annex = annex_one(revision.regulation)
    if tag := request.GET.get("tag"):
        return [g for g in rules.suggested(revision).get(tag, []) if not annex.is_answered(g.number, given)]
    named = {*request.GET.getlist("n")}
    return [row for row in annex.rows if row.number in named and row.is_assessed]


@door(Act.WORK, pages.product, post=Act.KEEP)
def answer(request: Request, product: Product) -> HttpResponse:
    """Answer one requirement, or several alike."""
    if request.method == "POST":
        lifecycle.lock(product)
    d = current(product)
    revision = d.coming or d.working
    assert revision is not None
    given = _given(d, revision)
    offered = _offered(request, revision, given)
    sent = request.POST if request.method == "POST" else None
    if not offered or (sent is None and not _may_answer(request, product, revision)):
        return redirect("inhouse:conformity", product.pk)
    # what a tag suggests are several, ticked or not, also when a single one of them is left
    alone = offered[0] if len(offered) == 1 and not request.GET.get("tag") else None
    ticked = [alone.number] if alone else request.POST.getlist("n") if sent else [row.number for row in offered]
    own = given.get(alone.number) if alone else None
    form = AnswerForm(sent, revision=revision, alone=alone is not None, initial=_held(own))
    seen = Seen(request, [own] if own else [])
    if sent is not None and alone and "take_back" in sent:
        form = AnswerForm(initial=_held(own), revision=revision, alone=True)
        nothing = Form(sent)
        if (
            nothing.is_valid()
            and seen.is_valid()
            and pages.attempt(nothing, lambda: rules.take_back(revision, alone.number, by=request.user))
        ):
            return _onward(request, product, revision, alone)
        pages.complain(request, nothing)
    elif (
        form.is_valid()
        and seen.is_valid()
        and pages.attempt(
            form, lambda: _ask(revision, ticked, form.cleaned_data, anew=alone is not None, by=request.user)
        )
    ):
        return _onward(request, product, revision, alone)
    return pages.show(
        request, product, "inhouse/conformity/answer.html", d=d, revision=revision, form=form, seen=seen, alone=alone,
        own=own, offered=[(row, row.number in ticked) for row in offered], errors=[seen, form],
        refused=bool(form.errors or seen.errors),
    )  # fmt: skip


def _ask(revision: Revision, numbers: list[str], said: dict[str, Any], *, anew: bool, by: User) -> None:
    if said["answer"] == MET:
        rules.meet(revision, numbers, evidence=said["evidence"], where=said["where"], anew=anew, by=by)
    elif said["answer"] == NOT_APPLICABLE:
        rules.rule_out(revision, numbers, reason=said["reason"], anew=anew, by=by)
    else:
        rules.admit(revision, numbers[0], what=said["what"], why=said["why"], by=by)


def _onward(request: Request, product: Product, revision: Revision, alone: Gspr | None) -> HttpResponse:
    """To the next one without an answer, for whoever wants it; else back to the list, where one was."""
    messages.success(request, _("Saved."))
    listed = reverse("inhouse:conformity", args=[product.pk])
    if alone is None:
        return redirect(listed)
    if "next" in request.POST:
        d = current(product)
        annex = annex_one(revision.regulation)
        rest = annex.unanswered(d.numbers_answered(revision))
        place = annex.place(alone.number)
        following = next((row for row in rest if annex.place(row.number) > place), rest[0] if rest else None)
        if following:
            return redirect(
                f"{reverse('inhouse:conformity-answer', args=[product.pk])}?{urlencode({'n': following.number})}"
            )
    return redirect(f"{listed}#r-{alone.number}")


class StrikeForm(Form):
    number = forms.CharField(max_length=20)


@require_POST
def _strike(request: Request, product: Product) -> HttpResponse:
    """Take out what was listed under a number that the annex does not have; whatever it has is answered in its place."""
    form, revision = StrikeForm(request.POST), current(product).coming

    def strike() -> None:
        if revision is None:
            raise ValidationError(_("No revision is open."))
        rules.take_back(revision, form.cleaned_data["number"], by=request.user)

    if form.is_valid() and pages.attempt(form, strike):
        messages.success(request, _("Saved."))
    else:
        pages.complain(request, form)
    return redirect("inhouse:conformity", product.pk)


strike = door(Act.KEEP, pages.product)(_strike)


urls = [
    path("products/<int:pk>/conformity/", conformity, name="conformity"),
    path("products/<int:pk>/conformity/answer/", answer, name="conformity-answer"),
    path("products/<int:pk>/conformity/confirm/", confirm, name="conformity-confirm"),
    path("products/<int:pk>/conformity/strike/", strike, name="conformity-strike"),
]
