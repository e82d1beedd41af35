"""Decided assessments keep the search and the purpose that they rested on."""

from __future__ import annotations

from typing import Any

from django.db import migrations

from organisation.database.acting import acting

WHY = "What the assessment rested on is kept from now on"


def rest_on(apps: Any, schema_editor: Any) -> None:
    alias = schema_editor.connection.alias

    def rows(app: str, name: str) -> Any:
        return apps.get_model(app, name).objects.using(alias)

    with acting(None, reason=WHY):
        for assessment in rows("inhouse", "Assessment").filter(decided_on__isnull=False, search=None).iterator():
            searches = rows("inhouse", "MarketSearch").filter(assessment=assessment)
            assessment.search = searches.filter(searched_on__lte=assessment.decided_on).order_by("pk").last()
            first = rows("products", "Revision").filter(product=assessment.product_id).order_by("number").first()
            assessment.intended_purpose = first.intended_purpose if first else ""
            assessment.save(update_fields=["search", "intended_purpose"])


class Migration(migrations.Migration):
    dependencies = [("inhouse", "0005_rests_on"), ("products", "0004_similar")]
    operations = [migrations.RunPython(rest_on, migrations.RunPython.noop)]
