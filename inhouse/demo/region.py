"""The places and people of the demo: made once, by the one who keeps users, before anything else happens."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from django.contrib.auth.hashers import make_password
from django.utils.text import slugify

from organisation import factors
from organisation.history import acting
from organisation.models import Administration, Assignment, Authority, Institution, QualitySystem, Role, Unit, User

FOLDER = Path(__file__).parent
PASSWORD = "Prova-femfem-55"  # noqa: S105 (for trying out: it is printed beside the accounts)
SETTLED_ON = date(2021, 5, 27)  # the day after the MDR came to apply
EVERYWHERE = "everywhere"


@cache
def told() -> dict[str, Any]:
    """What region.yaml says."""
    content: dict[str, Any] = yaml.safe_load((FOLDER / "region.yaml").read_text(encoding="utf-8"))
    return content


class Cast:
    """The places and people by the names the stories give them."""

    def __init__(self) -> None:
        self.password = make_password(PASSWORD)  # once for all of them: hashing is slow on purpose
        self.units: dict[str, Unit] = {}
        self.administrations: dict[str, Administration] = {}
        self.quality: dict[int, QualitySystem] = {}
        self._people: dict[str, User] = {}

    def __call__(self, name: str) -> User:
        """The person as they are at the set moment: roles are looked up anew."""
        person = self._people[name]
        person.__dict__.pop("roles", None)
        return person

    def holds(self, role: Role, unit: Unit, *, but: User | None = None) -> User:
        """Whoever has that role where the unit belongs; where there are several the last one, not `but`."""
        there = Assignment.objects.filter(role=role, administration__in=[unit.administration_id])
        held = there.exclude(user=but.pk if but else None).order_by("pk").last()
        held = held or Assignment.objects.get(role=role, administration=None)
        return next(self(name) for name, person in self._people.items() if person.pk == held.user_id)

    def named(self, user: User) -> User:
        """The same person, as one of the cast."""
        return next(self(name) for name, person in self._people.items() if person.pk == user.pk)

    def join(self, name: str, person: User) -> None:
        self._people[name] = person


def settle() -> Cast:
    """Make institution, places and people. The first two exist before anyone can act: the register itself writes them."""
    cast, content = Cast(), told()
    home = {unit: place for place, row in content["administrations"].items() for unit in row["units"]}
    [operator] = [name for name, row in content["people"].items() if "operator" in row.get("roles", {})]
    with acting(None, reason="Registret sätts upp"):
        institution = Institution.objects.create(
            pk=1,
            country=Institution.Country.SWEDEN,
            language="sv",
            house_rules=["vgr"],
            diary_gate=Institution.DiaryGate.WARN,
            **content["institution"],
        )
        first = content["people"][operator]["unit"]
        _administration(cast, institution, home[first])
        _unit(cast, home[first], first)
        _person(cast, operator)
    with acting(cast(operator), reason="Registret sätts upp"):
        for row in content["authorities"]:
            Authority.objects.create(institution=institution, **row)
        for place, row in content["administrations"].items():
            if place not in cast.administrations:
                _administration(cast, institution, place)
            for unit in row["units"]:
                if unit not in cast.units:
                    _unit(cast, place, unit)
            administration = cast.administrations[place]
            cast.quality[administration.pk] = QualitySystem.objects.create(
                administration=administration, **row["quality"]
            )
        for name, row in content["people"].items():
            if name != operator:
                _person(cast, name)
            for role, places in row.get("roles", {}).items():
                for place in places:
                    where = None if place == EVERYWHERE else cast.administrations[place]
                    Assignment.objects.create(user=cast(name), role=Role(role), administration=where)
    return cast


def _administration(cast: Cast, institution: Institution, place: str) -> None:
    name = told()["administrations"][place]["name"]
    cast.administrations[place] = Administration.objects.create(institution=institution, name=name)


def _unit(cast: Cast, place: str, unit: str) -> None:
    row = told()["administrations"][place]["units"][unit]
    cast.units[unit] = Unit.objects.create(administration=cast.administrations[place], **row)


def _person(cast: Cast, name: str) -> None:
    row = told()["people"][name]
    person = User.objects.create(
        email=address(row["name"]),
        password=cast.password,
        name=row["name"],
        title=row["title"],
        level=row.get("level", User.Level.STAFF),
        unit=cast.units[row["unit"]],
    )
    factors.issue(person)
    cast.join(name, person)


def address(name: str) -> str:
    """Åsa Öberg → asa.oberg@vastmarken.example"""
    return f"{slugify(name).replace('-', '.')}@vastmarken.example"


def accounts() -> list[tuple[str, str, str, str]]:
    """Whom to sign in as: e-mail, name, as what, where. Told from the content, whatever became of the people since."""
    content = told()
    rows = []
    for what, name in content["accounts"].items():
        person = content["people"][name]
        places = person.get("roles", {}).get(what)
        where = (
            [place for place, row in content["administrations"].items() if person["unit"] in row["units"]]
            if places is None
            else places
        )
        said = ", ".join(
            "whole institution" if place == EVERYWHERE else content["administrations"][place]["name"] for place in where
        )
        rows.append((address(person["name"]), person["name"], WORDS.get(what) or str(Role(what).label), said))
    return rows


WORDS = {"owner": "product owner", "staff": "anyone on staff"}
