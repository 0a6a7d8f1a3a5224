"""The event log: newest first by `date_updated`, quick updates of one object in one event, thirty days long."""

from __future__ import annotations

import base64
import operator
from bisect import bisect_left
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from sandbox.close.store import Actor, Record, Store
from sandbox.close.validation import Invalid

MOST = 50
RETENTION = timedelta(days=30)
# How soon after another one an update joins its event; Close does not publish the number.
CONSOLIDATION = timedelta(seconds=3)
# How long somebody who is no administrator sees what was changed.
PAYLOAD_FOR_EVERYONE = timedelta(hours=1)

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
_NESTED = ("contacts", "tasks", "opportunities")


class EventLog:
    """Writes and lists events. An event stays invisible for `lag` and for what `delay` says of its id."""

    def __init__(
        self, store: Store, delay: Callable[[str], timedelta] = lambda event_id: timedelta(0)
    ) -> None:
        self.store, self.delay = store, delay
        self.lag = timedelta(0)
        self.listeners: list[Callable[[Record], None]] = []

    def write(
        self, kind: str, action: str, shown: Record, lead_id: str | None, actor: Actor,
        before: Record | None = None, meta: Record | None = None,
    ) -> Record:  # fmt: skip
        """Add an event, or let an update join the one that was just written for the same object."""
        shown = {name: value for name, value in shown.items() if name not in _NESTED}
        joined = self._joined(kind, action, shown["id"], actor)
        if joined and not meta:
            return self._join(joined, shown, before or {})
        now = self.store.bare_stamp()
        event = {
            "id": self.store.new_id("ev"), "date_created": now, "date_updated": now,
            "organization_id": self.store.organization_id, "user_id": actor.user_id,
            "request_id": self.store.new_id("req"), "api_key_id": actor.api_key_id, "oauth_client_id": None,
            "object_type": kind, "object_id": shown["id"], "lead_id": lead_id, "action": action,
            "changed_fields": sorted(before or {}), "data": None if action == "deleted" else shown,
            "previous_data": shown if action == "deleted" else dict(before or {}),
            "meta": {"request_method": actor.method, "request_path": actor.path} | (meta or {}),
        }  # fmt: skip
        self.store.add_event(event)
        for listener in self.listeners:
            listener(event)
        return event

    def _joined(self, kind: str, action: str, object_id: str, actor: Actor) -> Record | None:
        last = self.store.events.get(self.store.last_events.get(object_id, ""))
        if action != "updated" or not last or last["action"] != "updated" or last["object_type"] != kind:
            return None
        if (last["user_id"], last["api_key_id"]) != (actor.user_id, actor.api_key_id):
            return None
        return last if self._age(last) < CONSOLIDATION else None

    def _join(self, event: Record, shown: Record, before: Record) -> Record:
        """Let an update join an event: the event is replaced, and moves to the end of the log."""
        joined = event | {
            "previous_data": before | event["previous_data"],
            "changed_fields": sorted({*event["changed_fields"], *before}),
            "data": shown,
            "date_updated": self.store.bare_stamp(),
        }
        event.clear()  # the one that was handed out before stays the one that is kept
        event.update(joined)
        self.store.move_event(event["id"])
        return event

    def _age(self, event: Record) -> timedelta:
        return self.store.clock().astimezone(UTC) - moment(event["date_updated"])

    # ── Reading ──────────────────────────────────────────────────────────────────────────────────

    def page(self, params: dict[str, str], is_admin: bool = True) -> Record:
        """Answer a list request. Raises Invalid for a limit or a combination that Close does not support."""
        limit = _limit(params.get("_limit"))
        filters, bounds = _filters(params)
        way, place = _place(params.get("_cursor"))
        walk = self._newer(place) if way == "p" else self._older(place, bounds)
        now = self.store.clock().astimezone(UTC)
        found: list[tuple[int, Record]] = []
        for number, event in walk:
            if len(found) > limit or now - moment(event["date_updated"]) >= RETENTION:
                break
            if _is_too_old(event, bounds):
                if way == "p":
                    continue
                break
            if _fits(event, filters, bounds) and self._is_visible(event, now):
                found.append((number, event))
        has_more, found = len(found) > limit, found[:limit]
        if way == "p":
            found.reverse()
        return {
            "data": [self.shown(event, is_admin, now) for _, event in found],
            "cursor_next": _cursor("n", found[-1][0]) if found and (has_more or way == "p") else None,
            "cursor_previous": _cursor("p", found[0][0])
            if found and (way == "n" or (way == "p" and has_more))
            else None,
        }

    def _older(self, place: int, bounds: list[tuple[str, datetime]]) -> Iterator[tuple[int, Record]]:
        """Walk from a place, or from the end, to older events."""
        store = self.store
        newest = min((bound for name, bound in bounds if name in ("lt", "lte")), default=None)
        start = len(store.log) if place < 0 else min(place, len(store.log))
        if newest is not None:
            last = newest.replace(tzinfo=None).isoformat(timespec="microseconds")
            start = min(start, bisect_left(store.log_times, last + "\x7f"))
        for number in range(start - 1, -1, -1):
            event = store.event_at(number)
            if event is not None:
                yield number, event

    def _newer(self, place: int) -> Iterator[tuple[int, Record]]:
        for number in range(place + 1, len(self.store.log)):
            event = self.store.event_at(number)
            if event is not None:
                yield number, event

    def get(self, close_id: str, is_admin: bool = True) -> Record | None:
        """Return one event that can still be read, or None."""
        event, now = self.store.events.get(close_id), self.store.clock().astimezone(UTC)
        is_there = event and now - moment(event["date_updated"]) < RETENTION and self._is_visible(event, now)
        return self.shown(event, is_admin, now) if event and is_there else None

    def _is_visible(self, event: Record, now: datetime) -> bool:
        return now - moment(event["date_updated"]) >= self.lag + self.delay(event["id"])

    def shown(self, event: Record, is_admin: bool, now: datetime) -> Record:
        """Return an event as a role may see it."""
        if is_admin or now - moment(event["date_created"]) < PAYLOAD_FOR_EVERYONE:
            return dict(event)
        return {name: value for name, value in event.items() if name not in ("data", "previous_data")}


