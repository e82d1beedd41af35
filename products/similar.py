"""Has someone already made it? Products of the institution whose name or summary is like what is typed."""

from __future__ import annotations

import re
from functools import reduce
from operator import or_

from django.contrib.postgres.search import TrigramWordSimilarity
from django.db import connection
from django.db.models import Case, IntegerField, Q, QuerySet, Value, When
from django.db.models.functions import Greatest

from products.models import Product

AT_LEAST = 3  # letters typed, and letters of a word that is searched for
MOST = 5


def find(text: str, *, but: Product | None = None) -> list[Product]:
    """At most five products like the text, the likest first; PostgreSQL compares trigrams, SQLite whole words."""
    text = " ".join(text.split())[:300]
    if len(text) < AT_LEAST:
        return []
    products = Product.objects.exclude(pk=but.pk) if but else Product.objects.all()
    like = _by_trigrams(products, text) if connection.vendor == "postgresql" else _by_words(products, text)
    return list(like.select_related("unit__administration")[:MOST])


def _by_trigrams(products: QuerySet[Product], text: str) -> QuerySet[Product]:
    likeness = Greatest(TrigramWordSimilarity(text, "name"), TrigramWordSimilarity(text, "summary"))
    like = Q(name__trigram_word_similar=text) | Q(summary__trigram_word_similar=text)
    return products.filter(like).annotate(likeness=likeness).order_by("-likeness", "-number")


def _by_words(products: QuerySet[Product], text: str) -> QuerySet[Product]:
    words = list(dict.fromkeys(word for word in re.findall(r"\w+", text.lower()) if len(word) > AT_LEAST))[:12]
    if not words:
        return products.none()
    hits = [Q(name__icontains=word) | Q(summary__icontains=word) for word in words]
    score = sum(
        (Case(When(hit, then=Value(1)), default=Value(0), output_field=IntegerField()) for hit in hits),
        start=Value(0),
    )
    return products.filter(reduce(or_, hits)).annotate(likeness=score).order_by("-likeness", "-number")
