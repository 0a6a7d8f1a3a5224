"""Webhook subscriptions, and what is to be delivered to them: signed, retried for three days, in no certain order."""

from __future__ import annotations

import hashlib
import hmac
import random
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson

from sandbox.close.events import CONSOLIDATION, EventLog, moment
from sandbox.close.filters import check_filter, passes
from sandbox.close.reading import ONE, Answer, Routes, json_body
from sandbox.close.records import NotFound
from sandbox.close.store import Actor, Record, Store
from sandbox.close.validation import NOT_A_CHOICE, Invalid
from sandbox.http import Request
from sandbox.moods import Courier

MOST = 40
LONGEST_WAIT = timedelta(minutes=20)
GIVE_UP_AFTER = timedelta(hours=72)
BACKLOG = 100_000
# How much later a delivery comes that others overtake.
OVERTAKEN_BY = timedelta(seconds=20)
_KEYS = ("url", "events", "verify_ssl")


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one subscription. `due` is when it is sent, `first` when it was to be sent at first."""

    webhook_id: str
    event_id: str
    due: datetime
    first: datetime
    attempts: int = 0


class Signed(NamedTuple):
    """What goes over the wire."""

    url: str
    headers: dict[str, str]
    body: bytes


class Webhooks:
    """Keeps subscriptions and the queue of their deliveries; a courier posts what is due."""

    def __init__(self, store: Store, log: EventLog, courier: Courier) -> None:
        self.store, self.courier = store, courier
        self.queue: list[Delivery] = []
        self._drawn = 0
        log.listeners.append(self._heard)

    def routes(self) -> Routes:
        one = {"GET": self._get, "PUT": self._put, "DELETE": self._delete}
        return [("/webhook/", {"GET": self._list, "POST": self._post}), (f"/webhook/{ONE}/", one)]

    # ── Subscriptions ────────────────────────────────────────────────────────────────────────────

    def _list(self, request: Request, actor: Actor) -> Answer:
        return 200, {"data": [one for one in self.store.webhooks.values() if _is_theirs(one, actor)]}

    def _get(self, request: Request, actor: Actor, close_id: str) -> Answer:
        return 200, self._one(close_id, actor)

    def _post(self, request: Request, actor: Actor) -> Answer:
        return 201, self.create(json_body(request), actor.user_id)

    def create(self, body: Record, user_id: str) -> Record:
        """Subscribe. The answer holds the signature key. Raises Invalid."""
        _check(body, _KEYS, required=("url", "events"))
        if len(self.store.webhooks) >= MOST:
            raise Invalid(text=f"An organization may have {MOST} webhook subscriptions.")
        now = self.store.bare_stamp()
        webhook: Record = {
            "id": self.store.new_id("whsub"), "url": body["url"], "events": body["events"], "status": "active",
            "verify_ssl": body.get("verify_ssl", True), "signature_key": self.store.randomness.randbytes(32).hex(),
            "created_by": user_id, "updated_by": user_id, "date_created": now, "date_updated": now,
            "health_status": "healthy", "latest_error": None, "pause_reason": None,
            "recent_consecutive_fail_buckets_cnt": 0, "counters": {},
        }  # fmt: skip
        self.store.webhooks[webhook["id"]] = webhook
        return webhook | {"Location": f"/api/v1/webhook/{webhook['id']}/"}

    def _put(self, request: Request, actor: Actor, close_id: str) -> Answer:
        webhook, body = self._one(close_id, actor), json_body(request)
        _check(body, (*_KEYS, "status"), required=())
        if "status" in body and body["status"] not in ("active", "paused"):
            raise Invalid({"status": NOT_A_CHOICE})
        changed = webhook | body | {"date_updated": self.store.bare_stamp(), "updated_by": actor.user_id}
        if changed["status"] == "active":
            changed |= {"pause_reason": None, "recent_consecutive_fail_buckets_cnt": 0}
        elif webhook["status"] == "active":
            changed["pause_reason"] = "api"
            self._clear(close_id)
        self.store.webhooks[close_id] = changed
        return 200, changed

    def _delete(self, request: Request, actor: Actor, close_id: str) -> Answer:
        self._one(close_id, actor)
        self._clear(close_id)
        del self.store.webhooks[close_id]
        return 200, {}

    def _one(self, close_id: str, actor: Actor) -> Record:
        webhook = self.store.webhooks.get(close_id)
        if webhook is None or not _is_theirs(webhook, actor):
            raise NotFound(close_id)
        return webhook

    def _clear(self, close_id: str) -> None:
        """A paused subscription loses its queue."""
        self.queue = [one for one in self.queue if one.webhook_id != close_id]

    # ── Deliveries ───────────────────────────────────────────────────────────────────────────────

    def _heard(self, event: Record) -> None:
        for webhook in self.store.webhooks.values():
            if webhook["status"] == "active" and _is_named(event, webhook):
                due = self.store.clock()
                if event["action"] in ("updated", "deleted"):
                    due += CONSOLIDATION
                self._enqueue(webhook, event["id"], due)

    def _enqueue(self, webhook: Record, event_id: str, due: datetime) -> None:
        self._drawn += 1
        chance = random.Random(f"{self.store.seed}/webhook/{self._drawn}")
        if chance.random() < self.courier.reorder:
            due += OVERTAKEN_BY
        self.queue.append(Delivery(webhook["id"], event_id, due, due))
        if chance.random() < self.courier.duplicate:
            later = due + timedelta(seconds=chance.uniform(1, 60))
            self.queue.append(Delivery(webhook["id"], event_id, later, later))
        if (
            len(self.queue) >= BACKLOG
            and sum(one.webhook_id == webhook["id"] for one in self.queue) >= BACKLOG
        ):
            self._pause(webhook, "backlog")

    def take(self, now: datetime) -> list[tuple[Delivery, Signed]]:
        """Take what is due from the queue. Give each one back with `settle`."""
        due = [one for one in self.queue if one.due <= now]
        self.queue = [one for one in self.queue if one.due > now]
        ready = []
        for delivery in due:
            event = self.store.events.get(delivery.event_id)
            if event and event["action"] == "updated":
                rests = moment(event["date_updated"]) + CONSOLIDATION
                if rests > now:  # another update has joined it since
                    self.queue.append(replace(delivery, due=rests))
                    continue
            signed = self._signed(delivery)
            if signed:
                ready.append((delivery, signed))
        return ready

    def settle(self, delivery: Delivery, is_taken: bool, error: str = "") -> None:
        """Note how a delivery went; one that failed is tried again, ever more slowly, for three days."""
        webhook = self.store.webhooks.get(delivery.webhook_id)
        if webhook is None or webhook["status"] == "paused":
            return
        if is_taken:
            webhook |= {"health_status": "healthy", "latest_error": None}
            webhook["recent_consecutive_fail_buckets_cnt"] = 0
            return
        now = self.store.clock()
        webhook |= {"health_status": "unhealthy", "latest_error": error or "no answer"}
        webhook["recent_consecutive_fail_buckets_cnt"] += 1
        if now - delivery.first >= GIVE_UP_AFTER:
            self._pause(webhook, "failing")
            return
        wait = min(timedelta(seconds=2 ** min(delivery.attempts, 12)), LONGEST_WAIT)
        self.queue.append(replace(delivery, due=now + wait, attempts=delivery.attempts + 1))

    def _pause(self, webhook: Record, reason: str) -> None:
        webhook |= {"status": "paused", "pause_reason": reason}
        self._clear(webhook["id"])

    @property
    def pending(self) -> list[Signed]:
        """Return all that waits, due or not, as it would be sent now."""
        return [signed for one in self.queue if (signed := self._signed(one))]

    def _signed(self, delivery: Delivery) -> Signed | None:
        webhook = self.store.webhooks.get(delivery.webhook_id)
        event = self.store.events.get(delivery.event_id)
        if webhook is None or event is None or not _is_wanted(event, webhook):
            return None
        body = orjson.dumps({"event": event, "subscription_id": webhook["id"]})
        timestamp = str(int(self.store.clock().timestamp()))
        key = bytes.fromhex(webhook["signature_key"])
        signature = hmac.new(key, timestamp.encode() + body, hashlib.sha256).hexdigest()
        headers = {
            "content-type": "application/json", "close-sig-hash": signature, "close-sig-timestamp": timestamp,
        }  # fmt: skip
        return Signed(str(webhook["url"]), headers, body)


def _is_theirs(webhook: Record, actor: Actor) -> bool:
    return actor.is_admin or bool(webhook["created_by"] == actor.user_id)


def _check(body: Record, keys: tuple[str, ...], required: tuple[str, ...]) -> None:
    """Raises Invalid for what a subscription does not take."""
    errors: dict[str, Any] = dict.fromkeys(set(body) - set(keys), "Unknown field.")
    errors |= {name: "This field is required." for name in required if not body.get(name)}
    url = body.get("url")
    if url is not None and not (isinstance(url, str) and url.startswith(("http://", "https://"))):
        errors["url"] = "Invalid URL."
    if "verify_ssl" in body and not isinstance(body["verify_ssl"], bool):
        errors["verify_ssl"] = "Value must be of bool type."
    if "events" in body and "events" not in errors:
        wanted = body["events"]
        if not isinstance(wanted, list) or not wanted or not all(_is_subscription(one) for one in wanted):
            errors["events"] = "This field is required."
        else:
            for one in wanted:
                check_filter(one.get("extra_filter"))
    if errors:
        raise Invalid(errors)


def _is_subscription(wanted: Any) -> bool:
    is_named = isinstance(wanted, dict) and all(
        isinstance(wanted.get(name), str) for name in ("object_type", "action")
    )
    return is_named and not set(wanted) - {"object_type", "action", "extra_filter"}


def _is_named(event: Record, webhook: Record) -> bool:
    """Whether a subscription names an event's type and action; the filter is asked when it is sent."""
    return any(
        event["object_type"] == one["object_type"] and event["action"] == one["action"]
        for one in webhook["events"]
    )


def _is_wanted(event: Record, webhook: Record) -> bool:
    return any(
        event["object_type"] == one["object_type"]
        and event["action"] == one["action"]
        and passes(one.get("extra_filter"), event)
        for one in webhook["events"]
    )
