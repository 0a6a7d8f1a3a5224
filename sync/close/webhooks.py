"""What Close pushes: one event per request, signed. The event log stays the truth; a webhook is a nudge.

https://developer.close.com/topics/webhooks/
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from sync.close.parsing import parse_event, text
from sync.errors import RejectedError
from sync.records import CloseEvent
from sync.transport import parse_json

TOLERANCE = timedelta(minutes=5)
HASH_HEADER = "close-sig-hash"
TIME_HEADER = "close-sig-timestamp"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One pushed event and the subscription it came by. `event` is None for what we cannot read."""

    subscription_id: str | None
    event: CloseEvent | None


def verify_signature(
    key_hex: str,
    timestamp: str,
    raw_body: bytes,
    signature: str,
    now: datetime,
    tolerance: timedelta | None = TOLERANCE,
) -> bool:
    """Return whether Close signed this body with a subscription's key, at most `tolerance` ago (None: ever).

    The key is the bytes behind its hexadecimal text. The body has to be the received one, byte by byte.
    """
    try:
        key, sent_at = bytes.fromhex(key_hex), int(timestamp)
        expected = hmac.digest(key, timestamp.encode("ascii") + raw_body, "sha256").hex()
        is_genuine = hmac.compare_digest(expected.encode(), signature.strip().lower().encode())
        is_recent = tolerance is None or abs(now.timestamp() - sent_at) <= tolerance.total_seconds()
    except (ValueError, OverflowError):
        return False
    return bool(key) and is_genuine and is_recent


def parse_delivery(raw_body: bytes) -> Delivery:
    """Read a delivery. Raises RejectedError when it is not a JSON object."""
    try:
        raw = parse_json(raw_body)
    except ValueError:
        raw = None
    if not isinstance(raw, dict):
        raise RejectedError("The delivery is not a JSON object.")
    return Delivery(text(raw.get("subscription_id")), parse_event(raw.get("event")))
