"""The doors, at the root, under the names that installed connectors call."""

from django.urls import path, re_path

from sync.api import batches, close, hull, panel
from sync.records import ObjectType
from sync.services.options import NAMES

urlpatterns = [
    path("manifest.json", hull.manifest),
    path("readme", hull.show_file, {"path": "docs/hull.md", "content_type": "text/markdown; charset=utf-8"}),
    path("logo.png", hull.show_file, {"path": "sync/static/sync/logo.png", "content_type": "image/png"}),
    path("smart-notifier", hull.receive_notification),
    path("batch", batches.receive_batch, {"object_type": ObjectType.CONTACT}),
    path("batch-accounts", batches.receive_batch, {"object_type": ObjectType.LEAD}),
    path("status", hull.show_status),
    path("fetch", hull.fetch),
    path("fetch-recent-leads", hull.fetch),
    path("trigger-leads-export", hull.fetch, {"full": True}),
    path("handle-leads-export", hull.acknowledge_export),
    path("admin-panel", panel.show_panel),
    re_path(rf"^(?P<name>{'|'.join(NAMES)})$", hull.list_options),
    path("close/webhooks/<uuid:public_id>/", close.receive_webhook),
]
