"""The sync app: Hull accounts and users kept in step with Close leads and contacts."""

from django.apps import AppConfig


class SyncConfig(AppConfig):
    """Registers the system checks and keeps schedules in step with connectors."""

    name = "sync"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.apps import apps

        from sync import checks, names, signals  # noqa: F401 - importing registers two of them

        for label in ("accounts", "sync"):
            names.make_translatable(apps.get_app_config(label).get_models())
