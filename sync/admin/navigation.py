"""The sidebar: what one looks at daily first, then the setup, then the machinery."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext

from sync import queries
from sync.admin import cells
from sync.admin.alert import open_alerts
from sync.admin.base import visible_connectors

Item = dict[str, Any]


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Return the groups of the sidebar, with what the user may open."""
    groups: list[dict[str, Any]] = [
        {"title": "", "items": [_overview(request), *_daily(request)]},
        {
            "title": gettext("Setup"), "separator": True, "collapsible": True,
            "items": [
                _item(request, gettext("Organizations"), "domain", "accounts", "organization"),
                _item(request, gettext("Agencies"), "corporate_fare", "accounts", "agency"),
                _item(request, gettext("Members"), "group", "accounts", "membership"),
                _item(request, gettext("People"), "person", "accounts", "user"),
                _item(request, gettext("Alert channels"), "campaign", "sync", "alertchannel"),
                _item(request, gettext("API tokens"), "key", "accounts", "apitoken"),
            ],
        },
        {
            "title": gettext("Advanced"), "separator": True, "collapsible": True,
            "items": [
                _item(request, gettext("Versions"), "history_edu", "sync", "configurationversion"),
                _item(request, gettext("Deliveries"), "move_to_inbox", "sync", "delivery"),
                _item(request, gettext("Batches from Hull"), "library_add", "sync", "batch"),
                _item(request, gettext("Reading positions"), "bookmark", "sync", "cursor"),
                _item(request, gettext("Lanes"), "swap_vert", "sync", "lane"),
                _item(request, gettext("Rate budget"), "speed", "sync", "budget"),
                _item(request, gettext("Creations in Close"), "note_add", "sync", "intent"),
                _item(request, gettext("Close fields"), "list_alt", "sync", "closefield"),
                _item(request, gettext("Close statuses"), "label", "sync", "closestatus"),
                _item(request, gettext("Hull segments"), "donut_small", "sync", "hullsegment"),
                _item(request, gettext("Hull attributes"), "sell", "sync", "hullattribute"),
                _item(request, gettext("Schedules"), "schedule", "django_celery_beat", "periodictask"),
            ],
        },
    ]  # fmt: skip
    return [{**group, "items": [item for item in group["items"] if item]} for group in groups]


def _overview(request: HttpRequest) -> Item:
    address = reverse("admin:index")
    return {
        "title": gettext("Overview"),
        "icon": "dashboard",
        "link": address,
        "active": request.path == address,
    }


def _daily(request: HttpRequest) -> list[Item | None]:
    attention = _item(request, gettext("Needs attention"), "error", "sync", "change")
    queue = _item(request, gettext("Queue"), "pending_actions", "sync", "change")
    if attention and queue:
        is_narrowed = request.GET.get("queue") == "attention"
        attention["link"] = cells.changelist("change", queue="attention")
        attention["active"], queue["active"] = (
            attention["active"] and is_narrowed,
            queue["active"] and not is_narrowed,
        )
        if count := queries.count_stuck(visible_connectors(request)):
            attention["badge"] = f"{count:,}"
    links = _item(request, gettext("Links"), "link", "sync", "link")
    if links and request.path == reverse("admin:sync_link_explain"):
        links["active"] = False
    return [
        _item(request, gettext("Connectors"), "sync_alt", "sync", "connector"),
        _find_a_record(request),
        attention,
        _approvals(request),
        queue,
        _item(request, gettext("Outcomes"), "history", "sync", "outcome"),
        _alerts(request),
        _item(request, gettext("Runs"), "play_circle", "sync", "run"),
        links,
        _item(request, gettext("Audit"), "manage_search", "admin", "logentry"),
    ]


def _alerts(request: HttpRequest) -> Item | None:
    """Alerts are in the sidebar with how many are open."""
    item = _item(request, gettext("Alerts"), "notifications", "sync", "alert")
    if item and (count := open_alerts(visible_connectors(request))):
        item["badge"] = f"{count:,}"
    return item


def _find_a_record(request: HttpRequest) -> Item | None:
    item, address = (
        _item(request, gettext("Find a record"), "search", "sync", "link"),
        reverse("admin:sync_link_explain"),
    )
    return item and item | {"link": address, "active": request.path == address}


def _approvals(request: HttpRequest) -> Item | None:
    """Approvals are in the sidebar with how many wait."""
    item = _item(request, gettext("Approvals"), "approval", "sync", "approval")
    if item and (count := queries.count_waiting_approvals(visible_connectors(request))):
        item["badge"] = f"{count:,}"
    return item


def _item(request: HttpRequest, title: str, icon: str, app: str, model: str) -> Item | None:
    """Return an entry, or None when the user may not open that list."""
    owner = next(
        (found for of, found in admin.site._registry.items() if (of._meta.app_label, of._meta.model_name) == (app, model)),
        None,
    )  # fmt: skip
    if owner is None or not owner.has_view_permission(request):
        return None
    address = reverse(f"admin:{app}_{model}_changelist")
    return {"title": title, "icon": icon, "link": address, "active": request.path.startswith(address)}
