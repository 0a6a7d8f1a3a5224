"""Single records that a person took out of the sync for a while."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from sync.models.choices import choices
from sync.models.connector import Connector
from sync.records import ObjectType


class RecordPause(models.Model):
    """A record that is written to neither side until somebody resumes it. What arrives about it meanwhile is kept.

    It is named by its id in Hull, in Close, or both; a pair is paused by either.
    """

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="record_pauses")
    object_type = models.CharField(_("object"), max_length=7, choices=choices(ObjectType))
    hull_id = models.CharField(_("Hull id"), max_length=250, blank=True)
    close_id = models.CharField(_("Close id"), max_length=120, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    author_name = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["connector", "object_type", "hull_id"], condition=~models.Q(hull_id=""), name="pause_hull_id_once",
            ),
            models.UniqueConstraint(
                fields=["connector", "object_type", "close_id"], condition=~models.Q(close_id=""),
                name="pause_close_id_once",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.hull_id or self.close_id} paused by {self.author_name or 'a person'}"

    @property
    def sentence(self) -> str:
        """Say who paused it and why."""
        return f"Paused by {self.author_name or 'a person'}{f': {self.reason}' if self.reason else '.'}"
