"""The legal entity and its places: kept by head office; quality systems also by the managers of the administration."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.translation import gettext as _

from organisation import access
from organisation.access import Act, Scope
from organisation.history import acting
from organisation.models import Administration, Authority, Institution, QualitySystem, Unit, User


def _save(row: models.Model, fields: dict[str, Any], *, by: User, reason: str = "") -> None:
    for name, value in fields.items():
        setattr(row, name, value)
    row.full_clean()
    with acting(by, reason=reason):
        row.save()


@transaction.atomic
def edit_institution(fields: dict[str, Any], *, by: User) -> None:
    access.require(by, Act.SETTINGS)
    _save(Institution.objects.select_for_update().get(), fields, by=by)


@transaction.atomic
def add_authority(fields: dict[str, Any], *, by: User) -> Authority:
    """An authority has a task from a day on; one that took over is a row of its own."""
    access.require(by, Act.SETTINGS)
    authority = Authority(institution=Institution.objects.get())
    _save(authority, fields, by=by)
    return authority


@transaction.atomic
def end_authority(authority: Authority, *, valid_until: date, by: User) -> None:
    access.require(by, Act.SETTINGS)
    authority = Authority.objects.select_for_update(of=("self",)).get(pk=authority.pk)
    if authority.valid_until is not None:
        raise ValidationError(_("This authority’s task has already been given an end."))
    _save(authority, {"valid_until": valid_until}, by=by)


@transaction.atomic
def add_administration(*, name: str, by: User) -> Administration:
    access.require(by, Act.SETTINGS)
    administration = Administration(institution=Institution.objects.get())
    _save(administration, {"name": name}, by=by)
    return administration


@transaction.atomic
def edit_administration(administration: Administration, *, name: str, active: bool, by: User) -> None:
    """Rename or close. One with units that are open stays open."""
    access.require(by, Act.SETTINGS, Scope(administration.pk))
    administration = Administration.objects.select_for_update(of=("self",)).get(pk=administration.pk)
    if not active and administration.units.filter(active=True).exists():
        raise ValidationError({"active": _("Close or move its units first.")})
    _save(administration, {"name": name, "active": active}, by=by)


@transaction.atomic
def add_unit(administration: Administration, *, name: str, site: str = "", by: User) -> Unit:
    access.require(by, Act.SETTINGS, Scope(administration.pk))
    if not administration.active:
        raise ValidationError(_("This administration is closed."))
    unit = Unit(administration=administration)
    _save(unit, {"name": name, "site": site}, by=by)
    return unit


@transaction.atomic
def edit_unit(unit: Unit, *, name: str, site: str, by: User) -> None:
    access.require(by, Act.SETTINGS, Scope(unit.administration_id))
    _save(Unit.objects.select_for_update(of=("self",)).get(pk=unit.pk), {"name": name, "site": site}, by=by)


@transaction.atomic
def close_unit(unit: Unit, *, reason: str, by: User) -> None:
    """The workplace is no more. Nothing new is placed or made there; what is there is moved by whoever keeps it."""
    access.require(by, Act.SETTINGS, Scope(unit.administration_id))
    unit = Unit.objects.select_for_update(of=("self",)).get(pk=unit.pk)
    if not unit.active:
        raise ValidationError(_("This unit is closed."))
    _save(unit, {"active": False}, by=by, reason=reason)


@transaction.atomic
def reopen_unit(unit: Unit, *, reason: str, by: User) -> None:
    access.require(by, Act.SETTINGS, Scope(unit.administration_id))
    unit = Unit.objects.select_for_update(of=("self",)).select_related("administration").get(pk=unit.pk)
    if not unit.administration.active:
        raise ValidationError(_("This administration is closed."))
    if unit.active:
        raise ValidationError(_("This unit is open."))
    _save(unit, {"active": True}, by=by, reason=reason)


@transaction.atomic
def add_system(administration: Administration, fields: dict[str, Any], *, by: User) -> QualitySystem:
    """A quality management system under which the administration makes or uses devices (MDR 5(5)(b))."""
    access.require(by, Act.QUALITY, Scope(administration.pk))
    system = QualitySystem(administration=administration)
    _save(system, fields, by=by)
    return system


@transaction.atomic
def edit_system(system: QualitySystem, fields: dict[str, Any], *, by: User) -> None:
    access.require(by, Act.QUALITY, Scope(system.administration_id))
    _save(QualitySystem.objects.select_for_update(of=("self",)).get(pk=system.pk), fields, by=by)
