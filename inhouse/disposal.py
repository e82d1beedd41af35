"""The disposal of a product's records: proposed with a decision, read, confirmed by a second person, executed, certified.

What goes and what stays is frozen as a list (`manifest`). If anything in it is different when someone confirms, or when
it is executed, nothing goes and the list is made anew. All that the database loses goes in one transaction, with the
certificate; then the bytes of the files. Whatever is interrupted is finished by the next run, and twice is once.
"""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from documents import erasure, seals, storing
from inhouse import certificate, disposable, exitcopy, lifecycle, retention
from inhouse.disposable import TABLE, Emptied, Reach, Stays, is_counted, reach
from inhouse.dossier import Dossier, current
from inhouse.models import Declaration, Disposal
from inhouse.obstacles import Refused
from inhouse.reminders import comparing
from inhouse.snapshots import canonical
from organisation import access, clock
from organisation.access import Act
from organisation.history import acting
from organisation.models import User
from products import patients
from products.models import Patient, PatientUse, Product

BATCH = 20  # files removed between two notes of how far it is
AT_ONCE = 500  # rows in a statement

Manifest = dict[str, Any]


# --- what goes and what stays


def manifest(d: Dossier, found: Reach) -> Manifest:
    """What would go and stay today, as plain values that are the same as long as nothing changes.

    Rows of the histories are counted too: whoever changes a word changes the list.
    """
    day, last = retention.floor(d), retention.counted_from(d)
    counted = {
        model: found.history(model).count() if model in found.ever else 0 for model in (*found.going, *found.emptied)
    }
    return {
        "product": {"number": d.product.number, "name": d.product.name},
        "floor": {
            "counted_from": last.isoformat() if last else "",
            "years": retention.years(d),
            "day": day.isoformat() if day else "",
        },
        "holds": [[hold.pk, bool(hold.lifted_on)] for hold in d.holds],
        "goes": [
            {"kind": model._meta.label_lower, "rows": len(rows), "history": counted[model]}
            if is_counted(model)
            else {"kind": model._meta.label_lower, "rows": None, "history": None}
            for model, rows in found.going.items()
            if rows or counted[model] or not is_counted(model)
        ],
        "emptied": [
            {
                "kind": model._meta.label_lower,
                "rows": len(rows),
                "history": counted[model],
                "fields": list(_fields(model)),
            }
            for model, rows in found.emptied.items()
            if rows
        ],
        "stays": [model._meta.label_lower for model, fate in TABLE.items() if isinstance(fate, Stays)],
        "declarations": [{"number": row.number, "sha256": row.file.sha256} for row in _declarations(d.product)],
        "files": [
            {"names": sorted(set(found.names[file.pk])), "sha256": file.sha256, "size": file.size}
            for file in found.files
        ],
        "kept_files": [
            {"names": sorted(set(found.names[file.pk])), "sha256": file.sha256, "size": file.size}
            for file in found.kept_files
        ],
        "patients": {"erased": len(found.patients), "kept": found.shared_patients},
    }


def _fields(model: Any) -> tuple[str, ...]:
    fate = TABLE[model]
    return fate.fields if isinstance(fate, Emptied) else ()


def _declarations(product: Product) -> QuerySet[Declaration]:
    rows = Declaration.objects.filter(revision__product=product).select_related("file").order_by("pk")
    return rows.defer("snapshot", "file__content")


def digest(listed: Manifest) -> str:
    return hashlib.sha256(canonical(listed)).hexdigest()


def listed_now(product: Product) -> Manifest:
    return manifest(current(product), reach(product))


def is_current(disposal: Disposal) -> bool:
    """Whether what would go today is what the disposal lists."""
    return digest(listed_now(disposal.product)) == disposal.sha256


# --- proposed


@transaction.atomic
def propose(product: Product, *, reference: str, decided_on: date, decided_by: str, reason: str, by: User) -> Disposal:
    """Propose to dispose of the records, by a decision that was made. Raises Refused with what stands in the way."""
    product = lifecycle.lock(product)
    access.require(by, Act.RETAIN, product.scope)
    lifecycle.in_words(reference=reference, decided_by=decided_by, reason=reason)
    if decided_on > clock.today():
        raise ValidationError({"decided_on": _("The decision cannot lie in the future.")})
    if Disposal.objects.open().filter(product=product).exists():
        raise ValidationError(_("A disposal of these records is already proposed."), code="proposed")
    d = _disposable(product)
    now = manifest(d, reach(product))
    with acting(by, reason=reason):
        return Disposal.objects.create(
            product=product,
            reference=reference.strip(),
            decided_on=decided_on,
            decided_by=decided_by,
            reason=reason,
            proposed_at=clock.now(),
            proposed_by=by,
            manifest=now,
            sha256=digest(now),
            previewed_at=clock.now(),
            previewed_by=by,
        )


