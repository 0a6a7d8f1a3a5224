"""The queue: the latest state we heard of one record in one direction, and whether it needs work."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from sync.engine.plan import REASONS
from sync.models.choices import choices
from sync.models.connector import Connector
from sync.records import Direction, ObjectType


class ChangeQuerySet(models.QuerySet["Change"]):
    def due(self, now: datetime) -> ChangeQuerySet:
        """Those that a drain may take now."""
        return self.filter(state=Change.State.PENDING, not_before__lte=now)

    def stuck(self) -> ChangeQuerySet:
        """Those that need a person."""
        return self.filter(state__in=[Change.State.HELD, Change.State.FAILED])


class Change(models.Model):
    """One record that may need work in one direction. A newer message replaces an older one.

    The row stays after the work is done, since it remembers how new the newest message was. A dead letter is
    a row in state FAILED: kept, visible, replayable.
    """

    class State(models.TextChoices):
        PENDING = "PENDING", _("Pending")
        WAITING = "WAITING", _("Waiting for its account")
        HELD = "HELD", _("Held for a person's choice")
        PAUSED = "PAUSED", _("Paused by a person")
        FAILED = "FAILED", _("Failed")
        DONE = "DONE", _("Done")
        IGNORED = "IGNORED", _("Ignored")

    class Priority(models.IntegerChoices):
        FRESH = 0, _("Fresh")
        RETRY = 1, _("Tried before")
        BULK = 2, _("Everything once more")

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="changes")
    direction = models.CharField(max_length=8, choices=choices(Direction))
    object_type = models.CharField(_("object"), max_length=7, choices=choices(ObjectType))
    key = models.CharField(
        max_length=320,
        help_text=_("Hull id of an outbound record, Close id of an inbound one."),
    )
    family = models.CharField(
        max_length=320,
        blank=True,
        help_text=_("Key of the account or lead it belongs to."),
    )
    label = models.CharField(max_length=250, blank=True)
    payload = models.JSONField(default=dict)
    record_at = models.DateTimeField(
        null=True, help_text=_("How new the record was, by its own system's clock.")
    )
    batch = models.BooleanField(
        default=False, help_text=_("Pushed by a person in Hull: bypasses the segments.")
    )

    state = models.CharField(max_length=7, choices=State.choices, default=State.PENDING)
    reason = models.CharField(max_length=24, choices=choices(REASONS), blank=True)
    message = models.TextField(blank=True)
    candidates = models.JSONField(default=list, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField()
    # Fields whose values a configuration problem left out: the record is looked at again when that changes.
    left_out = models.JSONField(default=list, blank=True)
    # Fields that both sides changed, as `{field: [Hull's value, Close's value]}`, and whose value a person chose.
    conflicts = models.JSONField(default=dict, blank=True)
    chosen = models.JSONField(default=dict, blank=True)
    makes_new = models.BooleanField(
        default=False,
        help_text=_("A person said that none of the records that fit is it: a new one is made."),
    )
    approval = models.ForeignKey(
        "sync.Approval", on_delete=models.SET_NULL, null=True, blank=True, related_name="changes"
    )
    priority = models.PositiveSmallIntegerField(
        choices=Priority.choices, default=Priority.FRESH, help_text=_("What is worked on first.")
    )
    revision = models.PositiveIntegerField(default=1)
    queued_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    objects: ClassVar = ChangeQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["connector", "direction", "object_type", "key"],
                name="change_once",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["connector", "direction", "state", "not_before"],
                name="change_due",
            ),
            models.Index(fields=["connector", "direction", "family"], name="change_family"),
        ]

    def __str__(self) -> str:
        return f"{self.label or self.key} ({self.direction.lower()})"
