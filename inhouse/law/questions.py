"""Question trees as data: every version that was ever asked, so that old answers are read as they were given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import yaml

from inhouse.law.words import Words, said

FOLDER = Path(__file__).parent
YES_NO: dict[str, Words] = {
    "yes": {"en": "Yes", "sv": "Ja", "nb": "Ja"},
    "no": {"en": "No", "sv": "Nej", "nb": "Nei"},
}


class Given(Protocol):
    """An answer as it was given: `inhouse.models.Answer`, or one that is about to be."""

    @property
    def tree(self) -> str: ...
    @property
    def tree_version(self) -> int: ...
    @property
    def question(self) -> str: ...
    @property
    def value(self) -> str: ...


@dataclass(frozen=True)
class Choice:
    """A possible answer and where it leads: `{"next": question}`, `{"outcome": outcome}`, or nowhere (in a set)."""

    id: str
    words: Words
    help_words: Words
    leads: dict[str, str]

    @property
    def text(self) -> str:
        return said(self.words)

    @property
    def help(self) -> str:
        return said(self.help_words) if self.help_words else ""


@dataclass(frozen=True)
class Guard:
    """An answer that is open only where a fact holds (CI-03)."""

    answer: str
    only_if: str
    words: Words

    @property
    def text(self) -> str:
        return said(self.words)


@dataclass(frozen=True)
class Question:
    """`reason` names the answers that need one; `since` the first version whose answers still hold."""

    id: str
    words: Words
    help_words: Words
    choices: tuple[Choice, ...]
    reason: frozenset[str] = frozenset()
    guard: Guard | None = None
    since: int = 1

    @property
    def text(self) -> str:
        return said(self.words)

    @property
    def help(self) -> str:
        return said(self.help_words) if self.help_words else ""

    def choice(self, value: str) -> Choice | None:
        return next((each for each in self.choices if each.id == value), None)

    @property
    def yes(self) -> dict[str, str]:
        return self._leads("yes")

    @property
    def no(self) -> dict[str, str]:
        return self._leads("no")

    def _leads(self, value: str) -> dict[str, str]:
        choice = self.choice(value)
        return choice.leads if choice else {}


@dataclass(frozen=True)
class Tree:
    """Questions that lead to an outcome (with `start`), or a plain set where each is answered (without)."""

    id: str
    version: int
    source_words: Words
    start: str
    questions: tuple[Question, ...]

    @property
    def source(self) -> str:
        return said(self.source_words)

    def __getitem__(self, question: str) -> Question:
        return next(q for q in self.questions if q.id == question)

    def get(self, question: str) -> Question | None:
        return next((q for q in self.questions if q.id == question), None)

    def walk(self, answers: Mapping[str, str]) -> tuple[list[str], str]:
        """The ids of the questions on the path and the outcome; an empty outcome means the last one is unanswered."""
        path: list[str] = []
        following = self.start
        while following:
            path.append(following)
            choice = self[following].choice(answers.get(following, ""))
            if choice is None:
                return path, ""
            if "outcome" in choice.leads:
                return path, choice.leads["outcome"]
            following = choice.leads["next"]
        return path, ""

    def holding(self, answers: Iterable[Given]) -> dict[str, str]:
        """The values of those answers that still hold under this version, by question."""
        found = {}
        for answer in answers:
            question = self.get(answer.question)
            if answer.tree == self.id and question and question.since <= answer.tree_version <= self.version:
                found[answer.question] = answer.value
        return found


@dataclass(frozen=True)
class Outcome:
    """Where answers lead. `ends` is how the proposal ends there (a `Product.Outcome`); empty where the way goes on."""

    id: str
    words: Words
    follows_words: Words
    ends: str = ""
    next_tree: str = ""
    regulation: str = ""

    @property
    def text(self) -> str:
        return said(self.words)

    @property
    def follows(self) -> str:
        return said(self.follows_words) if self.follows_words else ""


@cache
def versions() -> dict[str, tuple[Tree, ...]]:
    """Every version of every tree, oldest first, by id."""
    return {path.stem: tuple(read(path)) for path in sorted((FOLDER / "trees").glob("*.yaml"))}


def read(path: Path) -> list[Tree]:
    """The versions that a file holds, oldest first."""
    found = [_tree(path.stem, data) for data in yaml.safe_load(path.read_text(encoding="utf-8"))]
    return sorted(found, key=lambda tree: tree.version)


def trees() -> dict[str, Tree]:
    """The tree that is asked today, by id."""
    return {name: found[-1] for name, found in versions().items()}


def tree(name: str, version: int | None = None) -> Tree:
    """The version of a tree that is asked today, or the one that was asked then."""
    found = versions()[name]
    return next((each for each in found if each.version == version), found[-1])


def as_asked(name: str, answers: Iterable[Given]) -> Tree:
    """The tree in the newest version that these answers were given under; today's where there are none."""
    return tree(name, max((answer.tree_version for answer in answers), default=None))


