"""The project as an app: it owns the tables of the embedded broker, the cache and the leases."""

from django.apps import AppConfig


class CloseConnectorConfig(AppConfig):
    name = "closeconnector"
    verbose_name = "Platform"
    default_auto_field = "django.db.models.BigAutoField"
