"""Cursors, lanes and intents: where reading stands, who works on what, what is about to be created."""

from __future__ import annotations

from django.contrib import admin
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from sync.admin import cells, story
from sync.admin.base import ConnectorFilter, HistoryAdmin
from sync.admin.words import DIRECTIONS
from sync.models import Cursor, Intent, Lane


@admin.register(Cursor)
class CursorAdmin(HistoryAdmin):
    """How far Close was read."""

    list_display = ("connector", "stream", "watermark", "position", "read")
    list_filter = (("connector", ConnectorFilter), ("stream", ChoicesDropdownFilter))
    ordering = ("connector__name", "stream")
    fields = ("connector", "stream", "watermark", "high", "position", "read_at")

    @display(description=_("Position"))
    def position(self, cursor: Cursor) -> str:
        if cursor.stream == Cursor.Stream.BACKFILL and cursor.method:
            return (
                gettext("{done:,} of {value:,} leads").format(done=cursor.done, value=cursor.total or 0)
                if cursor.total
                else f"{cursor.done:,} leads"
            )
        return gettext("in the middle of a window") if cursor.page else gettext("up to date")

    @display(description=_("Last read"), ordering="read_at")
    def read(self, cursor: Cursor) -> SafeString:
        return cells.ago(cursor.read_at)


@admin.register(Lane)
class LaneAdmin(HistoryAdmin):
    """Who drains which direction now."""

    list_display = ("connector", "way", "worker", "nudged", "drained")
    list_filter = (("connector", ConnectorFilter), ("direction", ChoicesDropdownFilter))
    ordering = ("connector__name", "direction")
    fields = ("connector", "way", "worker", "leased_until", "nudged_at", "drained_at")

    @display(description=_("Direction"), ordering="direction")
    def way(self, lane: Lane) -> str:
        return DIRECTIONS.get(lane.direction, "Reading Close")

    @display(description=_("Worked on by"))
    def worker(self, lane: Lane) -> str:
        is_leased = lane.leased_until is not None and lane.leased_until > timezone.now()
        return lane.leased_by if is_leased else "nobody"

    @display(description=_("Nudged"), ordering="nudged_at")
    def nudged(self, lane: Lane) -> SafeString:
        return cells.ago(lane.nudged_at, never=cells.NOTHING)

    @display(description=_("Last drained"), ordering="drained_at")
    def drained(self, lane: Lane) -> SafeString:
        return cells.ago(lane.drained_at)


@admin.register(Intent)
class IntentAdmin(HistoryAdmin):
    """What was written down before it was created in Close."""

    list_display = ("state_shown", "object_type", "key", "close_id", "created", "connector")
    list_filter = (("connector", ConnectorFilter), ("state", ChoicesDropdownFilter))
    search_fields = ("key", "close_id")
    fields = (
        "state_shown",
        "connector",
        "object_type",
        "key",
        "close_id",
        "created_at",
        "settled_at",
        "body_shown",
    )

    @display(description=_("State"), ordering="state")
    def state_shown(self, intent: Intent) -> SafeString:
        variant = {Intent.State.OPEN.value: "warning", Intent.State.DONE.value: "success"}
        return cells.badge(intent.get_state_display(), variant.get(intent.state, ""))

    @display(description=_("Created"), ordering="created_at")
    def created(self, intent: Intent) -> SafeString:
        return cells.ago(intent.created_at)

    @display(description=_("Body"))
    def body_shown(self, intent: Intent) -> SafeString:
        return cells.stacked_plainly([f"{name}: {value}" for name, value in story.pairs(intent.body)])
