"""Histories as sentences: who did what, when and why, with old and new values as people say them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ObjectDoesNotExist
from django.db import models
from django.db.models import OuterRef, QuerySet, Subquery
from django.template.defaultfilters import filesizeformat
from django.utils import formats, timezone
from django.utils.text import Truncator, capfirst
from django.utils.translation import gettext as _

SHORT = 6  # entries beside or below a page
SHOWN = 200  # characters of a value in a sentence; the value itself is kept whole


@dataclass(frozen=True)
class Change:
    """One field with its old and new value, as text. An empty text is no value."""

    field: str
    old: str
    new: str

    @property
    def sentence(self) -> str:
        words = {
            "field": self.field,
            "old": Truncator(self.old).chars(SHOWN),
            "new": Truncator(self.new).chars(SHOWN),
        }
        if not self.old:
            return _("%(field)s: “%(new)s”.") % words
        if not self.new:
            return _("%(field)s was emptied; it was “%(old)s”.") % words
        return _("%(field)s changed from “%(old)s” to “%(new)s”.") % words


@dataclass(frozen=True)
class Entry:
    """One row of history, told. `verb` is added, changed or removed; `changes` is empty for what was removed."""

    moment: datetime
    history_id: int
    verb: str
    model: type[models.Model]
    object_id: Any
    name: str
    user_id: int | None
    who: str
    reason: str
    changes: list[Change] = field(default_factory=list)
    added: str = ""  # the sentence, where adding it has words of its own

    @property
    def outside(self) -> bool:
        """Whether it was written by plain SQL or another program: an anomaly."""
        return self.user_id is None and not self.reason

    @property
    def what(self) -> str:
        return _("%(kind)s “%(name)s”") % {"kind": self.model._meta.verbose_name, "name": self.name}

    @property
    def sentence(self) -> str:
        words = {"who": self.who, "what": self.what}
        if self.verb == "added":
            return self.added or _("%(who)s added %(what)s.") % words
        if self.verb == "removed":
            return _("%(who)s removed %(what)s.") % words
        return _("%(who)s changed %(what)s.") % words


VERBS = {"+": "added", "~": "changed", "-": "removed"}

RETOLD: list[Callable[[list[Entry]], list[Entry]]] = []
"""What an app that knows more than the rows does to all that is told; each app adds its own when it is ready."""


def entries(histories: Iterable[QuerySet[Any]], *, limit: int | None = None) -> list[Entry]:
    """The rows of some histories (`Item.history.filter(revision=…)`), newest first; the newest `limit` if given.

    Old values come from the row before of the same object, also where the queryset does not hold it. The number of
    queries depends on the models, not on the rows: one or two for each history, one for each model its foreign keys
    point to, one for users. Fields named in a model's `history_hidden` are not read; a model whose adding has words of
    its own tells them in `history_added(who)`.
    """
    read = [_Rows(history, limit) for history in histories]
    related = _related(read)
    told = [entry for rows in read for entry in rows.entries(related)]
    told.sort(key=lambda entry: (entry.moment, entry.history_id), reverse=True)
    told = told[:limit]
    for better in RETOLD:
        told = better(told)
    return told


def latest(*histories: QuerySet[Any]) -> list[Entry]:
    """The newest entries of some histories, as many as a page shows of itself."""
    return entries(histories, limit=SHORT)


Related = dict[type[models.Model], dict[Any, models.Model]]


class _Rows:
    """The rows of one history, each with the row before it."""

    def __init__(self, history: QuerySet[Any], limit: int | None) -> None:
        self.history = history.model
        self.model: type[models.Model] = self.history.instance_type
        self.hidden: tuple[str, ...] = getattr(self.model, "history_hidden", ())
        self.fields = [each for each in self.history.tracked_fields if each.name not in self.hidden]
        self.key = self.model._meta.pk.attname
        plain = (models.ForeignKey, models.DateField)
        self.content = [each for each in self.fields if not (each.primary_key or isinstance(each, plain))]
        everything = self.history._default_manager.defer(*self.hidden)
        before = everything.filter(**{self.key: OuterRef(self.key)}, history_id__lt=OuterRef("history_id"))
        before = before.order_by("-history_id").values("history_id")[:1]
        ordered = history.defer(*self.hidden).annotate(before_id=Subquery(before))
        ordered = ordered.order_by("-history_date", "-history_id")  # as the entries are
        self.rows = list(ordered[:limit])
        known = {row.history_id: row for row in self.rows}
        absent = {row.before_id for row in self.rows if row.history_type == "~"} - {None, *known}
        self.before = known | (everything.in_bulk(absent) if absent else {})

    def ids(self) -> Iterator[tuple[type[models.Model], Any]]:
        """What the foreign keys of these rows point to."""
        rows = {**self.before, **{row.history_id: row for row in self.rows}}.values()
        for each in self.fields:
            if isinstance(each, models.ForeignKey) and each.target_field.primary_key:
                yield from ((each.related_model, getattr(row, each.attname)) for row in rows)

    def entries(self, related: Related) -> Iterator[Entry]:
        users = related[get_user_model()]
        for row in self.rows:
            who = _who(row.history_user_id, row.history_change_reason, users)
            then = self._then(row, related)
            is_erased = self._is_erased(row)
            yield Entry(
                moment=row.history_date,
                history_id=row.history_id,
                verb=VERBS[row.history_type],
                model=self.model,
                object_id=getattr(row, self.key),
                name=_("content disposed of") if is_erased else _called(then),
                user_id=row.history_user_id,
                who=who,
                reason=row.history_change_reason or "",
                changes=[] if is_erased else list(self._changes(row, related)),
                added=_added(then, who) if row.history_type == "+" and not is_erased else "",
            )

    def _is_erased(self, row: Any) -> bool:
        """Whether its content went by a decision: nothing is left of what can never be empty."""
        required = any(not each.null for each in self.content)
        return required and all(getattr(row, each.attname) is None for each in self.content)

    def _changes(self, row: Any, related: Related) -> Iterator[Change]:
        if row.history_type == "-":
            return
        before = self.before.get(row.before_id) if row.history_type == "~" else None
        for each in self.fields:
            old, new = getattr(before, each.attname, None), getattr(row, each.attname)
            if old == new or each.primary_key:
                continue
            shown = _shown(each, old, related), _shown(each, new, related)
            if shown[0] != shown[1]:
                yield Change(str(capfirst(each.verbose_name)), *shown)

    def _then(self, row: Any, related: Related) -> models.Model:
        """The object as it was then."""
        then = self.model(**{each.attname: getattr(row, each.attname) for each in self.fields})
        for each in self.fields:
            if isinstance(each, models.ForeignKey):
                found = related.get(each.related_model, {}).get(getattr(row, each.attname))
                if found is not None:
                    setattr(then, each.name, found)
        return then


def _called(then: models.Model) -> str:
    """What the object was called."""
    try:
        return str(then)
    except ObjectDoesNotExist:  # it is called after something that is gone
        return str(then.pk)


def _added(then: models.Model, who: str) -> str:
    """Its own words for that it was added, if it has any."""
    try:
        return str(then.history_added(who)) if hasattr(then, "history_added") else ""
    except ObjectDoesNotExist:  # its words name something that is gone
        return ""


def _related(read: list[_Rows]) -> Related:
    """Everything the rows point to, and whoever wrote them; with what each points to in turn, as names are made of it."""
    wanted: dict[type[models.Model], set[Any]] = {get_user_model(): set()}
    for rows in read:
        wanted[get_user_model()].update(row.history_user_id for row in rows.rows)
        for model, key in rows.ids():
            wanted.setdefault(model, set()).add(key)
    found: Related = {}
    for model, keys in wanted.items():
        keys.discard(None)
        ahead = [each.name for each in model._meta.fields if isinstance(each, models.ForeignKey)]
        found[model] = dict(model._base_manager.select_related(*ahead).in_bulk(keys)) if keys else {}
    return found


def _who(user_id: int | None, reason: str | None, users: dict[Any, models.Model]) -> str:
    if user_id is not None:
        return str(users[user_id]) if user_id in users else _("user number %(id)s") % {"id": user_id}
    return _("the register itself") if reason else _("someone outside the register")


def _shown(of: models.Field[Any, Any], value: Any, related: Related) -> str:
    if value is None or value == "":
        return ""
    if isinstance(of, models.ForeignKey):
        found = related.get(of.related_model, {}).get(value)
        return str(found) if found is not None else _("number %(id)s, no longer there") % {"id": value}
    if of.flatchoices and not isinstance(value, list | dict):
        return str(dict(of.flatchoices).get(value, value))
    if isinstance(of, models.IntegerField):
        return str(formats.localize(value))
    return _readable(value)


def _readable(value: Any) -> str:
    match value:
        case None:
            return "–"
        case bool():
            return _("yes") if value else _("no")
        case dict():
            return "; ".join(f"{key}: {_readable(inner)}" for key, inner in value.items())
        case list() | tuple():
            return ", ".join(
                f"({_readable(inner)})" if isinstance(inner, dict) else _readable(inner) for inner in value
            )
        case bytes() | memoryview():
            return filesizeformat(len(value))
        case int():  # a figure within data can be a year: it is not grouped
            return str(value)
        case datetime():
            return str(formats.localize(timezone.localtime(value)))
        case _:
            return str(formats.localize(value))
