"""What a notification is answered with: how much Hull is to send next, and how soon.

`next` acknowledges the messages, `retry` asks for the same ones again. `in` is the pause before the next
shipment, `in_time` how long Hull may wait to fill it; both in milliseconds.
"""

from __future__ import annotations

from typing import Any

NEXT_SIZE, NEXT_IN_MS = 100, 5
RETRY_SIZE, RETRY_IN_MS = 10, 1000
_FILL_MS = 10


def next_(size: int = NEXT_SIZE, in_ms: int = NEXT_IN_MS) -> dict[str, Any]:
    """Return the answer for messages that are stored safely, or that no later attempt would improve."""
    return {"flow_control": _control("next", size, in_ms)}


def retry(
    message: str,
    *,
    code: str = "HULL_ERR_TRANSIENT",
    name: str = "TransientError",
    size: int = RETRY_SIZE,
    in_ms: int = RETRY_IN_MS,
) -> dict[str, Any]:
    """Return the answer for messages that were not taken in, with the reason as Hull shows it."""
    error = {"message": message, "name": name, "code": code}
    return {"flow_control": _control("retry", size, in_ms), "error": error}


def _control(kind: str, size: int, in_ms: int) -> dict[str, Any]:
    return {"type": kind, "size": size, "in": in_ms, "in_time": _FILL_MS}
