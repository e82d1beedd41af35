"""Preparing a declaration, freezing its bytes, reading them, and signing."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from documents import tasks
from inhouse import declarations, declared, lifecycle
from inhouse import signing as rules
from inhouse.dossier import Dossier, current
from inhouse.models import Frozen
from inhouse.obstacles import told
from inhouse.snapshots import Snapshot, free_texts, in_language, languages
from inhouse.views import guided, pages
from organisation import access, proofs
from organisation.access import Act
from organisation.doors import Request, door
from organisation.forms import Form
from organisation.models import User
from organisation.views.session import code_help
from products.models import Product, Revision

LANGUAGES = dict(settings.LANGUAGES)
TEXTS: dict[str, Any] = {
    "description": gettext_lazy("Description"),
    "intended_purpose": gettext_lazy("Intended purpose"),
    "patient_group": gettext_lazy("Target patient group"),
    "quality_system": gettext_lazy("Quality management system"),
    "scope": gettext_lazy("Scope of accreditation"),
    "title": gettext_lazy("Title of who signs"),
    "role": gettext_lazy("Signs as"),
    "what": gettext_lazy("What is not met"),
    "why": gettext_lazy("Why, and how the risk is handled"),
}
"""What each free text is, by the end of its path."""


# --- preparing


class WordingForm(Form):
    """What the owner chooses about the paper: its language and place, who signs beside them, and its translations."""

    language = forms.ChoiceField(label=gettext_lazy("Leading language"), choices=settings.LANGUAGES)
    place = forms.CharField(label=gettext_lazy("Place of signing"), max_length=100)

    def __init__(self, data: Any, *, d: Dossier, revision: Revision, initial: dict[str, Any]) -> None:
        super().__init__(data, initial=initial)
        owner = d.ownership.person if d.ownership else None
        self.roles = rules.wanted(d)
        for role in self.roles:
            people = rules.who_may(role, d.product, owner).order_by("name")
            self.fields[f"signs_{role.value}"] = forms.ModelChoiceField(
                people, label=_("Signs as %(role)s") % {"role": role.label}
            )
        language = str((data or initial).get("language", ""))
        self.leading = language if language in LANGUAGES else d.institution.language
        bare = rules.content(d, revision, rules.Wording(self.leading, ""))
        self.originals = free_texts(bare)
        suggested = rules.suggested(d, bare)
        for other in (code for code in LANGUAGES if code != self.leading):
            for text, original in self.originals.items():
                field = forms.CharField(
                    label=TEXTS[text.rsplit(".", 1)[-1]], required=False, help_text=original,
                    initial=suggested.get(other, {}).get(text, ""),
                    widget=forms.Textarea(attrs={"rows": min(6, 1 + len(original) // 70), "lang": other}),
                )  # fmt: skip
                self.fields[_name(other, text)] = field

    @property
    def wording(self) -> list[Any]:
        return [self[name] for name in self.fields if "-" not in name]

    @property
    def translations(self) -> list[dict[str, Any]]:
        """For each other language: its texts, and whether something is written there."""
        found = []
        for other in (code for code in LANGUAGES if code != self.leading):
            fields = [self[_name(other, text)] for text in self.originals]
            begun = any(field.value() for field in fields)
            found.append({"language": LANGUAGES[other], "code": other, "fields": fields, "begun": begun})
        return found

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        for each in self.translations:
            texts = {text: said.get(_name(each["code"], text), "") for text in self.originals}
            if any(texts.values()):
                for text, given in texts.items():
                    if not given:
                        self.add_error(_name(each["code"], text), _("Translate this too, or leave out the language."))
        return said

    def chosen(self, said: dict[str, Any]) -> rules.Wording:
        """The wording as typed; what cannot be read is left out."""
        texts = {
            each["code"]: {text: said.get(_name(each["code"], text)) or "" for text in self.originals}
            for each in self.translations
        }
        people = ((role.value, said.get(f"signs_{role.value}")) for role in self.roles)
        return rules.Wording(
            language=self.leading,
            place=str(said.get("place") or "").strip()[:100],
            co_signers=tuple((role, person) for role, person in people if isinstance(person, User)),
            translations={code: given for code, given in texts.items() if any(given.values())} or None,
        )


def _name(language: str, text: str) -> str:
    return f"{language}-{text}"


@door(Act.WORK, pages.product, post=Act.SIGN)
def prepare(request: Request, product: Product) -> HttpResponse:
    """What would be declared, field by field; and freezing it for signing."""
    d = current(product)
    revision = rules.awaiting(d)
    if revision is None:
        messages.warning(request, _("There is nothing to sign now."))
        return redirect("inhouse:declaration", product.pk)
    begun = {"language": d.institution.language, "place": d.institution.place}
    freezing = "freeze" in request.POST
    form = WordingForm(guided.typed(request), d=d, revision=revision, initial=begun)
    readable = form.is_bound and form.is_valid()
    wording = form.chosen(form.cleaned_data if form.is_bound else {name: form[name].initial for name in form.fields})
    if freezing and readable and pages.attempt(form, lambda: rules.freeze(revision, wording, by=request.user)):
        return redirect("inhouse:declaration-sign", product.pk)
    content = rules.content(d, revision, wording)
    wanted = request.POST.get("pdf") or request.POST.get("show") or request.GET.get("language")
    shown = wanted if wanted in languages(content) else form.leading
    if "pdf" in request.POST:
        return _draft(content, shown)
    obstacles = told(lifecycle.obstacles(d, revision, Revision.Stage.DECLARED))
    return pages.show(
        request, product, "inhouse/declarations/prepare.html", d=d, form=form, content=content, shown=shown,
        languages=[(code, LANGUAGES[code]) for code in languages(content)],
        rows=list(declared.rows(in_language(content, shown), _before(d, shown))),
        before=d.declarations[-1] if d.declarations else None,
        obstacles=obstacles, stops=any(o.stops for o in obstacles), refused=freezing and not readable,
    )  # fmt: skip


def _before(d: Dossier, language: str) -> Snapshot | None:
    """What the last declaration of the product said, in that language if it was told in it."""
    if not d.declarations:
        return None
    found: Snapshot = type(d.declarations[-1]).objects.values_list("snapshot", flat=True).get(pk=d.declarations[-1].pk)
    return in_language(found, language) if language in languages(found) else found


@door(Act.WORK, pages.product)
def preview(request: Request, product: Product) -> HttpResponse:
    """The PDF as it would be, marked as a draft, stored nowhere; `?language=` is one it is translated into already."""
    d = current(product)
    revision = rules.awaiting(d)
    if revision is None:
        raise Http404
    leading, place = d.institution.language, d.institution.place
    bare = rules.content(d, revision, rules.Wording(leading, place))
    content = rules.content(d, revision, rules.Wording(leading, place, translations=rules.suggested(d, bare)))
    language = request.GET.get("language", leading)
    if language not in languages(content):
        raise Http404
    return _draft(content, language)


def _draft(content: Snapshot, language: str) -> HttpResponse:
    """The draft in that language; the snapshot is the same in all of them."""
    name = f"{content['number']}-draft" + (f"-{language}" if language != content["language"] else "")
    return _pdf(declarations.render(content, draft=True, language=language), f"{name}.pdf")


# --- reading and signing


class CodeForm(Form):
    password = forms.CharField(
        label=gettext_lazy("Your password"), strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )  # fmt: skip
    code = forms.CharField(
        label=gettext_lazy("Code from your authenticator app"), max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )  # fmt: skip

    def __init__(self, *args: Any, person: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].help_text = code_help(person)


def _waiting(product: Product) -> Frozen | None:
    return (
        Frozen.objects.open()
        .filter(revision__product=product)
        .select_related("revision__product__unit", "frozen_by")
        .first()
    )


@sensitive_post_parameters("password", "code")
@never_cache
def _sign(request: Request, product: Product) -> HttpResponse:
    """The frozen bytes: who has signed them and who has not, reading them, and one's own signature."""
    frozen = _waiting(product)
    if frozen is None:
        return redirect(
            "inhouse:declaration" if request.method == "POST" else "inhouse:declaration-prepare", product.pk
        )
    d = current(product)
    signatures = list(frozen.signatures.select_related("person__unit"))
    own = next((s for s in signatures if s.person_id == request.user.pk), None)
    ready = own is not None and own.signed_at is None
    read = request.session.get("read") == frozen.sha256
    ways = proofs.methods(request.user, frozen.sha256) if ready else []
    proved = ready and proofs.waiting(request.user, frozen.sha256)
    by_code = proofs.Method.CODE in ways and not proved
    form = CodeForm(guided.typed(request), person=request.user) if by_code else Form(guided.typed(request))
    if request.method == "POST":
        access.require(request.user, Act.WORK)
        if not read:
            form.add_error(None, _("Open the PDF and read it first: these are the bytes that are signed."))
        elif form.is_valid():
            done: list[Any] = []

            def sign() -> None:
                done.append(rules.sign(frozen, by=request.user))

            if (not by_code or _proved(form, frozen, request.user)) and pages.attempt(form, sign):
                return _signed(request, product, done[0], frozen)
            frozen.refresh_from_db()
    here = reverse("inhouse:declaration-sign", args=[product.pk])
    return pages.show(
        request, product, "inhouse/declarations/sign.html", d=d, frozen=frozen, signatures=signatures, own=own,
        form=form, read=read, ready=ready, proved=proved, by_code=by_code, ways=ways,
        outdated=not rules.is_current(d, frozen),
        prove=f"{reverse('organisation:prove')}?{urlencode({'digest': frozen.sha256, 'next': here})}",
        may_prepare=access.may(request.user, Act.SIGN, product.scope),
    )  # fmt: skip


