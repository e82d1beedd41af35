"""Time as a table: what falls due, who is told, and what the mail server answered."""

from __future__ import annotations

from datetime import date

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from organisation import clock
from organisation.access import Scope
from organisation.history import recorded
from organisation.models import Administration, Role
from products.models import Product

KINDS: dict[str, Promise] = {}
"""What each kind is called; `inhouse.deadlines.kinds` enters it."""


class DeadlineQuerySet(models.QuerySet["Deadline"]):
    def open(self) -> DeadlineQuerySet:
        return self.filter(ended_on=None)

    def with_all(self) -> DeadlineQuerySet:
        """With what a row of a list shows."""
        return self.select_related("product__owner", "product__unit", "administration", "person")


@recorded()
class Deadline(models.Model):
    """Something that falls due. Made, moved and ended by the facts (`inhouse.deadlines`), and never typed in.

    Its kind says what it is and which requirement asks for it; `subject` tells several of one kind apart. Without a
    person it is for those who hold the role in the administration, or in the whole institution where none is named.
    """

    class End(models.TextChoices):
        SETTLED = "settled", _("settled by what the register holds")
        DONE = "done", _("marked as done")

    kind = models.CharField(_("kind"), max_length=30, editable=False)
    subject = models.CharField(_("of which record"), max_length=60, blank=True, editable=False)
    about = models.CharField(_("about"), max_length=300, blank=True, editable=False)
    product = models.ForeignKey(
        Product,
        models.PROTECT,
        null=True,
        related_name="deadlines",
        editable=False,
        verbose_name=_("product"),
        db_index=False,  # `deadline_of_kind` begins with it
    )
    administration = models.ForeignKey(
        Administration, models.PROTECT, null=True, related_name="+", editable=False, verbose_name=_("administration")
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", editable=False, verbose_name=_("person")
    )
    role = models.CharField(_("role"), max_length=20, choices=Role, blank=True, editable=False)
    opened_on = models.DateField(_("known since"), default=clock.today, editable=False)
    due_on = models.DateField(_("due on"), editable=False)
    snoozed_until = models.DateField(_("snoozed until"), null=True, editable=False)
    snoozed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", editable=False, db_index=False,
        verbose_name=_("snoozed by"),
    )  # fmt: skip
    snooze_reason = models.TextField(_("reason for snoozing"), blank=True, editable=False)
    ended_on = models.DateField(_("ended on"), null=True, editable=False)
    end = models.CharField(_("how it ended"), max_length=8, choices=End, blank=True, editable=False)
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", editable=False, db_index=False,
        verbose_name=_("ended by"),
    )  # fmt: skip
    evidence = models.TextField(_("what shows that it is done"), blank=True, editable=False)

    objects = DeadlineQuerySet.as_manager()

    class Meta:
        verbose_name = _("deadline")
        verbose_name_plural = _("deadlines")
        ordering = ["due_on", "pk"]
        indexes = [
            models.Index(name="deadline_due", fields=["due_on"], condition=Q(ended_on=None)),
            models.Index(name="deadline_of_kind", fields=["product", "kind", "ended_on"]),
        ]
        constraints = [
            models.UniqueConstraint(
                name="deadline_once_for_a_product",
                fields=["product", "kind", "subject"],
                condition=Q(ended_on=None, product__isnull=False),
            ),
            models.UniqueConstraint(
                name="deadline_once_elsewhere",
                fields=["kind", "subject"],
                condition=Q(ended_on=None, product=None),
            ),
            models.CheckConstraint(
                name="deadline_end_whole",
                condition=Q(ended_on=None, end="", evidence="")
                | Q(ended_on__isnull=False, end="settled")
                | Q(ended_on__isnull=False, end="done", ended_by__isnull=False) & ~Q(evidence=""),
            ),
            models.CheckConstraint(
                name="deadline_snoozed_within_the_law",
                condition=Q(snoozed_until=None)
                | Q(snoozed_until__lte=F("due_on"), snoozed_by__isnull=False) & ~Q(snooze_reason=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.title} ({self.product.number})" if self.product else self.title

    def get_absolute_url(self) -> str:
        return reverse("inhouse:deadline", args=[self.pk])

    @property
    def title(self) -> str:
        """What falls due, in the reader's words."""
        label = str(KINDS.get(self.kind, self.kind))
        return f"{label}: {self.about}" if self.about else label

    def history_added(self, who: str) -> str:
        """It follows from the facts, whoever entered them."""
        return _("“%(deadline)s” falls due on %(day)s.") % {"deadline": self, "day": date_format(self.due_on)}

    @property
    def scope(self) -> Scope:
        return self.product.scope if self.product else Scope(self.administration_id)

    def remind_on(self, day: date) -> None:
        """The sweep looks at it again on that day."""
        NextReminder.objects.update_or_create(deadline=self, defaults={"day": day})

    def days_left(self, day: date) -> int:
        """Days from that day until it is due; negative when it is overdue."""
        return (self.due_on - day).days


class NextReminder(models.Model):
    """The day on which an open deadline reaches its next step: the sweep's own pointer, apart from what is recorded."""

    deadline = models.OneToOneField(Deadline, models.CASCADE, primary_key=True, related_name="next_reminder")
    day = models.DateField(db_index=True)

    class Meta:
        verbose_name = _("day of the next reminder")
        verbose_name_plural = _("days of next reminders")

    def __str__(self) -> str:
        return f"{self.day:%Y-%m-%d}"


@recorded()
class Ladder(models.Model):
    """The institution's own ladder for one kind of deadline. A kind without one has the register's."""

    kind = models.CharField(_("kind"), max_length=30, unique=True)
    days = models.JSONField(_("days before"))
    weekly = models.PositiveSmallIntegerField(_("days between reminders when overdue"), default=7)
    owner_from = models.SmallIntegerField(_("product owner is told from"), default=0)
    head_from = models.SmallIntegerField(_("head of administration is told from"), default=-7)

    class Meta:
        verbose_name = _("ladder of reminders")
        verbose_name_plural = _("ladders of reminders")
        constraints = [models.CheckConstraint(name="ladder_goes_on", condition=Q(weekly__gte=1, weekly__lte=31))]

    def __str__(self) -> str:
        return str(KINDS.get(self.kind, self.kind))


class ReminderQuerySet(models.QuerySet["Reminder"]):
    def unsent(self) -> ReminderQuerySet:
        """Waiting to be sent, for the first time or again."""
        return self.filter(sent_at=None, failed_at=None, dropped_at=None)


class Reminder(models.Model):
    """One step of a deadline's ladder for one recipient: the outbox, and the record of what was sent.

    `step` is days before the due day, negative after it. A reminder is sent once; when the server's answer was lost it is
    sent again and `uncertain` counts it. One of channel *digest* goes out together with the others of its recipient
    and moment. From the first attempt on it stays in its `mail`, so that a copy says the same under the same Message-ID.
    """

    class Channel(models.TextChoices):
        MAIL = "mail", _("mail")
        DIGEST = "digest", _("digest")

    deadline = models.ForeignKey(Deadline, models.PROTECT, related_name="reminders", verbose_name=_("deadline"))
    due_on = models.DateField(_("due on"))
    step = models.SmallIntegerField(_("days before"))
    recipient = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="reminders", verbose_name=_("recipient")
    )
    stands_in_for = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", verbose_name=_("stands in for")
    )
    channel = models.CharField(_("channel"), max_length=6, choices=Channel)
    made_at = models.DateTimeField(_("made at"))
    not_before = models.DateTimeField(_("not before"))
    mail = models.UUIDField(null=True)
    claim = models.UUIDField(null=True)
    leased_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    uncertain = models.PositiveSmallIntegerField(_("attempts whose answer was lost"), default=0)
    sent_at = models.DateTimeField(_("sent at"), null=True)
    answer = models.CharField(_("answer of the mail server"), max_length=500, blank=True)
    failed_at = models.DateTimeField(_("given up at"), null=True)
    dropped_at = models.DateTimeField(_("no longer needed at"), null=True)
    subject = models.CharField(_("subject"), max_length=250, blank=True)
    text = models.TextField(_("text"), blank=True)

    objects = ReminderQuerySet.as_manager()

    class Meta:
        verbose_name = _("reminder")
        verbose_name_plural = _("reminders")
        ordering = ["-pk"]
        indexes = [
            models.Index(
                name="reminder_waiting",
                fields=["not_before"],
                condition=Q(sent_at=None, failed_at=None, dropped_at=None),
            ),
            models.Index(fields=["recipient", "-id"]),
            models.Index(name="reminder_sent", fields=["sent_at"], condition=Q(sent_at__isnull=False)),
            models.Index(name="reminder_failed", fields=["failed_at"], condition=Q(failed_at__isnull=False)),
            models.Index(name="reminder_uncertain", fields=["id"], condition=Q(uncertain__gt=0)),
        ]
        constraints = [
            models.UniqueConstraint(name="reminder_once", fields=["deadline", "due_on", "step", "recipient"]),
        ]

    def __str__(self) -> str:
        return f"{self.deadline_id} {self.step} {self.recipient_id}"

    @property
    def state(self) -> str:
        """One word: sent, failed, dropped, retrying or waiting."""
        if self.sent_at:
            return "sent"
        if self.failed_at:
            return "failed"
        if self.dropped_at:
            return "dropped"
        return "retrying" if self.attempts else "waiting"


class Round(models.Model):
    """One run of what must run: the morning sweep, or the nightly comparison of every deadline with the facts."""

    class Kind(models.TextChoices):
        SWEEP = "sweep", _("sweep of what falls due")
        COMPARISON = "comparison", _("comparison of deadlines with the facts")

    kind = models.CharField(max_length=10, choices=Kind)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    count = models.PositiveIntegerField(default=0)  # deadlines swept, or products compared
    found = models.JSONField(default=list)  # sentences that say what differed, or keys of deadlines nobody was told of

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["kind", "-started_at"])]

    def __str__(self) -> str:
        return f"{self.kind} {self.started_at:%Y-%m-%d %H:%M}"


@recorded(leave_out=("secret",))
class CalendarAddress(models.Model):
    """A private address under which a calendar program reads someone's deadlines. Only its hash is kept."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.PROTECT, related_name="calendar_address")
    secret = models.CharField(max_length=64, unique=True)  # SHA-256, hexadecimal
    made_at = models.DateTimeField(_("made at"), default=clock.now)

    class Meta:
        verbose_name = _("calendar address")
        verbose_name_plural = _("calendar addresses")

    def __str__(self) -> str:
        return str(self.user)