def _filters(params: dict[str, str]) -> tuple[dict[str, str], list[tuple[str, datetime]]]:
    """Return the values and the bounds that an event has to meet. Raises Invalid for what Close does not support."""
    named = [name for name in _FILTERS if name in params]
    if frozenset(named) not in _SUPPORTED:
        raise Invalid(text="Unsupported combination of filters: " + ", ".join(named))
    bounds = [
        (name.removeprefix("date_updated__"), _bound(value))
        for name, value in params.items()
        if name.startswith("date_updated__") and name.removeprefix("date_updated__") in _COMPARE
    ]
    return {name: params[name] for name in named}, bounds


def _is_too_old(event: Record, bounds: list[tuple[str, datetime]]) -> bool:
    happened = moment(event["date_updated"])
    return any(name in ("gt", "gte") and not _COMPARE[name](happened, bound) for name, bound in bounds)


def _fits(event: Record, filters: dict[str, str], bounds: list[tuple[str, datetime]]) -> bool:
    if any(event[name] != value for name, value in filters.items()):
        return False
    happened = moment(event["date_updated"])
    return all(_COMPARE[name](happened, bound) for name, bound in bounds)


def _bound(value: str) -> datetime:
    try:
        return moment(value)
    except (ValueError, OverflowError):
        raise Invalid({"date_updated": "Could not parse datetime"}) from None


def moment(value: str) -> datetime:
    """Return a time; without an offset it is UTC. Raises ValueError."""
    found = datetime.fromisoformat(value.replace("Z", "+00:00"))
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _limit(value: str | None) -> int:
    if value and not (value.isascii() and value.isdecimal() and len(value) < 9):
        raise Invalid(text="Value must be of int type.")
    limit = int(value) if value else MOST
    if not 1 <= limit <= MOST:
        raise Invalid(
            text=f"The limit you set is larger than the maximum limit for this resource (max_limit = {MOST})."
        )
    return limit


def _cursor(way: str, place: int) -> str:
    return base64.urlsafe_b64encode(f"{way}{place}".encode()).decode()


def _place(cursor: str | None) -> tuple[str, int]:
    """Return the way of a cursor and the place it stands at; an empty one stands at the end."""
    if not cursor:
        return "", -1
    try:
        text = base64.urlsafe_b64decode(cursor).decode()
    except ValueError:
        text = ""
    if text[:1] not in ("n", "p") or not text[1:].isdecimal() or len(text) > 16:
        raise Invalid({"_cursor": "Invalid cursor."})
    return text[0], int(text[1:])
