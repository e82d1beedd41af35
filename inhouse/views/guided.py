"""The frame of the guided assessment: one question to a page, the way beside it, back and onward."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from inhouse import guide, law, lifecycle
from inhouse.guide import Course, Stop
from inhouse.views import pages
from organisation import access
from organisation.access import Act
from organisation.doors import Request
from organisation.models import User
from products.models import Product


def is_open(course: Course, user: User) -> bool:
    """Whether this person can still answer: not submitted, nobody has decided, and they may."""
    a = course.assessment
    unfinished = course.product.stage == Product.Stage.PROPOSED and not a.is_decided and not a.is_submitted
    return unfinished and access.may(user, Act.ASSESS, course.product.scope)


def show(
    request: Request,
    product: Product,
    course: Course,
    name: str,
    template: str,
    *,
    key: str = "",
    title: Any,
    sources: list[str] | None = None,
    status: int = 200,
    **context: Any,
) -> HttpResponse:
    """A page of the way in the guided frame; whoever may not answer (any more) is sent to the summary.

    `title` is the question as the heading; `sources` what it rests on. Forms in `errors` are told together.
    """
    if not is_open(course, request.user) and request.method != "POST":
        return redirect("inhouse:assessment", product.pk)
    stops = guide.way(course)
    here = guide.position(stops, name, key)
    if here is None:  # the answers no longer lead here
        return redirect("inhouse:assessment", product.pk)
    context["refused"] = any(form.errors for form in context.get("errors", []))
    return render(
        request,
        f"inhouse/{template}",
        {
            "product": product,
            "institution": product.unit.administration.institution,
            "course": course,
            "title": title,
            "sources": list(dict.fromkeys(sources or [])),
            "back": stops[here - 1].address(product) if here else reverse("inhouse:assessment", args=[product.pk]),
            "place": here + 1,
            "of": len(stops),
            "way": rail(course, stops, stops[here].part),
            **context,
        },
        status=status,
    )


def rail(course: Course, stops: list[Stop], here: str) -> list[dict[str, Any]]:
    """The parts of the way with how far each has come; those that are not reached yet have no address."""
    found = []
    for part in guide.PARTS:
        own = [stop for stop in stops if stop.part == part.name]
        if not own and part.name == "software" and not course.is_software:
            continue
        done = bool(own) and all(stop.done for stop in own)
        begun = any(stop.done for stop in own)
        target = next((stop for stop in own if not stop.done), own[0] if own else None)
        found.append(
            {
                "title": part.title,
                "address": target.address(course.product) if target else "",
                "here": part.name == here,
                "done": done,
                "begun": begun and not done,
            }
        )
    return found


def onward(request: Request, product: Product, name: str, key: str = "") -> HttpResponse:
    """After saving: the next page of the way as the answers lead now; the summary for whoever leaves, and at the end."""
    course = guide.read(product)
    stops = guide.way(course)
    if "leave" in request.POST:
        messages.success(request, _("Saved. You can go on whenever you like."))
        return redirect("inhouse:assessment", product.pk)
    here = guide.position(stops, name, key)
    if here is None:
        here = -1
    following = stops[here + 1] if here + 1 < len(stops) else None
    if following is None:
        return redirect("inhouse:assessment", product.pk)
    return redirect(following.address(product))


def sent(request: Request, *given: forms.BaseForm) -> bool:
    """Whether something was sent and all of it can be read; every form is looked at, so that all errors are shown."""
    readable = [form.is_valid() for form in given]
    return request.method == "POST" and all(readable)


def typed(request: Request) -> Any:
    """What was sent, for a form whose boxes may all be empty."""
    return request.POST if request.method == "POST" else None


def rests_on(*demands: str) -> list[str]:
    """The sources of these requirements, for the head of a page."""
    rows = law.requirements()
    return [rows[demand].source for demand in demands if demand in rows]


def locked(request: Request, product: Product) -> Course:
    """The course; when something was sent, with the product locked, so that what is compared is what is saved over."""
    if request.method == "POST":
        product = lifecycle.lock(product)
    return guide.read(product)


__all__ = ["is_open", "locked", "onward", "pages", "rail", "rests_on", "sent", "show", "typed"]
