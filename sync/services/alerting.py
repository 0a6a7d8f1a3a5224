"""Notices when a connector comes into trouble or out of it, and tells those who want to know. Each change is told once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings as django_settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Q, QuerySet
from django.urls import reverse

from sync import queries
from sync.engine.alerts import SHORTEST_SILENCE, AlertKind, Facts, conditions, raised, recovered
from sync.engine.plan import Result
from sync.engine.retry import next_attempt
from sync.errors import RejectedError, SyncError, TransientError
from sync.hull.extracts import is_public_address
from sync.models import Alert, AlertChannel, AlertDelivery, Approval, Connector, Outcome, Run
from sync.outbox import post_to
from sync.services.configuration import is_paused_by_an_error

LOOKS_BACK = timedelta(days=14)
MOST_ATTEMPTS = 8
AT_ONCE = 50
# For so long a message belongs to the worker that sends it.
TAKES = timedelta(minutes=2)
_WRITTEN = (Result.CREATED, Result.UPDATED)
_TITLES = {
    AlertKind.FAILING: "is failing", AlertKind.SILENT: "is silent", AlertKind.BUDGET: "waits for Close's rate limit",
    AlertKind.BRAKE: "waits for approval",
}  # fmt: skip

Post = Callable[[str, bytes, Mapping[str, str]], None]


# ── Noticing ─────────────────────────────────────────────────────────────────────────────────────


def watch(*, now: datetime) -> int:
    """Look at every connector that is switched on. Returns how many alerts were raised or are over."""
    rows = queries.with_health(Connector.objects.filter(enabled=True), now=now).select_related("organization")
    return sum(look_at(connector, now=now) for connector in rows)


def look_at(connector: Connector, *, now: datetime) -> int:
    """Open and close the alerts of one connector that was loaded with `queries.with_health`, and queue who is told."""
    found = conditions(_facts(connector, now), now)
    with transaction.atomic():
        rows = Alert.objects.select_for_update().filter(connector=connector, closed_at=None)
        opened = {AlertKind(row.kind): row for row in rows}
        new, over = raised(opened, found), recovered(opened, found)
        for kind, sentence in new.items():
            alert = Alert.objects.create(
                connector=connector, kind=kind, message=sentence[:500], opened_at=now
            )
            _queue(alert, AlertDelivery.Event.RAISED, now)
        for kind in over:
            opened[kind].closed_at = now
            opened[kind].save(update_fields=["closed_at"])
            _queue(opened[kind], AlertDelivery.Event.RECOVERED, now)
    return len(new) + len(over)


def _facts(connector: Any, now: datetime) -> Facts:
    outcomes = Outcome.objects.filter(connector=connector)
    moments, changes = _written_lately(connector, now) if connector.is_active else ((), 0)
    outlook = queries.outlook(connector)
    is_running = connector.is_active
    is_silent = connector.health == queries.Health.SILENT
    return Facts(
        is_running=is_running,
        stopped_by=connector.pause_reason if is_paused_by_an_error(connector) else "",
        failed=outcomes.filter(created_at__gte=now - timedelta(hours=1), result=Result.FAILED).values("key").distinct().count(),
        not_read_since=(connector.read_at or connector.created_at) if is_silent else None,
        moments=moments, changes=changes,
        seconds_to_finish=outlook.seconds, waits=outlook.waiting, held_back=_held_back(connector),
    )  # fmt: skip


def _written_lately(connector: Connector, now: datetime) -> tuple[tuple[datetime, ...], int]:
    """Return the hours in which runs wrote something, and how many records, where the last of it is a while ago."""
    runs = connector.runs.filter(kind=Run.Kind.DRAIN, dry_run=False, started_at__gte=now - LOOKS_BACK)
    told = runs.order_by("started_at").values_list("started_at", "counters")
    recent = told.filter(started_at__gte=now - SHORTEST_SILENCE)
    if any(_count(counters) for _, counters in recent):
        return (), 0
    written = [(at, count) for at, counters in told if (count := _count(counters))]
    hours = dict.fromkeys(at.replace(minute=0, second=0, microsecond=0) for at, _ in written)
    return tuple(hours), sum(count for _, count in written)


def _count(counters: Mapping[str, int]) -> int:
    return sum(counters.get(result, 0) for result in _WRITTEN)


def _held_back(connector: Connector) -> int:
    approval = queries.find_waiting_approval(connector)
    return approval.changes.filter(state="HELD").count() if isinstance(approval, Approval) else 0


def _queue(alert: Alert, event: str, now: datetime) -> None:
    """Have everybody told who wants to know. That it is over is told to those who were told that it began."""
    for channel in _channels(alert):
        if event == AlertDelivery.Event.RECOVERED and not _was_told(alert, channel):
            continue
        state = AlertDelivery.State.MUTED if channel.is_muted(now) else AlertDelivery.State.PENDING
        AlertDelivery.objects.create(alert=alert, channel=channel, event=event, state=state, not_before=now)


def _channels(alert: Alert) -> list[AlertChannel]:
    connector = alert.connector
    rows = AlertChannel.objects.filter(
        Q(connector=None) | Q(connector=connector), agency=connector.organization.agency_id, enabled=True
    )
    return [row for row in rows if not row.kinds or alert.kind in row.kinds]


def _was_told(alert: Alert, channel: AlertChannel) -> bool:
    told = alert.deliveries.filter(channel=channel, event=AlertDelivery.Event.RAISED)
    return told.exclude(state=AlertDelivery.State.MUTED).exists()


# ── Telling ──────────────────────────────────────────────────────────────────────────────────────


def due(*, now: datetime) -> QuerySet[AlertDelivery]:
    """Return the messages that are to be sent now."""
    rows = AlertDelivery.objects.filter(state=AlertDelivery.State.PENDING, not_before__lte=now)
    return rows.select_related("alert__connector__organization", "channel").order_by("pk")[:AT_ONCE]


def send_due(*, now: datetime, jitter: Callable[[], float], post: Post | None = None) -> int:
    """Send what is due. What does not arrive is tried again with growing pauses. Returns how many arrived."""
    return sum(send(delivery, now=now, jitter=jitter, post=post or _post) for delivery in due(now=now))


def send(delivery: AlertDelivery, *, now: datetime, jitter: Callable[[], float], post: Post) -> bool:
    """Send one message. A message may come twice when a process dies between sending and writing that down."""
    mine = AlertDelivery.objects.filter(
        pk=delivery.pk, state=AlertDelivery.State.PENDING, not_before=delivery.not_before
    )
    if not mine.update(not_before=now + TAKES):
        return False  # another worker sends it
    try:
        _tell(delivery, now, post)
    except (SyncError, OSError) as error:
        _put_off(delivery, error, now, jitter)
        return False
    delivery.state, delivery.sent_at, delivery.problem = AlertDelivery.State.SENT, now, ""
    delivery.save(update_fields=["state", "sent_at", "problem"])
    AlertChannel.objects.filter(pk=delivery.channel_id).update(last_sent_at=now, last_problem="")
    return True


def _put_off(delivery: AlertDelivery, error: Exception, now: datetime, jitter: Callable[[], float]) -> None:
    message = error.message if isinstance(error, SyncError) else f"It could not be sent: {error}"
    delivery.attempts += 1
    delivery.problem = message[:500]
    again = next_attempt(TransientError(message), delivery.attempts, now=now, jitter=jitter())
    is_over = isinstance(error, RejectedError) or again is None or delivery.attempts >= MOST_ATTEMPTS
    delivery.state = AlertDelivery.State.FAILED if is_over else AlertDelivery.State.PENDING
    delivery.not_before = again[0] if again else now
    delivery.save(update_fields=["attempts", "problem", "state", "not_before"])
    AlertChannel.objects.filter(pk=delivery.channel_id).update(last_problem=message[:500])


def _tell(delivery: AlertDelivery, now: datetime, post: Post) -> None:
    channel, title, sentence, address = delivery.channel, *words(delivery.alert, delivery.event)
    if channel.kind == AlertChannel.Kind.EMAIL:
        EmailMessage(title, f"{sentence}\n\n{address}\n", to=list(channel.emails)).send()
    elif channel.kind == AlertChannel.Kind.SLACK:
        text = {"text": f"*{title}*\n{sentence}\n<{address}|Open the connector>"}
        post(channel.url.reveal(), json.dumps(text).encode(), {})
    else:
        body = json.dumps(_payload(delivery, title, sentence, address)).encode()
        post(
            channel.url.reveal(),
            body,
            signature(channel.signing_key.reveal(), f"alert_{delivery.pk}", body, now),
        )


def words(alert: Alert, event: str) -> tuple[str, str, str]:
    """Return an alert's title, its sentence, and the address where to look."""
    connector = alert.connector
    address = f"{django_settings.OWN_URL}{reverse('admin:sync_connector_change', args=[connector.pk])}"
    if event == AlertDelivery.Event.RECOVERED:
        return f"{connector.name} recovered", f"It is over: {alert.message}", address
    return f"{connector.name} {_TITLES[AlertKind(alert.kind)]}", alert.message, address


