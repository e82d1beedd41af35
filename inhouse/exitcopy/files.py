"""The files of one product: its documents in all versions, its sealed declarations and what proves them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.utils.translation import gettext as _

from documents import checking, storing
from documents.models import Document, FileCheck, SignedFile, Timestamp
from inhouse import register
from inhouse.dossier import Dossier
from inhouse.exitcopy.folder import Folder
from inhouse.models import Translation
from inhouse.offline import verify_declaration

Found = FileCheck.Found
LONGEST = 90  # characters of a file's name: with its folders it stays below what Windows opens
RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}


@dataclass
class Filed:
    """A file of the copy. `damage` is why it is not there after all."""

    path: str
    document: Document
    damage: str = ""


def plan(documents: Iterable[Document]) -> list[Filed]:
    """Where each document comes to lie: under its own name, with its version where it has one, each name once."""
    taken: set[str] = set()
    found = []
    for document in documents:
        name = named(document.filename, document.version)
        if name.casefold() in taken:
            name = named(document.filename, f"{document.version} {document.pk}".strip())
        taken.add(name.casefold())
        found.append(Filed(f"documents/{name}", document))
    return found


def named(filename: str, version: str = "") -> str:
    """A name that every file system takes, with a version before its ending."""
    stem, dot, ending = storing.safe_name(filename).rpartition(".")
    stem, ending = (stem, f".{ending}") if dot and len(ending) < 8 else (stem + dot + ending, "")
    mark = storing.safe_name(f"{version.replace('/', '-')}.x")[:-2] if version else ""
    tail = f" ({mark[:30]})" if mark else ""
    stem = stem[: LONGEST - len(tail) - len(ending)].rstrip(" .")
    return f"{'_' if stem.casefold() in RESERVED else ''}{stem}{tail}{ending}"


def copy(folder: Folder, filed: list[Filed]) -> None:
    """Copy the documents, verified on the way. What is damaged is left out, named, and told as damage of the store."""
    for each in filed:
        stored = each.document.file
        try:
            folder.copy(each.path, stored)
        except storing.Damaged as damage:
            each.damage = checking.note(stored, damage.found).get_found_display()


@dataclass
class Sealed:
    """A sealed PDF, with what lies beside it."""

    path: str
    title: str
    damage: str = ""
    beside: tuple[str, ...] = ()


def declarations(folder: Folder, d: Dossier) -> list[Sealed]:
    """The sealed PDFs as they were signed, their proofs and timestamps, and the program that checks them."""
    found = []
    for declaration in d.declarations:
        beside = []
        if (proof := register.proof(declaration)) is not None:
            name = f"declarations/{declaration.number}.proof.json"
            folder.write(name, json.dumps(proof, ensure_ascii=False, indent=2) + "\n")
            beside.append(name)
        found.append(_sealed(folder, declaration.file_id, declaration.number, beside))
        for translation in Translation.objects.filter(declaration=declaration):
            title = _("%(number)s in %(language)s") % {
                "number": declaration.number,
                "language": translation.get_language_display(),
            }
            found.append(_sealed(folder, translation.file_id, title, []))
    if found:
        program = Path(verify_declaration.__file__)
        folder.write(f"offline/{program.name}", program.read_bytes())
    return found


def _sealed(folder: Folder, file_id: int, title: str, beside: list[str]) -> Sealed:
    file = SignedFile.objects.get(pk=file_id)
    path = f"declarations/{named(file.name)}"
    for stamp in Timestamp.objects.filter(file=file):
        folder.write(f"{path}.tst", bytes(stamp.token))
        beside.append(f"{path}.tst")
    content = bytes(file.content)
    if hashlib.sha256(content).hexdigest() != file.sha256:
        return Sealed(path, title, checking.note(file, Found.ALTERED).get_found_display(), tuple(beside))
    folder.write(path, content)
    return Sealed(path, title, "", tuple(beside))


def damaged(filed: list[Filed], sealed: list[Sealed]) -> Iterator[tuple[str, str, str]]:
    """Path, title and what is wrong, of each that could not be copied."""
    yield from ((each.path, str(each.document), each.damage) for each in filed if each.damage)
    yield from ((each.path, each.title, each.damage) for each in sealed if each.damage)