def _proved(form: Form, frozen: Frozen, person: User) -> bool:
    """Whether password and code prove it. Outside any savepoint: a failed try stays counted."""
    said = form.cleaned_data
    try:
        proofs.prove_by_code(person, frozen.sha256, password=said["password"], code=said["code"])
    except ValidationError as refusal:
        form.add_error(None, refusal)
    return not form.errors


def _signed(request: Request, product: Product, declaration: Any, frozen: Frozen) -> HttpResponse:
    if declaration is not None:
        transaction.on_commit(tasks.fetch_timestamps.delay, robust=True)  # if one is wanted; the next round asks too
        messages.success(request, _("Signed. The registrar now gives it a diary number and publishes it."))
        return redirect("inhouse:declaration", product.pk)
    names = ", ".join(str(signature.person) for signature in rules.unsigned(frozen))
    messages.success(request, _("Signed. Still to sign: %(people)s.") % {"people": names})
    return redirect("inhouse:declaration-sign", product.pk)


sign = door(Act.WORK, pages.product)(_sign)


class Bytes:
    """Frozen bytes by their hash."""

    def __init__(self, product: Product, frozen: Frozen) -> None:
        self.product, self.frozen, self.scope = product, frozen, product.scope


def frozen(pk: int, sha256: str) -> Bytes:
    product = pages.product(pk)
    return Bytes(product, get_object_or_404(Frozen.objects.open(), revision__product=product, sha256=sha256))


