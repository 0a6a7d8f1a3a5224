"""Who did what to which connector: every save, and every move that a person made in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import CharField, QuerySet
from django.db.models.functions import Cast
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import RangeDateTimeFilter
from unfold.decorators import display
from unfold.paginator import InfinitePaginator

from accounts.access import may_anywhere, sees_all
from accounts.admin.scoped import principal_of
from accounts.permissions import Permission
from sync.admin import cells
from sync.admin.base import author_of, visible_connectors
from sync.admin.export import CsvExport
from sync.models import Connector

_VARIANTS = {ADDITION: "success", CHANGE: "info", DELETION: "danger"}
_WORDS = {ADDITION: _("Added"), CHANGE: _("Changed"), DELETION: _("Deleted")}


def note(request: HttpRequest, connector: Connector, what: str) -> None:
    """Write down what somebody did to a connector. It is stored, and so in English."""
    LogEntry.objects.log_actions(
        author_of(request).pk, [connector], CHANGE, change_message=what, single_object=True
    )


def note_all(request: HttpRequest, connector_ids: set[int], what: str) -> None:
    """Write down what somebody did to records of some connectors."""
    for connector in Connector.objects.filter(pk__in=connector_ids).order_by("pk"):
        note(request, connector, what)


@admin.register(LogEntry)
class AuditAdmin(CsvExport, ModelAdmin):
    """The newest first. Who may look at a connector sees what was done to it; superusers see everything."""

    export_fields = ("action_time", "user", "content_type", "object_repr", "action_flag", "change_message")
    list_display = ("when", "who", "what", "subject", "said")
    list_filter = (("action_time", RangeDateTimeFilter), "action_flag")
    list_filter_submit = True
    list_fullwidth = True
    list_select_related = ("user", "content_type")
    search_fields = ("object_repr", "change_message", "user__username")
    search_help_text = _("Connector, person or what was done")
    ordering = ("-pk",)
    paginator = InfinitePaginator
    show_full_result_count = False
    list_disable_select_all = True
    actions_detail_hide_default = True
    fields = ("when", "who", "what", "subject", "said")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_active and may_anywhere(principal_of(request), Permission.VIEW)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[LogEntry]:
        rows = super().get_queryset(request)
        if sees_all(principal_of(request)):
            return rows
        mine = visible_connectors(request).annotate(named=Cast("pk", CharField())).values("named")
        return rows.filter(content_type=ContentType.objects.get_for_model(Connector), object_id__in=mine)

    @display(description=_("When"), ordering="pk")
    def when(self, entry: LogEntry) -> SafeString:
        return cells.ago(entry.action_time)

    @display(description=_("Who"), ordering="user__username")
    def who(self, entry: LogEntry) -> SafeString:
        address = f"?user__id__exact={entry.user_id}"
        return cells.link(address, str(entry.user), gettext("All that this person did"))

    @display(description=_("What"))
    def what(self, entry: LogEntry) -> SafeString:
        return cells.badge(str(_WORDS[entry.action_flag]), _VARIANTS[entry.action_flag])

    @display(description=_("To what"))
    def subject(self, entry: LogEntry) -> SafeString:
        kind = str(entry.content_type.name if entry.content_type else "")
        address = None if entry.is_deletion() else entry.get_admin_url()
        name = cells.link(address, entry.object_repr) if address else entry.object_repr
        return cells.stacked(name, kind)

    @display(description=_("In words"))
    def said(self, entry: LogEntry) -> SafeString:
        return cells.wide(entry.get_change_message() or cells.NOTHING)
