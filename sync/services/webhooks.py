"""Keeps one webhook subscription per connector in Close: a delivery only wakes the pull."""

from __future__ import annotations

from django.conf import settings as django_settings

from sync.close.client import CloseClient
from sync.models import Connector, Secret

EVENTS = (
    *(("lead", action) for action in ("created", "updated", "deleted", "merged")),
    *(("contact", action) for action in ("created", "updated", "deleted")),
)


def target_url(connector: Connector) -> str:
    """Return where Close is to deliver, or an empty text when this installation has no public address."""
    if not django_settings.PUBLIC_URL:
        return ""
    return f"{django_settings.PUBLIC_URL.rstrip('/')}/close/webhooks/{connector.public_id}/"


def ensure(connector: Connector, close: CloseClient) -> bool:
    """Subscribe once. Returns whether Close was asked to change anything.

    A subscription of ours whose signature key we do not hold, or that stands beside another one of ours, is
    replaced: its deliveries could not be verified.
    """
    url = target_url(connector)
    if not url:
        return False
    mine = [webhook for webhook in close.webhooks() if webhook.url == url]
    kept = [
        webhook
        for webhook in mine
        if webhook.close_id == connector.webhook_id and connector.webhook_signature_key
    ]
    for webhook in mine:
        if webhook not in kept:
            close.delete_webhook(webhook.close_id)
    if kept:
        return len(mine) > len(kept)
    made = close.create_webhook(url, EVENTS)
    connector.webhook_id, connector.webhook_signature_key = (
        made.close_id,
        Secret.of(made.signature_key or ""),
    )
    connector.save(update_fields=["webhook_id", "webhook_signature_key", "updated_at"])
    return True
