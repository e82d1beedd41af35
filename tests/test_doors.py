"""Every address × everyone × own and other administration, compared with the table of `access`.

What should be allowed is worked out here from the table alone, not by asking `access.may`. The addresses are taken from
the resolver, so a new one is covered without being named; what it is about must be found in OBJECTS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Max
from django.http import HttpRequest
from django.test import Client, override_settings
from django.urls import URLPattern, get_resolver, reverse
from pytest_django import Settings

from documents.models import Document
from inhouse import followup, holds, market, owners, tracing
from inhouse.deadlines import calendars, following
from inhouse.models import Candidate, Deadline, Declaration, EvidenceDocument, ExitCopy, FollowUpAction, Frozen, Hold
from organisation import absences, clock, history
from organisation.access import TABLE, Act, Tie
from organisation.middleware import DenyByDefault
from organisation.models import Absence, Assignment, Authority, Role, User
from products import identity
from products.models import Item, PatientUse, Placement, Product, Revision, UnitUse
from tests import factories, stations

# --- the addresses


@dataclass(frozen=True)
class Address:
    name: str
    view: Any
    arguments: tuple[str, ...]

    @property
    def about(self) -> str:
        """What finds its object: the fetch function, or for views that find it themselves their own name."""
        fetch = self.view.fetch
        return f"{fetch.__module__}.{fetch.__qualname__}" if fetch else self.name


@cache
def addresses() -> list[Address]:
    def walk(patterns: Any, namespace: str = "") -> Iterator[Address]:
        for each in patterns:
            if isinstance(each, URLPattern):
                name = f"{namespace}:{each.name}" if namespace else str(each.name)
                yield Address(name, each.callback, tuple(each.pattern.converters))
            else:
                yield from walk(each.url_patterns, each.namespace or namespace)

    return list(walk(get_resolver().url_patterns))


def test_every_view_is_behind_a_door() -> None:
    assert [address.name for address in addresses() if not hasattr(address.view, "act")] == []
    with pytest.raises(PermissionDenied):
        DenyByDefault(lambda request: None).process_view(HttpRequest(), lambda request: None, (), {})  # type: ignore[arg-type, return-value]


# --- a product in use with everything that can be addressed, in the first administration


@dataclass
class World:
    product: Product
    people: dict[str, User | None]
    objects: dict[str, Any]
    storages: dict[str, Any]


PRODUCT, ADMINISTRATION, INSTITUTION = "product", "administration", "institution"


def only(model: Any, **which: Any) -> Any:
    return model.objects.filter(**which).latest("pk")


def secret() -> Document:
    """A confidential document of a revision."""
    found: Document = only(Document, confidential=True, evidence__isnull=False)
    return found


OBJECTS: dict[str, tuple[str, Callable[[Product], dict[str, Any]]]] = {
    "inhouse.views.pages.product": (PRODUCT, lambda p: {"pk": p.pk}),
    "inhouse.views.pages.kept": (PRODUCT, lambda p: {"pk": p.pk}),
    "inhouse.views.owners.appointment": (PRODUCT, lambda p: {"pk": p.appointments.latest("pk").pk}),
    "inhouse.views.papers.paper": (PRODUCT, lambda p: {"pk": p.pk, "document": secret().pk}),
    "inhouse.views.papers.leaf": (PRODUCT, lambda p: {"pk": p.pk, "document": secret().pk, "number": 1}),
    "inhouse.views.evidence.entry": (PRODUCT, lambda p: {"pk": only(EvidenceDocument).pk}),
    "inhouse.views.candidates.one": (PRODUCT, lambda p: {"pk": p.pk, "key": str(only(Candidate).pk)}),
    "inhouse.views.declarations.declaration_of": (PRODUCT, lambda p: {"number": only(Declaration).number}),
    "inhouse.views.declarations.worded": (PRODUCT, lambda p: {"number": only(Declaration).number, "language": "nb"}),
    "inhouse.views.signing.frozen": (PRODUCT, lambda p: {"pk": p.pk, "sha256": only(Frozen).sha256}),
    "inhouse.views.readiness.use": (PRODUCT, lambda p: {"pk": only(UnitUse).pk}),
    "inhouse.views.items.item": (PRODUCT, lambda p: {"pk": only(Item).pk}),
    "inhouse.views.items.Stay": (PRODUCT, lambda p: {"pk": only(Placement).pk}),
    "inhouse.views.patients.use": (PRODUCT, lambda p: {"pk": only(PatientUse).pk}),
    "inhouse.views.patients.patient": (ADMINISTRATION, lambda p: {"pk": only(PatientUse).patient_id}),
    "inhouse.views.retention.hold_of": (PRODUCT, lambda p: {"pk": only(Hold).pk}),
    "inhouse.views.followup.action_of": (PRODUCT, lambda p: {"pk": only(FollowUpAction).pk}),
    "inhouse.views.questions.fetch": (PRODUCT, lambda p: {"pk": p.pk, "key": "software_is_device.sw1"}),
    "inhouse.views.questions.kind": (PRODUCT, lambda p: {"pk": p.pk, "category": "manufacture_modify"}),
    "inhouse.views.classification.group": (PRODUCT, lambda p: {"pk": p.pk, "key": "active"}),
    "inhouse.views.classification.one_rule": (PRODUCT, lambda p: {"pk": p.pk, "key": "12"}),
    "inhouse.views.changes.revision_of": (PRODUCT, lambda p: {"pk": only(Revision).pk}),
    "inhouse.views.deadlines.deadline_of": (PRODUCT, lambda p: {"pk": only(Deadline, kind="follow_up", product=p).pk}),
    "inhouse.views.lists.place": (ADMINISTRATION, lambda p: {"pk": stations.place(p).pk}),
    "inhouse.views.places.administration_of": (ADMINISTRATION, lambda p: {"pk": stations.place(p).pk}),
    "inhouse.views.places.unit_of": (ADMINISTRATION, lambda p: {"pk": p.unit_id}),
    "inhouse.views.places.system_of": (ADMINISTRATION, lambda p: {"pk": p.quality_system_id}),
    "inhouse.views.exitcopy.whole": (INSTITUTION, lambda p: {"pk": only(ExitCopy, product=None).pk}),
    "inhouse.views.exitcopy.one": (PRODUCT, lambda p: {"pk": p.pk, "copy": only(ExitCopy, product=p).pk}),
    "organisation.views.absences.someone": (ADMINISTRATION, lambda p: {"pk": only(Absence).person_id}),
    "organisation.views.absences.noted": (ADMINISTRATION, lambda p: {"pk": only(Absence).pk}),
    "organisation.views.absences.place": (ADMINISTRATION, lambda p: {"pk": stations.place(p).pk}),
    "inhouse.views.ladders.one": (INSTITUTION, lambda p: {"kind": "follow_up"}),
    "inhouse:calendar-file": (INSTITUTION, lambda p: {"secret": calendars.make(by=stations.owner_of(p))}),
    "inhouse:patient": (INSTITUTION, lambda p: {"pk": only(PatientUse).patient_id}),
    "inhouse:public-declaration": (INSTITUTION, lambda p: {"number": only(Declaration).number}),
    "inhouse:public-translation": (INSTITUTION, lambda p: {"number": only(Declaration).number, "language": "nb"}),
    "inhouse:public-file": (INSTITUTION, lambda p: {"number": only(Declaration).number}),
    "inhouse:public-proof": (INSTITUTION, lambda p: {"number": only(Declaration).number}),
    "inhouse:authority-end": (INSTITUTION, lambda p: {"pk": only(Authority).pk}),
    "inhouse:person-deactivate": (INSTITUTION, lambda p: {"pk": p.proposed_by_id}),
    "organisation:person": (INSTITUTION, lambda p: {"pk": p.proposed_by_id}),
    "organisation:role-add": (INSTITUTION, lambda p: {"pk": p.proposed_by_id}),
    "organisation:person-password": (INSTITUTION, lambda p: {"pk": p.proposed_by_id}),
    "organisation:person-sign-in": (INSTITUTION, lambda p: {"pk": p.proposed_by_id}),
    "organisation:person-reactivate": (INSTITUTION, lambda p: {"pk": p.proposed_by_id}),
    "organisation:role-end": (INSTITUTION, lambda p: {"pk": only(Assignment, role=Role.ENGINEER).pk}),
}

# Where a rule behind the door asks for more than the door's act: what it asks of whoever the door lets through.
STRICTER: dict[tuple[str, str], Act] = {
    **{
        (method, f"inhouse:{name}"): Act.READ_CONFIDENTIAL
        for method in ("GET", "POST")
        for name in ("document", "documents-picture", "documents-file")
    },
    **{  # the proposal is decided
        ("POST", f"inhouse:{name}"): Act.KEEP
        for name in ("market", "market-places", "market-candidates", "market-candidate", "market-conclusion")
    },
    **{(method, "organisation:absence"): Act.ABSENCES for method in ("GET", "POST")},  # another's
    ("POST", "inhouse:deadline"): Act.SETTLE,  # whoever it is for may too: here that is the owner
    ("POST", "inhouse:class-rules"): Act.KEEP,
    ("POST", "inhouse:class-rule"): Act.KEEP,
}
# Open to everyone, and lead to the page for signing in: there is nothing else to do, or nothing was begun.
TO_SIGN_IN = {
    "organisation:logout",
    "organisation:sign-in-passkey",
    "organisation:sign-on",
    "organisation:sign-on-answer",
    "mfa_authenticate",
}
ONLY = {("POST", "inhouse:owner-answer"): "successor"}  # who is asked to be the owner

# Roles only ever add, so one person with every role elsewhere stands for each of them.
WHO = [
    *(f"{role} here" for role in Role),
    *(f"{role} everywhere" for role in (Role.HEAD_OFFICE, Role.AUDITOR, Role.OPERATOR, Role.ENGINEER)),
    *("nurse", "every role elsewhere", "owner", "successor", "proposer", "anonymous"),
]


def away(person: User) -> None:
    """Someone who stands for nobody else here goes away, and the manager stands in."""
    week = clock.today() + timedelta(days=7)
    absences.add(person, stand_in=factories.person(Role.MANAGER), since=clock.today(), until=week, by=person)


def successor() -> User:
    return factories.user("Lena Led", level=User.Level.HEAD_OF_UNIT)


def someone(who: str, product: Product) -> User | None:
    known: dict[str, User | None] = {
        "nurse": factories.user("Another nurse", at=factories.ward()),
        "every role elsewhere": factories.outsider(),
        "owner": product.owner,
        "successor": successor(),
        "proposer": product.proposed_by,
        "anonymous": None,
    }
    if who in known:
        return known[who]
    role, place = who.split()
    user = factories.user(who, at=factories.unit())
    at = None if place == "everywhere" else factories.administration()
    Assignment.objects.create(user=user, role=role, administration=at, since=factories.LONG_AGO)
    return user


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Built once, in a transaction that is never committed; every test works in a savepoint of it."""
    files: Any = settings.STORAGES["default"]
    folder = {"location": str(tmp_path_factory.mktemp("files"))}
    storages = settings.STORAGES | {"default": files | {"OPTIONS": folder}}
    with override_settings(STORAGES=storages), django_db_blocker.unblock(), transaction.atomic():
        product = stations.in_use()
        stations.changing(product)
        by = stations.engineer(product)
        tracing.note_use(
            product.items.get(),
            identifier=identity.parse("se_personnummer", "19900602-2397"),
            used_on=clock.today(),
            unit=factories.ward(),
            by=by,
        )
        followup.record(
            product,
            done_on=clock.today(),
            sources="Deviations",
            findings="One strap was loose",
            conclusion="act",
            next_due_on=clock.today() + timedelta(days=90),
            actions=[{"text": "Tighten the strap", "responsible": by, "due_on": clock.today()}],
            by=by,
        )
        holds.place(product, reason="A claim", reference="RS 1", by=stations.registrar(product))
        market.attach(market.begin(product, by=by), upload=factories.pdf(), by=by)
        stations.translated(product)
        stations.begun(product)
        owners.appoint(product, person=successor(), by=stations.manager(product))
        Authority.objects.create(
            institution=factories.institution(), name="IVO", task="supervision", valid_from=date(2021, 5, 26)
        )
        ExitCopy.objects.create(ended_at=clock.now())
        ExitCopy.objects.create(product=product, ended_at=clock.now())
        away(by)
        product = Product.objects.select_related("unit__administration", "owner", "proposed_by").get(pk=product.pk)
        following.follow([product])
        people = {who: someone(who, product) for who in WHO}
        objects = {
            address.name: OBJECTS[address.about][1](product)
            for address in addresses()
            if address.arguments and address.about in OBJECTS
        }
        yield World(product, people, objects, storages)
        transaction.set_rollback(True)


