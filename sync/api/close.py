"""Close's door: webhook deliveries. Each only wakes the pull, since the event log is the truth."""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from sync import queries, tasks
from sync.api.doors import Refused, read_body
from sync.close.webhooks import verify_signature
from sync.errors import ConfigurationError
from sync.models import Connector, Run


@csrf_exempt
@require_POST
def receive_webhook(request: HttpRequest, public_id: uuid.UUID) -> HttpResponse:
    """Verify a delivery and have the event log read. 404 for an unknown connector, 401 for a wrong signature."""
    connector = queries.find_connector_by_public_id(public_id)
    if connector is None:
        return JsonResponse({"error": "Unknown connector."}, status=404)
    try:
        body = read_body(request)
    except Refused as refused:
        return refused.as_response()
    if not _is_genuine(connector, request, body):
        return JsonResponse({"error": "The signature does not verify."}, status=401)
    tasks.dispatch(tasks.pull, connector_id=connector.pk, trigger=Run.Trigger.NOTIFICATION)
    return JsonResponse({"ok": True})


def _is_genuine(connector: Connector, request: HttpRequest, body: bytes) -> bool:
    try:
        key = connector.webhook_signature_key.reveal()
    except ConfigurationError:
        return False
    timestamp, signature = (
        request.headers.get("close-sig-timestamp", ""),
        request.headers.get("close-sig-hash", ""),
    )
    return bool(key) and verify_signature(key, timestamp, body, signature, now=timezone.now())
