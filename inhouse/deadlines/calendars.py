"""A person's deadlines in their own calendar program, under a private address whose secret is kept nowhere but there."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import translation
from django.utils.translation import gettext as _
from icalendar import Calendar, Event

from inhouse.deadlines import lists
from inhouse.models import CalendarAddress, Deadline
from organisation import access, clock
from organisation.access import Act
from organisation.history import acting
from organisation.models import Institution, User


def _hash(secret: str) -> str:
    """It has as many bits as the hash: nobody guesses it, and no salt is needed."""
    return hashlib.sha256(secret.encode()).hexdigest()


def of(user: User) -> CalendarAddress | None:
    """That there is an address, and since when."""
    return CalendarAddress.objects.filter(user=user).first()


@transaction.atomic
def make(*, by: User) -> str:
    """Give someone an address of their own and say its secret, this once. One they had before leads nowhere from now on."""
    access.require(by, Act.WORK)
    secret = secrets.token_urlsafe(32)
    with acting(by):
        CalendarAddress.objects.update_or_create(
            user=by, defaults={"secret": _hash(secret), "made_at": clock.now()}
        )  # fmt: skip
    return secret


@transaction.atomic
def take_away(*, by: User) -> None:
    """The address leads nowhere from now on."""
    access.require(by, Act.WORK)
    with acting(by):
        CalendarAddress.objects.filter(user=by).delete()


def reader(secret: str) -> User | None:
    """Whose address it is, unless it was taken away or they have left."""
    address = CalendarAddress.objects.select_related("user").filter(secret=_hash(secret), user__is_active=True).first()
    return address.user if address else None


def calendar(user: User) -> bytes:
    """The open deadlines of a person and of the products they own, in the language they read."""
    institution = Institution.objects.get()
    rows = list(Deadline.objects.open().with_all().filter(lists.mine(user) | Q(product__owner=user)))
    regulations = lists.regulations({row.product_id for row in rows})
    with translation.override(user.language):
        found = Calendar()
        found.add("prodid", "-//Femfem//Deadlines//EN")
        found.add("version", "2.0")
        found.add("method", "PUBLISH")
        name = _("Deadlines in Femfem")
        found.add("name", name)
        found.add("x-wr-calname", name)
        found.add("refresh-interval", timedelta(hours=6), parameters={"value": "DURATION"})
        found.add("x-published-ttl", "PT6H")
        for row in rows:
            found.add_component(_event(row, institution, regulations.get(row.product_id or 0, "")))
        written: bytes = found.to_ical()
        return written


def _event(deadline: Deadline, institution: Institution, regulation: str) -> Event:
    """One deadline, all day long; the same UID for as long as it is there, also when its day moves."""
    address = settings.PUBLIC_URL + deadline.get_absolute_url()
    product = deadline.product
    rows = lists.requirements(deadline, institution, regulation)
    said = [
        f"{product.number} {product.name}" if product else str(deadline.administration or institution),
        _("Whose: %(whose)s") % {"whose": lists.whose(deadline)},
        *(f"{row.title} ({row.source})" for row in rows),
        address,
    ]
    event = Event()
    event.add("uid", f"deadline-{deadline.pk}@{urlsplit(settings.PUBLIC_URL).hostname}")
    event.add("dtstamp", clock.now())
    event.add("dtstart", deadline.due_on)
    event.add("dtend", deadline.due_on + timedelta(days=1))
    event.add("summary", str(deadline))
    event.add("description", "\n".join(said))
    event.add("url", address)
    event.add("status", "CONFIRMED")
    event.add("transp", "TRANSPARENT")  # the day is not taken up by it
    return event


__all__ = ["calendar", "make", "of", "reader", "take_away"]
