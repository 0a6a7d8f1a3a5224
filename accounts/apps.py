"""Who may see and do what. Knows nothing of sync."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "People and organizations"
    default_auto_field = "django.db.models.BigAutoField"
