"""Making a copy: a folder for each product, and a page over them all. It can stop anywhere and be gone on with."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.db.models import QuerySet
from django.utils import timezone, translation
from django.utils.text import capfirst

from documents import storing
from inhouse import story
from inhouse.dossier import Dossier, gather
from inhouse.exitcopy import files, pages, tables
from inhouse.exitcopy.folder import SUMS, Folder, as_csv, part_of
from inhouse.exitcopy.tables import Table
from organisation import clock
from organisation.models import Institution
from products.models import Product

FORMAT = "femfem-exit-copy/1"
BATCH = 20  # products in memory at a time
LONGEST = 60  # characters of a product's folder
OURS = re.compile(r"IH-\d{4}-\d+")
NOTE = "data/copy.json"


@dataclass(frozen=True)
class Made:
    """What a copy came to."""

    products: int
    size: int
    damaged: int


def make(
    root: Path,
    products: QuerySet[Product],
    *,
    since: datetime | None = None,
    seconds: float | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Made | None:
    """Copy these products to that folder; None when the time was up before it was whole, and the next call goes on.

    Until it is whole its name ends in `.part`. A product's folder that was made after `since` is taken as it is; an
    older one is made anew, unless nothing in it is different.
    """
    part, until = part_of(root), None if seconds is None else time.monotonic() + seconds
    part.mkdir(parents=True, exist_ok=True)
    institution = Institution.objects.get()
    folders = {pk: folder_name(number, name) for pk, number, name in _listed(products)}
    keys = list(folders)
    with translation.override(institution.language):
        for begin in range(0, len(keys), BATCH):
            batch = keys[begin : begin + BATCH]
            waiting = [pk for pk in batch if not _is_fresh(part / folders[pk], since)]
            if waiting:
                for d in gather(list(products.filter(pk__in=waiting).order_by("number"))):
                    _copy(part / folders[d.product.pk], d)
            progress(begin + len(batch))
            if waiting and until is not None and time.monotonic() > until and begin + BATCH < len(keys):
                return None
        _clear(part, set(folders.values()))
        made = _finish(part, list(folders.values()), institution)
    os.sync()
    part.rename(root)
    return made


def _listed(products: QuerySet[Product]) -> Iterator[tuple[int, str, str]]:
    return products.order_by("number").values_list("pk", "number", "name").iterator()


def folder_name(number: str, name: str) -> str:
    """A name that every file system takes. The ending is put on and taken off, as a product's name has none."""
    return storing.safe_name(f"{number} {name}.x".replace("/", "-"))[:-2][:LONGEST].rstrip(" .")


