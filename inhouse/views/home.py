"""The first page: what needs you."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import path

from organisation.access import Act
from organisation.doors import Request, door


@door(Act.WORK)
def home(request: Request) -> HttpResponse:
    return render(request, "inhouse/home.html")


urls = [path("", home, name="home")]
