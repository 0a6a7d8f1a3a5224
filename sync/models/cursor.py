"""Stored positions in the streams of both remotes."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from sync.models.connector import Connector


class Cursor(models.Model):
    """Where one stream of one connector was last read to.

    `events`: `watermark` is the newest event whose page and all older pages are stored; while a pull is
    under way `page` is the next older page and `high` the watermark that follows when the last page is in.
    `method` is `search` where the key may not read the log. `backfill`: `method` is the way in which it reads, empty when none is
    under way, `detail` the position, `since` what it is limited to. `hull_accounts` and `hull_users`:
    `watermark` is how new the newest record was that Hull's search told.
    """

    class Stream(models.TextChoices):
        EVENTS = "EVENTS", _("Event log")
        BACKFILL = "BACKFILL", _("Backfill")
        HULL_ACCOUNTS = "HULL_ACCOUNTS", _("Hull's accounts")
        HULL_USERS = "HULL_USERS", _("Hull's users")
        OPPORTUNITIES = "OPPORTUNITIES", _("Opportunities")
        RETELLING = "RETELLING", _("Records to be told again")
        DELIVERIES = "DELIVERIES", _("Webhook deliveries")

    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="cursors")
    stream = models.CharField(max_length=16, choices=Stream.choices)
    watermark = models.DateTimeField(null=True)
    high = models.DateTimeField(null=True)
    page = models.TextField(blank=True)
    total = models.PositiveIntegerField(null=True)
    read_at = models.DateTimeField(null=True)
    # Of the event log: when the whole overlap was last read again; between two of those only its end is.
    swept_at = models.DateTimeField(null=True)
    # Of a backfill: how it reads, what it may leave out, how much is stored, and where exactly it is.
    method = models.CharField(max_length=8, blank=True)
    since = models.DateTimeField(null=True)
    done = models.PositiveIntegerField(default=0)
    detail = models.JSONField(default=dict)
    started_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["connector", "stream"], name="cursor_once")]

    def __str__(self) -> str:
        return f"{self.connector.slug} {self.stream.lower()}"