def _payload(delivery: AlertDelivery, title: str, sentence: str, address: str) -> dict[str, Any]:
    alert = delivery.alert
    return {
        "type": f"connector.{'recovered' if delivery.event == AlertDelivery.Event.RECOVERED else 'alert'}",
        "kind": alert.kind.lower(), "title": title, "message": sentence, "url": address,
        "connector": {"public_id": str(alert.connector.public_id), "slug": alert.connector.slug, "name": alert.connector.name},
        "opened_at": alert.opened_at.isoformat(), "closed_at": alert.closed_at.isoformat() if alert.closed_at else None,
    }  # fmt: skip


def signature(key: str, message_id: str, body: bytes, now: datetime) -> dict[str, str]:
    """Return the headers by which a receiver knows the sender, as the Standard Webhooks specification has them."""
    stamp = str(int(now.timestamp()))
    secret = base64.urlsafe_b64decode(_padded(key.removeprefix("whsec_")))
    digest = hmac.new(secret, f"{message_id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def _padded(text: str) -> str:
    return text + "=" * (-len(text) % 4)


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> None:
    is_near_fine = django_settings.ALLOW_INSECURE_REMOTES
    post_to(
        url, body, headers, allowed=lambda ip: is_near_fine or is_public_address(ip), insecure=is_near_fine
    )


def try_out(channel: AlertChannel, *, now: datetime, post: Post | None = None) -> str:
    """Send a test message. Returns an empty text, or why it did not arrive."""
    title, sentence = "A test of Close Connector", "This is how an alert will look. Nothing is wrong."
    try:
        if channel.kind == AlertChannel.Kind.EMAIL:
            EmailMessage(title, sentence, to=list(channel.emails)).send()
            return ""
        told = (
            {"text": f"*{title}*\n{sentence}"}
            if channel.kind == AlertChannel.Kind.SLACK
            else {"type": "test", "title": title, "message": sentence}
        )
        body = json.dumps(told).encode()
        signed = (
            {}
            if channel.kind == AlertChannel.Kind.SLACK
            else signature(channel.signing_key.reveal(), f"test_{channel.pk}", body, now)
        )
        (post or _post)(channel.url.reveal(), body, signed)
    except (SyncError, OSError) as error:
        return error.message if isinstance(error, SyncError) else f"It could not be sent: {error}"
    return ""
