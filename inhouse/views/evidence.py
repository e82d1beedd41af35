"""What is written about a revision, and what was examined: documents, verifications, validations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.defaultfilters import filesizeformat
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_POST

from documents import kinds
from documents.models import Document
from inhouse import evidence as rules
from inhouse import papers
from inhouse.dossier import Dossier, current
from inhouse.models import EvidenceDocument, EvidenceRecord
from inhouse.views import pages
from inhouse.views.papers import uploaded
from organisation import clock
from organisation.access import Act
from organisation.alphabet import by
from organisation.doors import Request, door
from organisation.forms import Form, ModelForm
from products.models import Product, Revision

Group = EvidenceDocument.Group
FIVE = (Group.FACILITY, Group.PROCESS, Group.DESIGN, Group.PERFORMANCE, Group.PURPOSE)
WHAT: dict[str, Any] = {
    Group.FACILITY: gettext_lazy("Where it is made: rooms, machines, environment."),
    Group.PROCESS: gettext_lazy("How it is made, step by step, and how that is controlled."),
    Group.DESIGN: gettext_lazy("Drawings, models, source code, specifications, parts."),
    Group.PERFORMANCE: gettext_lazy("What it can do: measurements, tests, data on performance."),
    Group.PURPOSE: gettext_lazy("What it is for, for whom, and within which limits."),
    Group.RISK: gettext_lazy("The risk management file: plan, analysis, measures, report."),
    Group.CLINICAL: gettext_lazy("What is known from clinical use and literature, and what follows from it."),
    Group.USER_INFORMATION: gettext_lazy("Instructions for use, training material, safety information."),
    Group.OTHER: gettext_lazy("Whatever else belongs to the revision."),
}


# --- fetching


def entry(pk: int) -> EvidenceDocument:
    """A document of a revision, or 404."""
    return get_object_or_404(
        EvidenceDocument.objects.select_related(
            "document__file", "document__uploaded_by", "revision__product__unit__administration",
            "revision__product__owner", "revision__product__proposed_by",
        ),
        pk=pk,
    )  # fmt: skip


# --- documents


class DocumentForm(ModelForm[Document]):
    file = forms.FileField(label=gettext_lazy("File"), allow_empty_file=True)

    class Meta:
        model = Document
        fields = ("title", "version", "reference", "language", "valid_from", "confidential", "note")
        widgets = {"note": forms.Textarea(attrs={"rows": 2})}
        help_texts = {
            "confidential": gettext_lazy(
                "Opened only by people with a role in the administration, and by the product owner."
            ),
        }

    field_order = ("group", "file")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["file"].help_text = _("At most %(limit)s. Accepted are: %(accepted)s.") % {
            "limit": filesizeformat(settings.UPLOAD_LIMIT),
            "accepted": ", ".join(str(kind.label) for kind in kinds.KINDS.values()),
        }

    def remind(self) -> None:
        """A browser does not keep a chosen file when a form comes back."""
        if self.errors and self.files and not self.has_error("file"):
            self.add_error(
                "file", _("Choose the file again: the browser does not keep it. Everything else is still here.")
            )


class NewDocumentForm(DocumentForm):
    group = forms.ChoiceField(label=gettext_lazy("Group"), choices=Group.choices)


def _about_file(act: Callable[[], Any]) -> Callable[[], Any]:
    """The rule, with what it says about the file said beside the field."""

    def wrapped() -> Any:
        try:
            return act()
        except ValidationError as refusal:
            if getattr(refusal, "code", None) in ("ending", "content", "size", "empty"):
                raise ValidationError({"file": refusal}) from refusal
            raise

    return wrapped


@door(Act.WORK, pages.product)
def documents(request: Request, product: Product) -> HttpResponse:
    """The documents of a revision, group by group: what is there and what is missing."""
    d = current(product)
    revision = pages.revision_shown(request, d)
    entries = d.documents_of(revision)

    def opens(document: Document) -> bool:
        return papers.may_read(document, product.scope, by=request.user)

    earlier, wanted = _earlier(entries), rules.wanted(d, revision)
    groups = [
        {
            "key": group.value, "label": group.label, "what": WHAT[group], "wanted": group in wanted,
            "rows": [
                {
                    "entry": e, "document": e.document, "open": opens(e.document),
                    "earlier": [(old, opens(old)) for old in earlier[e.document_id]],
                }
                for e in entries if e.group == group
            ],
        }
        for group in Group
    ]  # fmt: skip
    return pages.show(
        request,
        product,
        "inhouse/evidence/documents.html",
        d=d,
        revision=revision,
        sections=[
            (
                _("Documentation that IVDR 5(5)(g) names, for class D")
                if revision.is_in_vitro
                else _("Documentation that MDR 5(5)(f) names"),
                groups[:5],
            ),
            (_("Further documents"), groups[5:]),
        ],
        missing=[group["label"] for group in groups if group["wanted"] and not group["rows"]],
        unconfirmed=sum(e.confirmed_on is None for e in entries),
    )


def _earlier(entries: list[EvidenceDocument]) -> dict[int, list[Document]]:
    """The versions that each document replaced, newest first: one query per step back, however many documents."""
    chains: dict[int, list[Document]] = {e.document_id: [] for e in entries}
    waiting = {e.document.replaces_id: e.document_id for e in entries if e.document.replaces_id}
    while waiting:
        found = Document.objects.select_related("file", "uploaded_by").in_bulk(list(waiting))
        waiting_next = {}
        for pk, document in found.items():
            chains[waiting[pk]].append(document)
            if document.replaces_id:
                waiting_next[document.replaces_id] = waiting[pk]
        waiting = waiting_next
    return chains


@door(Act.WORK, pages.product, post=Act.KEEP)
def add(request: Request, product: Product) -> HttpResponse:
    """Upload a document to the open revision."""
    d = current(product)
    revision = d.coming or d.working
    assert revision is not None
    form = NewDocumentForm(request.POST or None, request.FILES or None, initial={"group": request.GET.get("group")})
    if request.method == "POST":
        if form.is_valid():
            upload = _about_file(
                lambda: uploaded(
                    rules.add_document(
                        revision, group=form.cleaned_data["group"], upload=form.cleaned_data["file"], by=request.user, **form.values
                    ).document
                )
            )  # fmt: skip
            if pages.attempt(form, upload):
                messages.success(request, _("“%(title)s” is added.") % {"title": form.cleaned_data["title"]})
                return redirect("inhouse:documents", product.pk)
        form.remind()
    return pages.show(request, product, "inhouse/evidence/add.html", d=d, revision=revision, form=form)


@door(Act.WORK, entry, post=Act.KEEP)
def replace(request: Request, entry: EvidenceDocument) -> HttpResponse:
    """Upload a new version in place of a document."""
    product = entry.revision.product
    held = entry.document
    form = DocumentForm(
        request.POST or None,
        request.FILES or None,
        initial={name: getattr(held, name) for name in ("title", "reference", "language", "confidential")},
    )
    if request.method == "POST":
        if form.is_valid():
            upload = _about_file(
                lambda: uploaded(
                    rules.replace_document(
                        entry, upload=form.cleaned_data["file"], by=request.user, **form.values
                    ).document
                )
            )
            if pages.attempt(form, upload):
                messages.success(request, _("“%(title)s” has a new version.") % {"title": form.cleaned_data["title"]})
                return redirect("inhouse:documents", product.pk)
        form.remind()
    return _about_entry(request, entry, "inhouse/evidence/replace.html", form)


@door(Act.WORK, entry, post=Act.KEEP)
def remove(request: Request, entry: EvidenceDocument) -> HttpResponse:
    """Take a document out of the open revision, after saying what that means."""
    form = Form(request.POST if request.method == "POST" else None)
    title, product = entry.document.title, entry.revision.product
    if (
        request.method == "POST"
        and form.is_valid()
        and pages.attempt(form, lambda: rules.remove_document(entry, by=request.user))
    ):
        messages.success(request, _("“%(title)s” no longer belongs to this revision.") % {"title": title})
        return redirect("inhouse:documents", product.pk)
    return _about_entry(request, entry, "inhouse/evidence/remove.html", form)


def _about_entry(request: Request, entry: EvidenceDocument, template: str, form: forms.BaseForm) -> HttpResponse:
    d = current(entry.revision.product)
    return pages.show(
        request, entry.revision.product, template, d=d, revision=d.revision(entry.revision.number), entry=entry, document=entry.document, form=form,
        rests=sum(answer.evidence_id == entry.pk for answer in d.conformities),
    )  # fmt: skip


@require_POST
def _confirm(request: Request, product: Product) -> HttpResponse:
    def told(count: int) -> str:
        return ngettext(
            "%(count)s document is confirmed for this revision.",
            "%(count)s documents are confirmed for this revision.",
            count,
        )

    pages.confirm(request, product, rules.confirm_documents, told)
    return redirect("inhouse:documents", product.pk)


confirm = door(Act.KEEP, pages.product)(_confirm)


# --- verification and validation


class RecordForm(ModelForm[EvidenceRecord]):
    kind = forms.ChoiceField(choices=EvidenceRecord.Kind.choices, widget=forms.HiddenInput)

    class Meta:
        model = EvidenceRecord
        fields = ("what", "method", "result", "outcome", "done_on", "done_by", "document")
        widgets = {"outcome": forms.RadioSelect}

    def __init__(self, *args: Any, d: Dossier, revision: Revision, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        report = self.fields["document"]
        assert isinstance(report, forms.ModelChoiceField)
        report.queryset = Document.objects.filter(evidence__revision=revision).order_by(by("title"), "pk").distinct()
        report.help_text = _("One of the documents of this revision. Add it there first.")
        report.empty_label = _("none")


@door(Act.WORK, pages.product)
def evidence(request: Request, product: Product) -> HttpResponse:
    """The verifications and validations of a revision, the latest of each kind deciding."""
    d = current(product)
    revision = pages.revision_shown(request, d)
    kinds = [
        {
            "key": kind.value,
            "label": kind.label,
            "what": _("It meets its requirements.")
            if kind == EvidenceRecord.Kind.VERIFICATION
            else _("It meets the need of the patients."),
            "rows": [
                (record, record.document and papers.may_read(record.document, product.scope, by=request.user))
                for record in d.records_of(revision, kind)[::-1]
            ],
            "approved": d.approved(revision, kind),
            "outdated": d.outdated(revision, kind),
        }
        for kind in EvidenceRecord.Kind
    ]
    return pages.show(
        request,
        product,
        "inhouse/evidence/records.html",
        d=d,
        revision=revision,
        kinds=kinds,
        designed=d.designed(revision),
    )


@door(Act.WORK, pages.product, post=Act.KEEP)
def record(request: Request, product: Product) -> HttpResponse:
    """Record a verification, or a validation with the need beside it."""
    d = current(product)
    revision = d.coming or d.working
    assert revision is not None
    asked = request.POST.get("kind") or request.GET.get("kind", "")
    kind = EvidenceRecord.Kind(asked) if asked in EvidenceRecord.Kind.values else EvidenceRecord.Kind.VERIFICATION
    form = RecordForm(request.POST or None, d=d, revision=revision, initial={"kind": kind, "done_on": clock.today()})
    if request.method == "POST" and form.is_valid():
        wanted = {"kind": form.cleaned_data["kind"], **form.values}
        if pages.attempt(form, lambda: rules.record(revision, **wanted, by=request.user)):
            messages.success(request, _("The record is saved."))
            return redirect("inhouse:evidence", product.pk)
    return pages.show(
        request, product, "inhouse/evidence/record.html", d=d, revision=revision, form=form, kind=kind, need=d.assessment,
        other=reverse("inhouse:evidence-add", args=[product.pk]),
    )  # fmt: skip


urls = [
    path("products/<int:pk>/documents/", documents, name="documents"),
    path("products/<int:pk>/documents/add/", add, name="documents-add"),
    path("products/<int:pk>/documents/confirm/", confirm, name="documents-confirm"),
    path("documents/<int:pk>/replace/", replace, name="documents-replace"),
    path("documents/<int:pk>/remove/", remove, name="documents-remove"),
    path("products/<int:pk>/evidence/", evidence, name="evidence"),
    path("products/<int:pk>/evidence/add/", record, name="evidence-add"),
]
