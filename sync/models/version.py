"""The versions of a connector's settings: each save leaves one behind, and none is ever changed."""

from __future__ import annotations

from typing import Any, ClassVar

from django.conf import settings as django_settings
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from sync.models.connector import Connector


class ConfigurationVersion(models.Model):
    """Everything that a connector did by from one save to the next. Credentials, and where they go, are not in it.

    `settings` holds the connector's fields, `rows` its mapping in order, `actions` what is made in Close when a segment
    is entered. `changed` names what the save touched, credentials too; their values are not kept.
    """

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    settings = models.JSONField(default=dict)
    rows = models.JSONField(default=list)
    actions = models.JSONField(default=list)
    changed = models.JSONField(default=list)
    author = models.ForeignKey(
        django_settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    author_name = models.CharField(max_length=200, blank=True)
    note = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = _("version")
        ordering: ClassVar = ["connector", "-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connector", "number"], name="version_number_once"),
        ]

    def __str__(self) -> str:
        return f"{self.connector.name}, version {self.number}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Write a new version. Raises TypeError for one that was written already."""
        if not self._state.adding:
            raise TypeError("A version is never changed: save a new one.")
        super().save(*args, **kwargs)

    def get_absolute_url(self) -> str:
        return reverse("admin:sync_configurationversion_change", args=[self.pk])
