"""Batches: the extracts that Hull sent, and how far each has been read."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from sync.admin import cells
from sync.admin.base import ConnectorFilter, HistoryAdmin
from sync.admin.words import OBJECTS
from sync.models import Batch

_VARIANTS = {Batch.State.READING: "info", Batch.State.DONE: "success", Batch.State.FAILED: "danger"}


@admin.register(Batch)
class BatchAdmin(HistoryAdmin):
    """The newest first."""

    list_display = (
        "state_shown",
        "what",
        "lines",
        "queued",
        "problem_count",
        "received",
        "host",
        "connector",
    )
    list_filter = (
        ("connector", ConnectorFilter),
        ("state", ChoicesDropdownFilter),
        ("received_at", RangeDateTimeFilter),
    )
    search_fields = ("host", "segment_id")
    fieldsets = (
        (
            None,
            {
                "description": _("Records that an operator pushed from Hull. They go to Close whatever the whitelist says. "
                "The address is forgotten when the reading ends; to read again, push the segment again."),
                "fields": (
                    "connector", "state_shown", "message", "what", "segment_id", "host", "format", "lines", "queued",
                    "problem_count", "problems_shown", "attempts", "received_at", "finished_at",
                ),
            },
        ),
    )  # fmt: skip

    @display(description=_("State"), ordering="state")
    def state_shown(self, batch: Batch) -> SafeString:
        badge = cells.badge(batch.get_state_display(), _VARIANTS[Batch.State(batch.state)])
        return cells.wide(cells.stacked(badge, batch.message)) if batch.message else badge

    @display(description=_("What"))
    def what(self, batch: Batch) -> str:
        return f"{OBJECTS[batch.object_type]}, {batch.format.upper()}"

    @display(description=_("Received"), ordering="pk")
    def received(self, batch: Batch) -> SafeString:
        return cells.ago(batch.received_at)

    @display(description=_("Problems"))
    def problems_shown(self, batch: Batch) -> SafeString:
        return cells.stacked_plainly(batch.problems) or SafeString(cells.NOTHING)
