"""The catalogues of translations, made and compiled without the gettext programs.

`catalogues` gathers every marked text of code and templates into `locale/*/LC_MESSAGES/django.po` and compiles them:
new texts come untranslated (shown in English), texts that are gone are dropped, nothing is guessed.
`catalogues --check` names what is missing, doubtful or out of date; `catalogues --compile` only compiles.
"""

from __future__ import annotations

import io
import os
import re
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from babel.messages import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.text import Truncator
from django.utils.translation import to_locale
from django.utils.translation.template import templatize

ONE, MANY, IN_CONTEXT, MANY_IN_CONTEXT = None, (1, 2), ((1, "c"), 2), ((1, "c"), 2, 3)
KEYWORDS = {
    "_": ONE,
    "gettext": ONE,
    "gettext_lazy": ONE,
    "gettext_noop": ONE,
    "ngettext": MANY,
    "ngettext_lazy": MANY,
    "pgettext": IN_CONTEXT,
    "pgettext_lazy": IN_CONTEXT,
    "npgettext": MANY_IN_CONTEXT,
    "npgettext_lazy": MANY_IN_CONTEXT,
}
PLACEHOLDER = re.compile(r"%\(\w+\)[#0 +-]*\d*(?:\.\d+)?[a-zA-Z]|%[sdrfi]|\{\w*\}")
HEAD = """\
msgid ""
msgstr ""
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=UTF-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

"""


class Command(BaseCommand):
    help = "Update and compile the catalogues of translations."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--check", action="store_true", help="change nothing; fail on what is not as it should be")
        which.add_argument("--compile", action="store_true", help="only compile")

    def handle(self, *args: Any, **options: Any) -> None:
        folder = Path(settings.LOCALE_PATHS[0])
        languages = [code for code, _name in settings.LANGUAGES if code != settings.LANGUAGE_CODE]
        if options["compile"]:
            compiled(folder)
            return
        wanted = gathered(Path(settings.ROOT))
        found = []
        for language in languages:
            path = folder / to_locale(language) / "LC_MESSAGES" / "django.po"
            old = read(path, language)
            new = updated(old, wanted, language)
            if options["check"]:
                found += [f"{path.relative_to(folder.parent)}: {fault}" for fault in faults(old, new)]
                continue
            write(path, written(new, language))
            empty = sum(not translated(message) for message in new if message.id)
            self.stdout.write(f"{language}: {len(new)} texts, {empty} not translated")
        if found:
            raise CommandError("\n".join([*found, "To gather the texts anew: manage.py catalogues"]))
        if not options["check"]:
            compiled(folder)


# --- gathering


def gathered(root: Path, *, folders: list[Path] | None = None) -> Catalog:
    """Every marked text of the code and the templates, by file and in the order it stands there."""
    catalogue = Catalog()
    for path in sources(root, folders or ours(root)):
        for _line, text, comments, context in texts(path):
            if text and text != ("", ""):
                catalogue.add(
                    text, locations=[(path.relative_to(root).as_posix(), 1)], auto_comments=comments, context=context
                )
    return catalogue


def ours(root: Path) -> list[Path]:
    """The folders of our own code: the apps and the settings."""
    found = {Path(config.path) for config in apps.get_app_configs() if Path(config.path).parent == root}
    return sorted(found | {root / "config"})


