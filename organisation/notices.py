"""Mails that need no queue of their own: what changed in how someone signs in, and what operators must look into.

The first say what and when, and nothing that helps to sign in: no name of a passkey, no code, no place.
"""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.core.mail import send_mail
from django.db import models
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from organisation import alarms
from organisation.models import User


class Notice(models.TextChoices):
    """What happened to an account."""

    APP_ADDED = "app_added", gettext_lazy("An authenticator app was added to your account.")
    PASSKEY_ADDED = "passkey_added", gettext_lazy("A passkey was added to your account.")
    CODES_RENEWED = (
        "codes_renewed",
        gettext_lazy("Your account has new recovery codes; the old ones do not work any more."),
    )
    REMOVED = "removed", gettext_lazy("An authenticator app or a passkey was removed from your account.")
    RESET = "reset", gettext_lazy("An operator removed all second factors from your account.")
    PASSWORD_CHANGED = "password_changed", gettext_lazy("The password of your account was changed.")
    PASSWORD_RENEWED = "password_renewed", gettext_lazy("An operator gave your account a new first password.")


def send(user: User, notice: Notice, *, at: datetime) -> None:
    """Send it, in the person's own language."""
    with translation.override(user.language):
        subject = _("Femfem: a change to how you sign in")
        account = settings.PUBLIC_URL + reverse("organisation:account")
        about = {"what": str(notice.label), "at": at, "account": account}
        send_mail(subject, render_to_string("organisation/notices/mail.txt", about), None, [user.email])


def send_alarms(operator: User) -> int:
    """Tell an operator of every alarm there is, in their own language; says how many those are."""
    with translation.override(operator.language):
        found = alarms.sounding()
        if found:
            count = len(found)
            subject = ngettext("Femfem: %(count)s alarm", "Femfem: %(count)s alarms", count) % {"count": count}
            about = {"alarms": found, "address": settings.PUBLIC_URL + "/operation/"}
            send_mail(subject, render_to_string("organisation/notices/alarms.txt", about), None, [operator.email])
    return len(found)
