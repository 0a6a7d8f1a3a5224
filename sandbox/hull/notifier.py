"""What Hull tells a connector: notifications, signed, with what changed."""

from __future__ import annotations

import random
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import replace

from sandbox.hull.lines import Line, line_of
from sandbox.hull.segments import Segments
from sandbox.hull.signing import Signer
from sandbox.hull.store import ACCOUNT, USER, Entity, Record, Store, shown

Batch = tuple[dict[str, str], Record]


class Notifier:
    """Keeps what has still to be told, one line per entity, and makes notifications of it."""

    def __init__(
        self, store: Store, segments: Segments, configuration: Record, key_url: str, connector: Callable[[], Record]
    ) -> None:  # fmt: skip
        self.store, self.segments, self.configuration, self.key_url = store, segments, configuration, key_url
        self.connector = connector
        self.signer = Signer()
        self.duplicate_rate = self.reorder_rate = 0.0
        self.sent = 0
        self._pending: OrderedDict[str, Line] = OrderedDict()
        self._exports: OrderedDict[str, None] = OrderedDict()
        self._notices: OrderedDict[tuple[str, str], Record] = OrderedDict()
        self._late: deque[Record] = deque()
        self._made = 0

    def state(self) -> Record:
        """Return what has still to be told, and with which key."""
        return {
            "pending": self._pending, "exports": self._exports, "notices": self._notices, "late": self._late,
            "sent": self.sent, "made": self._made, "key": self.signer.state(),
        }  # fmt: skip

    def restore(self, state: Record) -> None:
        self._pending, self._exports, self._notices = state["pending"], state["exports"], state["notices"]
        self._late, self.sent, self._made = state["late"], state["sent"], state["made"]
        self.signer.restore(state["key"])

    @property
    def pending(self) -> int:
        return len(self._pending) + len(self._exports) + len(self._notices) + len(self._late)

    # ── What has to be told ──────────────────────────────────────────────────────────────────────

    def look(self) -> None:
        """Look at everybody who changed, with their segments evaluated anew, and remember what has to be told."""
        while self.store.dirty:
            for hull_id in list(self.store.dirty):
                self.store.dirty.pop(hull_id, None)
                entity = self.store.entities.get(hull_id)
                if entity:
                    self._look_at(entity)

    def forget_changes(self) -> None:
        """Look at everybody who changed, and tell nobody."""
        told = set(self._pending)
        self.look()
        for hull_id in [one for one in self._pending if one not in told]:
            del self._pending[hull_id]

    def _look_at(self, entity: Entity) -> None:
        self.store.put_segments(entity, self.segments.of(entity))
        line = line_of(entity)
        self.store.dirty.pop(entity.hull_id, None)
        entity.touched, entity.new_events = {}, []
        if not line:
            return
        entity.indexed_at = self.store.stamp()
        self._add(entity.hull_id, line)
        if entity.kind == ACCOUNT:
            self._tell_people(entity, line)

    def _tell_people(self, account: Entity, line: Line) -> None:
        """A change of an account is told to its people too."""
        if not line.changes:
            return
        for user in self.store.people_of(account.hull_id):
            if user.indexed_at:
                self._add(user.hull_id, Line(account_changes=dict(line.changes)))

    def _add(self, hull_id: str, line: Line) -> None:
        held = self._pending.get(hull_id)
        self._pending[hull_id] = held.joined(line) if held else line

    def notice(self, channel: str, key: str, message: Record | None = None) -> None:
        """Have something told that is no user and no account. Of the same thing the last is told."""
        self._notices[channel, key] = message or {}

    def export(self, ids: list[str]) -> None:
        """Have some entities told as an operator's export: without changes."""
        self._exports.update(dict.fromkeys(ids))

    # ── Notifications ────────────────────────────────────────────────────────────────────────────

    def take(self, most: int = 50) -> list[Batch]:
        """Return the next notifications: one per channel, of at most so many messages. They count as sent."""
        self.look()
        late, self._late = self._late, deque()
        on_time = [*self._take_notices(), *self._take_exports(most), *self._take_lines(most)]
        bodies = [body for body in on_time if self._comes_now(body)]
        if not late and not bodies:
            late, self._late = self._late, deque()
        return [self._signed(body) for body in (*bodies, *late)]

    def _comes_now(self, body: Record) -> bool:
        """Draw what happens to a notification: it may come twice, or be overtaken by later ones."""
        self._made += 1
        if not self.duplicate_rate and not self.reorder_rate:
            return True
        chance = random.Random(f"{self.store.seed}/notifications/{self._made}")
        comes_twice, is_overtaken = (
            chance.random() < self.duplicate_rate,
            chance.random() < self.reorder_rate,
        )
        if comes_twice:
            self._late.append(body)
        if is_overtaken:
            self._late.append(body | {"messages": list(reversed(body["messages"]))})
        return not is_overtaken

    def _signed(self, body: Record) -> Batch:
        now = self.store.clock().timestamp()
        return self.signer.headers(body["notification_id"], now, self.key_url), body

    def _take_notices(self) -> list[Record]:
        notices, self._notices = self._notices, OrderedDict()
        self.sent += len(notices)
        return [self._envelope(channel, [held or self.connector()]) for (channel, _), held in notices.items()]

    def _take_exports(self, most: int) -> list[Record]:
        entities = [
            self.store.entities.get(self._exports.popitem(last=False)[0])
            for _ in range(min(most, len(self._exports)))
        ]
        found = [(entity, Line()) for entity in entities if entity]
        return self._shipments(found, is_export=True)

    def _take_lines(self, most: int) -> list[Record]:
        lines = [self._pending.popitem(last=False) for _ in range(min(most, len(self._pending)))]
        found = [
            (self.store.entities[hull_id], line) for hull_id, line in lines if hull_id in self.store.entities
        ]
        return self._shipments(found)

    def _shipments(self, found: list[tuple[Entity, Line]], is_export: bool = False) -> list[Record]:
        self.sent += len(found)
        bodies = []
        for kind in (USER, ACCOUNT):
            chosen = [(entity, line) for entity, line in found if entity.kind == kind]
            if chosen:
                messages = [self._message(entity, line, is_export) for entity, line in chosen]
                retries = max(line.retries for _, line in chosen)
                bodies.append(self._envelope(f"{kind}:update", messages, is_export, retries))
        return bodies

    def put_back(self, batch: Batch) -> None:
        """A notification that was not taken is told again, with what came since."""
        body = batch[1]
        channel, retries = body["channel"], body["kraken"]["retries"] + 1
        kind = channel.partition(":")[0]
        if kind not in (USER, ACCOUNT) or channel.endswith(":delete"):
            told = body["messages"][0]
            key = told.get("id") or told.get(kind, {}).get("id", "")
            self._notices.setdefault((channel, key), {} if kind == "ship" else told)
        elif body["is_export"]:
            self.export([message[kind]["id"] for message in body["messages"]])
        else:
            for message in body["messages"]:
                self._put_back(message[kind]["id"], replace(_line_again(kind, message), retries=retries))

    def _put_back(self, hull_id: str, line: Line) -> None:
        later = self._pending.pop(hull_id, None)
        self._pending[hull_id] = line.joined(later) if later else line

    # ── Bodies ───────────────────────────────────────────────────────────────────────────────────

    def _message(self, entity: Entity, line: Line, is_export: bool) -> Record:
        message: Record = {"message_id": self.store.new_id(), "changes": {}}
        if entity.kind == ACCOUNT:
            message |= {"account": shown(entity)} | self._segments_of(entity, "account_segment")
        else:
            account = self.store.get(ACCOUNT, entity.account_id)
            events = [self.store.events[one] for one in line.events if one in self.store.events]
            message |= {"user": shown(entity), "account": shown(account) if account else {}, "events": events}
            message |= self._segments_of(entity, "segment") | self._segments_of(account, "account_segment")
        if not is_export:
            message["changes"] = self._changes(entity.kind, line)
        return message

    def _changes(self, kind: str, line: Line) -> Record:
        segments = {"entered": self.segments.named(line.entered), "left": self.segments.named(line.left)}
        changes: Record = {"is_new": line.is_new, kind: line.changes}
        changes["segments" if kind == USER else "account_segments"] = segments
        return changes | ({"account": line.account_changes} if line.account_changes else {})

    def _segments_of(self, entity: Entity | None, name: str) -> Record:
        ids = entity.segment_ids if entity else []
        return {f"{name}s": self.segments.named(ids), f"{name}_ids": list(ids)}

    def _envelope(
        self, channel: str, messages: list[Record], is_export: bool = False, retries: int = 0
    ) -> Record:
        flow = {"type": "next", "max-messages": 1000, "min-delay": 0, "max-delay": 0, "warning": None}
        return {
            "notification_id": self.store.new_id(), "channel": channel, "configuration": dict(self.configuration),
            "connector": self.connector(), "segments": self.segments.shown(USER),
            "accounts_segments": self.segments.shown(ACCOUNT), "is_export": is_export,
            "kraken": {
                "retries": retries, "flow-control": flow, "checkpoints": {}, "estimated-optimal-shipment-size": 50,
                "update-ids": [message["message_id"] for message in messages if "message_id" in message],
            },
            "messages": messages,
        }  # fmt: skip

    def public_key(self) -> bytes:
        """Return the PEM that verifies the signatures."""
        return self.signer.public_key()


def _line_again(kind: str, message: Record) -> Line:
    """Return what a message told, to be told again."""
    told = message["changes"]
    segments = told["segments" if kind == USER else "account_segments"]
    entered, left = ([one["id"] for one in segments[name]] for name in ("entered", "left"))
    of_account = told.get(ACCOUNT, {}) if kind == USER else {}
    events = [event["event_id"] for event in message.get("events", ())]
    return Line(told["is_new"], dict(told[kind]), dict(of_account), entered, left, events)
