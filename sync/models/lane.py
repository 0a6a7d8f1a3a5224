"""One connector's work in one direction, and who may do it now."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from sync.models.choices import choices
from sync.models.connector import Connector
from sync.records import Direction


class Lane(models.Model):
    """The lease of a drain: taken by a conditional UPDATE, so that two drains of one lane never overlap.

    `READING` is the lane in which Close is read.
    """

    READING = "READING"

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="lanes")
    direction = models.CharField(max_length=8, choices=[*choices(Direction), (READING, "Reading Close")])
    leased_by = models.CharField(max_length=80, blank=True)
    leased_until = models.DateTimeField(null=True)
    nudged_at = models.DateTimeField(null=True)
    drained_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["connector", "direction"], name="lane_once")]

    def __str__(self) -> str:
        return f"{self.connector.slug} {self.direction.lower()}"
