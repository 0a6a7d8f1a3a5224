"""What Hull tells a connector: notifications, signed, with what changed."""

from __future__ import annotations

import base64
import json
from copy import deepcopy
from functools import lru_cache

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from sandbox.hull.store import ACCOUNT, USER, Entity, Record, Store, shown

Batch = tuple[dict[str, str], Record]


class Notifier:
    """Keeps what has still to be told, one line per entity, and makes notifications of it."""

    def __init__(self, store: Store, configuration: Record, key_url: str) -> None:
        self.store, self.configuration, self.key_url = store, configuration, key_url
        self._pending: dict[str, Record] = {}
        self._before: dict[str, Record] = {}
        self.sent = 0

    def state(self) -> Record:
        """Return what has still to be told, and what was told before."""
        return {"pending": self._pending, "before": self._before, "sent": self.sent}

    def restore(self, state: Record) -> None:
        self._pending, self._before, self.sent = state["pending"], state["before"], state["sent"]

    @property
    def pending(self) -> int:
        return len(self._pending)

    def changed(self, entity: Entity) -> None:
        """Remember that an entity has to be told, with its segments evaluated anew."""
        entered, left = self._evaluate(entity)
        state = shown(entity)
        before = self._before.get(entity.hull_id)
        changes = {
            name: [(before or {}).get(name), value]
            for name, value in state.items()
            if name != "indexed_at" and (before or {}).get(name) != value
        }
        if before is not None and not changes and not entered and not left:
            return
        entity.indexed_at = self.store.stamp()
        self._before[entity.hull_id] = state
        self._add(entity.hull_id, _line(before is None, changes, entered, left))
        if entity.kind == ACCOUNT:
            self._tell_people(entity, changes)

    def _tell_people(self, account: Entity, changes: Record) -> None:
        """A change of an account is told to its people too."""
        for user in self.store.of_kind(USER):
            if user.account_id == account.hull_id and user.hull_id in self._before:
                self._add(user.hull_id, _line(account_changes=changes))

    def _add(self, hull_id: str, line: Record) -> None:
        """Add what has to be told of an entity to what is waiting to be told of it."""
        held = self._pending.get(hull_id)
        self._pending[hull_id] = _joined(held, line) if held else line

    def _evaluate(self, entity: Entity) -> tuple[list[str], list[str]]:
        now = [
            segment["id"]
            for segment in self.store.segments
            if segment["kind"] == entity.kind and _fits(segment, entity)
        ]
        entered = [one for one in now if one not in entity.segment_ids]
        left = [one for one in entity.segment_ids if one not in now]
        entity.segment_ids = now
        return entered, left

    # ── Notifications ────────────────────────────────────────────────────────────────────────────

    def take(self, most: int = 50) -> list[Batch]:
        """Return the next notifications: one per channel, of at most so many messages. They count as sent."""
        ids = [hull_id for hull_id in list(self._pending)[:most] if hull_id in self.store.entities]
        lines = {hull_id: self._pending.pop(hull_id) for hull_id in list(self._pending)[:most]}
        self.sent += len(ids)
        batches = []
        for kind in (USER, ACCOUNT):
            chosen = [
                self.store.entities[hull_id] for hull_id in ids if self.store.entities[hull_id].kind == kind
            ]
            if chosen:
                messages = [self._message(entity, lines[entity.hull_id]) for entity in chosen]
                batches.append(self._notification(f"{kind}:update", messages))
        return batches

    def put_back(self, batch: Batch) -> None:
        """A notification that was not taken is told again."""
        for message in batch[1]["messages"]:
            kind, told = USER if message.get("user") else ACCOUNT, message["changes"]
            segments = told["segments" if kind == USER else "account_segments"]
            entered, left = ([one["id"] for one in segments[name]] for name in ("entered", "left"))
            of_account = told.get(ACCOUNT, {}) if kind == USER else {}
            line = _line(told["is_new"], told[kind], entered, left, of_account)
            later = self._pending.pop(message[kind]["id"], None)
            self._pending[message[kind]["id"]] = _joined(line, later) if later else line

    def _message(self, entity: Entity, line: Record) -> Record:
        changes: Record = {"is_new": line["is_new"], entity.kind: line["changes"]}
        message: Record = {"message_id": self.store.new_id(), "changes": changes}
        segments = {"entered": self._named(line["entered"]), "left": self._named(line["left"])}
        if entity.kind == ACCOUNT:
            changes["account_segments"] = segments
            return (
                message | {"account": deepcopy(shown(entity))} | self._segments_of(entity, "account_segment")
            )
        changes["segments"] = segments
        if line.get("account_changes"):
            changes["account"] = line["account_changes"]
        account = self.store.entities.get(entity.account_id or "")
        message |= {
            "user": deepcopy(shown(entity)),
            "account": deepcopy(shown(account)) if account else {},
            "events": [],
        }
        message |= self._segments_of(entity, "segment")
        return message | self._segments_of(account, "account_segment")

    def _segments_of(self, entity: Entity | None, name: str) -> Record:
        ids = entity.segment_ids if entity else []
        return {f"{name}s": self._named(ids), f"{name}_ids": list(ids)}

    def _named(self, ids: list[str]) -> list[Record]:
        return [_public(segment) for segment in self.store.segments if segment["id"] in ids]

    def _notification(self, channel: str, messages: list[Record]) -> Batch:
        notification_id = self.store.new_id()
        lists = {
            kind: [_public(one) for one in self.store.segments if one["kind"] == kind]
            for kind in (USER, ACCOUNT)
        }
        body = {
            "notification_id": notification_id, "channel": channel, "configuration": dict(self.configuration),
            "connector": {"id": self.configuration["id"], "private_settings": {}}, "segments": lists[USER],
            "accounts_segments": lists[ACCOUNT], "is_export": False, "messages": messages,
        }  # fmt: skip
        return self._headers(notification_id), body

    # ── Signature ────────────────────────────────────────────────────────────────────────────────

    def _headers(self, notification_id: str) -> dict[str, str]:
        issued = int(self.store.clock().timestamp())
        claims = {"jti": notification_id, "iat": issued, "exp": issued + 300}
        return {
            "Content-Type": "application/json",
            "X-Hull-Smart-Notifier": "true",
            "X-Hull-Smart-Notifier-Signature": self._signed(claims),
            "X-Hull-Smart-Notifier-Signature-Version": "v1",
            "X-Hull-Smart-Notifier-Signature-Public-Key-Url": self.key_url,
        }

    def _signed(self, claims: Record) -> str:
        head = _encoded(json.dumps({"typ": "JWT", "alg": "RS256"}).encode())
        text = f"{head}.{_encoded(json.dumps(claims).encode())}"
        return f"{text}.{_encoded(self.key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    @property
    def key(self) -> rsa.RSAPrivateKey:
        return _signing_key()

    def public_key(self) -> bytes:
        """Return the PEM that verifies the signatures."""
        encoding, form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        return self.key.public_key().public_bytes(encoding, form)


