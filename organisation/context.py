"""What every page shows: the institution and the menu."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from organisation.models import Institution


def frame(request: HttpRequest) -> dict[str, Any]:
    return {"institution": Institution.objects.first()}
