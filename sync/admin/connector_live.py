"""What of a connector's page is fetched again and again, and the answers to what stands there."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.http import require_POST

from accounts.permissions import Permission
from sync import tasks
from sync.admin import audit, connector_panel
from sync.admin.base import change_page, redirect
from sync.services import affected


class LiveActions:
    """Mixed into the connector's admin."""

    def get_urls(self) -> list[Any]:
        guarded = self.admin_site.admin_view  # type: ignore[attr-defined]  # mixed into an admin
        return [
            path("<int:object_id>/live/", guarded(self.live_view), name="sync_connector_live"),
            path(
                "<int:object_id>/resync-affected/", guarded(require_POST(self.resync_affected_view)),
                name="sync_connector_resync_affected",
            ),
            path(
                "<int:object_id>/leave-affected/", guarded(require_POST(self.leave_affected_view)),
                name="sync_connector_leave_affected",
            ),
            *super().get_urls(),  # type: ignore[misc]
        ]  # fmt: skip

    def live_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Show the state anew."""
        connector = self.get_object(request, str(object_id))  # type: ignore[attr-defined]
        if connector is None:
            raise Http404
        may_run = self.has_run_permission(request, connector)  # type: ignore[attr-defined]
        panel = connector_panel.build(connector, now=timezone.now(), may_run=may_run)
        return TemplateResponse(request, "sync/admin/connector_live.html", {"panel": panel})

    def resync_affected_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Queue what the newest settings affect."""
        connector = self.get_permitted(request, object_id, Permission.RUN)  # type: ignore[attr-defined]
        if affected.queue_them(connector, now=timezone.now()):
            audit.note(request, connector, "Had the affected records synced.")
            tasks.dispatch(tasks.look_through, connector_id=connector.pk)
            messages.success(request, gettext("They go into the queue, behind what is fresh."))
        else:
            messages.warning(
                request,
                gettext("Nothing was queued: the settings changed meanwhile, or it was answered already."),
            )
        return redirect(request, change_page(connector))

    def leave_affected_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Leave the records as they are until something else of them changes."""
        connector = self.get_permitted(request, object_id, Permission.RUN)  # type: ignore[attr-defined]
        audit.note(request, connector, "Left the affected records as they are.")
        affected.dismiss(connector, now=timezone.now())
        messages.success(request, gettext("They stay as they are until something else of them changes."))
        return redirect(request, change_page(connector))
