"""The order of names in the reader's language: å ä ö end the Swedish alphabet, æ ø å the Norwegian one.

Case does not count, digits go by their number (lot 2 before lot 10), and what is left alike has one order still.
PostgreSQL sorts with collations of ICU made by a migration; SQLite, which has none, asks `compare` under the same names.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Any

from django.db.models import Func
from django.utils.translation import get_language

LETTERS = {
    "sv": "abcdefghijklmnopqrstuvwxyzåäö",
    "nb": "abcdefghijklmnopqrstuvwxyzæøå",
    "en": "abcdefghijklmnopqrstuvwxyz",
}
LIKE = {
    "sv": {"æ": "ä", "ø": "ö", "œ": "ö", "ü": "y"},
    "nb": {"ä": "æ", "ö": "ø", "œ": "ø", "ü": "y", "aa": "å"},
    "en": {},
}
"""Letters of the neighbours, sorted as one's own; the Norwegian aa is an å in old spelling."""
PIECES = {code: re.compile(r"\d+|aa|." if "aa" in like else r"\d+|.", re.DOTALL) for code, like in LIKE.items()}
EVERYWHERE = {"æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "ß": "ss"}
SIGNS = " _-‐–—,;:!?.'‘’\"“”()[]{}§@*/\\&#%`´^°©®+±×<=>|~¤$£€"  # in ICU's order, before the digits and letters
DIGITS, FIRST, OTHERS = 0x100, 0x200, 0x300  # where digits, letters and everything else begin among the weights


def collation(language: str | None = None) -> str:
    """The name, on either engine, of the order of a language; without one, of the reader's."""
    code = (language or get_language() or "en")[:2]
    return f"femfem_{code if code in LETTERS else 'en'}"


class by(Func):  # noqa: N801  (read as a word: `order_by(by("name"))`)
    """A field in the alphabet of whoever reads when the query is run: forms may keep it in a class."""

    function = "COLLATE"
    template = "%(expressions)s %(function)s %(collation)s"
    arity = 1

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **context: Any) -> Any:
        context["collation"] = connection.ops.quote_name(collation())
        return super().as_sql(compiler, connection, *args, **context)


def key(text: Any) -> str:
    """What Python sorts by: `sorted(units, key=alphabet.key)`."""
    return _key(collation(), str(text))


def compare(language: str) -> Any:
    """SQLite's question which of two texts comes first in a language."""
    name = collation(language)

    def compared(a: str, b: str) -> int:
        one, other = _key(name, a), _key(name, b)
        return (one > other) - (one < other)

    return compared


@lru_cache(maxsize=1 << 15)
def _key(name: str, text: str) -> str:
    """The weights of the letters alone, then what tells accents, case and the very same signs apart."""
    code = name[-2:]
    plain = unicodedata.normalize("NFC", text)
    pieces = PIECES[code].findall(plain.lower())
    weights = "".join(_weight(code, piece) for piece in pieces)
    foreign = "".join(piece for piece in pieces if piece not in LETTERS[code])
    return "\0".join((weights, foreign, plain.swapcase(), text))


@lru_cache(maxsize=1 << 12)
def _weight(code: str, piece: str) -> str:
    """One letter, sign or number as characters that sort by code point."""
    letters = LETTERS[code]
    piece = LIKE[code].get(piece, piece)
    if piece in letters:
        return chr(FIRST + letters.index(piece))
    if piece in SIGNS:
        return chr(1 + SIGNS.index(piece))
    if piece[0].isdecimal():
        number = piece.lstrip("0")
        return chr(DIGITS + min(len(number), 0xFF)) + number
    base = EVERYWHERE.get(piece) or unicodedata.normalize("NFD", piece)
    if base != piece:
        return "".join(_weight(code, sign) for sign in base if not unicodedata.combining(sign))
    return chr(min(OTHERS + ord(piece), 0x10FFFF)) if piece.isalpha() else chr(len(SIGNS) + 1)
