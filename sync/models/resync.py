"""Looking through all records for those that the settings would now change, and queueing those."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from sync.models.connector import Connector


class Resync(models.Model):
    """Where the look through a connector's records stands: one row a connector, begun anew by each edit.

    `outbound` and `inbound` count the records that would be written; `outbound_at` and `inbound_at` are the last ones
    that were looked at, so that a killed process goes on where it was.
    """

    class State(models.TextChoices):
        COUNTING = "COUNTING", _("Counting")
        COUNTED = "COUNTED", _("Counted")
        QUEUEING = "QUEUEING", _("Queueing")
        QUEUED = "QUEUED", _("Queued")
        DISMISSED = "DISMISSED", _("Left as they are")

    connector = models.OneToOneField(Connector, on_delete=models.CASCADE, related_name="resync")
    version = models.PositiveIntegerField()
    state = models.CharField(max_length=9, choices=State.choices, default=State.COUNTING)
    looked_at = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    outbound = models.PositiveIntegerField(default=0)
    inbound = models.PositiveIntegerField(default=0)
    outbound_at = models.BigIntegerField(default=0)
    inbound_at = models.BigIntegerField(default=0)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(state__in=["COUNTING", "COUNTED", "QUEUEING", "QUEUED", "DISMISSED"]),
                name="resync_state_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.connector.slug}: {self.get_state_display().lower()}"

    @property
    def is_under_way(self) -> bool:
        return self.state in (Resync.State.COUNTING, Resync.State.QUEUEING)

    @property
    def affected(self) -> int:
        return self.outbound + self.inbound
