"""Extracts that Hull asked us to read: an operator pushed a segment, or everybody."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from sync.models.choices import choices
from sync.models.connector import Connector
from sync.models.encryption import EncryptedField
from sync.records import ObjectType


class BatchQuerySet(models.QuerySet["Batch"]):
    def due(self, now: datetime) -> BatchQuerySet:
        """Those that are to be read, or read on, and that nobody reads just now."""
        free = models.Q(leased_until=None) | models.Q(leased_until__lte=now)
        return self.filter(free, state=Batch.State.READING, not_before__lte=now)


class Batch(models.Model):
    """One extract: where it is, and how far it has been read. A broken line goes on where it broke."""

    class State(models.TextChoices):
        READING = "READING", _("Being read")
        DONE = "DONE", _("Read to its end")
        FAILED = "FAILED", _("Failed")

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="batches")
    object_type = models.CharField(_("object"), max_length=7, choices=choices(ObjectType))
    format = models.CharField(max_length=4)
    # A signed address lets anybody read the extract until it expires.
    url = EncryptedField(editable=False)
    url_digest = models.CharField(max_length=64, editable=False)
    host = models.CharField(max_length=250)
    segment_id = models.CharField(max_length=120, blank=True)
    state = models.CharField(max_length=7, choices=State.choices, default=State.READING)
    lines = models.PositiveIntegerField(
        default=0, help_text=_("How many lines are in the queue for certain.")
    )
    queued = models.PositiveIntegerField(default=0)
    problem_count = models.PositiveIntegerField(default=0)
    problems = models.JSONField(default=list, blank=True)
    message = models.TextField(blank=True)
    attempts = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField()
    leased_until = models.DateTimeField(null=True)
    received_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    objects: ClassVar = BatchQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["connector", "url_digest"], condition=models.Q(state="READING"), name="batch_once"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["connector", "-received_at"], name="batch_recent")]
        verbose_name_plural = _("batches")

    def __str__(self) -> str:
        return f"{self.get_object_type_display()}s from {self.host}, {self.received_at:%Y-%m-%d %H:%M:%S}"
