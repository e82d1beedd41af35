"""How one signs in, on one's own account: an authenticator app, passkeys, recovery codes. Each change is proved for."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import segno
from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache

from organisation import factors, passkeys, proofs
from organisation.access import Act
from organisation.doors import Request, door
from organisation.forms import Form, attempt, whole
from organisation.models import Credential
from organisation.notices import Notice
from organisation.views import notices
from organisation.views.session import sent_passkey

SECRET, ASKED = "secret_of_app", "asked_to_register"  # in the session


class FirstCodeForm(Form):
    code = forms.CharField(
        label=gettext_lazy("Code"),
        max_length=20,
        help_text=gettext_lazy("The six digits that your app shows now."),
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "inputmode": "numeric"}),
    )


class PasskeyForm(Form):
    name = forms.CharField(
        label=gettext_lazy("What you call it"),
        max_length=100,
        help_text=gettext_lazy("To tell it from others: “work phone”, “key on my ring”."),
    )
    credential = forms.CharField(widget=forms.HiddenInput, required=False)


def _first_prove(request: Request) -> HttpResponse | None:
    """Off to the page where one proves that it is oneself, unless that was done just now."""
    if proofs.waiting(request.user, proofs.CHANGE):
        return None
    query = urlencode({"digest": proofs.CHANGE, "next": request.get_full_path()})
    return redirect(f"{reverse('organisation:prove')}?{query}")


def _recovery(request: Request, codes: list[str], said: str) -> HttpResponse:
    """What was set up, and the recovery codes where there are new ones: shown on this answer only."""
    if not codes:
        messages.success(request, said)
        return redirect("organisation:account")
    return render(request, "organisation/account/recovery.html", {"codes": codes, "said": said})


@never_cache
def _app(request: Request) -> HttpResponse:
    """Set up an authenticator app."""
    if elsewhere := _first_prove(request):
        return elsewhere
    user = request.user
    if request.method != "POST" or SECRET not in request.session:
        request.session[SECRET] = factors.new_secret()
    sealed = request.session[SECRET]
    form = FirstCodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made: list[list[str]] = []

        def set_up() -> None:
            proofs.take(user, proofs.CHANGE)
            made.append(factors.set_up_codes(user, sealed, **form.cleaned_data))

        if attempt(form, set_up):
            del request.session[SECRET]
            notices.tell(user, Notice.APP_ADDED)
            return _recovery(request, made[0], _("Your authenticator app is set up."))
    address, secret = factors.shown(user, sealed)
    picture = segno.make(address, error="m").svg_data_uri(border=2, light="white", omitsize=True)
    return render(request, "organisation/account/app.html", {"form": form, "picture": picture, "secret": secret})


app = door(Act.WORK)(_app)


@never_cache
def _passkey(request: Request) -> HttpResponse:
    """Add a passkey: the browser makes it, the register keeps its public half."""
    if elsewhere := _first_prove(request):
        return elsewhere
    user = request.user
    asked = request.session.pop(ASKED, None)
    form = PasskeyForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made: list[list[str]] = []

        def add() -> None:
            proofs.take(user, proofs.CHANGE)
            checked = passkeys.registered(asked, sent_passkey(request))
            made.append(factors.add_passkey(user, checked, name=form.cleaned_data["name"]))

        if attempt(form, add):
            notices.tell(user, Notice.PASSKEY_ADDED)
            return _recovery(request, made[0], _("The passkey is added."))
    options, request.session[ASKED] = passkeys.to_register(user)
    return render(request, "organisation/account/passkey.html", {"form": form, "options": options})


passkey = door(Act.WORK)(_passkey)


@never_cache
def _recovery_codes(request: Request) -> HttpResponse:
    """New recovery codes in place of the old."""
    if elsewhere := _first_prove(request):
        return elsewhere
    form = Form(request.POST if request.method == "POST" else None)
    if request.method == "POST":
        made: list[list[str]] = []

        def renew() -> None:
            proofs.take(request.user, proofs.CHANGE)
            made.append(factors.renew_recovery(request.user))

        if attempt(form, renew):
            notices.tell(request.user, Notice.CODES_RENEWED)
            return _recovery(request, made[0], _("The old recovery codes do not work any more."))
    return render(request, "organisation/account/new_recovery.html", {"form": form})


recovery_codes = door(Act.WORK)(_recovery_codes)


@never_cache
def _remove(request: Request) -> HttpResponse:
    """Remove one's own app or passkey: the one that is named."""
    which = whole(request.GET.get("which", ""))
    own = request.user.credentials.filter(kind__in=(Credential.Kind.CODES, Credential.Kind.PASSKEY))
    credential = own.filter(pk=which or 0).first()
    if credential is None:
        return redirect("organisation:account")
    if elsewhere := _first_prove(request):
        return elsewhere
    form = Form(request.POST if request.method == "POST" else None)
    if request.method == "POST":

        def remove() -> None:
            proofs.take(request.user, proofs.CHANGE)
            factors.remove(credential)

        if attempt(form, remove):
            notices.tell(request.user, Notice.REMOVED)
            messages.success(request, _("Removed."))
            return redirect("organisation:account")
    context = {"form": form, "credential": credential, "last": own.count() == 1}
    return render(request, "organisation/account/remove.html", context)


remove = door(Act.WORK)(_remove)


def told(request: Request) -> dict[str, Any]:
    """What the page of the account shows about signing in."""
    held = list(request.user.credentials.all())
    kinds = {credential.kind for credential in held}
    return {
        "credentials": held,
        "by_password": request.user.has_usable_password(),
        "has_app": Credential.Kind.CODES in kinds,
        "has_factor": bool(kinds & {Credential.Kind.CODES, Credential.Kind.PASSKEY}),
    }
