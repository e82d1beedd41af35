"""The hospital of the tests: its places and its people, each made once and found again. No surprises."""

from __future__ import annotations

from datetime import date
from typing import Any

from allauth.mfa.models import Authenticator
from django.core.files.base import ContentFile

from inhouse.demo import papers
from organisation import factors
from organisation.models import Administration, Assignment, Institution, Proof, QualitySystem, Role, Unit, User

PASSWORD = "correct horse battery staple"
LONG_AGO = date(2000, 1, 1)  # everyone has had their role since then, so that tests can live in any year


def institution(**changes: Any) -> Institution:
    """The one legal entity, in Sweden, following the house rule; `changes` are written to it."""
    row, _created = Institution.objects.get_or_create(
        pk=1,
        defaults={
            "name": "Region Västanland",
            "organisation_number": "232100-0000",
            "address": "Box 1, 400 01 Västanstad",
            "place": "Västanstad",
            "country": Institution.Country.SWEDEN,
            "language": "sv",
            "house_rules": ["vgr"],
            "contact": "egentillverkning@vastanland.example",
        },
    )
    if changes:
        Institution.objects.filter(pk=1).update(**changes)
        row.refresh_from_db()
    return row


def administration(name: str = "Centralsjukhuset") -> Administration:
    row, _created = Administration.objects.get_or_create(name=name, defaults={"institution": institution()})
    return row


def other_administration() -> Administration:
    return administration("Kustsjukhuset")


def unit(name: str = "Medicinsk teknik", *, at: Administration | None = None) -> Unit:
    row, _created = Unit.objects.get_or_create(name=name, administration=at or administration())
    return row


def ward(name: str = "Vårdavdelning 5", *, at: Administration | None = None) -> Unit:
    """A unit that uses what another one makes."""
    return unit(name, at=at)


def quality_system(*, at: Administration | None = None) -> QualitySystem:
    row, _created = QualitySystem.objects.get_or_create(
        administration=at or administration(),
        name="ISO 13485 at medical engineering",
        defaults={"scope": "Design, manufacture and maintenance of in-house devices."},
    )
    return row


def user(
    name: str, *, at: Unit | None = None, level: str = User.Level.STAFF, title: str = "Biomedical engineer"
) -> User:
    """Someone on staff with the password of the tests and no role; their e-mail follows from name and unit."""
    place = at or unit()
    email = f"{name.lower().replace(' ', '.')}@{place.administration_id}.vastanland.example"
    found = User.objects.filter(email=email).first()
    return found or User.objects.create_user(email, PASSWORD, name=name, title=title, unit=place, level=level)


def person(role: Role | None, *, at: Administration | None = None, everywhere: bool = False) -> User:
    """The one who has that role in an administration, or in the whole institution. None: head of unit, no role."""
    place = at or administration()
    name, title, level = PEOPLE[role]
    someone = user(name, at=unit(at=place), title=title, level=level)
    if role:
        Assignment.objects.get_or_create(
            user=someone, role=role, administration=None if everywhere else place, defaults={"since": LONG_AGO}
        )
    return someone


PEOPLE: dict[Role | None, tuple[str, str, str]] = {
    None: ("Ola Berg", "Head of unit", User.Level.HEAD_OF_UNIT),
    Role.ENGINEER: ("Eva Ek", "Clinical engineer", User.Level.STAFF),
    Role.ADVISER: ("Ali Lund", "Regulatory adviser", User.Level.STAFF),
    Role.MANAGER: ("Mona Strand", "Head of administration", User.Level.HEAD_OF_ADMINISTRATION),
    Role.REGISTRAR: ("Rut Alm", "Registrar", User.Level.STAFF),
    Role.HEAD_OFFICE: ("Hans Holm", "Regulatory strategist", User.Level.STAFF),
    Role.AUDITOR: ("Aina Dahl", "Auditor", User.Level.STAFF),
    Role.OPERATOR: ("Omar Sand", "Systems operator", User.Level.STAFF),
}


def nurse(*, at: Administration | None = None) -> User:
    """Anyone on staff."""
    return user("Nina Falk", at=ward(at=at), title="Nurse")


def outsider() -> User:
    """Every role there is, and the position of a head of unit, but in the other administration."""
    elsewhere = other_administration()
    someone = user("Ulf Kust", at=unit(at=elsewhere), title="Head of unit", level=User.Level.HEAD_OF_UNIT)
    for role in Role:
        Assignment.objects.get_or_create(
            user=someone, role=role, administration=elsewhere, defaults={"since": LONG_AGO}
        )
    return someone


def pdf(says: str = "A page", *, name: str = "page.pdf") -> ContentFile[bytes]:
    """A PDF that says so, a paragraph to a line; other words make another file."""
    return ContentFile(papers.pdf("", says.split("\n"), "1"), name=name)


def code(user: User) -> str:
    """A code of their authenticator app that is right now; who has none gets one. Codes used before are forgotten."""
    if not factors.has(user, factors.Type.TOTP):
        factors.issue(user)
    app = Authenticator.objects.get(user_id=user.pk, type=factors.Type.TOTP)
    app.data.pop("used", None)
    app.save()
    return factors.code_now(app)


def proof(user: User, digest: str, *, method: str = Proof.Method.CODE) -> Proof:
    """They have just proved that it is them, for these bytes."""
    return Proof.objects.create(user=user, digest=digest, method=method)
