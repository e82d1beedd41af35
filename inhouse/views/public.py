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
    path("register/", plain, name="public"),
    path("register/<str:number>/", plain, name="public-declaration"),
]
