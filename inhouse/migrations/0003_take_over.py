"""What the short form holds counts on: searches are concluded, classes are set, decided assessments were submitted."""

from __future__ import annotations

from typing import Any

from django.db import migrations
from django.db.models import F

from organisation.database.acting import acting

GROUNDS = {"none": "availability", "none_fits": "performance"}
WHY = "Taken over from the short form of the assessment"


def take_over(apps: Any, schema_editor: Any) -> None:
    alias = schema_editor.connection.alias

    def rows(app: str, name: str) -> Any:
        return apps.get_model(app, name).objects.using(alias)

    with acting(None, reason=WHY):
        searches = rows("inhouse", "MarketSearch").all()
        searches.update(concluded_on=F("searched_on"), started_on=F("searched_on"))
        ground = rows("inhouse", "Ground")
        for search in searches.iterator():
            if search.result in GROUNDS:
                ground.create(search=search, kind=GROUNDS[search.result])
        known: dict[tuple[str, str], Any] = {}
        devices = rows("inhouse", "MarketDevice")
        for candidate in rows("inhouse", "Candidate").order_by("pk").iterator():
            key = (candidate.device.strip().casefold(), candidate.maker.strip().casefold())
            if key not in known:
                known[key] = devices.create(name=candidate.device.strip(), maker=candidate.maker.strip())
            twin = rows("inhouse", "Candidate").filter(search=candidate.search_id, market_device=known[key])
            if not twin.exists():
                candidate.market_device = known[key]
                candidate.save(update_fields=["market_device"])
        decided = rows("inhouse", "Assessment").filter(decided_on__isnull=False)
        decided.update(submitted_on=F("decided_on"), submitted_by=F("started_by"))
        for revision in rows("products", "Revision").exclude(risk_class="").iterator():
            rows("inhouse", "Classification").create(
                revision=revision,
                regulation=revision.regulation,
                edition=0,
                started_on=revision.opened_on,
                rules_class=revision.risk_class,
                deciding_rule=revision.class_rule,
                reason=revision.class_reason,
                finished_on=revision.opened_on,
            )


class Migration(migrations.Migration):
    dependencies = [("inhouse", "0002_assessment"), ("products", "0003_assessment")]
    operations = [migrations.RunPython(take_over, migrations.RunPython.noop)]
