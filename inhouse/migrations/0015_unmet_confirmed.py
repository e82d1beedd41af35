import organisation.clock
import organisation.history.operations
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('inhouse', '0014_next_reminders'),
    ]

    operations = [
        migrations.AddField(
            model_name='historicalunmetrequirement',
            name='confirmed_on',
            field=models.DateField(default=organisation.clock.today, editable=False, null=True, verbose_name='confirmed for this revision on'),
        ),
        migrations.AddField(
            model_name='unmetrequirement',
            name='confirmed_on',
            field=models.DateField(default=organisation.clock.today, editable=False, null=True, verbose_name='confirmed for this revision on'),
        ),
        organisation.history.operations.Triggers(
        ),
    ]
