"""Placeholder."""

from __future__ import annotations

from django.http import HttpResponse
from django.urls import path

from inhouse.views import pages
from organisation.access import Act
from organisation.doors import Request, door


@door(Act.WORK)
def plain(request: Request, **words: str) -> HttpResponse:
    return HttpResponse("")


@door(Act.WORK, pages.product)
def about(request: Request, product: object) -> HttpResponse:
    return HttpResponse("")


urls = [
    path("products/new/", plain, name="propose"),
    path("products/<int:pk>/assessment/", about, name="assessment"),
    path("products/<int:pk>/assessment/scope/", about, name="assessment-scope"),
    path("products/<int:pk>/assessment/device/", about, name="assessment-device"),
    path("products/<int:pk>/assessment/route/", about, name="assessment-route"),
    path("products/<int:pk>/assessment/need/", about, name="assessment-need"),
    path("products/<int:pk>/assessment/prohibitions/", about, name="assessment-prohibitions"),
    path("products/<int:pk>/assessment/weighing/", about, name="assessment-weighing"),
    path("products/<int:pk>/assessment/again/", about, name="assessment-again"),
    path("products/<int:pk>/decision/", about, name="decision"),
]
