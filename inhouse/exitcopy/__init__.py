"""Copies of the register that open without it (RET-04): ordered, made in the background, taken, deleted.

One of every product is made each year by itself. A copy holds confidential documents, and of patients only ids that
mean nothing.
"""

from __future__ import annotations

import logging
import shutil
from datetime import timedelta
from functools import partial
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from inhouse.exitcopy import copying
from inhouse.exitcopy.folder import part_of
from inhouse.models import ExitCopy
from organisation import access, clock
from organisation.access import Act
from organisation.history import acting
from organisation.models import Institution, User
from products.models import Product

logger = logging.getLogger(__name__)

LEASE = timedelta(hours=1)  # longer than a round may take; after it the one who was at it is gone
BY_ITSELF = "exit copy"  # why the register writes by itself


def require(user: User, product: Product | None) -> None:
    """Who may have a copy: of everything by role, of one product whoever may open its confidential documents."""
    if product is None:
        access.require(user, Act.EXPORT)
    else:
        access.require(user, Act.READ_CONFIDENTIAL, product.scope)


# --- ordering


def order(product: Product | None = None, *, by: User) -> ExitCopy:
    """Ask for a copy of every product, or of one. Refused while the same is being made."""
    require(by, product)
    with acting(by), transaction.atomic():
        return _order(product, by)


def _order(product: Product | None, by: User | None) -> ExitCopy:
    Institution.objects.select_for_update().get()  # its one row is the queue: two orders at once are not both first
    if ExitCopy.objects.waiting().filter(product=product).exists():
        raise ValidationError(_("This copy is already being made."), code="waiting")
    return ExitCopy.objects.create(product=product, ordered_at=clock.now(), ordered_by=by, total=_count(product))


def _count(product: Product | None) -> int:
    return Product.objects.count() if product is None else 1


def again(copy: ExitCopy, *, by: User) -> None:
    """Go on with a copy that failed, from where it stopped."""
    require(by, copy.product)
    with acting(by), transaction.atomic():
        held = _held(copy)
        if held.state != "failed":
            raise ValidationError(_("Only a copy that failed can be tried again."), code="state")
        _reopen(held)


def _reopen(copy: ExitCopy) -> None:
    copy.ended_at, copy.trouble, copy.total = None, "", _count(copy.product)
    copy.save(update_fields=["ended_at", "trouble", "total"])


def yearly() -> ExitCopy | None:
    """The copy that is made each year by itself: None when there is one of this year, or nothing to copy.

    One that failed is tried again, day after day, as alarms tell.
    """
    if not Product.objects.exists():
        return None
    with acting(None, reason=BY_ITSELF), transaction.atomic():
        newest = _of_this_year().first()
        if newest is None:
            return _order(None, None)
        if newest.state != "failed":
            return None
        _reopen(newest)
        return newest


def _of_this_year() -> QuerySet[ExitCopy]:
    return ExitCopy.objects.whole().filter(ordered_at__year=timezone.localtime(clock.now()).year)


# --- making


def work(copy_id: int, *, seconds: float | None = None) -> bool:
    """Go on with a copy for that long, unless someone else is at it; says whether something is left to do."""
    left = _work(copy_id, seconds)
    for deleted in ExitCopy.objects.filter(pk=copy_id, deleted_at__isnull=False).select_related("product"):
        _remove(deleted)  # meanwhile: a product of it was disposed of
    return left


