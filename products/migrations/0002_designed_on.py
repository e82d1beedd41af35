from typing import Any

from django.db import migrations, models

from organisation import clock
from organisation.history import acting
from organisation.history.operations import Triggers


def fill(apps: Any, schema_editor: Any) -> None:
    """What was examined before this was asked still counts: a design is as old as its revision."""
    revisions = apps.get_model("products", "Revision").objects.using(schema_editor.connection.alias)
    with acting(None, reason="The day of the design is kept from now on."):
        revisions.update(designed_on=models.F("opened_on"))


class Migration(migrations.Migration):
    """The history of earlier days keeps no such day: it was not known then."""

    dependencies = [("products", "0001_initial")]
    operations = [
        *(
            migrations.AddField(
                model_name=model,
                name="designed_on",
                field=models.DateField(editable=False, null=True, verbose_name="design last changed on"),
            )
            for model in ("historicalrevision", "revision")
        ),
        Triggers(),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="historicalrevision",
            name="designed_on",
            field=models.DateField(
                default=clock.today, editable=False, null=True, verbose_name="design last changed on"
            ),
        ),
        migrations.AlterField(
            model_name="revision",
            name="designed_on",
            field=models.DateField(default=clock.today, editable=False, verbose_name="design last changed on"),
        ),
        Triggers(),
    ]
