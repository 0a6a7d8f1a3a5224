"""What Hull sends: an envelope with records that changed, signed by Hull if it says so."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sync.errors import SyncError, TransientError
from sync.hull.addresses import is_on
from sync.hull.errors import InvalidSignature, InvalidToken, MalformedNotification
from sync.hull.parsing import Message, parse_message, parse_segments, text
from sync.hull.tokens import Credentials, verify_rs256
from sync.records import HullAccount, HullUser, ObjectType, Segment
from sync.transport import parse_json

__all__ = [
    "InvalidSignature",
    "MalformedNotification",
    "Message",
    "Notification",
    "is_hull_key_url",
    "newest",
    "parse_notification",
    "verify_signature",
]

USER_UPDATE, ACCOUNT_UPDATE = "user:update", "account:update"
USER_DELETE, ACCOUNT_DELETE = "user:delete", "account:delete"
CONNECTOR_UPDATE = "ship:update"
_DELETIONS = (USER_DELETE, ACCOUNT_DELETE)
_RECORDS = {
    USER_UPDATE: ObjectType.CONTACT,
    USER_DELETE: ObjectType.CONTACT,
    ACCOUNT_UPDATE: ObjectType.LEAD,
    ACCOUNT_DELETE: ObjectType.LEAD,
}
_OLD_CHANNELS = {
    "user_report:update": USER_UPDATE,
    "user_report:delete": USER_DELETE,
    "account_report:update": ACCOUNT_UPDATE,
    "account_report:delete": ACCOUNT_DELETE,
    "segment:update": "users_segment:update",
    "segment:delete": "users_segment:delete",
}

_SIGNATURE = "x-hull-smart-notifier-signature"
_VERSION = "x-hull-smart-notifier-signature-version"
_KEY_URL = "x-hull-smart-notifier-signature-public-key-url"
_HULL_HOST = re.compile(r"([a-z0-9-]+\.)*([a-z0-9-]+\.hullapp\.io|hull\.io)")


@dataclass(frozen=True, slots=True)
class Notification:
    """One notification. Only those about users and accounts have messages; `channel` has the present name.

    `malformed` tells, in words, which messages could not be read; the others are unharmed.
    """

    notification_id: str | None
    channel: str
    credentials: Credentials
    connector: Mapping[str, Any] = field(default_factory=dict, repr=False)
    messages: tuple[Message, ...] = ()
    is_export: bool = False
    account_segments: tuple[Segment, ...] = ()
    user_segments: tuple[Segment, ...] = ()
    malformed: tuple[str, ...] = ()

    @property
    def is_deletion(self) -> bool:
        """Whether it tells that records are gone from Hull."""
        return self.channel in _DELETIONS


def parse_notification(body: bytes) -> Notification:
    """Read a notification in any of its documented spellings.

    Raises MalformedNotification, which names what is missing, when it cannot be told whose it is or what
    it is about.
    """
    raw = _object(body)
    credentials = _credentials(raw)
    channel, rows = _channel(raw), _rows(raw)
    told = _deleted_rows(rows, channel) if channel in _DELETIONS else rows
    messages, malformed = _messages(told, _RECORDS.get(channel))
    connector = raw.get("connector") or (rows[0] if rows and channel == CONNECTOR_UPDATE else None)
    return Notification(
        notification_id=text(raw.get("notification_id")),
        channel=channel,
        credentials=credentials,
        connector=connector if isinstance(connector, Mapping) else {},
        messages=messages,
        is_export=raw.get("is_export") is True,
        account_segments=_segments(
            raw, channel, "accounts_segment", ("accounts_segments", "account_segments")
        ),
        user_segments=_segments(raw, channel, "users_segment", ("segments", "users_segments")),
        malformed=malformed,
    )


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        raw = parse_json(body)
    except ValueError:
        raise MalformedNotification("The notification is not JSON.") from None
    if not isinstance(raw, Mapping):
        raise MalformedNotification("The notification is not a JSON object.")
    return raw


def _credentials(raw: Mapping[str, Any]) -> Credentials:
    configuration = raw.get("configuration")
    held = configuration if isinstance(configuration, Mapping) else {}
    missing = [name for name in ("id", "organization", "secret") if not text(held.get(name))]
    if missing:
        said = ", ".join(f"configuration.{name}" for name in missing)
        raise MalformedNotification(f"The notification lacks {said}.", code="MISSING_CONFIGURATION")
    return Credentials(held["organization"], held["id"], held["secret"])


def _channel(raw: Mapping[str, Any]) -> str:
    channel = text(raw.get("channel"))
    if channel is None:
        raise MalformedNotification("The notification lacks channel.")
    return _OLD_CHANNELS.get(channel, channel)


def _rows(raw: Mapping[str, Any]) -> list[Any]:
    rows = raw.get("messages")
    if not isinstance(rows, list):
        raise MalformedNotification("The notification lacks messages, or they are not a list.")
    return rows


def _deleted_rows(rows: Sequence[Any], channel: str) -> list[Any]:
    """Return deletions as messages. No document shows one, so that a bare record or its id alone count too."""
    name = channel.partition(":")[0]
    return [_deleted_row(row, name) for row in rows]


def _deleted_row(row: Any, name: str) -> Any:
    if isinstance(row, str):
        return {name: {"id": row}}
    if not isinstance(row, Mapping) or isinstance(row.get(name), Mapping):
        return row
    if f"{name}_id" in row:
        return {name: {"id": row[f"{name}_id"], "indexed_at": row.get("indexed_at")}}
    return {name: row, "message_id": row.get("message_id")}


def _messages(
    rows: Sequence[Any], object_type: ObjectType | None
) -> tuple[tuple[Message, ...], tuple[str, ...]]:
    messages: list[Message] = []
    malformed: list[str] = []
    for number, row in enumerate(rows if object_type else (), start=1):
        try:
            messages.append(parse_message(row, object_type or ObjectType.LEAD))
        except ValueError as error:
            malformed.append(f"Message {number} cannot be read: {error}.")
    return tuple(messages), tuple(malformed)


def _segments(
    raw: Mapping[str, Any], channel: str, kind: str, spellings: Sequence[str]
) -> tuple[Segment, ...]:
    """Return the segments that the envelope lists, and the one that an update of a segment is about."""
    listed: list[Any] = next((raw[name] for name in spellings if isinstance(raw.get(name), list)), [])
    told = raw["messages"] if channel == f"{kind}:update" else []
    return tuple({segment.hull_id: segment for segment in parse_segments([*listed, *told])}.values())


# ── Several messages about one record ────────────────────────────────────────────────────────────


def newest(messages: Sequence[Message]) -> tuple[Message, ...]:
    """Return one message per record, the newest by `indexed_at`, or the last where that is not told.

    The changes of all are kept. Messages about records without any identifier stay as they are.
    """
    kept: dict[Any, Message] = {}
    for place, message in enumerate(messages):
        record = _record(message)
        key = (type(record), record.key) if record and record.key else place
        kept[key] = _newer(kept[key], message) if key in kept else message
    return tuple(kept.values())


def _record(message: Message) -> HullUser | HullAccount | None:
    return message.user or message.account


def _newer(first: Message, second: Message) -> Message:
    before, after = _indexed_at(first), _indexed_at(second)
    is_older = before is not None and after is not None and after < before
    older, winner = (second, first) if is_older else (first, second)
    return replace(winner, changes=_united(older.changes, winner.changes))


def _indexed_at(message: Message) -> datetime | None:
    record = _record(message)
    return record.indexed_at if record else None


def _united(older: Mapping[str, Any], newer: Mapping[str, Any]) -> dict[str, Any]:
    united = {**older, **newer}
    for name in older.keys() & newer.keys():
        if isinstance(older[name], Mapping) and isinstance(newer[name], Mapping):
            united[name] = {**older[name], **newer[name]}
    return united


# ── Signatures ───────────────────────────────────────────────────────────────────────────────────


def verify_signature(
    headers: Mapping[str, str],
    notification_id: str | None,
    fetch_public_key: Callable[[str, str], str],
    now: datetime,
    allowed_host: Callable[[str], bool],
) -> bool:
    """Return whether Hull signed this notification; False when it does not claim to be signed.

    `fetch_public_key(url, token)` returns the PEM text; `allowed_host(url)` says whether the URL, which the
    sender chose, is Hull's own. Raises InvalidSignature when it claims to be signed and is not, and
    TransientError when the key could not be fetched just now.
    """
    found = {name.lower(): value for name, value in headers.items()}
    token, version, url = (found.get(name) for name in (_SIGNATURE, _VERSION, _KEY_URL))
    if not (token or version or url):
        return False
    if not (token and version and url):
        raise InvalidSignature("The notification's signature headers are incomplete.")
    if version != "v1":
        raise InvalidSignature(f"Signature version {version[:20]} is not supported.")
    if not allowed_host(url):
        raise InvalidSignature("The public key is not on one of Hull's own hosts.")
    try:
        public_key = fetch_public_key(url, token)
    except TransientError:
        raise
    except SyncError as error:
        raise InvalidSignature(f"The public key cannot be fetched: {error.message}") from None
    _check_token(token, public_key, notification_id, now)
    return True


def _check_token(token: str, public_key: str, notification_id: str | None, now: datetime) -> None:
    try:
        payload = verify_rs256(token, public_key, now=now)
    except InvalidToken as error:
        raise InvalidSignature(error.message) from None
    if not notification_id or payload.get("jti") != notification_id:
        raise InvalidSignature("The signature is that of another notification.")


def is_hull_key_url(url: str, allow_loopback: bool) -> bool:
    """Return whether a public key may be fetched from a URL: https on Hull's hosts, or this machine if allowed."""
    return is_on(_HULL_HOST, url, allow_loopback)
