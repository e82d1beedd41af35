from django.contrib.postgres.operations import CreateCollation
from django.db import migrations

from organisation.history.operations import Triggers


class Migration(migrations.Migration):
    """The collations that `organisation.alphabet` names; SQLite gets them with each connection."""

    dependencies = [("organisation", "0002_own_password")]
    operations = [
        *(
            CreateCollation(f"femfem_{language}", provider="icu", locale=f"{language}-u-kn-true")
            for language in ("sv", "nb", "en")
        ),
        Triggers(),
    ]
