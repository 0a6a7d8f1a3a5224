"""What is about to be created in Close: written down before the request, so that a crash leaves a trace."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from sync.models.choices import choices
from sync.models.connector import Connector
from sync.records import ObjectType


class Intent(models.Model):
    """One POST. While it is open nobody posts for the same record again.

    OPEN: about to be sent, or sent with an unknown result. DONE: created. REFUSED: Close said no, or it was
    found not to have happened.
    """

    class State(models.TextChoices):
        OPEN = "OPEN", _("Open")
        DONE = "DONE", _("Done")
        REFUSED = "REFUSED", _("Refused")

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="intents")
    object_type = models.CharField(_("object"), max_length=7, choices=choices(ObjectType))
    key = models.CharField(max_length=320)
    body = models.JSONField()
    # Which company or person it is, for whoever else writes to the same Close organization.
    close_organization_id = models.CharField(max_length=80, blank=True)
    identifier = models.CharField(max_length=400, blank=True)
    state = models.CharField(max_length=7, choices=State.choices, default=State.OPEN)
    close_id = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["connector", "object_type", "key"],
                condition=models.Q(state="OPEN"),
                name="one_open_intent_per_record",
            ),
            models.UniqueConstraint(
                fields=["close_organization_id", "object_type", "identifier"],
                condition=models.Q(state="OPEN") & ~models.Q(identifier=""),
                name="one_open_intent_per_identifier",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.object_type.lower()} {self.key} ({self.state.lower()})"
