"""The threads that bring what the remotes have to tell: Hull's notifications, Close's webhooks."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from sandbox.close import CloseSandbox
from sandbox.hull import HullSandbox

IDLE_SECONDS = 0.2
COALESCE_SECONDS = 0.3
TIME_OUT_SECONDS = 25
LONGEST_PAUSE_SECONDS = 5.0


def start_notifier(hull: HullSandbox, lock: threading.Lock) -> None:
    """Have Hull tell its connector, from a thread, as fast as the connector's flow control allows."""
    threading.Thread(target=_notify_for_ever, args=(hull, lock), daemon=True).start()


def _notify_for_ever(hull: HullSandbox, lock: threading.Lock) -> None:
    size, pause = 50, IDLE_SECONDS
    while True:
        time.sleep(pause)
        if not hull.connected_to:
            pause = IDLE_SECONDS
            continue
        with lock:
            batches = hull.take_notifications(size)
        pause = IDLE_SECONDS if not batches else 0.0
        for batch in batches:
            size, asked, is_taken = _notify(hull.connected_to, batch)
            pause = max(pause, asked)
            if not is_taken:
                with lock:
                    hull.notifier.put_back(batch)


def _notify(url: str, batch: tuple[dict[str, str], dict[str, Any]]) -> tuple[int, float, bool]:
    """Post one notification. Returns how many next, in how many seconds, and whether it was taken."""
    status, answer = post(url, batch[0], json.dumps(batch[1], default=str).encode())
    control = answer.get("flow_control") if isinstance(answer.get("flow_control"), dict) else {}
    size = min(max(int((control or {}).get("size") or 10), 1), 1000)
    pause = min(float((control or {}).get("in") or 5) / 1000, LONGEST_PAUSE_SECONDS)
    is_taken = status == 200 and (control or {}).get("type", "next") == "next"
    return size, pause if is_taken else max(pause, 1.0), is_taken


def start_webhooks(close: CloseSandbox, lock: threading.Lock) -> None:
    """Deliver Close's webhooks from a thread, after the short time in which updates are joined."""
    threading.Thread(target=_deliver_for_ever, args=(close, lock), daemon=True).start()


def _deliver_for_ever(close: CloseSandbox, lock: threading.Lock) -> None:
    while True:
        time.sleep(COALESCE_SECONDS)
        with lock:
            pending, close.webhooks.pending = close.webhooks.pending, []
        failed = [delivery for delivery in pending if not 200 <= post(*delivery)[0] < 300]
        with lock:
            close.webhooks.pending += failed[:1000]


def post(url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
    """Post a body and return status and parsed answer; status 0 when nobody answers."""
    request = urllib.request.Request(url, data=body, headers=dict(headers), method="POST")
    try:
        with urllib.request.urlopen(request, timeout=TIME_OUT_SECONDS) as answer:
            return answer.status, _parsed(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, _parsed(error.read())
    except OSError:
        return 0, {}


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
