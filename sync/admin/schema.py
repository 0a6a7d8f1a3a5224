"""What Close and Hull offer to map, as last read."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from accounts.permissions import Permission
from sync import tasks
from sync.admin import cells
from sync.admin.base import ConnectorFilter, HistoryAdmin, change_page, redirect
from sync.errors import SyncError
from sync.models import CloseField, CloseStatus, HullAttribute, HullSegment, Run
from sync.records import Direction
from sync.services import missing_options, options

_SHOWN = 20


@admin.register(CloseField)
class CloseFieldAdmin(HistoryAdmin):
    """Custom fields; one that was removed in Close keeps its row and its name."""

    list_display = (
        "label",
        "object_type",
        "type",
        "comes_in_as",
        "state_shown",
        "missing_shown",
        "new_shown",
        "connector",
    )
    list_filter = (("connector", ConnectorFilter), ("object_type", ChoicesDropdownFilter))
    search_fields = ("label", "close_id", "attribute")
    ordering = ("connector__name", "object_type", "position")
    fields = ("label", "connector", "object_type", "close_id", "type", "multiple", "choices_shown", "missing_shown", "new_shown", "comes_in_as", "state_shown")  # fmt: skip
    actions_detail = ("add_missing_options", "dismiss_new_options")

    @display(description=_("Comes into Hull as"), ordering="attribute")
    def comes_in_as(self, field: CloseField) -> str:
        return f"closeio/{field.attribute}"

    @display(description=_("Choices"))
    def choices_shown(self, field: CloseField) -> SafeString:
        return cells.stacked_plainly(field.choices) or SafeString(cells.NOTHING)

    @display(description=_("Missing in Close"))
    def missing_shown(self, field: CloseField) -> SafeString:
        """What Hull's values asked for in vain, with how many records did; the most wanted first."""
        lacking = list(missing_options.missing(field).items())
        lines = [f"{option} ({count:,} record{'s' * (count > 1)})" for option, count in lacking[:_SHOWN]]
        further = (
            [gettext("and {value:,} more").format(value=len(lacking) - _SHOWN)]
            if len(lacking) > _SHOWN
            else []
        )
        return cells.stacked_plainly([*lines, *further]) or SafeString(cells.NOTHING)

    @display(description=_("State"))
    def state_shown(self, field: CloseField) -> SafeString:
        if field.missing_since:
            return cells.badge(
                gettext("Gone from Close"),
                "warning",
                title=gettext("since {missing_since:%Y-%m-%d}").format(missing_since=field.missing_since),
            )
        return cells.badge(gettext("In Close"), "success")

    def has_edit_configuration_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.allows(request, Permission.EDIT_CONFIGURATION, obj)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Offer to add options where some are missing; users cannot be added that way."""
        field = self.get_object(request, str(object_id))
        if field is None:
            return []
        open_ones = (
            {"add_missing_options"} if field.type == "choices" and missing_options.missing(field) else set()
        )
        open_ones |= {"dismiss_new_options"} if field.new_options else set()
        offered = super().get_actions_detail(request, object_id)
        return [found for found in offered if found.method.original_function_name in open_ones]

    @display(description=_("New in Close"))
    def new_shown(self, field: CloseField) -> SafeString:
        """Options that turned up since a person last looked: a mapping may have to know them."""
        return cells.stacked_plainly(field.new_options) or SafeString(cells.NOTHING)

    @action(
        description=_("The new options are fine"), permissions=["edit_configuration"], icon="done",
        dialog={
            "title": _("Have you seen the new options?"), "form_class": None, "form_submit_text": _("Yes"),
            "description": _("They are no longer listed as new. Nothing else changes."),
        },
    )  # fmt: skip
    def dismiss_new_options(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        field = self.get_permitted(request, object_id, Permission.EDIT_CONFIGURATION)
        options.dismiss_new(field)
        messages.success(request, gettext("Noted."))
        return redirect(request, change_page(field))

    @action(
        description=_("Add the missing options in Close"), permissions=["edit_configuration"], icon="add",
        variant=ActionVariant.PRIMARY,
        dialog={
            "title": _("Add the missing options in Close?"), "form_class": None, "form_submit_text": _("Add them"),
            "description": _("The field gets the options listed as missing, behind those that it has, for everybody who uses "
            "Close. The records that asked for them are looked at again."),
        },
    )  # fmt: skip
    def add_missing_options(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        field = self.get_permitted(request, object_id, Permission.EDIT_CONFIGURATION)
        try:
            added = options.add_missing(field, clock=timezone.now)
        except SyncError as error:
            messages.error(request, error.message)
        else:
            messages.success(
                request,
                gettext("Added in Close: {value}.").format(value=", ".join(added))
                if added
                else gettext("Nothing is missing."),
            )
            tasks.nudge(field.connector_id, Direction.OUTBOUND, trigger=Run.Trigger.PERSON)
        return redirect(request, change_page(field))


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

    @display(description=_("Of"), ordering="kind")
    def kind_shown(self, attribute: HullAttribute) -> str:
        return "accounts" if attribute.kind == HullSegment.Kind.ACCOUNT else "users"

    @display(description=_("Last seen"), ordering="seen_at")
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

    @display(description=_("Last seen"), ordering="seen_at")
    def seen(self, segment: HullSegment) -> SafeString:
        return cells.ago(segment.seen_at)

    @display(description=_("Goes out"), boolean=True)
    def sends(self, segment: HullSegment) -> bool:
        is_account = segment.kind == HullSegment.Kind.ACCOUNT
        connector = segment.connector
        return segment.hull_id in (connector.account_segments if is_account else connector.user_segments)
