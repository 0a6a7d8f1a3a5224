"""One bounded piece of work with a trigger, counters and an end."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from sync.models.choices import choices
from sync.models.connector import Connector
from sync.records import Direction


class Run(models.Model):
    """A drain, a pull or a backfill. `counters` counts outcomes by result, `close_calls` requests by route."""

    class Kind(models.TextChoices):
        DRAIN = "DRAIN", _("Drain")
        PULL = "PULL", _("Pull")
        BACKFILL = "BACKFILL", _("Backfill")

    class Trigger(models.TextChoices):
        SCHEDULE = "SCHEDULE", _("Schedule")
        NOTIFICATION = "NOTIFICATION", _("Notification")
        PERSON = "PERSON", _("A person")
        COMMAND = "COMMAND", _("Command line")

    class State(models.TextChoices):
        RUNNING = "RUNNING", _("Running")
        FINISHED = "FINISHED", _("Finished")
        STOPPED = "STOPPED", _("Stopped early")

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="runs")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    direction = models.CharField(max_length=8, choices=choices(Direction))
    trigger = models.CharField(max_length=12, choices=Trigger.choices)
    state = models.CharField(max_length=8, choices=State.choices, default=State.RUNNING)
    dry_run = models.BooleanField(default=False)
    considered = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(null=True)
    counters = models.JSONField(default=dict)
    close_calls = models.JSONField(default=dict)
    hull_calls = models.JSONField(default=dict)
    # What the run set out to do, counted before its first write, and how much of what the brake counts it did.
    report = models.JSONField(default=dict)
    effects = models.JSONField(default=dict)
    message = models.TextField(blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["connector", "-started_at"], name="run_recent")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.direction.lower()} {self.started_at:%Y-%m-%d %H:%M:%S}"
