"""The first page: what needs you."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _

from inhouse import desk
from organisation import clock
from organisation.access import Act
from organisation.doors import Request, door
from products.models import Product

SHOWN = (
    Product.Stage.IN_USE,
    Product.Stage.DEVELOPMENT,
    Product.Stage.SUSPENDED,
    Product.Stage.PROPOSED,
    Product.Stage.ELIGIBLE,
    Product.Stage.WITHDRAWN,
)


@door(Act.WORK)
def home(request: Request) -> HttpResponse:
    tasks = desk.tasks(request.user)
    counts = desk.numbers(request.user)
    first = request.user.name.split()[0]
    hour = timezone.localtime(clock.now()).hour
    if hour < 10:
        greeting = _("Good morning, %(name)s") % {"name": first}
    elif hour < 18:
        greeting = _("Good day, %(name)s") % {"name": first}
    else:
        greeting = _("Good evening, %(name)s") % {"name": first}
    context = {
        "greeting": greeting,
        "tasks": tasks,
        "later": desk.later(request.user),
        "proposals": desk.proposals(request.user),
        "overdue": sum(task.state == "danger" for task in tasks),
        "administration": request.user.unit.administration,
        "numbers": [(stage, stage.label, counts.get(stage, 0)) for stage in SHOWN],
    }
    return render(request, "inhouse/home.html", context)


urls = [path("", home, name="home")]
