"""A batch of writes that is larger than the brake allows, until a person has looked at it."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from sync.models.connector import Connector


class Approval(models.Model):
    """What a run set out to do and was held back from. Its changes point to it.

    `counts` and `limits` are by kind: `creates`, `clears`, `deletes`. `sample` holds a few of its records, each
    as `{object, key, label, kind, values}`.
    """

    class State(models.TextChoices):
        WAITING = "WAITING", _("Waits for approval")
        APPROVED = "APPROVED", _("Approved")
        REJECTED = "REJECTED", _("Rejected")

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="approvals")
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    counts = models.JSONField(default=dict)
    limits = models.JSONField(default=dict)
    linked = models.PositiveIntegerField(default=0)
    sample = models.JSONField(default=list)
    created_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["connector"], condition=models.Q(state="WAITING"), name="one_waiting_approval"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.connector.slug}: {self.get_state_display().lower()}"
