"""Keeps one webhook subscription per connector in Close: a delivery only wakes the pull.

It is looked after once an hour. Whatever goes wrong with it is written down and stops nothing: Close is read on
schedule as well.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings as django_settings

from sync.close.client import CloseClient
from sync.engine.hull_events import object_types
from sync.engine.webhook_health import Repair, repair
from sync.errors import CredentialsError, RateLimitedError, SyncError
from sync.models import Connector, Secret

EVENTS = frozenset({
    *(("lead", action) for action in ("created", "updated", "deleted", "merged")),
    *(("contact", action) for action in ("created", "updated", "deleted")),
})  # fmt: skip
CHECK_EVERY = timedelta(hours=1)

_FIELDS = ["webhook_id", "webhook_signature_key", "webhook_checked_at", "webhook_problem", "updated_at"]


def wanted(connector: Connector) -> frozenset[tuple[str, str]]:
    """Return the events that wake the pull of a connector: what it reads decides."""
    events = EVENTS
    if connector.reads_opportunities:
        events |= {("opportunity", action) for action in ("created", "updated", "deleted")}
    for kind in connector.hull_events:
        events |= {(object_type, "created") for object_type in object_types(kind)}
    return events


def target_url(connector: Connector) -> str:
    """Return where Close is to deliver, or an empty text when this installation has no public address."""
    if not django_settings.PUBLIC_URL:
        return ""
    return f"{django_settings.PUBLIC_URL.rstrip('/')}/close/webhooks/{connector.public_id}/"


def look_after(connector: Connector, close: CloseClient, *, now: datetime) -> None:
    """Make, repair or remove the subscription, if it was not looked at within the hour.

    Raises CredentialsError alone, which stops everything else as well.
    """
    checked_at = connector.webhook_checked_at
    is_needed = bool(target_url(connector) or connector.webhook_id)
    if not is_needed or (checked_at and now - checked_at < CHECK_EVERY):
        return
    try:
        problem = _repair(connector, close)
    except (CredentialsError, RateLimitedError):
        raise
    except SyncError as error:
        problem = error.message
    connector.webhook_checked_at, connector.webhook_problem = now, problem[:500]
    connector.save(update_fields=_FIELDS)


def _repair(connector: Connector, close: CloseClient) -> str:
    """Do what is to be done, and return what Close says of the deliveries so far."""
    url, events = target_url(connector), wanted(connector)
    plan = repair(
        close.webhooks(), url=url, mine=connector.webhook_id, has_key=bool(connector.webhook_signature_key),
        events=events,
    )  # fmt: skip
    for close_id in plan.deletes:
        close.delete_webhook(close_id)
    if plan.updates:
        close.update_webhook(plan.kept, sorted(events))
    if plan.creates:
        made = close.create_webhook(url, sorted(events))
        _remember(connector, made.close_id, made.signature_key or "")
    elif not plan.kept:
        _remember(connector, "", "")
    return _said(plan)


def _said(plan: Repair) -> str:
    return f"{plan.problem} A new subscription was made." if plan.problem else ""


def _remember(connector: Connector, close_id: str, key: str) -> None:
    """Hold a new key at once: Close tells it this one time."""
    connector.webhook_id, connector.webhook_signature_key = close_id, Secret.of(key)
    connector.save(update_fields=["webhook_id", "webhook_signature_key", "updated_at"])


def give_up(connector: Connector, close: CloseClient) -> None:
    """Remove the subscription of a connector that was switched off. What Close refuses is left to its own clean-up.

    Close pauses a subscription that nobody answers after three days.
    """
    close.delete_webhook(connector.webhook_id)
    Connector.objects.filter(pk=connector.pk, webhook_id=connector.webhook_id).update(
        webhook_id="", webhook_signature_key=Secret(), webhook_checked_at=None, webhook_problem=""
    )