def _line(
    is_new: bool = False, changes: Record | None = None, entered: list[str] | None = None,
    left: list[str] | None = None, account_changes: Record | None = None,
) -> Record:  # fmt: skip
    """What is to be told of one entity."""
    return {
        "is_new": is_new, "changes": dict(changes or {}), "entered": list(entered or []), "left": list(left or []),
        "account_changes": dict(account_changes or {}),
    }  # fmt: skip


def _joined(earlier: Record, later: Record) -> Record:
    """Two lines as one: the values of before the first, and those of after the second."""
    return {
        "is_new": earlier["is_new"] or later["is_new"],
        "changes": _spanned(earlier["changes"], later["changes"]),
        "entered": [*earlier["entered"], *later["entered"]],
        "left": [*earlier["left"], *later["left"]],
        "account_changes": _spanned(earlier["account_changes"], later["account_changes"]),
    }


def _spanned(earlier: Record, later: Record) -> Record:
    after = {
        name: [earlier[name][0] if name in earlier else change[0], change[1]]
        for name, change in later.items()
    }
    return {**earlier, **after}


@lru_cache(maxsize=1)
def _signing_key() -> rsa.RSAPrivateKey:
    """Return the key of this process; making one takes a while."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _fits(segment: Record, entity: Entity) -> bool:
    predicate = segment["predicate"]
    return bool(entity.attributes.get(predicate["attribute"]) == predicate["equals"])


def _public(segment: Record) -> Record:
    times = {"created_at": "2025-10-25T14:12:23Z", "updated_at": "2025-10-25T14:12:23Z"}
    return {"id": segment["id"], "name": segment["name"], "type": f"{segment['kind']}s_segment"} | times


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
