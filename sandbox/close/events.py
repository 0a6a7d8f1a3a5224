"""The event log: newest first by `date_updated`, quick updates of one object in one event, thirty days long."""

from __future__ import annotations

import base64
import operator
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any

from sandbox.close.store import Actor, Record, Store
from sandbox.close.validation import Invalid

MOST = 50
RETENTION = timedelta(days=30)
# How soon after another one an update joins its event; Close does not publish the number.
CONSOLIDATION = timedelta(seconds=3)

# The combinations of filters that Close supports; date_updated may join any of them.
_COMPARE = {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}
_FILTERS = ("object_type", "object_id", "action", "lead_id", "user_id", "request_id")
_SUPPORTED = {
    frozenset(names.split())
    for names in (
        "", "object_type object_id", "object_type action", "object_id action", "lead_id", "lead_id object_type",
        "lead_id object_type action", "lead_id user_id", "lead_id user_id object_type",
        "lead_id user_id object_type action", "user_id", "user_id object_id", "user_id object_id action",
        "user_id object_type", "user_id object_type action", "request_id",
    )
}  # fmt: skip


class EventLog:
    """Writes and lists events. `lag` is how long an event stays invisible after it happened."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.lag = timedelta(0)
        self.listeners: list[Any] = []

    def write(
        self, kind: str, action: str, shown: Record, lead_id: str | None, actor: Actor,
        before: Record | None = None, meta: Record | None = None,
    ) -> Record:  # fmt: skip
        """Add an event, or let an update join the one that was just written for the same object."""
        shown = {
            name: value for name, value in shown.items() if name not in ("contacts", "tasks", "opportunities")
        }
        joined = self._joined(kind, action, shown["id"], actor)
        if joined and not meta:
            return self._join(joined, shown, before or {})
        now = self.store.bare_stamp()
        event = {
            "id": self.store.new_id("ev"), "date_created": now, "date_updated": now,
            "organization_id": self.store.organization_id, "user_id": actor.user_id,
            "request_id": self.store.new_id("req"), "api_key_id": actor.api_key_id, "oauth_client_id": None,
            "object_type": kind, "object_id": shown["id"], "lead_id": lead_id, "action": action,
            "changed_fields": sorted(before or {}), "data": None if action == "deleted" else deepcopy(shown),
            "previous_data": deepcopy(shown) if action == "deleted" else deepcopy(before or {}),
            "meta": {"request_method": actor.method, "request_path": actor.path} | (meta or {}),
        }  # fmt: skip
        self.store.events.append(event)
        for listener in self.listeners:
            listener(event)
        return event

    def _joined(self, kind: str, action: str, object_id: str, actor: Actor) -> Record | None:
        if action != "updated" or not self.store.events:
            return None
        same = (event for event in reversed(self.store.events[-20:]) if event["object_id"] == object_id)
        last = next(same, None)
        is_same_writer = last and (last["user_id"], last["api_key_id"]) == (actor.user_id, actor.api_key_id)
        if not last or last["action"] != "updated" or last["object_type"] != kind or not is_same_writer:
            return None
        return last if self._age(last) < CONSOLIDATION else None

    def _join(self, event: Record, shown: Record, before: Record) -> Record:
        event["previous_data"] = before | event["previous_data"]
        event["changed_fields"] = sorted({*event["changed_fields"], *before})
        event["data"], event["date_updated"] = deepcopy(shown), self.store.bare_stamp()
        return event

    def _age(self, event: Record) -> timedelta:
        return self.store.clock().astimezone(UTC) - _moment(event["date_updated"])

    # ── Reading ──────────────────────────────────────────────────────────────────────────────────

    def page(self, params: dict[str, str]) -> Record:
        """Answer a list request. Raises Invalid for a limit or a combination that Close does not support."""
        limit = _limit(params.get("_limit"))
        filters, bounds = _filters(params)
        found = [event for event in self._visible() if _fits(event, filters, bounds)]
        found.sort(key=lambda event: event["date_updated"], reverse=True)
        start = _position(params.get("_cursor"))
        page = found[start : start + limit]
        more = start + limit < len(found)
        return {
            "data": deepcopy(page),
            "cursor_next": _cursor(start + limit) if more else None,
            "cursor_previous": _cursor(max(start - limit, 0)) if start else None,
        }

    def get(self, close_id: str) -> Record | None:
        """Return one event that can still be read, or None."""
        return next((deepcopy(event) for event in self._visible() if event["id"] == close_id), None)

    def _visible(self) -> list[Record]:
        return [event for event in self.store.events if self.lag <= self._age(event) < RETENTION]


def _filters(params: dict[str, str]) -> tuple[dict[str, str], list[tuple[str, datetime]]]:
    """Return the values and the bounds that an event has to meet. Raises Invalid for what Close does not support."""
    named = [name for name in _FILTERS if name in params]
    if frozenset(named) not in _SUPPORTED:
        raise Invalid(text="Unsupported combination of filters: " + ", ".join(named))
    bounds = [
        (name.removeprefix("date_updated__"), _bound(value))
        for name, value in params.items()
        if name.removeprefix("date_updated__") in _COMPARE
    ]
    return {name: params[name] for name in named}, bounds


def _fits(event: Record, filters: dict[str, str], bounds: list[tuple[str, datetime]]) -> bool:
    moment = _moment(event["date_updated"])
    return all(event[name] == value for name, value in filters.items()) and all(
        _COMPARE[name](moment, bound) for name, bound in bounds
    )


def _bound(value: str) -> datetime:
    try:
        return _moment(value)
    except ValueError:
        raise Invalid({"date_updated": "Could not parse datetime"}) from None


def _moment(value: str) -> datetime:
    moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _limit(value: str | None) -> int:
    if value and not value.isdecimal():
        raise Invalid(text="Value must be of int type.")
    limit = int(value) if value else MOST
    if not 1 <= limit <= MOST:
        raise Invalid(
            text=f"The limit you set is larger than the maximum limit for this resource (max_limit = {MOST})."
        )
    return limit


def _cursor(position: int) -> str:
    return base64.urlsafe_b64encode(f"p{position}".encode()).decode()


def _position(cursor: str | None) -> int:
    if not cursor:
        return 0
    try:
        text = base64.urlsafe_b64decode(cursor).decode()
    except ValueError:
        text = ""
    if not text.startswith("p") or not text[1:].isdecimal():
        raise Invalid({"_cursor": "Invalid cursor."})
    return int(text[1:])
