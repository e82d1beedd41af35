"""Proving once more that it is you: the page, and the way to single sign-on and back.

Another page can show the same forms itself: `context(request, digest, next)` and `organisation/proving/_methods.html`.
"""

from __future__ import annotations

import logging
import re
import secrets
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.core import signing
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.crypto import constant_time_compare
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_safe

from organisation import clock, lockout, oidc, passkeys, proofs, sign_on
from organisation.access import Act
from organisation.doors import Request, door
from organisation.forms import Form
from organisation.models import Proof, User
from organisation.views.session import code_help, sent_passkey

logger = logging.getLogger(__name__)
DIGEST = re.compile(r"[0-9a-f]{64}")
ASKED, ASKED_THERE = "asked_to_prove", "asked_to_sign_on_anew"  # in the session
LINK = "organisation.proving"
PATIENCE = 900  # seconds from the page to the answer of single sign-on


class ProofForm(Form):
    """The password and, but for the first second factor, a code."""

    digest = forms.CharField(widget=forms.HiddenInput, max_length=64)
    next = forms.CharField(widget=forms.HiddenInput, max_length=2000)
    password = forms.CharField(
        label=gettext_lazy("Your password, once more"),
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        strip=False,
    )
    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=20,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )

    def __init__(self, *args: Any, user: User, with_code: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if with_code:
            self.fields["code"].help_text = code_help(user)
        else:
            del self.fields["code"]


def same_site(request: HttpRequest, address: str) -> str:
    """Where to go on; an address elsewhere is none."""
    ours = url_has_allowed_host_and_scheme(address, {request.get_host()}, require_https=request.is_secure())
    return address if ours else ""


def context(request: Request, digest: str, after: str, *, form: ProofForm | None = None) -> dict[str, Any]:
    """What `_methods.html` shows: each way this person can prove it for this digest, and then go on to `after`."""
    user = request.user
    found = proofs.methods(user, digest)
    options: Any = None
    if Proof.Method.PASSKEY in found:
        options, state = passkeys.to_ask(user)
        request.session[ASKED] = {"digest": digest, "state": state}
    asked = {"digest": digest, "next": after}
    coded = Proof.Method.CODE in found
    if form is None and (coded or Proof.Method.PASSWORD in found):
        form = ProofForm(user=user, with_code=coded, initial=asked)
    return {
        "methods": found,
        "proof_form": form,
        "passkey_options": options,
        "proof_hidden": asked,
        "sign_on": sign_on.name() if Proof.Method.SIGN_ON in found else "",
        "sign_on_link": signing.dumps({**asked, "user": user.pk}, salt=LINK, compress=True),
        "digest": digest,
        "next": after,
        "for_a_document": digest != proofs.CHANGE,
    }


@never_cache
@sensitive_post_parameters("password", "code")
def _prove(request: Request) -> HttpResponse:
    """Show the ways this person has; prove by the one that was chosen, then go on."""
    sent = request.POST if request.method == "POST" else request.GET
    digest, after = sent.get("digest", ""), same_site(request, sent.get("next", ""))
    if not DIGEST.fullmatch(digest) or not after:
        return redirect("organisation:account")
    form = None
    if request.method == "POST":
        asked = request.session.pop(ASKED, {})
        try:
            if "credential" in request.POST:
                proofs.prove_by_passkey(request.user, digest, asked=asked, answer=sent_passkey(request))
                return redirect(after)
            coded = Proof.Method.CODE in proofs.methods(request.user, digest)
            form = ProofForm(request.POST, user=request.user, with_code=coded)
            if form.is_valid():
                wanted = form.cleaned_data
                if coded:
                    proofs.prove_by_code(request.user, digest, password=wanted["password"], code=wanted["code"])
                else:
                    proofs.prove_by_password(request.user, digest, password=wanted["password"])
                return redirect(after)
        except ValidationError as refusal:  # not within `attempt`: that it failed is kept
            if form is not None:
                form.add_error(None, refusal)
            else:
                messages.error(request, refusal.messages[0])
    return _page(request, digest, after, form=form)


def _page(request: Request, digest: str, after: str, *, form: ProofForm | None = None) -> HttpResponse:
    return render(request, "organisation/proving/page.html", context(request, digest, after, form=form))


prove = door(Act.WORK)(_prove)


@require_safe
@never_cache
def _prove_sign_on(request: Request) -> HttpResponse:
    """Off to single sign-on, to sign in anew. The link is signed: nobody else's page can begin it."""
    try:
        asked = signing.loads(request.GET.get("ask", ""), salt=LINK, max_age=PATIENCE)
    except signing.BadSignature:
        asked = {}
    if asked.get("user") != request.user.pk or Proof.Method.SIGN_ON not in proofs.methods(
        request.user, asked["digest"]
    ):
        return redirect("organisation:account")
    state, nonce = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    try:
        address, verifier = oidc.address_to_prove(request, state=state, nonce=nonce, hint=request.user.email)
    except oidc.TROUBLE as trouble:
        logger.warning("Single sign-on does not answer: %r", trouble)
        said = _("%(name)s does not answer. Try again later.") % {"name": sign_on.name()}
        messages.error(request, said)
        return _page(request, asked["digest"], asked["next"])
    request.session[ASKED_THERE] = {
        **asked,
        "state": state,
        "nonce": nonce,
        "verifier": verifier,
        "at": clock.now().isoformat(),
    }
    return redirect(address)


prove_sign_on = door(Act.WORK)(_prove_sign_on)


@require_safe
@never_cache
def _prove_sign_on_answer(request: Request) -> HttpResponse:
    """Back from there: only an answer to what this session asked last, for this person, once."""
    asked = request.session.pop(ASKED_THERE, None)
    if asked is None or asked["user"] != request.user.pk:
        messages.error(request, _("This answer belongs to another request. Begin again."))
        return redirect("organisation:account")
    digest, after, at = asked["digest"], asked["next"], datetime.fromisoformat(asked["at"])
    try:
        claims = _claims(request, asked)
        proofs.prove_by_sign_on(request.user, digest, claims=claims, nonce=asked["nonce"], asked_at=at)
    except ValidationError as refusal:
        messages.error(request, refusal.messages[0])
        return _page(request, digest, after)
    return redirect(after)


def _claims(request: Request, asked: dict[str, Any]) -> dict[str, Any]:
    with lockout.tries(request.user.email):
        if not constant_time_compare(request.GET.get("state", ""), asked["state"]):
            raise ValidationError(_("This answer belongs to another request. Begin again."))
    failed = ValidationError(_("%(name)s did not sign you in. Nothing is proved.") % {"name": sign_on.name()})
    if "code" not in request.GET:
        raise failed
    try:
        return oidc.claims_of_proof(request, code=request.GET["code"], verifier=asked["verifier"])
    except oidc.TROUBLE as trouble:
        logger.warning("Single sign-on answered nonsense: %r", trouble)
        raise failed from None


prove_sign_on_answer = door(Act.WORK)(_prove_sign_on_answer)