def _disposable(product: Product) -> Dossier:
    if wrong := lifecycle.astray(product, Product.Stage.DISPOSED):
        raise Refused(wrong)
    d = current(product)
    if found := retention.obstacles(d):
        raise Refused(found)
    return d


def _locked(disposal: Disposal) -> Disposal:
    """The disposal as it is now, its product locked. Raises ValidationError if it has ended."""
    product = lifecycle.lock(disposal.product)
    disposal = Disposal.objects.select_related("proposed_by", "previewed_by", "confirmed_by").get(pk=disposal.pk)
    if not disposal.is_open:
        raise ValidationError(_("This disposal has been executed or cancelled in the meantime."), code="ended")
    disposal.product = product
    return disposal


@transaction.atomic
def renew(disposal: Disposal, *, by: User) -> None:
    """List anew what goes and stays. A confirmation of the earlier list falls."""
    disposal = _locked(disposal)
    access.require(by, Act.RETAIN, disposal.scope)
    d = _disposable(disposal.product)
    now = manifest(d, reach(disposal.product))
    disposal.manifest, disposal.sha256 = now, digest(now)
    disposal.previewed_at, disposal.previewed_by = clock.now(), by
    disposal.confirmed_at = disposal.confirmed_by = None
    disposal.trouble = ""
    with acting(by):
        disposal.save()


@transaction.atomic
def cancel(disposal: Disposal, *, reason: str, by: User) -> None:
    """Give the disposal up: nothing went, and everything is kept as before."""
    disposal = _locked(disposal)
    access.require(by, Act.DISPOSE, disposal.scope)
    lifecycle.in_words(reason=reason)
    disposal.ended_at, disposal.end = clock.now(), Disposal.End.CANCELLED
    disposal.cancelled_by, disposal.cancelled_reason = by, reason
    with acting(by, reason=reason):
        disposal.save()


# --- confirmed


def is_second(disposal: Disposal, person: User) -> bool:
    """Whether this person had no part in proposing it."""
    return person.pk not in (disposal.proposed_by_id, disposal.previewed_by_id)


@transaction.atomic
def confirm(disposal: Disposal, *, sha256: str, by: User) -> None:
    """The second person confirms exactly the list they read (`sha256`). It is executed by a worker after that."""
    disposal = _locked(disposal)
    access.require(by, Act.DISPOSE, disposal.scope)
    if not is_second(disposal, by):
        raise PermissionDenied(_("Whoever proposed a disposal does not confirm it."))
    if disposal.is_confirmed:
        raise ValidationError(_("This disposal is already confirmed."), code="confirmed")
    d = _disposable(disposal.product)
    if sha256 != disposal.sha256 or digest(manifest(d, reach(disposal.product))) != disposal.sha256:
        raise ValidationError(
            _("What goes or stays has changed since it was listed. It is listed and read anew before anyone confirms."),
            code="changed",
        )
    disposal.confirmed_at, disposal.confirmed_by, disposal.trouble = clock.now(), by, ""
    with acting(by):
        disposal.save()


# --- executed


def execute(disposal_id: int) -> bool:
    """Carry out what was confirmed, or go on where an earlier run broke off; says whether nothing is left to do.

    Not called inside a transaction: the history is sealed first, so that what goes is proved to have been there.
    """
    if not Disposal.objects.unfinished().filter(pk=disposal_id).exists():
        return True
    disposal = Disposal.objects.select_related("product__unit").get(pk=disposal_id)
    if disposal.is_open:
        seals.seal_all()
        try:
            with transaction.atomic():
                _execute(disposal)
        except (Refused, PermissionDenied) as trouble:
            _fall_back(disposal, " ".join(trouble.messages if isinstance(trouble, Refused) else [str(trouble)]))
            return False
        except ValidationError:  # another worker was first
            if Disposal.objects.open().filter(pk=disposal_id).exists():
                raise
            return execute(disposal_id)
        except erasure.Unsealed:
            _note(disposal, _("The history was being written to and is not sealed yet. It is tried again."))
            return False
        except certificate.Unsealable as trouble:
            _note(disposal, str(trouble))
            return False
    return remove_files(disposal_id)


