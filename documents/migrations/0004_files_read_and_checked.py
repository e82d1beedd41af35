import django.contrib.postgres.search
import django.db.models.deletion
from django.db import migrations, models

from organisation import history


def index(apps, schema_editor):
    """Words of files, where the database can look them up: SQLite reads through all texts."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("CREATE INDEX file_text_words ON documents_filetext USING gin (vector)")


def forget(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX IF EXISTS file_text_words")


class Migration(migrations.Migration):

    dependencies = [
        ('documents', '0003_seals'),
    ]

    operations = [
        migrations.CreateModel(
            name='FileText',
            fields=[
                ('file', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='text', serialize=False, to='documents.storedfile', verbose_name='file')),
                ('state', models.CharField(choices=[('waiting', 'not read yet'), ('done', 'read'), ('none', 'no text found'), ('withheld', 'not searchable: it may say who a patient is'), ('failed', 'could not be read')], default='waiting', max_length=10, verbose_name='state')),
                ('reason', models.CharField(blank=True, choices=[('locked', 'It cannot be opened: it is damaged inside, or protected by a password.'), ('broken', 'Its parts are not as such a file has them.'), ('unfolds', 'It unfolds to more than can be read.'), ('time', 'Reading it took too long.'), ('gone', 'The stored file is damaged or missing.'), ('trouble', 'Something went wrong on our side.')], max_length=10, verbose_name='reason')),
                ('text', models.TextField(blank=True, verbose_name='text')),
                ('is_cut', models.BooleanField(default=False, verbose_name='only the beginning')),
                ('pages', models.PositiveIntegerField(null=True, verbose_name='pages')),
                ('attempts', models.PositiveSmallIntegerField(default=0, verbose_name='attempts')),
                ('tried_at', models.DateTimeField(null=True, verbose_name='last tried at')),
                ('leased_until', models.DateTimeField(null=True, verbose_name='being read until')),
                ('vector', django.contrib.postgres.search.SearchVectorField(null=True)),
            ],
            options={
                'verbose_name': 'text of a file',
                'verbose_name_plural': 'texts of files',
                'constraints': [models.CheckConstraint(condition=models.Q(('state', 'done'), ('text', ''), _connector='OR'), name='file_text_only_when_read'), models.CheckConstraint(condition=models.Q(models.Q(('state', 'failed'), models.Q(('reason', ''), _negated=True)), models.Q(models.Q(('state', 'failed'), _negated=True), ('reason', '')), _connector='OR'), name='file_text_failed_iff_reason')],
            },
        ),
        migrations.CreateModel(
            name='FileCheck',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('found', models.CharField(choices=[('whole', 'as it was stored'), ('altered', 'damaged: its content was changed'), ('size', 'damaged: it is shorter or longer than what was stored'), ('replaced', 'damaged: something that is no file stands in its place'), ('unreadable', 'damaged: it cannot be read'), ('missing', 'missing')], max_length=10, verbose_name='found')),
                ('since', models.DateTimeField(verbose_name='found so since')),
                ('checked_at', models.DateTimeField(verbose_name='last verified at')),
                ('signed', models.OneToOneField(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='last_check', to='documents.signedfile', verbose_name='signed file')),
                ('stored', models.OneToOneField(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='last_check', to='documents.storedfile', verbose_name='stored file')),
            ],
            options={
                'verbose_name': 'check of a file',
                'verbose_name_plural': 'checks of files',
                'indexes': [models.Index(fields=['checked_at'], name='file_check_checked'), models.Index(condition=models.Q(('found', 'whole'), _negated=True), fields=['found'], name='file_check_bad')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('signed__isnull', True), ('stored__isnull', False)), models.Q(('signed__isnull', False), ('stored__isnull', True)), _connector='OR'), name='file_check_of_one_file')],
            },
        ),
        history.Triggers(),
        migrations.RunPython(index, forget),
    ]
