"""The declaration of a revision: what is missing, diary, publication, withdrawal."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.db import models
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from documents.models import Timestamp, TimestampRequest
from inhouse import declarations as rules
from inhouse import lifecycle
from inhouse.dossier import Dossier, current
from inhouse.law.annex_one import annex_one
from inhouse.models import Declaration, Frozen, Translation
from inhouse.obstacles import told
from inhouse.views import addresses, pages  # noqa: F401 (addresses: the converter of those below)
from organisation.access import Act
from organisation.doors import Request, door
from organisation.forms import Form
from products.models import Product, Revision


class DiaryForm(Form):
    diary_number = forms.CharField(label=gettext_lazy("Diary number"), max_length=60)
    diary_name = forms.CharField(
        label=gettext_lazy("Diary"),
        max_length=100,
        required=False,
        help_text=gettext_lazy("Which diary, if there are several."),
    )


class ReasonForm(Form):
    reason = forms.CharField(label=gettext_lazy("Reason"), widget=forms.Textarea)


def declaration_of(number: str) -> Declaration:
    """A declaration by its number, or 404."""
    found = Declaration.objects.select_related("revision__product__unit", "file", "signed_by").defer("file__content")
    return get_object_or_404(found, number=number)


def _to_sign(d: Dossier) -> Revision | None:
    """The revision that waits for a signature."""
    return d.coming if d.coming and d.coming.stage == Revision.Stage.OPEN else None


@door(Act.WORK, pages.kept)
def declaration(request: Request, product: Product) -> HttpResponse:
    """What stands between the revision and its signature, and every declaration there has been."""
    d = current(product)
    waiting = _to_sign(d)
    obstacles = (
        [o for o in told(lifecycle.obstacles(d, waiting, Revision.Stage.DECLARED)) if o.stops] if waiting else []
    )
    models.prefetch_related_objects(d.declarations, "translations")
    of = {"file__in": [declaration.file_id for declaration in d.declarations]}
    stamps = {stamp.file_id: stamp for stamp in Timestamp.objects.filter(**of).defer("token")}
    pending = set(TimestampRequest.objects.waiting().filter(**of).values_list("file_id", flat=True))
    frozen = Frozen.objects.open().filter(revision=waiting).prefetch_related("signatures__person").first()
    unsigned = [signature.person for signature in frozen.signatures.all() if not signature.signed_at] if frozen else []
    return pages.show(
        request, product, "inhouse/declarations/page.html", d=d, waiting=waiting, frozen=frozen, unsigned=unsigned,
        stamps=stamps, pending=pending, obstacles=obstacles, phased=rules.phased_out(d),
        unmet=d.unmet_of(waiting) if waiting else [],
        unanswered=len(annex_one(waiting.regulation).unanswered(d.numbers_answered(waiting))) if waiting else 0,
        declarations=list(reversed(d.declarations)),
        revisions={revision.pk: revision for revision in d.revisions}, diary=DiaryForm(), answered=waiting is not None and not obstacles,
    )  # fmt: skip


@door(Act.WORK, declaration_of)
def file(request: Request, declaration: Declaration) -> HttpResponse:
    """The signed PDF, byte for byte as it was stored."""
    return _pdf(bytes(declaration.file.content), declaration.file.name)


class Worded:
    """A declaration in another language than the one that was signed."""

    def __init__(self, found: Translation) -> None:
        self.file, self.scope = found.file, found.declaration.scope


def worded(number: str, language: str) -> Worded:
    found = Translation.objects.select_related("file", "declaration__revision__product__unit")
    return Worded(get_object_or_404(found, declaration__number=number, language=language))


@door(Act.WORK, worded)
def translated(request: Request, text: Worded) -> HttpResponse:
    """A sealed translation, byte for byte as it was stored."""
    return _pdf(bytes(text.file.content), text.file.name)


def _pdf(content: bytes, name: str) -> HttpResponse:
    return HttpResponse(
        content, content_type="application/pdf", headers={"Content-Disposition": f'inline; filename="{name}"'}
    )


@require_POST
def _enter(request: Request, declaration: Declaration) -> HttpResponse:
    form = DiaryForm(request.POST)
    if form.is_valid() and pages.attempt(form, lambda: rules.enter(declaration, **form.cleaned_data, by=request.user)):
        messages.success(request, _("The diary number is noted."))
        return redirect("inhouse:declaration", declaration.revision.product_id)
    return pages.show(
        request,
        declaration.revision.product,
        "inhouse/declarations/diary.html",
        declaration=declaration,
        form=form,
        status=422,
    )


def _publish(request: Request, declaration: Declaration) -> HttpResponse:
    """Say what publishing means, for good; then publish."""
    if request.method != "POST":
        return pages.show(
            request, declaration.revision.product, "inhouse/declarations/publish.html", declaration=declaration
        )
    form = Form(request.POST)
    if form.is_valid() and pages.attempt(form, lambda: rules.publish(declaration, by=request.user)):
        messages.success(request, _("Published. It stays readable for good, also when it is replaced or withdrawn."))
        return redirect("inhouse:declaration", declaration.revision.product_id)
    pages.complain(request, form)
    return redirect("inhouse:declaration", declaration.revision.product_id)


enter = door(Act.REGISTER, declaration_of)(_enter)
publish = door(Act.REGISTER, declaration_of)(_publish)


@door(Act.RECALL, declaration_of)
def withdraw(request: Request, declaration: Declaration) -> HttpResponse:
    """Withdraw a declaration before use, with the reason; it stays readable and the revision is open again."""
    form = ReasonForm(request.POST or None)
    if (
        request.method == "POST"
        and form.is_valid()
        and pages.attempt(form, lambda: rules.withdraw(declaration, **form.cleaned_data, by=request.user))
    ):
        messages.success(request, _("Withdrawn. The revision is open again."))
        return redirect("inhouse:declaration", declaration.revision.product_id)
    return pages.show(
        request, declaration.revision.product, "inhouse/declarations/withdraw.html", declaration=declaration, form=form
    )


urls = [
    path("products/<int:pk>/declaration/", declaration, name="declaration"),
    path("declarations/<declaration:number>/file.pdf", file, name="declaration-file"),
    path("declarations/<declaration:number>/<slug:language>.pdf", translated, name="declaration-translation"),
    path("declarations/<declaration:number>/diary/", enter, name="declaration-enter"),
    path("declarations/<declaration:number>/publish/", publish, name="declaration-publish"),
    path("declarations/<declaration:number>/withdraw/", withdraw, name="declaration-withdraw"),
]
