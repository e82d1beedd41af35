"""Background work. Beat only ticks: what is due stands in the database."""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_init
from django.core.exceptions import ImproperlyConfigured

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("femfem")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect  # type: ignore[untyped-decorator]
def refuse_to_work_unrecorded(**kwargs: Any) -> None:
    """As the web does. Celery only logs an exception here, so it is told to exit."""
    from organisation import history  # there are no models before

    try:
        history.refuse_gaps()
    except ImproperlyConfigured as gaps:
        raise SystemExit(str(gaps)) from gaps
