"""What every page shows: the institution and the menu, which holds only what this person can open."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from documents import checking
from inhouse.reminders import comparing
from organisation import access, clock
from organisation.access import Act
from organisation.alphabet import by
from organisation.models import Institution

ASKED = 3  # operators who are named


def frame(request: HttpRequest) -> dict[str, Any]:
    institution = SimpleLazyObject(Institution.objects.first)  # a page about a product brings it along
    user = getattr(request, "user", None)  # refused before anyone was looked up: a wrong host name
    if user is None or not user.is_authenticated:
        return {"institution": institution, "menu": []}
    patients = Act.PATIENTS if access.somewhere(user, Act.PATIENTS) else Act.ERASE_PATIENTS
    wanted = [
        ("inhouse:home", _("Home"), Act.WORK, "work"),
        ("inhouse:deadlines", _("Deadlines"), Act.WORK, "work"),
        ("inhouse:products", _("Products"), Act.WORK, "work"),
        ("inhouse:items-all", _("Items"), Act.WORK, "work"),
        ("inhouse:documents-all", _("Documents"), Act.WORK, "work"),
        ("inhouse:patients", _("Patients"), patients, "work"),
        ("inhouse:lists", _("Lists"), Act.WORK, "work"),
        ("inhouse:retention-all", _("Retention"), Act.DISPOSE, "work"),
        ("inhouse:public", _("Public register"), Act.READ_PUBLIC, "open"),
        ("inhouse:places", _("Units"), Act.WORK, "keep"),
        ("inhouse:institution", _("Institution"), Act.SETTINGS, "keep"),
        ("organisation:people", _("Users"), Act.USERS, "keep"),
        ("inhouse:exit-copies", _("Exit copies"), Act.EXPORT, "keep"),
        ("inhouse:files", _("Files"), Act.WATCH, "keep"),
        ("inhouse:operation", _("Operation"), Act.WATCH, "keep"),
        ("organisation:audit", _("All history"), Act.AUDIT, "keep"),
    ]
    path = request.path
    bad = checking.bad().count() if access.may(user, Act.WATCH) else 0
    menu = []
    for name, label, act, group in wanted:
        if access.may(user, act) or (group == "work" and access.somewhere(user, act)):
            address = reverse(name)
            here = path == address if name == "inhouse:home" else path.startswith(address)
            menu.append({"label": label, "address": address, "here": here, "group": group})
    return {
        "institution": institution,
        "menu": menu,
        "bad_files": bad,
        "clock_set_to": clock.today() if settings.CLOCK_SHIFT else None,
        "reminders_late": SimpleLazyObject(_late),
        "sees_operation": access.may(user, Act.WATCH),
    }


def _late() -> dict[str, Any]:
    """That reminders may be missing, with whom to ask; empty while they come."""
    if not comparing.late():
        return {}
    return {"ask": list(access.people(Act.OPERATE).order_by(by("name"))[:ASKED])}
