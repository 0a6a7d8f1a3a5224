"""What Close and Hull offer to map, as last read."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from sync.admin import cells
from sync.admin.base import ConnectorFilter, HistoryAdmin
from sync.models import CloseField, CloseStatus, HullAttribute, HullSegment


@admin.register(CloseField)
class CloseFieldAdmin(HistoryAdmin):
    """Custom fields; one that was removed in Close keeps its row and its name."""

    list_display = ("label", "object_type", "type", "comes_in_as", "state_shown", "connector")
    list_filter = (("connector", ConnectorFilter), ("object_type", ChoicesDropdownFilter))
    search_fields = ("label", "close_id", "attribute")
    ordering = ("connector__name", "object_type", "position")
    fields = ("label", "connector", "object_type", "close_id", "type", "multiple", "choices_shown", "comes_in_as", "state_shown")  # fmt: skip

    @display(description="Comes into Hull as", ordering="attribute")
    def comes_in_as(self, field: CloseField) -> str:
        return f"closeio/{field.attribute}"

    @display(description="Choices")
    def choices_shown(self, field: CloseField) -> SafeString:
        return cells.stacked_plainly(field.choices) or SafeString(cells.NOTHING)

    @display(description="State")
    def state_shown(self, field: CloseField) -> SafeString:
        if field.missing_since:
            return cells.badge("Gone from Close", "warning", title=f"since {field.missing_since:%Y-%m-%d}")
        return cells.badge("In Close", "success")


@admin.register(CloseStatus)
class CloseStatusAdmin(HistoryAdmin):
    """Lead statuses, in Close's order; the first is Close's own default."""

    list_display = ("label", "close_id", "position", "connector")
    list_filter = (("connector", ConnectorFilter),)
    search_fields = ("label", "close_id")
    ordering = ("connector__name", "position")
    fields = ("label", "close_id", "position", "connector")


@admin.register(HullAttribute)
class HullAttributeAdmin(HistoryAdmin):
    """Attributes of Hull's accounts and users, with their types, as last read."""

    list_display = ("name", "kind_shown", "type", "seen", "connector")
    list_filter = (("connector", ConnectorFilter), ("kind", ChoicesDropdownFilter))
    search_fields = ("name",)
    ordering = ("connector__name", "kind", "name")
    fields = ("name", "kind_shown", "type", "seen", "connector")

    @display(description="Of", ordering="kind")
    def kind_shown(self, attribute: HullAttribute) -> str:
        return "accounts" if attribute.kind == HullSegment.Kind.ACCOUNT else "users"

    @display(description="Last seen", ordering="seen_at")
    def seen(self, attribute: HullAttribute) -> SafeString:
        return cells.ago(attribute.seen_at)


@admin.register(HullSegment)
class HullSegmentAdmin(HistoryAdmin):
    """Segments, as last heard from Hull."""

    list_display = ("__str__", "kind", "hull_id", "sends", "seen", "connector")
    list_filter = (("connector", ConnectorFilter), ("kind", ChoicesDropdownFilter))
    search_fields = ("name", "hull_id")
    ordering = ("connector__name", "kind", "name")
    fields = ("name", "kind", "hull_id", "sends", "connector")

    @display(description="Last seen", ordering="seen_at")
    def seen(self, segment: HullSegment) -> SafeString:
        return cells.ago(segment.seen_at)

    @display(description="Goes out", boolean=True)
    def sends(self, segment: HullSegment) -> bool:
        is_account = segment.kind == HullSegment.Kind.ACCOUNT
        connector = segment.connector
        return segment.hull_id in (connector.account_segments if is_account else connector.user_segments)
