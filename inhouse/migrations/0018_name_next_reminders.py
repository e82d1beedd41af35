from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("inhouse", "0014_next_reminders")]
    operations = [
        migrations.AlterModelOptions(
            name="nextreminder",
            options={"verbose_name": "day of the next reminder", "verbose_name_plural": "days of next reminders"},
        ),
    ]
