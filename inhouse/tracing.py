"""Which patient met which item: when that may be noted, who may look, and how a number is forgotten.

What `products.patients` keeps is asked here of the life of the product and of the table of acts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from inhouse import lifecycle, retention
from inhouse.dossier import current
from inhouse.models import Step
from inhouse.obstacles import Refused
from organisation import access, clock
from organisation.access import INSTITUTION, Act, Scope
from organisation.models import Unit, User
from products import patients
from products.identity import Identifier
from products.models import Item, Patient, PatientLookUp, PatientUse, Product, Revision

OPEN_FOR = timedelta(minutes=15)  # how long a look-up lets the same person see what the patient met
USES_IT_UP = (Item.Fate.IMPLANTED, Item.Fate.CONSUMED)  # fates that a patient's use brings about on the same day


# --- noting


def obstacles(item: Item) -> list[str]:
    """Why no use of the item can be noted, whatever the day; the day decides the rest."""
    found = []
    if item.product.stage not in Product.Stage.used:
        found.append(_("The product is not in use: patients must not meet it yet."))
    if not item.is_released:
        found.append(_("The item is not released (MDR 5(5)(g), IVDR 5(5)(h))."))
    elif not item.placements.exists():
        found.append(_("The item has not been placed at any unit."))
    return found


@sensitive_variables("identifier")
@transaction.atomic
def note_use(
    item: Item, *, identifier: Identifier, used_on: date, unit: Unit, earlier: bool = False, by: User
) -> PatientUse:
    """Note that a patient met the item, if patients could meet it there on that day.

    A use is noted late too, for the item as it was then. On the very day on which use was paused or ended, someone has
    to say that the patient met it before (`earlier`).
    """
    product = lifecycle.lock(item.product)
    access.require(by, Act.PATIENTS, product.scope)
    item = Item.objects.select_related("revision").get(pk=item.pk)
    item.product = product
    if used_on > clock.today():
        raise ValidationError({"used_on": _("A use cannot lie in the future.")})
    reason = _refuse_unless_in_use(product, used_on, earlier=earlier)
    _refuse_unless_in_force(item.revision, used_on)
    _refuse_unless_there(item, unit, used_on)
    return patients.note_use(item, identifier=identifier, used_on=used_on, unit=unit, reason=reason, by=by)


def _refuse_unless_in_use(product: Product, day: date, *, earlier: bool) -> str:
    stages = _stages(product, None, day)
    now = Product.Stage(stages[-1]) if stages else Product.Stage.PROPOSED
    if now == Product.Stage.IN_USE:
        return ""
    if Product.Stage.IN_USE in stages:
        if earlier:
            return _("Before use was paused or ended that day.")
        raise ValidationError(
            _(
                "On %(day)s the product became “%(stage)s”: its items are quarantined. If the patient met the item earlier that day, say so."
            )
            % {"day": date_format(day), "stage": now.label},
            code="paused",
        )
    if now == Product.Stage.SUSPENDED:
        raise ValidationError(
            _("Use was paused on %(day)s and the items are quarantined: no patient may meet them.")
            % {"day": date_format(day)},
            code="paused",
        )
    raise ValidationError(
        _("The product was “%(stage)s” on %(day)s: no patient may meet it.")
        % {"stage": now.label, "day": date_format(day)},
        code="stage",
    )


def _refuse_unless_in_force(revision: Revision, day: date) -> None:
    stages = _stages(revision.product, revision, day)
    if not set(stages) & set(Revision.Stage.covering):
        raise ValidationError(
            _("The item is made to revision %(number)s, which was not in force on %(day)s.")
            % {"number": revision.number, "day": date_format(day)}
        )


def _refuse_unless_there(item: Item, unit: Unit, day: date) -> None:
    if item.released_on is None:
        raise ValidationError(_("The item is not released (MDR 5(5)(g), IVDR 5(5)(h))."))
    if day < item.released_on:
        raise ValidationError(
            {"used_on": _("The item was not released until %(day)s.") % {"day": date_format(item.released_on)}}
        )
    if item.fate_on and (day > item.fate_on or (day == item.fate_on and item.fate not in USES_IT_UP)):
        raise ValidationError(
            {
                "used_on": _("The item has been out of use since %(day)s: %(fate)s.")
                % {"day": date_format(item.fate_on), "fate": item.get_fate_display()}
            }
        )
    there = item.placements.filter(Q(until=None) | Q(until__gte=day), since__lte=day, unit=unit)
    if not there.exists():
        raise ValidationError(
            {
                "unit": _("The item was not at %(unit)s on %(day)s. First record where it was.")
                % {"unit": unit, "day": date_format(day)}
            }
        )


def _stages(product: Product, revision: Revision | None, day: date) -> list[str]:
    """The stages that product or revision was in at some time of that day, the last one last."""
    steps = list(Step.objects.filter(product=product, revision=revision, on__lte=day).order_by("pk"))
    before = [step.to_stage for step in steps if step.on < day]
    return before[-1:] + [step.to_stage for step in steps if step.on == day]


# --- looking


def may_look(user: User) -> bool:
    """Whether there is any product whose patients this person may look for: by role, or as its owner."""
    return access.somewhere(user, Act.PATIENTS) or Product.objects.filter(owner=user).exists()


@sensitive_variables("identifier")
def find(identifier: Identifier, *, purpose: str, by: User) -> Patient | None:
    """The patient with exactly that number, for someone who may look for patients somewhere. Logged."""
    _require_look(by)
    return patients.find(identifier, purpose=purpose, by=by)


def reopen(patient: Patient, *, purpose: str, by: User) -> None:
    """Look again at what a patient met, without the number. Logged."""
    _require_look(by)
    patients.reopen(patient, purpose=purpose, by=by)


def is_open(patient: Patient, *, by: User) -> bool:
    """Whether this person looked the patient up a moment ago."""
    since = clock.now() - OPEN_FOR
    return PatientLookUp.objects.filter(patient=patient, by=by, at__gt=since, at__lte=clock.now()).exists()


@dataclass
class Met:
    """What a patient met, as far as one person may see it, and how much lies elsewhere."""

    uses: list[PatientUse]
    elsewhere: int


def met(patient: Patient, *, by: User) -> Met:
    """The uses of products whose patients this person may see; of the others only how many."""
    _require_look(by)
    if not is_open(patient, by=by):
        raise PermissionDenied(_("Say first why you need to see what this patient met."))
    uses = list(patients.uses_of(patient))
    seen = [use for use in uses if access.may(by, Act.PATIENTS, use.scope)]
    return Met(seen, len(uses) - len(seen))


def reveal(use: PatientUse, *, purpose: str, by: User) -> str:
    """The number of the patient behind a use, as people read it. Logged before it is shown."""
    access.require(by, Act.PATIENTS, use.scope)
    return patients.reveal(use, purpose=purpose, by=by)


def _require_look(by: User) -> None:
    if not may_look(by):
        access.require(by, Act.PATIENTS)


# --- forgetting


@dataclass
class Traced:
    """A patient, and where the right to erase their number must be held: everywhere that an item was met."""

    patient: Patient
    scope: Scope


def traced(patient: Patient) -> Traced:
    """A number is one for the whole institution, so erasing it takes the role in every administration it serves."""
    places = set(patient.uses.values_list("item__product__unit__administration", flat=True))
    return Traced(patient, Scope(administration_id=places.pop()) if len(places) == 1 else INSTITUTION)


@transaction.atomic
def erase(patient: Patient, *, decision: str, by: User) -> None:
    """Forget the number of a patient, by a decision. What the patient met stays, without a name.

    Refused while a legal hold stands on any product that the patient met.
    """
    patients.hold_still([patient.pk])
    access.require(by, Act.ERASE_PATIENTS, traced(patient).scope)
    met = Product.objects.filter(pk__in=patient.uses.values("item__product")).order_by("pk")
    if found := [hold for product in met for hold in retention.held(current(product))]:
        raise Refused(found)
    patients.erase(patient, decision=decision, by=by)
