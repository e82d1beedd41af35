"""One's own account: who one is here, password, reminders and absences."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.password_validation import password_validators_help_texts
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from organisation import absences, access, clock, lockout, people
from organisation.access import Act
from organisation.doors import Request, door
from organisation.forms import Form, attempt
from organisation.models import User
from organisation.notices import Notice
from organisation.views import factors, notices


class PasswordForm(Form):
    old = forms.CharField(
        label=gettext_lazy("The password you have"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    new = forms.CharField(
        label=gettext_lazy("New password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label=gettext_lazy("New password, once more"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean_again(self) -> str:
        again: str = self.cleaned_data["again"]
        if "new" in self.cleaned_data and again != self.cleaned_data["new"]:
            raise ValidationError(_("The two new passwords are not the same."))
        return again


class RemindersForm(Form):
    reminded = forms.ChoiceField(
        label=gettext_lazy("Reminders come"),
        choices=User.Reminded.choices,
        widget=forms.RadioSelect,
        help_text=gettext_lazy(
            "By mail, of deadlines that are yours. A digest is sent only when there is something in it."
        ),
    )


@door(Act.WORK)
def account(request: Request) -> HttpResponse:
    """Name, unit and roles with their days; how one signs in."""
    held = request.user.assignments.select_related("administration").order_by("-since", "role")
    return render(
        request,
        "organisation/account/page.html",
        {
            "held": held,
            "acts": [act for act in Act if access.somewhere(request.user, act)],
            "sees_access": access.may(request.user, Act.USERS),
            "reminders": RemindersForm(initial={"reminded": request.user.reminded}),
            "away": absences.coming(request.user.absences.all()),
            "stands_in": absences.coming(request.user.stands_in.all()),
            "today": clock.today(),
            **factors.told(request),
        },
    )


@door(Act.WORK)
@require_POST
def reminders(request: Request) -> HttpResponse:
    """Choose how reminders reach one: one by one or gathered."""
    form = RemindersForm(request.POST)
    if form.is_valid() and attempt(form, lambda: people.choose_reminders(request.user, form.cleaned_data["reminded"])):
        messages.success(request, _("Saved."))
    else:
        messages.error(request, _("Choose one of the ways."), extra_tags="danger")
    return redirect("organisation:account")


@door(Act.WORK, first=True)
def password(request: Request) -> HttpResponse:
    """Choose one's own password."""
    if not request.user.has_usable_password():
        return redirect("organisation:account")
    form = PasswordForm(request.POST or None)
    first = not request.user.chose_password
    if request.method == "POST" and form.is_valid():
        wanted = form.cleaned_data
        try:
            with lockout.tries(request.user.email):
                people.own_password(request.user, wanted["old"])
        except ValidationError as refusal:
            form.add_error("old", refusal)
        if form.is_valid() and attempt(
            form, lambda: people.choose_password(request.user, new=wanted["new"], old=wanted["old"])
        ):
            request.user.refresh_from_db()
            update_session_auth_hash(request, request.user)  # stays signed in here; everywhere else signed out
            notices.tell(request.user, Notice.PASSWORD_CHANGED)
            messages.success(request, _("Your password is changed."))
            return redirect("inhouse:home" if first else "organisation:account")
    context = {"form": form, "first": first, "demands": password_validators_help_texts()}
    return render(request, "organisation/account/password.html", context)
