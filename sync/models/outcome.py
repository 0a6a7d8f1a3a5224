"""What happened to one record, once per time it was considered."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from sync.engine.plan import REASONS, Result
from sync.models.choices import choices
from sync.models.connector import Connector
from sync.models.run import Run
from sync.records import Direction, ObjectType


class Outcome(models.Model):
    """One line of history. `fields` names the Close fields or Hull attributes that were written."""

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="outcomes")
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="outcomes")
    direction = models.CharField(max_length=8, choices=choices(Direction))
    object_type = models.CharField(_("object"), max_length=7, choices=choices(ObjectType))
    key = models.CharField(max_length=320)
    hull_id = models.CharField(_("Hull id"), max_length=250, blank=True)
    close_id = models.CharField(_("Close id"), max_length=120, blank=True)
    label = models.CharField(max_length=250, blank=True)
    result = models.CharField(max_length=9, choices=choices(Result))
    reason = models.CharField(max_length=24, choices=choices(REASONS))
    message = models.TextField(blank=True)
    fields = models.JSONField(default=list, blank=True)
    # What was written, or would be, as `{field: [before, after]}`.
    values = models.JSONField(default=dict, blank=True)
    notes = models.JSONField(default=list, blank=True)
    version = models.PositiveIntegerField(
        default=1, help_text=_("Version of the connector's settings it ran under.")
    )
    created_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["connector", "-created_at"], name="outcome_recent"),
            models.Index(fields=["connector", "key", "-created_at"], name="outcome_of_record"),
            models.Index(fields=["connector", "reason", "-created_at"], name="outcome_by_reason"),
        ]

    def __str__(self) -> str:
        return f"{self.label or self.key}: {self.result.lower()} ({self.reason.lower()})"