def test_every_address_has_an_object() -> None:
    assert [address.about for address in addresses() if address.arguments and address.about not in OBJECTS] == []


# --- what the table says


def allowed(act: Act, about: str, who: str) -> bool:
    """Worked out by hand: who has what, where."""
    row = TABLE[act]
    if Tie.PUBLIC in row:
        return True
    if who == "anonymous":
        return False
    if Tie.STAFF in row:
        return True
    if who in ("owner", "proposer"):
        return Tie(who) in row and about == PRODUCT
    role, _space, place = who.partition(" ")
    return role in row and (place == "everywhere" or (place == "here" and about != INSTITUTION))


def asked(address: Address, method: str, about: str, who: str) -> bool:
    act = address.view.post_act if method == "POST" else address.view.act
    if ONLY.get((method, address.name), who) != who:
        return False
    more = STRICTER.get((method, address.name))
    return allowed(act, about, who) and (more is None or allowed(more, about, who))


def state() -> dict[str, Any]:
    """How much there is of everything, and the last history row of each: the same before and after, or something changed."""
    rows = {model._meta.label: model._base_manager.count() for model in apps.get_models() if model is not Session}
    for model in apps.get_models():
        if hasattr(model._meta, "simple_history_manager_attribute"):
            rows[f"history of {model._meta.label}"] = history.of(model).aggregate(last=Max("history_id"))["last"]
    return rows