def sources(root: Path, folders: list[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(path for path in folder.rglob("*.py") if "migrations" not in path.parts)
    yield from sorted(path for path in (root / "templates").rglob("*.*") if path.suffix in (".html", ".txt"))


def texts(path: Path) -> Iterable[tuple[int, Any, list[str], str | None]]:
    """The marked texts of one file. A template is turned into calls of gettext first, as Django does it for xgettext."""
    source = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        called = templatize(source, origin=str(path))
        source = "\n".join(line.lstrip() for line in called.splitlines())  # the lines of a page are no indented code
    return extract("python", io.BytesIO(source.encode()), KEYWORDS, ["Translators:"], {"encoding": "utf-8"})


# --- updating


def read(path: Path, language: str) -> Catalog:
    if not path.exists():
        return Catalog(locale=to_locale(language))
    with path.open("rb") as file:
        return read_po(file, locale=to_locale(language), ignore_obsolete=True, abort_invalid=True)


def updated(old: Catalog, wanted: Catalog, language: str) -> Catalog:
    """The texts that are wanted, with the translations there are of exactly these."""
    new = Catalog(locale=to_locale(language))
    for message in wanted:
        if not message.id:
            continue
        known = old.get(message.id, message.context)
        string: Any = ("", "") if message.pluralizable else ""
        if known is not None and known.pluralizable == message.pluralizable:
            string = known.string
        new.add(
            message.id,
            string,
            locations=message.locations,
            auto_comments=message.auto_comments,
            user_comments=known.user_comments if known is not None else (),
            flags=message.flags | (known.flags & {"fuzzy"} if known is not None else set()),
            context=message.context,
        )
    return new


def written(catalogue: Catalog, language: str) -> bytes:
    """The catalogue as text, without line numbers and days, so that it differs only where texts do."""
    out = io.BytesIO()
    write_po(out, catalogue, width=0, omit_header=True, include_lineno=False, ignore_obsolete=True)
    return HEAD.format(language=to_locale(language)).encode() + out.getvalue()


def write(path: Path, content: bytes) -> None:
    """Put the file in place whole, and only when it is another: several may be at it."""
    if path.exists() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
    Path(file.name).chmod(0o644)
    os.replace(file.name, path)  # noqa: PTH105


def compiled(folder: Path) -> None:
    """Compile every catalogue; a text without translation is left out and so stays English."""
    for path in sorted(folder.glob("*/LC_MESSAGES/django.po")):
        catalogue = read(path, path.parent.parent.name)
        for message in [message for message in catalogue if message.id and not translated(message)]:
            catalogue.delete(message.id, message.context)
        out = io.BytesIO()
        write_mo(out, catalogue)
        write(path.with_suffix(".mo"), out.getvalue())


# --- checking


def faults(old: Catalog, new: Catalog) -> Iterator[str]:
    """What is wrong with a catalogue; `new` is what it would be after gathering anew."""
    for message in old:
        if message.id and new.get(message.id, message.context) is None:
            yield f"{_quoted(message)} is no longer used"
    for message in new:
        if not message.id:
            continue
        where = ", ".join(dict.fromkeys(name for name, _line in message.locations))
        kept = old.get(message.id, message.context)
        if kept is None:
            yield f"{_quoted(message)} is not in it ({where})"
        elif not translated(message):
            yield f"{_quoted(message)} is not translated ({where})"
        elif message.fuzzy:
            yield f"{_quoted(message)} is marked as doubtful ({where})"
        elif not _same_places(message):
            yield f"{_quoted(message)} has other placeholders than its translation ({where})"
        elif {name for name, _line in kept.locations} != {name for name, _line in message.locations}:
            yield f"{_quoted(message)} stands in other files now ({where})"


def translated(message: Any) -> bool:
    strings = message.string if message.pluralizable else [message.string]
    return bool(strings) and all(strings)


def _same_places(message: Any) -> bool:
    """Whether the translation fills in what the text does. The form for one may leave the number out."""
    if not message.pluralizable:
        return _places(message.id) == _places(message.string)
    one, many = _places(message.id[0]), _places(message.id[1])
    first, *others = (_places(form) for form in message.string)
    return first in (one, many) and all(form == many for form in others)


def _places(text: str) -> set[str]:
    return set(PLACEHOLDER.findall(text.replace("%%", "")))


def _quoted(message: Any) -> str:
    text = message.id[0] if message.pluralizable else message.id
    return f"“{Truncator(' '.join(text.split())).chars(80)}”" + (f" [{message.context}]" if message.context else "")
