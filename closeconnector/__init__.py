"""The Django project: wiring only, no domain words."""

from closeconnector.celery import app as celery_app

__all__ = ["celery_app"]
