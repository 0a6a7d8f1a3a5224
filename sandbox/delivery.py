"""The threads that bring what the remotes have to tell: Hull's notifications, Close's webhooks."""

from __future__ import annotations

import json
import threading
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


def start_notifier(hull: HullSandbox, lock: threading.Lock) -> threading.Event:
    """Have Hull tell its connector, from a thread, as fast as the connector's flow control allows.

    Setting the returned event ends it.
    """
    ended = threading.Event()
    threading.Thread(target=_notify, args=(hull, lock, ended), daemon=True).start()
    return ended


def _notify(hull: HullSandbox, lock: threading.Lock, ended: threading.Event) -> None:
    size, pause = 50, IDLE_SECONDS
    while not ended.wait(pause):
        url, pause = hull.connected_to, IDLE_SECONDS
        if not url:
            continue
        with lock:
            batches = hull.take_notifications(size)
        for batch in batches:
            size, pause, is_taken = _tell(url, batch)
            if not is_taken:
                with lock:
                    hull.notifier.put_back(batch)


def _tell(url: str, batch: tuple[dict[str, str], dict[str, Any]]) -> tuple[int, float, bool]:
    """Post one notification. Returns how many next, in how many seconds, and whether it was taken."""
    status, answer = post(url, batch[0], json.dumps(batch[1], default=str).encode())
    control = answer.get("flow_control") if isinstance(answer.get("flow_control"), dict) else {}
    size = min(max(int((control or {}).get("size") or 10), 1), 1000)
    pause = min(float((control or {}).get("in") or 5) / 1000, LONGEST_PAUSE_SECONDS)
    is_taken = status == 200 and (control or {}).get("type", "next") == "next"
    return size, pause if is_taken else max(pause, 1.0), is_taken


def start_webhooks(close: CloseSandbox, lock: threading.Lock) -> threading.Event:
    """Deliver Close's webhooks from a thread, a moment after the event. Setting the returned event ends it."""
    ended = threading.Event()
    threading.Thread(target=_deliver, args=(close, lock, ended), daemon=True).start()
    return ended


def _deliver(close: CloseSandbox, lock: threading.Lock, ended: threading.Event) -> None:
    while not ended.wait(COALESCE_SECONDS):
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
