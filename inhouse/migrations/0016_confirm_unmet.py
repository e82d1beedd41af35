"""What a revision that is being worked on carried over as not fully met is confirmed anew: nobody was asked before."""

from __future__ import annotations

from typing import Any

from django.db import migrations

from organisation.database.acting import acting

WHY = "What is not fully met is confirmed for each revision from now on"


def ask_again(apps: Any, schema_editor: Any) -> None:
    rows = apps.get_model("inhouse", "UnmetRequirement").objects.using(schema_editor.connection.alias)
    with acting(None, reason=WHY):
        rows.filter(revision__stage="open", revision__number__gt=1).update(confirmed_on=None)


class Migration(migrations.Migration):
    dependencies = [("inhouse", "0015_unmet_confirmed")]
    operations = [migrations.RunPython(ask_again, migrations.RunPython.noop)]
