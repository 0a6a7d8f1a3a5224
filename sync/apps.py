"""The sync app: Hull accounts and users kept in step with Close leads and contacts."""

from django.apps import AppConfig


class SyncConfig(AppConfig):
    """Registers the system checks and keeps schedules in step with connectors."""

    name = "sync"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from sync import checks, signals  # noqa: F401 - importing registers them
