"""Versions of a connector's settings: what each save changed, by whom and why, and the way back."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from accounts.permissions import Permission
from sync import tasks
from sync.admin import audit, cells, story
from sync.admin.base import ConnectorFilter, HistoryAdmin, author_of, change_page, redirect
from sync.models import ConfigurationVersion
from sync.services import affected, configuration, versions

_SHOWN = 4


@admin.register(ConfigurationVersion)
class VersionAdmin(HistoryAdmin):
    """The newest first. Each says what it changed; any can be put back in force."""

    export_fields = ("connector", "number", "created_at", "author_name", "note", "changed")  # fmt: skip
    list_display = ("number_shown", "what_changed", "author_name", "note", "made", "connector_shown")
    list_filter = (("connector", ConnectorFilter),)
    search_fields = ("author_name", "note", "connector__name")
    actions_detail = ("restore",)
    change_form_outer_after_template = "sync/admin/run.html"
    fieldsets = (
        (
            None,
            {
                "description": _(
                    "The settings as one save left them. They are never changed; going back makes a new version. "
                    "Credentials are not part of it."
                ),
                "fields": ("number_shown", "author_name", "note", "made", "connector", "outcomes_shown"),
            },
        ),
    )

    @display(description=_("Version"), ordering="number")
    def number_shown(self, version: ConfigurationVersion) -> SafeString:
        badge = cells.badge(gettext("In force"), "success") if _is_in_force(version) else ""
        return cells.unbroken(cells.stacked(str(version.number), badge))

    @display(description=_("What it changed"))
    def what_changed(self, version: ConfigurationVersion) -> SafeString:
        found = [one.what for one in versions.changes_of(version)]
        further = (
            [gettext("and {value:,} more").format(value=len(found) - _SHOWN)] if len(found) > _SHOWN else []
        )
        return cells.wide(cells.stacked_plainly([*found[:_SHOWN], *further]) or cells.NOTHING)

    @display(description=_("Made"), ordering="pk")
    def made(self, version: ConfigurationVersion) -> SafeString:
        return cells.ago(version.created_at)

    @display(description=_("What ran under it"))
    def outcomes_shown(self, version: ConfigurationVersion) -> SafeString:
        address = cells.changelist(
            "outcome", connector__id__exact=version.connector_id, version=version.number
        )
        return cells.link(address, gettext("Outcomes of this version"))

    @display(description=_("Connector"), ordering="connector__name")
    def connector_shown(self, version: ConfigurationVersion) -> SafeString:
        return cells.link(change_page(version.connector), version.connector.name)

    def has_edit_configuration_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.allows(request, Permission.EDIT_CONFIGURATION, obj)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Offer the way back where there is one."""
        version = self.get_object(request, str(object_id))
        is_past = version is not None and not _is_in_force(version)
        return super().get_actions_detail(request, object_id) if is_past else []

    @action(
        description=_("Restore"), permissions=["edit_configuration"], icon="settings_backup_restore",
        variant=ActionVariant.PRIMARY,
        dialog={
            "title": _("Put this version back in force?"), "form_class": None, "form_submit_text": _("Restore"),
            "description": _("The settings and the mapping become what they were, as a new version. Credentials stay. Which "
            "records that concerns is counted afterwards; none is written before you say so."),
        },
    )  # fmt: skip
    def restore(self, request: HttpRequest, form: Any, object_id: str) -> HttpResponse:
        version = self.get_permitted(request, object_id, Permission.EDIT_CONFIGURATION)
        now = timezone.now()
        if configuration.restore(version, by=author_of(request), now=now):
            audit.note(request, version.connector, f"Put version {version.number} back in force.")
            affected.begin(version.connector, now=now)
            tasks.dispatch(tasks.look_through, connector_id=version.connector_id)
            self.message_user(
                request, gettext("Version {number} is in force again.").format(number=version.number)
            )
        else:
            self.message_user(request, gettext("Nothing differs from that version."), messages.WARNING)
        return redirect(request, change_page(version.connector))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        version = self.get_object(request, object_id)
        context = extra_context or {}
        if version is not None:
            tables = [_changed(version), *([] if _is_in_force(version) else [_since(version)])]
            context["tables"] = [table for table in tables if table.rows]
        return super().change_view(request, object_id, form_url, context)


def _is_in_force(version: ConfigurationVersion) -> bool:
    return bool(version.number == version.connector.version)


def _changed(version: ConfigurationVersion) -> story.Table:
    table = story.Table(gettext("What it changed"), [gettext("What"), gettext("Before"), gettext("After")])
    table.rows = [_row(one) for one in versions.changes_of(version)]
    return table


def _since(version: ConfigurationVersion) -> story.Table:
    table = story.Table(
        gettext("What restoring it would change"), [gettext("What"), gettext("Now"), gettext("Then")]
    )
    present = versions.find(version.connector, version.connector.version)
    table.rows = [_row(one) for one in versions.differences(present, version)] if present else []
    return table


def _row(one: versions.Difference) -> list[Any]:
    return [one.what, story.readable(one.before), story.readable(one.after)]
