"""The web application. Refuses to start when the database would not write the history."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()

# Only now are there models.
from organisation import history  # noqa: E402

history.refuse_gaps()
