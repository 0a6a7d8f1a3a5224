"""Only what Close signed, lately, with this subscription's key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sync.close.webhooks import parse_delivery, verify_signature
from sync.errors import RejectedError

KEY = "058bfb6a3d8cfdc4da7c3be5901b16ae11da982b46a25fb2cd7016e97a140a1c"
SENT = "1544271440"
BODY = b'{"event":{"id":"ev_1"},"subscription_id":"whsub_1"}'
SIGNATURE = "de8591d9fb04b2c8bae2efbb2412233758a52eebf311f5cfe20d37173226867f"
NOW = datetime.fromtimestamp(int(SENT) + 20, UTC)


@pytest.mark.parametrize("signature", [SIGNATURE, SIGNATURE.upper(), f" {SIGNATURE}\n"])
def test_a_genuine_delivery(signature: str) -> None:
    assert verify_signature(KEY, SENT, BODY, signature, NOW) is True


@pytest.mark.parametrize(
    ("key", "sent", "body", "signature"),
    [
        (KEY, SENT, BODY + b" ", SIGNATURE),
        (KEY, "1544271441", BODY, SIGNATURE),
        ("00" * 32, SENT, BODY, SIGNATURE),
        (KEY, SENT, BODY, "0" * 64),
        (KEY, SENT, BODY, ""),
        (KEY, SENT, BODY, "é"),
        (KEY, "", BODY, SIGNATURE),
        (KEY, "soon", BODY, SIGNATURE),
        (KEY, "9" * 400, BODY, SIGNATURE),
        (KEY, "9" * 5000, BODY, SIGNATURE),
        (KEY, "١٥٤٤", BODY, SIGNATURE),
        ("not hex", SENT, BODY, SIGNATURE),
        ("", SENT, BODY, SIGNATURE),
    ],
)
def test_anything_else(key: str, sent: str, body: bytes, signature: str) -> None:
    assert verify_signature(key, sent, body, signature, NOW) is False


@pytest.mark.parametrize(
    ("late_by", "tolerance", "is_good"),
    [
        (timedelta(minutes=5), timedelta(minutes=5), True),
        (timedelta(minutes=5, seconds=1), timedelta(minutes=5), False),
        (timedelta(minutes=-6), timedelta(minutes=5), False),
        (timedelta(days=3), None, True),
    ],
)
def test_the_window(late_by: timedelta, tolerance: timedelta | None, is_good: bool) -> None:
    now = datetime.fromtimestamp(int(SENT), UTC) + late_by
    assert verify_signature(KEY, SENT, BODY, SIGNATURE, now, tolerance) is is_good


def test_a_key_of_no_bytes_signs_nothing() -> None:
    import hmac  # what an attacker would compute for a connector without a key

    forged = hmac.digest(b"", SENT.encode() + BODY, "sha256").hex()
    assert verify_signature("", SENT, BODY, forged, NOW) is False


def test_a_delivery_names_its_subscription_and_event() -> None:
    body = (
        b'{"subscription_id": "whsub_1", "event": {"id": "ev_1", "object_type": "lead", "object_id": "lead_1",'
        b' "action": "updated", "date_updated": "2018-12-06T19:15:09.590432"}}'
    )
    delivery = parse_delivery(body)
    assert delivery.subscription_id == "whsub_1"
    assert delivery.event is not None
    assert delivery.event.object_id == "lead_1"


def test_an_event_we_cannot_read_is_still_a_nudge() -> None:
    assert parse_delivery(BODY).event is None


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b"null"])
def test_what_is_no_delivery(body: bytes) -> None:
    with pytest.raises(RejectedError):
        parse_delivery(body)
