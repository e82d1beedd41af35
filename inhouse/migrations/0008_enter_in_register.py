"""What was published, replaced and withdrawn before there was a log is entered in it, in the order in which it happened."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.db import migrations

from documents import merkle, notes
from organisation.database.acting import acting

WHY = "Entered when the log of the register began"
KINDS = {"published": "published_on", "replaced": "replaced_on", "withdrawn": "withdrawn_on"}


def enter(apps: Any, schema_editor: Any) -> None:
    alias = schema_editor.connection.alias

    def rows(app: str, name: str) -> Any:
        return apps.get_model(app, name).objects.using(alias)

    published = rows("inhouse", "Declaration").filter(published_on__isnull=False)
    declarations = {declaration.pk: declaration for declaration in published}
    files = dict(rows("documents", "SignedFile").values_list("pk", "sha256"))
    by = notes.Signer(settings.REGISTER_ORIGIN, settings.REGISTER_KEY)
    edge: list[bytes] = []
    events = order(declarations, rows("inhouse", "HistoricalDeclaration").filter(id__in=declarations))
    with acting(None, reason=WHY):
        for index, (day, kind, pk) in enumerate(events):
            declaration = declarations[pk]
            said = {
                "what": kind,
                "declaration": declaration.number,
                "sha256": files[declaration.file_id],
                "date": day.isoformat(),
                "organisation_number": declaration.snapshot["institution"]["organisation_number"],
            }
            data = json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
            completed = merkle.grow(edge, index, merkle.leaf_hash(data.encode()))
            rows("inhouse", "Leaf").create(
                index=index, kind=kind, declaration=declaration, data=data,
                hash=completed[0].hex(), above=b"".join(completed[1:]).hex(),
            )  # fmt: skip
            edge = [*edge[: len(edge) - len(completed) + 1], completed[-1]]
        if events:
            root = merkle.folded(edge)
            note = by.sign(str(notes.Checkpoint(settings.REGISTER_ORIGIN, len(events), root)))
            rows("inhouse", "Checkpoint").create(size=len(events), root=root.hex(), note=note, key=str(by.key))


def order(declarations: dict[int, Any], history: Any) -> list[tuple[Any, str, int]]:
    """What happened: by its day, and within a day as the history knows it. Nothing happened in the register before publication."""
    known: dict[tuple[int, str], int] = {}
    for row in history.order_by("history_id").values("history_id", "id", *KINDS.values()).iterator():
        for kind, field in KINDS.items():
            if row[field]:
                known.setdefault((row["id"], kind), row["history_id"])
    happened = [
        (max(day, declaration.published_on), kind, pk)
        for pk, declaration in declarations.items()
        for kind, field in KINDS.items()
        if (day := getattr(declaration, field))
    ]
    kinds = list(KINDS)

    def when(event: tuple[Any, str, int]) -> tuple[Any, ...]:
        day, kind, pk = event
        return day, max(known.get((pk, kind), 0), known.get((pk, "published"), 0)), pk, kinds.index(kind)

    return sorted(happened, key=when)


class Migration(migrations.Migration):
    dependencies = [("inhouse", "0007_register"), ("documents", "0001_initial")]
    operations = [migrations.RunPython(enter, migrations.RunPython.noop)]