@door(Act.WORK, frozen)
def paper(request: Request, about: Bytes) -> HttpResponse:
    """The exact bytes that are signed; having opened them is noted for this session."""
    request.session["read"] = about.frozen.sha256
    return _pdf(bytes(about.frozen.content), f"{about.frozen.number}-{about.frozen.sha256[:8]}.pdf")


def _pdf(content: bytes, name: str) -> HttpResponse:
    return HttpResponse(
        content, content_type="application/pdf", headers={"Content-Disposition": f'inline; filename="{name}"'}
    )


@require_POST
def _drop(request: Request, product: Product) -> HttpResponse:
    """Give up what is frozen, to change something first."""
    frozen = _waiting(product)
    if frozen is None:
        raise Http404
    form = Form(request.POST)
    if form.is_valid() and pages.attempt(form, lambda: rules.drop(frozen, by=request.user)):
        messages.success(request, _("Given up. Nothing was declared; prepare it anew when you are ready."))
    else:
        pages.complain(request, form)
    return redirect("inhouse:declaration", product.pk)


drop = door(Act.SIGN, pages.product)(_drop)


urls = [
    path("products/<int:pk>/declaration/prepare/", prepare, name="declaration-prepare"),
    path("products/<int:pk>/declaration/preview.pdf", preview, name="declaration-preview"),
    path("products/<int:pk>/declaration/sign/", sign, name="declaration-sign"),
    path("products/<int:pk>/declaration/sign/drop/", drop, name="declaration-drop"),
    path("products/<int:pk>/declaration/sign/<str:sha256>.pdf", paper, name="declaration-frozen"),
]