def _work(copy_id: int, seconds: float | None) -> bool:
    with acting(None, reason=BY_ITSELF):
        now = clock.now()
        free = ExitCopy.objects.waiting().filter(Q(leased_until=None) | Q(leased_until__lt=now), pk=copy_id)
        if not free.update(leased_until=now + LEASE, started_at=Coalesce("started_at", now)):
            return False
        copy = ExitCopy.objects.select_related("product").get(pk=copy_id)
        try:
            made = copying.make(
                folder(copy),
                Product.objects.filter(pk=copy.product_id) if copy.product_id else Product.objects.all(),
                since=copy.started_at,
                seconds=seconds,
                progress=lambda done: _keep(copy, done=done),
            )
        except Exception as trouble:
            if connection.in_atomic_block and connection.needs_rollback:
                raise
            _keep(copy, ended_at=clock.now(), leased_until=None, trouble=f"{type(trouble).__name__}: {trouble}"[:500])
            logger.exception("The exit copy %s failed", copy.pk)
            return False
        if made is None:
            _keep(copy, leased_until=None)
            return True
        _keep(
            copy, ended_at=clock.now(), leased_until=None, total=made.products, done=made.products, size=made.size,
            damaged=made.damaged,
        )  # fmt: skip
        return False


def _keep(copy: ExitCopy, **values: object) -> None:
    for name, value in values.items():
        setattr(copy, name, value)
    copy.save(update_fields=list(values))


def folder(copy: ExitCopy) -> Path:
    """Where its files lie, or will."""
    return Path(settings.EXIT_COPY_ROOT) / f"{copy.pk}-{copy.name}"


# --- taking and deleting


def take(copy: ExitCopy, *, by: User) -> Path:
    """The folder of a copy that is ready, for whoever takes it; that it was taken stays in the history."""
    require(by, copy.product)
    if copy.state != "ready":
        raise ValidationError(_("This copy is not ready."), code="state")
    if not folder(copy).is_dir():
        raise ValidationError(_("The files of this copy are no longer where they were put."), code="gone")
    with acting(by):
        _keep(copy, taken_at=clock.now(), taken_by=by)
    return folder(copy)


def delete(copy: ExitCopy, *, by: User) -> None:
    """Delete the files. That there was a copy, and who had it, stays on record."""
    require(by, copy.product)
    with acting(by), transaction.atomic():
        held = _held(copy)
        if held.state == "deleted":
            raise ValidationError(_("This copy is already deleted."), code="state")
        if held.leased_until and held.leased_until > clock.now():
            raise ValidationError(_("This copy is being made just now. Delete it when it is done."), code="running")
        _keep(held, deleted_at=clock.now(), deleted_by=by)
        transaction.on_commit(lambda: _remove(held))


@transaction.atomic
def forget(product: Product, *, by: User) -> None:
    """Its records were disposed of: every copy that may hold them is deleted, and one of all the others is ordered anew."""
    Institution.objects.select_for_update().get()
    concerned = ExitCopy.objects.kept().filter(Q(product=product) | Q(product=None))
    whole = False
    for copy in concerned.select_related("product").select_for_update(of=("self",)):
        whole |= copy.product_id is None
        _keep(copy, deleted_at=clock.now(), deleted_by=by)
        transaction.on_commit(partial(_remove, copy))  # whoever is writing it just now removes it, or `clear` does
    if whole:
        _order(None, None)


def clear() -> None:
    """Remove what a deletion that broke off has left."""
    root = Path(settings.EXIT_COPY_ROOT)
    left = [int(key) for path in root.glob("*") if (key := path.name.partition("-")[0]).isdecimal()]
    for copy in ExitCopy.objects.filter(pk__in=left, deleted_at__isnull=False).select_related("product"):
        _remove(copy)


def _remove(copy: ExitCopy) -> None:
    shutil.rmtree(folder(copy), ignore_errors=True)
    shutil.rmtree(part_of(folder(copy)), ignore_errors=True)


def _held(copy: ExitCopy) -> ExitCopy:
    return ExitCopy.objects.select_for_update().get(pk=copy.pk)


# --- what is known


def kept() -> int:
    """How many bytes all copies take."""
    return ExitCopy.objects.kept().aggregate(sum=Sum("size"))["sum"] or 0


def alarms() -> list[str]:
    """That this year's copy failed, while no other of this year is there."""
    copies = list(_of_this_year()[:20])
    failed = next((copy for copy in copies if copy.state == "failed"), None)
    if failed is None or any(copy.state == "ready" for copy in copies):
        return []
    return [_("The exit copy of this year failed: %(trouble)s") % {"trouble": failed.trouble}]
