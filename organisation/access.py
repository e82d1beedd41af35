"""Who may do what: one table of act and role, asked by every page and every rule.

Roles are held within an administration or in the whole institution. *Owner*, *proposer* and *staff* are no roles:
an owner is appointed per product, a proposer wrote the proposal, staff is anyone who can sign in. Rules hand in
the scope; this module knows neither products nor appointments. What is not in the table is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from organisation import clock
from organisation.models import Assignment, Role, User


class Tie(models.TextChoices):
    """What ties a person to one product, beside the roles."""

    OWNER = "owner", gettext_lazy("product owner")
    PROPOSER = "proposer", gettext_lazy("proposer")
    STAFF = "staff", gettext_lazy("anyone on staff")
    PUBLIC = "public", gettext_lazy("anyone, without signing in")


class Act(models.TextChoices):
    READ_PUBLIC = "read_public", gettext_lazy("read published declarations")
    READ_CALENDAR = "read_calendar", gettext_lazy("read one's own deadlines in a calendar, by its private address")
    WORK = "work", gettext_lazy("sign in, read products and lists, see one's own tasks")
    PROPOSE = "propose", gettext_lazy("propose a product")
    READ_CONFIDENTIAL = "read_confidential", gettext_lazy("open confidential documents")
    ASSESS = "assess", gettext_lazy("answer the assessment")
    OVERRULE = "overrule", gettext_lazy("set another risk class than the rules give")
    DECIDE = "decide", gettext_lazy("decide on manufacture, appoint owners")
    ACCEPT = "accept", gettext_lazy("accept or decline an appointment as product owner (the person appointed)")
    KEEP = "keep", gettext_lazy("keep the records of a product and its items")
    SIGN = "sign", gettext_lazy("sign the declaration, take into use, resume use")
    REGISTER = "register", gettext_lazy("give diary numbers, publish, hand out lists")
    EXPORT = "export", gettext_lazy("order and take copies of the whole register")
    SUSPEND = "suspend", gettext_lazy("suspend use")
    RECALL = "recall", gettext_lazy("withdraw a declaration")
    END = "end", gettext_lazy("take out of use, abandon")
    PATIENTS = "patients", gettext_lazy("note and look up patients")
    READ_LOOK_UPS = "read_look_ups", gettext_lazy("read the log of patient look-ups")
    ERASE_PATIENTS = "erase_patients", gettext_lazy("erase patient identity")
    SETTLE = "settle", gettext_lazy("mark a deadline as done, or snooze it (beside whoever it is for)")
    RETAIN = "retain", gettext_lazy("keep records longer, hold them, propose their disposal")
    DISPOSE = "dispose", gettext_lazy("confirm the disposal of records that someone else proposed")
    AUDIT = "audit", gettext_lazy("read the history of everything")
    WATCH = "watch", gettext_lazy("see whether every stored file is whole")
    OPERATE = "operate", gettext_lazy("send again what could not be sent")
    QUALITY = "quality", gettext_lazy("keep the quality management systems of an administration")
    SETTINGS = "settings", gettext_lazy("change the institution, its units and authorities")
    ABSENCES = "absences", gettext_lazy("note that others are away and who stands in")
    USERS = "users", gettext_lazy("keep users and roles, see the access table")


TABLE: dict[Act, frozenset[Role | Tie]] = {
    Act.READ_PUBLIC: frozenset({Tie.PUBLIC}),
    Act.READ_CALENDAR: frozenset({Tie.PUBLIC}),  # whoever has the address: its secret is what is asked for
    Act.WORK: frozenset({Tie.STAFF}),
    Act.PROPOSE: frozenset({Tie.STAFF}),
    Act.READ_CONFIDENTIAL: frozenset(
        {Tie.OWNER, Role.ENGINEER, Role.ADVISER, Role.MANAGER, Role.REGISTRAR, Role.AUDITOR}
    ),
    Act.ASSESS: frozenset({Tie.OWNER, Tie.PROPOSER, Role.ENGINEER, Role.ADVISER, Role.MANAGER}),
    Act.OVERRULE: frozenset({Role.ADVISER, Role.MANAGER}),
    Act.DECIDE: frozenset({Role.MANAGER}),
    Act.ACCEPT: frozenset({Tie.STAFF}),
    Act.KEEP: frozenset({Tie.OWNER, Role.ENGINEER}),
    Act.SIGN: frozenset({Tie.OWNER}),
    Act.REGISTER: frozenset({Role.REGISTRAR}),
    Act.EXPORT: frozenset({Role.REGISTRAR, Role.AUDITOR}),
    Act.SUSPEND: frozenset({Tie.OWNER, Role.ENGINEER, Role.MANAGER}),
    Act.RECALL: frozenset({Tie.OWNER, Role.MANAGER, Role.REGISTRAR}),
    Act.END: frozenset({Tie.OWNER, Role.MANAGER}),
    Act.PATIENTS: frozenset({Tie.OWNER, Role.ENGINEER}),
    Act.READ_LOOK_UPS: frozenset({Tie.OWNER, Role.AUDITOR}),
    Act.ERASE_PATIENTS: frozenset({Role.REGISTRAR}),
    Act.SETTLE: frozenset({Tie.OWNER, Role.ENGINEER, Role.MANAGER, Role.REGISTRAR, Role.HEAD_OFFICE}),
    Act.RETAIN: frozenset({Role.REGISTRAR}),
    Act.DISPOSE: frozenset({Role.REGISTRAR, Role.MANAGER}),
    Act.AUDIT: frozenset({Role.AUDITOR, Role.HEAD_OFFICE}),
    Act.WATCH: frozenset({Role.AUDITOR, Role.HEAD_OFFICE, Role.OPERATOR}),
    Act.OPERATE: frozenset({Role.OPERATOR}),
    Act.QUALITY: frozenset({Role.MANAGER, Role.HEAD_OFFICE}),
    Act.SETTINGS: frozenset({Role.HEAD_OFFICE}),
    Act.ABSENCES: frozenset({Role.MANAGER, Role.OPERATOR}),
    Act.USERS: frozenset({Role.OPERATOR}),
}


def covers(act: Act, who: Role | Tie) -> bool:
    """Whether the table lets these people do it: by their own entry, or as what is open to all staff or to everyone."""
    allowed = TABLE[act]
    return who in allowed or Tie.PUBLIC in allowed or (Tie.STAFF in allowed and who != Tie.PUBLIC)


@dataclass(frozen=True)
class Scope:
    """Where an act takes place. None as administration means the whole institution."""

    administration_id: int | None = None
    owner_id: int | None = None
    proposer_id: int | None = None


INSTITUTION = Scope()


def may(user: User, act: Act, scope: Scope = INSTITUTION) -> bool:
    """Whether this person may do this there. A role counts in its own administration; one without, everywhere."""
    allowed = TABLE[act]
    if Tie.PUBLIC in allowed:
        return True
    if not (user.is_authenticated and user.is_active):
        return False
    if Tie.STAFF in allowed or (Tie.OWNER in allowed and scope.owner_id == user.pk):
        return True
    if Tie.PROPOSER in allowed and scope.proposer_id == user.pk:
        return True
    return any(
        held.role in allowed and held.administration_id in (None, scope.administration_id) for held in user.roles
    )


def people(act: Act, scope: Scope = INSTITUTION) -> QuerySet[User]:
    """Who holds a role that allows it there: to tell others whom to ask. Ties count for nothing here."""
    held = Assignment.objects.on(clock.today()).filter(
        Q(administration=None) | Q(administration=scope.administration_id), role__in=TABLE[act]
    )
    return User.objects.filter(pk__in=held.values("user"), is_active=True)


def somewhere(user: User, act: Act) -> bool:
    """Whether a role of theirs allows it in any administration: for menus, never for the act itself."""
    return may(user, act) or any(held.role in TABLE[act] for held in user.roles)


def reach(user: User, act: Act) -> frozenset[int] | None:
    """The administrations in which a role of theirs allows it, for lists; None stands for all. Ties are not counted."""
    held = {held.administration_id for held in user.roles if held.role in TABLE[act]}
    return None if None in held else frozenset(pk for pk in held if pk is not None)


def require(user: User, act: Act, scope: Scope = INSTITUTION) -> None:
    """Raise PermissionDenied, naming who may, unless this person may."""
    if not may(user, act, scope):
        who = ", ".join(str(role.label) for role in sorted(TABLE[act], key=lambda r: str(r.label)))
        raise PermissionDenied(_("Only these may %(act)s: %(who)s.") % {"act": act.label, "who": who})
