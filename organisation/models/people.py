"""People and what they are trusted with."""

from __future__ import annotations

from datetime import date
from functools import cached_property
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from organisation import clock
from organisation.history import recorded
from organisation.models.places import Administration, Unit


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save()
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        """E-mail addresses are written in any case."""
        return self.get(email__iexact=username)


@recorded(leave_out=("password", "last_login"))
class User(AbstractBaseUser):
    """Someone on staff. Deactivated when they leave, never deleted: history points at them."""

    class Level(models.TextChoices):
        STAFF = "staff", _("staff")
        HEAD_OF_UNIT = "head_of_unit", _("head of unit")
        HEAD_OF_ADMINISTRATION = "head_of_administration", _("head of administration")

    class Reminded(models.TextChoices):
        EACH = "each", _("one by one")
        DAILY = "daily", _("as a daily digest")
        WEEKLY = "weekly", _("as a weekly digest, on Mondays")

    email = models.EmailField(_("e-mail"), unique=True)
    name = models.CharField(_("name"), max_length=150)
    title = models.CharField(_("title"), max_length=150)
    level = models.CharField(_("position level"), max_length=30, choices=Level, default=Level.STAFF)
    unit = models.ForeignKey(Unit, models.PROTECT, related_name="staff", verbose_name=_("unit"))
    language = models.CharField(
        _("language"),
        max_length=2,
        choices=[("sv", _("Swedish")), ("nb", _("Norwegian Bokmål")), ("en", _("English"))],
        default="sv",
    )
    reminded = models.CharField(
        _("reminders come"),
        max_length=6,
        choices=Reminded,
        default=Reminded.DAILY,
        help_text=_("A digest is sent only when there is something in it."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    chose_password = models.BooleanField(
        _("has chosen their own password"),
        default=True,
        help_text=_("Someone whose password was set by an operator chooses their own before doing anything."),
    )
    locked_until = models.DateTimeField(_("locked until"), null=True, editable=False)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["name"]

    objects = UserManager()

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def initials(self) -> str:
        words = self.name.split()
        return (words[0][:1] + words[-1][:1]).upper() if words else ""

    @property
    def leads(self) -> bool:
        """Whether the position is that of a head of unit or higher (VGR-44)."""
        return self.level != self.Level.STAFF

    @cached_property
    def roles(self) -> list[Assignment]:
        """The assignments that hold today; read once per request."""
        return list(self.assignments.on(clock.today()))


class Role(models.TextChoices):
    ENGINEER = "engineer", _("clinical engineer")
    ADVISER = "adviser", _("regulatory adviser")
    MANAGER = "manager", _("manager")
    REGISTRAR = "registrar", _("registrar")
    HEAD_OFFICE = "head_office", _("head office")
    AUDITOR = "auditor", _("auditor")
    OPERATOR = "operator", _("operator")


class AssignmentQuerySet(models.QuerySet["Assignment"]):
    def on(self, day: date) -> AssignmentQuerySet:
        return self.filter(Q(until=None) | Q(until__gte=day), since__lte=day)


@recorded()
class Assignment(models.Model):
    """A role within one administration, or in the whole institution where none is named."""

    user = models.ForeignKey(User, models.PROTECT, related_name="assignments", verbose_name=_("user"))
    role = models.CharField(_("role"), max_length=20, choices=Role)
    administration = models.ForeignKey(
        Administration,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="assignments",
        verbose_name=_("administration"),
        help_text=_("Left empty: the whole institution."),
    )
    since = models.DateField(_("from"), default=clock.today)
    until = models.DateField(_("until"), null=True, blank=True)

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        verbose_name = _("assignment")
        verbose_name_plural = _("assignments")
        ordering = ["role"]
        constraints = [
            models.CheckConstraint(
                name="assignment_days_in_order",
                condition=Q(until=None) | Q(until__gte=models.F("since")),
                violation_error_message=_("The last day cannot come before the first."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_role_display()}, {self.administration or _('whole institution')}"
