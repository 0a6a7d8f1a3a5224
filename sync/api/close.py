"""Close's door: webhook deliveries. Each only wakes the pull, since the event log is the truth."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from sync import queries, tasks
from sync.api.doors import answering, read_body
from sync.close.webhooks import verify_signature
from sync.errors import ConfigurationError
from sync.models import Connector, Run
from sync.services import deliveries


@answering("POST")
def receive_webhook(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Verify a delivery and have the event log read. 404 for an unknown connector, 401 for a wrong signature."""
    connector = queries.find_connector_by_public_id(public_id)
    if connector is None:
        return JsonResponse({"error": "Unknown connector."}, status=404)
    if not _is_genuine(connector, request, read_body(request)):
        return JsonResponse({"error": "The signature does not verify."}, status=401)
    now = timezone.now()
    at = deliveries.next_pull(connector, now=now)
    if at:
        after = (at - now).total_seconds()
        tasks.dispatch(tasks.pull, after=after, connector_id=connector.pk, trigger=Run.Trigger.NOTIFICATION)
    return JsonResponse({"ok": True})


def _is_genuine(connector: Connector, request: HttpRequest, body: bytes) -> bool:
    timestamp, signature = (
        request.headers.get("close-sig-timestamp", ""),
        request.headers.get("close-sig-hash", ""),
    )
    try:
        key = connector.webhook_signature_key.reveal()
        return bool(key) and verify_signature(key, timestamp, body, signature, now=timezone.now())
    except (ConfigurationError, OverflowError):  # the second for a time beyond all times
        return False