def _note(folder: Path) -> dict[str, Any] | None:
    """What is said of a product's folder that is whole."""
    try:
        said: dict[str, Any] = json.loads((folder / NOTE).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return said if said.get("format") == FORMAT else None


def _is_fresh(folder: Path, since: datetime | None) -> bool:
    said = _note(folder)
    return since is not None and said is not None and datetime.fromisoformat(said["made_at"]) >= since


# --- one product


def _copy(target: Path, d: Dossier) -> None:
    found = tables.of(d)
    filed = files.plan(found["documents"].rows)
    content = _content(d, found, filed)
    sha256, language = hashlib.sha256(content).hexdigest(), translation.get_language()
    before = _note(target)
    if before and (before["content"], before["language"], before["damaged"]) == (sha256, language, []):
        return
    at = clock.now()
    folder = Folder(target)
    folder.write("data/product.json", content)
    _tables(folder, found)
    files.copy(folder, filed)
    sealed = files.declarations(folder, d)
    told = story.story(d.product)
    folder.write("history.html", pages.history(d, told, at=at))
    folder.table(
        "data/history.csv",
        ["at", "by", "what", "field", "from", "to", "reason"],
        (
            [timezone.localtime(e.moment).isoformat(), e.who, e.sentence, *change, e.reason]
            for e in told
            for change in ([(c.field, c.old, c.new) for c in e.changes] or [("", "", "")])
        ),
    )
    damaged = [{"path": path, "title": title, "found": what} for path, title, what in files.damaged(filed, sealed)]
    folder.write("index.html", pages.product(d, found, filed, sealed, at=at, damaged=damaged))
    folder.write(pages.STYLE, pages.style())
    said = {
        "format": FORMAT,
        "number": d.product.number,
        "name": d.product.name,
        "stage": d.product.stage,
        "stage_said": str(capfirst(d.product.get_stage_display())),
        "administration": str(d.product.unit.administration),
        "unit": str(d.product.unit),
        "owner": str(d.product.owner or ""),
        "made_at": at.isoformat(),
        "language": language,
        "content": sha256,
        "rows": {table.name: len(table.rows) for table in found.values()},
        "declarations": len(sealed),
        "documents": len(filed),
        "confidential": sum(each.document.confidential for each in filed),
        "damaged": damaged,
        "size": folder.size,
    }
    folder.write(NOTE, json.dumps(said, ensure_ascii=False, indent=1) + "\n")
    folder.finish()


def _content(d: Dossier, found: dict[str, Table], filed: list[files.Filed]) -> bytes:
    """Everything as JSON; the same facts give the same bytes."""
    institution = {
        name: getattr(d.institution, name) for name in ("name", "organisation_number", "country", "language", "contact")
    }
    content = {
        "format": FORMAT,
        "number": d.product.number,
        "institution": institution,
        "tables": {name: [tables.plain(table, row) for row in table.rows] for name, table in found.items()},
        "files": {str(each.document.pk): each.path for each in filed},
    }
    return json.dumps(content, ensure_ascii=False, indent=1).encode() + b"\n"


def _tables(folder: Folder, found: dict[str, Table]) -> None:
    """Each table as CSV, and what their columns mean."""
    meant = []
    for table in found.values():
        heads = tables.heads(table)
        rows = [tables.plain(table, row) for row in table.rows]
        folder.table(f"data/{table.name}.csv", heads, ([_flat(row[head]) for head in heads] for row in rows))
        for column in table.columns:
            choices = ", ".join(f"{key}={said}" for key, said in column.flatchoices)
            meant.append([table.name, table.title, column.attname, tables.label(column), choices])
    folder.table("data/columns.csv", ["table", "table_meaning", "column", "meaning", "values"], meant)


def _flat(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value


# --- over them all


def _clear(part: Path, wanted: set[str]) -> None:
    """Remove what earlier runs left of products under another name, and halves."""
    for left in part.iterdir():
        if left.is_dir() and OURS.match(left.name) and left.name not in wanted:
            shutil.rmtree(left)


def _finish(part: Path, folders: list[str], institution: Institution) -> Made:
    at, rows = clock.now(), []
    for name in folders:
        said = _note(part / name)
        if said is None:
            raise FileNotFoundError(part / name / NOTE)
        rows.append(said | {"folder": name, "link": f"{quote(name)}/index.html"})
    heads = [
        "number", "name", "stage", "administration", "unit", "owner", "declarations", "documents", "confidential",
        "damaged", "size", "made_at", "folder",
    ]  # fmt: skip
    flat = ([len(row["damaged"]) if head == "damaged" else row[head] for head in heads] for row in rows)
    own = {
        "index.html": pages.index(institution, rows, at=at).encode(),
        "index.csv": as_csv(heads, flat).encode(),
        "README.txt": pages.readme(institution, at=at).encode(),
        pages.STYLE: pages.style(),
    }
    for name, content in own.items():
        (part / name).write_bytes(content)
    with (part / SUMS).open("w", encoding="utf-8") as sums:
        for name, content in own.items():
            sums.write(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
        for folder in folders:
            listed = (part / folder / SUMS).read_text(encoding="utf-8")
            sums.write(f"{hashlib.sha256(listed.encode()).hexdigest()}  {folder}/{SUMS}\n")
            for line in listed.splitlines():
                sha256, _space, name = line.partition("  ")
                sums.write(f"{sha256}  {folder}/{name}\n")
    return Made(
        products=len(rows),
        size=sum(row["size"] for row in rows) + sum(len(content) for content in own.values()),
        damaged=sum(len(row["damaged"]) for row in rows),
    )
