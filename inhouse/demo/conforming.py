"""How the devices of the demo answer Annex I."""

from __future__ import annotations

from functools import cache
from typing import Any

import yaml

from inhouse import conformity
from inhouse.demo.region import FOLDER
from inhouse.dossier import current
from inhouse.law.annex_one import annex_one
from inhouse.models import EvidenceDocument
from organisation.models import User
from products.models import Revision


@cache
def words() -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load((FOLDER / "conformity.yaml").read_text(encoding="utf-8"))
    return data


def conform(revision: Revision, *, by: User) -> None:
    """Rule out what does not fit the device, a group at a time; then answer what is left, by sub-points or as a whole."""
    annex, answered = annex_one(revision.regulation), current(revision.product).numbers_answered(revision)
    for tag, rows in conformity.suggested(revision).items():
        if numbers := [row.number for row in rows if row.number not in answered]:
            conformity.rule_out(revision, numbers, reason=words()["reasons"][tag], by=by)
            answered.update(numbers)
    entries = {entry.group: entry for entry in EvidenceDocument.objects.filter(revision=revision)}
    for number, said in words()[revision.regulation].items():
        if annex.is_answered(number, answered):
            continue
        answered.add(number)
        if isinstance(said, dict):
            conformity.rule_out(revision, [number], reason=said["reason"], by=by)
        else:
            group, where = said if isinstance(said, list) else ("", said)
            conformity.meet(revision, [number], evidence=entries.get(group), where=where, by=by)
