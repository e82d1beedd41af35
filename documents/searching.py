"""Finding documents by what stands in them and by what they are called. Which documents may be found is the caller's part."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.contrib.postgres.search import SearchConfig, SearchHeadline, SearchQuery, SearchRank
from django.db import connection, transaction
from django.db.models import Case, F, FloatField, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce, Left

from documents.models import Document, FileText
from documents.reading import CONFIGS

TERMS = 12  # words of a question that are looked at
NAMES = ("title", "reference", "filename", "note")
BEGIN, END, GAP = "\ue000", "\ue001", " … "  # no text has them: reading takes them out
LOOKED_INTO = 200_000  # characters, for the lines around what was found; beyond them a text is found without

Snippet = list[tuple[str, bool]]
"""Text in pieces, each with whether it is what was looked for."""


def find(documents: QuerySet[Document], q: str) -> QuerySet[Document]:
    """Those of the documents that fit the question, the likest first. Quotes hold words together, a minus leaves one out."""
    named = _named(q)
    if connection.vendor == "postgresql":
        query = _query(q)
        said = Q(file__in=FileText.objects.filter(vector=query).values("file"))
        likeness: Any = Coalesce(SearchRank(F("file__text__vector"), query), Value(0.0))
    else:
        said, likeness = _said(q), Value(0.0)
    called = Case(When(named, then=Value(1.0)), default=Value(0.0), output_field=FloatField())
    return documents.filter(said | named).annotate(likeness=called + likeness).order_by("-likeness", "-uploaded_at", "-pk")  # fmt: skip


@contextmanager
def by_index() -> Iterator[None]:
    """Around the running of what `find` returns. PostgreSQL thinks reading through all texts cheap: it does not count unpacking them."""
    if connection.vendor != "postgresql":
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        yield
        cursor.execute("SET LOCAL enable_seqscan = on")


def terms(q: str) -> tuple[list[str], list[str]]:
    """What must be there and what must not."""
    found = re.findall(r'(-?)(?:"([^"]+)"|([^\s"]+))', q)[:TERMS]
    words = [(minus, (phrase or word).strip()) for minus, phrase, word in found]
    return [word for minus, word in words if word and not minus], [word for minus, word in words if word and minus]


def _named(q: str) -> Q:
    wanted, unwanted = terms(q)
    if not wanted:
        return Q(pk__in=[])
    fits = Q()
    for word in wanted:
        fits &= _anywhere(word, NAMES)
    for word in unwanted:
        fits &= ~_anywhere(word, NAMES)
    return fits


def _anywhere(word: str, fields: Sequence[str]) -> Q:
    fits = Q()
    for name in fields:
        fits |= Q(**{f"{name}__icontains": word})
    return fits


def _said(q: str) -> Q:
    """Where the database knows no words: each one, as it is typed, somewhere in the text."""
    wanted, unwanted = terms(q)
    fits = Q(file__text__state=FileText.State.DONE) if wanted else Q(pk__in=[])
    for word in wanted:
        fits &= Q(file__text__text__icontains=word)
    for word in unwanted:
        fits &= ~Q(file__text__text__icontains=word)
    return fits


def _query(q: str) -> Any:
    """The question in each language: a word is looked for under the stem that the language gives it."""
    first, *others = (SearchQuery(q, config=config, search_type="websearch") for config in CONFIGS.values())
    for each in others:
        first = first | each
    return first


# --- the lines around what was found


def snippets(documents: Sequence[Document], q: str) -> dict[int, Snippet]:
    """By document, the lines that hold what was looked for, where its text holds it."""
    rows = Document.objects.filter(
        pk__in=[document.pk for document in documents], file__text__state=FileText.State.DONE
    )
    if connection.vendor == "postgresql":
        each = {config: SearchQuery(q, config=config, search_type="websearch") for config in CONFIGS.values()}
        fitting = [When(file__text__vector=query, then=Value(config)) for config, query in each.items()]
        stems = Case(*fitting, default=Value("simple"))  # words are marked in the language in which they were found
        around = SearchHeadline(
            Left("file__text__text", LOOKED_INTO), _query(q), config=SearchConfig(stems),
            start_sel=BEGIN, stop_sel=END, max_fragments=2, max_words=26, min_words=12, fragment_delimiter=GAP,
        )  # fmt: skip
        found = rows.annotate(around=around).values_list("pk", "around")
        return {pk: _pieces(text) for pk, text in found if BEGIN in text}
    texts = rows.values_list("pk", Left("file__text__text", LOOKED_INTO))
    return {pk: pieces for pk, text in texts if (pieces := _around(text, terms(q)[0]))}


def _pieces(text: str) -> Snippet:
    pieces: Snippet = []
    for number, piece in enumerate(re.split(f"{BEGIN}(.*?){END}", " ".join(text.split()))):
        if piece:
            pieces.append((piece.replace(BEGIN, "").replace(END, ""), number % 2 == 1))
    return pieces


def _around(text: str, words: list[str]) -> Snippet:
    """The first place where one of the words stands."""
    if not words:
        return []
    looked_for = re.compile("|".join(map(re.escape, words)), re.IGNORECASE)
    first = looked_for.search(text)
    if first is None:
        return []
    start = text.rfind(" ", 0, max(0, first.start() - 80)) + 1
    end = text.find(" ", first.end() + 120)
    end = end if 0 <= end < first.end() + 200 else first.end() + 120
    part = text[start:end]
    return _pieces(
        (GAP if start else "")
        + looked_for.sub(lambda match: f"{BEGIN}{match[0]}{END}", part)
        + (GAP if end < len(text) else "")
    )
