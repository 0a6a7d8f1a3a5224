"""Deliveries: the requests that came in from Hull and Close."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.decorators import display

from sync.admin import cells
from sync.admin.base import ConnectorFilter, HistoryAdmin
from sync.models import Delivery


@admin.register(Delivery)
class DeliveryAdmin(HistoryAdmin):
    """The newest first."""

    export_fields = ("received_at", "connector", "source", "channel", "key", "messages", "accepted", "stale", "repeats", "problems")  # fmt: skip
    list_display = ("received", "source_shown", "channel_shown", "messages", "accepted", "stale", "repeats", "problems_shown", "connector")  # fmt: skip
    list_filter = (
        ("connector", ConnectorFilter),
        ("source", ChoicesDropdownFilter),
        ("received_at", RangeDateTimeFilter),
    )
    search_fields = ("key", "channel")
    fieldsets = (
        (
            None,
            {
                "description": _("One received request; its key makes a second arrival harmless."),
                "fields": (
                    "connector", "source", "key", "channel", "received_at", "messages", "accepted", "stale", "repeats",
                    "problems_shown",
                ),
            },
        ),
    )  # fmt: skip

    @display(description=_("Received"), ordering="pk")
    def received(self, delivery: Delivery) -> SafeString:
        return cells.ago(delivery.received_at)

    @display(description=_("Source"), ordering="source")
    def source_shown(self, delivery: Delivery) -> SafeString:
        address = cells.changelist("delivery", source__exact=delivery.source)
        return cells.link(address, delivery.get_source_display())

    @display(description=_("Channel"), ordering="channel")
    def channel_shown(self, delivery: Delivery) -> SafeString | str:
        return (
            cells.link(cells.changelist("delivery", channel=delivery.channel), delivery.channel)
            if delivery.channel
            else cells.NOTHING
        )

    @display(description=_("Problems"))
    def problems_shown(self, delivery: Delivery) -> SafeString:
        return cells.stacked_plainly(delivery.problems) or SafeString(cells.NOTHING)
