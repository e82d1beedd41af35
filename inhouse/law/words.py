"""Words of the law in the reader's language."""

from __future__ import annotations

from django.utils.translation import get_language

Words = dict[str, str]


def said(words: Words) -> str:
    """The words in the reader's language; English where a pack has none."""
    return words.get(get_language() or "en", words["en"])
