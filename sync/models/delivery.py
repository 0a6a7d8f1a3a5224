"""Requests that were received from Hull and Close."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from sync.models.connector import Connector


class Delivery(models.Model):
    """One received request as stored; its key makes a second arrival harmless."""

    class Source(models.TextChoices):
        HULL = "HULL", _("Hull notification")
        CLOSE = "CLOSE", _("Close webhook")

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="deliveries")
    source = models.CharField(max_length=5, choices=Source.choices)
    key = models.CharField(max_length=200)
    channel = models.CharField(max_length=60, blank=True)
    messages = models.PositiveIntegerField(default=0)
    accepted = models.PositiveIntegerField(default=0)
    stale = models.PositiveIntegerField(default=0)
    problems = models.JSONField(default=list, blank=True)
    repeats = models.PositiveIntegerField(default=0)
    received_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connector", "source", "key"], name="delivery_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["connector", "-received_at"], name="delivery_recent")]
        verbose_name_plural = _("deliveries")

    def __str__(self) -> str:
        return f"{self.channel or self.source} {self.key}"
