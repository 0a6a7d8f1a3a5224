"""What Close holds beside leads and contacts, and what is told or done about it: all of it optional per connector."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from sync.models.choices import choices
from sync.models.connector import Connector
from sync.records import ObjectType


class Opportunity(models.Model):
    """One opportunity of a lead, as last told by Close. `fields` is the object as the API returns it."""

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="opportunities")
    close_id = models.CharField(_("Close id"), max_length=120)
    lead_close_id = models.CharField(_("lead id"), max_length=120)
    fields = models.JSONField(default=dict)
    close_updated_at = models.DateTimeField(null=True)
    # When it was last seen in Close: what a whole reading does not find any more was deleted.
    read_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = _("opportunities")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connector", "close_id"], name="opportunity_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["connector", "lead_close_id"], name="opportunity_by_lead")]

    def __str__(self) -> str:
        return self.close_id


class HullEvent(models.Model):
    """Something that happened in Close, on its way to Hull as an event. `event_id` makes Hull take it once.

    The row goes some time after it was told; until then it keeps the overlap of the event log from telling it again.
    """

    class State(models.TextChoices):
        PENDING = "PENDING", _("Pending")
        DONE = "DONE", _("Told")
        SKIPPED = "SKIPPED", _("Left out")

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="hull_event_rows")
    event_id = models.CharField(max_length=200)
    kind = models.CharField(max_length=20)
    name = models.CharField(max_length=120)
    lead_close_id = models.CharField(_("lead id"), max_length=120, blank=True)
    contact_close_id = models.CharField(_("contact id"), max_length=120, blank=True)
    properties = models.JSONField(default=dict)
    happened_at = models.DateTimeField()
    state = models.CharField(max_length=7, choices=State.choices, default=State.PENDING)
    reason = models.CharField(max_length=24, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField()
    told_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["connector", "event_id"], name="hull_event_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["connector", "state", "not_before"], name="hull_event_due"),
            models.Index(fields=["told_at"], name="hull_event_told"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.event_id}"


class SegmentAction(models.Model):
    """What is made in Close when a Hull account or user enters a segment."""

    class Makes(models.TextChoices):
        TASK = "TASK", _("Task")
        CUSTOM_ACTIVITY = "CUSTOM_ACTIVITY", _("Custom activity")

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="segment_actions")
    object_type = models.CharField(_("object"), max_length=7, choices=choices(ObjectType))
    segment = models.CharField(
        max_length=120, help_text=_("The Hull segment that is entered, of accounts or of users.")
    )
    makes = models.CharField(max_length=16, choices=Makes.choices, default=Makes.TASK)
    text = models.CharField(
        max_length=500,
        blank=True,
        help_text=_("The task's text or the activity's note. {name} becomes the record's name."),
    )
    due_in_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text=_("When the task is due, in days from then. Empty: no date.")
    )
    assigned_to = models.CharField(
        max_length=320,
        blank=True,
        help_text=_("E-mail or id of the Close user who gets the task. Empty: nobody."),
    )
    activity_type = models.CharField(
        max_length=120, blank=True, help_text=_("Id of the custom activity's type, actitype_…")
    )
    fields = models.JSONField(
        default=dict, blank=True,
        help_text=_("Fields of the custom activity as {custom.cf_…: Hull attribute}."),
    )  # fmt: skip
    enabled = models.BooleanField(default=True)
    # Until when the members of the segment were only noted: who was in it before did not enter it.
    known_to = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["connector", "object_type", "pk"]

    def __str__(self) -> str:
        return f"{self.get_makes_display()} on entering {self.segment}"


class SegmentEntry(models.Model):
    """One Hull record that entered a segment with an action: what came of it. One row an entry.

    While `left_at` is empty the record is in the segment, and the action is not repeated.
    """

    class State(models.TextChoices):
        BEFORE = "BEFORE", _("Was in it before")
        PENDING = "PENDING", _("Pending")
        OPEN = "OPEN", _("Being made")
        DONE = "DONE", _("Made")
        FAILED = "FAILED", _("Failed")

    action = models.ForeignKey(SegmentAction, on_delete=models.CASCADE, related_name="entries")
    key = models.CharField(_("Hull id"), max_length=250)
    state = models.CharField(max_length=7, choices=State.choices, default=State.PENDING)
    close_id = models.CharField(_("Close id"), max_length=120, blank=True)
    message = models.TextField(blank=True)
    attempts = models.PositiveIntegerField(default=0)
    not_before = models.DateTimeField()
    entered_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = _("segment entries")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["action", "key"], condition=models.Q(left_at=None), name="in_segment_once"
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["state", "not_before"], name="segment_entry_due")]

    def __str__(self) -> str:
        return f"{self.key} ({self.state.lower()})"
