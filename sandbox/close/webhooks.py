"""Webhook subscriptions, and what is to be delivered to them."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from sandbox.close.events import EventLog
from sandbox.close.records import NotFound
from sandbox.close.store import Record, Store
from sandbox.close.validation import Invalid

MOST = 40


class Webhooks:
    """Keeps subscriptions and a list of signed deliveries that somebody has to post."""

    def __init__(self, store: Store, log: EventLog) -> None:
        self.store = store
        self.pending: list[tuple[str, dict[str, str], bytes]] = []
        log.listeners.append(self._heard)

    def listed(self) -> Record:
        return {"data": list(self.store.webhooks.values()), "has_more": False}

    def get(self, close_id: str) -> tuple[int, Record]:
        if close_id not in self.store.webhooks:
            raise NotFound(close_id)
        return 200, self.store.webhooks[close_id]

    def delete(self, close_id: str) -> tuple[int, Record]:
        self.get(close_id)
        del self.store.webhooks[close_id]
        return 200, {}

    def create(self, body: Record, user_id: str) -> Record:
        """Subscribe. The answer holds the signature key. Raises Invalid."""
        unknown = set(body) - {"url", "events", "verify_ssl"}
        if unknown or not isinstance(body.get("url"), str) or not isinstance(body.get("events"), list):
            raise Invalid(dict.fromkeys(unknown, "Unknown field.") or {"url": "This field is required."})
        if not body["url"].startswith(("http://", "https://")):
            raise Invalid({"url": "Invalid URL."})
        if not body["events"] or not all(_is_named(one) for one in body["events"]):
            raise Invalid({"events": "This field is required."})
        if len(self.store.webhooks) >= MOST:
            raise Invalid(text=f"An organization may have {MOST} webhook subscriptions.")
        now = self.store.bare_stamp()
        webhook: Record = {
            "id": self.store.new_id("whsub"), "url": body["url"], "events": body["events"], "status": "active",
            "verify_ssl": body.get("verify_ssl", True), "signature_key": self.store.randomness.randbytes(32).hex(),
            "created_by": user_id, "updated_by": user_id, "date_created": now, "date_updated": now,
            "health_status": "healthy", "latest_error": None, "pause_reason": None,
        }  # fmt: skip
        self.store.webhooks[webhook["id"]] = webhook
        return webhook | {"Location": f"/api/v1/webhook/{webhook['id']}/"}

    def _heard(self, event: Record) -> None:
        for webhook in self.store.webhooks.values():
            if webhook["status"] == "active" and any(_is_wanted(event, one) for one in webhook["events"]):
                self.pending.append(self._delivery(webhook, event))

    def _delivery(self, webhook: Record, event: Record) -> tuple[str, dict[str, str], bytes]:
        body = json.dumps({"event": event, "subscription_id": webhook["id"]}).encode()
        timestamp = str(int(self.store.clock().timestamp()))
        key = bytes.fromhex(webhook["signature_key"])
        signature = hmac.new(key, timestamp.encode() + body, hashlib.sha256).hexdigest()
        headers = {
            "content-type": "application/json", "close-sig-hash": signature, "close-sig-timestamp": timestamp,
        }  # fmt: skip
        return str(webhook["url"]), headers, body


def _is_named(wanted: Any) -> bool:
    return isinstance(wanted, dict) and all(
        isinstance(wanted.get(name), str) for name in ("object_type", "action")
    )


def _is_wanted(event: Record, wanted: Any) -> bool:
    return bool(event["object_type"] == wanted.get("object_type") and event["action"] == wanted.get("action"))
