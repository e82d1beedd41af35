"""What is wrong with the history, at the top of the pages of those who audit."""

from __future__ import annotations

from typing import Any

from django import template

from documents import auditing

register = template.Library()


@register.inclusion_tag("documents/seals/_alarms.html")
def history_alarms() -> dict[str, Any]:
    return {"alarms": auditing.state().alarms}
