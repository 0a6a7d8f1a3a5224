"""Hull's door: notifications, status, scheduled calls, option lists."""

from __future__ import annotations

from functools import wraps
from pathlib import Path

from django.conf import settings
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from sync import queries, tasks
from sync.api.doors import Refused, View, answering, authenticated, connector_of, read_body
from sync.errors import SyncError
from sync.hull import flow_control
from sync.hull.manifest import manifest as build_manifest
from sync.hull.notifications import (
    InvalidSignature,
    MalformedNotification,
    Notification,
    is_hull_key_url,
    parse_notification,
    verify_signature,
)
from sync.models import Connector, Run
from sync.records import Direction
from sync.services import intake, options, signing, status

KEY_URL_HEADER = "X-Hull-Smart-Notifier-Signature-Public-Key-Url"


def door(view: View) -> View:
    """Let any origin read: Hull's dashboard calls from a browser."""

    @csrf_exempt
    @wraps(view)
    def answered(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        if request.method == "OPTIONS":
            response = HttpResponse(status=204)
        else:
            response = view(request, *args, **kwargs)
        response["Access-Control-Allow-Origin"] = "*"
        response["Access-Control-Allow-Headers"] = "Content-Type"
        response["Access-Control-Allow-Methods"] = "GET, POST, OPTIONS"
        return response

    return answered


# ── Notifications ────────────────────────────────────────────────────────────────────────────────


@answering("POST")
def receive_notification(request: HttpRequest) -> HttpResponse:
    """Store a notification durably, then answer how much may come next.

    What cannot be stored just now is answered 503 with `retry`, so that nothing is acknowledged and lost.
    """
    try:
        connector, notification = _verified(request)
        accepted = intake.accept_notification(connector, notification, now=timezone.now())
        tasks.nudge(connector.pk, Direction.OUTBOUND, trigger=Run.Trigger.NOTIFICATION)
        waiting = queries.backlog(connector, Direction.OUTBOUND).waiting
    except Refused as refused:
        return _refusal(refused)
    except OperationalError:
        return JsonResponse(flow_control.retry(message="The database is busy. Send it again."), status=503)
    body = flow_control.next_(*_pace(waiting))
    return JsonResponse(body | ({"errors": accepted.problems} if accepted.problems else {}))


def _verified(request: HttpRequest) -> tuple[Connector, Notification]:
    body = read_body(request)
    try:
        notification = parse_notification(body)
    except MalformedNotification as error:
        raise Refused(400, error.message, str(getattr(error, "code", "MALFORMED"))) from None
    connector = authenticated(notification.credentials)
    _check_signature(request, connector, notification)
    return connector, notification


def _check_signature(request: HttpRequest, connector: Connector, notification: Notification) -> None:
    """Refuse a signature that does not verify; one that fails under a remembered key is tried under a fresh one."""
    try:
        try:
            _verify(request, connector, notification)
        except InvalidSignature:
            if not signing.forget_public_key(request.headers.get(KEY_URL_HEADER, "")):
                raise
            _verify(request, connector, notification)
    except InvalidSignature as error:
        raise Refused(400, error.message, "INVALID_SIGNATURE") from None
    except SyncError as error:
        raise Refused(
            503, f"The signature cannot be checked just now: {error.message}", "HULL_ERR_TRANSIENT"
        ) from None


def _verify(request: HttpRequest, connector: Connector, notification: Notification) -> None:
    verify_signature(
        request.headers,
        notification.notification_id,
        signing.fetch_public_key,
        timezone.now(),
        lambda url: (
            is_hull_key_url(url, allow_loopback=settings.ALLOW_INSECURE_REMOTES)
            or connector.is_in_own_sandbox(url)
        ),
    )


def _refusal(refused: Refused) -> HttpResponse:
    if refused.status == 401:
        return refused.as_response()
    size = 1 if refused.status == 413 else flow_control.RETRY_SIZE
    name = "TransientError" if refused.status == 503 else "NotificationValidationError"
    body = flow_control.retry(message=refused.message, code=refused.code, name=name, size=size)
    return JsonResponse(body, status=refused.status)


def _pace(waiting: int) -> tuple[int, int]:
    """Ask for more while the queue is short: how many messages next, and in how many milliseconds."""
    return (100, 10) if waiting < 1000 else (50, 1000) if waiting < 10_000 else (10, 10_000)


# ── Status and scheduled calls ───────────────────────────────────────────────────────────────────


@door
@answering("GET", "POST")
def show_status(request: HttpRequest) -> HttpResponse:
    """Answer and publish how the connector is doing."""
    connector = connector_of(request, read_body(request))
    found = status.check(connector, clock=timezone.now)
    status.publish(connector, found)
    return JsonResponse({"status": found.value, "messages": list(found.messages)})


@door
@answering("GET", "POST")
def fetch(request: HttpRequest, full: bool = False) -> HttpResponse:
    """Have Close read soon: what changed, or everything."""
    connector = connector_of(request, read_body(request))
    sent = tasks.dispatch(
        tasks.pull,
        connector_id=connector.pk,
        trigger=Run.Trigger.NOTIFICATION,
        full=full,
    )
    return JsonResponse({"ok": True} | ({} if sent else {"message": "The next scheduled run reads it."}))


@door
@answering("GET", "POST")
def acknowledge_export(request: HttpRequest) -> HttpResponse:
    """Answer the original's export poll: exports are read by the backfill itself."""
    connector_of(request, read_body(request))
    return JsonResponse({"ok": True})


# ── What can be mapped ───────────────────────────────────────────────────────────────────────────


@door
@answering("GET", "POST")
def list_options(request: HttpRequest, name: str) -> HttpResponse:
    """Answer one of the lists that Hull's settings page offers: `{"options": [{"value", "label"}]}`."""
    connector = connector_of(request, read_body(request))
    found, problem = options.listed(connector, name, clock=timezone.now)
    return JsonResponse({"options": found} | ({"error": problem} if problem else {}))


# ── Installation ─────────────────────────────────────────────────────────────────────────────────


@door
@answering("GET")
def manifest(request: HttpRequest) -> HttpResponse:
    """Answer what Hull needs to install the connector."""
    return JsonResponse(build_manifest(settings.PUBLIC_URL or request.build_absolute_uri("/").rstrip("/")))


@door
@answering("GET")
def show_file(request: HttpRequest, path: str, content_type: str) -> HttpResponse:
    """Answer one of the two files that Hull shows: the readme and the logo."""
    return HttpResponse((Path(settings.BASE_DIR) / path).read_bytes(), content_type=content_type)