# --- walking up to every door


@pytest.mark.django_db
@pytest.mark.parametrize("who", WHO)
def test_each_door_opens_for_whom_the_table_says(world: World, client: Client, settings: Settings, who: str) -> None:
    settings.STORAGES = world.storages
    client.raise_request_exception = False
    user = world.people[who]
    if user is not None:
        client.force_login(user)
    cookies = copy(client.cookies)
    wrong = []
    before = state()
    for address in addresses():
        about = OBJECTS[address.about][0] if address.arguments else INSTITUTION
        url = reverse(address.name, kwargs=world.objects.get(address.name))
        for method in ("GET", "POST"):
            client.cookies = copy(cookies)
            expected = asked(address, method, about, who)
            if expected:
                with transaction.atomic():
                    answer = client.generic(method, url)
                    transaction.set_rollback(True)
            else:
                answer = client.generic(method, url)
            verdict = "opened"
            if answer.status_code == 403:
                verdict = "refused"
            elif answer.status_code == 302 and answer["Location"].startswith(reverse("organisation:login")):
                verdict = "sign in first"
            elif answer.status_code not in (200, 302, 405, 422):  # 422: a form that was not filled in
                verdict = str(answer.status_code)
            right = "opened" if expected else "refused" if user else "sign in first"
            if verdict != right and not (address.name in TO_SIGN_IN and answer.status_code == 302):
                wrong.append(
                    f"{method} {address.name} ({address.view.act}/{address.view.post_act}): {verdict}, not {right}"
                )
    assert wrong == []
    assert state() == before
