"""The tab that Hull's dashboard embeds: how the connector is doing, and the way to its page."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.timesince import timesince
from django.views.decorators.clickjacking import xframe_options_exempt

from sync import queries
from sync.api.doors import answering, connector_of, read_body
from sync.models import Connector

# Nothing but itself, and only inside Hull's dashboard.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors https://*.hullapp.io https://*.hull.io https://hull.io"
)


@xframe_options_exempt
@answering("GET", "POST")
def show_panel(request: HttpRequest) -> HttpResponse:
    """Answer a page that can be framed by Hull; the admin itself cannot, and opens in a tab of its own."""
    connector = connector_of(request, read_body(request))
    found = queries.with_health(Connector.objects.filter(pk=connector.pk), now=timezone.now()).get()
    base = settings.PUBLIC_URL or request.build_absolute_uri("/").rstrip("/")
    context = {
        "connector": connector,
        "state": _state(connector),
        "facts": _facts(found),
        "address": base + reverse("admin:sync_connector_change", args=[connector.pk]),
    }
    response = render(request, "sync/hull_panel.html", context)
    response["Content-Security-Policy"] = POLICY
    return response


def _state(connector: Connector) -> str:
    if not connector.enabled:
        return "Switched off: nothing is read or sent."
    if connector.paused_at:
        return f"Stopped: {connector.pause_reason or 'paused by a person.'}"
    return "Running."


def _facts(found: Connector) -> list[tuple[str, str]]:
    read_at = found.read_at  # type: ignore[attr-defined]  # annotated
    counts = {"Waiting": found.waiting, "Held for a choice": found.held, "Failed": found.failed}  # type: ignore[attr-defined]
    linked = queries.link_counts(found)["paired"]
    last = f"{timesince(read_at)} ago" if read_at else "not yet"
    return [
        ("Linked pairs", f"{linked:,}"),
        *((name, f"{count:,}") for name, count in counts.items()),
        ("Close last read", last),
    ]
