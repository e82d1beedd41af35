"""Addresses of what is kept. Each subject's views name their own."""

from django.urls import URLPattern

from documents.views import seals

app_name = "documents"
urlpatterns: list[URLPattern] = [
    *seals.urls,
]