def _execute(disposal: Disposal) -> None:
    disposal = _locked(disposal)
    person = disposal.confirmed_by
    if person is None:
        raise Refused([])
    product = disposal.product
    access.require(person, Act.DISPOSE, product.scope)
    d = _disposable(product)
    _hold_patients_still(product)
    found = reach(product)
    if digest(manifest(d, found)) != disposal.sha256:
        raise Refused([])
    erasure.require_sealed(found.parts())
    decision = _("%(product)s, decision %(reference)s") % {
        "product": product.number,
        "reference": disposal.reference,
    }
    with acting(person, reason=_("Records disposed of: %(decision)s") % {"decision": decision}):
        _empty(found)
        for patient in found.patients:
            patients.erase(
                patient, decision=_("Disposal of records of %(product)s") % {"product": product.number}, by=person
            )
        _delete(found)
        done = erasure.erase(found.parts(), decision=decision, reason=disposal.reason, by=person)
        disposal.ended_at, disposal.end, disposal.erasure = clock.now(), Disposal.End.EXECUTED, done
        disposal.certificate = certificate.make(d, disposal)
        disposal.save()
        exitcopy.forget(product, by=person)
        comparing.forget(product)
        lifecycle.move(product, Product.Stage.DISPOSED, by=person, reason=decision)


def _empty(found: Reach) -> None:
    for model, keys in found.emptied.items():
        if not _fields(model):
            continue
        for at in range(0, len(keys), AT_ONCE):
            rows = model._default_manager.filter(pk__in=keys[at : at + AT_ONCE])
            rows.update(**dict.fromkeys(_fields(model), ""))


def _delete(found: Reach) -> None:
    """By their keys, in one transaction: rows of different tables that refer to each other go together."""
    for model, keys in found.going.items():
        table, column = (connection.ops.quote_name(str(name)) for name in (model._meta.db_table, model._meta.pk.column))
        for at in range(0, len(keys), AT_ONCE):
            some = keys[at : at + AT_ONCE]
            marks = ", ".join(["%s"] * len(some))
            with connection.cursor() as cursor:
                cursor.execute(f"DELETE FROM {table} WHERE {column} IN ({marks})", some)  # noqa: S608


def _fall_back(disposal: Disposal, trouble: str) -> None:
    """Something stands in the way since it was confirmed: the confirmation falls, and it is listed and read anew."""
    changed = _("What goes or stays has changed since it was confirmed.")
    rows = Disposal.objects.open().filter(pk=disposal.pk)
    with acting(None, reason=_("A confirmed disposal could not be executed")), transaction.atomic():
        rows.update(confirmed_at=None, confirmed_by=None, trouble=trouble or changed)


def _note(disposal: Disposal, trouble: str) -> None:
    """It is tried again by the next run."""
    rows = Disposal.objects.open().filter(pk=disposal.pk).exclude(trouble=trouble)
    with acting(None, reason=_("A disposal is tried again")), transaction.atomic():
        rows.update(trouble=trouble)


# --- the bytes


def remove_files(disposal_id: int) -> bool:
    """Delete the files of an executed disposal from the disk; says whether all are gone.

    The rows went before, so a crash leaves files that nothing leads to, and a second run deletes what the first did not.
    A file that another document holds by now stays: it was stored anew, and not by this product.
    """
    disposal = Disposal.objects.get(pk=disposal_id, end=Disposal.End.EXECUTED)
    files = disposal.manifest["files"]
    with acting(None, reason=_("Files of records that were disposed of are removed")):
        left = 0
        for at, each in enumerate(files, 1):
            left += not storing.discard(each["sha256"])
            if at % BATCH == 0 or at == len(files):
                Disposal.objects.filter(pk=disposal_id).update(files_removed=at - left)
        if not left:
            Disposal.objects.filter(pk=disposal_id, files_gone_at=None).update(files_gone_at=clock.now())
    return not left


# --- who patients are, before the rest


def _hold_patients_still(product: Product) -> None:
    """Who met only this product is asked and acted upon in one: nobody meets another one in between."""
    patients.hold_still(PatientUse.objects.filter(item__product=product).values("patient"))


def known_patients(product: Product) -> list[Patient]:
    """Patients whose identity is known, and who met only this product's items."""
    return list(disposable.known_patients(product).filter(elsewhere=False))


@transaction.atomic
def erase_patients(product: Product, *, decision: str, by: User) -> int:
    """Forget who the patients are that met only this product's items, by a decision of its own; says how many."""
    product = lifecycle.lock(product)
    access.require(by, Act.ERASE_PATIENTS, product.scope)
    lifecycle.in_words(decision=decision)
    d = current(product)
    if found := [*retention.held(d)]:
        raise Refused(found)
    _hold_patients_still(product)
    known = known_patients(product)
    if not known:
        raise ValidationError(_("No patient is known who met only items of this product."), code="none")
    for patient in known:
        patients.erase(patient, decision=decision, by=by)
    return len(known)


def decided_erasures() -> set[int]:
    """The erasures in the history that a disposal stands behind: for the check of the history."""
    rows = Disposal.objects.filter(end=Disposal.End.EXECUTED, erasure__isnull=False)
    return set(rows.values_list("erasure_id", flat=True))
