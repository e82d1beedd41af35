from typing import Any

from django.db import migrations

INDEXES = {"product_name_trigrams": "name", "product_summary_trigrams": "summary"}


def index(apps: Any, schema_editor: Any) -> None:
    """Trigrams of names and summaries, where the database has them: SQLite looks for whole words."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        for name, column in INDEXES.items():
            schema_editor.execute(f'CREATE INDEX "{name}" ON products_product USING gin ({column} gin_trgm_ops)')


def forget(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        for name in INDEXES:
            schema_editor.execute(f'DROP INDEX IF EXISTS "{name}"')


class Migration(migrations.Migration):
    dependencies = [("products", "0003_assessment")]
    operations = [migrations.RunPython(index, forget)]
