"""The firehose: takes nearly everything, and tells what it dropped only in its log."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sandbox.hull.attributes import apply_all
from sandbox.hull.identity import Dropped, associate, event, resolve
from sandbox.hull.store import ACCOUNT, MOST_REMEMBERED, USER, Entity, Record, Store, stamped
from sandbox.hull.tokens import is_number, verified

MOST_MESSAGES = 50
TYPES = ("traits", "track", "alias", "unalias", "incinerate")


class Firehose:
    """Applies batches of messages, each with a token of its own."""

    def __init__(self, store: Store, connector_id: str, secret: str, associate_by_domain: bool) -> None:
        self.store, self.connector_id, self.secret = store, connector_id, secret
        self.associate_by_domain = associate_by_domain
        self.messages: list[Record] = []

    def take(self, batch: list[Any]) -> None:
        """Apply a batch. Messages that are wrong are noted and dropped."""
        for message in batch:
            self._take_one(message)
        if len(self.messages) > MOST_REMEMBERED:
            del self.messages[: MOST_REMEMBERED // 2]

    def _take_one(self, message: Any) -> None:
        subject = "message"
        try:
            payload, kind, body = self._read(message)
            subject = _subject_kind(payload)
            _check(subject, kind, body)
            self._apply(payload, subject, kind, body)
        except Dropped as why:
            self.store.note(f"incoming.{subject}.error", reason=str(why))

    def _read(self, message: Any) -> tuple[Record, str, Record]:
        if not isinstance(message, dict) or message.get("type") not in TYPES:
            raise Dropped("unknown message type")
        headers, body = message.get("headers"), message.get("body")
        token = headers.get("Hull-Access-Token") if isinstance(headers, dict) else None
        try:
            payload = verified(token, self.secret, self.connector_id, self.store.clock().timestamp())
        except ValueError as error:
            raise Dropped(f"invalid token: {error}") from None
        if message["type"] == "incinerate" and body is None:
            body = {}
        if not isinstance(body, dict):
            raise Dropped("the body is not a map")
        self.messages.append(_logged(self.store.stamp(), message["type"], payload, body))
        return payload, message["type"], body

    # ── Who is meant ─────────────────────────────────────────────────────────────────────────────

    def _apply(self, payload: Record, kind: str, type: str, body: Record) -> None:
        create = payload.get("io.hull.create") is not False and type in ("traits", "track", "alias")
        found = self._resolved(payload, kind, create)
        user, account = found.get(USER), found.get(ACCOUNT)
        subject = found.get(kind) or self._own_account(kind, user)
        if user and account and type != "incinerate":
            self.store.link(user, account.hull_id)
        self.act(subject, type, body)

    def _resolved(self, payload: Record, kind: str, create: bool) -> dict[str, Entity]:
        claims = {USER: payload.get("io.hull.asUser"), ACCOUNT: payload.get("io.hull.asAccount")}
        if payload.get("sub"):
            named = claims[kind]
            claims[kind] = {**(named if isinstance(named, dict) else {}), "id": payload["sub"]}
        return {
            one: resolve(self.store, one, held, create)
            for one, held in claims.items()
            if isinstance(held, dict) and held
        }

    def _own_account(self, kind: str, user: Entity | None) -> Entity:
        """A token about accounts that names only a user means the account of that user."""
        account = self.store.get(ACCOUNT, user.account_id) if user and kind == ACCOUNT else None
        if account is None:
            raise Dropped("the token names no subject" if not user else "the user has no account")
        return account

    # ── What is done ─────────────────────────────────────────────────────────────────────────────

    def act(self, subject: Entity, type: str, body: Record) -> None:
        """Do what a message of some type says."""
        if type == "traits":
            apply_all(self.store, subject, body)
        elif type == "track":
            self._track(subject, body)
        elif type == "alias":
            resolve(self.store, subject.kind, {"id": subject.hull_id, "anonymous_id": body["anonymous_id"]})
        elif type == "unalias":
            self.store.drop_anonymous_id(subject, body["anonymous_id"])
        else:
            self.store.remove(subject)
            self.store.note(f"incoming.{subject.kind}.incinerated", hull_id=subject.hull_id)
        if self.associate_by_domain and subject.touched.keys() & {"email", "domain"}:
            associate(self.store, subject)

    def _track(self, user: Entity, body: Record) -> None:
        event_id, properties = body.get("event_id"), body.get("properties")
        made = event(
            self.store, user, body["event"], str(body.get("source") or ""),
            event_id=str(event_id) if event_id else None, event_type=body.get("type"),
            created_at=_moment(body.get("created_at")), properties=properties if isinstance(properties, dict) else None,
            context={key: body[key] for key in ("ip", "url", "referer") if body.get(key)},
        )  # fmt: skip
        self.store.put_event(user, made)


def _subject_kind(payload: Record) -> str:
    kind = payload.get("io.hull.subjectType")
    if kind not in (USER, ACCOUNT):
        raise Dropped("the token names no subject")
    return str(kind)


def _check(subject: str, type: str, body: Record) -> None:
    """Refuse a body that its type does not allow, before anybody is made for it. Raises Dropped."""
    if type == "track":
        if subject == ACCOUNT:
            raise Dropped("account events are not supported")
        if not isinstance(body.get("event"), str) or not body["event"]:
            raise Dropped("an event needs a name")
        _moment(body.get("created_at"))
    anonymous_id = body.get("anonymous_id")
    if type in ("alias", "unalias") and (not isinstance(anonymous_id, str) or not anonymous_id):
        raise Dropped(f"{type} needs an anonymous_id")


def _moment(given: Any) -> str | None:
    """Return when something was done, None for now. Raises Dropped."""
    if given is None:
        return None
    try:
        if is_number(given):
            return stamped(datetime.fromtimestamp(given, UTC))
        return stamped(datetime.fromisoformat(given))
    except (TypeError, ValueError, OverflowError, OSError):
        raise Dropped("created_at is not a date") from None


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