@cache
def outcomes() -> dict[str, Outcome]:
    data = yaml.safe_load((FOLDER / "outcomes.yaml").read_text(encoding="utf-8"))
    return {
        name: Outcome(
            name,
            row["text"],
            row.get("follows", {}),
            row.get("ends", ""),
            row.get("next_tree", ""),
            row.get("regulation", ""),
        )
        for name, row in data.items()
    }


@dataclass(frozen=True)
class Demand:
    """Something that another way than in-house demands."""

    words: Words
    source_words: Words

    @property
    def text(self) -> str:
        return said(self.words)

    @property
    def source(self) -> str:
        return said(self.source_words)


@cache
def routes() -> dict[str, tuple[Demand, ...]]:
    """What the ways beside Article 5(5) demand, by the outcome that leads there."""
    data = yaml.safe_load((FOLDER / "routes.yaml").read_text(encoding="utf-8"))
    return {name: tuple(Demand(row["text"], row["source"]) for row in rows) for name, rows in data.items()}


@dataclass(frozen=True)
class Chain:
    """Trees asked one after the other, each outcome naming the next."""

    path: tuple[tuple[Tree, str], ...]
    outcomes: dict[str, str]

    @property
    def end(self) -> str:
        """Where they lead in the end; empty while a question on the path is unanswered."""
        last = self.path[-1][0].id
        return self.outcomes.get(last, "")

    @property
    def waits_for(self) -> str:
        """The tree whose question on the path is unanswered; empty when all are answered."""
        last = self.path[-1][0].id
        return "" if last in self.outcomes else last

    @property
    def regulation(self) -> str:
        return outcomes()[self.end].regulation if self.end else ""


def chain(start: str, answers: Iterable[Given], *, decided: bool = False) -> Chain:
    """The questions from one tree on, by the answers. Of what is decided each tree is read in the version it was asked in."""
    given = list(answers)
    path: list[tuple[Tree, str]] = []
    ends: dict[str, str] = {}
    name = start
    while name:
        own = [answer for answer in given if answer.tree == name]
        asked = as_asked(name, own) if decided else tree(name)
        values = {answer.question: answer.value for answer in own} if decided else asked.holding(own)
        walked, outcome = asked.walk(values)
        path += [(asked, question) for question in walked]
        if not outcome:
            break
        ends[name] = outcome
        name = outcomes()[outcome].next_tree
    return Chain(tuple(path), ends)


def _tree(name: str, data: dict[str, Any]) -> Tree:
    return Tree(
        id=name,
        version=data["version"],
        source_words=data["source"],
        start=data.get("start", ""),
        questions=tuple(_question(node, data["version"]) for node in data["nodes"]),
    )


def _question(node: dict[str, Any], version: int) -> Question:
    guard = node.get("guard")
    if "choices" in node:
        choices = [Choice(c["id"], c["title"], c.get("help", {}), {"outcome": c["outcome"]}) for c in node["choices"]]
    else:
        choices = [Choice(v, YES_NO[v], node.get(f"{v}_means", {}), node.get(v, {})) for v in ("yes", "no")]
    return Question(
        id=node["id"],
        words=node["question"],
        help_words=node.get("help", {}),
        choices=tuple(choices),
        reason=frozenset(node.get("reason", [])),
        guard=Guard(guard["answer"], guard["only_if"], guard["text"]) if guard else None,
        since=node.get("since", version),
    )
