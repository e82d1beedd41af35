"""How people sign in, who has tried too often, and who has proved once more that it is them."""

from __future__ import annotations

from datetime import datetime, timedelta

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from organisation import clock
from organisation.history import locked, recorded
from organisation.models.people import User


@recorded()
class Credential(models.Model):
    """Something beside the password that lets a person in. What is secret about it lies in allauth's row, unrecorded."""

    class Kind(models.TextChoices):
        CODES = "codes", _("authenticator app")
        PASSKEY = "passkey", _("passkey")
        RECOVERY = "recovery", _("recovery codes")
        SIGN_ON = "sign_on", _("single sign-on")

    user = models.ForeignKey(User, models.PROTECT, related_name="credentials", verbose_name=_("user"))
    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    name = models.CharField(_("name"), max_length=100, blank=True)
    since = models.DateTimeField(_("set up at"), default=clock.now)
    authenticator = models.OneToOneField(Authenticator, models.CASCADE, null=True, editable=False)
    account = models.OneToOneField(SocialAccount, models.CASCADE, null=True, editable=False)

    history_hidden = ("authenticator", "account")

    class Meta:
        verbose_name = _("way to sign in")
        verbose_name_plural = _("ways to sign in")
        ordering = ["since", "pk"]
        constraints = [
            models.CheckConstraint(
                name="credential_has_one_secret",
                condition=Q(kind="sign_on", account__isnull=False, authenticator=None)
                | ~Q(kind="sign_on") & Q(account=None, authenticator__isnull=False),
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.name}".strip()


class Lockout(models.Model):
    """Failed attempts under one e-mail address, known here or not. The address is kept as a keyed hash."""

    key = models.CharField(_("keyed hash of the address"), max_length=64, unique=True)
    failures = models.PositiveSmallIntegerField(_("failures"), default=0)
    last_at = models.DateTimeField(_("last failure at"), default=clock.now)
    until = models.DateTimeField(_("locked until"), null=True)

    class Meta:
        verbose_name = _("lock-out")
        verbose_name_plural = _("lock-outs")

    def __str__(self) -> str:
        return self.key


@locked(once=("used_at",))
class Proof(models.Model):
    """Someone proved that it is them, for exactly these bytes. It is used once, soon."""

    class Method(models.TextChoices):
        CODE = "code", _("password and code")
        PASSKEY = "passkey", _("passkey")
        SIGN_ON = "sign_on", _("a new sign-in at single sign-on")
        PASSWORD = "password", _("password")

    LASTS = timedelta(minutes=5)

    user = models.ForeignKey(User, models.PROTECT, related_name="proofs", verbose_name=_("user"))
    digest = models.CharField(_("SHA-256"), max_length=64)
    method = models.CharField(_("method"), max_length=10, choices=Method)
    made_at = models.DateTimeField(_("made at"), default=clock.now)
    used_at = models.DateTimeField(_("used at"), null=True)

    class Meta:
        verbose_name = _("proof of identity")
        verbose_name_plural = _("proofs of identity")
        indexes = [models.Index(fields=["user", "digest"])]

    def __str__(self) -> str:
        return f"{self.user}, {self.get_method_display()}"

    def stale_at(self, moment: datetime) -> bool:
        return not self.made_at <= moment <= self.made_at + self.LASTS
