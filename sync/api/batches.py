"""Hull's door for extracts: an operator pushed a segment, and the platform says where its records are."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from sync import tasks
from sync.api.doors import Refused, answering, connector_of, read_body
from sync.hull.errors import MalformedNotification
from sync.hull.extracts import is_extract_url, parse_extract_call
from sync.records import ObjectType
from sync.services import batches

__all__ = ["receive_batch"]


@answering("POST")
def receive_batch(request: HttpRequest, object_type: ObjectType) -> HttpResponse:
    """Remember an extract and answer `ok`; it is read by a worker, or by the next `sync`."""
    body = read_body(request)
    connector = connector_of(request, body)
    try:
        call = parse_extract_call(body, object_type)
    except MalformedNotification as error:
        raise Refused(400, error.message, str(getattr(error, "code", "MALFORMED_BATCH"))) from None
    is_loopback_fine = settings.ALLOW_INSECURE_REMOTES or connector.is_in_own_sandbox(call.url)
    if not is_extract_url(call.url, allow_loopback=is_loopback_fine):
        raise Refused(400, "The extract is not on one of Hull's hosts.", "FOREIGN_HOST")
    batch = batches.accept(connector, call, request.GET.get("segment_id", ""), now=timezone.now())
    tasks.dispatch(tasks.read_batch, batch_id=batch.pk)
    return HttpResponse("ok", content_type="text/plain; charset=utf-8")
