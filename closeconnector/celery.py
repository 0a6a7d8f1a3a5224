"""The Celery application. A message is a nudge ("look at this lane"); the truth is in the database."""

from __future__ import annotations

import os
import warnings
from typing import Any

from celery import Celery
from celery.exceptions import SecurityWarning
from celery.signals import setup_logging
from kombu.transport import TRANSPORT_ALIASES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "closeconnector.settings")

# kombu refuses dotted names in URLs, so that the embedded broker needs an alias: database://
TRANSPORT_ALIASES["database"] = "closeconnector.broker:Transport"
# True for Django in general, but the query log it means keeps only the newest 9,000 entries.
warnings.filterwarnings("ignore", message="Using settings.DEBUG leads to a memory leak")

# In a container there is only root; who else may do what there is not for the worker to say.
warnings.filterwarnings(
    "ignore", message="You're running the worker with superuser privileges", category=SecurityWarning
)

app = Celery("closeconnector")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_our_logging(**_: Any) -> None:
    """Being connected is enough: Celery then leaves Django's LOGGING as it is."""
