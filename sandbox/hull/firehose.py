"""The firehose: takes nearly everything, and tells what it dropped only in its log."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import orjson

from sandbox.hull.identity import Dropped, resolve
from sandbox.hull.store import ACCOUNT, USER, Entity, Record, Store

MOST_MESSAGES = 50
MOST_ATTRIBUTES = 2000
MOST_BYTES = 2048

_STEPS = {"inc": 1, "increment": 1, "dec": -1, "decrement": -1}
# What Hull keeps itself; a trait of that name changes nothing.
_RESERVED = ("id", "anonymous_ids", "segment_ids", "indexed_at")


class Firehose:
    """Applies batches of messages, each with a token of its own."""

    def __init__(self, store: Store, connector_id: str, secret: str) -> None:
        self.store, self.connector_id, self.secret = store, connector_id, secret
        self.messages: list[Record] = []

    def take(self, batch: list[Any]) -> list[Entity]:
        """Apply a batch and return what changed. Messages that are wrong are noted and dropped."""
        changed: list[Entity] = []
        for message in batch:
            try:
                changed += self._take_one(message)
            except Dropped as why:
                self.store.note("incoming.error", reason=str(why))
        return changed

    def _take_one(self, message: Any) -> list[Entity]:
        if not isinstance(message, dict) or message.get("type") not in (
            "traits",
            "track",
            "alias",
            "unalias",
        ):
            raise Dropped("unknown message type")
        headers, body = message.get("headers"), message.get("body")
        payload = self._verified(headers.get("Hull-Access-Token") if isinstance(headers, dict) else None)
        if not isinstance(body, dict):
            raise Dropped("the body is not a map")
        self.messages.append(_logged(self.store.stamp(), message["type"], payload, body))
        user, account = self._subjects(payload)
        subject = account if payload.get("io.hull.subjectType") == ACCOUNT else user
        if subject is None:
            raise Dropped("the token names no subject")
        changed = [subject] if self._apply(subject, message["type"], body) or not subject.indexed_at else []
        if user and account and user.account_id != account.hull_id:
            user.account_id = account.hull_id
            changed.append(user)
        return changed

    def _subjects(self, payload: Record) -> tuple[Entity | None, Entity | None]:
        claims = {USER: payload.get("io.hull.asUser"), ACCOUNT: payload.get("io.hull.asAccount")}
        kind = str(payload.get("io.hull.subjectType"))
        if payload.get("sub") and kind in claims and claims[kind] is None:
            claims[kind] = {"id": payload["sub"]}
        create = payload.get("io.hull.create") is not False
        return self._resolved(USER, claims[USER], create), self._resolved(ACCOUNT, claims[ACCOUNT], create)

    def _resolved(self, kind: str, claims: Any, create: bool) -> Entity | None:
        return resolve(self.store, kind, claims, create) if isinstance(claims, dict) and claims else None

    def _apply(self, subject: Entity, kind: str, body: Record) -> bool:
        if kind == "alias" and body.get("anonymous_id"):
            resolve(self.store, subject.kind, {"id": subject.hull_id, "anonymous_id": body["anonymous_id"]})
            return True
        before = dict(subject.attributes)
        for name, value in body.items() if kind == "traits" else ():
            self._set(subject, name, value)
        return subject.attributes != before

    # ── Attributes ───────────────────────────────────────────────────────────────────────────────

    def _set(self, subject: Entity, name: str, value: Any) -> None:
        operation: Any = "set"
        if isinstance(value, dict) and "operation" in value:
            operation, value = value["operation"], value.get("value")
        held = subject.attributes.get(name)
        if operation == "setIfNull" and held not in (None, ""):
            return
        if operation in _STEPS:
            if not _is_number(value) or not _is_number(held or 0):
                self._refuse(name, f"{operation} needs numbers")
                return
            value = (held or 0) + _STEPS[operation] * value
        elif operation not in ("set", "setIfNull"):
            self._refuse(name, f"unknown operation {operation}")
            return
        if self._is_fine(subject, name, value):
            subject.attributes[name] = value

    def _refuse(self, name: str, reason: str) -> None:
        self.store.note("incoming.attribute.error", attribute=name, reason=reason)

    def _is_fine(self, subject: Entity, name: str, value: Any) -> bool:
        """An attribute keeps the type of its first value; too long or too many are dropped, and noted."""
        held = subject.attributes.get(name)
        if name in _RESERVED or (name == "external_id" and held and held != value):
            self._refuse(name, "cannot be changed")
            return False
        if value is None:
            return True
        is_new = name not in subject.attributes
        if len(orjson.dumps(value)) > MOST_BYTES or (is_new and len(subject.attributes) >= MOST_ATTRIBUTES):
            self._refuse(name, "too large or too many")
            return False
        kind = float if isinstance(value, int | float) and not isinstance(value, bool) else type(value)
        first = self.store.types.setdefault((subject.kind, name), kind)
        if first is not kind:
            self._refuse(name, f"was {first.__name__}, is {kind.__name__}")
            return False
        return True

    # ── Tokens ───────────────────────────────────────────────────────────────────────────────────

    def _verified(self, token: Any) -> Record:
        """Return a token's payload. Raises Dropped for a wrong signature or issuer."""
        try:
            head, payload, signature = str(token).split(".")
            wanted = hmac.new(self.secret.encode(), f"{head}.{payload}".encode(), hashlib.sha256).digest()
            if (
                not hmac.compare_digest(wanted, _decoded(signature))
                or json.loads(_decoded(head))["alg"] != "HS256"
            ):
                raise ValueError("wrong signature")
            claims = json.loads(_decoded(payload))
            if not isinstance(claims, dict):
                raise ValueError("no claims")
        except (ValueError, KeyError, TypeError) as error:
            raise Dropped(f"invalid token: {error}") from None
        if claims.get("iss") != self.connector_id or not isinstance(claims.get("iat"), int):
            raise Dropped("invalid token: wrong issuer or time")
        end = claims.get("exp")
        if end is not None and (not _is_number(end) or end <= self.store.clock().timestamp()):
            raise Dropped("invalid token: expired")
        return claims


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _logged(at: str, kind: str, payload: Record, body: Record) -> Record:
    """A message as tests and the page read it; operations are reduced to their values."""
    plain = {
        name: value.get("value") if isinstance(value, dict) and "operation" in value else value
        for name, value in body.items()
    }
    return {
        "at": at, "type": kind, "subject": payload.get("io.hull.subjectType"), "asUser": payload.get("io.hull.asUser"),
        "asAccount": payload.get("io.hull.asAccount"), "sub": payload.get("sub"), "body": plain, "raw": body,
    }  # fmt: skip
