"""Addresses of the register. Each subject's views name their own."""

from django.urls import URLPattern

from inhouse.views import (
    assessment,
    candidates,
    changes,
    decision,
    declarations,
    design,
    evidence,
    followup,
    history,
    home,
    institution,
    items,
    lifecycle,
    lists,
    market,
    owners,
    patients,
    places,
    products,
    public,
    questions,
    readiness,
)

app_name = "inhouse"
urlpatterns: list[URLPattern] = [
    *home.urls,
    *products.urls,
    *assessment.urls,
    *questions.urls,
    *market.urls,
    *candidates.urls,
    *decision.urls,
    *owners.urls,
    *design.urls,
    *evidence.urls,
    *declarations.urls,
    *readiness.urls,
    *items.urls,
    *patients.urls,
    *lifecycle.urls,
    *followup.urls,
    *changes.urls,
    *history.urls,
    *lists.urls,
    *public.urls,
    *institution.urls,
    *places.urls,
]
